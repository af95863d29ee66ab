//! Remote stores: in memory, out of reach, silent, or unwilling.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::TryStreamExt;
use object_store::ObjectStoreExt;
use object_store::memory::InMemory;
use onepixel_archive::{Archive, ArchiveSink};
use onepixel_consumer::{Sink, SinkError};

use crate::{HOUR_21, batch, record};

const SECRET: &str = "wJalrXUtnFEMI-do-not-show";

fn s3(address: SocketAddr, timeout: &str) -> ArchiveSink {
    let variables = [
        ("AWS_ENDPOINT_URL", format!("http://{address}")),
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", SECRET.to_owned()),
        ("AWS_TIMEOUT", timeout.to_owned()),
        ("AWS_SESSION_TOKEN", String::new()),
    ];
    let variables = variables.map(|(key, value)| (key.to_owned(), value));
    let archive = Archive::open_with("s3://badges/pixel", Path::new("/nowhere"), variables).unwrap();
    assert_eq!(archive.url(), "s3://badges/pixel");
    ArchiveSink::new(archive)
}

/// Writes one record and expects `Unavailable` soon, with a message that helps and tells no secret.
async fn check_unavailable(mut sink: ArchiveSink, expected: &str) {
    let started = Instant::now();
    let error = sink.write(&batch(vec![record(7, 0)])).await.unwrap_err();
    let text = error.to_string();
    assert!(started.elapsed() < Duration::from_secs(20), "{text}");
    assert!(matches!(error, SinkError::Unavailable(_)), "{text}");
    assert!(text.contains("s3://badges/pixel/events/year=2026/"), "{text}");
    assert!(text.contains(expected), "{text}");
    assert!(!text.contains(SECRET), "{text}");
    let error = sink.replay(0, &record(7, 0)).await.unwrap_err();
    assert!(matches!(error, SinkError::Unavailable(_)) && !error.to_string().contains(SECRET), "{error}");
}

/// A server that reads a request and answers with `answer`; it lives as long as the test process.
fn server(answer: Option<&'static str>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let serve = move || {
        let mut silent = Vec::new();
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            match answer {
                Some(answer) => {
                    let read = stream.read(&mut [0; 16 * 1024]).unwrap();
                    assert!(read > 0);
                    let length = answer.len() - answer.find("\r\n\r\n").unwrap() - 4;
                    let answer = answer.replacen("\r\n", &format!("\r\ncontent-length: {length}\r\n"), 1);
                    stream.write_all(answer.as_bytes()).unwrap();
                }
                None => silent.push(stream),
            }
        }
    };
    std::thread::Builder::new().name("server".to_owned()).spawn(serve).unwrap();
    address
}

#[tokio::test]
async fn a_closed_port_is_unavailable() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    check_unavailable(s3(address, "60s"), "check the endpoint, the network").await;
}

#[tokio::test]
async fn a_silent_server_is_unavailable_after_the_time_limit() {
    check_unavailable(s3(server(None), "300ms"), "check the endpoint, the network").await;
}

#[tokio::test]
async fn a_missing_bucket_and_a_wrong_key_are_set_up_not_content() {
    let missing =
        "HTTP/1.1 404 Not Found\r\nconnection: close\r\n\r\n<Error><Code>NoSuchBucket</Code></Error>";
    check_unavailable(s3(server(Some(missing)), "60s"), "check that the bucket exists").await;
    let refused = "HTTP/1.1 403 Forbidden\r\nconnection: close\r\n\r\n<Error><Code>SignatureDoesNotMatch</Code></Error>";
    check_unavailable(s3(server(Some(refused)), "60s"), "check the credentials").await;
    let broken = "HTTP/1.1 500 Internal Server Error\r\nconnection: close\r\n\r\n<Error><Code>InternalError</Code></Error>";
    check_unavailable(s3(server(Some(broken)), "60s"), "InternalError").await;
}

#[tokio::test]
async fn any_object_store_holds_the_same_layout_below_its_root() {
    let store = Arc::new(InMemory::new());
    let archive = Archive::over(store.clone(), "some/prefix".into(), "memory:///some/prefix");
    let mut sink = ArchiveSink::new(archive.clone());
    let records: Vec<_> = (0..100).map(|n| record(n, n as i64)).collect();
    for _ in 0..2 {
        sink.write(&batch(records.clone())).await.unwrap();
        sink.replay(0, &records[50]).await.unwrap();
    }
    store.put(&"some/prefix/events/other".into(), "x".into()).await.unwrap();
    store.put(&"some/prefix-of-another/events/other".into(), "x".into()).await.unwrap();
    let listed = archive.list().map_ok(|entry| format!("{entry:?}")).try_collect::<Vec<_>>().await.unwrap();
    assert_eq!(listed.len(), 2, "{listed:?}");
    assert!(
        listed.iter().any(|entry| entry.contains("Foreign") && entry.contains("\"events/other\"")),
        "{listed:?}"
    );
    let name = format!("{HOUR_21}/20260210T215959900Z-0-0-99.json.gz").parse().unwrap();
    let mut lines = Vec::new();
    archive.read_lines(&name, |line| lines.push(line.to_vec())).await.unwrap();
    assert!(records.iter().map(|r| &r.payload[..]).eq(lines.iter().map(|line| &line[..])));
}
