//! Bringing one batch through: tries, halves, checkpoints, and giving up.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::event::{self, Record};
use super::verdict::{Verdict, verdict};
use super::{Failure, Shared, lock};
use crate::clock::epoch_ms;
use crate::freeze::Answer;

const BACK_OFF_MAX: Duration = Duration::from_secs(1);

/// The deliveries of one lane.
pub(super) struct Delivery {
    shared: Arc<Shared>,
    random: StdRng,
}

/// A batch, or what is left of one.
#[derive(Debug)]
struct Piece {
    records: Vec<Record>,
    retries: u32,
    invocations: u32,
    /// It was through once already.
    again: bool,
}

impl Piece {
    fn split_off(&mut self, at: usize) -> Self {
        Self { records: self.records.split_off(at), ..*self }
    }
}

impl Delivery {
    /// For a lane of a shard, which draws its own accidents.
    pub(super) fn new(shared: Arc<Shared>, shard: &str, lane: usize) -> Self {
        let lane =
            shard.bytes().fold(lane as u64, |hash, byte| hash.wrapping_mul(31).wrapping_add(u64::from(byte)));
        let random = StdRng::seed_from_u64(shared.settings.accidents.seed.wrapping_add(lane));
        Self { shared, random }
    }

    /// Returns when every record is through or given up.
    pub(super) async fn deliver(&mut self, records: Vec<Record>) {
        let mut work = VecDeque::from([Piece { records, retries: 0, invocations: 0, again: false }]);
        while let Some(mut piece) = work.pop_front() {
            self.give_up_old(&mut piece);
            if piece.records.is_empty() {
                continue;
            }
            match self.invoke(&mut piece).await {
                Verdict::Done => self.done(piece, &mut work),
                Verdict::Throttled => {
                    tokio::time::sleep(self.shared.settings.back_off).await;
                    work.push_front(piece);
                }
                Verdict::FailedFrom(index) => self.failed(piece, index, &mut work).await,
            }
        }
    }

    async fn invoke(&mut self, piece: &mut Piece) -> Verdict {
        let answer = self.shared.target.call(event::payload(&piece.records)).await;
        let settings = &self.shared.settings;
        let lost = one_in(&mut self.random, settings.accidents.lose_one_in) && answer != Answer::Throttled;
        let verdict = if lost {
            Verdict::FailedFrom(0)
        } else {
            verdict(&answer, &piece.records, settings.report_item_failures)
        };
        let mut report = lock(&self.shared.report);
        if verdict == Verdict::Throttled {
            report.throttled += 1;
            return verdict;
        }
        piece.invocations += 1;
        report.invocations += 1;
        report.lost += u64::from(lost);
        let named = matches!(answer, Answer::Response(_)) && verdict != Verdict::Done && !lost;
        report.partial += u64::from(named);
        verdict
    }

    fn done(&mut self, piece: Piece, work: &mut VecDeque<Piece>) {
        let accidents = self.shared.settings.accidents;
        let redeliver = !piece.again && one_in(&mut self.random, accidents.redeliver_one_in);
        if redeliver {
            self.shared.outstanding(&piece.records, |outstanding, count| outstanding + count);
        }
        self.through(&piece);
        if !redeliver {
            return;
        }
        lock(&self.shared.report).redelivered += 1;
        let mut again = Piece { retries: 0, invocations: 0, again: true, ..piece };
        if again.records.len() > 1 && one_in(&mut self.random, 2) {
            let at = self.random.random_range(1..again.records.len());
            work.push_front(again.split_off(at));
        }
        work.push_front(again);
    }

    async fn failed(&mut self, mut piece: Piece, index: usize, work: &mut VecDeque<Piece>) {
        let settings = &self.shared.settings;
        let (bisect, attempts_max) = (settings.bisect_on_error, settings.retry_attempts_max);
        let mut left = piece.split_off(index);
        self.through(&piece);
        if bisect && (index > 0 || left.records.len() > 1) {
            lock(&self.shared.report).splits += 1;
            if index == 0 {
                work.push_front(left.split_off(left.records.len().div_ceil(2)));
            }
            work.push_front(left);
            return;
        }
        if attempts_max.is_some_and(|max| left.retries >= max) {
            self.give_up(&left, "RetryAttemptsExhausted", left.records.clone());
            return;
        }
        let back_off = self.shared.settings.back_off * 2_u32.saturating_pow(left.retries.min(16));
        tokio::time::sleep(back_off.min(BACK_OFF_MAX)).await;
        left.retries += 1;
        lock(&self.shared.report).retries += 1;
        work.push_front(left);
    }

    /// Those that are too old are the first ones, for they are in the order of their arrival.
    fn give_up_old(&self, piece: &mut Piece) {
        let Some(age_max) = self.shared.settings.record_age_max else { return };
        let oldest = epoch_ms().saturating_sub(u64::try_from(age_max.as_millis()).unwrap_or(u64::MAX));
        let old = piece.records.iter().take_while(|record| record.arrived_ms < oldest).count();
        if old > 0 {
            let given_up = piece.records.drain(..old).collect();
            self.give_up(piece, "MaximumRecordAgeExceeded", given_up);
        }
    }

    fn give_up(&self, piece: &Piece, condition: &str, records: Vec<Record>) {
        let metadata = event::metadata(self.shared.stream.name(), condition, piece.invocations, &records);
        self.shared.outstanding(&records, |outstanding, count| outstanding - count);
        lock(&self.shared.report).failures.push(Failure { metadata, records });
    }

    fn through(&self, piece: &Piece) {
        if !piece.again {
            lock(&self.shared.report).done += piece.records.len() as u64;
        }
        self.shared.outstanding(&piece.records, |outstanding, count| outstanding - count);
    }
}

impl Shared {
    fn outstanding(&self, records: &[Record], change: impl Fn(usize, usize) -> usize) {
        let Some(first) = records.first() else { return };
        if let Some(progress) = lock(&self.shards).get_mut(&first.shard) {
            progress.outstanding = change(progress.outstanding, records.len());
        }
    }
}

fn one_in(random: &mut StdRng, n: u32) -> bool {
    n > 0 && random.random_range(0..n) == 0
}
