//! The model itself: the same every time, and able to see a disk that breaks its word.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test like the test itself")]

use onepixel_sim::damage;
use onepixel_sim::disk::{Faults, SimDisk};
use onepixel_sim::kernel::{Change, Kernel, Leaves, SECTOR};
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

/// Two sealed segments and one that goes on, closed in order: all of it is known to be durable.
fn small_log(settings: &onepixel_stream::Settings, runtime: &Runtime) -> Kernel {
    let (disk, hand) = (SimDisk::new(Kernel::default(), Faults::default()), Hand::default());
    let (stream, _) = open(&disk, settings, &hand).unwrap();
    runtime.block_on(async {
        for number in 0..12_u8 {
            let mut records = Records::new();
            let key = (number % 3 == 0).then_some([number; 16]);
            records.push(key, |buffer| buffer.extend_from_slice(&[number; 90])).unwrap();
            stream.append(records).await.unwrap();
        }
        stream.close().await;
    });
    disk.look()
}

#[test]
fn every_flipped_bit_of_a_log_is_named() {
    let runtime = runtime();
    let settings = settings(700, Durability::Always);
    let kernel = small_log(&settings, &runtime);
    let segments = kernel.names().filter(|path| path.extension().is_some_and(|it| it == "log")).count();
    assert!(segments >= 3, "{segments} segments");
    let flips = damage::check_every_bit(&kernel, &settings, &runtime).unwrap();
    assert!(flips > 12 * 90 * 8, "{flips} bits");
}

/// What a disk leaves of a write into space that was made ready and synced before: each sector old or new.
#[test]
fn a_write_into_space_that_is_ready_is_torn_between_its_sectors() {
    let mut kernel = Kernel::default();
    let path = std::path::PathBuf::from("/log/file");
    for change in [
        Change::Create(path.clone(), 0),
        Change::Truncate(0, 8 * SECTOR),
        Change::Sync(0),
        Change::SyncDir,
        Change::Write(0, SECTOR, vec![7; 4 * SECTOR].into()),
    ] {
        kernel.apply(&change);
    }
    let mut seen = std::collections::BTreeSet::new();
    for seed in 0..200 {
        for leaves in Leaves::POWER {
            let after = kernel.after_crash(leaves, &mut Random::new(seed));
            let bytes = after.bytes(after.file(&path).unwrap());
            assert_eq!(bytes.len(), 8 * SECTOR, "{leaves:?}");
            let sectors: Vec<u8> = bytes.chunks(SECTOR).map(|sector| sector[0]).collect();
            assert!(bytes.chunks(SECTOR).all(|sector| sector.iter().all(|byte| *byte == sector[0])));
            assert!(sectors[0] == 0 && sectors[5..] == [0; 3], "{leaves:?} changed what nobody wrote");
            seen.insert(sectors[1..5].to_vec());
        }
    }
    assert_eq!(seen.len(), 16, "every mixture of old and new sectors: {seen:?}");
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
