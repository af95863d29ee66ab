//! What an audit found: for people and as JSON.

use std::fmt;
use std::ops::{Range, RangeInclusive};

use onepixel_stream::Offset;
use serde::Serialize;

use super::cover::Coverage;

/// Ranges of offsets shown in full; beyond that only counted.
const RANGES_MAX: usize = 1000;

/// The whole finding.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// True when every acknowledged event is where it must be.
    pub(crate) balanced: bool,
    /// Events that were acknowledged since the stream began: its offsets below the durable end.
    pub(crate) acknowledged: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) archive: Option<ArchiveReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) live: Option<LiveReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) relay: Option<RelayReport>,
}

/// acknowledged = relayed + pending + dead-lettered, as the relay's checkpoint has it: Kinesis is not asked.
#[derive(Debug, Serialize)]
pub(crate) struct RelayReport {
    pub(crate) balanced: bool,
    pub(crate) relayed: u64,
    pub(crate) pending: u64,
    pub(crate) dead_lettered: u64,
}

/// acknowledged = archived + pending + dead-lettered, and nothing missing, doubled or damaged.
#[derive(Debug, Default, Serialize)]
pub(crate) struct ArchiveReport {
    pub(crate) balanced: bool,
    pub(crate) archived: u64,
    pub(crate) pending: u64,
    pub(crate) dead_lettered: u64,
    /// Objects that were read.
    pub(crate) objects: u64,
    /// Lines that were compared with the stream, byte for byte.
    pub(crate) compared: u64,
    /// Offsets, first and last, that are nowhere.
    pub(crate) missing: Vec<(Offset, Offset)>,
    /// Offsets, first and last, that are in more than one object.
    pub(crate) doubled: Vec<(Offset, Offset)>,
    pub(crate) damaged: Vec<Damage>,
    /// Further damaged objects that are not listed.
    pub(crate) damaged_more: u64,
    /// Objects with offsets that the checkpoint has not announced: it was deleted or set back.
    pub(crate) unannounced: Vec<String>,
    /// Offsets below the checkpoint that the stream never had: it was deleted or set back.
    pub(crate) beyond: u64,
    /// Files in the archive's folders that are not ours.
    pub(crate) foreign: Vec<String>,
}

/// An object that is not what its name promises.
#[derive(Debug, Serialize)]
pub(crate) struct Damage {
    pub(crate) object: String,
    pub(crate) first: Offset,
    pub(crate) last: Offset,
    pub(crate) reason: String,
}

/// acknowledged = before + counted + pending + dead-lettered.
#[derive(Debug, Default, Serialize)]
pub(crate) struct LiveReport {
    pub(crate) balanced: bool,
    /// Events that were counted, each once, since the view began.
    pub(crate) counted: u64,
    pub(crate) pending: u64,
    pub(crate) dead_lettered: u64,
    /// Events that were acknowledged before the view began.
    pub(crate) before: u64,
    /// Offsets, first and last, that were neither counted nor dead-lettered.
    pub(crate) missing: Vec<(Offset, Offset)>,
    /// Why nothing can be said of the view; what is counted is not known then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) unreadable: Option<String>,
}

impl Report {
    pub(crate) fn new(
        acknowledged: u64,
        archive: Option<ArchiveReport>,
        live: Option<LiveReport>,
        relay: Option<RelayReport>,
    ) -> Self {
        let balanced = archive.as_ref().is_none_or(|a| a.balanced)
            && live.as_ref().is_none_or(|l| l.balanced)
            && relay.as_ref().is_none_or(|r| r.balanced);
        Self { balanced, acknowledged, archive, live, relay }
    }
}

impl RelayReport {
    /// `committed` offsets are done with, of which `dead` are dead letters.
    pub(super) fn new(committed: Offset, dead: u64, durable: Offset) -> Self {
        Self {
            // A checkpoint ahead of the stream is not this stream's.
            balanced: committed <= durable && dead <= committed,
            relayed: committed.saturating_sub(dead),
            pending: durable.saturating_sub(committed),
            dead_lettered: dead,
        }
    }
}

impl ArchiveReport {
    /// Takes over what covers the offsets and decides.
    pub(super) fn cover(&mut self, found: Coverage) {
        self.archived = found.archived;
        self.dead_lettered = found.dead_lettered;
        self.missing = ranges(found.missing);
        self.doubled = ranges(found.doubled);
        self.balanced = self.missing.is_empty()
            && self.doubled.is_empty()
            && self.damaged.is_empty()
            && self.unannounced.is_empty()
            && self.beyond == 0;
    }
}

impl LiveReport {
    /// `taken`: the offsets the view has gone through, of which `left_out` were not counted.
    pub(super) fn new(counted: u64, durable: Offset, taken: Range<Offset>, left_out: Coverage) -> Self {
        let pending = durable.saturating_sub(taken.end);
        let missing = ranges(left_out.missing);
        // A view that is ahead of the stream has counted events that are not there.
        let adds_up = taken.start + counted + left_out.dead_lettered + pending == durable;
        Self {
            balanced: adds_up && missing.is_empty(),
            counted,
            pending,
            dead_lettered: left_out.dead_lettered,
            before: taken.start,
            missing,
            unreadable: None,
        }
    }

    /// A view of which nothing can be said.
    pub(super) fn unreadable(error: String) -> Self {
        Self { unreadable: Some(error), ..Self::default() }
    }
}

fn ranges(list: Vec<RangeInclusive<Offset>>) -> Vec<(Offset, Offset)> {
    list.into_iter().take(RANGES_MAX).map(RangeInclusive::into_inner).collect()
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "acknowledged {:>12}", self.acknowledged)?;
        if let Some(archive) = &self.archive {
            archive.fmt(f)?;
        }
        if let Some(live) = &self.live {
            live.fmt(f)?;
        }
        if let Some(relay) = &self.relay {
            relay.fmt(f)?;
        }
        let verdict = if self.balanced {
            "Balanced: every acknowledged event is where it must be."
        } else {
            "NOT BALANCED: see the offsets above. Keep the stream's folder until this is understood."
        };
        writeln!(f, "{verdict}")
    }
}

impl fmt::Display for ArchiveReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sum = format!("{} objects read, {} lines equal to the stream", self.objects, self.compared);
        writeln!(f, "archive      {:>12} archived ({sum})", self.archived)?;
        writeln!(f, "             {:>12} pending", self.pending)?;
        writeln!(f, "             {:>12} dead-lettered", self.dead_lettered)?;
        for (first, last) in &self.missing {
            writeln!(f, "  MISSING    offsets {first} to {last} are neither archived nor dead-lettered")?;
        }
        for (first, last) in &self.doubled {
            writeln!(f, "  DOUBLED    offsets {first} to {last} are in more than one object")?;
        }
        for damage in &self.damaged {
            writeln!(
                f,
                "  DAMAGED    offsets {} to {} in {}: {}",
                damage.first, damage.last, damage.object, damage.reason
            )?;
        }
        if self.damaged_more > 0 {
            writeln!(f, "  DAMAGED    and {} objects more", self.damaged_more)?;
        }
        if let (Some(object), more) = (self.unannounced.first(), self.unannounced.len().saturating_sub(1)) {
            writeln!(
                f,
                "  AHEAD      {object} and {more} more objects are not in the checkpoint, which was deleted or set \
                 back: put the right one back before the server starts, or their events are archived again"
            )?;
        }
        if self.beyond > 0 {
            writeln!(
                f,
                "  AHEAD      the checkpoint is {} offsets beyond the end of the stream, which was deleted or set back",
                self.beyond
            )?;
        }
        for path in &self.foreign {
            writeln!(f, "  note       {path} is not an object of ours and was left out")?;
        }
        Ok(())
    }
}

impl fmt::Display for RelayReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "relay        {:>12} relayed (as its checkpoint says)", self.relayed)?;
        writeln!(f, "             {:>12} pending", self.pending)?;
        writeln!(f, "             {:>12} dead-lettered", self.dead_lettered)?;
        if !self.balanced {
            writeln!(f, "  WRONG      the relay's checkpoint is ahead of the stream")?;
        }
        Ok(())
    }
}

impl fmt::Display for LiveReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(error) = &self.unreadable {
            return writeln!(
                f,
                "live view    cannot be read: {error}\n             If it is damaged, stop the server and move live.sqlite* \
                 away: it is built again from what the stream retains"
            );
        }
        writeln!(f, "live view    {:>12} counted", self.counted)?;
        writeln!(f, "             {:>12} pending", self.pending)?;
        writeln!(f, "             {:>12} dead-lettered", self.dead_lettered)?;
        if self.before > 0 {
            writeln!(f, "             {:>12} from before the view began", self.before)?;
        }
        for (first, last) in &self.missing {
            writeln!(f, "  MISSING    offsets {first} to {last} are neither counted nor dead-lettered")?;
        }
        if !self.balanced && self.missing.is_empty() {
            writeln!(f, "  WRONG      these do not add up to what was acknowledged")?;
        }
        Ok(())
    }
}
