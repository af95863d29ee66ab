//! What the log itself costs: appending and reading back, the disk's own speed included.
//!
//! `cargo bench --package onepixel-stream --bench append` tells times; `count PART EVENTS` behind `--` handles as many
//! records and says nothing, for `cargo xtask bench instructions`.
#![expect(clippy::expect_used, reason = "a benchmark that cannot go on must end")]

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, Throughput};
use onepixel_stream::{Durability, OsDisk, Records, Settings, Stream};
use tokio::runtime::{Builder, Runtime};

const RECORD_BYTES: usize = 500;
const RECORDS_PER_APPEND: usize = 100;
/// Records that are read at once, as the archive does.
const RECORDS_PER_READ: usize = 10_000;
const READ_BYTES: usize = 64 << 20;
const RECORDS: usize = 100_000;

fn main() {
    let words: Vec<String> = std::env::args().collect();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let runtime = Builder::new_current_thread().enable_time().build().expect("a runtime");
    if let [_, command, part, count] = words.as_slice()
        && command == "count"
    {
        let count = count.parse().unwrap_or(0);
        let stream = open(folder.path());
        match part.as_str() {
            "append" => append(&runtime, &stream, count),
            "read" => {
                // As many whatever is read, so that two runs differ by the reading alone.
                append(&runtime, &stream, RECORDS);
                read(&runtime, &stream, count);
            }
            _ => {}
        }
        return;
    }
    measure(&runtime, folder.path());
}

fn measure(runtime: &Runtime, folder: &Path) {
    let mut criterion = Criterion::default().configure_from_args();
    let stream = open(folder);
    let mut group = criterion.benchmark_group("stream");
    group.throughput(Throughput::Elements(RECORDS_PER_APPEND as u64));
    // Not many: each run leaves its bytes on the disk.
    group.sample_size(20).measurement_time(Duration::from_secs(3));
    group.bench_function("append", |bencher| bencher.iter(|| append(runtime, &stream, RECORDS_PER_APPEND)));
    append(runtime, &stream, RECORDS);
    group.throughput(Throughput::Elements(RECORDS as u64));
    group.bench_function("read", |bencher| bencher.iter(|| read(runtime, &stream, RECORDS)));
    group.finish();
    criterion.final_summary();
    runtime.block_on(stream.close());
}

fn open(folder: &Path) -> Stream {
    let settings = Settings {
        durability: Durability::Interval(Duration::from_millis(50)),
        disk_watermark_bytes: 0,
        ..Settings::new(folder)
    };
    Stream::open(Arc::new(OsDisk), settings, Arc::new(|| 1_770_757_445_123)).expect("a log").0
}

fn append(runtime: &Runtime, stream: &Stream, count: usize) {
    for _ in 0..count.div_ceil(RECORDS_PER_APPEND) {
        let mut records = Records::with_capacity(RECORDS_PER_APPEND * (RECORD_BYTES + 8));
        for _ in 0..RECORDS_PER_APPEND {
            records.push(None, |buffer| buffer.resize(buffer.len() + RECORD_BYTES, b'x')).expect("a record");
        }
        let appended = runtime.block_on(stream.append(records)).expect("appended");
        black_box(appended.end);
    }
}

/// From the first record on.
fn read(runtime: &Runtime, stream: &Stream, count: usize) {
    let mut reader = stream.reader(0);
    let mut found = 0;
    while found < count {
        let wanted = RECORDS_PER_READ.min(count - found);
        let records = runtime.block_on(reader.next(wanted, READ_BYTES)).expect("records");
        found += black_box(records).len();
    }
}
