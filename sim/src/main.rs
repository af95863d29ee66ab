//! `sim [--seeds N] [--from SEED]`: runs seeds of the crash model, prints what each came to, stops at a broken promise.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command's output is its product")]

use std::process::ExitCode;

use onepixel_sim::run::{self, Outcome};
use onepixel_sim::seed::Report;

const USAGE: &str = "usage: sim [--seeds N] [--from SEED] [--quiet]";

struct Arguments {
    seeds: u64,
    from: u64,
    is_quiet: bool,
}

fn main() -> ExitCode {
    let Some(arguments) = arguments() else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match run::seeds(arguments.from, arguments.seeds) {
        Ok(outcomes) if report(&outcomes, &arguments) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::from(1),
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
