//! `dead-letter`: what a sink refused, and what to do about it.

use std::io::Write as _;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand, ValueEnum};
use onepixel_archive::{Archive, ArchiveSink};
use onepixel_consumer::{DeadLetter, DeadLetters, Offset, Record, Resolution, Sink};
use onepixel_live::LiveSink;

use super::{Failure, Global, archive_flag};
use crate::clock;
use crate::config::Settings;
use crate::data_dir::DataDir;

/// The stream's only partition.
const PARTITION: u32 = 0;

#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:
  onepixel dead-letter list
  onepixel dead-letter show archive 4711
  onepixel dead-letter replay archive --all   once the cause is mended
  onepixel dead-letter discard live 4711 4712")]
pub(crate) enum DeadLetterCommand {
    /// List dead letters: offset, sink, when, status, reason
    List(SinkArg),
    /// Show one dead letter with its payload
    Show(OneArgs),
    /// Give dead letters to their sink once more, after the cause is mended
    Replay(SomeArgs),
    /// Give dead letters up for good; they stay in the log and in the audit
    Discard(SomeArgs),
}

#[derive(Debug, Args)]
pub(crate) struct SinkArg {
    /// Only this sink's
    #[arg(long, value_enum)]
    sink: Option<SinkName>,
}

#[derive(Debug, Args)]
pub(crate) struct OneArgs {
    /// The sink that refused it
    #[arg(value_enum)]
    sink: SinkName,
    /// Its offset in the stream
    offset: Offset,
}

#[derive(Debug, Args)]
pub(crate) struct SomeArgs {
    /// The sink that refused them
    #[arg(value_enum)]
    sink: SinkName,
    #[command(flatten)]
    which: Which,
    /// Where the archive is, as given to `serve` [default: DATA_DIR/archive]
    #[arg(long, value_name = "URL")]
    archive: Option<String>,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Which {
    /// Offsets in the stream
    offsets: Vec<Offset>,
    /// Every one that is open
    #[arg(long)]
    all: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum SinkName {
    Archive,
    Live,
    Relay,
}

impl SinkName {
    fn as_str(self) -> &'static str {
        match self {
            Self::Archive => "archive",
            Self::Live => "live",
            Self::Relay => "relay",
        }
    }
}

pub(super) fn run(global: &Global, command: DeadLetterCommand) -> Result<(), Failure> {
    let data_dir = DataDir::new(global.data_dir());
    in_use(&data_dir)?;
    match command {
        DeadLetterCommand::List(args) => list(&data_dir, args.sink)?,
        DeadLetterCommand::Show(args) => show(&data_dir, &args)?,
        DeadLetterCommand::Discard(args) => {
            each(&data_dir, &args, |letters, letter| {
                Ok(letters.resolve(letter.offset, Resolution::Discarded, now())?)
            })?;
        }
        DeadLetterCommand::Replay(args) => {
            let settings = global.load(archive_flag(&args.archive))?.settings;
            match args.sink {
                SinkName::Archive => {
                    let archive = Archive::open(&settings.archive.url, &data_dir.archive())
                        .context("cannot open the archive")?;
                    replay(&data_dir, &args, ArchiveSink::new(archive))?;
                }
                SinkName::Live => replay(&data_dir, &args, open_live(&settings, &data_dir)?)?,
                #[cfg(feature = "aws")]
                SinkName::Relay if !settings.relay.kinesis.is_empty() => {
                    replay(&data_dir, &args, onepixel_aws::relay::Relay::new(&settings.relay.kinesis))?;
                }
                SinkName::Relay => {
                    let why = "relay.kinesis does not name a stream, so there is nothing to replay into";
                    return Err(anyhow::anyhow!(why).into());
                }
            }
        }
    }
    Ok(())
}

/// No dead letters is good news, which a mistyped folder must not give.
fn in_use(data_dir: &DataDir) -> anyhow::Result<()> {
    let stream = data_dir.stream();
    if !stream.is_dir() {
        bail!("there is no {}. Is --data-dir right, and has `onepixel serve` run there?", stream.display());
    }
    Ok(())
}

fn now() -> u64 {
    clock::system()()
}

fn open(data_dir: &DataDir, sink: SinkName) -> anyhow::Result<DeadLetters> {
    Ok(DeadLetters::open(&data_dir.dead_letter(), sink.as_str())?)
}

fn open_live(settings: &Settings, data_dir: &DataDir) -> anyhow::Result<LiveSink> {
    LiveSink::open(&data_dir.live(), settings.live.ttl.0, clock::system())
        .context("cannot open the live view")
}

fn list(data_dir: &DataDir, sink: Option<SinkName>) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    let mut count = 0;
    for name in [SinkName::Archive, SinkName::Live, SinkName::Relay] {
        if sink.is_some_and(|wanted| wanted != name) {
            continue;
        }
        for letter in open(data_dir, name)?.list()? {
            let reason = letter.reason.replace(char::is_control, " ");
            writeln!(
                out,
                "{:>12}  {:<8} {}  {:<9}  {reason}",
                letter.offset,
                name.as_str(),
                when(&letter),
                status(&letter)
            )?;
            count += 1;
        }
    }
    if count == 0 {
        writeln!(out, "No dead letters.")?;
    }
    Ok(())
}

fn show(data_dir: &DataDir, args: &OneArgs) -> anyhow::Result<()> {
    let letter = open(data_dir, args.sink)?.get(args.offset)?.with_context(|| {
        format!(
            "{} has no dead letter at offset {}; see `onepixel dead-letter list`",
            args.sink.as_str(),
            args.offset
        )
    })?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "offset    {}", letter.offset)?;
    writeln!(out, "sink      {}", args.sink.as_str())?;
    writeln!(out, "at        {}", when(&letter))?;
    writeln!(out, "status    {}", status(&letter))?;
    writeln!(out, "attempts  {}", letter.attempts)?;
    writeln!(out, "reason    {}", letter.reason.replace(char::is_control, " "))?;
    writeln!(
        out,
        "payload   {}",
        String::from_utf8_lossy(&letter.payload).replace(char::is_control, "\u{fffd}")
    )?;
    Ok(())
}

fn replay(data_dir: &DataDir, args: &SomeArgs, mut sink: impl Sink) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    each(data_dir, args, |letters, letter| {
        let record = Record {
            offset: letter.offset,
            committed_at_ms: letter.at_ms,
            key: None,
            payload: letter.payload.clone(),
        };
        runtime.block_on(sink.replay(PARTITION, &record)).context("the sink still refuses it")?;
        Ok(letters.resolve(letter.offset, Resolution::Replayed, now())?)
    })
}

/// Runs `act` on each letter that was asked for, in offset order; stops at the first that fails.
fn each(
    data_dir: &DataDir,
    args: &SomeArgs,
    mut act: impl FnMut(&mut DeadLetters, &DeadLetter) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut letters = open(data_dir, args.sink)?;
    let wanted: Vec<DeadLetter> = if args.which.all {
        letters.list()?.into_iter().filter(DeadLetter::is_open).collect()
    } else {
        let mut wanted = Vec::new();
        for &offset in &args.which.offsets {
            match letters.get(offset)? {
                Some(letter) if letter.is_open() => wanted.push(letter),
                Some(letter) => bail!("the dead letter at offset {offset} was {} already", status(&letter)),
                None => bail!(
                    "{} has no dead letter at offset {offset}; see `onepixel dead-letter list`",
                    args.sink.as_str()
                ),
            }
        }
        wanted
    };
    for letter in &wanted {
        act(&mut letters, letter).with_context(|| format!("stopped at offset {}", letter.offset))?;
    }
    let mut out = std::io::stdout().lock();
    Ok(writeln!(out, "{} done.", wanted.len())?)
}

fn when(letter: &DeadLetter) -> onepixel_event::Time {
    onepixel_event::Time::from_ms(i64::try_from(letter.at_ms).unwrap_or(i64::MAX))
}

fn status(letter: &DeadLetter) -> &'static str {
    match letter.resolved {
        None => "open",
        Some(Resolution::Replayed) => "replayed",
        Some(Resolution::Discarded) => "discarded",
    }
}
