//! The wiring, in the order of an event's path: gateway, ingest, stream, consumers, dashboard.

use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use onepixel_archive::{Archive, ArchiveSink, Written};
use onepixel_consumer::{Checkpoint, Progress};
use onepixel_dashboard::access::{Access, AccessFile, Secret};
use onepixel_dashboard::{Dashboard, Edge, pages};
use onepixel_event::Time;
use onepixel_gateway::ingest::{GpcPolicy, Ingest, IngestSettings, IpPolicy, VisitorSalt};
use onepixel_gateway::{Client, Fallback, Gateway, LastRequests};
use onepixel_live::{LiveSink, LiveStore, Retention};
use onepixel_stream::{Clock, Offset, OsDisk, Stream};
use onepixel_view::View;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::balance::Balance;
use crate::config::{Durability, Gpc, Ip, Settings};
use crate::data_dir::DataDir;
use crate::front::Front;
use crate::meter::Meter;
use crate::metrics::Metrics;
use crate::pipelines::{self, Running};
use crate::{admin, clock, tls};

/// What the pages of the server look at.
pub(crate) struct Parts {
    pub(crate) stream: Stream,
    pub(crate) progress: Vec<(&'static str, Arc<Progress>)>,
    pub(crate) metrics: Metrics,
    pub(crate) edge: Edge,
    pub(crate) access: Arc<Access>,
    /// The last requests at the doors.
    pub(crate) last: LastRequests,
    /// Positions of the stream and, in the order of `progress`, of each consumer.
    pub(crate) meter: Meter,
    pub(crate) balance: Balance,
    /// The last objects of the archive, if it is written in this process.
    pub(crate) objects: Option<Written>,
    pub(crate) watermark_bytes: u64,
    pub(crate) retention_s: u64,
    /// Up to here a consumer that does not run in this process has finished the stream.
    pub(crate) elsewhere: Option<Offset>,
    /// Consumers that could not be started, and why.
    pub(crate) broken: Vec<(&'static str, String)>,
    pub(crate) stop: CancellationToken,
    clock: Clock,
}

impl Parts {
    pub(crate) fn now_ms(&self) -> u64 {
        (self.clock)()
    }

    /// Notes where everything is, for the rates.
    fn note(&self) {
        let consumers = self.progress.iter().map(|(_, progress)| progress.committed());
        let positions = std::iter::once(self.stream.state().durable).chain(consumers).collect();
        self.meter.note(self.now_ms(), positions);
    }
}

/// One server, ready to open its doors.
pub(crate) struct App {
    parts: Arc<Parts>,
    gateway: Arc<Gateway>,
    own_dashboard: Option<Router>,
    running: Vec<Running>,
    retention: Option<Arc<Mutex<Retention>>>,
}

/// How often the stream is told what every consumer has finished.
const RELEASE_EVERY: Duration = Duration::from_secs(1);
/// How often the live view forgets.
const FORGET_EVERY: Duration = Duration::from_secs(60);
/// How often it is looked whether `onepixel access` has changed who may sign in.
const ACCESS_EVERY: Duration = Duration::from_secs(5);
/// Between two pieces of a longer forgetting, for whoever waits for the lock.
const FORGET_PAUSE: Duration = Duration::from_millis(200);

impl App {
    /// Opens everything in `data_dir` and starts the consumers. `own_listener`: the dashboard has one of its own.
    /// `port` is the gateway's, `connections_max` what the system's limit on open files leaves for connections.
    pub(crate) fn open(
        settings: &Settings,
        data_dir: &DataDir,
        own_listener: bool,
        port: u16,
        connections_max: usize,
    ) -> anyhow::Result<Self> {
        let clock = clock::system();
        let stream = open_stream(settings, data_dir, &clock)?;
        let mut started = start_consumers(settings, data_dir, &stream, &clock);
        let archived = started.archived(settings, data_dir);
        let elsewhere = match settings.archive.enabled {
            // What a consumer needs that could not be started stays in the stream.
            _ if !started.broken.is_empty() => Some(0),
            true => None,
            false => Some(archived),
        };
        let (running, view) = (started.running, started.view);
        let gateway_metrics = onepixel_gateway::Metrics::default();
        let parts = Arc::new(Parts {
            stream: stream.clone(),
            progress: running.iter().map(|one| (one.name, one.progress.clone())).collect(),
            metrics: Metrics::new(|registry| gateway_metrics.register(registry)),
            edge: edge(settings, own_listener.then_some(port)),
            access: Access::open(Box::new(AccessFile::new(&data_dir.access())), clock.clone(), None),
            last: gateway_metrics.last_requests(),
            meter: Meter::default(),
            balance: Balance::new(data_dir.dead_letter(), "archive", archived),
            objects: started.objects,
            watermark_bytes: settings.stream.disk_watermark.0,
            retention_s: settings.stream.retention.0.as_secs(),
            elsewhere,
            broken: started.broken,
            stop: CancellationToken::new(),
            clock: clock.clone(),
        });
        let retention = view.is_some().then(|| {
            Arc::new(Mutex::new(Retention::new(&data_dir.live(), settings.live.ttl.0, clock.clone())))
        });
        let public = admin::routes();
        let pages = match settings.dashboard.enabled {
            true => dashboard(&parts, view)?,
            false => Router::new(),
        };
        let (fallback, own_dashboard) = if own_listener {
            let named = from_fn_with_state(parts.clone(), name_client);
            (public, Some(pages.fallback(nothing_here).layer(named)))
        } else {
            (public.merge(pages.with_state(())), None)
        };
        let fallback = fallback.fallback(other_path).with_state(parts.clone());
        let ingest = open_ingest(settings, data_dir, &clock)?;
        let fallback = Fallback::new(fallback);
        let mut edge = settings.gateway();
        edge.tls = tls::open(&settings.gateway.tls_cert, &settings.gateway.tls_key)?;
        edge.limits.connections_max = edge.limits.connections_max.min(connections_max);
        let gateway = Gateway::new(edge, ingest, stream, clock, gateway_metrics, fallback)?;
        Ok(Self { parts, gateway: Arc::new(gateway), own_dashboard, running, retention })
    }

    /// Serves until `stop`; ends when every request that was taken is answered, or after `requests_within`.
    pub(crate) fn doors(
        &self,
        gateway: TcpListener,
        dashboard: Option<TcpListener>,
        stop: CancellationToken,
        requests_within: Duration,
    ) -> anyhow::Result<impl Future<Output = anyhow::Result<()>> + use<>> {
        let front = Front::start(&gateway, &self.gateway, &stop, requests_within)?;
        let dashboard =
            dashboard.map(tokio::net::TcpListener::from_std).transpose()?.zip(self.own_dashboard.clone());
        Ok(async move {
            let pages = async {
                let Some((listener, pages)) = dashboard else { return Ok(()) };
                let closing = stop.clone();
                let pages = pages.into_make_service_with_connect_info::<SocketAddr>();
                let serving = axum::serve(listener, pages).with_graceful_shutdown(closing.cancelled_owned());
                let late = async {
                    stop.cancelled().await;
                    tokio::time::sleep(requests_within).await;
                };
                tokio::select! {
                    ended = serving.into_future() => ended.context("the dashboard's listener failed"),
                    () = late => Ok(()),
                }
            };
            let (cut, pages) = tokio::join!(front.ended(), pages);
            if cut > 0 {
                tracing::warn!(connections = cut, "some requests were not finished in time and are cut off");
            }
            pages
        })
    }

    /// What must be done now and then while the server runs: lets the stream delete what every consumer has
    /// finished, and the live view forget what is older than its time to live.
    pub(crate) async fn housekeeping(&self) -> Infallible {
        let mut release = tokio::time::interval(RELEASE_EVERY);
        let mut forget = tokio::time::interval(FORGET_EVERY);
        let mut access = tokio::time::interval(ACCESS_EVERY);
        loop {
            tokio::select! {
                _ = release.tick() => {
                    self.release();
                    self.parts.note();
                }
                _ = access.tick() => self.refresh_access().await,
                _ = forget.tick() => if self.forget().await {
                    forget.reset_after(FORGET_PAUSE);
                },
            }
        }
    }

    fn release(&self) {
        let finished =
            self.running.iter().map(|one| one.progress.committed()).chain(self.parts.elsewhere).min();
        if let Some(offset) = finished {
            self.parts.stream.release(offset);
        }
    }

    async fn refresh_access(&self) {
        let parts = self.parts.clone();
        match tokio::task::spawn_blocking(move || parts.access.refresh()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!("{error}"),
            Err(error) => {
                tracing::error!(%error, "looking at the access file failed by a fault in this program")
            }
        }
    }

    /// The token of a fresh one-time sign-in link, as long as no password is set; `None`, too, when there is no dashboard
    /// or the link could not be kept, which is said.
    pub(crate) fn sign_in_token(&self, settings: &Settings) -> Option<Secret> {
        if !settings.dashboard.enabled || self.parts.access.password_set() {
            return None;
        }
        let printed = self.parts.access.print_sign_in();
        printed.map_err(|error| tracing::error!("no sign-in link can be printed: {error}")).ok()
    }

    /// True when there is more to forget.
    async fn forget(&self) -> bool {
        let Some(retention) = self.retention.clone() else { return false };
        let forget = move || retention.lock().unwrap_or_else(PoisonError::into_inner).forget();
        match tokio::task::spawn_blocking(forget).await {
            Ok(Ok(forgotten)) => return forgotten.more,
            Ok(Err(error)) => {
                tracing::warn!(%error, "the live view cannot forget old rows now; trying again")
            }
            Err(error) => tracing::error!(%error, "forgetting old rows failed by a fault in this program"),
        }
        false
    }

    /// From now on `/readyz` is red and live feeds end.
    pub(crate) fn stopping(&self) {
        self.parts.stop.cancel();
    }

    /// Closes the stream and lets the consumers finish it, until `deadline`.
    pub(crate) async fn drain(self, deadline: Instant) -> anyhow::Result<()> {
        self.parts.stream.close().await;
        let end = self.parts.stream.state().durable;
        let progress: Vec<_> = self.parts.progress.clone();
        futures_util::future::join_all(self.running.into_iter().map(|one| one.drain(deadline))).await;
        for (name, progress) in progress {
            match end.saturating_sub(progress.committed()) {
                0 => tracing::info!(consumer = name, "everything is written"),
                pending => {
                    tracing::warn!(consumer = name, pending, "the rest is written after the next start")
                }
            }
        }
        Ok(())
    }
}

fn open_stream(settings: &Settings, data_dir: &DataDir, clock: &Clock) -> anyhow::Result<Stream> {
    let wanted = onepixel_stream::Settings {
        durability: match settings.stream.durability {
            Durability::Always => onepixel_stream::Durability::Always,
            Durability::Interval(span) => onepixel_stream::Durability::Interval(span.0),
        },
        retention: settings.stream.retention.0,
        disk_watermark_bytes: settings.stream.disk_watermark.0,
        ..onepixel_stream::Settings::new(data_dir.stream())
    };
    let (stream, recovered) = Stream::open(Arc::new(OsDisk), wanted, clock.clone()).with_context(|| {
        let folder = data_dir.stream();
        format!(
            "cannot open the stream in {}. Is --data-dir right, and may this user write there?",
            folder.display()
        )
    })?;
    if let Some(cut) = recovered.cut {
        tracing::warn!(
            path = %cut.path.display(), position = cut.position, bytes = cut.bytes,
            "the last commit before the crash was not finished, so never acknowledged: cut off"
        );
    }
    tracing::info!(next_offset = recovered.next, "stream open");
    Ok(stream)
}

/// The consumers of this process.
#[derive(Default)]
struct Started {
    running: Vec<Running>,
    view: Option<Arc<dyn View>>,
    objects: Option<Written>,
    broken: Vec<(&'static str, String)>,
}

impl Started {
    /// A sink that cannot be opened stops neither the intake nor the other one.
    fn broke(&mut self, name: &'static str, error: &anyhow::Error) {
        let error = crate::cli::with_causes(error);
        tracing::error!(
            consumer = name,
            "{error}. Events are taken and wait in the stream; mend it and restart"
        );
        self.broken.push((name, error));
    }

    /// Where the archive was when this process started. Without it nobody knows what the archive still needs.
    fn archived(&mut self, settings: &Settings, data_dir: &DataDir) -> Offset {
        match Checkpoint::open(&data_dir.checkpoint(), "archive") {
            Ok(checkpoint) => checkpoint.committed(),
            Err(error) => {
                // One that is run here has said so already.
                if !settings.archive.enabled {
                    self.broke("archive", &error.into());
                }
                0
            }
        }
    }
}

fn start_consumers(settings: &Settings, data_dir: &DataDir, stream: &Stream, clock: &Clock) -> Started {
    let context = pipelines::Context { data_dir, stream, clock };
    let mut started = Started::default();
    if settings.archive.enabled {
        let written = Written::new(clock.clone());
        let running = open_archive(settings, data_dir)
            .and_then(|sink| context.start(sink.telling(written.clone()), pipelines::archive(settings)));
        match running {
            Ok(running) => {
                started.running.push(running);
                started.objects = Some(written);
            }
            Err(error) => started.broke("archive", &error),
        }
    }
    if settings.live.enabled {
        let running = open_live(settings, data_dir, clock)
            .and_then(|(sink, store)| Ok((context.start(sink, pipelines::live(settings))?, store)));
        match running {
            Ok((running, store)) => {
                started.running.push(running);
                started.view = Some(Arc::new(store));
            }
            Err(error) => started.broke("live", &error),
        }
    }
    #[cfg(feature = "aws")]
    if !settings.relay.kinesis.is_empty() {
        let sink = onepixel_aws::relay::Relay::new(&settings.relay.kinesis);
        match context.start(sink, pipelines::relay(settings)) {
            Ok(running) => started.running.push(running),
            Err(error) => started.broke("relay", &error),
        }
    }
    started
}

fn open_archive(settings: &Settings, data_dir: &DataDir) -> anyhow::Result<ArchiveSink> {
    let url = &settings.archive.url;
    let archive = Archive::open(url, &data_dir.archive());
    Ok(ArchiveSink::new(archive.with_context(|| format!("cannot open the archive (archive.url = {url:?})"))?))
}

fn open_live(
    settings: &Settings,
    data_dir: &DataDir,
    clock: &Clock,
) -> anyhow::Result<(LiveSink, LiveStore)> {
    let (path, ttl) = (data_dir.live(), settings.live.ttl.0);
    let advice = "cannot open the live view; if the file is damaged, move live.sqlite* away: it is built again from \
                  what the stream retains";
    let sink = LiveSink::open(&path, ttl, clock.clone()).context(advice)?;
    let store = LiveStore::open(&path, ttl, clock.clone()).context(advice)?;
    Ok((sink, store))
}

fn edge(settings: &Settings, other_port: Option<u16>) -> Edge {
    let gateway = &settings.gateway;
    Edge {
        pixel_path: gateway.pixel_path.clone(),
        events_path: gateway.events_path.clone(),
        script_path: gateway.script_path.clone(),
        other_port,
        elsewhere: None,
        trusted_proxies: gateway.trusted_proxies.clone(),
        ip_policy: ip_policy(settings),
    }
}

/// The pages and their API, every answer with its headers.
fn dashboard(parts: &Arc<Parts>, view: Option<Arc<dyn View>>) -> anyhow::Result<Router> {
    let dashboard = Dashboard {
        view,
        access: parts.access.clone(),
        edge: parts.edge.clone(),
        local: Some(parts.clone()),
        stop: parts.stop.clone(),
    };
    Ok(dashboard.routes()?)
}

/// The dashboard's own listener knows its peers, as the gateway's connections do.
async fn name_client(State(parts): State<Arc<Parts>>, mut request: Request, next: Next) -> Response {
    if let Some(ConnectInfo(peer)) = request.extensions().get::<ConnectInfo<SocketAddr>>().copied() {
        let client = Client::of(peer, request.headers(), &parts.edge.trusted_proxies, false);
        request.extensions_mut().insert(client);
    }
    next.run(request).await
}

/// The tracker's path is a setting, compared byte by byte as those of the doors; anything else is nothing.
async fn other_path(State(parts): State<Arc<Parts>>, request: Request) -> Response {
    if request.uri().path() == parts.edge.script_path {
        return pages::tracker(request.method(), request.headers());
    }
    nothing_here(request).await
}

async fn nothing_here(request: Request) -> Response {
    let text = format!("{} is not a path of this server\n", request.uri().path());
    (axum::http::StatusCode::NOT_FOUND, text).into_response()
}

fn ip_policy(settings: &Settings) -> IpPolicy {
    match settings.privacy.ip {
        Ip::Truncate => IpPolicy::Truncate,
        Ip::Drop => IpPolicy::Drop,
        Ip::Keep => IpPolicy::Keep,
    }
}

fn open_ingest(settings: &Settings, data_dir: &DataDir, clock: &Clock) -> anyhow::Result<Ingest> {
    let now = Time::from_ms(i64::try_from(clock()).unwrap_or(i64::MAX));
    let salt = VisitorSalt::open(&data_dir.visitor_salt(), now)?;
    let policy = IngestSettings {
        ip: ip_policy(settings),
        gpc: match settings.privacy.gpc {
            Gpc::Ignore => GpcPolicy::Ignore,
            Gpc::Count => GpcPolicy::Count,
            Gpc::Drop => GpcPolicy::Drop,
        },
    };
    Ok(Ingest::new(policy, salt, None))
}
