//! The function `redrive`: brings into Kinesis what ingest had to keep in the bucket.
//!
//! Runs on a schedule. An object is deleted when all its lines are in the stream, so that a crash in between brings lines
//! twice and never loses one: readers count an id once. Stops at the first object that Kinesis does not take, as the next
//! would fare no better, and fails then, so that it is seen.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use futures_util::TryStreamExt;
use lambda_runtime::{LambdaEvent, Runtime, service_fn};
use onepixel_archive::Archive;
use serde::Deserialize;
use tokio::time::Instant;

use crate::clock::Clock;
use crate::consumer::deadline;
use crate::ingest::dead_letter::FOLDER;
use crate::kinesis::{self, Credentials, Entry, Failures, Patience, Producer};
use crate::metrics::Counters;
use crate::record::Packed;

/// Objects of one run; the next run takes the rest.
const OBJECTS_MAX: usize = 10_000;
/// Ingest never writes one as large; it has to fit into memory.
const OBJECT_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// A partition key: 128 random bits.
const KEY_BYTES: usize = 32;
/// With less time than this left no further object is begun.
const OBJECT_WITHIN: Duration = Duration::from_secs(2);

/// Brings dead letters of ingest into Kinesis.
#[derive(Debug)]
pub struct Redrive {
    /// Where they are.
    pub bucket: Archive,
    /// Where they belong.
    pub producer: Producer,
    /// `Redriven` and `RedriveRefused`, in lines and objects.
    pub counters: Arc<Counters>,
}

/// What a run has done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Redriven {
    /// Objects that are gone.
    pub objects: usize,
    /// Lines that were in them.
    pub lines: usize,
    /// Objects that nobody can bring into Kinesis; they stay.
    pub refused: usize,
    /// Whether more were there than there was time for.
    pub more: bool,
}

impl Redrive {
    /// Brings over what is there, until `deadline`.
    ///
    /// # Errors
    /// What the bucket or Kinesis said; what was brought over before is done.
    pub async fn run(&self, deadline: Instant) -> anyhow::Result<Redriven> {
        let mut listed = self.bucket.objects(FOLDER);
        let mut objects = Vec::new();
        while let Some(object) = listed.try_next().await? {
            objects.push(object);
            if objects.len() == OBJECTS_MAX {
                break;
            }
        }
        let mut done = Redriven { more: objects.len() == OBJECTS_MAX, ..Redriven::default() };
        for (path, bytes) in objects {
            if deadline.saturating_duration_since(Instant::now()) < OBJECT_WITHIN {
                done.more = true;
                break;
            }
            match self.object(&path, bytes, deadline).await? {
                Some(lines) => {
                    done.objects += 1;
                    done.lines += lines;
                    self.counters.add("Redriven", lines as u64);
                }
                None => {
                    done.refused += 1;
                    self.counters.add("RedriveRefused", 1);
                }
            }
        }
        Ok(done)
    }

    /// Brings over one object, and deletes it. Gives its number of lines; `None` for one that has to stay.
    async fn object(&self, path: &str, bytes: u64, deadline: Instant) -> anyhow::Result<Option<usize>> {
        if bytes > OBJECT_BYTES_MAX {
            tracing::error!(path, bytes, "too large for a dead letter of ingest: somebody has to look");
            return Ok(None);
        }
        let object = self.bucket.get(path).await?;
        let lines = object.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let packed = match Packed::all(KEY_BYTES, lines) {
            Ok(packed) => packed,
            Err(error) => {
                tracing::error!(path, %error, "no dead letter of ingest: somebody has to look");
                return Ok(None);
            }
        };
        let lines = packed.iter().map(|packed| packed.lines).sum();
        let key = || format!("{:032x}", rand::random::<u128>());
        let entries = packed.into_iter().map(|packed| Entry { key: key(), packed }).collect();
        let mut failures = Failures::default();
        let put = self.producer.put(entries, deadline, &mut failures).await;
        self.counters.add("RedriveRetries", failures.retries);
        put.with_context(|| format!("{path} stays, and is tried again with the next run"))?;
        self.bucket.delete(path).await?;
        Ok(Some(lines))
    }
}

/// Serves invocations by a schedule.
///
/// # Errors
/// When the environment makes no sense, or the Runtime API fails.
pub async fn serve(clock: Clock) -> anyhow::Result<()> {
    let variable = |name: &str| {
        let value = std::env::var(name).ok().filter(|value| !value.is_empty());
        value.with_context(|| format!("{name} is not set"))
    };
    let (stream, bucket) = (variable("ONEPIXEL_STREAM")?, variable("ONEPIXEL_BUCKET")?);
    let config = kinesis::config(Credentials::Environment).await;
    let client = aws_sdk_kinesis::Client::new(&config);
    let redrive = Arc::new(Redrive {
        bucket: Archive::open(&bucket, Path::new("dead-letter"))?,
        producer: Producer::new(client, stream, Patience::BACKGROUND),
        counters: Arc::new(Counters::new(
            variable("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_else(|_| "onepixel-redrive".to_owned()),
        )),
    });
    let handler = service_fn(move |event: LambdaEvent<Scheduled>| {
        let (redrive, clock) = (Arc::clone(&redrive), Arc::clone(&clock));
        async move {
            let done = redrive.run(deadline(&event.context, &clock)).await;
            redrive.counters.write(clock(), "dead letters of ingest were brought into Kinesis");
            let done = done.map_err(|error| format!("{error:#}"))?;
            let Redriven { objects, lines, refused, more } = done;
            let answer = serde_json::json!({
                "objects": objects, "lines": lines, "refused": refused, "more": more,
            });
            Ok::<_, String>(answer)
        }
    });
    Runtime::new(handler).run().await.map_err(anyhow::Error::from_boxed)
}

/// Whatever the schedule sends.
#[derive(Debug, Deserialize)]
struct Scheduled {}
