//! Puts records into the stream of a server that is not running: what no client could send.

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use onepixel_stream::{OsDisk, Records, Settings, Stream};

/// Records in one append.
const TOGETHER: usize = 500;

/// Appends payloads, in order.
pub(crate) fn append(data_dir: &Path, payloads: &[Vec<u8>]) {
    let clock =
        Arc::new(|| SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis() as u64);
    let settings = Settings { disk_watermark_bytes: 0, ..Settings::new(data_dir.join("stream")) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (stream, _) = Stream::open(Arc::new(OsDisk), settings, clock).unwrap();
        for some in payloads.chunks(TOGETHER) {
            let mut records = Records::new();
            for payload in some {
                records.push(None, |out| out.extend_from_slice(payload)).unwrap();
            }
            stream.append(records).await.unwrap();
        }
        stream.close().await;
    });
}
