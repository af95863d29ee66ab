//! Whose address counts, seen from the fallback and in what is stored.

use std::net::IpAddr;

use crate::client::get;
use crate::edge::Edge;

const TRUSTED: &str = "x-forwarded-for: 203.0.113.9, 198.51.100.7";

#[tokio::test]
async fn a_header_is_believed_from_a_trusted_peer_only() {
    let edge = Edge::start(|settings| settings.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()]).await;
    let seen = edge.ask(get("/client", &[TRUSTED])).await;
    assert_eq!(String::from_utf8(seen.body).unwrap(), "198.51.100.7");
    let seen = edge.ask(get("/client", &["forwarded: for=\"[2001:db8::7]:1\""])).await;
    assert_eq!(String::from_utf8(seen.body).unwrap(), "2001:db8::7");
    assert_eq!(edge.ask(get("/p.gif", &[TRUSTED])).await.status, 200);
    assert_eq!(edge.stored(1).await[0]["ip"], "198.51.100.0", "truncated by the privacy policy");

    let edge = Edge::start(|_| ()).await;
    let seen = edge.ask(get("/client", &[TRUSTED])).await;
    assert!(String::from_utf8(seen.body).unwrap().parse::<IpAddr>().unwrap().is_loopback());
}
