//! Many seeds on all processors, in the order of the seeds whatever the threads do.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::disk::Faults;
use crate::seed::{self, Report};

/// Threads a processor: most of a seed's time is waiting for the log's writer.
const THREADS_A_PROCESSOR: usize = 2;

/// A seed and what it came to.
pub type Outcome = (u64, Result<Report, String>);

/// Runs this many seeds; none is begun any more once a promise was broken.
///
/// # Errors
/// When the machine has no threads to run them on, or a worker panicked.
pub fn seeds(from: u64, count: u64) -> std::io::Result<Vec<Outcome>> {
    let threads = std::thread::available_parallelism()?.get() * THREADS_A_PROCESSOR;
    let (next, stop) = (AtomicU64::new(from), AtomicBool::new(false));
    let end = from.saturating_add(count);
    let results: Vec<_> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(|| work(&next, end, &stop))).collect();
        workers.into_iter().map(std::thread::ScopedJoinHandle::join).collect()
    });
    let mut outcomes: Vec<Outcome> = Vec::new();
    for result in results {
        outcomes
            .extend(result.map_err(|_| std::io::Error::other("a worker panicked; its words are above"))??);
    }
    outcomes.sort_by_key(|(seed, _)| *seed);
    Ok(outcomes)
}

fn work(next: &AtomicU64, end: u64, stop: &AtomicBool) -> std::io::Result<Vec<Outcome>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let mut outcomes = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        if seed >= end {
            break;
        }
        let outcome = seed::run(seed, Faults::default(), &runtime);
        stop.fetch_or(outcome.is_err(), Ordering::Relaxed);
        outcomes.push((seed, outcome));
    }
    Ok(outcomes)
}
