//! Start, watch, drain: the life of one server process.

use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use onepixel_dashboard::access::Secret;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::config::Settings;
use crate::data_dir::{DATA_DIR, DataDir};
use crate::snippet::Addresses;

/// From the first signal to the exit: below the 30 s that service managers usually grant.
const STOP_WITHIN: Duration = Duration::from_secs(25);
/// Of that, for requests that are being answered.
const REQUESTS_WITHIN: Duration = Duration::from_secs(10);
/// Open files that connections never take: segments, the live view, the archive, the dashboard's own connections.
const FILES_KEPT_BACK: usize = 512;

/// Serves until SIGTERM or SIGINT, then stops in order: no more connections, answers out, log closed, batches
/// finished. What a sink cannot take in time stays in the stream for the next start.
///
/// `beside` is called with the doors' address once they are about to open, and a token that is cancelled at the end.
pub(crate) fn serve(
    settings: &Settings,
    data_dir: &DataDir,
    beside: impl FnOnce(SocketAddr, CancellationToken) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let connections_max = raise_file_limit().saturating_sub(FILES_KEPT_BACK).max(1);
    let gateway = bind(settings.gateway.listen, "gateway.listen")?;
    let dashboard =
        settings.dashboard_listen()?.map(|address| bind(address, "dashboard.listen")).transpose()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let app =
        App::open(settings, data_dir, dashboard.is_some(), gateway.local_addr()?.port(), connections_max)?;
    let own = dashboard.as_ref().map(TcpListener::local_addr).transpose()?;
    let listening = gateway.local_addr()?;
    // A stdout that nobody reads, or on a full disk, is no reason to take no events.
    if let Err(error) = banner(settings, data_dir, listening, own, app.sign_in_token(settings).as_ref()) {
        tracing::warn!(%error, "cannot print where to look; `onepixel access reset` prints a sign-in link");
    }
    tracing::info!("listening on {}://{listening}", scheme(settings));
    let stop = CancellationToken::new();
    beside(reachable(gateway.local_addr()?), stop.clone())?;
    runtime.block_on(until_stopped(app, gateway, dashboard, stop))
}

async fn until_stopped(
    app: App,
    gateway: TcpListener,
    dashboard: Option<TcpListener>,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let mut term = signal(SignalKind::terminate())?;
    let mut int = signal(SignalKind::interrupt())?;
    let doors = app.doors(gateway, dashboard, stop.clone(), REQUESTS_WITHIN)?;
    tokio::pin!(doors);
    tokio::select! {
        _ = term.recv() => {}
        _ = int.recv() => {}
        ended = &mut doors => return ended.context("the listener failed"),
        never = app.housekeeping() => match never {},
    }
    tracing::info!("stopping: no more connections, finishing what was taken");
    let deadline = tokio::time::Instant::now() + STOP_WITHIN;
    app.stopping();
    stop.cancel();
    tokio::select! {
        drained = async {
            doors.await?;
            app.drain(deadline).await
        } => drained,
        _ = term.recv() => hurried(),
        _ = int.recv() => hurried(),
    }
}

/// Cutting the drain is as safe as a crash: what was acknowledged is in the stream.
fn hurried() -> anyhow::Result<()> {
    tracing::warn!("told to stop a second time: stopping at once, the rest is written after the next start");
    Ok(())
}

fn bind(address: SocketAddr, key: &str) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(address).with_context(|| {
        format!("cannot listen on {address} ({key}). Is another server running there? --listen 127.0.0.1:0 picks a free port")
    })?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Each connection is an open file: takes as many as the system grants, and says how many that is.
fn raise_file_limit() -> usize {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    let granted = limit.current;
    limit.current = limit.maximum;
    let files = match setrlimit(Resource::Nofile, limit) {
        Ok(()) => limit.maximum,
        Err(error) => {
            tracing::warn!(%error, "the limit of open files stays low");
            granted
        }
    };
    files.map_or(usize::MAX, |files| usize::try_from(files).unwrap_or(usize::MAX))
}

/// What a newcomer needs: where to look, what to paste, where it is kept. Flushed, since scripts wait for it.
fn banner(
    settings: &Settings,
    data_dir: &DataDir,
    gateway: SocketAddr,
    own: Option<SocketAddr>,
    token: Option<&Secret>,
) -> std::io::Result<()> {
    let gateway = reachable(gateway);
    let own = own.map(reachable);
    let archive = match settings.archive.url.as_str() {
        _ if !settings.archive.enabled => "off".to_owned(),
        "" => data_dir.archive().display().to_string(),
        url => url.to_owned(),
    };
    let scheme = scheme(settings);
    let mut out = std::io::stdout().lock();
    if settings.dashboard.enabled {
        let token = token.map(|token| format!("?token={}", token.text())).unwrap_or_default();
        // A listener of its own is for a private address, and not encrypted.
        let dashboard = own.map_or_else(|| format!("{scheme}://{gateway}"), |own| format!("http://{own}"));
        writeln!(out, "Dashboard  {dashboard}/{token}")?;
    }
    let at = Addresses::of(settings, format!("{scheme}://{gateway}"));
    writeln!(out, "Snippet    {}", at.image("my-site"))?;
    writeln!(out, "Stream     {}", data_dir.stream().display())?;
    writeln!(out, "Archive    {archive}")?;
    writeln!(out, "Stop with Ctrl-C. Prove that nothing was lost with: {}", proof(settings, data_dir))?;
    out.flush()
}

/// The audit of this server, as it is typed in the folder where the server was started.
fn proof(settings: &Settings, data_dir: &DataDir) -> String {
    let mut command = String::from("onepixel audit");
    if data_dir.path() != Path::new(DATA_DIR) {
        command.push_str(&format!(" --data-dir {}", shell(&data_dir.path().display().to_string())));
    }
    if !settings.archive.url.is_empty() {
        command.push_str(&format!(" --archive {}", shell(&settings.archive.url)));
    }
    command
}

/// One word for a shell.
fn shell(text: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "/._-:@%+=,".contains(c);
    if text.chars().all(is_plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

/// How the gateway is spoken to.
pub(crate) fn scheme(settings: &Settings) -> &'static str {
    if settings.gateway.tls_cert.is_empty() { "http" } else { "https" }
}

/// An address that a browser on this machine can open: who listens on every address is reached on loopback.
pub(crate) fn reachable(address: SocketAddr) -> SocketAddr {
    let host = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        host => host,
    };
    SocketAddr::new(host, address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_proof_is_typed_as_it_is_printed() {
        fn check(data_dir: &str, archive: &str, expected: &str) {
            let mut settings = Settings::default();
            settings.archive.url = archive.into();
            assert_eq!(proof(&settings, &DataDir::new(Path::new(data_dir))), expected);
        }
        check("./onepixel-data", "", "onepixel audit");
        check("/var/lib/onepixel", "", "onepixel audit --data-dir /var/lib/onepixel");
        check("./onepixel-data", "s3://bucket/hits", "onepixel audit --archive s3://bucket/hits");
        check("it's here", "", "onepixel audit --data-dir 'it'\\''s here'");
    }
}
