//! Raw bodies: what API Gateway put into the stream without a function in between, taken by ingest itself.
//!
//! Every consumer makes the same events of the same body: the id comes from the record's place in the stream, the time from
//! API Gateway, and the visitor's hash from the one salt of that day.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use onepixel_event::{EventId, Time};
use onepixel_gateway::ingest::{Caller, GPC, Ingest, IngestSettings, Line, VisitorSalt};
use onepixel_gateway::is_event_type;
use sha2::{Digest, Sha256};
use tokio::time::{Instant, timeout_at};

use super::batch::Parts;
use super::line;
use crate::record::RawBody;

/// Days of which bodies are read at the same time: yesterday's may still come while today's do.
const DAYS_MAX: usize = 4;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// Where a record stands in the stream, and since when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) shard: &'a str,
    pub(crate) sequence: &'a str,
    pub(crate) arrived_at: Time,
}

/// Why there is no salt now.
#[derive(Debug, thiserror::Error)]
#[error("the visitor salt cannot be had: {0}")]
pub struct SaltUnavailable(pub String);

/// Where the salts of days are kept, the same for every function.
pub trait Salts: Send + Sync {
    /// The salt of the UTC day of `at`.
    fn salt(&self, at: Time) -> impl Future<Output = Result<VisitorSalt, SaltUnavailable>> + Send;
}

/// Makes events of raw bodies.
#[derive(Debug)]
pub struct RawBodies<V> {
    settings: IngestSettings,
    salts: V,
    days: Mutex<Vec<(i64, Arc<Ingest>)>>,
}

impl<V: Salts> RawBodies<V> {
    /// Under these policies, with these salts.
    pub fn new(settings: IngestSettings, salts: V) -> Self {
        Self { settings, salts, days: Mutex::new(Vec::new()) }
    }

    /// Takes a body apart as `POST /e` does, into lines, poison and what nobody wanted.
    ///
    /// # Errors
    /// The reason when the day's salt cannot be had before `deadline`.
    pub(super) async fn read(
        &self,
        raw: &RawBody,
        place: Place<'_>,
        deadline: Instant,
        parts: &mut Parts,
    ) -> Result<(), String> {
        if let Err(reason) = acceptable(raw, place) {
            parts.bin.throw(0, &raw.body, reason);
            return Ok(());
        }
        let ingest = timeout_at(deadline, self.day(raw.at)).await;
        let ingest = ingest.map_err(|_| "the visitor salt did not come in time".to_owned())?;
        let ingest = ingest.map_err(|error| error.to_string())?;
        let caller = Caller {
            address: raw.address,
            user_agent: raw.headers.user_agent.as_deref(),
            referer: raw.headers.referer.as_deref(),
            accept_language: raw.headers.language.as_deref(),
            gpc: raw.gpc,
            ..Caller::default()
        };
        let id = |index| id(raw.at, place, index);
        let taken = ingest.lines(&raw.body, &caller, raw.at, id, |index, item| match item {
            Line::Taken(text) => match line::read(&text, place.arrived_at) {
                Ok((id, received_at)) => parts.lines.push((id, received_at, Bytes::from(text))),
                Err(reason) => parts.bin.throw(index, &text, reason),
            },
            Line::Refused { reason, .. } if reason == GPC => parts.unwanted += 1,
            Line::Refused { item, reason } => parts.bin.throw(index, item.as_bytes(), reason),
        });
        if let Err(malformed) = taken {
            parts.bin.throw(0, &raw.body, malformed.to_string());
        }
        Ok(())
    }

    /// Ingest with the salt of the day of `at`.
    async fn day(&self, at: Time) -> Result<Arc<Ingest>, SaltUnavailable> {
        let day = at.ms().div_euclid(DAY_MS);
        if let Some(ingest) = self.known(day) {
            return Ok(ingest);
        }
        let salt = self.salts.salt(at).await?;
        let ingest = Arc::new(Ingest::new(self.settings, salt, None));
        let mut days = self.days.lock().unwrap_or_else(PoisonError::into_inner);
        if days.len() >= DAYS_MAX {
            days.remove(0);
        }
        days.push((day, Arc::clone(&ingest)));
        Ok(ingest)
    }

    fn known(&self, day: i64) -> Option<Arc<Ingest>> {
        let days = self.days.lock().unwrap_or_else(PoisonError::into_inner);
        days.iter().find(|(known, _)| *known == day).map(|(_, ingest)| Arc::clone(ingest))
    }
}

/// What a gateway decides before it looks into the body.
fn acceptable(raw: &RawBody, place: Place<'_>) -> Result<(), String> {
    line::check_time(raw.at, place.arrived_at)?;
    if is_event_type(raw.headers.content_type.as_deref()) {
        return Ok(());
    }
    Err("the Content-Type is neither application/json nor text/plain".to_owned())
}

/// The id of an event that brings none: the same whoever reads the record, and however often.
fn id(at: Time, place: Place<'_>, index: usize) -> EventId {
    let name = format!("{}:{}:{index}", place.shard, place.sequence);
    let mut random = [0; 10];
    random.iter_mut().zip(Sha256::digest(name)).for_each(|(to, from)| *to = from);
    EventId::at(at, random)
}
