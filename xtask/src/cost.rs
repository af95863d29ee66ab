//! `cargo xtask cost`: what the deployment to AWS costs a month, reckoned from `deploy/cost.toml` into `docs/aws.md`.
//!
//! Promises that the table in the document is what the figures give: `cargo xtask tidy` finds one that is not.

use std::fmt::Write as _;

use anyhow::{Context, bail};
use toml::Table;

use crate::workspace::Workspace;

const FIGURES: &str = "deploy/cost.toml";
const DOCUMENT: &str = "docs/aws.md";
const BEGIN: &str = "<!-- cost: written by `cargo xtask cost` -->\n";
const END: &str = "<!-- cost: end -->\n";

/// Events a month, in millions.
const VOLUMES: [f64; 4] = [1.0, 10.0, 100.0, 1000.0];
/// The one whose reckoning is written out.
const SHOWN: f64 = 10.0;
const HOURS: f64 = 730.0;
const SECONDS: f64 = HOURS * 3600.0;
const GB: f64 = 1e9;
/// Kinesis and DynamoDB round up to it, Firehose to five.
const KB: f64 = 1024.0;

/// Writes the table into the document; always true.
pub(crate) fn run(workspace: &Workspace) -> anyhow::Result<bool> {
    let text = workspace.text(DOCUMENT)?.context("docs/aws.md is not text")?;
    let figures = workspace.text(FIGURES)?.context("deploy/cost.toml is not text")?;
    crate::terraform::install::write(&workspace.root.join(DOCUMENT), &with_table(&text, &figures)?)?;
    println!("{DOCUMENT}: written");
    Ok(true)
}

/// The document as it should be.
pub(crate) fn with_table(document: &str, figures: &str) -> anyhow::Result<String> {
    let parts = document.split_once(BEGIN).and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
    let Some((before, after)) = parts else {
        bail!("{DOCUMENT} lacks the lines between which the costs stand")
    };
    let figures = Figures(figures.parse().with_context(|| format!("{FIGURES} cannot be read"))?);
    Ok(format!("{before}{BEGIN}{}{END}{after}", tables(&figures)?))
}

struct Figures(Table);

impl Figures {
    fn get(&self, section: &str, name: &str) -> anyhow::Result<f64> {
        let value = self.0.get(section).and_then(|section| section.get(name));
        let number =
            value.and_then(|value| value.as_float().or_else(|| value.as_integer().map(|n| n as f64)));
        number.with_context(|| format!("{FIGURES} has no number {section}.{name}"))
    }

    fn price(&self, name: &str) -> anyhow::Result<f64> {
        self.get("prices", name)
    }

    /// Write units an event, for so many events a batch: on the line between the two figures beside it, over the logarithm.
    fn units(&self, batch: f64) -> anyhow::Result<f64> {
        let measured = self.0.get("measured").and_then(|section| section.get("units_of_batch"));
        let pairs = measured.and_then(toml::Value::as_array).context("measured.units_of_batch is no list")?;
        let number = |value: &toml::Value| value.as_float().or_else(|| value.as_integer().map(|n| n as f64));
        let pair = |value: &toml::Value| {
            let pair = value.as_array()?;
            Some((number(pair.first()?)?, number(pair.get(1)?)?))
        };
        let points: Option<Vec<(f64, f64)>> = pairs.iter().map(pair).collect();
        let points = points.context("measured.units_of_batch holds pairs of numbers")?;
        let mut last = *points.first().context("measured.units_of_batch is empty")?;
        for &(at, units) in &points {
            if batch <= at {
                let share = if at > last.0 { (batch / last.0).ln() / (at / last.0).ln() } else { 1.0 };
                return Ok(last.1 + share.max(0.0) * (units - last.1));
            }
            last = (at, units);
        }
        Ok(last.1)
    }
}

/// One line of the table: what, how it is reckoned, and USD a month for so many million events.
struct Line {
    part: &'static str,
    reckoning: String,
    usd: f64,
}

fn line(part: &'static str, usd: f64, reckoning: String) -> Line {
    Line { part, reckoning, usd }
}

/// How often a consumer is called in a month, and how many events it is handed.
fn batches(events: f64, size: f64, window_s: f64, shards: f64) -> (f64, f64) {
    // A window ends only where there is something in it.
    let by_time = (shards * SECONDS / window_s).min(events);
    let count = by_time.max(events / size);
    (count, events / count)
}

/// The pixel with the module's defaults: on demand, archive by the consumer.
fn pixel(f: &Figures, millions: f64) -> anyhow::Result<Vec<Line>> {
    let events = millions * 1e6;
    let mut lines = vec![
        line(
            "HTTP API",
            millions * f.price("http_api_million")?,
            format!("{millions} M x {}", f.price("http_api_million")?),
        ),
        {
            let (bytes, price) = (f.get("measured", "answer_bytes")?, f.price("out_gb")?);
            line(
                "answers to the Internet",
                events * bytes / GB * price,
                format!("{millions} M x {bytes} B x {price}/GB"),
            )
        },
        {
            let (bytes, price) = (f.get("measured", "access_log_bytes")?, f.price("log_gb")?);
            line("access logs", events * bytes / GB * price, format!("{millions} M x {bytes} B x {price}/GB"))
        },
        {
            let (ms, gb) = (f.get("assumed", "ingest_ms")?, f.get("assumed", "ingest_gb")?);
            let (call, second) = (f.price("lambda_million")?, f.price("lambda_arm64_gb_second")?);
            let usd = millions * call + events * ms / 1000.0 * gb * second;
            line("ingest", usd, format!("{millions} M x ({call}/M + {ms} ms x {gb} GB x {second})"))
        },
    ];
    lines.push({
        let (hour, inward, out) =
            (f.price("on_demand_stream_hour")?, f.price("on_demand_in_gb")?, f.price("on_demand_out_gb")?);
        let bytes = f.get("measured", "line_bytes")?;
        let usd = HOURS * hour + events * KB / GB * inward + 2.0 * events * bytes / GB * out;
        line(
            "stream, on demand",
            usd,
            format!("{HOURS} h x {hour} + {millions} M x (1 KiB x {inward} + 2 x {bytes} B x {out})/GB"),
        )
    });
    lines.extend(archive(f, millions)?);
    lines.extend(live(f, millions, f.get("assumed", "shards")?)?);
    let (alarms, price) = (f.get("module", "alarms")?, f.price("alarm_month")?);
    lines.push(line("alarms", alarms * price, format!("{alarms} x {price}")));
    Ok(lines)
}

fn consumer(f: &Figures, events: f64, calls: f64, memory: &str) -> anyhow::Result<f64> {
    let ms =
        calls * f.get("assumed", "consumer_ms")? + events * f.get("assumed", "consumer_us_event")? / 1000.0;
    Ok(calls / 1e6 * f.price("lambda_million")?
        + ms / 1000.0 * f.get("assumed", memory)? * f.price("lambda_arm64_gb_second")?)
}

fn archive(f: &Figures, millions: f64) -> anyhow::Result<[Line; 2]> {
    let events = millions * 1e6;
    let (calls, each) = batches(
        events,
        f.get("module", "archive_batch")?,
        f.get("module", "archive_window_s")?,
        f.get("assumed", "shards")?,
    );
    let (put, keep) = (f.price("s3_put_thousand")?, f.price("s3_gb_month")?);
    let bytes = f.get("measured", "gzip_bytes")?;
    let (ms, us) = (f.get("assumed", "consumer_ms")?, f.get("assumed", "consumer_us_event")?);
    Ok([
        line(
            "archive: consumer",
            consumer(f, events, calls, "archive_gb")?,
            format!(
                "{calls:.0} calls of {each:.0} events: {ms} ms + {us} us an event, {} GB",
                f.get("assumed", "archive_gb")?
            ),
        ),
        line(
            "archive: S3",
            calls / 1000.0 * put + events * bytes / GB * keep,
            format!(
                "{calls:.0} PUT x {put}/1000 + {millions} M x {bytes} B x {keep}/GB, once more each month it is kept"
            ),
        ),
    ])
}

fn live(f: &Figures, millions: f64, shards: f64) -> anyhow::Result<[Line; 2]> {
    let events = millions * 1e6;
    let (calls, each) =
        batches(events, f.get("module", "live_batch")?, f.get("module", "live_window_s")?, shards);
    let (units, price) = (f.units(each)?, f.price("write_units_million")?);
    let (ms, us) = (f.get("assumed", "consumer_ms")?, f.get("assumed", "consumer_us_event")?);
    Ok([
        line(
            "live view: consumer",
            consumer(f, events, calls, "live_gb")?,
            format!(
                "{calls:.0} calls of {each:.1} events: {ms} ms + {us} us an event, {} GB",
                f.get("assumed", "live_gb")?
            ),
        ),
        line(
            "live view: DynamoDB",
            events * units / 1e6 * price,
            format!("{millions} M x {units:.1} units x {price}/M"),
        ),
    ])
}

/// What another choice changes, in USD a month: (choice, instead of what, and by how much).
fn choices(f: &Figures, millions: f64) -> anyhow::Result<Vec<(&'static str, f64)>> {
    let events = millions * 1e6;
    let usd = |lines: &[Line], part: &str| {
        lines.iter().filter(|l| l.part.starts_with(part)).map(|l| l.usd).sum::<f64>()
    };
    let all = pixel(f, millions)?;
    // A shard takes 1,000 records a second; three times the average is a busy hour.
    let shards = (3.0 * events / SECONDS / 1000.0).ceil().max(1.0);
    let provisioned = shards * HOURS * f.price("shard_hour")? + millions * f.price("put_units_million")?;
    let fewer: f64 = live(f, millions, shards)?.iter().map(|l| l.usd).sum();
    let firehose = events * 5.0 * KB / GB * f.price("firehose_gb")?
        + events * f.get("measured", "line_bytes")? / GB * f.price("firehose_partitioned_gb")?
        + consumer(f, events, events / 1000.0, "live_gb")?
        + events * f.get("measured", "gzip_bytes")? / GB * f.price("s3_gb_month")?;
    Ok(vec![
        (
            "a provisioned stream (a shard for each 1,000 a second of three times the average)",
            provisioned + fewer - usd(&all, "stream") - usd(&all, "live view"),
        ),
        ("the archive by Firehose", firehose - usd(&all, "archive")),
        (
            "events by `POST /e`, one a request, instead of pixels",
            millions * f.price("rest_api_million")? - usd(&all, "HTTP API") - usd(&all, "ingest"),
        ),
    ])
}

fn tables(f: &Figures) -> anyhow::Result<String> {
    let seen =
        f.0.get("prices")
            .and_then(|prices| prices.get("seen"))
            .and_then(toml::Value::as_str)
            .unwrap_or_default();
    let columns: Vec<Vec<Line>> =
        VOLUMES.iter().map(|&millions| pixel(f, millions)).collect::<Result<_, _>>()?;
    let shown = pixel(f, SHOWN)?;
    let mut text = format!("USD a month for so many million pixel hits, us-east-1. Prices: {seen}.\n\n");
    let heads: Vec<String> = VOLUMES.iter().map(|millions| format!("{millions} M")).collect();
    writeln!(text, "| part | reckoning for {SHOWN} M | {} |", heads.join(" | "))?;
    writeln!(text, "|---|---|{}", "---:|".repeat(VOLUMES.len()))?;
    for (index, line) in shown.iter().enumerate() {
        let amounts: Vec<String> =
            columns.iter().filter_map(|c| c.get(index)).map(|l| format!("{:.2}", l.usd)).collect();
        writeln!(text, "| {} | {} | {} |", line.part, line.reckoning, amounts.join(" | "))?;
    }
    let totals: Vec<f64> = columns.iter().map(|column| column.iter().map(|line| line.usd).sum()).collect();
    let row =
        |amounts: Vec<f64>| amounts.iter().map(|usd| format!("**{usd:.2}**")).collect::<Vec<_>>().join(" | ");
    writeln!(text, "| **a month** | | {} |", row(totals.clone()))?;
    let each: Vec<f64> = totals.iter().zip(VOLUMES).map(|(usd, millions)| usd / millions).collect();
    writeln!(text, "| **a million events** | | {} |", row(each))?;
    writeln!(text, "\n| choosing instead | {} |", heads.join(" | "))?;
    writeln!(text, "|---|{}", "---:|".repeat(VOLUMES.len()))?;
    let changes: Vec<_> = VOLUMES.iter().map(|&millions| choices(f, millions)).collect::<Result<_, _>>()?;
    for index in 0..changes.first().map_or(0, Vec::len) {
        let amounts: Vec<String> =
            changes.iter().filter_map(|c| c.get(index)).map(|(_, usd)| format!("{usd:+.2}")).collect();
        let choice = changes.first().and_then(|c| c.get(index)).map_or("", |(choice, _)| choice);
        writeln!(text, "| {choice} | {} |", amounts.join(" | "))?;
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures() -> Figures {
        Figures(include_str!("../../deploy/cost.toml").parse().unwrap())
    }

    #[test]
    fn units_lie_between_the_measured_ones() {
        fn check(batch: f64, expected: f64) {
            assert!((figures().units(batch).unwrap() - expected).abs() < 0.01, "{batch}");
        }
        check(1.0, 49.0);
        check(10.0, 32.85);
        check(100.0, 16.7);
        check(5000.0, 13.5);
    }

    #[test]
    fn a_quiet_site_has_a_batch_for_each_event_and_a_busy_one_full_ones() {
        assert_eq!(batches(1000.0, 10_000.0, 60.0, 1.0), (1000.0, 1.0));
        assert_eq!(batches(1e12, 10_000.0, 60.0, 1.0).1, 10_000.0);
    }

    #[test]
    fn the_sums_are_right() {
        let f = figures();
        let lines = pixel(&f, 10.0).unwrap();
        let of = |part: &str| lines.iter().find(|line| line.part == part).unwrap().usd;
        assert!((of("HTTP API") - 10.0).abs() < 1e-9);
        assert!((of("ingest") - (2.0 + 1e7 * 0.015 * 0.25 * 0.000_013_333_4)).abs() < 1e-9);
        assert!((of("stream, on demand") - (29.2 + 0.8192 + 0.5376)).abs() < 1e-6);
    }

    #[test]
    fn only_what_is_between_the_marks_is_written() {
        let text =
            with_table(&format!("before\n{BEGIN}old\n{END}after\n"), include_str!("../../deploy/cost.toml"))
                .unwrap();
        assert!(text.starts_with("before\n") && text.ends_with("after\n") && !text.contains("old"));
        assert_eq!(with_table(&text, include_str!("../../deploy/cost.toml")).unwrap(), text);
        assert!(with_table("nothing", "").is_err());
    }
}
