//! The event's identity and deduplication key.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use crate::Time;

/// A UUID: version 7 (time-ordered, RFC 9562) when we make it, any version when a client brings its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(Uuid);

/// Why a text is not an [`EventId`].
#[derive(Debug, thiserror::Error)]
#[error("not a UUID")]
pub struct InvalidId;

impl EventId {
    /// A fresh id for an event received at `time`; `random` makes it unguessable and unique.
    pub fn at(time: Time, random: [u8; 10]) -> Self {
        let ms = u64::try_from(time.ms()).unwrap_or(0);
        Self(uuid::Builder::from_unix_timestamp_millis(ms, &random).into_uuid())
    }

    /// A fresh id with randomness from the thread's cryptographic generator.
    pub fn fresh(time: Time) -> Self {
        Self::at(time, rand::random())
    }

    /// Reads a UUID in any of its usual spellings; it is kept hyphenated and in lower case.
    ///
    /// # Errors
    /// [`InvalidId`] when the text is not a UUID.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        Uuid::try_parse(text).map(Self).map_err(|_| InvalidId)
    }

    /// The 16 bytes: the stream's deduplication key.
    pub fn bytes(self) -> [u8; 16] {
        self.0.into_bytes()
    }

    /// The moment in an id of ours: a UUIDv7 begins with its milliseconds (RFC 9562). Of a client's id it means nothing.
    pub fn made_at(self) -> Time {
        let [a, b, c, d, e, f, ..] = self.bytes();
        Time::from_ms(i64::from_be_bytes([0, 0, a, b, c, d, e, f]))
    }

    /// Writes the 36 characters without allocating.
    pub fn encode(self, buffer: &mut [u8; 36]) -> &str {
        self.0.hyphenated().encode_lower(buffer)
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl Serialize for EventId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.encode(&mut [0; 36]))
    }
}

impl<'de> Deserialize<'de> for EventId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}
