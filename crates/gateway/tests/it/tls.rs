//! Encrypted connections: the same answers, and an end for whoever does not speak TLS.

use std::sync::Arc;
use std::time::Duration;

use onepixel_gateway::Settings;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};

use crate::client::{get, post_json};
use crate::edge::Edge;

/// A server's side and the client's that trusts it.
fn pair() -> (ServerConfig, ClientConfig) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let (cert, key) = (made.cert.der().clone(), PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let provider = || Arc::new(aws_lc_rs::default_provider());
    let server =
        ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions().unwrap();
    let server = server.with_no_client_auth().with_single_cert(vec![cert.clone()], key.into()).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(cert.to_vec())).unwrap();
    let client =
        ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions().unwrap();
    (server, client.with_root_certificates(roots).with_no_client_auth())
}

async fn edge(server: ServerConfig) -> Edge {
    Edge::start(|settings: &mut Settings| {
        settings.tls = Some(Arc::new(server));
        settings.limits.handshake_max = Duration::from_millis(200);
    })
    .await
}

#[tokio::test]
async fn both_doors_answer() {
    let (server, client) = pair();
    let edge = edge(server).await;
    let tcp = TcpStream::connect(edge.address).await.unwrap();
    let connector = TlsConnector::from(Arc::new(client));
    let mut tls = connector.connect("localhost".try_into().unwrap(), tcp).await.unwrap();
    for (request, status) in [
        (get("/p.gif?site=a", &[]).into_bytes(), "HTTP/1.1 200 OK"),
        (post_json(r#"{"event":"x"}"#), "HTTP/1.1 202 Accepted"),
        (get("/p.gif?site=b", &["connection: close"]).into_bytes(), "HTTP/1.1 200 OK"),
    ] {
        tls.write_all(&request).await.unwrap();
        let mut start = vec![0; status.len()];
        tls.read_exact(&mut start).await.unwrap();
        assert_eq!(String::from_utf8(start).unwrap(), status);
        // The rest of a small answer is there with its start.
        let mut rest = vec![0; 4096];
        assert!(tls.read(&mut rest).await.unwrap() > 0);
    }
    assert_eq!(tls.read(&mut [0; 1]).await.unwrap(), 0, "closed as asked, with a proper end");
    edge.stored(3).await;
}

#[tokio::test]
async fn who_does_not_speak_tls_is_counted_and_closed() {
    let (server, _) = pair();
    let edge = edge(server).await;
    let mut talks = TcpStream::connect(edge.address).await.unwrap();
    talks.write_all(get("/p.gif", &[]).as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // An alert, or nothing; never HTTP.
    let ended = talks.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP"), "{ended:?}");
    let mut silent = TcpStream::connect(edge.address).await.unwrap();
    assert!(!matches!(silent.read(&mut [0; 1]).await, Ok(1..)));
    edge.metric_becomes("onepixel_rejected_total{reason=\"tls_handshake\"}", 2).await;
    edge.metric_becomes("onepixel_connections", 0).await;
    edge.stored(0).await;
}
