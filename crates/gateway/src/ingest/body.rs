//! The body of `POST /e`: bytes to the texts of single events.
//!
//! Decides only whether a body can be taken apart; what stands inside an event is not looked at, so that one bad
//! event never rejects its neighbours.

use std::borrow::Cow;

use onepixel_event::limits;
use serde_json::value::RawValue;

use super::flag::Flags;
use super::json;

/// Why a body cannot be taken apart into events. Each message says what is wrong, where, and what to send instead.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Nothing, or nothing but white space.
    #[error("the body is empty: send one event object, an array of events, or {{\"events\": [...]}}")]
    Empty,
    /// Not JSON.
    #[error("the body is not JSON: {reason} at line {line}, column {column}")]
    Json {
        /// The line, from 1.
        line: usize,
        /// The column in bytes, from 1.
        column: usize,
        /// What is wrong there.
        reason: String,
    },
    /// JSON, but neither an event nor events.
    #[error("the body is {found}: send one event object, an array of events, or {{\"events\": [...]}}")]
    NotAnEventOrBatch {
        /// What it is instead.
        found: &'static str,
    },
    /// A batch over the limit.
    #[error("the batch holds {events} events, at most {events_max} are taken: send it in parts")]
    TooManyEvents {
        /// How many there are.
        events: usize,
        /// The limit.
        events_max: usize,
    },
}

/// A body as text, without a byte order mark. Bytes that are not UTF-8 stand as U+FFFD, so that the events around
/// them can still be read.
#[derive(Debug)]
pub(super) struct Text<'a> {
    text: Cow<'a, str>,
    /// Where in the body the first bytes are that are not UTF-8.
    bad_at: usize,
    /// Where in the text something stands for such bytes, in order. A U+FFFD that was sent is not among them.
    replaced: Vec<usize>,
}

impl<'a> Text<'a> {
    /// Reads the bytes of a body.
    pub(super) fn of(body: &'a [u8]) -> Self {
        match std::str::from_utf8(body) {
            Ok(text) => {
                let text = Cow::Borrowed(text.strip_prefix('\u{feff}').unwrap_or(text));
                Self { text, bad_at: 0, replaced: Vec::new() }
            }
            Err(error) => {
                let (text, replaced) = repair(body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body));
                Self { text: Cow::Owned(text), bad_at: error.valid_up_to(), replaced }
            }
        }
    }

    /// Refuses an item, a part of this text, that holds bytes which are not UTF-8; the reason says where they start.
    pub(super) fn check(&self, item: &str) -> Result<(), String> {
        let start = item.as_ptr().addr().saturating_sub(self.text.as_ptr().addr());
        let next = self.replaced.partition_point(|at| *at < start);
        match self.replaced.get(next) {
            Some(at) if *at < start + item.len() => Err(format!(
                "not UTF-8 (the first wrong byte of the body is byte {}, counted from 0)",
                self.bad_at
            )),
            _ => Ok(()),
        }
    }
}

/// The bytes as text with U+FFFD for what is not UTF-8, and where that was put.
fn repair(body: &[u8]) -> (String, Vec<usize>) {
    let mut text = String::with_capacity(body.len());
    let mut replaced = Vec::new();
    for chunk in body.utf8_chunks() {
        text.push_str(chunk.valid());
        if !chunk.invalid().is_empty() {
            replaced.push(text.len());
            text.push(char::REPLACEMENT_CHARACTER);
        }
    }
    (text, replaced)
}

impl std::ops::Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

/// Takes a body apart into the texts of its events, in order. Each is valid JSON of any kind.
///
/// # Errors
/// See [`Malformed`].
pub(super) fn split(text: &str) -> Result<Vec<&str>, Malformed> {
    if text.trim_ascii().is_empty() {
        return Err(Malformed::Empty);
    }
    let value = serde_json::from_str::<&RawValue>(text).map_err(|error| not_json(&error))?.get();
    match value.as_bytes().first() {
        Some(b'[') => batch(value),
        Some(b'{') => match wrapped(value) {
            Some(events) if events.starts_with('[') => batch(events),
            Some(_) => {
                Err(Malformed::NotAnEventOrBatch { found: "an object whose \"events\" is not an array" })
            }
            None => Ok(vec![value]),
        },
        _ => Err(Malformed::NotAnEventOrBatch { found: json::kind(value) }),
    }
}

/// The value of `events`, unless the object has an `event` and so is an event itself.
fn wrapped(object: &str) -> Option<&str> {
    let mut events = None;
    for (key, value) in json::members(object) {
        match json::unquote(key, &mut Flags::default()).as_ref() {
            "event" => return None,
            "events" => events = events.or(Some(value)),
            _ => {}
        }
    }
    events
}

fn batch(array: &str) -> Result<Vec<&str>, Malformed> {
    let mut elements = json::elements(array);
    let events: Vec<_> = elements.by_ref().take(limits::BATCH_EVENTS_MAX).collect();
    match elements.count() {
        0 => Ok(events),
        more => Err(Malformed::TooManyEvents {
            events: events.len() + more,
            events_max: limits::BATCH_EVENTS_MAX,
        }),
    }
}

fn not_json(error: &serde_json::Error) -> Malformed {
    let (line, column) = (error.line(), error.column());
    let message = error.to_string();
    let reason = message.strip_suffix(&format!(" at line {line} column {column}")).unwrap_or(&message);
    let reason = match reason {
        "trailing characters" => "more text behind the first value (put several events into an array)",
        other => other,
    };
    Malformed::Json { line, column, reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &[u8], expected: Result<&[&str], &str>) {
        let text = Text::of(body);
        let split = split(&text).map_err(|error| error.to_string());
        assert_eq!(split.as_deref().map_err(String::as_str), expected, "{}", body.escape_ascii());
    }

    #[test]
    fn takes_the_three_forms() {
        check(br#"{"event":"a"}"#, Ok(&[r#"{"event":"a"}"#]));
        check(b"\xef\xbb\xbf {} \n", Ok(&["{}"]));
        check(br#"[{"event":"a"}, 7]"#, Ok(&[r#"{"event":"a"}"#, "7"]));
        check(b"[]", Ok(&[]));
        check(br#"{"events":[{},null]}"#, Ok(&["{}", "null"]));
        check(br#"{"sent":1,"\u0065vents":[1]}"#, Ok(&["1"]));
        check(br#"{"event":"a","events":[1]}"#, Ok(&[r#"{"event":"a","events":[1]}"#]));
        check(b"[\"\xff\",1]", Ok(&["\"\u{fffd}\"", "1"]));
    }

    #[test]
    fn says_what_is_wrong_and_where() {
        let forms = "send one event object, an array of events, or {\"events\": [...]}";
        check(b"", Err(&format!("the body is empty: {forms}")));
        check(b" \n", Err(&format!("the body is empty: {forms}")));
        check(b"7", Err(&format!("the body is a number: {forms}")));
        check(b"\"x\"", Err(&format!("the body is a string: {forms}")));
        check(b"null", Err(&format!("the body is null: {forms}")));
        check(
            br#"{"events":{}}"#,
            Err(&format!("the body is an object whose \"events\" is not an array: {forms}")),
        );
        check(b"{\n\"a\":}", Err("the body is not JSON: expected value at line 2, column 5"));
        check(b"[{}", Err("the body is not JSON: EOF while parsing a list at line 1, column 3"));
        check(
            b"{}\n{}",
            Err(
                "the body is not JSON: more text behind the first value (put several events into an array) at line 2, column 1",
            ),
        );
        check(b"a=1", Err("the body is not JSON: expected value at line 1, column 1"));
    }

    #[test]
    fn bytes_that_are_not_utf8_reject_their_own_event_only() {
        let text = Text::of("\u{feff}[\"\u{fffd}\",\"?\",\"\u{fffd}é\",\"?\"]".as_bytes());
        assert_eq!(split(&text).unwrap().iter().filter(|item| text.check(item).is_ok()).count(), 4);
        let body: Vec<u8> = b"\xef\xbb\xbf[\"\xef\xbf\xbd\",\"\xff\",\"\xef\xbf\xbd\",\"a\xc3\"]".into();
        let text = Text::of(&body);
        let fine: Vec<_> = split(&text).unwrap().iter().map(|item| text.check(item)).collect();
        let refused =
            Err("not UTF-8 (the first wrong byte of the body is byte 11, counted from 0)".to_owned());
        assert_eq!(fine, [Ok(()), refused.clone(), Ok(()), refused]);
    }

    #[test]
    fn a_batch_holds_500() {
        let body = |n: usize| format!("[{}]", vec!["{}"; n].join(","));
        assert_eq!(split(&body(500)).unwrap().len(), 500);
        assert_eq!(split(&body(502)), Err(Malformed::TooManyEvents { events: 502, events_max: 500 }));
    }

    #[test]
    fn nesting_costs_no_stack() {
        let deep = "[".repeat(1_000_000) + &"]".repeat(1_000_000);
        assert_eq!(split(&deep).unwrap().len(), 1);
        let open = "{\"a\":".repeat(300_000);
        assert!(matches!(split(&open), Err(Malformed::Json { .. })));
    }
}
