//! `/metrics`: what the parts count themselves, and gauges that are read from them at each scrape.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use crate::app::Parts;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Consumer {
    consumer: &'static str,
}

type PerConsumer = Family<Consumer, Gauge>;

/// The registry of one server, and the gauges filled at a scrape.
pub(crate) struct Metrics {
    registry: Registry,
    written: Gauge,
    durable: Gauge,
    oldest: Gauge,
    stored_bytes: Gauge,
    free_bytes: Gauge,
    ready: Gauge,
    committed: PerConsumer,
    lag: PerConsumer,
    batches: PerConsumer,
    records: PerConsumer,
    retries: PerConsumer,
    dead_lettered: PerConsumer,
    skipped: PerConsumer,
    failing: PerConsumer,
}

impl Metrics {
    /// Registers everything under the prefix `onepixel_`; `parts` adds what the parts count themselves.
    pub(crate) fn new(parts: impl FnOnce(&mut Registry)) -> Self {
        let mut registry = Registry::with_prefix("onepixel");
        parts(&mut registry);
        let stream = registry.sub_registry_with_prefix("stream");
        let written = gauge(stream, "written_offset", "Offset after the last record that was written");
        let durable = gauge(stream, "durable_offset", "Offset after the last record that survives a crash");
        let oldest = gauge(stream, "oldest_offset", "First offset that is retained");
        let stored_bytes = bytes(stream, "stored", "Size of all segments");
        let free_bytes = bytes(stream, "disk_free", "Free space where the stream is kept");
        let ready = gauge(stream, "ready", "1 while an event can be stored");
        let consumer = registry.sub_registry_with_prefix("consumer");
        Self {
            written,
            durable,
            oldest,
            stored_bytes,
            free_bytes,
            ready,
            committed: family(consumer, "committed_offset", "Offset after the last record the sink holds"),
            lag: family(consumer, "lag_records", "Durable records the sink does not hold yet"),
            batches: family(consumer, "batches", "Batches written since the start"),
            records: family(consumer, "records", "Records written since the start"),
            retries: family(consumer, "retries", "Writes tried again since the start"),
            dead_lettered: family(
                consumer,
                "dead_lettered",
                "Records given to the dead-letter log since the start",
            ),
            skipped: family(
                consumer,
                "skipped_records",
                "Records that were gone before the sink had read them",
            ),
            failing: family(consumer, "failing", "1 while the sink cannot be written"),
            registry,
        }
    }

    /// The scrape: OpenMetrics text.
    pub(crate) fn encode(&self, parts: &Parts) -> Result<String, std::fmt::Error> {
        let state = parts.stream.state();
        set(&self.written, state.written);
        set(&self.durable, state.durable);
        set(&self.oldest, state.oldest);
        set(&self.stored_bytes, state.stored_bytes);
        set(&self.free_bytes, state.free_bytes);
        set(&self.ready, u64::from(state.status == onepixel_stream::Status::Ready));
        for (name, progress) in &parts.progress {
            let at = progress.snapshot();
            let label = Consumer { consumer: name };
            let put = |family: &PerConsumer, value: u64| set(&family.get_or_create(&label), value);
            put(&self.committed, at.committed);
            put(&self.lag, state.durable.saturating_sub(at.committed));
            put(&self.batches, at.batches);
            put(&self.records, at.records);
            put(&self.retries, at.retries);
            put(&self.dead_lettered, at.dead_lettered);
            put(&self.skipped, at.skipped);
            put(&self.failing, u64::from(at.last_error.is_some()));
        }
        for (name, _) in &parts.broken {
            let label = Consumer { consumer: name };
            set(&self.lag.get_or_create(&label), state.durable);
            set(&self.failing.get_or_create(&label), 1);
        }
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

fn set(gauge: &Gauge, value: u64) {
    gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
}

fn gauge(registry: &mut Registry, name: &str, help: &str) -> Gauge {
    let gauge = Gauge::default();
    registry.register(name, help, gauge.clone());
    gauge
}

fn bytes(registry: &mut Registry, name: &str, help: &str) -> Gauge {
    let gauge = Gauge::default();
    registry.register_with_unit(name, help, Unit::Bytes, gauge.clone());
    gauge
}

fn family(registry: &mut Registry, name: &str, help: &str) -> PerConsumer {
    let family = PerConsumer::default();
    registry.register(name, help, family.clone());
    family
}
