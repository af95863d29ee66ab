//! The lines of a dead-letter log: one JSON object each, a letter or what became of one.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use onepixel_stream::Offset;
use serde::{Deserialize, Serialize};

use super::{DeadLetter, Resolution};

/// What every line says.
#[derive(Debug, Deserialize)]
pub(super) struct Mark {
    pub(super) offset: Offset,
    pub(super) resolved: Option<Resolution>,
}

#[derive(Serialize, Deserialize)]
struct LetterLine<'a> {
    partition: u32,
    offset: Offset,
    at_ms: u64,
    #[serde(borrow)]
    sink: Cow<'a, str>,
    #[serde(borrow)]
    reason: Cow<'a, str>,
    attempts: u32,
    /// The payload when it is text.
    #[serde(borrow, skip_serializing_if = "Option::is_none", default)]
    payload: Option<Cow<'a, str>>,
    /// The payload otherwise, in standard base64.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    payload_base64: Option<String>,
}

#[derive(Serialize)]
struct ResolutionLine {
    offset: Offset,
    resolved: Resolution,
    at_ms: u64,
}

/// Appends the letter's line, with its end.
pub(super) fn write_letter(letter: &DeadLetter, sink: &str, out: &mut Vec<u8>) -> serde_json::Result<()> {
    let text = std::str::from_utf8(&letter.payload).ok();
    let line = LetterLine {
        partition: letter.partition,
        offset: letter.offset,
        at_ms: letter.at_ms,
        sink: sink.into(),
        reason: letter.reason.as_str().into(),
        attempts: letter.attempts,
        payload: text.map(Into::into),
        payload_base64: text.is_none().then(|| STANDARD.encode(&letter.payload)),
    };
    write(&line, out)
}

/// Appends the resolution's line, with its end.
pub(super) fn write_resolution(
    offset: Offset,
    resolved: Resolution,
    at_ms: u64,
    out: &mut Vec<u8>,
) -> serde_json::Result<()> {
    write(&ResolutionLine { offset, resolved, at_ms }, out)
}

fn write(line: &impl Serialize, out: &mut Vec<u8>) -> serde_json::Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    out.push(b'\n');
    Ok(())
}

/// What the line is about; `None` when it is no whole line of a dead-letter log.
pub(super) fn read_mark(line: &[u8]) -> Option<Mark> {
    let mark: Mark = serde_json::from_slice(line).ok()?;
    (mark.resolved.is_some() || read_letter(line).is_some()).then_some(mark)
}

/// The letter, as yet unresolved; `None` when the line holds none.
pub(super) fn read_letter(line: &[u8]) -> Option<DeadLetter> {
    let line: LetterLine<'_> = serde_json::from_slice(line).ok()?;
    let payload = match (line.payload, line.payload_base64) {
        (Some(text), None) => Bytes::from(text.into_owned()),
        (None, Some(base64)) => Bytes::from(STANDARD.decode(base64).ok()?),
        _ => return None,
    };
    Some(DeadLetter {
        partition: line.partition,
        offset: line.offset,
        at_ms: line.at_ms,
        reason: line.reason.into_owned(),
        attempts: line.attempts,
        payload,
        resolved: None,
    })
}
