//! Answers as tables.

use std::collections::BTreeMap;

use onepixel_event::Time;
use onepixel_view::{Overview, Property, RecentEvent, Series, Sums, Top};
use serde_json::value::RawValue;

use crate::api::csv::Table;

fn moment(ms: i64) -> String {
    Time::from_ms(ms).to_string()
}

/// Empty where visitors are not counted.
fn visitors(count: Option<u64>) -> String {
    count.map(|count| count.to_string()).unwrap_or_default()
}

fn sums(sums: &Sums) -> [String; 4] {
    let visitors = visitors(sums.visitors);
    [sums.events.to_string(), sums.views.to_string(), visitors, sums.machine_events.to_string()]
}

/// The range, the one before if it was asked for, and each class.
pub(super) fn overview(overview: &Overview) -> Table {
    let named = |name: &str, of: &Sums| [vec![name.to_owned()], sums(of).to_vec()].concat();
    let mut rows = vec![named("range", &overview.sums)];
    rows.extend(overview.previous.as_ref().map(|previous| named("previous", previous)));
    let of_class = overview.classes.iter().map(|class| {
        let machine = if class.class == "human" { 0 } else { class.events };
        let counts = [class.events.to_string(), class.views.to_string(), String::new(), machine.to_string()];
        [vec![format!("class {}", class.class)], counts.to_vec()].concat()
    });
    rows.extend(of_class);
    Table { name: "overview", header: &["what", "events", "views", "visitors", "machine_events"], rows }
}

pub(super) fn series(series: &Series) -> Table {
    let row = |point: &onepixel_view::Point| {
        let span = vec![moment(point.start_ms), moment(point.end_ms)];
        [span, sums(&point.sums).to_vec(), vec![point.partial.to_string()]].concat()
    };
    Table {
        name: "series",
        header: &["start", "end", "events", "views", "visitors", "machine_events", "partial"],
        rows: series.points.iter().map(row).collect(),
    }
}

pub(super) fn top(top: &Top) -> Table {
    let row = |row: &onepixel_view::Ranked| {
        vec![row.value.clone(), row.events.to_string(), row.views.to_string(), visitors(row.visitors)]
    };
    Table {
        name: top.dimension.as_str(),
        header: &["value", "events", "views", "visitors"],
        rows: top.rows.iter().map(row).collect(),
    }
}

pub(super) fn properties(properties: &[Property]) -> Table {
    let rows = properties.iter().flat_map(|property| {
        let row = |value: &onepixel_view::PropertyValue| {
            vec![property.key.clone(), value.value.clone(), value.events.to_string()]
        };
        property.values.iter().map(row)
    });
    Table { name: "properties", header: &["key", "value", "events"], rows: rows.collect() }
}

/// The offset and the event's fields, in the order of the event.
const RECENT: &[&str] = &[
    "offset",
    "id",
    "received_at",
    "sent_at",
    "source",
    "event",
    "site",
    "page_url",
    "page_host",
    "page_path",
    "title",
    "referrer_url",
    "referrer_host",
    "referrer_group",
    "utm_source",
    "utm_medium",
    "utm_campaign",
    "utm_term",
    "utm_content",
    "user_agent",
    "browser",
    "browser_version",
    "os",
    "os_version",
    "device",
    "class",
    "class_reasons",
    "language",
    "country",
    "ip",
    "visitor",
    "props",
    "flags",
];

pub(super) fn recent(events: &[RecentEvent]) -> Table {
    let row = |event: &RecentEvent| {
        let fields: BTreeMap<&str, &RawValue> = serde_json::from_str(event.event.get()).unwrap_or_default();
        let field = |name: &&str| match fields.get(name).map(|value| value.get()) {
            _ if *name == "offset" => event.offset.map(|offset| offset.to_string()).unwrap_or_default(),
            None => String::new(),
            Some(json) => serde_json::from_str::<String>(json).unwrap_or_else(|_| json.to_owned()),
        };
        RECENT.iter().map(field).collect()
    };
    Table { name: "recent", header: RECENT, rows: events.iter().map(row).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_becomes_a_row_of_its_fields() {
        let event =
            r#"{"received_at":"2026-02-10T21:04:05.123Z","event":"a\"b","props":{"n":1},"flags":["x"]}"#;
        let event = RecentEvent { offset: Some(7), event: RawValue::from_string(event.to_owned()).unwrap() };
        let table = recent(&[event]);
        let cell = |name| &table.rows[0][RECENT.iter().position(|of| *of == name).unwrap()];
        assert_eq!(
            (cell("offset").as_str(), cell("event").as_str(), cell("site").as_str()),
            ("7", "a\"b", "")
        );
        assert_eq!((cell("props").as_str(), cell("flags").as_str()), (r#"{"n":1}"#, r#"["x"]"#));
    }
}
