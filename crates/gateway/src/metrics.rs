//! What the edge counts: requests by door and status, what was not stored and why, and how long durability took.
//!
//! The values belong to the gateway that counts them, so that two gateways fit in one process. What every hit
//! touches is an atomic held directly; label sets are looked up only for what is rare.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::encoding::{
    EncodeLabelSet, EncodeLabelValue, EncodeMetric, LabelValueEncoder, MetricEncoder, NoLabelSet,
};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::{MetricType, TypedMetric};
use prometheus_client::registry::{Registry, Unit};

use crate::http::LastRequests;

/// Which way a request took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Door {
    /// The pixel.
    Pixel,
    /// Posted events.
    Events,
    /// Everything else: the fallback service.
    Other,
}

impl Door {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pixel => "pixel",
            Self::Events => "events",
            Self::Other => "other",
        }
    }
}

impl EncodeLabelValue for Door {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), fmt::Error> {
        self.as_str().encode(encoder)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    door: Door,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Why {
    reason: &'static str,
}

/// The gateway's metrics, and the last requests it remembers. Cheap to clone; clones count together.
#[derive(Debug, Clone)]
pub struct Metrics {
    answers: Family<Answered, Counter>,
    pixels_stored: Counter,
    events_stored: Counter,
    rejected: Family<Why, Counter>,
    accepted: Counter,
    duplicates: Counter,
    events_rejected: Counter,
    pub(crate) connections: Gauge,
    pub(crate) in_flight: Gauge,
    pub(crate) append: Latency,
    pub(crate) last: LastRequests,
}

impl Default for Metrics {
    fn default() -> Self {
        let answers = Family::<Answered, Counter>::default();
        let counter = |door, status| answers.get_or_create_owned(&Answered { door, status });
        Self {
            pixels_stored: counter(Door::Pixel, 200),
            events_stored: counter(Door::Events, 202),
            answers,
            rejected: Family::default(),
            accepted: Counter::default(),
            duplicates: Counter::default(),
            events_rejected: Counter::default(),
            connections: Gauge::default(),
            in_flight: Gauge::default(),
            append: Latency::default(),
            last: LastRequests::default(),
        }
    }
}

impl Metrics {
    /// The last requests at the two doors.
    pub fn last_requests(&self) -> LastRequests {
        self.last.clone()
    }

    /// Names the metrics in `registry`, whose prefix should be `onepixel`.
    pub fn register(&self, registry: &mut Registry) {
        registry.register("requests", "Requests answered, by door and status", self.answers.clone());
        registry.register(
            "rejected",
            "Requests of which nothing was stored, by reason",
            self.rejected.clone(),
        );
        registry.register("events_accepted", "Events acknowledged as durable", self.accepted.clone());
        let help = "Acknowledged events that were in the stream already, by their id";
        registry.register("events_duplicate", help, self.duplicates.clone());
        let help = "Invalid events in batches whose other events were looked at";
        registry.register("events_rejected", help, self.events_rejected.clone());
        registry.register("connections", "Open connections", self.connections.clone());
        registry.register("requests_in_flight", "Requests not answered yet", self.in_flight.clone());
        let help = "From handing records to the stream until they were durable";
        registry.register_with_unit("append", help, Unit::Seconds, self.append.clone());
    }

    pub(crate) fn answered(&self, door: Door, status: u16) {
        match (door, status) {
            (Door::Pixel, 200) => self.pixels_stored.inc(),
            (Door::Events, 202) => self.events_stored.inc(),
            (door, status) => self.answers.get_or_create(&Answered { door, status }).inc(),
        };
    }

    pub(crate) fn rejected(&self, reason: &'static str) {
        self.rejected.get_or_create(&Why { reason }).inc();
    }

    pub(crate) fn accepted(&self, events: usize, duplicates: u32) {
        self.accepted.inc_by(events as u64);
        if duplicates > 0 {
            self.duplicates.inc_by(duplicates.into());
        }
    }

    pub(crate) fn events_rejected(&self, events: usize) {
        self.events_rejected.inc_by(events as u64);
    }
}

/// Adds one to a gauge for as long as it lives.
pub(crate) struct Raised<'a>(&'a Gauge);

impl<'a> Raised<'a> {
    pub(crate) fn new(gauge: &'a Gauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for Raised<'_> {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// Upper bounds of the buckets, in microseconds: from a commit that was about to happen to a disk that hangs.
const BOUNDS_US: [u64; 13] =
    [100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000, 5_000_000];

/// A histogram of durations without a lock: the library's own takes a mutex for each observation.
#[derive(Debug, Clone, Default)]
pub(crate) struct Latency(Arc<Buckets>);

#[derive(Debug, Default)]
struct Buckets {
    counts: [AtomicU64; BOUNDS_US.len() + 1],
    sum_us: AtomicU64,
}

impl Latency {
    pub(crate) fn observe(&self, duration: Duration) {
        let us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let bucket = BOUNDS_US.partition_point(|bound| *bound < us);
        self.0.counts[bucket].fetch_add(1, Ordering::Relaxed);
        self.0.sum_us.fetch_add(us, Ordering::Relaxed);
    }
}

impl TypedMetric for Latency {
    const TYPE: MetricType = MetricType::Histogram;
}

impl EncodeMetric for Latency {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> Result<(), fmt::Error> {
        let bounds = BOUNDS_US.iter().map(|us| *us as f64 / 1e6).chain([f64::INFINITY]);
        let counts = self.0.counts.iter().map(|count| count.load(Ordering::Relaxed));
        let buckets: Vec<(f64, u64)> = bounds.zip(counts).collect();
        let count = buckets.iter().map(|(_, count)| count).sum();
        let sum = self.0.sum_us.load(Ordering::Relaxed) as f64 / 1e6;
        encoder.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        Self::TYPE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_is_shown_with_its_labels() {
        let metrics = Metrics::default();
        let mut registry = Registry::with_prefix("onepixel");
        metrics.register(&mut registry);
        metrics.answered(Door::Pixel, 200);
        metrics.answered(Door::Other, 404);
        metrics.rejected("throttled");
        metrics.accepted(3, 1);
        for us in [1, 100, 101, 9_000_000] {
            metrics.append.observe(Duration::from_micros(us));
        }
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        for line in [
            "onepixel_requests_total{door=\"pixel\",status=\"200\"} 1",
            "onepixel_requests_total{door=\"other\",status=\"404\"} 1",
            "onepixel_rejected_total{reason=\"throttled\"} 1",
            "onepixel_events_accepted_total 3",
            "onepixel_events_duplicate_total 1",
            "onepixel_append_seconds_bucket{le=\"0.0001\"} 2",
            "onepixel_append_seconds_bucket{le=\"0.00025\"} 3",
            "onepixel_append_seconds_bucket{le=\"5.0\"} 3",
            "onepixel_append_seconds_bucket{le=\"+Inf\"} 4",
            "onepixel_append_seconds_count 4",
            "onepixel_append_seconds_sum 9.000202",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} not in:\n{text}");
        }
    }

    #[test]
    fn a_raised_gauge_falls() {
        let gauge = Gauge::default();
        let raised = Raised::new(&gauge);
        assert_eq!(gauge.get(), 1);
        drop(raised);
        assert_eq!(gauge.get(), 0);
    }
}
