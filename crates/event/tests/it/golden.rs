//! Lines that archives hold already: they must be read, and written the same, for ever.

use onepixel_event::{Class, Device, Event, EventId, Props, ReferrerGroup, Source, Time};

const FULL: &str = include_str!("full.json");
const SMALLEST: &str = include_str!("smallest.json");

fn full() -> Event<'static> {
    let id = EventId::parse("019C4955-3923-7ABC-8DEF-000000000001").unwrap();
    let mut event = Event::new(id, Time::from_ms(1_770_757_445_123), Source::Api, "signed_up", "shop");
    event.sent_at = Some(Time::from_ms(1_770_757_444_000));
    event.page_url = Some("https://shop.example/join?utm_source=news".into());
    event.page_host = Some("shop.example".into());
    event.page_path = Some("/join".into());
    event.title = Some("Join \"us\" \\ caf\u{e9}\n\u{1}\u{7f}\u{2028}\u{1f600}".into());
    event.referrer_url = Some("https://www.google.com/".into());
    event.referrer_host = Some("www.google.com".into());
    event.referrer_group = Some(ReferrerGroup::Search);
    event.utm_source = Some("news".into());
    event.utm_medium = Some("email".into());
    event.utm_campaign = Some("may".into());
    event.utm_term = Some("shoes".into());
    event.utm_content = Some("top".into());
    event.user_agent = Some("Mozilla/5.0".into());
    event.browser = Some("Firefox".into());
    event.browser_version = Some("127.0".into());
    event.os = Some("Linux".into());
    event.os_version = Some("6.1".into());
    event.device = Some(Device::Desktop);
    event.class = Class::MailProxy;
    event.class_reasons = vec!["ua_bare_mozilla".into(), "purpose_prefetch".into()];
    event.language = Some("de-DE".into());
    event.country = Some("DE".into());
    event.ip = Some("203.0.113.0".into());
    event.visitor = Some("0123456789abcdef0123456789abcdef".into());
    event.props = Props::from_object(br#"{"plan":"pro","n":1.50,"list":[1,{"a":null}]}"#.to_vec());
    event.flags = vec!["truncated_param".into(), "clock_skew".into()];
    event
}

fn check(event: &Event<'_>, golden: &str) {
    let golden = golden.trim_end();
    let mut line = Vec::new();
    event.encode(&mut line);
    assert_eq!(std::str::from_utf8(&line).unwrap(), golden);
    assert_eq!(Event::decode(golden.as_bytes()).unwrap(), *event);
}

#[test]
fn every_field_in_its_place() {
    check(&full(), FULL);
}

#[test]
fn absent_fields_are_left_out() {
    let id = EventId::at(Time::from_ms(0), [0; 10]);
    check(&Event::new(id, Time::from_ms(0), Source::Pixel, "pageview", "default"), SMALLEST);
}

#[test]
fn encoding_appends_and_leaves_what_is_there() {
    let mut line = b"before".to_vec();
    full().encode(&mut line);
    assert_eq!(String::from_utf8(line).unwrap(), format!("before{}", FULL.trim_end()));
}

#[test]
fn unknown_fields_of_a_newer_version_are_ignored() {
    let line = SMALLEST.trim_end().replace("{\"id\"", "{\"newer\":{\"a\":[1]},\"id\"");
    assert_eq!(Event::decode(line.as_bytes()).unwrap().event, "pageview");
}

#[test]
fn what_is_no_event_is_refused() {
    let smallest = SMALLEST.trim_end();
    for (from, to) in [
        ("\"id\":\"", "\"id\":\"x"),
        ("\"received_at\":", "\"received\":"),
        ("1970-01-01", "1970-13-01"),
        ("\"pixel\"", "\"carrier pigeon\""),
        ("\"human\"", "\"HUMAN\""),
        ("\"pageview\"", "7"),
        ("\"class\"", "\"props\":[],\"class\""),
        ("}", ""),
        ("}", "}}"),
    ] {
        let line = smallest.replace(from, to);
        assert_ne!(line, smallest);
        assert!(Event::decode(line.as_bytes()).is_err(), "{line}");
    }
}
