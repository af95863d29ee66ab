//! `tail`: events of a data directory as they become durable, read beside the running server.

use std::io::{self, Write};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use clap::Args;
use onepixel_event::Event;
use onepixel_stream::{Disk, OsDisk, ReadError, Reader, Record, extent};
use serde_json::{Map, Value};

use super::{Failure, Global};
use crate::data_dir::DataDir;

/// What is read at once; a line is shown as soon as it is durable, whatever these are.
const RECORDS_MAX: usize = 1000;
const BYTES_MAX: usize = 1 << 20;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  onepixel tail                               from now on
  onepixel tail --from start --json | jq .    everything that is still retained
  onepixel tail --filter site=blog --filter class=human")]
pub(crate) struct TailArgs {
    /// Print each event as the JSON line that is stored
    #[arg(long)]
    json: bool,
    /// Where to begin: an offset, or `start` for the oldest event that is retained [default: now]
    #[arg(long, value_name = "OFFSET|start", value_parser = from)]
    from: Option<From>,
    /// Only events whose field has this value; several must all hold
    #[arg(long, value_name = "FIELD=VALUE", value_parser = filter)]
    filter: Vec<(String, String)>,
}

#[derive(Debug, Clone, Copy)]
enum From {
    Start,
    Offset(u64),
}

pub(crate) fn run(global: &Global, args: &TailArgs) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(follow(&DataDir::new(global.data_dir()), args))?)
}

async fn follow(data_dir: &DataDir, args: &TailArgs) -> anyhow::Result<()> {
    let folder = data_dir.stream();
    let disk: Arc<dyn Disk> = Arc::new(OsDisk);
    let here = extent(disk.clone(), &folder).with_context(|| {
        format!(
            "cannot read the stream in {}. Is --data-dir right, and has `onepixel serve` run there?",
            folder.display()
        )
    })?;
    let from = match args.from {
        None => here.end,
        Some(From::Start) => here.start,
        Some(From::Offset(offset)) => offset,
    };
    let mut reader = Reader::open(disk, &folder, from)?;
    let mut out = io::stdout().lock();
    loop {
        match reader.next(RECORDS_MAX, BYTES_MAX).await {
            Ok(records) => {
                for record in &records {
                    show(&mut out, record, args)?;
                }
                out.flush()?;
            }
            Err(ReadError::Gone { offset, oldest }) if matches!(args.from, Some(From::Offset(_))) => {
                bail!("offset {offset} is not retained any more; the oldest is {oldest}. Use --from start");
            }
            // Retention overtook us: go on with what is there, and say so.
            Err(ReadError::Gone { offset, oldest }) => {
                tracing::warn!(offset, oldest, "these events were deleted before they could be shown");
                reader.seek(oldest);
            }
            Err(ReadError::Closed) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}

fn show(out: &mut impl Write, record: &Record, args: &TailArgs) -> io::Result<()> {
    if !args.filter.is_empty() && !matches(record, &args.filter) {
        return Ok(());
    }
    if args.json {
        out.write_all(&record.payload)?;
        return out.write_all(b"\n");
    }
    match Event::decode(&record.payload) {
        Ok(event) => {
            let page = event.page_url.as_deref().or(event.page_path.as_deref()).unwrap_or("-");
            let browser = event.browser.as_deref().unwrap_or("-");
            let line = format!(
                "{:>8}  {}  {:<10} {:<14} {:<10} {:<10} {page}",
                record.offset,
                event.received_at,
                event.class.as_str(),
                event.event,
                event.site,
                browser
            );
            writeln!(out, "{}", printable(&line))
        }
        Err(error) => writeln!(out, "{:>8}  {error}", record.offset),
    }
}

/// Control characters from strangers must not reach the terminal.
fn printable(line: &str) -> String {
    line.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

fn matches(record: &Record, filters: &[(String, String)]) -> bool {
    let Ok(fields) = serde_json::from_slice::<Map<String, Value>>(&record.payload) else { return false };
    filters.iter().all(|(field, wanted)| {
        let value = fields.get(field).or_else(|| fields.get("props")?.get(field));
        match value {
            Some(Value::String(text)) => text == wanted,
            Some(Value::Array(list)) => list.iter().any(|item| item.as_str() == Some(wanted)),
            Some(other) => serde_json::from_str::<Value>(wanted).is_ok_and(|wanted| wanted == *other),
            None => wanted.is_empty(),
        }
    })
}

fn from(text: &str) -> Result<From, String> {
    match text {
        "start" => Ok(From::Start),
        _ => text.parse().map(From::Offset).map_err(|_| "give an offset or `start`".to_owned()),
    }
}

fn filter(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((field, value)) if !field.is_empty() => Ok((field.to_owned(), value.to_owned())),
        _ => Err("write it as field=value, such as event=signup".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(filters: &[&str], expected: bool) {
        let payload = br#"{"id":"x","event":"signup","flags":["bad_utf8"],"props":{"plan":"pro","seats":3}}"#;
        let record = Record { offset: 0, committed_at_ms: 0, key: None, payload: payload.as_slice().into() };
        let filters: Vec<_> = filters.iter().map(|text| filter(text).unwrap()).collect();
        assert_eq!(matches(&record, &filters), expected, "{filters:?}");
    }

    #[test]
    fn filters_look_at_fields_lists_and_props_and_must_all_hold() {
        check(&["event=signup"], true);
        check(&["event=other"], false);
        check(&["flags=bad_utf8"], true);
        check(&["plan=pro", "seats=3"], true);
        check(&["plan=pro", "seats=4"], false);
        check(&["site="], true);
        check(&["site=blog"], false);
    }
}
