//! A gateway on a port of its own, with a stream in a folder of its own.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use onepixel_event::Time;
use onepixel_gateway::ingest::{GpcPolicy, Ingest, IngestSettings, IpPolicy, VisitorSalt};
use onepixel_gateway::{Client as Sender, Fallback, Gateway, Metrics, Served, Settings, serve};
use onepixel_stream::{Clock, OsDisk, Stream};
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::client::{Answer, Client};

const NOW_MS: u64 = 1_770_757_445_123;

pub(crate) struct Edge {
    pub(crate) address: SocketAddr,
    pub(crate) shutdown: CancellationToken,
    pub(crate) gateway: Arc<Gateway>,
    /// Sends the pieces of the answer to `/stream`; closed when nobody waits for them.
    pub(crate) pieces: mpsc::Sender<Bytes>,
    stream: Stream,
    registry: Registry,
    serving: JoinSet<Served>,
    _dir: tempfile::TempDir,
}

impl Edge {
    /// An edge with these changes to the default settings.
    pub(crate) async fn start(change: impl FnOnce(&mut Settings)) -> Self {
        Self::build(change, GpcPolicy::Count, 0, Duration::from_secs(10)).await
    }

    pub(crate) async fn with_gpc_drop(change: impl FnOnce(&mut Settings)) -> Self {
        Self::build(change, GpcPolicy::Drop, 0, Duration::from_secs(10)).await
    }

    /// One that waits only so long for its connections at the end.
    pub(crate) async fn with_drain(drain_max: Duration) -> Self {
        Self::build(|_| (), GpcPolicy::Count, 0, drain_max).await
    }

    /// One whose disk counts as full from the start.
    pub(crate) async fn without_space() -> Self {
        Self::build(|_| (), GpcPolicy::Count, u64::MAX, Duration::from_secs(10)).await
    }

    async fn build(
        change: impl FnOnce(&mut Settings),
        gpc: GpcPolicy,
        watermark: u64,
        drain_max: Duration,
    ) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock: Clock = Arc::new(|| NOW_MS);
        let mut stored = onepixel_stream::Settings::new(dir.path().join("stream"));
        stored.disk_watermark_bytes = watermark;
        let (stream, _) = Stream::open(Arc::new(OsDisk), stored, clock.clone()).unwrap();
        let salt = VisitorSalt::in_memory(Time::from_ms(NOW_MS as i64));
        let ingest = Ingest::new(IngestSettings { ip: IpPolicy::Truncate, gpc }, salt, None);
        let mut settings = Settings::default();
        change(&mut settings);
        let metrics = Metrics::default();
        let mut registry = Registry::with_prefix("onepixel");
        metrics.register(&mut registry);
        let (pieces, streamed) = mpsc::channel(1);
        let fallback = fallback(streamed);
        let gateway = Gateway::new(settings, ingest, stream.clone(), clock, metrics, fallback).unwrap();
        let gateway = Arc::new(gateway);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let mut serving = JoinSet::new();
        serving.spawn(serve(listener, gateway.clone(), shutdown.clone(), drain_max));
        Self { address, shutdown, gateway, pieces, stream, registry, serving, _dir: dir }
    }

    pub(crate) async fn connect(&self) -> Client {
        Client::connect(self.address).await
    }

    /// One request on a connection of its own.
    pub(crate) async fn ask(&self, request: impl AsRef<[u8]>) -> Answer {
        let mut client = self.connect().await;
        client.send(request).await;
        client.answer().await
    }

    /// Sends the request until it is refused with 429; how often it was not.
    pub(crate) async fn ask_until_throttled(&self, request: impl AsRef<[u8]>) -> (Answer, usize) {
        for admitted in 0..1000 {
            let answer = self.ask(&request).await;
            if answer.status == 429 {
                return (answer, admitted);
            }
        }
        panic!("never throttled");
    }

    /// All that is durable, which must be this many events.
    pub(crate) async fn stored(&self, events: u64) -> Vec<serde_json::Value> {
        assert_eq!(self.stream.state().durable, events);
        if events == 0 {
            return Vec::new();
        }
        let mut reader = self.stream.reader(0);
        let mut stored = Vec::new();
        while (stored.len() as u64) < events {
            stored.extend(reader.next(1000, 1 << 20).await.unwrap());
        }
        stored.iter().map(|record| serde_json::from_slice(&record.payload).unwrap()).collect()
    }

    /// A metric by its whole name; 0 when it was never touched.
    pub(crate) fn metric(&self, name: &str) -> u64 {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.map_or(0, |value| value.parse().unwrap())
    }

    /// Waits until the metric has this value; what is counted when a connection has ended comes after its end.
    pub(crate) async fn metric_becomes(&self, name: &str, expected: u64) {
        for _ in 0..10_000 {
            if self.metric(name) == expected {
                return;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        panic!("{name} is {}, not {expected}", self.metric(name));
    }

    /// Waits for the end of serving, after `shutdown`.
    pub(crate) async fn served(&mut self) -> Served {
        self.serving.join_next().await.unwrap().unwrap()
    }
}

type Pieces = Arc<Mutex<Option<mpsc::Receiver<Bytes>>>>;

/// `/client` tells the client's address, `/stream` streams the pieces, all else is 404.
fn fallback(pieces: mpsc::Receiver<Bytes>) -> Fallback {
    let pieces: Pieces = Arc::new(Mutex::new(Some(pieces)));
    Fallback::new(tower::service_fn(move |request: Request<Incoming>| {
        let pieces = pieces.clone();
        async move { Ok::<_, Infallible>(route(&request, &pieces)) }
    }))
}

fn route(
    request: &Request<Incoming>,
    pieces: &Pieces,
) -> Response<http_body_util::combinators::UnsyncBoxBody<Bytes, Infallible>> {
    match request.uri().path() {
        "/client" => {
            let sender = request.extensions().get::<Sender>().unwrap();
            Response::new(Full::from(sender.address.to_string()).boxed_unsync())
        }
        "/stream" => {
            let pieces = pieces.lock().unwrap().take().unwrap();
            let frames = futures_util::stream::unfold(pieces, |mut pieces| async {
                let piece = pieces.recv().await?;
                Some((Ok(Frame::data(piece)), pieces))
            });
            Response::new(StreamBody::new(frames).boxed_unsync())
        }
        _ => {
            let mut response = Response::new(Full::default().boxed_unsync());
            *response.status_mut() = StatusCode::NOT_FOUND;
            response
        }
    }
}
