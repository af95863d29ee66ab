//! How soon a server with a long log is ready: after an ordinary end, and after `kill -9` in the middle of work.
//!
//! The log is made by the product itself, through `POST /e`. Ready is the first `200` of `/readyz`, counted from the
//! moment the process is started. The page cache is warm: reading from the disk itself is not measured.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::json;

use super::cases::{Consumers, Request, Subject};
use super::load::Sender;
use super::outcome::{Outcome, median};
use super::rounds::machine_load;
use super::subject::{Launch, Place, Running, until};

/// Bytes of the log, unless `XTASK_BENCH_LOG_BYTES` says otherwise.
const LOG_BYTES: u64 = 10 << 30;
/// How much of it the archive does not have when the server is killed: so big a part of the log.
const UNARCHIVED_PART: u64 = 10;
const STARTS: usize = 3;
const FILL: Request = Request::Events { per_request: 500, pages: 10_000 };
const FILL_S: u32 = 5;
const FILL_WITHIN: Duration = Duration::from_secs(30 * 60);
const ARCHIVE_WITHIN: Duration = Duration::from_secs(30 * 60);

const DURABLE: &str = "onepixel_stream_durable_offset";
const STORED: &str = "onepixel_stream_stored_bytes";
const LAG: &str = "onepixel_consumer_lag_records{consumer=\"archive\"}";

/// Starts of one kind, each until it was ready.
struct Starts {
    what: String,
    took: Vec<Duration>,
}

/// Makes the log and starts on it, again and again.
pub(super) fn measure(place: &Place) -> anyhow::Result<Outcome> {
    let wanted = match std::env::var("XTASK_BENCH_LOG_BYTES") {
        Ok(text) => text.parse().with_context(|| format!("XTASK_BENCH_LOG_BYTES is no number: {text}"))?,
        Err(_) => LOG_BYTES,
    };
    let data = place.data.join("readiness");
    let before = machine_load()?;
    println!("readiness: making a log of {wanted} bytes");
    let (events, bytes) = fill(place, &data, wanted)?;
    let clean = after_an_end(place, &data)?;
    let (killed, unarchived) = after_a_kill(place, &data, bytes / events.max(1), bytes / UNARCHIVED_PART)?;
    std::fs::remove_dir_all(&data)?;
    let machine_load = [before, machine_load()?];
    Ok(outcome(&[clean, killed], events, bytes, unarchived, &machine_load))
}

fn fill(place: &Place, data: &Path, wanted: u64) -> anyhow::Result<(u64, u64)> {
    let server = start(place, data, Consumers::Off)?;
    let sender = Sender::new(FILL, 64, false, "1", &place.data)?;
    let enough = until(FILL_WITHIN, || {
        let load = sender.run(server.port, FILL_S)?;
        ensure!(load.errors == 0, "{} of {} requests failed while filling", load.errors, load.requests);
        Ok(server.metric(STORED)? >= wanted)
    })?;
    ensure!(enough, "{wanted} bytes were not written in {FILL_WITHIN:?}");
    let made = (server.metric(DURABLE)?, server.metric(STORED)?);
    server.stop()?;
    Ok(made)
}

fn start(place: &Place, data: &Path, consumers: Consumers) -> anyhow::Result<Running> {
    let subject = Subject::Onepixel { durability: "always", consumers };
    Running::start(Launch { data: Some(data), ..Launch::of(subject) }, place, 0)
}

fn after_an_end(place: &Place, data: &Path) -> anyhow::Result<Starts> {
    let mut took = Vec::new();
    for _ in 0..STARTS {
        let server = start(place, data, Consumers::Off)?;
        took.push(server.ready_after);
        server.stop()?;
    }
    Ok(Starts { what: "after an ordinary end".to_owned(), took })
}

/// Each time killed while clients send; the first time with so many bytes that are not archived. How many these were.
fn after_a_kill(
    place: &Place,
    data: &Path,
    bytes_per_event: u64,
    unarchived: u64,
) -> anyhow::Result<(Starts, u64)> {
    println!("readiness: archiving until about {unarchived} bytes are left");
    let sender = Sender::new(FILL, 64, false, "1", &place.data)?;
    let mut server = start(place, data, Consumers::Archive)?;
    let mut left = u64::MAX;
    let few = until(ARCHIVE_WITHIN, || {
        left = server.metric(LAG)?.saturating_mul(bytes_per_event);
        Ok(left <= unarchived)
    })?;
    ensure!(few, "the archive did not come so far in {ARCHIVE_WITHIN:?}");
    let mut took = Vec::new();
    for _ in 0..STARTS {
        let sending = sender.start(server.port)?;
        let durable = server.metric(DURABLE)?;
        let goes_on = || Ok(server.metric(DURABLE)? > durable);
        ensure!(until(Duration::from_secs(10), goes_on)?, "nothing was taken before the kill");
        server.kill()?;
        // Its requests fail from now on, and that is not what is measured.
        drop(sending);
        server = start(place, data, Consumers::On)?;
        took.push(server.ready_after);
    }
    server.kill()?;
    Ok((Starts { what: "after kill -9 under load".to_owned(), took }, left))
}

fn outcome(
    starts: &[Starts],
    events: u64,
    bytes: u64,
    unarchived: u64,
    machine_load: &[String; 2],
) -> Outcome {
    let mut rows = vec![["ready", "median ms", "longest ms"].map(str::to_owned).to_vec()];
    let ms = |took: &Duration| took.as_secs_f64() * 1e3;
    for Starts { what, took } in starts {
        let longest = took.iter().map(ms).fold(0.0, f64::max);
        let middle = median(took.iter().map(ms).collect());
        rows.push(vec![what.clone(), format!("{middle:.0}"), format!("{longest:.0}")]);
    }
    let [before, after] = machine_load;
    let mib = |bytes: u64| bytes >> 20;
    let json: Vec<_> = starts
        .iter()
        .map(|one| json!({ "what": one.what, "ms": one.took.iter().map(ms).collect::<Vec<f64>>() }))
        .collect();
    Outcome {
        title: format!(
            "readiness: a log of {} MiB, {events} events; load of the machine {before} to {after}",
            mib(bytes)
        ),
        rows,
        notes: vec![format!("{} MiB were not archived at the first kill", mib(unarchived))],
        json: json!({
            "case": "readiness",
            "log_bytes": bytes,
            "log_events": events,
            "unarchived_bytes": unarchived,
            "machine_load": machine_load,
            "starts": json,
        }),
        is_clean: true,
    }
}
