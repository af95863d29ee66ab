//! Many appenders in several runtimes at once, on the real disk.

use std::collections::HashMap;
use std::sync::Arc;
use std::thread;

use onepixel_stream::{OsDisk, Settings};

use crate::support::{join_all, open_on, read_all, records, settings};

const THREADS: u32 = 4;
const TASKS: u32 = 8;
const APPENDS: u32 = 25;

fn payload(thread: u32, task: u32, append: u32) -> Vec<u8> {
    [thread, task, append].iter().flat_map(|number| number.to_le_bytes()).collect()
}

#[test]
fn appends_of_several_runtimes_are_all_there_in_each_ones_order() {
    let dir = tempfile::tempdir().unwrap();
    let (stream, _) =
        open_on(Arc::new(OsDisk), Settings { segment_bytes: 16 << 10, ..settings(dir.path()) }).unwrap();
    let reader = stream.reader(0);
    let threads: Vec<_> = (0..THREADS)
        .map(|thread| {
            let stream = stream.clone();
            let appending = async move {
                join_all((0..TASKS).map(|task| {
                    let stream = stream.clone();
                    async move {
                        let mut end = 0;
                        for append in 0..APPENDS {
                            let payload = payload(thread, task, append);
                            let appended =
                                stream.append(records(&[(None, &payload), (None, &payload)])).await.unwrap();
                            assert!(appended.end >= end + 2, "answers out of order");
                            end = appended.end;
                        }
                    }
                }))
                .await;
            };
            thread::Builder::new().spawn(move || run(appending)).unwrap()
        })
        .collect();
    let found = run(follow(reader));
    for thread in threads {
        thread.join().unwrap();
    }

    let mut next: HashMap<(u32, u32), u32> = HashMap::new();
    for pair in found.chunks(2) {
        assert_eq!(pair[0], pair[1], "an append was torn apart");
        let number = |at: usize| u32::from_le_bytes(pair[0][at..at + 4].try_into().unwrap());
        let expected = next.entry((number(0), number(4))).or_default();
        assert_eq!(number(8), *expected);
        *expected += 1;
    }
    assert!(next.len() == (THREADS * TASKS) as usize && next.values().all(|count| *count == APPENDS));
    assert_eq!(run(read_all(&mut stream.reader(0))).len(), found.len());
}

/// Reads along while it is written.
async fn follow(mut reader: onepixel_stream::Reader) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    while found.len() < (THREADS * TASKS * APPENDS * 2) as usize {
        let records = reader.next(50, 1 << 20).await.unwrap();
        assert_eq!(records[0].offset, found.len() as u64);
        found.extend(crate::support::payloads(&records));
    }
    found
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
}
