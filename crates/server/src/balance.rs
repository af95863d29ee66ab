//! The running account of the archive: acknowledged = archived + pending + dead-lettered, at every moment and for next
//! to nothing.
//!
//! It is the bookkeeping of what the sink says it took, set against the checkpoint; `onepixel audit` is the proof,
//! which reads every object. What one of them finds wrong the other does not excuse.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use onepixel_consumer::{DeadLetters, Snapshot};
use onepixel_dashboard::Account;
use onepixel_stream::Offset;

/// Keeps the account of one sink.
#[derive(Debug)]
pub(crate) struct Balance {
    folder: PathBuf,
    sink: &'static str,
    /// Where the sink was when this process started.
    began: Offset,
    letters: Mutex<Letters>,
}

/// Dead letters that are in no object, as last counted, and the file that was counted.
#[derive(Debug, Default)]
struct Letters {
    counted: Option<(u64, SystemTime)>,
    offsets: Vec<Offset>,
}

impl Balance {
    /// `folder` holds the dead letters; `began` is the sink's position at the start.
    pub(crate) fn new(folder: PathBuf, sink: &'static str, began: Offset) -> Self {
        Self { folder, sink, began, letters: Mutex::default() }
    }

    /// The account, with `durable` events acknowledged. Blocks on the disk when dead letters have come or gone.
    pub(crate) fn account(&self, durable: Offset, at: &Snapshot) -> anyhow::Result<Account> {
        let committed = at.committed.max(self.began).min(durable);
        let dead_lettered = self.dead_letters_below(committed)?;
        Ok(reckon(durable, committed, self.began, dead_lettered, at))
    }

    fn dead_letters_below(&self, committed: Offset) -> anyhow::Result<u64> {
        let mut letters = self.letters.lock().unwrap_or_else(PoisonError::into_inner);
        let file = self.folder.join(format!("{}.ndjson", self.sink));
        let found = match std::fs::metadata(file) {
            Ok(found) => Some((found.len(), found.modified()?)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(error.into()),
        };
        if letters.counted != found {
            let mut offsets = Vec::new();
            for letter in DeadLetters::open(&self.folder, self.sink)?.scan()? {
                let letter = letter?;
                offsets.extend((!letter.is_replayed()).then_some(letter.offset));
            }
            *letters = Letters { counted: found, offsets };
        }
        Ok(letters.offsets.iter().filter(|offset| **offset < committed).count() as u64)
    }
}

fn reckon(durable: Offset, committed: Offset, began: Offset, dead_lettered: u64, at: &Snapshot) -> Account {
    // What the sink took since the start must cover what the checkpoint has moved over.
    let moved = committed.saturating_sub(began);
    let covered = moved <= at.records + at.dead_lettered;
    let account = Account {
        acknowledged: durable,
        archived: committed.saturating_sub(dead_lettered + at.skipped),
        pending: durable - committed,
        dead_lettered,
        balanced: false,
    };
    let sum = account.archived + account.pending + account.dead_lettered;
    Account { balanced: covered && at.committed <= durable && sum == durable, ..account }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(committed: u64, records: u64, dead_lettered: u64, skipped: u64) -> Snapshot {
        Snapshot {
            committed,
            records,
            dead_lettered,
            skipped,
            ..onepixel_consumer::Progress::default().snapshot()
        }
    }

    #[test]
    fn an_account_balances_only_when_every_event_is_somewhere() {
        fn check(durable: u64, began: u64, dead: u64, at: &Snapshot, expected: (u64, u64, bool)) {
            let committed = at.committed.max(began).min(durable);
            let found = reckon(durable, committed, began, dead, at);
            assert_eq!((found.archived, found.pending, found.balanced), expected, "{at:?}");
        }
        check(0, 0, 0, &snapshot(0, 0, 0, 0), (0, 0, true));
        check(100, 0, 0, &snapshot(60, 60, 0, 0), (60, 40, true));
        check(100, 0, 0, &snapshot(60, 80, 0, 0), (60, 40, true));
        check(100, 50, 0, &snapshot(60, 10, 0, 0), (60, 40, true));
        check(100, 50, 0, &snapshot(0, 0, 0, 0), (50, 50, true));
        check(100, 0, 3, &snapshot(60, 57, 3, 0), (57, 40, true));
        // The checkpoint moved over what the sink never took, records were lost, or the checkpoint is ahead.
        check(100, 0, 0, &snapshot(60, 59, 0, 0), (60, 40, false));
        check(100, 0, 0, &snapshot(60, 50, 0, 10), (50, 40, false));
        check(100, 0, 0, &snapshot(120, 120, 0, 0), (100, 0, false));
    }
}
