//! One machine: the embedded log, a consumer's pipeline, SQLite.

use std::sync::Arc;
use std::time::Duration;

use onepixel_consumer::{Checkpoint, DeadLetters, Pipeline, Progress, Settings, Sink as _, StreamSource};
use onepixel_live::{LiveSink, LiveStore};
use onepixel_stream::{OsDisk, Records, Stream};
use onepixel_view::View;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::hits::Hit;
use super::{Hands, System, TTL};

const SETTLES_WITHIN: Duration = Duration::from_secs(60);

pub(super) struct Embedded {
    folder: TempDir,
    hands: Hands,
    stream: Stream,
    progress: Arc<Progress>,
    stop: CancellationToken,
    running: Option<JoinHandle<()>>,
    store: Arc<LiveStore>,
}

impl Embedded {
    pub(super) fn open(hands: &Hands) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = onepixel_stream::Settings {
            disk_watermark_bytes: 0,
            ..onepixel_stream::Settings::new(folder.path().join("stream"))
        };
        let (stream, _) = Stream::open(Arc::new(OsDisk), settings, hands.clock()).unwrap();
        let path = folder.path().join("live.sqlite");
        // The sink makes the file that the store reads.
        drop(LiveSink::open(&path, TTL, hands.clock()).unwrap());
        let store = Arc::new(LiveStore::open(&path, TTL, hands.clock()).unwrap());
        let mut system = Self {
            folder,
            hands: hands.clone(),
            stream,
            progress: Arc::default(),
            stop: CancellationToken::new(),
            running: None,
            store,
        };
        system.start();
        system
    }

    fn sink(&self) -> LiveSink {
        LiveSink::open(&self.folder.path().join("live.sqlite"), TTL, self.hands.clock()).unwrap()
    }

    fn start(&mut self) {
        self.progress = Arc::default();
        self.stop = CancellationToken::new();
        let pipeline = Pipeline {
            source: StreamSource::new(self.stream.reader(0)),
            sink: self.sink(),
            settings: Settings {
                batch_size: 3,
                behind_size: 3,
                batch_window: Duration::from_millis(5),
                batch_bytes: 1 << 20,
                max_retries: -1,
                max_record_age: Duration::ZERO,
                bisect_on_error: true,
            },
            checkpoint: Checkpoint::open(&self.folder.path().join("checkpoint"), "live").unwrap(),
            dead_letters: DeadLetters::open(&self.folder.path().join("dead-letter"), "live").unwrap(),
            clock: self.hands.clock(),
            progress: self.progress.clone(),
        };
        let stop = self.stop.clone();
        self.running = Some(tokio::spawn(async move { pipeline.run(stop).await.unwrap() }));
    }

    async fn stop(&mut self) {
        self.stop.cancel();
        if let Some(running) = self.running.take() {
            running.await.unwrap();
        }
    }

    pub(super) async fn close(mut self) {
        self.stop().await;
        self.stream.close().await;
    }
}

impl System for Embedded {
    async fn take(&mut self, hits: &[Hit]) {
        let mut records = Records::new();
        for hit in hits {
            records.push(hit.key(), |out| out.extend_from_slice(&hit.line())).unwrap();
        }
        self.stream.append(records).await.unwrap();
    }

    async fn settle(&mut self) {
        let end = self.stream.state().durable;
        let settled = async {
            while self.progress.committed() < end {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(SETTLES_WITHIN, settled).await.unwrap();
    }

    async fn replay(&mut self) {
        self.stop().await;
        let checkpoint = self.folder.path().join("checkpoint");
        if checkpoint.exists() {
            std::fs::remove_dir_all(&checkpoint).unwrap();
        }
        // Each record once more, as a dead letter that is replayed although it was counted.
        let end = self.stream.state().durable;
        let (mut reader, mut sink) = (self.stream.reader(0), self.sink());
        let mut next = 0;
        while next < end {
            for record in reader.next(usize::MAX, usize::MAX).await.unwrap() {
                next = record.offset + 1;
                sink.replay(0, &record).await.unwrap();
            }
        }
        drop(sink);
        self.start();
    }

    fn view(&self) -> Arc<dyn View> {
        self.store.clone()
    }
}
