//! The pixel's query string: bytes to a [`RawHit`].
//!
//! Promises never to fail: whatever is unknown, long, repeated or broken is kept, cut or left out, and flagged.

use std::borrow::Cow;

use onepixel_event::{Source, limits};

use super::flag::{Flag, Flags};
use super::hit::{RawHit, UTM};
use super::props::PropsWriter;
use super::text;

/// Reads a query string, without its question mark. An empty value is the same as none.
pub(super) fn read(query: &[u8]) -> RawHit<'_> {
    let mut hit = RawHit::new(Source::Pixel);
    let mut flags = Flags::default();
    let mut named = Named::default();
    let mut props = PropsWriter::new();
    for pair in query.split(|byte| *byte == b'&') {
        let at = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
        let value = pair.get(at + 1..).unwrap_or_default();
        if value.is_empty() {
            continue;
        }
        let key = decode(&pair[..at], &mut flags);
        let value = decode(value, &mut flags);
        match named.slot(&key) {
            Some((slot, bytes_max)) => fill(slot, value, bytes_max, &mut flags),
            None => prop(&mut props, key, value, &mut flags),
        }
    }
    named.into_hit(&mut hit, &mut flags);
    hit.props = props.finish();
    hit.flags = flags;
    hit
}

/// The values of the parameters that have a meaning.
#[derive(Default)]
struct Named<'a> {
    site: Option<Cow<'a, str>>,
    id: Option<Cow<'a, str>>,
    page: Option<Cow<'a, str>>,
    referrer: Option<Cow<'a, str>>,
    title: Option<Cow<'a, str>>,
    event: Option<Cow<'a, str>>,
    visitor: Option<Cow<'a, str>>,
    utm: [Option<Cow<'a, str>>; 5],
}

impl<'a> Named<'a> {
    /// Where the value of a parameter belongs, and its limit in bytes.
    fn slot(&mut self, key: &str) -> Option<(&mut Option<Cow<'a, str>>, usize)> {
        Some(match key {
            "site" => (&mut self.site, limits::SITE_BYTES_MAX),
            "id" => (&mut self.id, limits::SITE_BYTES_MAX),
            "page" => (&mut self.page, limits::URL_BYTES_MAX),
            "ref" => (&mut self.referrer, limits::URL_BYTES_MAX),
            "title" => (&mut self.title, limits::TEXT_BYTES_MAX),
            "event" => (&mut self.event, limits::EVENT_CHARS_MAX * 4),
            "visitor" => (&mut self.visitor, limits::TEXT_BYTES_MAX),
            _ => (&mut self.utm[UTM.iter().position(|name| *name == key)?], limits::TEXT_BYTES_MAX),
        })
    }

    fn into_hit(self, hit: &mut RawHit<'a>, flags: &mut Flags) {
        if self.site.is_some() && self.id.is_some() {
            flags.set(Flag::DuplicateParam);
        }
        if let Some(site) = self.site.or(self.id) {
            hit.site = site;
        }
        if let Some(event) = self.event {
            // So many characters end at this byte, if there are more of them.
            let end = event.char_indices().nth(limits::EVENT_CHARS_MAX).map_or(event.len(), |(at, _)| at);
            hit.event = text::cut(event, end, flags);
        }
        hit.page = self.page;
        hit.referrer = self.referrer;
        hit.title = self.title;
        hit.visitor = self.visitor;
        hit.utm = self.utm;
    }
}

fn fill<'a>(slot: &mut Option<Cow<'a, str>>, value: Cow<'a, str>, bytes_max: usize, flags: &mut Flags) {
    if slot.is_some() {
        flags.set(Flag::DuplicateParam);
    } else {
        *slot = text::line(value, bytes_max, flags);
    }
}

fn prop(props: &mut PropsWriter, key: Cow<'_, str>, value: Cow<'_, str>, flags: &mut Flags) {
    if props.is_full() {
        return flags.set(Flag::TooManyParams);
    }
    let key = text::cut(text::without_nul(key, flags), limits::PROP_KEY_BYTES_MAX, flags);
    let value = text::cut(text::without_nul(value, flags), limits::PROP_VALUE_BYTES_MAX, flags);
    if props.push_text(&key, &value, flags).is_err() {
        flags.set(Flag::TooManyParams);
    }
}

/// Undoes the encoding of a form: `+` is a space, `%41` is `A`; a `%` without two hexadecimal digits is itself.
fn decode<'a>(bytes: &'a [u8], flags: &mut Flags) -> Cow<'a, str> {
    if !bytes.iter().any(|byte| matches!(byte, b'%' | b'+')) {
        return text::utf8(bytes, flags);
    }
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let [first, behind @ ..] = rest {
        rest = behind;
        decoded.push(match (first, behind) {
            (b'+', _) => b' ',
            (b'%', [high, low, behind @ ..]) => match hex(*high).zip(hex(*low)) {
                Some((high, low)) => {
                    rest = behind;
                    high << 4 | low
                }
                None => b'%',
            },
            (byte, _) => *byte,
        });
    }
    match String::from_utf8(decoded) {
        Ok(text) => Cow::Owned(text),
        Err(error) => Cow::Owned(text::utf8(error.as_bytes(), flags).into_owned()),
    }
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(query: &str, expected: &[(&str, &str)], flags: &[&str]) {
        let hit = read(query.as_bytes());
        let mut found = vec![("event", hit.event.as_ref()), ("site", hit.site.as_ref())];
        let named = [
            ("page", &hit.page),
            ("ref", &hit.referrer),
            ("title", &hit.title),
            ("visitor", &hit.visitor),
            ("utm_source", &hit.utm[0]),
            ("utm_medium", &hit.utm[1]),
            ("utm_campaign", &hit.utm[2]),
            ("utm_term", &hit.utm[3]),
            ("utm_content", &hit.utm[4]),
        ];
        found.extend(named.iter().filter_map(|(name, value)| Some((*name, value.as_deref()?))));
        found.push(("props", hit.props.as_json()));
        let mut all = vec![("event", "pageview"), ("site", "default"), ("props", "{}")];
        all.retain(|(name, _)| !expected.iter().any(|(given, _)| given == name));
        all.extend(expected);
        found.sort_unstable();
        all.sort_unstable();
        assert_eq!(found, all, "{query}");
        assert_eq!(hit.flags.codes().collect::<Vec<_>>(), flags, "{query}");
    }

    #[test]
    fn reads_what_the_contract_names_and_keeps_the_rest() {
        check("", &[], &[]);
        check("&&=&=x&", &[("props", r#"{"":"x"}"#)], &[]);
        check("site=blog&event=click", &[("site", "blog"), ("event", "click")], &[]);
        check("id=blog", &[("site", "blog")], &[]);
        check("id=b&site=a", &[("site", "a")], &["duplicate_param"]);
        check("site=&page=&ref=&x=", &[], &[]);
        check("site", &[], &[]);
        check("page=%2Fa%3Fb%3D1&ref=https://x.y/", &[("page", "/a?b=1"), ("ref", "https://x.y/")], &[]);
        check("title=caf%C3%A9+au+lait&visitor=v1", &[("title", "café au lait"), ("visitor", "v1")], &[]);
        check(
            "utm_source=s&utm_medium=m&utm_campaign=c&utm_term=t&utm_content=o&utm_id=7",
            &[
                ("utm_source", "s"),
                ("utm_medium", "m"),
                ("utm_campaign", "c"),
                ("utm_term", "t"),
                ("utm_content", "o"),
                ("props", r#"{"utm_id":"7"}"#),
            ],
            &[],
        );
        check("b=1&a=2&%62=3", &[("props", r#"{"b":"1","a":"2"}"#)], &["duplicate_param"]);
        check("s%69te=blog", &[("site", "blog")], &[]);
        check("a=b=c&d=100%&e=%zz%4", &[("props", r#"{"a":"b=c","d":"100%","e":"%zz%4"}"#)], &[]);
    }

    #[test]
    fn repairs_and_flags_what_is_broken() {
        check("title=%ff", &[("title", "\u{fffd}")], &["bad_utf8"]);
        check("%ff=a", &[("props", "{\"\u{fffd}\":\"a\"}")], &["bad_utf8"]);
        check("title=a%00b%0ac", &[("title", "ab c")], &["control_chars"]);
        check("x=a%00b%0ac", &[("props", r#"{"x":"ab\nc"}"#)], &["control_chars"]);
        check("site=a&site=b", &[("site", "a")], &["duplicate_param"]);
        check("site=%00", &[], &["control_chars"]);
        check("a%00=1&a=2", &[("props", r#"{"a":"1"}"#)], &["control_chars", "duplicate_param"]);
    }

    #[test]
    fn cuts_at_the_limits() {
        let long = "é".repeat(2048);
        check(&format!("site={long}"), &[("site", &long[..254])], &["truncated_param"]);
        check(&format!("page={long}"), &[("page", &long[..2048])], &["truncated_param"]);
        check(&format!("event={long}"), &[("event", &long[..400])], &["truncated_param"]);
        check(&format!("visitor={long}"), &[("visitor", &long[..1024])], &["truncated_param"]);
        let props = format!(r#"{{"{}":"{}"}}"#, &long[..200], &long[..2048]);
        check(&format!("{long}={long}"), &[("props", &props)], &["truncated_param"]);
        let event = "e".repeat(200);
        check(&format!("event={event}"), &[("event", &event)], &[]);
    }

    #[test]
    fn keeps_64_props_and_still_sees_a_named_one_behind_them() {
        let query: Vec<_> = (0..70).map(|i| format!("p{i}=1")).collect();
        let hit = read(format!("{}&site=late", query.join("&")).as_bytes().to_vec().leak());
        assert_eq!(hit.props.as_json().matches(':').count(), limits::PROPS_KEYS_MAX);
        assert_eq!(hit.site, "late");
        assert_eq!(hit.flags.codes().collect::<Vec<_>>(), ["too_many_params"]);
    }

    #[test]
    fn keeps_props_below_their_total() {
        let query: Vec<_> = (0..64).map(|i| format!("p{i}={}", "%22".repeat(2048))).collect();
        let query = query.join("&");
        let hit = read(query.as_bytes());
        assert!(hit.props.as_json().len() <= limits::PROPS_BYTES_MAX);
        assert!(hit.props.as_json().len() > limits::PROPS_BYTES_MAX - 5000);
        assert_eq!(hit.flags.codes().collect::<Vec<_>>(), ["too_many_params"]);
    }
}
