//! The end of serving: what is in flight is answered, what is idle is closed, what hangs is cut and counted.

use std::time::Duration;

use onepixel_gateway::{Served, serve};
use tokio::net::TcpListener;

use crate::client::{Client, get};
use crate::edge::Edge;

const EVENT: &str = r#"{"event":"a"}"#;

#[tokio::test]
async fn a_request_in_flight_is_answered_and_idle_connections_are_closed() {
    let mut edge = Edge::start(|_| ()).await;
    let mut idle = edge.connect().await;
    idle.send(get("/p.gif", &[])).await;
    assert_eq!(idle.answer().await.status, 200);
    let mut busy = edge.connect().await;
    let length = EVENT.len();
    busy.send(format!("POST /e HTTP/1.1\r\ncontent-type: text/plain\r\ncontent-length: {length}\r\n\r\n"))
        .await;
    edge.metric_becomes("onepixel_requests_in_flight", 1).await;

    edge.shutdown.cancel();
    assert!(idle.is_closed().await);
    busy.send(EVENT).await;
    let answer = busy.answer().await;
    assert_eq!((answer.status, answer.header("connection")), (202, Some("close")));
    assert!(busy.is_closed().await);
    drop(busy);
    assert_eq!(edge.served().await, Served { cut: 0 });
    edge.stored(2).await;
    assert!(tokio::net::TcpStream::connect(edge.address).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn what_is_still_open_at_the_deadline_is_cut_and_counted() {
    let mut edge = Edge::with_drain(Duration::from_millis(50)).await;
    let mut hanging = Vec::new();
    for _ in 0..3 {
        let mut client: Client = edge.connect().await;
        client.send("POST /e HTTP/1.1\r\ncontent-type: text/plain\r\ncontent-length: 9\r\n\r\n").await;
        hanging.push(client);
    }
    edge.metric_becomes("onepixel_requests_in_flight", 3).await;
    edge.shutdown.cancel();
    assert_eq!(edge.served().await, Served { cut: 3 });
    for client in &mut hanging {
        assert_eq!(client.answer_or_end().await, None);
    }
    assert_eq!(edge.metric("onepixel_connections"), 0);
}

#[tokio::test]
async fn several_runtimes_can_serve_one_gateway() {
    let mut edge = Edge::start(|_| ()).await;
    let (tell, told) = tokio::sync::oneshot::channel();
    let (gateway, shutdown) = (edge.gateway.clone(), edge.shutdown.clone());
    let second = std::thread::Builder::new();
    let second = second.spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            tell.send(listener.local_addr().unwrap()).unwrap();
            serve(listener, gateway, shutdown, Duration::from_secs(10)).await
        })
    });
    let second_address = told.await.unwrap();
    for _ in 0..10 {
        for address in [edge.address, second_address] {
            let mut client = Client::connect(address).await;
            client.send(get("/p.gif", &[])).await;
            assert_eq!(client.answer().await.status, 200);
        }
    }
    edge.stored(20).await;
    edge.shutdown.cancel();
    assert_eq!(edge.served().await, Served { cut: 0 });
    assert_eq!(second.unwrap().join().unwrap(), Served { cut: 0 });
}
