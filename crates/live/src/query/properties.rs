//! What events say in their own properties: each name with its most frequent values.

use std::borrow::Cow;
use std::collections::BTreeMap;

use foldhash::{HashMap, HashMapExt as _};
use onepixel_view::limits::{PROPERTIES_MAX, TOP_ROWS_MAX};
use onepixel_view::{Dimension, Property, PropertyValue};
use rusqlite::Connection;
use serde_json::value::RawValue;

use super::part::Part;
use super::scope::Scope;
use crate::axis::PROPS;
use crate::error::Fault;
use crate::limits::{VALUES_BYTES_MAX, VALUES_MAX};

/// What is counted of one name.
#[derive(Default)]
struct Named {
    events: u64,
    values: HashMap<String, u64>,
}

/// `event`: only of events with this name. At most `limit` values of each property.
pub(crate) fn properties(
    connection: &Connection,
    scope: &Scope,
    event: Option<&str>,
    limit: usize,
) -> Result<Vec<Property>, Fault> {
    let mut scope = scope.clone();
    scope.filters.extend(event.map(|name| (Dimension::Event, vec![name.to_owned()])));
    let mut found = Found { names: HashMap::new(), bytes: 0, values: 0 };
    for meta in scope.chunks(connection)? {
        let Some(mut part) = Part::of(connection, &meta, &scope)? else { continue };
        let texts = part.chunk.texts(PROPS)?;
        let codes = part.chunk.codes(PROPS, &texts)?;
        part.read_cells()?;
        let mut counts = vec![0_u64; texts.len()];
        part.rows.each(|row| {
            counts[usize::from(codes[row])] += u64::from(part.is_asked(row));
        });
        for (json, events) in
            texts.iter().zip(counts).filter(|(json, events)| *events > 0 && !json.is_empty())
        {
            found.add(json, events)?;
        }
    }
    Ok(found.ranked(limit.min(TOP_ROWS_MAX)))
}

struct Found {
    names: HashMap<String, Named>,
    bytes: usize,
    values: usize,
}

impl Found {
    /// Adds what the same properties of some events say. What is no object of JSON was let in by no door.
    fn add(&mut self, json: &[u8], events: u64) -> Result<(), Fault> {
        let Ok(properties) = serde_json::from_slice::<BTreeMap<Cow<'_, str>, &RawValue>>(json) else {
            return Ok(());
        };
        for (key, value) in properties {
            if !self.names.contains_key(&*key) {
                self.count(key.len())?;
                self.names.insert(key.clone().into_owned(), Named::default());
            }
            let text = text_of(value);
            let is_new = self.names.get(&*key).is_some_and(|named| !named.values.contains_key(&*text));
            if is_new {
                self.count(text.len())?;
            }
            if let Some(named) = self.names.get_mut(&*key) {
                named.events += events;
                *named.values.entry(text.into_owned()).or_default() += events;
            }
        }
        Ok(())
    }

    fn count(&mut self, bytes: usize) -> Result<(), Fault> {
        self.bytes += bytes;
        self.values += 1;
        let is_too_much = self.bytes > VALUES_BYTES_MAX || self.values > VALUES_MAX;
        if is_too_much { Err(Fault::TooManyValues) } else { Ok(()) }
    }

    fn ranked(self, limit: usize) -> Vec<Property> {
        let property = |(key, named): (String, Named)| {
            let values = named.values.into_iter().map(|(value, events)| PropertyValue { value, events });
            let mut values: Vec<PropertyValue> = values.collect();
            values.sort_unstable_by(|a, b| b.events.cmp(&a.events).then_with(|| a.value.cmp(&b.value)));
            values.truncate(limit);
            Property { key, events: named.events, values }
        };
        let mut properties: Vec<Property> = self.names.into_iter().map(property).collect();
        properties.sort_unstable_by(|a, b| b.events.cmp(&a.events).then_with(|| a.key.cmp(&b.key)));
        properties.truncate(PROPERTIES_MAX);
        properties
    }
}

/// A text without its quotes and escapes; everything else as it stands.
fn text_of(value: &RawValue) -> Cow<'_, str> {
    serde_json::from_str::<String>(value.get()).map_or(Cow::Borrowed(value.get()), Cow::Owned)
}
