//! `sim [--seeds N] [--from SEED]`: runs seeds of the crash model, prints what each came to, stops at a broken promise.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command's output is its product")]

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use onepixel_sim::disk::Faults;
use onepixel_sim::seed::{self, Report};

const USAGE: &str = "usage: sim [--seeds N] [--from SEED] [--quiet]";

struct Arguments {
    seeds: u64,
    from: u64,
    is_quiet: bool,
}

type Outcome = (u64, Result<Report, String>);

fn main() -> ExitCode {
    let Some(arguments) = arguments() else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match run(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(1)
        }
    }
}

fn arguments() -> Option<Arguments> {
    let mut arguments = Arguments { seeds: 1000, from: 0, is_quiet: false };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--seeds" => arguments.seeds = words.next()?.parse().ok()?,
            "--from" => arguments.from = words.next()?.parse().ok()?,
            "--quiet" => arguments.is_quiet = true,
            _ => return None,
        }
    }
    Some(arguments)
}

/// Runs all seeds on all processors; true if every promise held.
fn run(arguments: &Arguments) -> std::io::Result<bool> {
    let threads = std::thread::available_parallelism()?.get();
    let (next, stop) = (AtomicU64::new(arguments.from), AtomicBool::new(false));
    let end = arguments.from.saturating_add(arguments.seeds);
    let results: Vec<_> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(|| work(&next, end, &stop))).collect();
        workers.into_iter().map(std::thread::ScopedJoinHandle::join).collect()
    });
    let mut outcomes: Vec<Outcome> = Vec::new();
    for result in results {
        outcomes
            .extend(result.map_err(|_| std::io::Error::other("a worker panicked; its words are above"))??);
    }
    outcomes.sort_by_key(|(seed, _)| *seed);
    Ok(report(&outcomes, arguments))
}

fn work(next: &AtomicU64, end: u64, stop: &AtomicBool) -> std::io::Result<Vec<Outcome>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let mut outcomes = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        if seed >= end {
            break;
        }
        let outcome = seed::run(seed, Faults::default(), &runtime);
        stop.fetch_or(outcome.is_err(), Ordering::Relaxed);
        outcomes.push((seed, outcome));
    }
    Ok(outcomes)
}

fn report(outcomes: &[Outcome], arguments: &Arguments) -> bool {
    let mut sum = Report { changes: 0, crashes: 0, flips: 0, hash: 0 };
    let mut holds = true;
    for (seed, outcome) in outcomes {
        match outcome {
            Ok(report) => {
                if !arguments.is_quiet {
                    println!("seed {seed}: {}", words(report));
                }
                sum.changes += report.changes;
                sum.crashes += report.crashes;
                sum.flips += report.flips;
                sum.hash = sum.hash.rotate_left(1) ^ report.hash;
            }
            Err(violation) => {
                println!("seed {seed}: BROKEN: {violation}\nrun it alone: sim --seeds 1 --from {seed}");
                holds = false;
            }
        }
    }
    println!("{} seeds: {}", outcomes.len(), words(&sum));
    holds
}

fn words(report: &Report) -> String {
    let Report { changes, crashes, flips, hash } = report;
    format!("{changes} changes, {crashes} crashes, {flips} flipped bits, hash {hash:016x}")
}
