//! Two cores for the server next to one.
//!
//! There are two cores, and the load needs one too. So the rate with two is what server and load reach together on
//! both, which says little; what counts is the CPU an event costs. From it follows what the cores could serve if the
//! load came from elsewhere: cores divided by CPU per event, unless one thread alone would be busier than a core.

use serde_json::json;

use super::cases::{Consumers, Request, Subject};
use super::load::{Load, Sender};
use super::outcome::{Outcome, median};
use super::rounds::machine_load;
use super::subject::{Launch, Place, Running};
use super::usage::{Thread, Usage, threads};

const SUBJECT: Subject = Subject::Onepixel { durability: "always", consumers: Consumers::Off };
const ROUNDS: usize = 5;
const WARM_UP_S: u32 = 1;
const MEASURE_S: u32 = 3;

/// Name, what is sent, and over how many connections.
const LOADS: [(&str, Request, u32); 2] = [
    ("GET /p.gif", Request::PIXEL, 256),
    ("POST /e, 100 events", Request::Events { per_request: 100, pages: 1 }, 64),
];
/// The server's cores, how many these are, and the load's.
const PLACES: [(&str, u32, &str); 2] = [("0", 1, "1"), ("0,1", 2, "0,1")];

struct Sample {
    load: Load,
    per_s: f64,
    cpu_us: f64,
    /// Of the thread that has the most to do.
    busiest_us: f64,
}

impl Sample {
    /// Events a second that so many cores could take.
    fn capacity(&self, cores: u32) -> f64 {
        (f64::from(cores) / self.cpu_us).min(1.0 / self.busiest_us) * 1e6
    }
}

/// Measures each load with one core and with two, in turns.
pub(super) fn measure(place: &Place) -> anyhow::Result<Outcome> {
    let before = machine_load()?;
    let mut rows = vec![
        ["", "events/s", "CPU us per event", "of the busiest thread", "could serve/s", "x one core"]
            .map(str::to_owned)
            .to_vec(),
    ];
    let (mut json, mut is_clean) = (Vec::new(), true);
    for (name, request, connections) in LOADS {
        let samples = take_turns(place, request, connections)?;
        let middle = |at: usize, of: &dyn Fn(&Sample) -> f64| median(samples[at].iter().map(of).collect());
        let pairs = samples[0].iter().zip(&samples[1]);
        let gain = median(pairs.map(|(one, two)| two.capacity(2) / one.capacity(1)).collect());
        for (at, (_, cores, _)) in PLACES.into_iter().enumerate() {
            rows.push(vec![
                format!("{name}, {cores} {}", if cores == 1 { "core" } else { "cores" }),
                format!("{:.0}", middle(at, &|sample| sample.per_s)),
                format!("{:.2}", middle(at, &|sample| sample.cpu_us)),
                format!("{:.2}", middle(at, &|sample| sample.busiest_us)),
                format!("{:.0}", middle(at, &|sample| sample.capacity(cores))),
                if at == 0 { "1.00".to_owned() } else { format!("{gain:.2}") },
            ]);
            is_clean &= samples[at].iter().all(|sample| sample.load.errors == 0);
            json.push(json!({
                "load": name,
                "connections": connections,
                "cores": cores,
                "events_per_s": middle(at, &|sample| sample.per_s),
                "cpu_us_per_event": middle(at, &|sample| sample.cpu_us),
                "busiest_thread_us_per_event": middle(at, &|sample| sample.busiest_us),
                "capacity_events_per_s": middle(at, &|sample| sample.capacity(cores)),
                "gain": if at == 0 { 1.0 } else { gain },
            }));
        }
    }
    let after = machine_load()?;
    Ok(Outcome {
        title: format!("cores: one and two for the server; load of the machine {before} to {after}"),
        rows,
        notes: vec![
            "one core: server on core 0, load on core 1; two cores: both on both, so its events/s are shared"
                .to_owned(),
            "could serve: cores by CPU per event, bounded by the busiest thread".to_owned(),
        ],
        json: json!({ "case": "cores", "machine_load": [before, after], "loads": json }),
        is_clean,
    })
}

fn take_turns(place: &Place, request: Request, connections: u32) -> anyhow::Result<[Vec<Sample>; 2]> {
    let start = |number: usize| {
        let (cores, ..) = PLACES[number];
        Running::start(Launch { cores, ..Launch::of(SUBJECT) }, place, number)
    };
    let servers = [start(0)?, start(1)?];
    let mut samples = [Vec::new(), Vec::new()];
    for round in 1..=ROUNDS {
        println!("cores: round {round} of {ROUNDS}");
        for ((server, samples), (_, _, load_cores)) in servers.iter().zip(&mut samples).zip(PLACES) {
            let sender = Sender::new(request, connections, false, load_cores, &place.data)?;
            samples.push(sample(server, &sender, request)?);
        }
    }
    Ok(samples)
}

fn sample(server: &Running, sender: &Sender, request: Request) -> anyhow::Result<Sample> {
    sender.run(server.port, WARM_UP_S)?;
    let pid = server.pids()?[0];
    let (usage, busy) = (Usage::of(&[pid])?, threads(pid)?);
    let load = sender.run(server.port, MEASURE_S)?;
    let usage = Usage::of(&[pid])?.since(usage);
    let since =
        |(id, thread): (String, Thread)| thread.cpu_us - busy.get(&id).map_or(0.0, |before| before.cpu_us);
    let busiest = threads(pid)?.into_iter().map(since).fold(0.0, f64::max);
    anyhow::ensure!(load.requests > 0, "no request was answered");
    let events = (load.requests * u64::from(request.events())) as f64;
    Ok(Sample {
        load,
        per_s: events * 1e6 / load.duration_us as f64,
        cpu_us: (usage.user_us + usage.sys_us) / events,
        busiest_us: busiest / events,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(cpu_us: f64, busiest_us: f64, cores: u32, expected: f64) {
        let load = Load { requests: 1, duration_us: 1, p50_us: 1, p99_us: 1, p999_us: 1, errors: 0 };
        let found = Sample { load, per_s: 1.0, cpu_us, busiest_us }.capacity(cores);
        assert!((found - expected).abs() < 1e-6, "{found}");
    }

    #[test]
    fn capacity_ends_where_one_thread_is_a_core_s_worth() {
        check(10.0, 6.0, 1, 100_000.0);
        check(10.0, 4.0, 2, 200_000.0);
        check(10.0, 8.0, 2, 125_000.0);
    }
}
