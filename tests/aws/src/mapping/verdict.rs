//! What a function's answer means for its batch.

use serde_json::Value;

use super::event::Record;
use crate::freeze::Answer;

/// What becomes of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Every record is through.
    Done,
    /// The records before this index are through, the others are not.
    FailedFrom(usize),
    /// The function was not even called.
    Throttled,
}

/// Reads an answer; the list of failed items counts only where the mapping reports them.
pub(super) fn verdict(answer: &Answer, records: &[Record], report_item_failures: bool) -> Verdict {
    match answer {
        Answer::Response(body) if report_item_failures => failed_items(body, records),
        Answer::Response(_) => Verdict::Done,
        Answer::Throttled => Verdict::Throttled,
        Answer::Error(_) | Answer::TimedOut | Answer::Crashed | Answer::InitFailed(_) => {
            Verdict::FailedFrom(0)
        }
    }
}

/// An empty or null answer or list is a success. An identifier that is empty, null, misnamed or not of this batch fails
/// all of it; of several the lowest sequence number counts.
fn failed_items(body: &[u8], records: &[Record]) -> Verdict {
    let items = match serde_json::from_slice::<Value>(body) {
        Ok(Value::Null) => return Verdict::Done,
        Ok(Value::Object(mut answer)) => answer.remove("batchItemFailures").unwrap_or_default(),
        Ok(_) | Err(_) => return Verdict::FailedFrom(0),
    };
    let items = match items {
        Value::Null => return Verdict::Done,
        Value::Array(items) => items,
        _ => return Verdict::FailedFrom(0),
    };
    let mut from = None;
    for item in &items {
        let identifier = item["itemIdentifier"].as_str().unwrap_or_default();
        let Some(index) = records.iter().position(|record| record.sequence == identifier) else {
            return Verdict::FailedFrom(0);
        };
        from = Some(from.map_or(index, |lowest: usize| lowest.min(index)));
    }
    from.map_or(Verdict::Done, Verdict::FailedFrom)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records() -> Vec<Record> {
        let record = |sequence: &str| Record {
            shard: "shardId-000000000000".into(),
            sequence: sequence.into(),
            key: String::new(),
            arrived_ms: 0,
            json: "{}".into(),
        };
        ["10", "11", "12"].map(record).into()
    }

    #[track_caller]
    fn check(body: &str, expected: Verdict) {
        let answer = Answer::Response(body.to_owned().into());
        assert_eq!(verdict(&answer, &records(), true), expected, "{body}");
    }

    #[test]
    fn what_is_a_success() {
        for body in [
            "null",
            "{}",
            r#"{"batchItemFailures": null}"#,
            r#"{"batchItemFailures": []}"#,
            r#"{"something": "else"}"#,
        ] {
            check(body, Verdict::Done);
        }
    }

    #[test]
    fn the_lowest_sequence_number_is_the_checkpoint() {
        check(r#"{"batchItemFailures": [{"itemIdentifier": "12"}]}"#, Verdict::FailedFrom(2));
        let several = r#"{"batchItemFailures": [{"itemIdentifier": "12"}, {"itemIdentifier": "11"}]}"#;
        check(several, Verdict::FailedFrom(1));
    }

    #[test]
    fn what_fails_the_whole_batch() {
        for body in [
            r#"{"batchItemFailures": [{"itemIdentifier": ""}]}"#,
            r#"{"batchItemFailures": [{"itemIdentifier": null}]}"#,
            r#"{"batchItemFailures": [{"identifier": "12"}]}"#,
            r#"{"batchItemFailures": [{"itemIdentifier": "12"}, {"itemIdentifier": "99"}]}"#,
            r#"{"batchItemFailures": "12"}"#,
            r#""a text""#,
            "not JSON",
        ] {
            check(body, Verdict::FailedFrom(0));
        }
    }

    #[test]
    fn without_reporting_only_an_error_fails() {
        let failed = Answer::Response(r#"{"batchItemFailures": [{"itemIdentifier": "11"}]}"#.into());
        assert_eq!(verdict(&failed, &records(), false), Verdict::Done);
        for answer in [Answer::Error("{}".into()), Answer::TimedOut, Answer::Crashed] {
            assert_eq!(verdict(&answer, &records(), false), Verdict::FailedFrom(0));
            assert_eq!(verdict(&answer, &records(), true), Verdict::FailedFrom(0));
        }
        assert_eq!(verdict(&Answer::Throttled, &records(), true), Verdict::Throttled);
    }
}
