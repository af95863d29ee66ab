//! How fast a pipeline drains a backlog, and what CPU an event costs it: reader, batcher, sink, all included.
//!
//! `cargo bench --package onepixel --bench drain -- [EVENTS] [DIRECTORY]` makes the backlog (a million events of about
//! 500 bytes, unless told otherwise, in a folder that is removed again), then drains it on one thread into a sink
//! that only counts, and into the archive. The machine's disk is in the rate; the CPU time is the process's own.
#![expect(clippy::print_stdout, reason = "a benchmark's output is its product")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use onepixel_archive::{Archive, ArchiveSink};
use onepixel_consumer::{
    Batch, Checkpoint, Clock, DeadLetters, Pipeline, Progress, Record, Settings, Sink, SinkError,
    StreamSource,
};
use onepixel_event::{Device, Event, EventId, Props, ReferrerGroup, Source, Time};
use onepixel_stream::{Durability, OsDisk, Records, Stream};
use rustix::time::{ClockId, clock_gettime};
use tokio_util::sync::CancellationToken;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// When the first event was received; the backlog stays within its hour.
const BEGAN_MS: i64 = 1_770_757_445_123;
const EVENTS_A_SECOND: usize = 100_000;
const EVENTS_PER_APPEND: usize = 500;

fn main() -> anyhow::Result<()> {
    // `cargo bench` adds a word of its own.
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let events = words.first().map_or(Ok(1_000_000), |word| word.parse()).context("EVENTS is a number")?;
    let parent = words.get(1).map_or_else(std::env::temp_dir, PathBuf::from);
    let folder = tempfile::Builder::new().prefix("onepixel-drain").tempdir_in(parent)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(measure(folder.path(), events))
}

async fn measure(folder: &Path, events: usize) -> anyhow::Result<()> {
    let clock: Clock = Arc::new(|| BEGAN_MS as u64);
    let settings = onepixel_stream::Settings {
        durability: Durability::Interval(Duration::from_millis(50)),
        ..onepixel_stream::Settings::new(folder.join("stream"))
    };
    let (stream, _) = Stream::open(Arc::new(OsDisk), settings, clock.clone())?;
    let began = Instant::now();
    let bytes = fill(&stream, events).await?;
    println!(
        "{events} events of {} bytes on average, made in {:.1} s",
        bytes / events,
        began.elapsed().as_secs_f64()
    );
    drain("counted", &stream, &folder.join("counted"), &clock, Counting::default()).await?;
    let archive = Archive::open("", &folder.join("archive"))?;
    drain("archived", &stream, &folder.join("archived"), &clock, ArchiveSink::new(archive)).await?;
    let archived = size_of_files(&folder.join("archive"))?;
    println!("{:.1} bytes an event in the archive", archived as f64 / events as f64);
    stream.close().await;
    Ok(())
}

/// Appends the backlog; how many bytes of events it is.
async fn fill(stream: &Stream, events: usize) -> anyhow::Result<usize> {
    let (mut bytes, mut made) = (0, 0);
    while made < events {
        let mut records = Records::new();
        while made < events && records.len() < EVENTS_PER_APPEND {
            records.push(None, |buffer| {
                let before = buffer.len();
                encode(made, buffer);
                bytes += buffer.len() - before;
            })?;
            made += 1;
        }
        stream.append(records).await?;
    }
    while stream.state().durable < stream.state().written {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(bytes)
}

/// An event like those of many pages and people; the same for the same number.
fn encode(number: usize, buffer: &mut Vec<u8>) {
    let mut random = Random(number as u64);
    let at = Time::from_ms(BEGAN_MS + (number / (EVENTS_A_SECOND / 1000)) as i64 % 3_000_000);
    let mut id = [0; 10];
    id.iter_mut().for_each(|byte| *byte = random.below(256) as u8);
    let mut event =
        Event::new(EventId::at(at, id), at, Source::Pixel, "pageview", format!("site-{}", random.below(20)));
    let path = format!("/{}/{}-{}", random.word(), random.word(), random.below(5000));
    event.page_url = Some(format!("https://www.example.org{path}").into());
    event.page_host = Some("www.example.org".into());
    event.page_path = Some(path.into());
    if random.below(5) < 2 {
        event.referrer_url =
            Some(format!("https://www.google.com/search?q={}+{}", random.word(), random.word()).into());
        event.referrer_host = Some("www.google.com".into());
        event.referrer_group = Some(ReferrerGroup::Search);
    } else {
        event.referrer_group = Some(ReferrerGroup::Direct);
    }
    let version = 90 + random.below(40);
    event.user_agent = Some(agent(random.below(3), version).into());
    event.browser = Some("Chrome".into());
    event.browser_version = Some(version.to_string().into());
    event.os = Some("Windows".into());
    event.device = Some(Device::Desktop);
    event.language = Some(["en", "de", "fr-FR", "es"][random.below(4)].into());
    event.ip = Some(format!("{}.{}.{}.0", random.below(256), random.below(256), random.below(256)).into());
    event.visitor = Some(format!("{:016x}{:04x}", random.next(), random.below(1 << 16)).into());
    if random.below(10) == 0 {
        event.props = Props::from_object(format!(r#"{{"step":{}}}"#, random.below(9)).into_bytes());
    }
    event.encode(buffer);
}

fn agent(kind: usize, version: usize) -> String {
    match kind {
        0 => format!(
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{version}.0.0.0 Safari/537.36"
        ),
        1 => format!("Mozilla/5.0 (X11; Linux x86_64; rv:{version}.0) Gecko/20100101 Firefox/{version}.0"),
        _ => format!(
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_{} like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Mobile/15E148 Safari/604.1",
            version % 7
        ),
    }
}

async fn drain<S: Sink>(
    what: &str,
    stream: &Stream,
    folder: &Path,
    clock: &Clock,
    sink: S,
) -> anyhow::Result<()> {
    let progress = Arc::new(Progress::default());
    let pipeline = Pipeline {
        source: StreamSource::new(stream.reader(0)),
        sink,
        settings: Settings {
            batch_size: 10_000,
            behind_size: 10_000,
            batch_window: Duration::from_secs(60),
            batch_bytes: 64 << 20,
            max_retries: -1,
            max_record_age: Duration::ZERO,
            bisect_on_error: true,
        },
        checkpoint: Checkpoint::open(folder, what)?,
        dead_letters: DeadLetters::open(folder, what)?,
        clock: clock.clone(),
        progress: Arc::clone(&progress),
    };
    let told_to_end = CancellationToken::new();
    told_to_end.cancel();
    let (began, cpu_before) = (Instant::now(), cpu());
    pipeline.run(told_to_end).await?;
    let (took, cpu) = (began.elapsed().as_secs_f64(), (cpu() - cpu_before).as_secs_f64());
    let events = progress.snapshot().records as f64;
    anyhow::ensure!(progress.committed() == stream.state().durable, "the pipeline stopped early");
    println!(
        "{what}: {:.0} events/s, {:.3} us of CPU an event, {:.0} % of a core",
        events / took,
        cpu * 1e6 / events,
        100.0 * cpu / took
    );
    Ok(())
}

/// User and system time of the process.
fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

fn size_of_files(folder: &Path) -> anyhow::Result<u64> {
    let mut bytes = 0;
    for entry in folder.read_dir()? {
        let path = entry?.path();
        bytes += if path.is_dir() { size_of_files(&path)? } else { path.metadata()?.len() };
    }
    Ok(bytes)
}

/// What reading alone costs.
#[derive(Default)]
struct Counting {
    bytes: usize,
}

impl Sink for Counting {
    type Prepared = ();

    fn name(&self) -> &'static str {
        "counted"
    }

    async fn position(&mut self) -> Result<Option<u64>, SinkError> {
        Ok(None)
    }

    fn prepare(_: &Batch) {}

    async fn write_prepared(&mut self, batch: &Batch, (): &()) -> Result<(), SinkError> {
        self.bytes += batch.records.iter().map(|record| record.payload.len()).sum::<usize>();
        Ok(())
    }

    async fn replay(&mut self, _: u32, _: &Record) -> Result<(), SinkError> {
        Ok(())
    }
}

/// SplitMix64: numbers that look random and follow from a seed.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    fn word(&mut self) -> &'static str {
        const WORDS: [&str; 16] = [
            "prices", "blog", "docs", "api", "guide", "team", "login", "product", "cart", "checkout", "news",
            "article", "tips", "weekly", "about", "jobs",
        ];
        WORDS[self.below(WORDS.len())]
    }
}
