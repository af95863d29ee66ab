//! What the dashboard may know of the running server.

use std::sync::Arc;

use onepixel_consumer::{Progress, Snapshot};
use onepixel_dashboard::{Account, Local, Object, Rejected};
use onepixel_gateway::LastRequests;
use onepixel_stream::{Offset, Stream};

use crate::app::Parts;

impl Local for Parts {
    fn stream(&self) -> &Stream {
        &self.stream
    }

    fn last_requests(&self) -> &LastRequests {
        &self.last
    }

    fn consumers(&self) -> &[(&'static str, Arc<Progress>)] {
        &self.progress
    }

    fn broken(&self) -> &[(&'static str, String)] {
        &self.broken
    }

    fn finished_elsewhere(&self) -> Option<Offset> {
        self.elsewhere
    }

    fn rate(&self, consumer: Option<usize>) -> f64 {
        // The stream stands before the consumers.
        self.meter.rate(consumer.map_or(0, |index| index + 1))
    }

    fn account(&self, durable: Offset, archive: &Snapshot) -> Result<Account, String> {
        self.balance.account(durable, archive).map_err(|error| error.to_string())
    }

    fn objects(&self) -> Vec<Object> {
        let objects = self.objects.as_ref().map(|objects| objects.newest_first()).unwrap_or_default();
        let object = objects.iter().map(|object| Object {
            name: object.name.to_string(),
            records: object.name.records(),
            bytes: object.bytes,
            ms: object.at_ms,
        });
        object.collect()
    }

    fn rejected(&self) -> Vec<Rejected> {
        self.metrics.encode(self).map(|text| counted_by_reason(&text).collect()).unwrap_or_default()
    }

    fn watermark_bytes(&self) -> u64 {
        self.watermark_bytes
    }

    fn retention_s(&self) -> u64 {
        self.retention_s
    }

    fn now_ms(&self) -> u64 {
        Self::now_ms(self)
    }
}

/// The counters are read from where they are published: there is one count and one spelling.
fn counted_by_reason(metrics: &str) -> impl Iterator<Item = Rejected> {
    metrics.lines().filter_map(|line| {
        let rest = line.strip_prefix("onepixel_rejected_total{reason=\"")?;
        let (reason, count) = rest.split_once("\"} ")?;
        Some(Rejected { reason: reason.to_owned(), count: count.trim().parse().ok()? })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_read_from_the_metrics() {
        let text =
            "# TYPE onepixel_rejected counter\nonepixel_rejected_total{reason=\"key\"} 3\nonepixel_other 1\n";
        let found: Vec<_> = counted_by_reason(text).map(|one| (one.reason, one.count)).collect();
        assert_eq!(found, [("key".to_owned(), 3)]);
    }
}
