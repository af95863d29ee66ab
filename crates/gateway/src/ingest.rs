//! Ingest: what a caller sent becomes an event, encoded into the buffer that is appended to the stream.
//!
//! Pure: no HTTP framework, no waiting, no clock of its own. Promises that a pixel hit is never lost to bad input,
//! that one bad event never rejects its neighbours, and that nothing personal gets past the privacy policy.
//! Knows nothing of the stream but the buffer.

mod agent;
mod body;
mod check;
mod class;
mod enrich;
mod flag;
mod geo;
mod hit;
mod item;
mod json;
mod kind;
mod language;
mod place;
mod privacy;
mod props;
mod query;
mod referrer;
mod sender;
mod text;
mod visitor;
mod whole;

use std::net::IpAddr;

use onepixel_event::{EventId, Time};
use onepixel_stream::{AppendError, Records};

use self::agent::Agents;
use self::hit::RawHit;
use self::sender::Sender;

pub use self::body::Malformed;
pub use self::check::{Unsound, check};
pub use self::geo::{Geo, GeoError};
pub use self::privacy::{GpcPolicy, IpPolicy};
pub use self::visitor::{SaltError, VisitorSalt};

/// The reason for which a hit is not stored when the caller does not want to be followed and the policy is to drop.
pub const GPC: &str = "gpc";

/// What the operator decides about ingest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct IngestSettings {
    /// What is kept of the client's address.
    pub ip: IpPolicy,
    /// What `Sec-GPC: 1` or `DNT: 1` does.
    pub gpc: GpcPolicy,
}

/// What is known of the caller beside the query or body.
#[derive(Debug, Clone, Copy, Default)]
pub struct Caller<'a> {
    /// The client's full address, behind trusted proxies the forwarded one.
    pub address: Option<IpAddr>,
    /// `User-Agent`
    pub user_agent: Option<&'a [u8]>,
    /// `Referer`
    pub referer: Option<&'a [u8]>,
    /// `Accept-Language`
    pub accept_language: Option<&'a [u8]>,
    /// `Sec-Purpose`, `Purpose` or `X-Moz`
    pub purpose: Option<&'a [u8]>,
    /// `Via`
    pub via: Option<&'a [u8]>,
    /// True with `Sec-GPC: 1` or `DNT: 1`.
    pub gpc: bool,
}

/// What became of a pixel hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It is in the buffer.
    Stored(EventId),
    /// It is not, for the reason given: `gpc`.
    Dropped(&'static str),
}

/// What became of the events of one body.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TakenBatch {
    /// The ids of the events that are in the buffer, in the order of the body.
    pub ids: Vec<EventId>,
    /// The others.
    pub rejected: Vec<Rejected>,
}

/// One event that was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// Its place in the body, from 0.
    pub index: usize,
    /// What is wrong with it, for its sender to read.
    pub reason: String,
}

/// One event of a body that was taken apart by [`Ingest::lines`].
#[derive(Debug)]
pub enum Line<'a> {
    /// Its line, without a line end.
    Taken(Vec<u8>),
    /// It is none.
    Refused {
        /// Its text in the body.
        item: &'a str,
        /// What is wrong with it, for its sender to read; [`GPC`] when the sender does not want to be followed.
        reason: String,
    },
}

/// Why a hit could not be put into the buffer.
#[derive(Debug, thiserror::Error)]
#[error("cannot take the event: {0}")]
pub struct IngestError(#[from] AppendError);

/// Turns hits into events. One serves all connections.
#[derive(Debug)]
pub struct Ingest {
    settings: IngestSettings,
    salt: VisitorSalt,
    geo: Option<Geo>,
    agents: Agents,
}

impl Ingest {
    /// Compiles the User-Agent patterns when it is the first in the process: about 50 ms.
    pub fn new(settings: IngestSettings, salt: VisitorSalt, geo: Option<Geo>) -> Self {
        Self { settings, salt, geo, agents: Agents::new() }
    }

    /// Takes one pixel hit; `query` is the query string without its question mark.
    ///
    /// # Errors
    /// [`IngestError`] when the stream takes no record of this size. No input makes one that large.
    pub fn pixel(
        &self,
        query: &[u8],
        caller: &Caller<'_>,
        now: Time,
        records: &mut Records,
    ) -> Result<Taken, IngestError> {
        if self.drops(caller) {
            return Ok(Taken::Dropped(GPC));
        }
        let mut sender = Sender::of(self, caller);
        Ok(Taken::Stored(self.store(query::read(query), &mut sender, now, records)?))
    }

    /// The same, with the event's line (without a line end) appended to `line`: for whoever stores lines elsewhere.
    pub fn pixel_line(&self, query: &[u8], caller: &Caller<'_>, now: Time, line: &mut Vec<u8>) -> Taken {
        if self.drops(caller) {
            return Taken::Dropped(GPC);
        }
        let mut sender = Sender::of(self, caller);
        Taken::Stored(self.enrich(query::read(query), &mut sender, now, |event, agent| {
            event.encode_with(agent, line);
            event.id
        }))
    }

    /// The key of the day: for whoever brings it.
    pub fn salt(&self) -> &VisitorSalt {
        &self.salt
    }

    /// Takes the events of one body. An event with an id of its own is stored under it as key.
    ///
    /// # Errors
    /// [`Malformed`] when the body cannot be taken apart into events; the buffer is then as it was before.
    pub fn events(
        &self,
        body: &[u8],
        caller: &Caller<'_>,
        now: Time,
        records: &mut Records,
    ) -> Result<TakenBatch, Malformed> {
        let text = body::Text::of(body);
        let mut sender = Sender::of(self, caller);
        let mut taken = TakenBatch::default();
        for (index, item) in body::split(&text)?.into_iter().enumerate() {
            match self.event(&text, item, &mut sender, now, records) {
                Ok(id) => taken.ids.push(id),
                Err(reason) => taken.rejected.push(Rejected { index, reason }),
            }
        }
        Ok(taken)
    }

    /// Takes the events of a body that no gateway has seen, as [`events`](Self::events) does, and hands each to `take`
    /// in the order of the body. An event without an id gets the one that `id` gives its place in the body.
    ///
    /// # Errors
    /// [`Malformed`] when the body cannot be taken apart into events; `take` was not called then.
    pub fn lines(
        &self,
        body: &[u8],
        caller: &Caller<'_>,
        now: Time,
        id: impl Fn(usize) -> EventId,
        mut take: impl FnMut(usize, Line<'_>),
    ) -> Result<(), Malformed> {
        let text = body::Text::of(body);
        let mut sender = Sender::of(self, caller);
        for (index, item) in body::split(&text)?.into_iter().enumerate() {
            match self.read(&text, item, sender.caller, now) {
                Ok(mut hit) => {
                    hit.id.get_or_insert_with(|| id(index));
                    let mut line = Vec::new();
                    self.enrich(hit, &mut sender, now, |event, agent| event.encode_with(agent, &mut line));
                    take(index, Line::Taken(line));
                }
                Err(reason) => take(index, Line::Refused { item, reason }),
            }
        }
        Ok(())
    }

    fn event(
        &self,
        text: &body::Text<'_>,
        item: &str,
        sender: &mut Sender<'_>,
        now: Time,
        records: &mut Records,
    ) -> Result<EventId, String> {
        let hit = self.read(text, item, sender.caller, now)?;
        self.store(hit, sender, now, records).map_err(|error| error.to_string())
    }

    fn read<'a>(
        &self,
        text: &body::Text<'_>,
        item: &'a str,
        caller: &Caller<'_>,
        now: Time,
    ) -> Result<RawHit<'a>, String> {
        if self.drops(caller) {
            return Err(GPC.to_owned());
        }
        text.check(item)?;
        item::read(item, now).map_err(|refusal| refusal.to_string())
    }

    fn store(
        &self,
        hit: RawHit<'_>,
        sender: &mut Sender<'_>,
        now: Time,
        records: &mut Records,
    ) -> Result<EventId, IngestError> {
        let key = hit.id.map(EventId::bytes);
        self.enrich(hit, sender, now, |event, agent| {
            records.push(key, |out| event.encode_with(agent, out))?;
            Ok(event.id)
        })
    }

    /// What the policies let anybody know of the caller's address.
    pub fn kept_address(&self, caller: &Caller<'_>) -> Option<IpAddr> {
        caller.address.filter(|_| self.may_know(caller)).and_then(|address| self.settings.ip.kept(address))
    }

    /// Whether anything of the caller beyond the hit itself may be kept: not when the policy listens to their signal.
    pub fn may_know(&self, caller: &Caller<'_>) -> bool {
        !caller.gpc || self.settings.gpc == GpcPolicy::Ignore
    }

    fn drops(&self, caller: &Caller<'_>) -> bool {
        caller.gpc && self.settings.gpc == GpcPolicy::Drop
    }
}

#[cfg(test)]
mod tests;
