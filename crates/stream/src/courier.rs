//! Couriers: bring the writer's answers to the thread on which they are awaited.
//!
//! Waking a task from another thread costs a system call. A courier lives on the runtime of the tasks that wait: the
//! writer hands it all answers of a commit and wakes it once, and it wakes the tasks from within.

use std::convert::Infallible;
use std::sync::{Mutex, PoisonError};

use tokio::sync::{Notify, oneshot};

use crate::queue::Outcome;

/// An answer and whom it is for.
pub(crate) type Answer = (oneshot::Sender<Outcome>, Outcome);

/// The way from the writer to one runtime. Holds at most the answers of the appends that the queue has admitted.
#[derive(Debug, Default)]
pub(crate) struct Courier {
    answers: Mutex<Vec<Answer>>,
    there: Notify,
}

impl Courier {
    /// Hands over the answers of a commit; leaves `answers` empty.
    pub(crate) fn hand_over(&self, answers: &mut Vec<Answer>) {
        if answers.is_empty() {
            return;
        }
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).append(answers);
        self.there.notify_one();
    }

    /// Delivers what is handed over, for ever. Loses nothing when dropped and run again.
    pub(crate) async fn run(&self) -> Infallible {
        let mut delivered = Vec::new();
        loop {
            self.there.notified().await;
            std::mem::swap(&mut *self.answers.lock().unwrap_or_else(PoisonError::into_inner), &mut delivered);
            for (waiting, outcome) in delivered.drain(..) {
                // Nobody waits any more: the records are stored all the same.
                drop(waiting.send(outcome));
            }
        }
    }
}
