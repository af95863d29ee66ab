//! `props`: the part of an event whose shape the sender chooses, kept as the JSON text of one object.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// A JSON object as compact text on one line. Never parsed into a tree on its way through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Props<'a>(Cow<'a, str>);

impl Default for Props<'_> {
    fn default() -> Self {
        Self(Cow::Borrowed("{}"))
    }
}

impl<'a> Props<'a> {
    /// Takes the bytes of one compact JSON object on one line, keys unique and within the limits: the caller's care.
    /// Bytes that are not UTF-8 cannot be such an object and come out as the empty one.
    pub fn from_object(json: Vec<u8>) -> Self {
        Self(String::from_utf8(json).map_or(Cow::Borrowed("{}"), Cow::Owned))
    }

    /// The JSON text of the object.
    pub fn as_json(&self) -> &str {
        &self.0
    }

    /// True when there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0 == "{}"
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Props<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw: &'de RawValue = Deserialize::deserialize(deserializer)?;
        if raw.get().starts_with('{') {
            Ok(Self(Cow::Borrowed(raw.get())))
        } else {
            Err(serde::de::Error::custom("props is not an object"))
        }
    }
}
