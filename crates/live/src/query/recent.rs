//! The newest events, put together again from their columns.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use onepixel_event::Time;
use onepixel_view::limits::RECENT_ROWS_MAX;
use onepixel_view::{Dimension, Page, RecentEvent};
use rusqlite::Connection;
use serde_json::value::RawValue;

use super::part::Part;
use super::scope::Scope;
use super::values::shown;
use crate::axis::{PROPS, TEXTS, class_name, column};
use crate::error::Fault;
use crate::pieces::Meta;

/// The text columns in the order of an event's fields, with their names there; the class stands before the
/// language, as in the line.
const FIELDS: [(Dimension, &str); 16] = [
    (Dimension::Event, "event"),
    (Dimension::Site, "site"),
    (Dimension::Host, "page_host"),
    (Dimension::Page, "page_path"),
    (Dimension::Title, "title"),
    (Dimension::Referrer, "referrer_host"),
    (Dimension::Group, "referrer_group"),
    (Dimension::Source, "utm_source"),
    (Dimension::Medium, "utm_medium"),
    (Dimension::Campaign, "utm_campaign"),
    (Dimension::Term, "utm_term"),
    (Dimension::Content, "utm_content"),
    (Dimension::Browser, "browser"),
    (Dimension::Os, "os"),
    (Dimension::Device, "device"),
    (Dimension::Class, "class"),
];
const LATER: [(Dimension, &str); 2] = [(Dimension::Language, "language"), (Dimension::Country, "country")];

/// The newest first.
pub(crate) fn recent(connection: &Connection, scope: &Scope, page: &Page) -> Result<Vec<RecentEvent>, Fault> {
    let limit = page.limit.min(RECENT_ROWS_MAX);
    let before = page.before.unwrap_or(u64::MAX);
    let mut chunks = scope.chunks(connection)?;
    chunks.retain(|meta| meta.first < before);
    chunks.sort_by_key(|meta| Reverse(meta.last));
    // The offsets found so far, the lowest on top, with chunk and row.
    let mut found: BinaryHeap<Reverse<(u64, usize, usize)>> = BinaryHeap::new();
    for (index, meta) in chunks.iter().enumerate() {
        let is_enough =
            found.len() >= limit && found.peek().is_none_or(|Reverse(lowest)| lowest.0 > meta.last);
        if is_enough {
            break;
        }
        let Some(mut part) = Part::of(connection, meta, scope)? else { continue };
        part.read_cells()?;
        let offsets = part.chunk.offsets()?;
        part.rows.each(|row| {
            let offset = offsets[row];
            let is_late =
                found.len() >= limit && found.peek().is_none_or(|Reverse(lowest)| lowest.0 > offset);
            if offset < before && !is_late && part.is_asked(row) {
                found.push(Reverse((offset, index, row)));
                if found.len() > limit {
                    found.pop();
                }
            }
        });
    }
    let found: Vec<(u64, usize, usize)> = found.into_iter().map(|Reverse(one)| one).collect();
    whole(connection, scope, &chunks, found)
}

/// The event at `offset`, if it is kept.
pub(crate) fn event(
    connection: &Connection,
    scope: &Scope,
    offset: u64,
) -> Result<Option<RecentEvent>, Fault> {
    let mut chunks = scope.chunks(connection)?;
    chunks.retain(|meta| (meta.first..=meta.last).contains(&offset));
    for (index, meta) in chunks.iter().enumerate() {
        let Some(mut part) = Part::of(connection, meta, scope)? else { continue };
        let offsets = part.chunk.offsets()?;
        let mut at = None;
        part.rows.each(|row| at = at.or((offsets[row] == offset).then_some(row)));
        if let Some(row) = at {
            return Ok(whole(connection, scope, &chunks, vec![(offset, index, row)])?.pop());
        }
    }
    Ok(None)
}

/// Reads the columns of the rows that were found, chunk by chunk.
fn whole(
    connection: &Connection,
    scope: &Scope,
    chunks: &[Meta],
    mut found: Vec<(u64, usize, usize)>,
) -> Result<Vec<RecentEvent>, Fault> {
    found.sort_unstable_by_key(|(_, index, _)| *index);
    let mut events = Vec::with_capacity(found.len());
    for of_chunk in found.chunk_by(|a, b| a.1 == b.1) {
        let Some(meta) = of_chunk.first().and_then(|(_, index, _)| chunks.get(*index)) else { continue };
        let Some(mut part) = Part::of(connection, meta, scope)? else { continue };
        part.read_cells()?;
        let times = part.chunk.times()?;
        let mut columns = Vec::with_capacity(TEXTS);
        for column in 0..TEXTS {
            let texts = part.chunk.texts(column)?;
            let codes = part.chunk.codes(column, &texts)?;
            columns.push((texts, codes));
        }
        for (offset, _, row) in of_chunk {
            let text = |column: usize| {
                columns.get(column).map_or(&[][..], |(texts, codes)| texts.get(codes[*row].into()))
            };
            let cell = &part.cells[usize::from(part.cell_codes[*row] / 2)];
            let line = line(
                times[*row],
                |dimension| match dimension {
                    Dimension::Site => cell.site.as_bytes(),
                    Dimension::Class => class_name(cell.class).as_bytes(),
                    _ => column(dimension).map_or(&[], text),
                },
                text(PROPS),
            );
            let event = RawValue::from_string(line).map_err(|error| Fault::Damaged(error.to_string()))?;
            events.push(RecentEvent { offset: Some(*offset), event });
        }
    }
    events.sort_unstable_by_key(|event| Reverse(event.offset));
    Ok(events)
}

fn line<'a>(ms: i64, text: impl Fn(Dimension) -> &'a [u8], props: &[u8]) -> String {
    let mut out = format!("{{\"received_at\":\"{}\"", Time::from_ms(ms)).into_bytes();
    let mut field = |dimension: Dimension, name: &str| {
        let value = text(dimension);
        if !value.is_empty() || matches!(dimension, Dimension::Event | Dimension::Site) {
            out.extend_from_slice(format!(",\"{name}\":").as_bytes());
            onepixel_event::quote(&mut out, &shown(value));
        }
    };
    FIELDS.iter().for_each(|(dimension, name)| field(*dimension, name));
    LATER.iter().for_each(|(dimension, name)| field(*dimension, name));
    if !props.is_empty() {
        out.extend_from_slice(b",\"props\":");
        out.extend_from_slice(props);
    }
    out.push(b'}');
    String::from_utf8_lossy(&out).into_owned()
}
