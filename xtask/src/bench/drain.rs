//! How fast the pipelines work off a backlog while the intake runs.
//!
//! The backlog is made by the product itself, through `POST /e`, with the consumers off; how fast that went is the
//! rate at which ingest can fill. Then each pipeline in turn starts from its first event, while clients go on sending.
//! Server and clients share both cores: what a pipeline gets is what the intake leaves.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::json;

use super::cases::{Consumers, Request, Subject};
use super::load::{Load, Sender};
use super::outcome::Outcome;
use super::rounds::machine_load;
use super::subject::{Launch, Place, Running, until};
use super::usage::{Usage, threads};

/// Events of the backlog, unless `XTASK_BENCH_EVENTS` says otherwise.
const EVENTS: u64 = 10_000_000;
const PAGES: u32 = 10_000;
const FILL: Request = Request::Events { per_request: 500, pages: PAGES };
const CONNECTIONS: u32 = 64;
const BOTH_CORES: &str = "0,1";
const FILL_S: u32 = 5;
const FILL_WITHIN: Duration = Duration::from_secs(30 * 60);
const DRAIN_WITHIN: Duration = Duration::from_secs(30 * 60);

/// What goes on while a pipeline drains.
const INTAKES: [(&str, Request); 2] = [
    ("GET /p.gif", Request::Pixel { agents: 1, pages: PAGES, keep_alive: true }),
    ("POST /e, 100 events", Request::Events { per_request: 100, pages: PAGES }),
];

/// The server and the load meanwhile, from the pipeline's first event to its last one of the backlog.
struct Drained {
    pipeline: &'static str,
    intake: &'static str,
    took: Duration,
    drained: u64,
    filled: u64,
    /// CPU time of the pipeline's threads.
    cpu_us: f64,
    load: Load,
}

impl Drained {
    fn per_s(&self, events: u64) -> f64 {
        events as f64 / self.took.as_secs_f64()
    }
}

/// Makes the backlog and drains it, pipeline by pipeline.
pub(super) fn measure(place: &Place) -> anyhow::Result<Outcome> {
    let wanted = wanted_events(EVENTS)?;
    let data = place.data.join("drain");
    let before = machine_load()?;
    println!("drain: making {wanted} events");
    let (events, bytes, fill_per_s) = fill(place, &data, wanted)?;
    let mut drained = Vec::new();
    for consumers in [Consumers::Archive, Consumers::Live] {
        for (intake, request) in INTAKES {
            println!("drain: {} while {intake} goes on", consumers.name());
            drained.push(drain(place, &data, events, consumers, (intake, request))?);
            forget(&data)?;
        }
    }
    std::fs::remove_dir_all(&data)?;
    let machine_load = [before, machine_load()?];
    Ok(outcome(&drained, events, bytes, fill_per_s, &machine_load))
}

/// How many events a case is to make.
fn wanted_events(default: u64) -> anyhow::Result<u64> {
    match std::env::var("XTASK_BENCH_EVENTS") {
        Ok(text) => text.parse().with_context(|| format!("XTASK_BENCH_EVENTS is no number: {text}")),
        Err(_) => Ok(default),
    }
}

/// Until there are so many; how many there are, their bytes in the log, and events a second.
fn fill(place: &Place, data: &Path, wanted: u64) -> anyhow::Result<(u64, u64, f64)> {
    let subject = Subject::Onepixel { durability: "always", consumers: Consumers::Off };
    let server = Running::start(Launch { data: Some(data), ..Launch::of(subject) }, place, 0)?;
    let sender = Sender::new(FILL, CONNECTIONS, false, "1", &place.data)?;
    let (mut acknowledged, mut seconds) = (0.0, 0.0);
    let enough = until(FILL_WITHIN, || {
        let load = sender.run(server.port, FILL_S)?;
        ensure!(load.errors == 0, "{} of {} requests failed while filling", load.errors, load.requests);
        acknowledged += load.requests as f64 * f64::from(FILL.events());
        seconds += load.duration_us as f64 / 1e6;
        Ok(server.metric("onepixel_stream_durable_offset")? >= wanted)
    })?;
    ensure!(enough, "{wanted} events were not made in {FILL_WITHIN:?}");
    let end = server.metric("onepixel_stream_durable_offset")?;
    let bytes = server.metric("onepixel_stream_stored_bytes")?;
    server.stop()?;
    Ok((end, bytes, acknowledged / seconds))
}

fn drain(
    place: &Place,
    data: &Path,
    events: u64,
    consumers: Consumers,
    (intake, request): (&'static str, Request),
) -> anyhow::Result<Drained> {
    let pipeline = consumers.name();
    let subject = Subject::Onepixel { durability: "always", consumers };
    let launch = Launch { data: Some(data), cores: BOTH_CORES, ..Launch::of(subject) };
    let sender = Sender::new(request, CONNECTIONS, false, BOTH_CORES, &place.data)?;
    let server = Running::start(launch, place, 0)?;
    let committed = format!("onepixel_consumer_committed_offset{{consumer=\"{pipeline}\"}}");
    let state = || -> anyhow::Result<(Instant, u64, u64, f64)> {
        // Some of the pipeline's threads have ended: what others did not use is its own. The kernel keeps fifteen
        // characters of a name.
        let name: String = format!("consumer-{pipeline}").chars().take(15).collect();
        let pid = server.pids()?[0];
        let others = threads(pid)?.into_values().filter(|thread| thread.name != name);
        let all = Usage::of(&[pid])?;
        let cpu = all.user_us + all.sys_us - others.map(|thread| thread.cpu_us).sum::<f64>();
        let end = server.metric("onepixel_stream_durable_offset")?;
        Ok((Instant::now(), server.metric(&committed)?, end, cpu))
    };
    let sending = sender.start(server.port)?;
    let first = state()?;
    let done = until(DRAIN_WITHIN, || Ok(server.metric(&committed)? >= events))?;
    let last = state()?;
    let load = sending.stop()?;
    ensure!(done, "the {pipeline} did not drain {events} events in {DRAIN_WITHIN:?}");
    server.kill()?;
    Ok(Drained {
        pipeline,
        intake,
        took: last.0 - first.0,
        drained: last.1 - first.1,
        filled: last.2 - first.2,
        cpu_us: last.3 - first.3,
        load,
    })
}

/// The pipelines begin anew; the stream stays.
fn forget(data: &Path) -> anyhow::Result<()> {
    for entry in data.read_dir()? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if ["archive", "checkpoint", "dead-letter"].contains(&name) {
            std::fs::remove_dir_all(&path)?;
        } else if name.starts_with("live.sqlite") {
            #[expect(clippy::disallowed_methods, reason = "the benchmark's own data folder")]
            std::fs::remove_file(&path)?;
        }
    }
    Ok(())
}

fn outcome(
    drained: &[Drained],
    events: u64,
    bytes: u64,
    fill_per_s: f64,
    machine_load: &[String; 2],
) -> Outcome {
    let head = [
        "pipeline, and what goes on meanwhile",
        "drained/s",
        "filled/s meanwhile",
        "drained x filled meanwhile",
        "drained x filled alone",
        "CPU us of the pipeline's threads per event",
    ];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for one in drained {
        rows.push(vec![
            format!("{}, {}", one.pipeline, one.intake),
            format!("{:.0}", one.per_s(one.drained)),
            format!("{:.0}", one.per_s(one.filled)),
            format!("{:.2}", one.drained as f64 / one.filled as f64),
            format!("{:.2}", one.per_s(one.drained) / fill_per_s),
            format!("{:.2}", one.cpu_us / one.drained as f64),
        ]);
    }
    let [before, after] = machine_load;
    let json: Vec<_> = drained
        .iter()
        .map(|one| {
            json!({
                "pipeline": one.pipeline,
                "intake": one.intake,
                "seconds": one.took.as_secs_f64(),
                "drained_events": one.drained,
                "filled_events": one.filled,
                "pipeline_cpu_us": one.cpu_us,
                "errors": one.load.errors,
            })
        })
        .collect();
    Outcome {
        title: format!(
            "drain: a backlog of {events} events, {} bytes each in the log; load of the machine {before} to {after}",
            bytes / events.max(1)
        ),
        rows,
        notes: vec![format!(
            "filled alone, through POST /e with {} events, server and load on one core each: {fill_per_s:.0} events/s",
            FILL.events()
        )],
        json: json!({
            "case": "drain",
            "backlog_events": events,
            "log_bytes": bytes,
            "fill_events_per_s": fill_per_s,
            "machine_load": machine_load,
            "drained": json,
        }),
        is_clean: drained.iter().all(|one| one.load.errors == 0),
    }
}
