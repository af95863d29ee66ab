//! What API Gateway's templates make of a POST, put into Kinesis as it is and read by the consumer's reader.

use std::collections::BTreeMap;
use std::path::Path;

use onepixel_aws::record::{Content, RawBody};
use onepixel_aws_tests::servers::{Kinesalite, Stream};
use onepixel_aws_tests::template::{Rendered, Rendering, render};
use serde_json::{Value, json};

const AT_MS: u64 = 1_795_694_400_123;
/// What a caller may try to break out with.
const HOSTILE: &str =
    "\"},{\"raw\":1}\n\r\t\\ $input.body ${q} $!util #set($record = 1) #end ## 'x' <b> \u{1f47e} é";
/// Below it a record fits into a stream that nobody gave larger records; the template's base64 makes it a third longer.
const FITS_BYTES: usize = 780_000;
const BODY_BYTES_MAX: usize = 1_048_576;

fn template(name: &str) -> String {
    let modules = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/terraform/modules");
    let file = modules.join("onepixel/templates").join(name);
    std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

fn request(body: &[u8], headers: &[(&str, &str)]) -> Rendering {
    Rendering {
        body: body.to_vec().into(),
        headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        at_ms: AT_MS,
        request_id: "c6af9ac6-7b61-11e6-9a41-93e8deadbeef".to_owned(),
        source_ip: "2001:db8::7".to_owned(),
        stage_variables: BTreeMap::from([
            ("stream".to_owned(), "events".to_owned()),
            ("origins".to_owned(), ",https://a.example,https://b.example,".to_owned()),
        ]),
    }
}

/// Asks Kinesis for what a template wrote, as API Gateway does; gives the status and the answer.
async fn put(url: &str, rendered: &str) -> (u16, Vec<u8>) {
    let (url, body) = (url.to_owned(), rendered.to_owned());
    let asking = tokio::task::spawn_blocking(move || {
        let agent = ureq::Agent::config_builder().http_status_as_error(false).build().new_agent();
        let request = agent.post(&url).header("content-type", "application/x-amz-json-1.1");
        let request = request.header("x-amz-target", "Kinesis_20131202.PutRecord").header(
            "authorization",
            "AWS4-HMAC-SHA256 Credential=k/20261126/us-east-1/kinesis/aws4_request, SignedHeaders=host, Signature=0",
        );
        let mut answer = request.header("x-amz-date", "20261126T000000Z").send(body).unwrap();
        (answer.status().as_u16(), answer.body_mut().read_to_vec().unwrap())
    });
    asking.await.unwrap()
}

fn raw(data: &[u8]) -> RawBody {
    match Content::read(data) {
        Content::Raw(raw) => *raw,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn any_body_and_any_header_come_through_kinesis_byte_for_byte() {
    let every_byte_of_text: String = (0..=0x7f_u8).map(char::from).collect();
    let bodies: Vec<Vec<u8>> = vec![
        b"".to_vec(),
        b"{\"site\":\"a\",\"event\":\"visit\"}".to_vec(),
        HOSTILE.into(),
        every_byte_of_text.into(),
        b"\0\0\0".to_vec(),
        "\u{feff}\u{2028}\u{2029}\u{10ffff}e\u{301}\u{1f468}\u{200d}\u{1f469}".into(),
        b"#set($util = '')$util.base64Encode('x')#foreach($x in [1..9])$x#end#stop".to_vec(),
        HOSTILE.as_bytes().iter().copied().cycle().take(FITS_BYTES / 4).collect(),
        "\u{1f4a9}".repeat(FITS_BYTES / 4).into(),
        b"\xff\xfe{\"a\":\"\xc3\x28\"}\xe2\x82 \xf0\x9f".to_vec(),
    ];
    let headers = [
        ("User-Agent", HOSTILE),
        ("content-type", "application/json; charset=\"$x\""),
        ("REFERER", "https://a.example/?q=\"#set($a=1)"),
        ("Accept-Language", "de-CH"),
        ("Sec-GPC", "1"),
        ("__proto__", "1"),
        ("constructor", "1"),
    ];
    let server = Kinesalite::start().await.unwrap();
    let endpoints = server.endpoints();
    let stream = Stream::create(&endpoints, "events", 1).await.unwrap();
    let requests: Vec<Rendering> = bodies.iter().map(|body| request(body, &headers)).collect();
    for rendered in render(&template("record.vtl"), &requests).await.unwrap() {
        let (status, answer) = put(&endpoints.kinesis, &rendered.text).await;
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&answer));
    }
    let stored = stream.read_all().await.unwrap();
    assert_eq!(stored.len(), bodies.len());
    for (stored, sent) in stored.iter().zip(&bodies) {
        let raw = raw(&stored.data);
        // API Gateway's payload is text: what is not UTF-8 was replaced before the template saw it.
        assert_eq!(raw.body, String::from_utf8_lossy(sent).as_bytes());
        assert_eq!(stored.key, "c6af9ac6-7b61-11e6-9a41-93e8deadbeef");
        assert_eq!(raw.at, onepixel_event::Time::from_ms(i64::try_from(AT_MS).unwrap()));
        assert_eq!(raw.address, Some("2001:db8::7".parse().unwrap()));
        assert!(raw.gpc);
        let header = |value: Option<Vec<u8>>| String::from_utf8(value.unwrap()).unwrap();
        assert_eq!(header(raw.headers.user_agent), HOSTILE);
        assert_eq!(header(raw.headers.content_type), "application/json; charset=\"$x\"");
        assert_eq!(header(raw.headers.referer), "https://a.example/?q=\"#set($a=1)");
        assert_eq!(header(raw.headers.language), "de-CH");
    }
}

#[tokio::test]
async fn a_request_without_headers_is_read_and_the_limit_is_the_gateways() {
    let (largest, too_large) = (vec![b'x'; BODY_BYTES_MAX], vec![b'x'; BODY_BYTES_MAX + 1]);
    let requests = [request(&largest, &[]), request(&too_large, &[])];
    let rendered = render(&template("record.vtl"), &requests).await.unwrap();
    let asked: Vec<Value> = rendered.iter().map(|one| serde_json::from_str(&one.text).unwrap()).collect();
    // Kinesalite takes no record over 1 MiB, so the largest is read from the template's own words.
    let data = base64::Engine::decode(
        &base64::engine::general_purpose::STANDARD,
        asked[0]["Data"].as_str().unwrap(),
    );
    let raw = raw(&data.unwrap());
    assert_eq!((raw.body, raw.gpc, raw.headers.user_agent), (largest, false, None));
    assert_eq!(asked[1], json!({"StreamName": "events", "PartitionKey": "", "Data": ""}));
}

/// The answer to the client for an answer of Kinesis.
async fn answered(name: &str, answer: &[u8], headers: &[(&str, &str)]) -> Rendered {
    let mut rendered = render(&template(name), &[request(answer, headers)]).await.unwrap();
    rendered.remove(0)
}

#[tokio::test]
async fn the_answer_says_where_the_body_is_or_why_it_is_not_kept() {
    let server = Kinesalite::start().await.unwrap();
    let endpoints = server.endpoints();
    let stream = Stream::create(&endpoints, "events", 1).await.unwrap();
    let bodies = [request(b"{}", &[]), request(&vec![b'x'; BODY_BYTES_MAX + 1], &[])];
    let rendered = render(&template("record.vtl"), &bodies).await.unwrap();

    let (status, answer) = put(&endpoints.kinesis, &rendered[0].text).await;
    let stored = answered("stored.vtl", &answer, &[]).await;
    let body: Value = serde_json::from_str(&stored.text).unwrap();
    let record = &stream.read_all().await.unwrap()[0];
    assert_eq!((status, &body["queued"]), (200, &json!(true)));
    assert_eq!((&body["shard"], &body["sequence"]), (&json!(record.shard), &json!(record.sequence)));

    let (status, answer) = put(&endpoints.kinesis, &rendered[1].text).await;
    let refused = answered("refused.vtl", &answer, &[]).await;
    assert_eq!((status, &refused.overrides["status"]), (400, &json!(413)), "{refused:?}");
    assert!(serde_json::from_str::<Value>(&refused.text).unwrap()["error"].is_string());

    let throttled = br#"{"__type":"ProvisionedThroughputExceededException","message":"Rate exceeded"}"#;
    for answer in [&throttled[..], b"", b"<html>", b"{}", b"null"] {
        let refused = answered("refused.vtl", answer, &[]).await;
        assert_eq!(refused.overrides["status"], 503, "{refused:?}");
        assert_eq!(refused.overrides["header"]["Retry-After"], "1");
    }
    assert_eq!(stream.read_all().await.unwrap().len(), 1);
}

#[tokio::test]
async fn only_an_origin_that_may_post_is_named() {
    for (origin, named) in [
        ("https://a.example", true),
        ("https://b.example", true),
        ("https://c.example", false),
        ("https://a.example,https://b.example", false),
        ("https://a.exampl", false),
        ("", false),
    ] {
        let rendered = answered("origin.vtl", b"", &[("oRigin", origin)]).await;
        let allowed = &rendered.overrides["header"]["Access-Control-Allow-Origin"];
        assert_eq!(allowed == origin, named, "{origin}: {rendered:?}");
        assert_eq!(allowed.is_null(), !named, "{origin}: {rendered:?}");
    }
}
