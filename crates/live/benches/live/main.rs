//! How fast the live view is filled and asked: `cargo bench -p onepixel-live`.
//!
//! `LIVE_BENCH_EVENTS` says how many events (one million if not given), `LIVE_BENCH_FILE` where to keep the file, so
//! that another run only asks. Events are made outside of what is measured.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measurement prints, and stops where it cannot go on"
)]

mod questions;
mod traffic;

use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use onepixel_consumer::{Batch, Clock, Sink as _};
use onepixel_live::{LiveSink, LiveStore};

/// The default of the server.
const BATCH_EVENTS: u64 = 1_000;
const TTL: Duration = Duration::from_secs(7 * 86_400);

fn main() {
    let events = std::env::var("LIVE_BENCH_EVENTS").map_or(1_000_000, |events| events.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let file =
        std::env::var("LIVE_BENCH_FILE").map_or_else(|_| folder.path().join("live.sqlite"), PathBuf::from);
    let clock: Clock = Arc::new(|| traffic::END_MS as u64);
    if !file.exists() {
        fill(&file, events, &clock);
    }
    let started = Instant::now();
    let store = LiveStore::open(&file, TTL, clock).unwrap();
    let first = store.overview(&onepixel_view::Query::default(), false).unwrap();
    println!("first overview of a process, file opened: {:.1} ms", started.elapsed().as_secs_f64() * 1e3);
    println!(
        "{} events, {} visitors in the store",
        first.sums.events,
        first.sums.visitors.unwrap_or_default()
    );
    questions::ask_all(&store);
    println!("memory now {} KiB, at most {} KiB", status("VmRSS"), status("VmHWM"));
}

/// Writes `events` events in batches, as the pipeline does when it catches up.
fn fill(file: &Path, events: u64, clock: &Clock) {
    let mut traffic = traffic::Traffic::new(events);
    let mut sink = LiveSink::open(file, TTL, clock.clone()).unwrap();
    let (mut wall, mut cpu_ns, mut payload) = (Duration::ZERO, 0, 0);
    let mut slowest = Duration::ZERO;
    let (memory, written) = (status("VmRSS"), written_bytes());
    for start in (0..events).step_by(BATCH_EVENTS as usize) {
        let range = start..(start + BATCH_EVENTS).min(events);
        let records: Vec<_> = range.clone().map(|offset| traffic.record(offset)).collect();
        payload += records.iter().map(|record| record.payload.len()).sum::<usize>();
        let batch = Batch { partition: 0, range, records };
        let (began, cpu) = (Instant::now(), thread_cpu_ns());
        ready(sink.write(&batch)).unwrap();
        cpu_ns += thread_cpu_ns() - cpu;
        wall += began.elapsed();
        slowest = slowest.max(began.elapsed());
    }
    let per_event = |total: f64| total / events as f64;
    println!("{events} events in batches of {BATCH_EVENTS}, {:.0} bytes each", per_event(payload as f64));
    println!(
        "filled at {:.0} events/s, slowest batch {:.1} ms",
        events as f64 / wall.as_secs_f64(),
        slowest.as_secs_f64() * 1e3
    );
    println!("CPU {:.2} us per event", per_event(cpu_ns as f64) / 1e3);
    println!("written {:.0} bytes per event", per_event((written_bytes() - written) as f64));
    println!(
        "memory {} KiB more than before, {} KiB at most",
        status("VmRSS").saturating_sub(memory),
        status("VmHWM").saturating_sub(memory)
    );
    drop(sink);
    let bytes = std::fs::metadata(file).unwrap().len();
    println!("file {} MiB, {:.0} bytes per event", bytes >> 20, per_event(bytes as f64));
}

/// The result of a future that never waits: the sink works on the thread that calls it.
fn ready<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => unreachable!("the sink waits"),
    }
}

/// Nanoseconds this thread was on a processor.
fn thread_cpu_ns() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split_whitespace().next().unwrap().parse().unwrap()
}

/// A figure of `/proc/self/status`, in KiB.
fn status(name: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Bytes this process handed to the kernel.
fn written_bytes() -> u64 {
    let text = std::fs::read_to_string("/proc/self/io").unwrap();
    let line = text.lines().find(|line| line.starts_with("wchar")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
