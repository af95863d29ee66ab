//! The model itself: the same every time, and able to see a disk that breaks its word.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails so")]

use onepixel_sim::disk::Faults;
use onepixel_sim::seed::{self, Report};
use tokio::runtime::{Builder, Runtime};

const SEEDS: u64 = 64;

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_time().build().unwrap()
}

fn reports() -> Vec<Report> {
    let runtime = runtime();
    (0..SEEDS).map(|seed| seed::run(seed, Faults::default(), &runtime).unwrap()).collect()
}

#[test]
fn the_same_seed_comes_to_the_same() {
    let beside = std::thread::spawn(reports);
    let (here, beside) = (reports(), beside.join().unwrap());
    assert_eq!(here, beside);
    let mut hashes: Vec<u64> = here.iter().map(|report| report.hash).collect();
    hashes.sort_unstable();
    hashes.dedup();
    assert_eq!(hashes.len() as u64, SEEDS, "two seeds came to the same");
}

#[track_caller]
fn check_noticed(faults: Faults) {
    let runtime = runtime();
    let broken = (0..SEEDS).filter_map(|seed| seed::run(seed, faults, &runtime).err()).count() as u64;
    assert!(broken > SEEDS / 2, "{faults:?} was noticed with {broken} of {SEEDS} seeds");
}

#[test]
fn a_disk_that_only_says_that_it_synced_is_noticed() {
    check_noticed(Faults { lies_about_files: true, ..Faults::default() });
    check_noticed(Faults { lies_about_names: true, ..Faults::default() });
}
