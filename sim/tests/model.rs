//! The model itself: the same every time, and able to see a disk that breaks its word.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test like the test itself")]

use onepixel_sim::disk::{Faults, SimDisk};
use onepixel_sim::kernel::{Kernel, Leaves};
use onepixel_sim::log::{Hand, look, open, settings};
use onepixel_sim::random::Random;
use onepixel_sim::run;
use onepixel_sim::seed::{self, Report};
use onepixel_stream::{Durability, Records};
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
    // Side by side, so that the threads are scheduled otherwise.
    let (here, beside) = std::thread::scope(|scope| {
        let beside = scope.spawn(reports);
        (reports(), beside.join().unwrap())
    });
    assert_eq!(here, beside);
    let mut hashes: Vec<u64> = here.iter().map(|report| report.hash).collect();
    hashes.sort_unstable();
    hashes.dedup();
    assert_eq!(hashes.len() as u64, SEEDS, "two seeds came to the same");
}

#[test]
fn thousands_of_seeds_keep_every_promise() {
    let outcomes = run::seeds(0, 2000).unwrap();
    let broken: Vec<_> =
        outcomes.iter().filter_map(|(seed, outcome)| Some((seed, outcome.as_ref().err()?))).collect();
    assert!(broken.is_empty(), "`sim --seeds 1 --from SEED` runs one alone: {broken:?}");
    assert_eq!(outcomes.len(), 2000, "a seed is missing");
}

/// Retention removes the last segment of a log that is idle for long, before there is another.
#[test]
fn a_log_that_retention_emptied_opens_again() {
    let (disk, hand, runtime) =
        (SimDisk::new(Kernel::default(), Faults::default()), Hand::default(), runtime());
    let settings = settings(4000, Durability::Always);
    let (stream, _) = open(&disk, &settings, &hand).unwrap();
    runtime.block_on(async {
        let mut records = Records::new();
        records.push(None, |buffer| buffer.extend_from_slice(b"old")).unwrap();
        stream.append(records).await.unwrap();
        stream.release(1);
        hand.advance(settings.retention.as_millis() as u64 + 1);
        let began = std::time::Instant::now();
        while stream.state().oldest == 0 {
            assert!(began.elapsed().as_secs() < 60, "retention never came");
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    });
    let kernel = disk.look();
    disk.freeze();
    for leaves in [Leaves::All, Leaves::Nothing] {
        let opened = look(kernel.after_crash(leaves, &mut Random::new(0)), &settings, &runtime);
        assert_eq!(opened.map(|opened| opened.found.end()), Ok(1), "{leaves:?}");
    }
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
