//! Cutting a lane's records into batches: by count, by payload, by window, whichever is first.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use super::event::{FRAME_BYTES, Record};
use crate::freeze::PAYLOAD_BYTES_MAX;

/// The records of a lane that are read and not in a batch yet.
#[derive(Debug)]
pub(super) struct Gathering {
    incoming: mpsc::Receiver<Vec<Record>>,
    waiting: VecDeque<(Instant, Record)>,
    size_max: usize,
    window: Duration,
}

impl Gathering {
    pub(super) fn new(incoming: mpsc::Receiver<Vec<Record>>, size_max: usize, window: Duration) -> Self {
        Self { incoming, waiting: VecDeque::new(), size_max, window }
    }

    /// The next batch; `None` after the last one.
    pub(super) async fn next(&mut self) -> Option<Vec<Record>> {
        if self.waiting.is_empty() {
            let records = self.incoming.recv().await?;
            self.take(records);
        }
        while !self.is_full() {
            let Some((first, _)) = self.waiting.front() else { break };
            match timeout_at(*first + self.window, self.incoming.recv()).await {
                Ok(Some(records)) => self.take(records),
                // The shard is over, or the window is.
                Ok(None) | Err(_) => break,
            }
        }
        Some(self.cut())
    }

    fn take(&mut self, records: Vec<Record>) {
        let now = Instant::now();
        self.waiting.extend(records.into_iter().map(|record| (now, record)));
    }

    fn is_full(&self) -> bool {
        self.fitting() < self.waiting.len() || self.waiting.len() >= self.size_max
    }

    /// How many of the first ones make a batch; a record that is too large by itself makes one alone.
    fn fitting(&self) -> usize {
        let mut bytes = FRAME_BYTES;
        let fits = |(_, record): &&(Instant, Record)| {
            bytes += record.bytes();
            bytes <= PAYLOAD_BYTES_MAX
        };
        self.waiting.iter().take(self.size_max).take_while(fits).count().max(1)
    }

    fn cut(&mut self) -> Vec<Record> {
        let count = self.fitting().min(self.waiting.len());
        self.waiting.drain(..count).map(|(_, record)| record).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::event::payload;
    use super::*;

    fn record(sequence: usize, bytes: usize) -> Record {
        Record {
            shard: "shardId-000000000000".into(),
            sequence: sequence.to_string(),
            key: String::new(),
            arrived_ms: 0,
            json: vec![b'1'; bytes].into(),
        }
    }

    /// Sends these sizes at once and ends the lane; gives the sizes of the batches.
    async fn batches(bytes: &[usize], size_max: usize) -> Vec<usize> {
        let (sender, incoming) = mpsc::channel(1);
        let mut gathering = Gathering::new(incoming, size_max, Duration::from_secs(60));
        let records = bytes.iter().enumerate().map(|(n, bytes)| record(n, *bytes)).collect();
        sender.send(records).await.unwrap();
        drop(sender);
        let mut sizes = Vec::new();
        while let Some(batch) = gathering.next().await {
            assert!(batch.len() == 1 || payload(&batch).len() <= PAYLOAD_BYTES_MAX);
            sizes.push(batch.len());
        }
        sizes
    }

    #[tokio::test]
    async fn count_and_payload_cut() {
        let mb = 1024 * 1024;
        assert_eq!(batches(&[10; 25], 10).await, [10, 10, 5]);
        assert_eq!(batches(&[2 * mb; 7], 100).await, [2, 2, 2, 1], "three are six MB and a frame");
        assert_eq!(batches(&[2 * mb - 20; 7], 100).await, [3, 3, 1]);
        assert_eq!(batches(&[7 * mb, 10, 10], 100).await, [1, 2], "too large by itself");
        let exactly = PAYLOAD_BYTES_MAX - FRAME_BYTES - 1;
        assert_eq!(batches(&[exactly, 1], 100).await, [1, 1]);
    }

    #[tokio::test]
    async fn the_window_gathers_and_ends() {
        let (sender, incoming) = mpsc::channel(8);
        let window = Duration::from_millis(400);
        let mut gathering = Gathering::new(incoming, 100, window);
        let start = Instant::now();
        for n in 0..3 {
            sender.send(vec![record(n, 10)]).await.unwrap();
        }
        assert_eq!(gathering.next().await.unwrap().len(), 3);
        assert!(start.elapsed() >= window);
        // A full batch waits for nothing.
        sender.send((0..100).map(|n| record(n, 10)).collect()).await.unwrap();
        let start = Instant::now();
        assert_eq!(gathering.next().await.unwrap().len(), 100);
        assert!(start.elapsed() < window);
    }

    #[tokio::test]
    async fn without_a_window_what_is_there_is_taken() {
        let (sender, incoming) = mpsc::channel(8);
        let mut gathering = Gathering::new(incoming, 100, Duration::ZERO);
        sender.send(vec![record(0, 10), record(1, 10)]).await.unwrap();
        assert_eq!(gathering.next().await.unwrap().len(), 2);
    }
}
