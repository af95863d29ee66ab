//! The made-up past: through ingest and the stream, with the clock of ingest set back to each hit's moment.

use std::net::IpAddr;
use std::sync::Arc;

use anyhow::Context as _;
use onepixel_event::Time;
use onepixel_gateway::ingest::{Caller, Ingest, IngestSettings, VisitorSalt};
use onepixel_stream::{OsDisk, Records, Settings as StreamSettings, Stream};

use super::traffic::{Hit, Sent, Traffic};
use crate::clock;
use crate::config::Settings;
use crate::data_dir::DataDir;

/// Records in one append.
const TOGETHER: usize = 1000;

/// Writes the traffic up to `now_ms`.
pub(super) fn write(
    settings: &Settings,
    data_dir: &DataDir,
    traffic: &mut Traffic,
    now_ms: u64,
) -> anyhow::Result<()> {
    let wanted = StreamSettings {
        disk_watermark_bytes: settings.stream.disk_watermark.0,
        ..StreamSettings::new(data_dir.stream())
    };
    let hits = traffic.until(now_ms);
    let Some(first) = hits.first() else { return Ok(()) };
    // A salt of its own: a visitor of the past is not told from one of today by it.
    let ingest = Ingest::new(IngestSettings::default(), VisitorSalt::in_memory(time(first.at_ms)), None);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (stream, _) = Stream::open(Arc::new(OsDisk), wanted, clock::system())?;
        for some in hits.chunks(TOGETHER) {
            let mut records = Records::new();
            for hit in some {
                take(&ingest, hit, &mut records)?;
            }
            stream.append(records).await.context("cannot write the demo's past")?;
        }
        stream.close().await;
        Ok(())
    })
}

fn take(ingest: &Ingest, hit: &Hit, records: &mut Records) -> anyhow::Result<()> {
    let caller = Caller {
        address: Some(IpAddr::V4(hit.address)),
        user_agent: Some(hit.user_agent.as_bytes()),
        accept_language: Some(hit.language.as_bytes()).filter(|language| !language.is_empty()),
        purpose: hit.prefetch.then_some(b"prefetch;prerender".as_slice()),
        ..Caller::default()
    };
    match &hit.sent {
        Sent::Pixel(query) => drop(ingest.pixel(query.as_bytes(), &caller, time(hit.at_ms), records)?),
        Sent::Event(body) => {
            let taken = ingest.events(body.as_bytes(), &caller, time(hit.at_ms), records);
            taken.map_err(|error| anyhow::anyhow!("the demo's own event is malformed: {error}"))?;
        }
    }
    Ok(())
}

fn time(ms: u64) -> Time {
    Time::from_ms(i64::try_from(ms).unwrap_or(i64::MAX))
}
