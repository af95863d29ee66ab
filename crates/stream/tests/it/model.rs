//! Any sequence of operations against a vector.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use onepixel_stream::{Durability, Key, Reader, Settings, Stream, extent};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::sim_disk::SimDisk;
use crate::support::{Hand, open_on, read_all, records, settings};

#[derive(Debug, Clone)]
enum Step {
    /// Appends of records, all at once: the number of each one's key, if any, and its size.
    Append(Vec<Vec<(Option<u8>, usize)>>),
    /// Reads from an offset (taken modulo the end).
    Read { from: u64, records_max: usize, bytes_max: usize },
    /// Closes the log and opens it again.
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    let size = prop_oneof![4 => 0usize..60, 1 => 0usize..3000];
    let append = vec((proptest::option::of(0u8..40), size), 1..6);
    prop_oneof![
        6 => vec(append, 1..4).prop_map(Step::Append),
        3 => (any::<u64>(), 1usize..20, 1usize..3000)
            .prop_map(|(from, records_max, bytes_max)| Step::Read { from, records_max, bytes_max }),
        1 => Just(Step::Reopen),
    ]
}

/// What the log holds: keys and payloads.
type Model = Vec<(Option<Key>, Vec<u8>)>;

async fn append(stream: &Stream, model: &mut Model, appends: &[Vec<(Option<u8>, usize)>]) {
    let payload = |index: usize, size: usize| vec![u8::try_from(index % 251).unwrap(); size];
    let outcomes = appends.iter().enumerate().map(|(nth, append)| {
        let payloads: Vec<_> = append.iter().map(|(_, size)| payload(nth, *size)).collect();
        let parts: Vec<_> = append
            .iter()
            .zip(&payloads)
            .map(|((key, _), payload)| (key.map(|key| [key; 16]), &payload[..]))
            .collect();
        stream.append(records(&parts))
    });
    let outcomes = crate::support::join_all(outcomes).await;
    let mut keys: HashSet<Key> = model.iter().filter_map(|(key, _)| *key).collect();
    for (nth, (append, outcome)) in appends.iter().zip(outcomes).enumerate() {
        let mut duplicates = 0;
        for (key, size) in append {
            let key = key.map(|key| [key; 16]);
            if key.is_none_or(|key| keys.insert(key)) {
                model.push((key, payload(nth, *size)));
            } else {
                duplicates += 1;
            }
        }
        let outcome = outcome.unwrap();
        assert_eq!((outcome.end, outcome.duplicates), (model.len() as u64, duplicates));
    }
}

async fn read(reader: &mut Reader, model: &Model, from: u64, records_max: usize, bytes_max: usize) {
    if model.is_empty() {
        return;
    }
    let from = from % model.len() as u64;
    reader.seek(from);
    let read = reader.next(records_max, bytes_max).await.unwrap();
    assert!(!read.is_empty() && read.len() <= records_max);
    let but_last: usize = read[..read.len() - 1].iter().map(|record| record.payload.len()).sum();
    assert!(but_last < bytes_max || read.len() == 1);
    for (record, offset) in read.iter().zip(from..) {
        let (key, payload) = &model[usize::try_from(offset).unwrap()];
        assert_eq!((record.offset, &record.key, &record.payload[..]), (offset, key, &payload[..]));
    }
}

async fn run(steps: Vec<Step>, segment_bytes: u64, durability: Durability) {
    let disk = SimDisk::new();
    let settings = Settings { segment_bytes, durability, ..settings(Path::new("/log")) };
    let open = || Stream::open(Arc::new(disk.clone()), settings.clone(), Hand::new().clock()).unwrap().0;
    let (mut stream, mut model) = (open(), Model::new());
    let mut reader = stream.reader(0);
    for step in steps {
        match step {
            Step::Append(appends) => append(&stream, &mut model, &appends).await,
            Step::Read { .. } if durability != Durability::Always => {}
            Step::Read { from, records_max, bytes_max } => {
                read(&mut reader, &model, from, records_max, bytes_max).await;
            }
            Step::Reopen => {
                stream.close().await;
                stream = open();
                reader = stream.reader(0);
            }
        }
    }
    stream.close().await;
    assert_eq!(extent(Arc::new(disk.clone()), Path::new("/log")).unwrap(), 0..model.len() as u64);
    let (stream, _) = open_on(Arc::new(disk), settings).unwrap();
    let found = read_all(&mut stream.reader(0)).await;
    let found: Model = found.into_iter().map(|record| (record.key, record.payload.to_vec())).collect();
    assert_eq!(found, model);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn the_log_holds_what_a_vector_holds(
        steps in vec(step(), 1..40),
        segment_bytes in 100u64..6000,
        always in prop::bool::weighted(0.8),
    ) {
        let durability =
            if always { Durability::Always } else { Durability::Interval(std::time::Duration::from_micros(300)) };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(run(steps, segment_bytes, durability));
    }
}
