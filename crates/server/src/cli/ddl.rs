//! `ddl`: the statements that make the archive a table elsewhere.
//!
//! One list of columns for every dialect. The table shows what lies in the archive, which on AWS may hold an event twice; the views
//! over it show each id once.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};

use super::{Failure, Global, archive_flag};
use crate::data_dir::DataDir;

#[derive(Debug, Args)]
#[command(
    after_help = "Prints a table over the archive's objects and views that show each event once, and touches nothing.

Examples:
  onepixel ddl duckdb | duckdb stats.db
  onepixel ddl duckdb --archive s3://bucket/hits
  onepixel ddl athena --archive s3://bucket"
)]
pub(crate) struct DdlArgs {
    /// For which engine
    #[arg(value_enum)]
    dialect: Dialect,
    /// Where the archive is, as given to `serve` [default: DATA_DIR/archive]
    #[arg(long, value_name = "URL")]
    archive: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Dialect {
    /// Amazon Athena, with partition projection: no crawler, no new partitions to add
    Athena,
    /// DuckDB, over a folder or a bucket
    Duckdb,
}

pub(super) fn run(global: &Global, args: &DdlArgs) -> Result<(), Failure> {
    let settings = global.load(archive_flag(&args.archive))?.settings;
    let folder = DataDir::new(global.data_dir()).archive();
    let text = match args.dialect {
        Dialect::Athena => athena(&settings.archive.url)?,
        Dialect::Duckdb => duckdb(&settings.archive.url, &folder)?,
    };
    Ok(std::io::stdout().lock().write_all(text.as_bytes())?)
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    /// RFC 3339 in UTC.
    Time,
    /// A list of texts.
    Words,
    /// An object of any shape.
    Object,
}

/// The fields of an event in their order.
const COLUMNS: [(&str, Kind); 32] = [
    ("id", Kind::Text),
    ("received_at", Kind::Time),
    ("sent_at", Kind::Time),
    ("source", Kind::Text),
    ("event", Kind::Text),
    ("site", Kind::Text),
    ("page_url", Kind::Text),
    ("page_host", Kind::Text),
    ("page_path", Kind::Text),
    ("title", Kind::Text),
    ("referrer_url", Kind::Text),
    ("referrer_host", Kind::Text),
    ("referrer_group", Kind::Text),
    ("utm_source", Kind::Text),
    ("utm_medium", Kind::Text),
    ("utm_campaign", Kind::Text),
    ("utm_term", Kind::Text),
    ("utm_content", Kind::Text),
    ("user_agent", Kind::Text),
    ("browser", Kind::Text),
    ("browser_version", Kind::Text),
    ("os", Kind::Text),
    ("os_version", Kind::Text),
    ("device", Kind::Text),
    ("class", Kind::Text),
    ("class_reasons", Kind::Words),
    ("language", Kind::Text),
    ("country", Kind::Text),
    ("ip", Kind::Text),
    ("visitor", Kind::Text),
    ("props", Kind::Object),
    ("flags", Kind::Words),
];

/// The folders' names, which are columns too.
const PARTITIONS: [&str; 4] = ["year", "month", "day", "hour"];

/// What `each` makes of the columns, with `between` between them.
fn list(each: impl FnMut((&'static str, Kind)) -> String, between: &str) -> String {
    COLUMNS.into_iter().map(each).collect::<Vec<_>>().join(between)
}

fn athena(url: &str) -> anyhow::Result<String> {
    let root = url.trim_end_matches('/');
    if !root.starts_with("s3://") {
        bail!("Athena reads from S3 only: give the archive as --archive s3://bucket or s3://bucket/prefix");
    }
    let root = quoted(root)?;
    let definitions = list(
        |(name, kind)| {
            let kind = match kind {
                Kind::Text | Kind::Time | Kind::Object => "string",
                Kind::Words => "array<string>",
            };
            format!("  `{name}` {kind}")
        },
        ",\n",
    );
    let shown = list(
        |(name, kind)| match kind {
            Kind::Time => format!("CAST(from_iso8601_timestamp({name}) AS timestamp) AS {name}"),
            _ => name.to_owned(),
        },
        ", ",
    );
    let folders = PARTITIONS.map(|name| format!("{name}=${{{name}}}")).join("/");
    let mut text = format!(
        "\
-- Run these one after the other, in the database of your choice.
-- `events_stored` is the archive as it lies there: its partitions are worked out from the query, so filter by year, month,
-- day and hour (all UTC), or every hour of the range of years below is looked into.
-- The OpenX SerDe gives `props`, an object of any shape, as its JSON text: json_extract_scalar(props, '$.plan').
-- (Numbers in it may be written anew, such as 1.50 as 1.5. `case.insensitive` stays off, or the keys in it became lower case.)
CREATE EXTERNAL TABLE IF NOT EXISTS events_stored (
{definitions}
)
PARTITIONED BY (`year` int, `month` int, `day` int, `hour` int)
ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'
WITH SERDEPROPERTIES ('case.insensitive' = 'false', 'ignore.malformed.json' = 'false')
STORED AS INPUTFORMAT 'org.apache.hadoop.mapred.TextInputFormat'
  OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat'
LOCATION '{root}/events/'
TBLPROPERTIES (
  'projection.enabled' = 'true',
  'projection.year.type' = 'integer', 'projection.year.range' = '2026,2035', 'projection.year.digits' = '4',
  'projection.month.type' = 'integer', 'projection.month.range' = '1,12', 'projection.month.digits' = '2',
  'projection.day.type' = 'integer', 'projection.day.range' = '1,31', 'projection.day.digits' = '2',
  'projection.hour.type' = 'integer', 'projection.hour.range' = '0,23', 'projection.hour.digits' = '2',
  'storage.location.template' = '{root}/events/{folders}/'
);
"
    );
    let partitions = PARTITIONS.join(", ");
    for (view, says, by) in VIEWS {
        writeln!(
            text,
            "
-- {says}
CREATE OR REPLACE VIEW {view} AS
SELECT {shown}, {partitions}
FROM (
  SELECT *, row_number() OVER (PARTITION BY {by}id ORDER BY received_at, \"$path\") AS occurrence
  FROM events_stored
)
WHERE occurrence = 1;"
        )?;
    }
    Ok(text)
}

/// The views: name, what it says, and by what beside the id its events are told apart.
const VIEWS: [(&str, &str, &str); 2] = [
    (
        "events",
        "Each id once, whenever it came. Looks for it in the whole archive, whatever the query asks for.",
        "",
    ),
    (
        "events_by_day",
        "Each id once a day (UTC), for large archives: reads only the days that the query asks for. A client that sends an id\n\
         -- again on another day shows up on both.",
        "year, month, day, ",
    ),
];

fn duckdb(url: &str, default_folder: &Path) -> anyhow::Result<String> {
    let root = match url {
        "" => local(default_folder)?,
        url if url.contains("://") => match url.strip_prefix("file://") {
            Some(path) => local(Path::new(path))?,
            None => url.trim_end_matches('/').to_owned(),
        },
        path => local(Path::new(path))?,
    };
    if root.contains(['*', '?', '[']) {
        bail!("DuckDB takes *, ? and [ in {root:?} as a pattern: move or link the archive elsewhere");
    }
    let root = quoted(&root)?;
    let access = if root.starts_with("s3://") {
        "INSTALL httpfs;\nLOAD httpfs;\nCREATE OR REPLACE SECRET archive (TYPE s3, PROVIDER credential_chain);\n"
    } else {
        ""
    };
    let definitions = list(
        |(name, kind)| {
            let kind = match kind {
                Kind::Text => "VARCHAR",
                Kind::Time => "TIMESTAMP",
                Kind::Words => "VARCHAR[]",
                Kind::Object => "JSON",
            };
            format!("    {name}: '{kind}'")
        },
        ",\n",
    );
    let types = PARTITIONS.map(|name| format!("{name}: INTEGER")).join(", ");
    let mut text = format!(
        "\
-- `events_stored` is the archive as it lies there: filter by year, month, day and hour (all UTC) to read only those folders.
-- `props` is JSON of any shape: props->>'plan' (numbers in it may be written anew, such as 1.50 as 1.5). There has to be an
-- object in the archive already.
{access}CREATE OR REPLACE VIEW events_stored AS
SELECT * FROM read_json(
  '{root}/events/*/*/*/*/*.json.gz',
  format = 'newline_delimited', compression = 'gzip', filename = true,
  columns = {{
{definitions}
  }},
  hive_partitioning = true, hive_types = {{{types}}}
);
"
    );
    for (view, says, by) in VIEWS {
        writeln!(
            text,
            "
-- {says}
CREATE OR REPLACE VIEW {view} AS
SELECT * EXCLUDE (filename) FROM events_stored
QUALIFY row_number() OVER (PARTITION BY {by}id ORDER BY received_at, filename) = 1;"
        )?;
    }
    Ok(text)
}

/// An absolute path, so that the statements work wherever they are run.
fn local(path: &Path) -> anyhow::Result<String> {
    let path =
        std::path::absolute(path).with_context(|| format!("cannot use the path {}", path.display()))?;
    path.into_os_string().into_string().map_err(|path| anyhow::anyhow!("the path {path:?} is no text"))
}

/// Fit to stand between single quotes.
fn quoted(text: &str) -> anyhow::Result<String> {
    if text.contains(char::is_control) {
        bail!("the archive's address {text:?} holds control characters");
    }
    Ok(text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An event with every field, in the order of the encoder.
    const FULL: &str = include_str!("../../../event/tests/it/full.json");

    #[test]
    fn the_columns_are_the_fields_of_an_event_in_their_order() {
        let fields: serde_json::Map<String, serde_json::Value> = serde_json::from_str(FULL).unwrap();
        assert_eq!(COLUMNS.into_iter().count(), fields.len());
        let mut at = 0;
        for (name, kind) in COLUMNS.into_iter() {
            at += FULL[at..].find(&format!("\"{name}\":")).unwrap_or_else(|| panic!("{name}"));
            let is = match &fields[name] {
                serde_json::Value::Array(_) => Kind::Words,
                serde_json::Value::Object(_) => Kind::Object,
                _ if name.ends_with("_at") => Kind::Time,
                _ => Kind::Text,
            };
            assert_eq!(kind, is, "{name}");
        }
    }

    #[test]
    fn athena_gets_a_projection_of_the_archives_folders() {
        let text = athena("s3://bucket/hits/").unwrap();
        for part in [
            "LOCATION 's3://bucket/hits/events/'",
            "'storage.location.template' = 's3://bucket/hits/events/year=${year}/month=${month}/day=${day}/hour=${hour}/'",
            "  `props` string,\n  `flags` array<string>\n)",
            "CAST(from_iso8601_timestamp(received_at) AS timestamp) AS received_at",
            "PARTITION BY id ORDER BY",
            "PARTITION BY year, month, day, id ORDER BY",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        for url in ["", "/srv/archive", "gs://bucket"] {
            assert!(athena(url).unwrap_err().to_string().contains("s3://bucket"), "{url}");
        }
    }

    #[test]
    fn duckdb_reads_where_the_archive_is() {
        let check = |url: &str, expected: &str, secret: bool| {
            let text = duckdb(url, Path::new("/data/archive")).unwrap();
            assert!(text.contains(&format!("'{expected}/events/*/*/*/*/*.json.gz'")), "{text}");
            assert_eq!(text.contains("credential_chain"), secret, "{url}");
        };
        check("", "/data/archive", false);
        check("file:///srv/o'hara", "/srv/o''hara", false);
        check("/srv/a", "/srv/a", false);
        check("s3://bucket/hits/", "s3://bucket/hits", true);
        check("gs://bucket", "gs://bucket", false);
        assert!(duckdb("/srv/a*", Path::new("/")).unwrap_err().to_string().contains("pattern"));
        assert!(duckdb("/srv/a\nb", Path::new("/")).unwrap_err().to_string().contains("control"));
    }
}
