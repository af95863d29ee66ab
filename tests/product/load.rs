//! Full load, then an ordinary stop: what was answered, what is archived and what is counted are the same number.

use std::collections::HashSet;
use std::io::Write as _;
use std::process::Command;
use std::time::Instant;

use crate::harness::server::CATCH_UP;
use crate::harness::tools::output;
use crate::harness::{Launch, alone, archive, folder, s};

const REQUESTS: u64 = 200_000;
const CONNECTIONS: u64 = 64;
/// What the whole process may take under full load, archive and live view included.
const MEMORY_MAX: u64 = 128 << 20;
/// A first round this long tells the rate, a second one brings the rest; more only when the machine was busy.
const FIRST_ROUND_S: u64 = 4;
const ROUND_S_MAX: u64 = 40;
const ROUNDS_MAX: u64 = 6;

/// What one run of wrk reports.
#[derive(Debug, Default)]
struct Round {
    completed: u64,
    refused: u64,
    socket_errors: String,
}

fn wrk(url: &str, seconds: u64) -> Round {
    let mut command = Command::new("wrk");
    command.args(["-t1", &format!("-c{CONNECTIONS}"), &format!("-d{seconds}s"), "--timeout", "20s"]);
    command
        .args(["-H", "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"]);
    let report = output(command.arg(url));
    let mut round = Round::default();
    for line in report.lines().map(str::trim) {
        let number = |text: &str| text.trim().parse().unwrap_or_else(|_| panic!("not a number in: {report}"));
        if let Some((count, _)) = line.split_once(" requests in ") {
            round.completed = number(count);
        } else if let Some(count) = line.strip_prefix("Non-2xx or 3xx responses:") {
            round.refused = number(count);
        } else if line.starts_with("Socket errors:") {
            round.socket_errors = line.to_owned();
        }
    }
    round
}

#[test]
fn two_hundred_thousand_requests_balance_to_the_event() {
    let _turn = alone();
    let home = folder();
    let launch = Launch::new(home.path().join("data")).set("gateway.rate", "0");
    let server = launch.start();
    let url = format!("{}/p.gif?site=load&page=https%3A%2F%2Fexample.org%2Fprices", server.url());

    let (mut completed, mut rounds, mut seconds) = (0, 0, FIRST_ROUND_S);
    let start = Instant::now();
    while completed < REQUESTS {
        assert!(rounds < ROUNDS_MAX, "{completed} requests in {rounds} rounds: too slow to be a test");
        let round = wrk(&url, seconds);
        assert_eq!((round.refused, round.socket_errors.as_str()), (0, ""), "wrk met errors: {round:?}");
        assert!(round.completed > 0, "wrk completed nothing");
        completed += round.completed;
        rounds += 1;
        let rate = completed as f64 / start.elapsed().as_secs_f64();
        seconds =
            ((REQUESTS.saturating_sub(completed) as f64 / rate * 1.05).ceil() as u64).clamp(1, ROUND_S_MAX);
    }
    // When wrk stops, what is on its way is stored or not, for each connection and round.
    let allowed = completed..=completed + rounds * CONNECTIONS;

    let took = start.elapsed();
    server.caught_up("live", s(60));
    let behind = start.elapsed() - took;
    let counted = server.counted("load");
    assert!(allowed.contains(&counted), "{counted} counted, {completed} completed in {rounds} rounds");
    assert_eq!(server.counted(""), counted);
    let memory = server.memory_peak();
    let figures =
        format!("{completed} requests in {took:.1?}, live {behind:.1?} behind, {} MiB at most", memory >> 20);
    writeln!(std::io::stderr(), "load test: {figures}").unwrap();
    assert!(memory < MEMORY_MAX, "{figures}");
    server.stop();

    let report = launch.balanced();
    let figures = [&report["acknowledged"], &report["archive"]["archived"], &report["live"]["counted"]];
    assert!(
        figures.iter().all(|figure| figure.as_u64() == Some(counted)),
        "{counted} counted, but {report:#}"
    );
    assert_eq!(report["archive"]["pending"], 0, "the stop finishes what was taken: {report:#}");

    let archive = launch.archive();
    let pipe = "find \"$0\" -name '*.json.gz' -print0 | xargs -0 zcat | wc -l";
    let lines: u64 = output(Command::new("sh").args(["-c", pipe]).arg(&archive)).trim().parse().unwrap();
    assert_eq!(lines, counted, "zcat | wc -l");

    let mut ids = HashSet::new();
    for object in archive::objects(&archive) {
        assert_eq!(object.lines.len() as u64, object.last - object.first + 1, "{}", object.path.display());
        for event in object.events() {
            assert_eq!(event.site, "load");
            assert!(ids.insert(event.id.clone()), "{} is there twice", event.id);
        }
    }
    assert_eq!(ids.len() as u64, counted);
}

#[test]
fn the_throttle_says_no_and_loses_nothing_it_said_yes_to() {
    let _turn = alone();
    let home = folder();
    let launch = Launch::new(home.path().join("data")).set("gateway.rate", "500").set("gateway.burst", "100");
    let server = launch.start();
    let round = wrk(&format!("{}/p.gif?site=busy", server.url()), 2);
    let stored = round.completed - round.refused;
    assert!(round.refused > 0, "nothing was throttled: {round:?}");

    let refused = (0..10_000).map(|_| server.get("/p.gif")).find(|response| response.status == 429);
    if let Some(refused) = refused {
        assert!(refused.is_gif());
        assert!(refused.header("retry-after").is_some_and(|after| after.parse::<u64>().is_ok()));
    }
    server.caught_up("live", CATCH_UP);
    let counted = server.counted("busy");
    assert!(
        (stored..=stored + CONNECTIONS).contains(&counted),
        "{counted} counted, {stored} answered with 200"
    );
    assert_eq!(server.get("/healthz").status, 200, "what is not an event is not throttled");
    server.stop();
    launch.balanced();
}
