//! Runs: consecutive records of the same UTC hour, each of which becomes one object.
//!
//! Every payload is looked at before anything is written, and only `received_at` is read: see `stamp`.

use std::ops::Range;

use onepixel_consumer::Record;
use onepixel_event::Time;

use crate::ObjectName;
use crate::stamp::Stamps;

/// Records without a gap between their offsets, all received in one UTC hour; never empty.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub(crate) name: ObjectName,
    /// Where the records lie among those that were split.
    pub(crate) at: Range<usize>,
}

/// Splits records in offset order. A run ends where an offset is missing or the hour differs, so interleaved hours
/// make several runs and no line ever stands in another hour's folder.
///
/// # Errors
/// Why the first record that is not an encoded event is none.
pub(crate) fn split(partition: u32, records: &[Record]) -> Result<Vec<Run>, String> {
    let mut stamps = Stamps::default();
    let times = records.iter().map(|record| received_at(&mut stamps, record));
    let times = times.collect::<Result<Vec<Time>, String>>()?;
    let mut runs = Vec::new();
    let mut start = 0;
    for end in 1..=records.len() {
        let goes_on = end < records.len()
            && records[end - 1].offset.checked_add(1) == Some(records[end].offset)
            && times[end].hour_start() == times[start].hour_start();
        if !goes_on {
            let (first, last) = (records[start].offset, records[end - 1].offset);
            let name = ObjectName { first_at: times[start], partition, first, last };
            runs.push(Run { name, at: start..end });
            start = end;
        }
    }
    Ok(runs)
}

fn received_at(stamps: &mut Stamps, record: &Record) -> Result<Time, String> {
    let refused =
        |reason| format!("the record at offset {} is not an encoded event: {reason}", record.offset);
    stamps.received_at(&record.payload).map_err(refused)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn record(offset: u64, at: &str) -> Record {
        let payload = Bytes::from(format!(r#"{{"id":"x","received_at":"{at}","event":"pageview"}}"#));
        Record { offset, committed_at_ms: 0, key: None, payload }
    }

    /// Each record is its offset and the minute of the day it was received in.
    #[track_caller]
    fn check(records: &[(u64, u32)], expected: &[(u64, u64)]) {
        let records: Vec<Record> = records
            .iter()
            .map(|(offset, minute)| {
                record(*offset, &format!("2026-02-10T{:02}:{:02}:00Z", minute / 60, minute % 60))
            })
            .collect();
        let runs = split(3, &records).unwrap();
        assert_eq!(runs.iter().map(|r| (r.name.first, r.name.last)).collect::<Vec<_>>(), expected);
        assert_eq!(runs.iter().map(|r| r.at.len()).sum::<usize>(), records.len());
        for run in runs {
            assert_eq!(run.name.records(), run.at.len() as u64);
            assert_eq!(run.name.first, records[run.at.start].offset);
            assert_eq!(run.name.partition, 3);
        }
    }

    #[test]
    fn a_run_ends_with_its_hour_and_at_a_gap() {
        check(&[], &[]);
        check(&[(5, 0)], &[(5, 5)]);
        check(&[(5, 0), (6, 59), (7, 1)], &[(5, 7)]);
        check(&[(5, 59), (6, 60), (7, 61)], &[(5, 5), (6, 7)]);
        check(&[(5, 59), (6, 60), (7, 59), (8, 60)], &[(5, 5), (6, 6), (7, 7), (8, 8)]);
        check(&[(5, 0), (7, 0), (8, 0)], &[(5, 5), (7, 8)]);
        check(&[(5, 0), (6, 60), (8, 60), (9, 60)], &[(5, 5), (6, 6), (8, 9)]);
        check(&[(u64::MAX - 1, 0), (u64::MAX, 0)], &[(u64::MAX - 1, u64::MAX)]);
    }

    #[track_caller]
    fn check_refused(payload: &[u8], expected: &str) {
        let bad = Record { payload: Bytes::copy_from_slice(payload), ..record(8, "") };
        let reason = split(0, &[record(7, "2026-02-10T21:04:05.123Z"), bad]).unwrap_err();
        assert!(reason.contains("offset 8") && reason.contains(expected), "{reason}");
    }

    #[test]
    fn refuses_what_is_not_an_encoded_event() {
        check_refused(b"", "not a JSON object");
        check_refused(b"hello", "not a JSON object");
        check_refused(br#"["2026-02-10T21:04:05Z"]"#, "not a JSON object");
        check_refused(b"{}", "missing field `received_at`");
        check_refused(br#"{"received_at":17}"#, "invalid type");
        check_refused(br#"{"received_at":"now"}"#, "\"now\" is not an RFC 3339 time");
        check_refused(br#"{"received_at":"2026-02-10T21:04:05Z"} {}"#, "trailing characters");
        check_refused(br#"{"received_at":"2026-02-10T21:04:05Z""#, "EOF");
        check_refused(b"{\n\"received_at\":\"2026-02-10T21:04:05Z\"}", "raw line end");
        check_refused(b"{\"received_at\":\"2026-02-10T21:04:05Z\"\r}", "raw line end");
        check_refused(b"{\"received_at\":\"2026-02-10T21:04:05Z\",\"a\":\"\xff\"}", "not UTF-8");
        check_refused(b"{\"received_at\":\"2026-02-10T21:04:05Z\",\"a\":\"\x01\"}", "control character");
    }
}
