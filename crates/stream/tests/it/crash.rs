//! Crashes at every kind of moment: what was acknowledged is there afterwards, in order, and nothing else is.
//!
//! Each life of a log ends when the disk dies in the middle of a change (or the log is closed). `STREAM_SEED` runs
//! one seed alone; a failure prints it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use onepixel_stream::{AppendError, Durability, Key, OpenError, Recovered, Settings, Stream};

use crate::sim_disk::{Leaves, Rng, SimDisk};
use crate::support::{Hand, join_all, payloads, read_all, records, settings};

const SEEDS: u64 = 300;
const LIVES: u64 = 5;

/// What the log must hold, and what it may hold beyond.
#[derive(Default)]
struct Model {
    /// Known to be there.
    held: Vec<Vec<u8>>,
    /// Appends that were not acknowledged, or not synced, in order: each is there whole or not at all.
    maybe: Vec<Vec<Vec<u8>>>,
    appended: u32,
}

impl Model {
    /// Compares with what a log holds, and takes it over.
    fn check(&mut self, found: Vec<Vec<u8>>) {
        assert!(found.len() >= self.held.len(), "{} of {} records are left", found.len(), self.held.len());
        assert_eq!(found[..self.held.len()], self.held, "acknowledged records changed");
        let mut rest = &found[self.held.len()..];
        for append in &self.maybe {
            if rest.is_empty() {
                break;
            }
            assert!(rest.starts_with(append), "an append is there in part, or out of order");
            rest = &rest[append.len()..];
        }
        assert!(rest.is_empty(), "{} records that nobody appended", rest.len());
        self.held = found;
        self.maybe.clear();
    }

    fn append(&mut self, rng: &mut Rng) -> Vec<(Option<Key>, Vec<u8>)> {
        let count = 1 + rng.below(3);
        let sizes = [0, 30, 400, 1500];
        (0..count)
            .map(|_| {
                self.appended += 1;
                let size_max = sizes[rng.index(4)];
                let size = rng.index(1 + size_max);
                let mut payload = self.appended.to_le_bytes().to_vec();
                payload.resize(4 + size, b'a' + (self.appended % 26) as u8);
                let mut key = [7; 16];
                key[..4].copy_from_slice(&self.appended.to_le_bytes());
                (rng.one_in(2).then_some(key), payload)
            })
            .collect()
    }
}

/// One life: appends until the disk dies or enough is done. True when the log was closed in order.
async fn live(
    stream: &Stream,
    disk: &SimDisk,
    model: &mut Model,
    durability: Durability,
    rng: &mut Rng,
) -> bool {
    for _ in 0..1 + rng.below(40) {
        let appends: Vec<_> = (0..1 + rng.below(4)).map(|_| model.append(rng)).collect();
        let outcomes = join_all(appends.iter().map(|append| {
            let parts: Vec<_> = append.iter().map(|(key, payload)| (*key, &payload[..])).collect();
            stream.append(records(&parts))
        }));
        let refuses = !disk.is_dead() && rng.one_in(12);
        disk.set_write_error(refuses.then_some(std::io::ErrorKind::StorageFull));
        let outcomes = outcomes.await;
        disk.set_write_error(None);
        for (append, outcome) in appends.iter().zip(outcomes) {
            let append: Vec<_> = append.iter().map(|(_, payload)| payload.clone()).collect();
            if outcome == Err(AppendError::DiskFull) {
                // It was taken back.
                continue;
            }
            let safe = outcome.is_ok() && durability == Durability::Always;
            assert!(!safe || model.maybe.is_empty(), "acknowledged after a refused append");
            if safe {
                model.held.extend(append);
            } else {
                model.maybe.push(append);
            }
        }
        let durable = usize::try_from(stream.state().durable).unwrap();
        while model.held.len() < durable && durability != Durability::Always {
            let append = model.maybe.remove(0);
            model.held.extend(append);
        }
        if disk.is_dead() {
            return false;
        }
    }
    if rng.one_in(2) {
        return false;
    }
    stream.close().await;
    !disk.is_dead()
}

fn open(disk: &SimDisk, settings: &Settings) -> Result<(Stream, Recovered), OpenError> {
    Stream::open(Arc::new(disk.clone()), settings.clone(), Hand::new().clock())
}

async fn lives(seed: u64) {
    let mut rng = Rng::new(seed);
    let mut disk = SimDisk::new();
    let mut model = Model::default();
    let durability = if rng.one_in(3) {
        Durability::Interval(Duration::from_micros(rng.below(2000)))
    } else {
        Durability::Always
    };
    let settings =
        Settings { durability, segment_bytes: 2000 + rng.below(9000), ..settings(Path::new("/log")) };
    for _ in 0..LIVES {
        if rng.one_in(2) {
            disk.writes_back(rng.below(u64::MAX));
        }
        if !rng.one_in(4) {
            disk.dies_after(rng.below(120));
        }
        match open(&disk, &settings) {
            // The disk may die over a key file, which is not needed.
            Ok((stream, recovered)) if !disk.is_dead() => {
                let found = payloads(&read_all(&mut stream.reader(0)).await);
                assert_eq!(found.len() as u64, recovered.next);
                model.check(found);
                if live(&stream, &disk, &mut model, durability, &mut rng).await {
                    // Nothing is lost after an orderly shutdown.
                    let written = std::mem::take(&mut model.maybe);
                    model.held.extend(written.into_iter().flatten());
                }
            }
            Ok(_) => {}
            Err(error) => assert!(disk.is_dead(), "{error}"),
        }
        let leaves = [Leaves::All, Leaves::Nothing, Leaves::SomeSectors, Leaves::Prefix];
        disk = disk.after_crash(leaves[rng.index(4)], &mut rng);
    }
    last_look(&disk, &settings, &mut model, &mut rng).await;
}

/// Opening finds what another process's look finds, and finds the same again after another crash.
async fn last_look(disk: &SimDisk, settings: &Settings, model: &mut Model, rng: &mut Rng) {
    let seen = onepixel_stream::extent(Arc::new(disk.clone()), &settings.dir).unwrap();
    let (stream, recovered) = open(disk, settings).unwrap();
    assert!(seen.end <= recovered.next, "{seen:?} seen from outside, {} recovered", recovered.next);
    model.check(payloads(&read_all(&mut stream.reader(0)).await));
    let again = disk.after_crash(Leaves::Nothing, rng);
    let (stream, recovered) = open(&again, settings).unwrap();
    assert_eq!(recovered.cut, None);
    let found = read_all(&mut stream.reader(0)).await;
    model.check(payloads(&found));
    let keyed = found.iter().filter(|record| record.key.is_some()).collect::<Vec<_>>();
    for some in keyed.chunks(100) {
        let again: Vec<_> = some.iter().map(|record| (record.key, &b"again"[..])).collect();
        let appended = stream.append(records(&again)).await.unwrap();
        assert_eq!(appended.duplicates as usize, some.len(), "a key was forgotten");
    }
}

#[test]
fn what_was_acknowledged_survives_and_nothing_else_appears() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let seeds = match std::env::var("STREAM_SEED") {
        Ok(seed) => seed.parse().map(|seed| seed..seed + 1).unwrap(),
        Err(_) => 0..SEEDS,
    };
    for seed in seeds {
        println!("STREAM_SEED={seed}");
        runtime.block_on(lives(seed));
    }
}
