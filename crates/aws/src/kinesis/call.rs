//! One PutRecords call: what it may hold, and its answer read record by record.

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::{PutRecordsRequestEntry, PutRecordsResultEntry};

use super::failure::{Reason, of_call};
use super::{CALL_BYTES_MAX, CALL_RECORDS_MAX, Entry};

/// A reason and what was said about it.
pub(super) type Failed = (Reason, String);

/// How many of the first records fit into one call: one at least.
pub(super) fn call_end(entries: &[Entry]) -> usize {
    let mut bytes = 0;
    let fitting = entries.iter().take(CALL_RECORDS_MAX).take_while(|entry| {
        bytes += entry.bytes();
        bytes <= CALL_BYTES_MAX
    });
    fitting.count().max(1).min(entries.len())
}

/// Sends the records; one result for each, or the failure of the call.
pub(super) async fn put(
    client: &Client,
    stream: &str,
    entries: &[Entry],
) -> Result<Vec<Result<(), Failed>>, Failed> {
    let mut call = client.put_records().stream_name(stream);
    for entry in entries {
        let record = PutRecordsRequestEntry::builder()
            .partition_key(&entry.key)
            .data(Blob::new(entry.packed.data.as_ref()));
        call = call.records(record.build().map_err(|error| (Reason::Refused, error.to_string()))?);
    }
    let answer = call.send().await.map_err(|error| of_call(&error))?;
    let results: Vec<_> = answer.records().iter().map(result).collect();
    // Which record is which would be a guess.
    if results.len() != entries.len() {
        let cause = format!("{} results for {} records", results.len(), entries.len());
        return Err((Reason::Unreadable, cause));
    }
    Ok(results)
}

/// A record is stored when it has a sequence number, and no error.
fn result(entry: &PutRecordsResultEntry) -> Result<(), Failed> {
    let Some(code) = entry.error_code() else {
        let missing =
            || (Reason::Unreadable, "a result without sequence number and without error".to_owned());
        return entry.sequence_number().map(|_| ()).ok_or_else(missing);
    };
    let cause = format!("{code}: {}", entry.error_message().unwrap_or_default());
    Err((Reason::of_record(code), cause))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Packed;

    fn entry(bytes: usize) -> Entry {
        Entry { key: "k".into(), packed: Packed { data: vec![b'x'; bytes - 1].into(), lines: 1 } }
    }

    #[test]
    fn a_call_is_full_by_number_and_by_bytes() {
        fn check(sizes: &[usize], expected: usize) {
            let entries: Vec<_> = sizes.iter().map(|bytes| entry(*bytes)).collect();
            assert_eq!(call_end(&entries), expected);
        }
        const MIB: usize = 1024 * 1024;
        check(&[], 0);
        check(&[1], 1);
        check(&[100; 500], 500);
        check(&[100; 501], 500);
        check(&[MIB; 5], 5);
        check(&[MIB; 6], 5);
        check(&[MIB, MIB, MIB, MIB, MIB - 1, 1, 1], 6);
        check(&[6 * MIB, 1], 1);
    }

    #[test]
    fn a_result_is_a_success_with_a_sequence_number_only() {
        fn check(sequence: Option<&str>, code: Option<&str>, expected: Option<Reason>) {
            let entry = PutRecordsResultEntry::builder()
                .set_sequence_number(sequence.map(str::to_owned))
                .set_error_code(code.map(str::to_owned))
                .build();
            assert_eq!(result(&entry).err().map(|(reason, _)| reason), expected, "{sequence:?} {code:?}");
        }
        check(Some("1"), None, None);
        check(None, None, Some(Reason::Unreadable));
        check(Some("1"), Some("InternalFailure"), Some(Reason::Internal));
        check(None, Some("ProvisionedThroughputExceededException"), Some(Reason::Throttled));
    }
}
