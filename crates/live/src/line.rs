//! What the live view keeps of an event's line.
//!
//! Reads only the fields that have a column, borrowed from the line. The lines of this program's own encoder are
//! scanned by `scan`; whatever looks different in the least goes through the event's own decoder, so that both
//! always say the same about what an event is.

mod moment;
mod scan;

use std::hash::Hasher as _;

use onepixel_event::{Class, Event, Source};
use onepixel_view::Dimension;
use siphasher::sip::SipHasher13;

use crate::axis::{PROPS, TEXTS, column};

/// The fields of one event that have a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    /// Received, in milliseconds since the epoch.
    pub(crate) ms: i64,
    pub(crate) site: &'a str,
    pub(crate) class: Class,
    pub(crate) source: Source,
    pub(crate) visitor: Option<&'a str>,
    /// The text columns by their number; empty for what the event does not say.
    pub(crate) texts: [&'a str; TEXTS],
}

/// Reads the line of an event and hands its fields to `take`.
///
/// # Errors
/// What the event's decoder says.
pub(crate) fn read<T>(payload: &[u8], take: impl FnOnce(&Line<'_>) -> T) -> Result<T, String> {
    match scan::scan(payload) {
        Some(line) => Ok(take(&line)),
        None => decode(payload, take),
    }
}

/// Reads any event there is, at several times the cost.
#[cold]
fn decode<T>(payload: &[u8], take: impl FnOnce(&Line<'_>) -> T) -> Result<T, String> {
    let event = Event::decode(payload).map_err(|error| error.to_string())?;
    Ok(take(&Line::of(&event)))
}

impl<'a> Line<'a> {
    fn of(event: &'a Event<'_>) -> Self {
        let mut texts = [""; TEXTS];
        for dimension in Dimension::ALL {
            if let Some(column) = column(*dimension) {
                texts[column] = text_of(event, *dimension);
            }
        }
        if !event.props.is_empty() {
            texts[PROPS] = event.props.as_json();
        }
        Self {
            ms: event.received_at.ms(),
            site: &event.site,
            class: event.class,
            source: event.source,
            visitor: event.visitor.as_deref(),
            texts,
        }
    }
}

fn text_of<'a>(event: &'a Event<'_>, dimension: Dimension) -> &'a str {
    let text = match dimension {
        Dimension::Page => event.page_path.as_deref(),
        Dimension::Host => event.page_host.as_deref(),
        Dimension::Referrer => event.referrer_host.as_deref(),
        Dimension::Group => event.referrer_group.map(|group| group.as_str()),
        Dimension::Source => event.utm_source.as_deref(),
        Dimension::Medium => event.utm_medium.as_deref(),
        Dimension::Campaign => event.utm_campaign.as_deref(),
        Dimension::Term => event.utm_term.as_deref(),
        Dimension::Content => event.utm_content.as_deref(),
        Dimension::Browser => event.browser.as_deref(),
        Dimension::Os => event.os.as_deref(),
        Dimension::Device => event.device.map(|device| device.as_str()),
        Dimension::Country => event.country.as_deref(),
        Dimension::Language => event.language.as_deref(),
        Dimension::Event => Some(&*event.event),
        Dimension::Site => Some(&*event.site),
        Dimension::Class => Some(event.class.as_str()),
        Dimension::Title => event.title.as_deref(),
        Dimension::Entry | Dimension::Exit => None,
    };
    text.unwrap_or_default()
}

/// 64 bits of a visitor's id, the same in every process, as they are stored; 0 stands for none.
pub(crate) fn visitor_hash(visitor: Option<&str>) -> u64 {
    let Some(visitor) = visitor.filter(|visitor| !visitor.is_empty()) else { return 0 };
    let mut hasher = SipHasher13::new_with_keys(0, 0);
    hasher.write(visitor.as_bytes());
    hasher.finish().max(1)
}

#[cfg(test)]
mod tests;
