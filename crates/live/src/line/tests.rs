//! Tests of what is read from a line.

use std::borrow::Cow;

use onepixel_event::{Device, EventId, Props, ReferrerGroup, Time};
use proptest::prelude::*;
use proptest::sample::select;

use super::*;

/// The scanner takes a line or leaves it; what it takes, the decoder says the same about.
fn check(payload: &[u8]) -> Result<bool, TestCaseError> {
    let scanned = scan::scan(payload);
    let decoded = Event::decode(payload);
    match (&scanned, &decoded) {
        (Some(line), Ok(event)) => prop_assert_eq!(*line, Line::of(event)),
        (Some(_), Err(error)) => prop_assert!(false, "{}: {}", error, String::from_utf8_lossy(payload)),
        (None, _) => {}
    }
    Ok(scanned.is_some())
}

fn text() -> impl Strategy<Value = Option<Cow<'static, str>>> {
    let usual = select(&["/", "/pricing", "example.com", "", "Grüße", "日本", "a,b", "{\"", "[]", "}"][..]);
    let texts = prop_oneof![6 => usual.prop_map(str::to_owned), 1 => any::<String>()];
    proptest::option::of(texts.prop_map(Cow::Owned))
}

fn events() -> impl Strategy<Value = Event<'static>> {
    let props = select(
        &[
            "{}",
            r#"{"a":"b"}"#,
            r#"{"a":"b","c":"d"}"#,
            r#"{"n":1,"deep":{"x":[1,null,{}]}}"#,
            r#"{"e":"\n"}"#,
        ][..],
    );
    let words = (
        select(Class::ALL),
        proptest::option::of(select(Device::ALL)),
        proptest::option::of(select(ReferrerGroup::ALL)),
    );
    let lists = proptest::collection::vec(text().prop_map(Option::unwrap_or_default), 0..3);
    let ms = 0..4_000_000_000_000_i64;
    (proptest::collection::vec(text(), 24), words, props, lists, ms, any::<bool>()).prop_map(
        |(texts, (class, device, group), props, list, ms, api)| {
            let mut texts = texts.into_iter();
            let mut next = || texts.next().flatten();
            let time = Time::from_ms(ms);
            let source = if api { Source::Api } else { Source::Pixel };
            let mut event = Event::new(
                EventId::fresh(time),
                time,
                source,
                next().unwrap_or_default(),
                next().unwrap_or_default(),
            );
            event.sent_at = api.then_some(Time::from_ms(ms / 2));
            (event.page_url, event.page_host, event.page_path, event.title) =
                (next(), next(), next(), next());
            (event.referrer_url, event.referrer_host, event.referrer_group) = (next(), next(), group);
            (event.utm_source, event.utm_medium, event.utm_campaign) = (next(), next(), next());
            (event.utm_term, event.utm_content, event.user_agent) = (next(), next(), next());
            (event.browser, event.browser_version) = (next(), next());
            (event.os, event.os_version, event.device) = (next(), next(), device);
            (event.language, event.country, event.ip, event.visitor) = (next(), next(), next(), next());
            event.class = class;
            event.props = Props::from_object(props.as_bytes().to_vec());
            event.flags = list.clone();
            event.class_reasons = list;
            event
        },
    )
}

fn usual() -> Vec<u8> {
    let time = Time::from_ms(1_770_757_445_123);
    let mut event = Event::new(EventId::fresh(time), time, Source::Pixel, "pageview", "blog");
    event.page_path = Some("/a".into());
    event.referrer_group = Some(ReferrerGroup::Search);
    event.device = Some(Device::Mobile);
    event.visitor = Some("v".into());
    event.class_reasons = vec!["why".into(), "not".into()];
    event.props = Props::from_object(br#"{"plan":"pro","n":{"m":1}}"#.to_vec());
    event.flags = vec!["clock_skew".into()];
    let mut line = Vec::new();
    event.encode(&mut line);
    line
}

#[test]
fn the_usual_line_is_scanned() {
    assert!(check(&usual()).unwrap());
    let line = usual();
    read(&line, |line| {
        assert_eq!((line.ms, line.site, line.visitor), (1_770_757_445_123, "blog", Some("v")));
        assert_eq!(line.texts[PROPS], r#"{"plan":"pro","n":{"m":1}}"#);
    })
    .unwrap();
}

#[test]
fn what_is_no_event_is_refused_with_the_reason() {
    for payload in [&b""[..], b"{}", b"null", b"\0", b"\xff\xfe", b"[1]", br#"{"id":"x"}"#] {
        assert!(!read(payload, |_| ()).unwrap_err().is_empty());
    }
}

#[test]
fn a_visitor_has_the_same_number_in_every_process() {
    assert_eq!(visitor_hash(Some("visitor")), (-1_737_284_817_600_620_860_i64).cast_unsigned());
    assert_eq!((visitor_hash(None), visitor_hash(Some(""))), (0, 0));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn the_scanner_says_what_the_decoder_says(event in events()) {
        let mut line = Vec::new();
        event.encode(&mut line);
        let scanned = check(&line)?;
        let is_plain = !line.iter().any(|byte| *byte < 0x20 || *byte == b'\\');
        prop_assert_eq!(scanned, is_plain, "{}", String::from_utf8_lossy(&line));
    }

    /// One byte changed, removed or put in, anywhere.
    #[test]
    fn a_line_that_is_off_by_a_byte_is_never_taken_for_another(at: prop::sample::Index, byte: u8, how in 0..4) {
        let mut line = usual();
        let at = at.index(line.len());
        match how {
            0 => line[at] = byte,
            1 => drop(line.remove(at)),
            2 => line.insert(at, byte),
            _ => line.truncate(at),
        }
        check(&line)?;
    }

    /// Two bytes of what JSON is made of.
    #[test]
    fn a_line_with_its_marks_mixed_up_is_never_taken_for_another(
        one: prop::sample::Index,
        other: prop::sample::Index,
        marks in proptest::array::uniform2(select(&b"\"{}[]:,0n-."[..])),
    ) {
        let mut line = usual();
        let (one, other) = (one.index(line.len()), other.index(line.len()));
        line[one] = marks[0];
        line.insert(other, marks[1]);
        check(&line)?;
    }
}
