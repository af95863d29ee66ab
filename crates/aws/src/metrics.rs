//! Counters of a function, as CloudWatch reads them from a line of its log (embedded metric format): no call, no agent.
//!
//! Counts are added up and written as one line when something failed, else at most once a minute, and at the end. A
//! function that nothing goes wrong with writes nothing: what it does is counted by API Gateway, Lambda and Kinesis.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Map, Value, json};

/// Where the metrics are found in CloudWatch; their one dimension is the function's name.
pub const NAMESPACE: &str = "onepixel";

/// Between two lines that can wait.
const EVERY_MS: u64 = 60_000;

/// The counters of one function.
#[derive(Debug)]
pub struct Counters {
    function: String,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    counts: BTreeMap<&'static str, u64>,
    written_at_ms: u64,
}

impl Counters {
    /// None counted yet; `function` is the name under which it is deployed.
    pub fn new(function: impl Into<String>) -> Self {
        Self { function: function.into(), inner: Mutex::default() }
    }

    /// Counts.
    pub fn add(&self, name: &'static str, count: u64) {
        if count > 0 {
            *self.lock().counts.entry(name).or_default() += count;
        }
    }

    /// Writes what was counted, now; `why` is for whoever reads the log.
    pub fn write(&self, now_ms: u64, why: &str) {
        if let Some(line) = self.line(now_ms, why) {
            let written = writeln!(std::io::stdout().lock(), "{line}");
            if let Err(error) = written {
                tracing::error!(%error, line, "cannot write metrics");
            }
        }
    }

    /// Writes what was counted when the last line is old enough.
    pub fn write_seldom(&self, now_ms: u64) {
        let due = now_ms.saturating_sub(self.lock().written_at_ms) >= EVERY_MS;
        if due {
            self.write(now_ms, "counted since the last line");
        }
    }

    /// The line, and all counters at 0 again; none when there is nothing to say.
    pub(crate) fn line(&self, now_ms: u64, why: &str) -> Option<String> {
        let mut inner = self.lock();
        let counts = std::mem::take(&mut inner.counts);
        if counts.is_empty() {
            return None;
        }
        inner.written_at_ms = now_ms;
        drop(inner);
        let metrics: Vec<Value> =
            counts.keys().map(|name| json!({ "Name": name, "Unit": "Count" })).collect();
        let mut line = Map::new();
        let directive = json!({ "Namespace": NAMESPACE, "Dimensions": [["Function"]], "Metrics": metrics });
        line.insert("_aws".to_owned(), json!({ "Timestamp": now_ms, "CloudWatchMetrics": [directive] }));
        line.insert("Function".to_owned(), self.function.as_str().into());
        line.insert("why".to_owned(), why.into());
        line.extend(counts.into_iter().map(|(name, count)| (name.to_owned(), count.into())));
        Some(Value::Object(line).to_string())
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_the_embedded_metric_format_and_starts_anew() {
        let counters = Counters::new("ingest");
        assert_eq!(counters.line(7, "nothing"), None);
        counters.add("PutThrottled", 2);
        counters.add("PutThrottled", 1);
        counters.add("Lost", 0);
        let line: Value = serde_json::from_str(&counters.line(7, "a \"reason\"\n").unwrap()).unwrap();
        let expected = json!({
            "_aws": { "Timestamp": 7, "CloudWatchMetrics": [{
                "Namespace": "onepixel",
                "Dimensions": [["Function"]],
                "Metrics": [{ "Name": "PutThrottled", "Unit": "Count" }],
            }] },
            "Function": "ingest",
            "why": "a \"reason\"\n",
            "PutThrottled": 3,
        });
        assert_eq!(line, expected);
        assert_eq!(counters.line(8, "nothing"), None);
    }
}
