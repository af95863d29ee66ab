//! Work on a batch that all cores share.

use std::num::NonZero;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{panic, thread};

/// The cores that this process may use.
static CORES: LazyLock<usize> = LazyLock::new(|| thread::available_parallelism().map_or(1, NonZero::get));

/// Does `work` for each number below `parts` and returns what it made, in this order. The caller's thread works too,
/// and alone when there is one part or one core. Each thread makes its own `state` and keeps it from part to part.
///
/// # Panics
/// When `work` does.
pub fn on_all_cores<S, T: Send>(
    parts: usize,
    state: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, usize) -> T + Sync,
) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let take = || {
        let (mut state, mut done) = (state(), Vec::new());
        loop {
            let part = next.fetch_add(1, Ordering::Relaxed);
            if part >= parts {
                return done;
            }
            done.push((part, work(&mut state, part)));
        }
    };
    let mut done = thread::scope(|scope| {
        let others: Vec<_> = (1..parts.min(*CORES)).map(|_| scope.spawn(take)).collect();
        let mut done = take();
        for other in others {
            done.extend(other.join().unwrap_or_else(|cause| panic::resume_unwind(cause)));
        }
        done
    });
    done.sort_unstable_by_key(|(part, _)| *part);
    done.into_iter().map(|(_, made)| made).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_is_done_once_and_in_order() {
        for parts in [0, 1, 2, 7, 1000] {
            let made = on_all_cores(
                parts,
                || 0,
                |before, part| {
                    *before += 1;
                    (part, *before)
                },
            );
            assert_eq!(made.len(), parts);
            assert!(made.iter().enumerate().all(|(at, (part, before))| at == *part && *before >= 1));
        }
    }
}
