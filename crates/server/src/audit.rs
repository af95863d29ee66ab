//! The proof: acknowledged = archived + pending + dead-lettered, offset by offset.
//!
//! Works on a data directory, beside the running server or without one, and writes nothing. It reads the
//! positions first and what they promise afterwards, so that a server that goes on meanwhile is no finding. Every
//! archive object is read: its lines must be as many as its name says, and, for offsets that the stream still
//! retains, equal to the stream's records byte for byte.

mod cover;
mod report;

use std::collections::BTreeSet;
use std::ops::{Range, RangeInclusive};
use std::sync::Arc;

use anyhow::Context as _;
use futures_util::TryStreamExt as _;
use onepixel_archive::{Archive, Listed, ObjectName};
use onepixel_consumer::{Checkpoint, DeadLetters};
use onepixel_live::{Gap, LiveStore, Partition};
use onepixel_stream::{Offset, OsDisk, ReadError, Reader, extent};

use crate::cli::with_causes;
use crate::clock;
use crate::config::Settings;
use crate::data_dir::DataDir;
use cover::{Coverage, cover};
pub(crate) use report::{ArchiveReport, Damage, LiveReport, RelayReport, Report};

/// Reading at once from the stream while comparing.
const RECORDS_MAX: usize = 10_000;
const BYTES_MAX: usize = 4 << 20;
/// The stream's only partition.
const PARTITION: u32 = 0;
/// Damaged objects named in full; beyond that only counted.
const DAMAGE_MAX: usize = 100;

/// Audits a data directory.
pub(crate) async fn audit(settings: &Settings, data_dir: &DataDir) -> anyhow::Result<Report> {
    let folder = data_dir.stream();
    let live = settings.live.enabled.then(|| counted(settings, data_dir));
    let before = Checkpoint::open(&data_dir.checkpoint(), "archive")?;
    let at = extent(Arc::new(OsDisk), &folder).with_context(|| {
        format!(
            "cannot read the stream in {}. Is --data-dir right, and has `onepixel serve` run there?",
            folder.display()
        )
    })?;
    let archive = if settings.archive.enabled || before.committed() > 0 {
        Some(audit_archive(settings, data_dir, &at, &before).await?)
    } else {
        None
    };
    let live = match live {
        None => None,
        Some(Ok(counted)) => Some(audit_live(&counted, data_dir, &at)?),
        // The archive is proved all the same.
        Some(Err(error)) => Some(LiveReport::unreadable(with_causes(&error))),
    };
    let relay = audit_relay(settings, data_dir, at.end)?;
    Ok(Report::new(at.end, archive, live, relay))
}

/// The relay's own account: what is in Kinesis lies elsewhere.
fn audit_relay(settings: &Settings, data_dir: &DataDir, end: Offset) -> anyhow::Result<Option<RelayReport>> {
    let committed = Checkpoint::open(&data_dir.checkpoint(), "relay")?.committed();
    if settings.relay.kinesis.is_empty() && committed == 0 {
        return Ok(None);
    }
    let dead = dead_offsets(data_dir, "relay", committed)?.len() as u64;
    Ok(Some(RelayReport::new(committed, dead, end)))
}

async fn audit_archive(
    settings: &Settings,
    data_dir: &DataDir,
    at: &Range<Offset>,
    before: &Checkpoint,
) -> anyhow::Result<ArchiveReport> {
    let committed = before.committed();
    let dead = dead_offsets(data_dir, "archive", committed)?;
    let archive = Archive::open(&settings.archive.url, &data_dir.archive())?;
    let mut report = ArchiveReport { pending: at.end.saturating_sub(committed), ..ArchiveReport::default() };
    let mut objects = Vec::new();
    let mut listed = archive.list();
    while let Some(entry) = listed.try_next().await? {
        match entry {
            Listed::Object { name, .. } => objects.push(name),
            Listed::Foreign { path, .. } => report.foreign.push(path),
        }
    }
    objects.sort_by_key(|name| (name.first, name.last));
    // An object is written after its range stands in the checkpoint, so what was listed must stand there by now.
    let announced = announced(before).max(announced(&Checkpoint::open(&data_dir.checkpoint(), "archive")?));
    report.unannounced =
        objects.iter().filter(|name| name.last >= announced).map(|name| archive.url_of(name)).collect();
    report.beyond = committed.saturating_sub(at.end);
    let mut check = Check { archive: &archive, reader: None, data_dir, oldest: at.start, end: at.end };
    for name in objects.iter().filter(|name| name.first < committed) {
        report.objects += 1;
        match check.object(name).await? {
            Ok(compared) => report.compared += compared,
            Err(reason) if report.damaged.len() < DAMAGE_MAX => {
                report.damaged.push(Damage {
                    object: archive.url_of(name),
                    first: name.first,
                    last: name.last,
                    reason,
                });
            }
            Err(_) => report.damaged_more += 1,
        }
    }
    let mut ranges: Vec<RangeInclusive<Offset>> = objects.iter().map(|name| name.first..=name.last).collect();
    report.cover(cover(&mut ranges, &dead, committed));
    Ok(report)
}

/// Objects may hold offsets below this one, and no others.
fn announced(checkpoint: &Checkpoint) -> Offset {
    checkpoint.intent().unwrap_or(checkpoint.committed())
}

/// Offsets below `committed` that a sink refused and that no replay has brought into it.
fn dead_offsets(
    data_dir: &DataDir,
    sink: &'static str,
    committed: Offset,
) -> anyhow::Result<BTreeSet<Offset>> {
    let mut offsets = BTreeSet::new();
    for letter in DeadLetters::open(&data_dir.dead_letter(), sink)?.scan()? {
        let letter = letter?;
        if letter.offset < committed && !letter.is_replayed() {
            offsets.insert(letter.offset);
        }
    }
    Ok(offsets)
}

/// Compares objects with the stream, going forward through both.
struct Check<'a> {
    archive: &'a Archive,
    reader: Option<Reader>,
    data_dir: &'a DataDir,
    oldest: Offset,
    /// The stream's end: to wait for what lies beyond it would be to wait for ever.
    end: Offset,
}

impl Check<'_> {
    /// The number of lines that were compared with the stream, or what is wrong with the object.
    async fn object(&mut self, name: &ObjectName) -> anyhow::Result<Result<u64, String>> {
        let expected = self.records(name).await?;
        let mut next = name.first;
        let mut differs = None;
        let read = self.archive.read_lines(name, |line| {
            let retained = next
                .checked_sub(self.oldest.max(name.first))
                .and_then(|i| expected.get(usize::try_from(i).ok()?));
            if retained.is_some_and(|payload| payload != line) && differs.is_none() {
                differs = Some(next);
            }
            next += 1;
        });
        let lines = match read.await {
            Ok(lines) => lines,
            Err(error) => return Ok(Err(error.to_string())),
        };
        let promised = (name.last - name.first).saturating_add(1);
        Ok(match differs {
            Some(offset) => Err(format!("the line of offset {offset} is not the record in the stream")),
            None if lines != promised => Err(format!("{lines} lines where the name promises {promised}")),
            None => Ok(expected.len() as u64),
        })
    }

    /// The payloads of the offsets of `name` that the stream retains.
    async fn records(&mut self, name: &ObjectName) -> anyhow::Result<Vec<bytes::Bytes>> {
        let mut payloads = Vec::new();
        loop {
            let from = name.first.max(self.oldest) + payloads.len() as u64;
            let end = self.end.min(name.last.saturating_add(1));
            if from >= end {
                return Ok(payloads);
            }
            let reader = match &mut self.reader {
                Some(reader) => reader,
                None => self.reader.insert(Reader::open(Arc::new(OsDisk), self.data_dir.stream(), from)?),
            };
            reader.seek(from);
            let wanted = usize::try_from(end - from).unwrap_or(RECORDS_MAX).min(RECORDS_MAX);
            match reader.next(wanted, BYTES_MAX).await {
                Ok(records) => payloads.extend(records.into_iter().map(|record| record.payload)),
                // Retention went on meanwhile: what is gone cannot be compared any more.
                Err(ReadError::Gone { oldest, .. }) => {
                    self.oldest = oldest;
                    payloads.clear();
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// What the live view says it counted, and the ranges it left out.
struct Counted {
    of: Option<Partition>,
    gaps: Vec<Gap>,
}

/// A view that does not exist yet has counted nothing.
fn counted(settings: &Settings, data_dir: &DataDir) -> anyhow::Result<Counted> {
    if !data_dir.live().exists() {
        return Ok(Counted { of: None, gaps: Vec::new() });
    }
    let store = LiveStore::open(&data_dir.live(), settings.live.ttl.0, clock::system())?;
    let of = store.totals()?.partitions.into_iter().find(|of| of.partition == PARTITION);
    let mut gaps: Vec<Gap> = Vec::new();
    loop {
        let more = store.gaps(PARTITION, gaps.last().map_or(0, |gap| gap.end))?;
        if more.is_empty() {
            return Ok(Counted { of, gaps });
        }
        gaps.extend(more);
    }
}

fn audit_live(counted: &Counted, data_dir: &DataDir, at: &Range<Offset>) -> anyhow::Result<LiveReport> {
    let (first, position) = match &counted.of {
        Some(of) => (of.first.unwrap_or(0), of.position.unwrap_or(0)),
        None => (0, 0),
    };
    let first = began(first, &counted.gaps, at.start);
    let dead = dead_offsets(data_dir, "live", position)?;
    let mut left_out = Coverage::default();
    for gap in &counted.gaps {
        left_out.gap(gap.first.max(first), gap.end, &dead);
    }
    Ok(LiveReport::new(counted.of.as_ref().map_or(0, |of| of.counted), at.end, first..position, left_out))
}

/// Where the view began. A new one starts at the oldest record of the stream, which is `oldest` or was an older one;
/// what retention had removed by then is its first gap.
fn began(first: Offset, gaps: &[Gap], oldest: Offset) -> Offset {
    gaps.first().filter(|gap| gap.first == first).map_or(first, |gap| gap.end.min(oldest).max(first))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_began_behind_what_was_gone_by_then() {
        fn check(first: Offset, gaps: &[(Offset, Offset)], oldest: Offset, expected: Offset) {
            let gaps: Vec<_> = gaps.iter().map(|&(first, end)| Gap { first, end }).collect();
            assert_eq!(began(first, &gaps, oldest), expected, "{first} {gaps:?} {oldest}");
        }
        check(0, &[], 50, 0);
        check(0, &[(0, 50)], 50, 50);
        check(0, &[(0, 50)], 80, 50);
        // What the stream still holds should have been counted.
        check(0, &[(0, 50)], 0, 0);
        check(0, &[(0, 50)], 20, 20);
        check(0, &[(10, 50)], 50, 0);
        check(30, &[(30, 50), (60, 70)], 10, 30);
    }
}
