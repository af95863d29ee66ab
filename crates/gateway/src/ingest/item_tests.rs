//! Single events of `POST /e`: every field, every repair, every reason to refuse.

use super::*;

const NOW: i64 = 1_770_757_445_123;

fn hit(item: &str) -> RawHit<'_> {
    serde_json::from_str::<serde_json::Value>(item).unwrap();
    read(item, Time::from_ms(NOW)).unwrap()
}

fn check(item: &str, props: &str, flags: &[&str]) {
    let hit = hit(item);
    assert_eq!(hit.props.as_json(), props, "{item}");
    assert_eq!(hit.flags.codes().collect::<Vec<_>>(), flags, "{item}");
}

fn refuse(item: &str, reason: &str) {
    let refusal = read(item, Time::from_ms(NOW)).map(|_| ()).unwrap_err();
    assert_eq!(refusal.to_string(), reason, "{item}");
}

#[test]
fn reads_every_field() {
    let hit = hit(r#"{
        "event": "signed_up", "site": "shop", "page": "https://shop.example/join", "ref": "https://x.example/",
        "title": "Join", "visitor": "u-7", "sent_at": "2026-02-10T21:04:05.123Z",
        "id": "0190B5A0-1111-7abc-8def-000000000001", "utm_source": "news", "utm_content": "top",
        "props": {"plan": "pro", "seats": 3}
    }"#);
    assert_eq!(hit.event, "signed_up");
    assert_eq!(hit.site, "shop");
    assert_eq!(hit.page.as_deref(), Some("https://shop.example/join"));
    assert_eq!(hit.referrer.as_deref(), Some("https://x.example/"));
    assert_eq!(hit.title.as_deref(), Some("Join"));
    assert_eq!(hit.visitor.as_deref(), Some("u-7"));
    assert_eq!(hit.sent_at, Some(Time::from_ms(NOW)));
    assert_eq!(hit.id.unwrap().to_string(), "0190b5a0-1111-7abc-8def-000000000001");
    assert_eq!(hit.utm[0].as_deref(), Some("news"));
    assert_eq!(hit.utm[4].as_deref(), Some("top"));
    assert_eq!(hit.props.as_json(), r#"{"plan":"pro","seats":3}"#);
    assert_eq!(hit.flags, Flags::default());
}

#[test]
fn null_and_empty_are_absent() {
    let hit = hit(r#"{"event":"a","site":null,"page":"","props":null,"id":null,"sent_at":null}"#);
    assert_eq!((hit.site.as_ref(), hit.page, hit.id, hit.sent_at), ("default", None, None, None));
    assert_eq!(hit.flags, Flags::default());
}

#[test]
fn keeps_the_unknown_in_props() {
    check(
        r#"{"event":"a","x":[1, 2],"ip":"1.2.3.4","n":null}"#,
        r#"{"x":[1,2],"ip":"1.2.3.4","n":null}"#,
        &[],
    );
    check(r#"{"x":1,"event":"a","props":{"y":2}}"#, r#"{"y":2,"x":1}"#, &[]);
    check(r#"{"x":1,"event":"a","props":{"x":2}}"#, r#"{"x":2}"#, &["duplicate_param"]);
    check(r#"{"event":"a","event":"b"}"#, "{}", &["duplicate_param"]);
    check(r#"{"\u0065vent":"a"}"#, "{}", &[]);
}

#[test]
fn leaves_out_unknown_fields_without_room() {
    let props: Vec<_> = (0..60).map(|i| format!("\"p{i}\":0")).collect();
    let others: Vec<_> = (0..10_000).map(|i| format!("\"o{i}\":0")).collect();
    let item = format!("{{\"event\":\"a\",{},\"props\":{{{}}}}}", others.join(","), props.join(","));
    let hit = hit(&item);
    assert!(hit.props.as_json().ends_with(r#""p59":0,"o0":0,"o1":0,"o2":0,"o3":0}"#));
    assert_eq!(hit.flags.codes().collect::<Vec<_>>(), ["too_many_params"]);
}

#[test]
fn flags_a_clock_that_is_off() {
    let at = |text: &str| format!("{{\"event\":\"a\",\"sent_at\":{text}}}");
    check(&at("\"2026-02-10T22:09:05.123+01:00\""), "{}", &[]);
    check(&at("\"2026-02-10T22:09:05.124+01:00\""), "{}", &["clock_skew"]);
    check(&at("\"1999-01-01T00:00:00Z\""), "{}", &["clock_skew"]);
    check(&at("\"yesterday\""), "{}", &["bad_sent_at"]);
    check(&at("1770757445"), "{}", &["bad_sent_at"]);
    check(&at("{}"), "{}", &["bad_sent_at"]);
}

#[test]
fn cuts_long_texts() {
    let long = "é".repeat(2000);
    let item = format!("{{\"event\":\"a\",\"title\":\"{long}\",\"site\":\"{long}\"}}");
    let hit = hit(&item);
    assert_eq!((hit.title.as_deref(), hit.site.as_ref()), (Some(&long[..1024]), &long[..254]));
    assert_eq!(hit.flags.codes().collect::<Vec<_>>(), ["truncated_param"]);
}

#[test]
fn says_why_an_event_is_refused() {
    refuse("7", "expected an event object, got a number");
    refuse("[]", "expected an event object, got an array");
    refuse("{}", "event: missing, name what happened in 1 to 200 characters");
    refuse(r#"{"event":null}"#, "event: missing, name what happened in 1 to 200 characters");
    refuse(r#"{"event":"  "}"#, "event: missing, name what happened in 1 to 200 characters");
    refuse(r#"{"event":7}"#, "event: expected a string, got a number");
    refuse(&format!("{{\"event\":\"{}\"}}", "é".repeat(201)), "event: 201 characters, at most 200 are taken");
    refuse(r#"{"event":"a","site":1}"#, "site: expected a string, got a number");
    refuse(r#"{"event":"a","page":{}}"#, "page: expected a string, got an object");
    refuse(r#"{"event":"a","ref":[]}"#, "ref: expected a string, got an array");
    refuse(r#"{"event":"a","title":false}"#, "title: expected a string, got a boolean");
    refuse(r#"{"event":"a","visitor":7}"#, "visitor: expected a string, got a number");
    refuse(r#"{"event":"a","utm_term":7}"#, "utm_term: expected a string, got a number");
    refuse(r#"{"event":"a","id":7}"#, "id: expected a UUID, got a number");
    refuse(r#"{"event":"a","id":"x\"y"}"#, "id: expected a UUID, got \"x\\\"y\"");
    let nil = "00000000-0000-0000-0000-000000000000";
    refuse(&format!("{{\"event\":\"a\",\"id\":\"{nil}\"}}"), &format!("id: expected a UUID, got \"{nil}\""));
    refuse(r#"{"event":"a","props":[]}"#, "props: expected an object, got an array");
    let deep = "[".repeat(16) + &"]".repeat(16);
    refuse(&format!("{{\"event\":\"a\",\"props\":{{\"x\":{deep}}}}}"), "props: nested deeper than 16 levels");
    refuse(&format!("{{\"event\":\"a\",\"x\":{deep}}}"), "x: nested deeper than 16 levels");
    let keys: Vec<_> = (0..65).map(|i| format!("\"k{i}\":0")).collect();
    refuse(&format!("{{\"event\":\"a\",\"props\":{{{}}}}}", keys.join(",")), "props: more than 64 keys");
    let large = "x".repeat(limits::PROPS_BYTES_MAX);
    refuse(&format!("{{\"event\":\"a\",\"big\":\"{large}\"}}"), "big: larger than 65536 bytes");
}

#[test]
fn event_names_are_counted_in_characters() {
    let name = "é".repeat(200);
    assert_eq!(hit(&format!("{{\"event\":\"{name}\"}}")).event, name);
}
