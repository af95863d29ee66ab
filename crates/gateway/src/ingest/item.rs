//! One event of `POST /e`: the text of a JSON value to a [`RawHit`], or the reason why not.
//!
//! A wrong type rejects the event; a value over its limit is cut and flagged, as with the pixel. Fields without a
//! meaning of their own go into `props`.

use std::borrow::Cow;

use onepixel_event::{EventId, Source, Time, limits};

use super::flag::{Flag, Flags};
use super::hit::{RawHit, UTM};
use super::props::{PropsError, PropsWriter};
use super::{json, text};

/// Why one event is not taken.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    /// Not an object.
    #[error("expected an event object, got {found}")]
    NotAnObject { found: &'static str },
    /// A field of the wrong type.
    #[error("{field}: expected {expected}, got {found}")]
    WrongType { field: &'static str, expected: &'static str, found: &'static str },
    /// No name.
    #[error("event: missing, name what happened in 1 to {} characters", limits::EVENT_CHARS_MAX)]
    NoEvent,
    /// A name over its limit.
    #[error("event: {chars} characters, at most {} are taken", limits::EVENT_CHARS_MAX)]
    LongEvent { chars: usize },
    /// An id that identifies nothing.
    #[error("id: expected a UUID, got {found:?}")]
    BadId { found: String },
    /// What goes into `props` cannot be kept.
    #[error("{field}: {reason}")]
    Props { field: String, reason: PropsError },
}

/// How much of a wrong value a reason repeats, in characters.
const ECHO_CHARS_MAX: usize = 60;

/// Reads one event from the text of a valid JSON value; `now` is the server's time.
pub(super) fn read(item: &str, now: Time) -> Result<RawHit<'_>, Refusal> {
    if !item.starts_with('{') {
        return Err(Refusal::NotAnObject { found: json::kind(item) });
    }
    let mut flags = Flags::default();
    let fields = Fields::read(item, &mut flags);
    let mut hit = RawHit::new(Source::Api);
    hit.event = name(fields.event, &mut flags)?;
    if let Some(site) = line("site", fields.site, limits::SITE_BYTES_MAX, &mut flags)? {
        hit.site = site;
    }
    hit.page = line("page", fields.page, limits::URL_BYTES_MAX, &mut flags)?;
    hit.referrer = line("ref", fields.referrer, limits::URL_BYTES_MAX, &mut flags)?;
    hit.title = line("title", fields.title, limits::TEXT_BYTES_MAX, &mut flags)?;
    hit.visitor = line("visitor", fields.visitor, limits::TEXT_BYTES_MAX, &mut flags)?;
    for (i, value) in fields.utm.into_iter().enumerate() {
        hit.utm[i] = line(UTM[i], value, limits::TEXT_BYTES_MAX, &mut flags)?;
    }
    hit.id = id(fields.id)?;
    hit.sent_at = sent_at(fields.sent_at, now, &mut flags);
    hit.props = props(fields.props, &fields.others, &mut flags)?.finish();
    hit.flags = flags;
    Ok(hit)
}

/// The fields of an event, each as the text of its value. `null` is the same as absent.
#[derive(Default)]
struct Fields<'a> {
    event: Option<&'a str>,
    site: Option<&'a str>,
    page: Option<&'a str>,
    referrer: Option<&'a str>,
    title: Option<&'a str>,
    visitor: Option<&'a str>,
    sent_at: Option<&'a str>,
    id: Option<&'a str>,
    props: Option<&'a str>,
    utm: [Option<&'a str>; 5],
    others: Vec<(&'a str, &'a str)>,
}

impl<'a> Fields<'a> {
    fn read(object: &'a str, flags: &mut Flags) -> Self {
        let mut fields = Self::default();
        for (key, value) in json::members(object) {
            let Some(slot) = fields.slot(&json::unquote(key, &mut Flags::default())) else {
                // One more than `props` takes is enough to know that there are too many.
                if fields.others.len() <= limits::PROPS_KEYS_MAX {
                    fields.others.push((key, value));
                }
                continue;
            };
            if slot.is_some() {
                flags.set(Flag::DuplicateParam);
            } else if value != "null" {
                *slot = Some(value);
            }
        }
        fields
    }

    fn slot(&mut self, key: &str) -> Option<&mut Option<&'a str>> {
        Some(match key {
            "event" => &mut self.event,
            "site" => &mut self.site,
            "page" => &mut self.page,
            "ref" => &mut self.referrer,
            "title" => &mut self.title,
            "visitor" => &mut self.visitor,
            "sent_at" => &mut self.sent_at,
            "id" => &mut self.id,
            "props" => &mut self.props,
            _ => &mut self.utm[UTM.iter().position(|name| *name == key)?],
        })
    }
}

fn line<'a>(
    field: &'static str,
    value: Option<&'a str>,
    bytes_max: usize,
    flags: &mut Flags,
) -> Result<Option<Cow<'a, str>>, Refusal> {
    let Some(value) = value else { return Ok(None) };
    if !value.starts_with('"') {
        return Err(Refusal::WrongType { field, expected: "a string", found: json::kind(value) });
    }
    Ok(text::line(json::unquote(value, flags), bytes_max, flags))
}

fn name<'a>(value: Option<&'a str>, flags: &mut Flags) -> Result<Cow<'a, str>, Refusal> {
    let name = line("event", value, usize::MAX, flags)?.ok_or(Refusal::NoEvent)?;
    match name.chars().count() {
        chars if chars > limits::EVENT_CHARS_MAX => Err(Refusal::LongEvent { chars }),
        _ => Ok(name),
    }
}

/// The nil and the max UUID are nobody's: taken as keys, they would make different events one.
fn id(value: Option<&str>) -> Result<Option<EventId>, Refusal> {
    let Some(value) = value else { return Ok(None) };
    if !value.starts_with('"') {
        return Err(Refusal::WrongType { field: "id", expected: "a UUID", found: json::kind(value) });
    }
    let text = json::unquote(value, &mut Flags::default());
    match EventId::parse(&text) {
        Ok(id) if id.bytes() != [0; 16] && id.bytes() != [0xff; 16] => Ok(Some(id)),
        _ => Err(Refusal::BadId { found: text.chars().take(ECHO_CHARS_MAX).collect() }),
    }
}

/// A wrong clock is no reason to lose an event, so this never refuses.
fn sent_at(value: Option<&str>, now: Time, flags: &mut Flags) -> Option<Time> {
    let value = value?;
    let text = if value.starts_with('"') { json::unquote(value, flags) } else { Cow::Borrowed(value) };
    let Ok(sent_at) = Time::parse(&text) else {
        flags.set(Flag::BadSentAt);
        return None;
    };
    if sent_at.ms().abs_diff(now.ms()) > limits::CLOCK_SKEW_MS {
        flags.set(Flag::ClockSkew);
    }
    Some(sent_at)
}

/// `props` first, so that it finds room; then the fields without a meaning of their own, as far as there is room.
fn props(props: Option<&str>, others: &[(&str, &str)], flags: &mut Flags) -> Result<PropsWriter, Refusal> {
    let mut writer = PropsWriter::new();
    if let Some(props) = props {
        if !props.starts_with('{') {
            return Err(Refusal::WrongType {
                field: "props",
                expected: "an object",
                found: json::kind(props),
            });
        }
        let mut members = json::members(props);
        members
            .try_for_each(|(key, value)| writer.push_json(key, value, flags))
            .map_err(|reason| Refusal::Props { field: "props".to_owned(), reason })?;
    }
    for (key, value) in others {
        match writer.push_json(key, value, flags) {
            Ok(()) => {}
            Err(PropsError::Keys) => flags.set(Flag::TooManyParams),
            Err(reason) => {
                let field = json::unquote(key, flags).chars().take(ECHO_CHARS_MAX).collect();
                return Err(Refusal::Props { field, reason });
            }
        }
    }
    Ok(writer)
}

#[cfg(test)]
#[path = "item_tests.rs"]
mod tests;
