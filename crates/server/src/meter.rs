//! How fast things go: positions noted once a second, and the rate over the last ten.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// Samples kept: ten seconds and the one before them.
const SAMPLES_MAX: usize = 11;

/// What is measured: the stream's end and each consumer's position, in an order of the owner's.
#[derive(Debug, Default)]
pub(crate) struct Meter(Mutex<VecDeque<Sample>>);

#[derive(Debug)]
struct Sample {
    at_ms: u64,
    positions: Vec<u64>,
}

impl Meter {
    /// Notes where everything is at `at_ms`.
    pub(crate) fn note(&self, at_ms: u64, positions: Vec<u64>) {
        let mut samples = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if samples.len() >= SAMPLES_MAX {
            samples.pop_front();
        }
        samples.push_back(Sample { at_ms, positions });
    }

    /// Records per second of the position `index`, over the last ten seconds or as many as there are.
    pub(crate) fn rate(&self, index: usize) -> f64 {
        let samples = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (Some(first), Some(last)) = (samples.front(), samples.back()) else { return 0.0 };
        let ms = last.at_ms.saturating_sub(first.at_ms);
        let at = |sample: &Sample| sample.positions.get(index).copied().unwrap_or(0);
        if ms == 0 {
            return 0.0;
        }
        let records = at(last).saturating_sub(at(first));
        (records as f64 * 10_000.0 / ms as f64).round() / 10.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_over_the_last_ten_seconds() {
        let meter = Meter::default();
        assert_eq!(meter.rate(0), 0.0);
        meter.note(0, vec![100, 7]);
        assert_eq!(meter.rate(0), 0.0);
        for second in 1..=20 {
            meter.note(second * 1000, vec![100 + second * 50, 7]);
        }
        assert_eq!((meter.rate(0), meter.rate(1), meter.rate(2)), (50.0, 0.0, 0.0));
    }
}
