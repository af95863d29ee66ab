//! The order of measuring: every subject of a case once per round, for enough rounds, then the counted round.
//!
//! Promises that readings begin and end with the consumers caught up, so that what they do for an event is charged
//! to it, also what they do after the load has ended.

use std::path::Path;
use std::time::Duration;

use super::cases::{Case, Subject};
use super::certificate::Certificate;
use super::load::{Load, Sender};
use super::subject::{Launch, Place, Running};
use super::trace::{self, Calls};
use super::usage::{Usage, peak_memory};
use crate::workspace::read;

/// The server has core 0.
const LOAD_CORE: &str = "1";
const ROUNDS: usize = 5;
const WARM_UP_S: u32 = 1;
const MEASURE_S: u32 = 3;
const TRACE_S: u32 = 1;
const SETTLE_WITHIN: Duration = Duration::from_secs(30);

/// One subject in one round.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Sample {
    pub(super) load: Load,
    pub(super) usage: Usage,
    pub(super) events: u64,
    /// Whether the consumers caught up in time; if not, some of their work is missing in `usage`.
    pub(super) settled: bool,
}

impl Sample {
    pub(super) fn events_per_s(&self) -> f64 {
        self.events as f64 * 1e6 / self.load.duration_us as f64
    }

    pub(super) fn cpu_us(&self) -> f64 {
        self.user_us() + self.sys_us()
    }

    pub(super) fn user_us(&self) -> f64 {
        self.usage.user_us / self.events as f64
    }

    pub(super) fn sys_us(&self) -> f64 {
        self.usage.sys_us / self.events as f64
    }

    pub(super) fn written_bytes(&self) -> f64 {
        self.usage.written_bytes as f64 / self.events as f64
    }
}

/// One subject over all rounds.
pub(super) struct SubjectResult {
    pub(super) subject: Subject,
    pub(super) samples: Vec<Sample>,
    /// Calls and syncs per event; none where tracing is not permitted.
    pub(super) calls: Option<(f64, f64)>,
    pub(super) peak_memory_bytes: u64,
}

/// One comparison, measured.
pub(super) struct CaseResult {
    pub(super) case: Case,
    pub(super) subjects: Vec<SubjectResult>,
    /// Runnable processes over the last minute, before and after: what else the machine did is in there.
    pub(super) machine_load: [String; 2],
}

impl CaseResult {
    /// Whether every request was answered well.
    pub(super) fn is_clean(&self) -> bool {
        self.subjects.iter().all(|result| result.samples.iter().all(|sample| sample.load.errors == 0))
    }
}

/// Measures every subject of the case, A B A B.
pub(super) fn measure(case: &Case, place: &Place) -> anyhow::Result<CaseResult> {
    let sender = Sender::new(case.request, case.connections, case.tls, LOAD_CORE, &place.data)?;
    let certificate = if case.tls { Some(Certificate::make(&place.data)?) } else { None };
    let before = machine_load()?;
    let start = |(number, &subject)| {
        let launch = Launch { certificate: certificate.as_ref(), ..Launch::of(subject) };
        Running::start(launch, place, number)
    };
    let servers: Vec<Running> = case.subjects.iter().enumerate().map(start).collect::<Result<_, _>>()?;
    let mut samples = vec![Vec::new(); servers.len()];
    for round in 1..=ROUNDS {
        println!("{}: round {round} of {ROUNDS}", case.name);
        for (server, samples) in servers.iter().zip(&mut samples) {
            samples.push(sample(case, server, &sender)?);
        }
    }
    let machine_load = [before, machine_load()?];
    let mut subjects = Vec::new();
    for ((server, samples), &subject) in servers.iter().zip(samples).zip(&case.subjects) {
        let peak_memory_bytes = peak_memory(&server.pids()?)?;
        let calls = calls(case, server, &sender, &place.data.join("calls"))?;
        subjects.push(SubjectResult { subject, samples, calls, peak_memory_bytes });
    }
    Ok(CaseResult { case: case.clone(), subjects, machine_load })
}

fn sample(case: &Case, server: &Running, sender: &Sender) -> anyhow::Result<Sample> {
    sender.run(server.port, WARM_UP_S)?;
    let settled_before = server.settle(SETTLE_WITHIN)?;
    let before = Usage::of(&server.pids()?)?;
    let load = sender.run(server.port, MEASURE_S)?;
    let settled = server.settle(SETTLE_WITHIN)? && settled_before;
    let usage = Usage::of(&server.pids()?)?.since(before);
    anyhow::ensure!(
        load.requests > 0,
        "no request was answered; the case `{}` cannot be measured",
        case.name
    );
    let events = load.requests * u64::from(case.request.events());
    Ok(Sample { load, usage, events, settled })
}

fn calls(case: &Case, server: &Running, sender: &Sender, table: &Path) -> anyhow::Result<Option<(f64, f64)>> {
    let counted = trace::count(server, table, || sender.run(server.port, TRACE_S))?;
    let per_event = |(calls, load): (Calls, Load)| {
        let events = (load.requests.max(1) * u64::from(case.request.events())) as f64;
        (calls.all as f64 / events, calls.syncs as f64 / events)
    };
    Ok(counted.map(per_event))
}

/// Runnable processes over the last minute.
pub(super) fn machine_load() -> anyhow::Result<String> {
    let text = String::from_utf8_lossy(&read(Path::new("/proc/loadavg"))?).into_owned();
    Ok(text.split_whitespace().next().unwrap_or_default().to_owned())
}
