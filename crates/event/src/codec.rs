//! One event to one line of JSON and back.
//!
//! The line is written field by field into the caller's buffer: no intermediate tree, no allocation of its own.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer};

use crate::{Event, Time};

/// Why bytes are not an event.
#[derive(Debug, thiserror::Error)]
#[error("not an event: {0}")]
pub struct DecodeError(#[from] serde_json::Error);

impl<'a> Event<'a> {
    /// Appends the event as one JSON object, without a line end. Fields in declaration order; absent ones left out.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(br#"{"id":""#);
        out.extend_from_slice(self.id.encode(&mut [0; 36]).as_bytes());
        out.push(b'"');
        time(out, "received_at", Some(self.received_at));
        time(out, "sent_at", self.sent_at);
        word(out, "source", Some(self.source.as_str()));
        text_field(out, "event", Some(&self.event));
        text_field(out, "site", Some(&self.site));
        text_field(out, "page_url", self.page_url.as_ref());
        text_field(out, "page_host", self.page_host.as_ref());
        text_field(out, "page_path", self.page_path.as_ref());
        text_field(out, "title", self.title.as_ref());
        text_field(out, "referrer_url", self.referrer_url.as_ref());
        text_field(out, "referrer_host", self.referrer_host.as_ref());
        word(out, "referrer_group", self.referrer_group.map(|g| g.as_str()));
        text_field(out, "utm_source", self.utm_source.as_ref());
        text_field(out, "utm_medium", self.utm_medium.as_ref());
        text_field(out, "utm_campaign", self.utm_campaign.as_ref());
        text_field(out, "utm_term", self.utm_term.as_ref());
        text_field(out, "utm_content", self.utm_content.as_ref());
        text_field(out, "user_agent", self.user_agent.as_ref());
        text_field(out, "browser", self.browser.as_ref());
        text_field(out, "browser_version", self.browser_version.as_ref());
        text_field(out, "os", self.os.as_ref());
        text_field(out, "os_version", self.os_version.as_ref());
        word(out, "device", self.device.map(|d| d.as_str()));
        word(out, "class", Some(self.class.as_str()));
        list(out, "class_reasons", &self.class_reasons);
        text_field(out, "language", self.language.as_ref());
        text_field(out, "country", self.country.as_ref());
        text_field(out, "ip", self.ip.as_ref());
        text_field(out, "visitor", self.visitor.as_ref());
        if !self.props.is_empty() {
            name(out, "props");
            out.extend_from_slice(self.props.as_json().as_bytes());
        }
        list(out, "flags", &self.flags);
        out.push(b'}');
    }

    /// Reads an event; text without escapes is borrowed from `line`. Unknown fields are ignored.
    ///
    /// # Errors
    /// [`DecodeError`] with the position when the bytes are not the JSON of an event.
    pub fn decode(line: &'a [u8]) -> Result<Self, DecodeError> {
        Ok(serde_json::from_slice(line)?)
    }
}

fn name(out: &mut Vec<u8>, name: &str) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

fn time(out: &mut Vec<u8>, field: &str, value: Option<Time>) {
    if let Some(value) = value {
        word(out, field, Some(value.encode(&mut [0; 24])));
    }
}

fn word(out: &mut Vec<u8>, field: &str, value: Option<&str>) {
    if let Some(value) = value {
        name(out, field);
        out.push(b'"');
        out.extend_from_slice(value.as_bytes());
        out.push(b'"');
    }
}

fn text_field(out: &mut Vec<u8>, field: &str, value: Option<&Cow<'_, str>>) {
    if let Some(value) = value {
        name(out, field);
        quote(out, value);
    }
}

fn list(out: &mut Vec<u8>, field: &str, values: &[Cow<'_, str>]) {
    if values.is_empty() {
        return;
    }
    name(out, field);
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
