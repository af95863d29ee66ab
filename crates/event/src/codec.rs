//! One event to one line of JSON and back.
//!
//! The line is written field by field into the caller's buffer: no intermediate tree, no allocation of its own.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer};

use crate::Event;

/// A part of an event's line: see [`Event::agent_part`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentPart(Box<[u8]>);

impl AgentPart {
    /// How many bytes it is.
    pub fn bytes(&self) -> usize {
        self.0.len()
    }
}

/// Why bytes are not an event.
#[derive(Debug, thiserror::Error)]
#[error("not an event: {0}")]
pub struct DecodeError(#[from] serde_json::Error);

impl<'a> Event<'a> {
    /// Appends the event as one JSON object, without a line end. Fields in declaration order; absent ones left out.
    pub fn encode(&self, out: &mut Vec<u8>) {
        self.write(out, |out| self.write_agent(out));
    }

    /// The same with what the User-Agent told taken from `agent`, instead of the event's own six fields of it.
    pub fn encode_with(&self, agent: &AgentPart, out: &mut Vec<u8>) {
        self.write(out, |out| out.extend_from_slice(&agent.0));
    }

    /// The six fields from `user_agent` to `device` as they stand in the line: a part that many events share.
    pub fn agent_part(&self) -> AgentPart {
        let mut part = Vec::new();
        self.write_agent(&mut part);
        AgentPart(part.into())
    }

    fn write(&self, out: &mut Vec<u8>, agent: impl FnOnce(&mut Vec<u8>)) {
        out.extend_from_slice(br#"{"id":""#);
        out.extend_from_slice(self.id.encode(&mut [0; 36]).as_bytes());
        out.extend_from_slice(br#"","received_at":""#);
        out.extend_from_slice(self.received_at.encode(&mut [0; 24]).as_bytes());
        out.push(b'"');
        if let Some(sent_at) = self.sent_at {
            word(out, b",\"sent_at\":\"", Some(sent_at.encode(&mut [0; 24])));
        }
        word(out, b",\"source\":\"", Some(self.source.as_str()));
        text_field(out, b",\"event\":", Some(&self.event));
        text_field(out, b",\"site\":", Some(&self.site));
        text_field(out, b",\"page_url\":", self.page_url.as_ref());
        text_field(out, b",\"page_host\":", self.page_host.as_ref());
        text_field(out, b",\"page_path\":", self.page_path.as_ref());
        text_field(out, b",\"title\":", self.title.as_ref());
        text_field(out, b",\"referrer_url\":", self.referrer_url.as_ref());
        text_field(out, b",\"referrer_host\":", self.referrer_host.as_ref());
        word(out, b",\"referrer_group\":\"", self.referrer_group.map(|g| g.as_str()));
        text_field(out, b",\"utm_source\":", self.utm_source.as_ref());
        text_field(out, b",\"utm_medium\":", self.utm_medium.as_ref());
        text_field(out, b",\"utm_campaign\":", self.utm_campaign.as_ref());
        text_field(out, b",\"utm_term\":", self.utm_term.as_ref());
        text_field(out, b",\"utm_content\":", self.utm_content.as_ref());
        agent(out);
        word(out, b",\"class\":\"", Some(self.class.as_str()));
        list(out, b",\"class_reasons\":", &self.class_reasons);
        text_field(out, b",\"language\":", self.language.as_ref());
        text_field(out, b",\"country\":", self.country.as_ref());
        text_field(out, b",\"ip\":", self.ip.as_ref());
        text_field(out, b",\"visitor\":", self.visitor.as_ref());
        if !self.props.is_empty() {
            out.extend_from_slice(b",\"props\":");
            out.extend_from_slice(self.props.as_json().as_bytes());
        }
        list(out, b",\"flags\":", &self.flags);
        out.push(b'}');
    }

    fn write_agent(&self, out: &mut Vec<u8>) {
        text_field(out, b",\"user_agent\":", self.user_agent.as_ref());
        text_field(out, b",\"browser\":", self.browser.as_ref());
        text_field(out, b",\"browser_version\":", self.browser_version.as_ref());
        text_field(out, b",\"os\":", self.os.as_ref());
        text_field(out, b",\"os_version\":", self.os_version.as_ref());
        word(out, b",\"device\":\"", self.device.map(|d| d.as_str()));
    }

    /// Reads an event; text without escapes is borrowed from `line`. Unknown fields are ignored.
    ///
    /// # Errors
    /// [`DecodeError`] with the position when the bytes are not the JSON of an event.
    pub fn decode(line: &'a [u8]) -> Result<Self, DecodeError> {
        Ok(serde_json::from_slice(line)?)
    }
}

/// A word of ours, which needs no escape; the name ends with the opening quote.
fn word(out: &mut Vec<u8>, name: &'static [u8], value: Option<&str>) {
    if let Some(value) = value {
        out.extend_from_slice(name);
        out.extend_from_slice(value.as_bytes());
        out.push(b'"');
    }
}

#[inline]
fn text_field(out: &mut Vec<u8>, name: &'static [u8], value: Option<&Cow<'_, str>>) {
    if let Some(value) = value {
        out.extend_from_slice(name);
        quote(out, value);
    }
}

fn list(out: &mut Vec<u8>, name: &'static [u8], values: &[Cow<'_, str>]) {
    if values.is_empty() {
        return;
    }
    out.extend_from_slice(name);
    for (i, value) in values.iter().enumerate() {
        out.push(if i == 0 { b'[' } else { b',' });
        quote(out, value);
    }
    out.push(b']');
}

/// Appends `value` as a JSON string with its quotes: for those who write [`Props`](crate::Props) the way events are
/// written.
pub fn quote(out: &mut Vec<u8>, value: &str) {
    // Looking at every byte without stopping is what the compiler turns into wide instructions.
    let has_escape = value.bytes().fold(false, |found, byte| found | is_escaped(byte));
    out.push(b'"');
    if has_escape {
        escape(out, value.as_bytes());
    } else {
        out.extend_from_slice(value.as_bytes());
    }
    out.push(b'"');
}

fn is_escaped(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

/// The escapes of RFC 8259: the short form where there is one.
fn escape(out: &mut Vec<u8>, value: &[u8]) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    for byte in value {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', *byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0..0x20 => {
                out.extend_from_slice(b"\\u00");
                out.extend_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
            }
            _ => out.push(*byte),
        }
    }
}

/// An optional text that borrows from the input where it can (serde's own `Option<Cow>` never does).
pub(crate) fn text<'de: 'a, 'a, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Cow<'a, str>>, D::Error> {
    Ok(Option::<Borrowed<'a>>::deserialize(deserializer)?.map(|text| text.0))
}

/// A list of texts that borrow from the input where they can.
pub(crate) fn texts<'de: 'a, 'a, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<Cow<'a, str>>, D::Error> {
    Ok(Vec::<Borrowed<'a>>::deserialize(deserializer)?.into_iter().map(|text| text.0).collect())
}

#[derive(Deserialize)]
#[serde(transparent)]
struct Borrowed<'a>(#[serde(borrow)] Cow<'a, str>);
