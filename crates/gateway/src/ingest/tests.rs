//! Whole hits through ingest: from query or body to the line that is kept, friendly and hostile.

use onepixel_event::{Class, Event, Source, limits};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const NOW: i64 = 1_770_757_445_123;
const CHROME: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36";

fn now() -> Time {
    Time::from_ms(NOW)
}

fn ingest(ip: IpPolicy, gpc: GpcPolicy) -> Ingest {
    Ingest::new(IngestSettings { ip, gpc }, VisitorSalt::in_memory(now()), None)
}

fn person() -> Caller<'static> {
    Caller {
        address: Some("203.0.113.7".parse().unwrap()),
        user_agent: Some(CHROME.as_bytes()),
        accept_language: Some(b"de-DE,de;q=0.9"),
        ..Caller::default()
    }
}

/// The line an event is kept as.
fn line(ingest: &Ingest, hit: RawHit<'_>, caller: &Caller<'_>) -> Vec<u8> {
    ingest.enrich(hit, &mut Sender::of(ingest, caller), now(), |event, agent| {
        let (mut line, mut in_parts) = (Vec::new(), Vec::new());
        event.encode(&mut line);
        event.encode_with(agent, &mut in_parts);
        assert_eq!(line, in_parts);
        assert_eq!(Event::decode(&line).unwrap(), *event);
        line
    })
}

fn pixel(ingest: &Ingest, query: &str, caller: &Caller<'_>) -> Value {
    serde_json::from_slice(&line(ingest, query::read(query.as_bytes()), caller)).unwrap()
}

/// Compares the fields that `expected` names; `null` stands for a field that is left out.
fn check(event: &Value, expected: &Value) {
    for (field, value) in expected.as_object().unwrap() {
        assert_eq!(event.get(field).unwrap_or(&Value::Null), value, "{field} of {event}");
    }
}

#[test]
fn a_pixel_hit_becomes_a_whole_event() {
    let ingest = ingest(IpPolicy::Truncate, GpcPolicy::Count);
    let query = "site=blog&page=https%3A%2F%2Fwww.blog.example%2Fa%3Futm_source%3Dnews%26utm_medium%3Dx&ref=https://www.google.com/\
                 &title=Hello+there&utm_medium=email&plan=pro";
    let mut event = pixel(&ingest, query, &person());
    let fields = event.as_object_mut().unwrap();
    assert!(fields.remove("id").unwrap().as_str().is_some_and(|id| id.len() == 36));
    assert!(fields.remove("visitor").unwrap().as_str().is_some_and(|visitor| visitor.len() == 32));
    let expected = json!({
        "received_at": "2026-02-10T21:04:05.123Z",
        "source": "pixel",
        "event": "pageview",
        "site": "blog",
        "page_url": "https://www.blog.example/a?utm_source=news&utm_medium=x",
        "page_host": "www.blog.example",
        "page_path": "/a",
        "title": "Hello there",
        "referrer_url": "https://www.google.com/",
        "referrer_host": "www.google.com",
        "referrer_group": "search",
        "utm_source": "news",
        "utm_medium": "email",
        "user_agent": CHROME,
        "browser": "Chrome",
        "browser_version": "126.0.0.0",
        "os": "Windows",
        "os_version": "10",
        "device": "desktop",
        "class": "human",
        "language": "de-DE",
        "ip": "203.0.113.0",
        "props": {"plan": "pro"},
    });
    assert_eq!(event, expected);
}

#[test]
fn the_embedding_page_stands_in_for_the_page_and_never_for_the_referrer() {
    let ingest = ingest(IpPolicy::Truncate, GpcPolicy::Count);
    let hit = |query: &str, referer: &'static str| {
        pixel(&ingest, query, &Caller { referer: Some(referer.as_bytes()), ..person() })
    };
    check(
        &hit("", "https://shop.example/list?utm_campaign=may"),
        &json!({
            "page_url": "https://shop.example/list?utm_campaign=may", "page_host": "shop.example",
            "utm_campaign": "may", "referrer_url": null, "referrer_group": "direct", "flags": null,
        }),
    );
    check(
        &hit("page=/item%3Fid=7", "https://shop.example/"),
        &json!({"page_url": "https://shop.example/item?id=7", "page_path": "/item", "referrer_group": "direct"}),
    );
    check(
        &hit("page=https://blog.example/", "https://t.co/"),
        &json!({"page_host": "blog.example", "referrer_url": null, "referrer_group": "direct"}),
    );
    check(
        &hit("ref=https://www.shop.example/old", "https://shop.example/"),
        &json!({"referrer_host": "www.shop.example", "referrer_group": "direct"}),
    );
    check(&hit("", "garbage"), &json!({"page_url": "garbage", "page_host": null, "page_path": "/garbage"}));
    check(
        &hit("page=http://[x", "https://shop.example/"),
        &json!({"page_url": "http://[x", "flags": ["bad_url"]}),
    );
}

#[test]
fn a_hit_without_anything_is_still_an_event() {
    let ingest = ingest(IpPolicy::Truncate, GpcPolicy::Count);
    let mut event = pixel(&ingest, "", &Caller::default());
    event.as_object_mut().unwrap().remove("id");
    let expected = json!({
        "received_at": "2026-02-10T21:04:05.123Z", "source": "pixel", "event": "pageview", "site": "default",
        "class": "bot", "class_reasons": ["ua_empty"],
    });
    assert_eq!(event, expected);
}

#[test]
fn hostile_headers_are_cut_and_flagged() {
    let ingest = ingest(IpPolicy::Truncate, GpcPolicy::Count);
    let agent = [b"\xff\xfe", vec![b'x'; 5000].as_slice()].concat();
    let caller = Caller { user_agent: Some(&agent), referer: Some(b"https://u:p@x.example/"), ..person() };
    let event = pixel(&ingest, "", &caller);
    assert_eq!(event["user_agent"].as_str().unwrap().len(), limits::USER_AGENT_BYTES_MAX);
    check(
        &event,
        &json!({"page_url": "https://x.example/", "flags": ["bad_utf8", "truncated_param", "url_credentials"]}),
    );
}

#[test]
fn the_policies_decide_what_can_point_at_a_person() {
    fn shown(ip: IpPolicy, gpc: GpcPolicy, query: &str, signal: bool) -> (Value, Value) {
        let event = pixel(&ingest(ip, gpc), query, &Caller { gpc: signal, ..person() });
        let visitor = match event["visitor"].as_str() {
            Some(visitor) if visitor.len() == 32 => json!("hash"),
            _ => event["visitor"].clone(),
        };
        (event["ip"].clone(), visitor)
    }
    let null = Value::Null;
    use GpcPolicy::{Count, Ignore};
    use IpPolicy::{Keep, Truncate};
    assert_eq!(shown(Truncate, Count, "", false), (json!("203.0.113.0"), json!("hash")));
    assert_eq!(shown(Keep, Count, "", false), (json!("203.0.113.7"), json!("hash")));
    assert_eq!(shown(IpPolicy::Drop, Count, "", false), (null.clone(), json!("hash")));
    assert_eq!(shown(Keep, Count, "visitor=u7", false), (json!("203.0.113.7"), json!("u7")));
    assert_eq!(shown(Keep, Count, "", true), (null.clone(), null.clone()));
    assert_eq!(shown(Keep, Count, "visitor=u7", true), (null.clone(), null));
    assert_eq!(shown(Keep, Ignore, "visitor=u7", true), (json!("203.0.113.7"), json!("u7")));
}

#[test]
fn a_visitor_is_one_per_site_address_and_agent() {
    let ingest = ingest(IpPolicy::Drop, GpcPolicy::Count);
    let visitor = |query: &str, caller: &Caller<'_>| pixel(&ingest, query, caller)["visitor"].clone();
    let one = visitor("site=a&page=/1", &person());
    assert_eq!(one, visitor("site=a&page=/2", &person()));
    let mapped = Caller { address: Some("::ffff:203.0.113.7".parse().unwrap()), ..person() };
    assert_eq!(one, visitor("site=a", &mapped));
    assert_ne!(one, visitor("site=b", &person()));
    let neighbour = Caller { address: Some("203.0.113.8".parse().unwrap()), ..person() };
    assert_ne!(one, visitor("site=a", &neighbour));
    assert_ne!(one, visitor("site=a", &Caller { user_agent: None, ..person() }));
    assert_eq!(visitor("site=a", &Caller { address: None, ..person() }), Value::Null);
}

#[test]
fn dropped_for_gpc_is_not_in_the_buffer() {
    let ingest = ingest(IpPolicy::Keep, GpcPolicy::Drop);
    let caller = Caller { gpc: true, ..person() };
    let mut records = Records::new();
    assert_eq!(ingest.pixel(b"site=a", &caller, now(), &mut records).unwrap(), Taken::Dropped("gpc"));
    let taken = ingest.events(br#"[{"event":"a"},{"event":"b"}]"#, &caller, now(), &mut records).unwrap();
    let reason = || "gpc".to_owned();
    let rejected = vec![Rejected { index: 0, reason: reason() }, Rejected { index: 1, reason: reason() }];
    assert_eq!(taken, TakenBatch { ids: vec![], rejected });
    assert!(records.is_empty());
    assert!(matches!(ingest.pixel(b"", &person(), now(), &mut records).unwrap(), Taken::Stored(_)));
    assert_eq!(records.len(), 1);
}

#[test]
fn one_bad_event_never_rejects_its_neighbours() {
    let ingest = ingest(IpPolicy::Truncate, GpcPolicy::Count);
    let mut records = Records::new();
    let body =
        b"[{\"event\":\"a\",\"id\":\"0190b5a0-1111-7abc-8def-000000000001\"}, 7, {\"event\":\"b\\ud800\"},
        {\"event\":\"c\xff\"}, {\"event\":\"\"}, {\"event\":\"d\",\"site\":[]}, {\"event\":\"e\"}]";
    let taken = ingest.events(body, &person(), now(), &mut records).unwrap();
    assert_eq!(taken.ids.len(), 3);
    assert_eq!(taken.ids[0].to_string(), "0190b5a0-1111-7abc-8def-000000000001");
    let reasons: Vec<_> = taken.rejected.iter().map(|r| (r.index, r.reason.as_str())).collect();
    let expected = [
        (1, "expected an event object, got a number"),
        (3, "not UTF-8 (the first wrong byte of the body is byte 103, counted from 0)"),
        (4, "event: missing, name what happened in 1 to 200 characters"),
        (5, "site: expected a string, got an array"),
    ];
    assert_eq!(reasons, expected);
    assert_eq!(records.len(), 3);
}

#[test]
fn a_malformed_body_leaves_the_buffer_as_it_was() {
    let ingest = ingest(IpPolicy::Truncate, GpcPolicy::Count);
    let mut records = Records::new();
    let too_many = format!("[{}]", vec!["{\"event\":\"a\"}"; 501].join(","));
    for body in [
        &b"{\"event\":\"a\"}]"[..],
        b"",
        b"null",
        b"[{\"event\":\"a\"},]",
        too_many.as_bytes(),
        b"\xff\xfe[\0]\0",
    ] {
        ingest.events(body, &person(), now(), &mut records).unwrap_err();
    }
    assert!(records.is_empty());
    assert_eq!(ingest.events(b"[]", &person(), now(), &mut records).unwrap(), TakenBatch::default());
}

#[test]
fn an_event_from_a_back_end_is_classed_as_such() {
    let ingest = ingest(IpPolicy::Keep, GpcPolicy::Count);
    let event = |agent: &'static str, body: &str| -> Value {
        let caller = Caller { user_agent: Some(agent.as_bytes()), ..person() };
        let hit = item::read(body, now()).unwrap();
        serde_json::from_slice(&line(&ingest, hit, &caller)).unwrap()
    };
    check(
        &event("python-requests/2.32", r#"{"event":"paid"}"#),
        &json!({
            "source": "api", "class": "server", "class_reasons": ["ua_library"], "visitor": null, "device": "bot",
            "referrer_group": null, "ip": "203.0.113.7", "browser": "Python Requests",
        }),
    );
    check(&event("python-requests/2.32", r#"{"event":"paid","visitor":"u7"}"#), &json!({"visitor": "u7"}));
    check(
        &event(CHROME, r#"{"event":"click","sent_at":"2026-02-10T20:00:00Z","props":{"n":1}}"#),
        &json!({
            "class": "human", "class_reasons": null, "sent_at": "2026-02-10T20:00:00.000Z", "props": {"n": 1},
            "flags": ["clock_skew"],
        }),
    );
}

#[test]
fn every_field_at_its_limit_stays_below_the_whole() {
    let ingest = ingest(IpPolicy::Keep, GpcPolicy::Count);
    let text = |bytes: usize| "\\\"".repeat(bytes);
    let url = |bytes: usize| format!("https://{}.example/{}", "h".repeat(250), "%22".repeat(bytes / 3));
    let body = json!({
        "event": "\"".repeat(200), "site": text(255), "page": url(2048), "ref": url(2048), "title": text(1024),
        "visitor": text(1024), "utm_source": text(1024), "utm_medium": text(1024), "utm_campaign": text(1024),
        "utm_term": text(1024), "utm_content": text(1024), "props": {"x": "x".repeat(limits::PROPS_BYTES_MAX - 8)},
    })
    .to_string();
    let agent = text(1024);
    let caller = Caller { user_agent: Some(agent.as_bytes()), ..person() };
    let line = line(&ingest, item::read(&body, now()).unwrap(), &caller);
    assert!(
        line.len() > limits::PROPS_BYTES_MAX && line.len() <= limits::ENCODED_BYTES_MAX,
        "{}",
        line.len()
    );
}

fn within_limits(event: &Event<'_>) {
    let at_most = |text: &Option<std::borrow::Cow<'_, str>>, bytes_max: usize| {
        assert!(text.as_ref().is_none_or(|text| !text.is_empty() && text.len() <= bytes_max), "{text:?}");
    };
    assert!((1..=limits::EVENT_CHARS_MAX).contains(&event.event.chars().count()));
    assert!((1..=limits::SITE_BYTES_MAX).contains(&event.site.len()));
    at_most(&event.page_url, limits::URL_BYTES_MAX);
    at_most(&event.page_path, limits::URL_BYTES_MAX);
    at_most(&event.referrer_url, limits::URL_BYTES_MAX);
    for text in [&event.title, &event.visitor, &event.utm_source, &event.utm_medium, &event.page_host] {
        at_most(text, limits::TEXT_BYTES_MAX);
    }
    at_most(&event.user_agent, limits::USER_AGENT_BYTES_MAX);
    at_most(&event.language, limits::LANGUAGE_BYTES_MAX);
    assert!(event.props.as_json().len() <= limits::PROPS_BYTES_MAX);
    let props: Value = serde_json::from_str(event.props.as_json()).unwrap();
    assert!(props.as_object().unwrap().len() <= limits::PROPS_KEYS_MAX);
}

/// What a line of the archive must be, whatever was sent.
fn sound(line: &[u8]) {
    assert!(line.len() <= limits::ENCODED_BYTES_MAX);
    assert!(!line.contains(&b'\n'));
    let event = Event::decode(line).unwrap();
    within_limits(&event);
    let value: Value = serde_json::from_slice(line).unwrap();
    assert!(!value.to_string().contains("\\u0000"));
}

/// Bytes that are likely to hit a branch: parameters, escapes, URLs, and anything.
fn query() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        Just(b"&".to_vec()),
        Just(b"=".to_vec()),
        prop::sample::select(vec![
            "site",
            "id",
            "page",
            "ref",
            "title",
            "event",
            "visitor",
            "utm_source",
            "x",
            "y"
        ])
        .prop_map(|name| format!("&{name}=").into_bytes()),
        prop::sample::select(vec![
            "https://",
            "u:p@",
            "//",
            "[",
            "%00",
            "%ff",
            "%0a",
            "+",
            "%",
            "example.com",
            "#",
            "?utm_term=z"
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
        prop::collection::vec(any::<u8>(), 0..20),
        (any::<u8>(), 0..4000_usize).prop_map(|(byte, n)| vec![byte; n]),
    ];
    prop::collection::vec(part, 0..30).prop_map(|parts| parts.concat())
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        Just(json!("0190b5a0-1111-7abc-8def-000000000001")),
        Just(json!("2026-02-10T21:04:05Z")),
    ];
    leaf.prop_recursive(6, 64, 8, |inner| {
        let name = prop_oneof![
            prop::sample::select(vec![
                "event", "events", "site", "page", "ref", "id", "sent_at", "props", "visitor"
            ])
            .prop_map(str::to_owned),
            any::<String>(),
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            prop::collection::btree_map(name, inner, 0..8)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_query_is_stored(
        query in query(),
        user_agent in prop::option::of(prop::collection::vec(any::<u8>(), 0..1500)),
        referer in prop::option::of(query()),
        language in prop::option::of(prop::collection::vec(any::<u8>(), 0..50)),
        address in prop::option::of(any::<IpAddr>()),
        gpc in any::<bool>(),
    ) {
        let ingest = ingest(IpPolicy::Truncate, GpcPolicy::Count);
        let caller = Caller {
            address,
            user_agent: user_agent.as_deref(),
            referer: referer.as_deref(),
            accept_language: language.as_deref(),
            purpose: language.as_deref(),
            via: referer.as_deref(),
            gpc,
        };
        let mut records = Records::new();
        let taken = ingest.pixel(&query, &caller, now(), &mut records).unwrap();
        prop_assert!(matches!(taken, Taken::Stored(_)));
        prop_assert_eq!(records.len(), 1);
        sound(&line(&ingest, query::read(&query), &caller));
    }

    #[test]
    fn any_json_is_taken_apart_or_refused(value in value()) {
        let ingest = ingest(IpPolicy::Truncate, GpcPolicy::Count);
        for text in [value.to_string(), serde_json::to_string_pretty(&value).unwrap(), format!("[{value},{value}]")] {
            let mut records = Records::new();
            if let Ok(taken) = ingest.events(text.as_bytes(), &person(), now(), &mut records) {
                let items = body::split(&text).unwrap();
                prop_assert_eq!(taken.ids.len() + taken.rejected.len(), items.len());
                prop_assert_eq!(records.len(), taken.ids.len());
                for hit in items.into_iter().filter_map(|item| item::read(item, now()).ok()) {
                    sound(&line(&ingest, hit, &person()));
                }
            }
        }
    }

    #[test]
    fn any_props_come_out_as_they_went_in(props in prop::collection::btree_map("[a-z]{1,8}", value(), 0..8)) {
        let props = Value::Object(props.into_iter().collect());
        let body = json!({"event": "a", "props": props}).to_string();
        let hit = item::read(&body, now()).unwrap();
        if hit.flags == Default::default() {
            let read = |text: &str| serde_json::from_str::<Value>(text).unwrap();
            prop_assert_eq!(read(hit.props.as_json()), read(&props.to_string()));
        }
    }

    #[test]
    fn any_bytes_as_body_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..200), cut in 0..200_usize) {
        let ingest = ingest(IpPolicy::Truncate, GpcPolicy::Count);
        let mut records = Records::new();
        let wrapped = [b"[{\"event\":\"".as_slice(), &bytes, b"\",\"x\":{\"y\":[1,2,{}]}}]"].concat();
        for body in [&bytes[..], &wrapped, &wrapped[..cut.min(wrapped.len())]] {
            if let Ok(taken) = ingest.events(body, &person(), now(), &mut records) {
                prop_assert!(taken.ids.len() + taken.rejected.len() <= limits::BATCH_EVENTS_MAX);
            }
        }
    }
}

#[test]
fn sources_and_classes_are_told_apart() {
    let ingest = ingest(IpPolicy::Truncate, GpcPolicy::Count);
    let class = |source, agent: &[u8]| {
        let caller = Caller { user_agent: Some(agent), ..person() };
        ingest.enrich(RawHit::new(source), &mut Sender::of(&ingest, &caller), now(), |event, _| event.class)
    };
    assert_eq!(class(Source::Pixel, b"Mozilla/5.0"), Class::MailProxy);
    assert_eq!(class(Source::Pixel, b"curl/8.5.0"), Class::Bot);
    assert_eq!(class(Source::Api, b"curl/8.5.0"), Class::Server);
    assert_eq!(
        class(Source::Api, b"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"),
        Class::Bot
    );
}
