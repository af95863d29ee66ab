//! What one seed comes to: some lives of one log, each looked at after a crash at every moment, or at some.

use std::sync::Arc;
use std::time::Duration;

use onepixel_stream::{Durability, Settings};
use tokio::runtime::Runtime;

use crate::damage;
use crate::disk::Faults;
use crate::kernel::{Kernel, Leaves};
use crate::life::{self, Life, Plan, Stopped};
use crate::log::{self, Hand, Opened};
use crate::model::{Chunk, Promise, Story, Violation, require};
use crate::random::Random;
use crate::trace::Trace;

/// Lives of a log one after the other.
const LIVES: usize = 3;
/// One seed in so many has its log crash at every change.
const EVERY_MOMENT: u64 = 32;
/// One seed in so many waits for retention, which takes a second a life.
const RETENTION: u64 = 500;
/// How often a seed is begun again on a machine that is too slow.
const TRIES: usize = 20;

/// What a seed came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Changes of the disk in all lives.
    pub changes: usize,
    /// Crashes that were looked at.
    pub crashes: usize,
    /// Flipped bits that were looked for.
    pub flips: usize,
    /// A hash over every change, every record found and every answer.
    pub hash: u64,
}

/// Runs a seed; `faults` stand in the disk's way all the time.
///
/// # Errors
/// Which promise was broken, and where.
pub fn run(seed: u64, faults: Faults, runtime: &Runtime) -> Result<Report, Violation> {
    for _ in 0..TRIES {
        match Lives::new(seed, faults, runtime).run() {
            Ok(report) => return Ok(report),
            Err(Stopped::Stalled) => {}
            Err(Stopped::Violated(violation)) => return Err(violation),
        }
    }
    Err(format!("the machine was too slow {TRIES} times"))
}

struct Lives<'a> {
    runtime: &'a Runtime,
    random: Random,
    settings: Settings,
    faults: Faults,
    retains: bool,
    is_thorough: bool,
    trace: Trace,
    report: Report,
}

/// A moment of a life, and what the log was found to hold after a crash there.
struct Survivor {
    kernel: Kernel,
    chunks: Vec<Chunk>,
    story: Story,
}

impl<'a> Lives<'a> {
    fn new(seed: u64, faults: Faults, runtime: &'a Runtime) -> Self {
        let mut random = Random::new(seed);
        let hour = Duration::from_secs(3600);
        let intervals = [Durability::Interval(Duration::ZERO), Durability::Interval(hour)];
        let durability = if random.one_in(3) { random.pick(&intervals) } else { Durability::Always };
        let settings = log::settings(1500 + random.below(9000) as u64, durability);
        Self {
            runtime,
            random,
            settings,
            faults,
            retains: seed % RETENTION == RETENTION - 1,
            is_thorough: seed.is_multiple_of(EVERY_MOMENT),
            trace: Trace::default(),
            report: Report { changes: 0, crashes: 0, flips: 0, hash: 0 },
        }
    }

    fn run(mut self) -> Result<Report, Stopped> {
        let (mut kernel, mut story, mut made) = (Kernel::default(), Story::default(), 0);
        let hand = Hand::default();
        for _ in 0..LIVES {
            let (faults, retains) = (self.faults, self.retains);
            let plan = Plan { settings: &self.settings, faults, retains, hand: &hand };
            let before = kernel.clone();
            let living = life::live(kernel, story, &plan, &mut self.random, &mut made);
            let life = self.runtime.block_on(living)?;
            self.trace.changes(&life.changes);
            self.report.changes += life.changes.len();
            let survivor = self.examine(before, &life)?;
            if life.is_proven {
                self.report.flips += damage::check(&life, &self.settings, self.runtime, &mut self.random)?;
            }
            (kernel, story) = (survivor.kernel, survivor.story);
            self.trace.chunks(&survivor.chunks);
        }
        self.report.hash = self.trace.hash();
        Ok(self.report)
    }

    /// Lets the machine or the process crash at moments of the life; one of them is where the next life starts.
    fn examine(&mut self, mut kernel: Kernel, life: &Life) -> Result<Survivor, Violation> {
        let moments = life.changes.len() + 1;
        let survives = self.random.below(moments);
        let mut survivor = None;
        for at in 0..moments {
            if at > 0 {
                kernel.apply(&life.changes[at - 1]);
            }
            let is_looked_at = self.is_thorough || self.random.one_in(moments.div_ceil(4));
            if at == survives || is_looked_at {
                let leaves =
                    if self.random.one_in(4) { Leaves::All } else { self.random.pick(&Leaves::POWER) };
                let found = self.crash(&kernel, life, at, leaves);
                let found = found
                    .map_err(|what| format!("crash after change {at} of {moments}, {leaves:?}: {what}"))?;
                survivor = if at == survives { Some(found) } else { survivor };
            }
        }
        survivor.ok_or_else(|| "no moment to go on from".to_owned())
    }

    fn crash(
        &mut self,
        kernel: &Kernel,
        life: &Life,
        at: usize,
        leaves: Leaves,
    ) -> Result<Survivor, Violation> {
        self.report.crashes += 1;
        let outside = log::seen_from_outside(kernel.after_crash(Leaves::All, &mut self.random))?;
        let left = kernel.after_crash(leaves, &mut self.random);
        let opened = log::look(left.clone(), &self.settings, self.runtime)?;
        self.trace.found(&opened.found);
        let chunks = life.story.check(at, leaves, &opened.found)?;
        let end = opened.found.end();
        require(outside <= end, || format!("another process saw up to {outside}, only {end} were durable"))?;
        self.check_again(&left, &opened, leaves)?;
        let story = self.story_after(life, at, leaves, &opened, &chunks);
        Ok(Survivor { kernel: left, chunks, story })
    }

    /// Recovery is done twice, or interrupted, without harm.
    fn check_again(&mut self, left: &Kernel, opened: &Opened, leaves: Leaves) -> Result<(), Violation> {
        let then = if self.random.one_in(2) { Leaves::All } else { self.random.pick(&Leaves::POWER) };
        let again = opened.kernel.after_crash(then, &mut self.random);
        let second = log::look(again, &self.settings, self.runtime)?;
        require(second.found == opened.found && second.cut.is_none(), || {
            format!(
                "after recovery and another crash ({then:?}) the log is not the same, or cut at {:?}",
                second.cut
            )
        })?;
        if leaves == Leaves::All {
            // What was not synced before the crash may still be lost until recovery is over.
            return Ok(());
        }
        let mut kernel = left.clone();
        let until = self.random.below(opened.changes.len() + 1);
        opened.changes[..until].iter().for_each(|change| kernel.apply(change));
        let interrupted = kernel.after_crash(then, &mut self.random);
        let third = log::look(interrupted, &self.settings, self.runtime)?;
        require(third.found == opened.found, || {
            format!("recovery that was interrupted after {until} changes ({then:?}) ends elsewhere")
        })
    }

    /// What the next life starts with.
    fn story_after(
        &self,
        life: &Life,
        at: usize,
        leaves: Leaves,
        opened: &Opened,
        chunks: &[Chunk],
    ) -> Story {
        let end = opened.found.end();
        let kept = if leaves == Leaves::All { life.story.promised(at, Leaves::Nothing) } else { end };
        Story {
            start: chunks.iter().map(Arc::clone).collect(),
            attempts: Vec::new(),
            promises: vec![
                Promise { from: 0, end: kept, power: true },
                Promise { from: 0, end, power: false },
            ],
            released: vec![(0, life.story.released(at))],
        }
    }
}
