//! Over the embedded stream: the same, with real files below.

use std::sync::Arc;
use std::time::Duration;

use onepixel_consumer::{Pipeline, StreamSource};
use onepixel_stream::{OsDisk, Records, Settings, Stream};
use tokio_util::sync::CancellationToken;

use crate::memory_sink::{MemorySink, Store, poison, sound};
use crate::rig::Rig;

fn open(rig: &Rig) -> Stream {
    Stream::open(Arc::new(OsDisk), Settings::new(rig.dir.path().join("stream")), rig.clock()).unwrap().0
}

fn pipeline(rig: &Rig, stream: &Stream) -> Pipeline<StreamSource, MemorySink> {
    let Pipeline { sink, settings, checkpoint, dead_letters, clock, progress, .. } = rig.pipeline();
    Pipeline {
        source: StreamSource::new(stream.reader(0)),
        sink,
        settings,
        checkpoint,
        dead_letters,
        clock,
        progress,
    }
}

async fn append(stream: &Stream, payloads: impl IntoIterator<Item = Vec<u8>>) {
    for payload in payloads {
        let mut records = Records::new();
        records.push(None, |bytes| bytes.extend_from_slice(&payload)).unwrap();
        stream.append(records).await.unwrap();
    }
}

#[tokio::test]
async fn what_is_durable_is_written_once_over_restarts() {
    for store in [Store::objects(), Store::transactional()] {
        let mut rig = Rig::new(store);
        rig.settings.batch_window = Duration::from_millis(1);
        let stream = open(&rig);
        let payload = |n| if n == 31 { poison() } else { sound(n) };
        append(&stream, (0..25).map(payload)).await;
        let shutdown = CancellationToken::new();
        shutdown.cancel();
        pipeline(&rig, &stream).run(shutdown).await.unwrap();
        rig.expect(25, &[]);
        let writing = pipeline(&rig, &stream).run(CancellationToken::new());
        let appending = async {
            append(&stream, (25..60).map(payload)).await;
            stream.close().await;
        };
        let (written, ()) = tokio::join!(writing, appending);
        written.unwrap();
        rig.expect(60, &[31]);
        drop(stream);
        let stream = open(&rig);
        append(&stream, (60..65).map(payload)).await;
        stream.close().await;
        pipeline(&rig, &stream).run(CancellationToken::new()).await.unwrap();
        rig.expect(65, &[31]);
        assert_eq!((rig.snapshot().committed, rig.snapshot().lag()), (65, 0));
    }
}
