//! `onepixel demo`: a server on a folder that goes at the end, and somebody who visits it.
//!
//! Honest about what is made up: the visitors are invented, everything else is the product. The last two days are written through
//! ingest and the stream before the doors open, with the clock of ingest set back to each hit's moment, as the doors
//! themselves only know now. What comes afterwards goes through the front door over loopback, like any hit.

mod past;
mod send;
mod traffic;
mod words;

use std::net::SocketAddr;

use anyhow::Context as _;
use tokio_util::sync::CancellationToken;

use crate::config::Settings;
use crate::data_dir::DataDir;
use crate::{clock, run};
use traffic::Traffic;

/// How far back the made-up past reaches, in milliseconds: the dashboard shows a day, which begins with a full hour, and
/// compares it with the one before.
const PAST_MS: u64 = 50 * 3600 * 1000;
const SEED: u64 = 20;

/// What a demo sets over every other setting: nothing may reach out of its folder, and the addresses of its visitors
/// are told as a proxy on this machine would tell them.
pub(crate) fn settings() -> [(String, String); 11] {
    [
        ("archive.enabled", "true"),
        ("archive.url", ""),
        ("archive.batch_window", "10s"),
        ("dashboard.enabled", "true"),
        ("dashboard.listen", ""),
        // Its visitors are in this process and speak plain HTTP.
        ("gateway.tls_cert", ""),
        ("gateway.tls_key", ""),
        ("gateway.trusted_proxies", "127.0.0.0/8, ::1"),
        ("gateway.write_keys", "[]"),
        ("live.enabled", "true"),
        ("stream.disk_watermark", "64 MiB"),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
}

/// Serves until it is told to stop, and removes the folder.
pub(crate) fn run(settings: &Settings) -> anyhow::Result<()> {
    let folder = tempfile::Builder::new().prefix("onepixel-demo-").tempdir();
    let folder = folder.context("cannot make a temporary folder; TMPDIR names another place for it")?;
    let data_dir = DataDir::new(folder.path());
    let now = clock::system()();
    let mut traffic = Traffic::new(SEED, now - PAST_MS);
    past::write(settings, &data_dir, &mut traffic, now)?;
    say(folder.path())?;
    let visit =
        move |address: SocketAddr, stop: CancellationToken| send::start(address, settings, traffic, stop);
    let served = run::serve(settings, &data_dir, visit);
    let path = folder.path().to_owned();
    folder.close().with_context(|| format!("cannot remove {}; remove it yourself", path.display()))?;
    served
}

fn say(folder: &std::path::Path) -> std::io::Result<()> {
    use std::io::Write as _;
    let mut out = std::io::stdout().lock();
    writeln!(out, "A demo: the visitors are made up, and {} goes at the end.", folder.display())?;
    writeln!(out, "Open the dashboard's link to sign in.\n")
}
