//! `decode(encode(e)) == e`, for any text and at every limit.

use std::borrow::Cow;

use onepixel_event::{Class, Device, Event, EventId, Props, ReferrerGroup, Source, Time, limits};
use proptest::prelude::*;

type Text = Option<Cow<'static, str>>;

/// Any Unicode: often escaped characters, line ends, both ends of the planes.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        prop::collection::vec(
            prop::sample::select(vec![
                '"',
                '\\',
                '/',
                '\n',
                '\r',
                '\t',
                '\0',
                '\u{1f}',
                '\u{7f}',
                '\u{85}',
                '\u{2028}',
                '\u{fffd}',
                '\u{ffff}',
                '\u{10000}',
                '\u{10ffff}',
                'a',
                '{',
                '}',
                ',',
            ]),
            0..50
        )
        .prop_map(|chars| chars.into_iter().collect()),
    ]
}

fn maybe() -> impl Strategy<Value = Text> {
    prop::option::of(text().prop_map(Cow::Owned))
}

fn one_of<T: Copy + std::fmt::Debug + 'static>(all: &'static [T]) -> impl Strategy<Value = T> {
    prop::sample::select(all)
}

fn props() -> impl Strategy<Value = Props<'static>> {
    prop::collection::btree_map(text(), text(), 0..10)
        .prop_map(|map| Props::from_object(serde_json::to_vec(&map).unwrap()))
}

prop_compose! {
    fn event()(
        (id, received_at, sent_at) in (any::<[u8; 16]>(), any::<i64>(), any::<Option<i64>>()),
        (source, class, device) in (one_of(Source::ALL), one_of(Class::ALL), prop::option::of(one_of(Device::ALL))),
        referrer_group in prop::option::of(one_of(ReferrerGroup::ALL)),
        (event, site) in (text(), text()),
        texts in prop::collection::vec(maybe(), 20),
        (class_reasons, flags) in (prop::collection::vec(text(), 0..4), prop::collection::vec(text(), 0..4)),
        props in props(),
    ) -> Event<'static> {
        let id = EventId::parse(&id.iter().map(|byte| format!("{byte:02x}")).collect::<String>()).unwrap();
        let mut made = Event::new(id, Time::from_ms(received_at), source, event, site);
        made.sent_at = sent_at.map(Time::from_ms);
        made.class = class;
        made.device = device;
        made.referrer_group = referrer_group;
        made.class_reasons = class_reasons.into_iter().map(Cow::Owned).collect();
        made.flags = flags.into_iter().map(Cow::Owned).collect();
        made.props = props;
        for (field, value) in texts_of(&mut made).into_iter().zip(texts) {
            *field = value;
        }
        made
    }
}

fn texts_of<'e>(event: &'e mut Event<'static>) -> [&'e mut Text; 20] {
    [
        &mut event.page_url,
        &mut event.page_host,
        &mut event.page_path,
        &mut event.title,
        &mut event.referrer_url,
        &mut event.referrer_host,
        &mut event.utm_source,
        &mut event.utm_medium,
        &mut event.utm_campaign,
        &mut event.utm_term,
        &mut event.utm_content,
        &mut event.user_agent,
        &mut event.browser,
        &mut event.browser_version,
        &mut event.os,
        &mut event.os_version,
        &mut event.language,
        &mut event.country,
        &mut event.ip,
        &mut event.visitor,
    ]
}

fn check(event: &Event<'_>) -> usize {
    let mut line = Vec::new();
    event.encode(&mut line);
    assert!(line.iter().all(|byte| *byte >= b' '), "not one line");
    assert!(line.starts_with(b"{") && line.ends_with(b"}"));
    // Not `assert_eq`: an event at its limits is no message to read.
    assert!(Event::decode(&line).unwrap() == *event, "{:.2000}", format!("{event:?}"));
    let tree: serde_json::Value = serde_json::from_slice(&line).unwrap();
    assert!(tree.as_object().unwrap().values().all(|value| !value.is_null()), "absent is left out, not null");
    line.len()
}

proptest! {
    #[test]
    fn any_event_comes_back(event in event()) {
        check(&event);
    }

    #[test]
    fn any_bytes_are_an_event_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
        prop_assert!(Event::decode(&bytes).is_err());
    }

    #[test]
    fn a_cut_line_is_an_error(event in event(), cut in any::<prop::sample::Index>()) {
        let mut line = Vec::new();
        event.encode(&mut line);
        prop_assert!(Event::decode(&line[..cut.index(line.len())]).is_err());
    }
}

#[test]
fn every_field_at_its_limit_stays_below_the_whole() {
    // The characters that grow most when they are written, and the longest ones.
    for filler in ["\u{1}", "\"", "\u{10ffff}", "é", "a"] {
        let full = |bytes: usize| filler.repeat(bytes / filler.len());
        let name = filler.repeat(limits::EVENT_CHARS_MAX);
        let id = EventId::fresh(Time::from_ms(0));
        let mut event =
            Event::new(id, Time::from_ms(i64::MAX), Source::Pixel, name, full(limits::SITE_BYTES_MAX));
        for field in texts_of(&mut event) {
            *field = Some(full(limits::TEXT_BYTES_MAX).into());
        }
        for field in [&mut event.page_url, &mut event.page_path, &mut event.referrer_url] {
            *field = Some(full(limits::URL_BYTES_MAX).into());
        }
        let quoted = serde_json::to_string(&full(limits::PROPS_BYTES_MAX / 6 - 2)).unwrap();
        event.props = Props::from_object(format!("{{\"a\":{quoted}}}").into_bytes());
        assert!(event.props.as_json().len() <= limits::PROPS_BYTES_MAX);
        let bytes = check(&event);
        assert!(bytes <= limits::ENCODED_BYTES_MAX, "{bytes} bytes of {filler:?}");
    }
}
