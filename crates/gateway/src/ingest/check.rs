//! Whether an event could have come out of this ingest.
//!
//! For events that were encoded elsewhere and read back from where anybody may have written: it holds them to the same
//! limits, and trusts nothing. Every event that [`Ingest`](super::Ingest) makes passes.

use onepixel_event::{Event, limits};

use super::flag::Flags;
use super::json;
use super::props::PropsWriter;

/// What is wrong with an event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct Unsound {
    field: &'static str,
    reason: String,
}

/// Hosts are cut at the length that no name exceeds.
const HOST_BYTES_MAX: usize = 255;
/// What is found in a User-Agent is at most as long, but for the words that a pattern puts around it.
const AGENT_BYTES_MAX: usize = limits::USER_AGENT_BYTES_MAX + 256;
/// An address as text, and a code of two letters with room for what may come.
const SHORT_BYTES_MAX: usize = 64;
/// Reasons and flags are words of ours, of which an event has a few.
const WORDS_MAX: usize = 32;

/// Checks every field against the limits of ingest.
///
/// # Errors
/// [`Unsound`] names the first field that ingest would not have written so.
pub fn check(event: &Event<'_>) -> Result<(), Unsound> {
    id(event)?;
    name(event)?;
    let texts = [
        ("page_url", &event.page_url, limits::URL_BYTES_MAX),
        ("page_host", &event.page_host, HOST_BYTES_MAX),
        ("page_path", &event.page_path, limits::URL_BYTES_MAX),
        ("title", &event.title, limits::TEXT_BYTES_MAX),
        ("referrer_url", &event.referrer_url, limits::URL_BYTES_MAX),
        ("referrer_host", &event.referrer_host, HOST_BYTES_MAX),
        ("utm_source", &event.utm_source, limits::TEXT_BYTES_MAX),
        ("utm_medium", &event.utm_medium, limits::TEXT_BYTES_MAX),
        ("utm_campaign", &event.utm_campaign, limits::TEXT_BYTES_MAX),
        ("utm_term", &event.utm_term, limits::TEXT_BYTES_MAX),
        ("utm_content", &event.utm_content, limits::TEXT_BYTES_MAX),
        ("user_agent", &event.user_agent, limits::USER_AGENT_BYTES_MAX),
        ("browser", &event.browser, AGENT_BYTES_MAX),
        ("browser_version", &event.browser_version, AGENT_BYTES_MAX),
        ("os", &event.os, AGENT_BYTES_MAX),
        ("os_version", &event.os_version, AGENT_BYTES_MAX),
        ("language", &event.language, limits::LANGUAGE_BYTES_MAX),
        ("country", &event.country, SHORT_BYTES_MAX),
        ("ip", &event.ip, SHORT_BYTES_MAX),
        ("visitor", &event.visitor, limits::TEXT_BYTES_MAX),
    ];
    for (field, value, bytes_max) in texts {
        text(field, value.as_deref().unwrap_or_default(), bytes_max)?;
    }
    for (field, words) in [("class_reasons", &event.class_reasons), ("flags", &event.flags)] {
        if words.len() > WORDS_MAX {
            return Err(unsound(field, format!("{} words, at most {WORDS_MAX} are taken", words.len())));
        }
        words.iter().try_for_each(|word| text(field, word, SHORT_BYTES_MAX))?;
    }
    props(event.props.as_json())
}

/// The nil and the max UUID are nobody's: taken as keys, they would make different events one.
fn id(event: &Event<'_>) -> Result<(), Unsound> {
    match event.id.bytes() {
        bytes if bytes == [0; 16] || bytes == [0xff; 16] => {
            Err(unsound("id", "the nil and the max UUID identify nothing".to_owned()))
        }
        _ => Ok(()),
    }
}

fn name(event: &Event<'_>) -> Result<(), Unsound> {
    let chars = event.event.chars().count();
    if chars == 0 || chars > limits::EVENT_CHARS_MAX {
        let reason = format!("{chars} characters, it has 1 to {}", limits::EVENT_CHARS_MAX);
        return Err(unsound("event", reason));
    }
    text("event", &event.event, usize::MAX)?;
    if event.site.is_empty() {
        return Err(unsound("site", "empty".to_owned()));
    }
    text("site", &event.site, limits::SITE_BYTES_MAX)
}

fn text(field: &'static str, value: &str, bytes_max: usize) -> Result<(), Unsound> {
    if value.len() > bytes_max {
        return Err(unsound(field, format!("{} bytes, at most {bytes_max} are taken", value.len())));
    }
    if value.bytes().any(|byte| byte.is_ascii_control()) {
        return Err(unsound(field, "it holds control characters".to_owned()));
    }
    Ok(())
}

/// Written again as ingest writes it, it has to be the same.
fn props(json: &str) -> Result<(), Unsound> {
    if json.len() > limits::PROPS_BYTES_MAX {
        return Err(unsound("props", format!("larger than {} bytes", limits::PROPS_BYTES_MAX)));
    }
    let mut writer = PropsWriter::new();
    for (key, value) in json::members(json) {
        writer
            .push_json(key, value, &mut Flags::default())
            .map_err(|error| unsound("props", error.to_string()))?;
    }
    if writer.finish().as_json() == json {
        Ok(())
    } else {
        Err(unsound("props", "not in the form in which events are stored".to_owned()))
    }
}

fn unsound(field: &'static str, reason: String) -> Unsound {
    Unsound { field, reason }
}

#[cfg(test)]
mod tests {
    use onepixel_event::{EventId, Props, Source, Time};
    use proptest::prelude::*;

    use super::super::{Caller, Ingest, IngestSettings, IpPolicy, VisitorSalt, query};
    use super::*;

    fn now() -> Time {
        Time::from_ms(1_770_757_445_123)
    }

    #[track_caller]
    fn check_one(change: impl FnOnce(&mut Event<'static>), expected: Option<&str>) {
        let mut event = Event::new(EventId::fresh(now()), now(), Source::Api, "signed_up", "shop");
        change(&mut event);
        let found = check(&event).map_err(|error| error.to_string()).err();
        match expected {
            None => assert_eq!(found, None),
            Some(part) => assert!(found.as_deref().is_some_and(|text| text.contains(part)), "{found:?}"),
        }
    }

    #[test]
    fn names_what_ingest_would_not_write() {
        check_one(|_| (), None);
        check_one(|event| event.id = EventId::parse(&"0".repeat(32)).unwrap(), Some("id: "));
        check_one(|event| event.id = EventId::parse(&"f".repeat(32)).unwrap(), Some("id: "));
        check_one(|event| event.event = "".into(), Some("event: 0"));
        check_one(|event| event.event = "é".repeat(200).into(), None);
        check_one(|event| event.event = "é".repeat(201).into(), Some("event: 201"));
        check_one(|event| event.event = "a\nb".into(), Some("event: it holds control"));
        check_one(|event| event.site = "".into(), Some("site: empty"));
        check_one(|event| event.site = "s".repeat(256).into(), Some("site: 256"));
        check_one(|event| event.title = Some("t".repeat(1024).into()), None);
        check_one(|event| event.title = Some("t".repeat(1025).into()), Some("title: 1025"));
        check_one(|event| event.page_path = Some("/\0".into()), Some("page_path: it holds control"));
        check_one(|event| event.ip = Some("1".repeat(65).into()), Some("ip: 65"));
        check_one(|event| event.flags = vec!["x".into(); 33], Some("flags: 33"));
        check_one(|event| event.flags = vec!["x".repeat(65).into()], Some("flags: 65"));
    }

    #[test]
    fn props_have_the_one_form() {
        let props = |json: &'static str| {
            move |event: &mut Event<'static>| event.props = Props::from_object(json.into())
        };
        check_one(props(r#"{"plan":"pro","n":1.50,"list":[1,{"a":null}]}"#), None);
        check_one(props(r#"{"plan": "pro"}"#), Some("props: not in the form"));
        check_one(props(r#"{"a":1,"a":2}"#), Some("props: not in the form"));
        check_one(props(r#"{"a":1e999}"#), Some("props: not in the form"));
        let nested = format!("{{\"a\":{}{}}}", "[".repeat(16), "]".repeat(16));
        check_one(|event| event.props = Props::from_object(nested.into()), Some("props: nested"));
        let keys: Vec<String> = (0..65).map(|i| format!("\"k{i}\":0")).collect();
        let keys = format!("{{{}}}", keys.join(","));
        check_one(|event| event.props = Props::from_object(keys.into()), Some("props: more than 64 keys"));
    }

    proptest! {
        #[test]
        fn whatever_ingest_makes_passes(
            query in "(page|ref|title|site|event|utm_source|visitor|x|y)=[%a-z0-9:/@?\\PC]{0,60}(&(page|ref|title|z)=(https?://|app:/)?[%0-9a-z\\PC]{0,60}){0,4}",
            agent in prop::collection::vec(any::<u8>(), 0..80),
            referer in prop::option::of("https?://[a-z\\PC]{0,40}"),
        ) {
            let salt = VisitorSalt::in_memory(now());
            let ingest = Ingest::new(IngestSettings { ip: IpPolicy::Keep, ..IngestSettings::default() }, salt, None);
            let caller = Caller {
                address: Some("2001:db8::1".parse().unwrap()),
                user_agent: Some(&agent),
                referer: referer.as_deref().map(str::as_bytes),
                accept_language: Some(b"de-DE"),
                ..Caller::default()
            };
            let mut sender = super::super::Sender::of(&ingest, &caller);
            let checked = ingest.enrich(query::read(query.as_bytes()), &mut sender, now(), |event, _| check(event));
            prop_assert_eq!(checked, Ok(()));
        }
    }
}
