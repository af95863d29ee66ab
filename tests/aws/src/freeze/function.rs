//! A function: a pool of environments that grows with the calls, and the accidents that happen to them.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tempfile::TempDir;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::environment::{Busy, Ended, Environment, Terms};
use super::{Answer, Launch};

const LOG_BYTES_SHOWN: usize = 4_000;

/// Accidents, drawn from a seed for each invocation; none by default. Which invocation draws what depends on the order of
/// the calls, so the same seed gives the same accidents only to callers that take turns.
#[derive(Debug, Clone, Copy, Default)]
pub struct Chaos {
    /// Where the draws come from.
    pub seed: u64,
    /// Of so many invocations one is followed by the orderly end of its environment; 0 for never.
    pub recycle_one_in: u32,
    /// Of so many invocations one is struck by SIGKILL at a random moment; 0 for never.
    pub kill_one_in: u32,
    /// The kill comes so long after the delivery at most; it also strikes an environment that is frozen by then.
    pub kill_within: Duration,
    /// Of so many invocations one is stopped in the middle for a while; 0 for never.
    pub pause_one_in: u32,
    /// How long such a stop, and the wait before it, are at most.
    pub pause_at_most: Duration,
    /// Of so many invocations one, counted and not drawn, never answers: its processes are stopped at a random moment, at its
    /// answer at the latest, until its time-out kills them; 0 for never. Nothing else strikes it.
    pub stall_one_in: u32,
    /// That stop comes so long after the delivery at most.
    pub stall_within: Duration,
    /// The time-out of such an invocation, which it is told.
    pub stall_timeout: Duration,
}

/// What happened to one invocation.
#[derive(Debug, Clone, Copy, Default)]
struct Accidents {
    recycle: bool,
    kill_after: Option<Duration>,
    pause: Option<(Duration, Duration)>,
    stall: Option<Duration>,
}

/// What a function has seen.
#[derive(Debug, Clone, Default)]
pub struct Counts {
    /// Invocations that an environment got.
    pub invocations: u64,
    /// Environments that were started.
    pub cold_starts: u64,
    /// How long their init took, in the order of their ends.
    pub inits: Vec<Duration>,
    /// Time-outs, the environment killed.
    pub timed_out: u64,
    /// Environments whose processes ended, or were killed, during an invocation.
    pub died: u64,
    /// Of these and of the frozen ones, those that chaos killed.
    pub killed: u64,
    /// Stops in the middle of an invocation.
    pub paused: u64,
    /// Environments that were ended in order.
    pub recycled: u64,
    /// Of the recycled ones, those that had a budget and ended within it.
    pub ended_in_budget: u64,
    /// How often an environment was frozen, over those that have ended.
    pub freezes: u64,
    /// Calls that found no environment.
    pub throttled: u64,
    /// The sum of what is billed, init left out.
    pub billed: Duration,
}

/// A function that can be called.
#[derive(Debug)]
pub struct Function {
    pool: Arc<Pool>,
    /// Of invocations that are not over; they end with the function.
    running: Mutex<JoinSet<()>>,
    /// Of the environments' logs.
    logs: TempDir,
}

/// An answer, and how long it took.
#[derive(Debug)]
pub struct Called {
    /// What the function answered.
    pub answer: Answer,
    /// How long the init took, if this call had to wait for one.
    pub init: Option<Duration>,
    /// From the call to the answer, init included.
    pub answered_after: Duration,
    busy: oneshot::Receiver<Busy>,
}

impl Called {
    /// Waits until the environment is no longer busy with this call; `None` if none ever was.
    pub async fn busy(self) -> Option<Busy> {
        self.busy.await.ok()
    }
}

#[derive(Debug)]
struct Pool {
    launch: Arc<Launch>,
    chaos: Chaos,
    random: Mutex<StdRng>,
    environments: Mutex<Vec<Arc<Slots>>>,
    /// One permit for each invocation that may run at once.
    room: Arc<Semaphore>,
    /// Held while an environment starts that others are to share.
    starting: tokio::sync::Mutex<()>,
    counts: Mutex<Counts>,
    logs: PathBuf,
}

#[derive(Debug)]
struct Slots {
    environment: Environment,
    free: Arc<Semaphore>,
}

impl Function {
    /// Without environments yet: the first call starts the first one.
    pub fn new(launch: Launch) -> anyhow::Result<Self> {
        Self::with_chaos(launch, Chaos::default())
    }

    /// With accidents.
    pub fn with_chaos(launch: Launch, chaos: Chaos) -> anyhow::Result<Self> {
        let logs = tempfile::Builder::new().prefix("onepixel-function-").tempdir()?;
        let pool = Pool {
            chaos,
            random: Mutex::new(StdRng::seed_from_u64(chaos.seed)),
            environments: Mutex::default(),
            room: Arc::new(Semaphore::new(launch.environments_max * launch.concurrency)),
            starting: tokio::sync::Mutex::default(),
            counts: Mutex::default(),
            logs: logs.path().to_owned(),
            launch: Arc::new(launch),
        };
        Ok(Self { pool: Arc::new(pool), running: Mutex::default(), logs })
    }

    /// Calls it with a payload. The invocation goes on if nobody waits for its answer any more.
    pub async fn invoke(&self, payload: impl Into<Bytes>) -> Called {
        let start = Instant::now();
        let (answered, answer) = oneshot::channel();
        let (init, inited) = oneshot::channel();
        let (done, busy) = oneshot::channel();
        let (pool, payload) = (Arc::clone(&self.pool), payload.into());
        {
            let mut running = lock(&self.running);
            while running.try_join_next().is_some() {}
            running.spawn(async move { pool.run(payload, answered, init, done).await });
        }
        let answer = answer.await.unwrap_or(Answer::Crashed);
        Called { answer, init: inited.await.ok(), answered_after: start.elapsed(), busy }
    }

    /// What it has seen so far.
    pub fn counts(&self) -> Counts {
        lock(&self.pool.counts).clone()
    }

    /// Waits until no environment is busy.
    pub async fn settled(&self) {
        let mut running = std::mem::take(&mut *lock(&self.running));
        while running.join_next().await.is_some() {}
    }

    /// Waits until no environment is busy, ends them all in order, and gives what the function has seen.
    pub async fn shutdown(self) -> Counts {
        self.settled().await;
        let environments = std::mem::take(&mut *lock(&self.pool.environments));
        let mut ending = JoinSet::new();
        for slots in environments {
            let pool = Arc::clone(&self.pool);
            ending.spawn(async move { pool.end(slots).await });
        }
        while ending.join_next().await.is_some() {}
        self.counts()
    }

    /// What its processes wrote, all environments one after the other.
    pub fn log(&self) -> String {
        let mut files: Vec<PathBuf> = std::fs::read_dir(self.logs.path())
            .map(|entries| entries.filter_map(|entry| Some(entry.ok()?.path())).collect())
            .unwrap_or_default();
        files.sort();
        files.iter().map(|file| log_text(file)).collect()
    }
}

impl Drop for Function {
    #[expect(clippy::print_stderr, reason = "what a failed test needs to be understood")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log();
            let shown = log.char_indices().rev().nth(LOG_BYTES_SHOWN).map_or(0, |(at, _)| at);
            eprintln!("--- the function wrote last:\n{}\n---", &log[shown..]);
        }
    }
}

impl Pool {
    async fn run(
        self: Arc<Self>,
        payload: Bytes,
        answered: oneshot::Sender<Answer>,
        init: oneshot::Sender<Duration>,
        done: oneshot::Sender<Busy>,
    ) {
        let Some(_room) = self.enter().await else {
            lock(&self.counts).throttled += 1;
            // Nobody is there to be told where a send fails here and below.
            answered.send(Answer::Throttled).ok();
            return;
        };
        let (slots, slot) = match self.environment(init).await {
            Ok(found) => found,
            Err(error) => {
                answered.send(Answer::InitFailed(format!("{error:#}"))).ok();
                return;
            }
        };
        let number = {
            let mut counts = lock(&self.counts);
            counts.invocations += 1;
            counts.invocations
        };
        let accidents = self.draw(number);
        let busy = self.strike(&slots.environment, accidents, payload, answered).await;
        self.count(busy);
        if busy.ended != Ended::Settled || !slots.environment.is_up() {
            self.forget(&slots);
        } else if accidents.recycle {
            self.forget(&slots);
            drop(slot);
            self.end(slots).await;
        }
        done.send(busy).ok();
    }

    async fn enter(&self) -> Option<OwnedSemaphorePermit> {
        let room = Arc::clone(&self.room);
        if self.launch.waits { room.acquire_owned().await.ok() } else { room.try_acquire_owned().ok() }
    }

    /// One that is free, the one used last first; else a new one.
    async fn environment(
        &self,
        init: oneshot::Sender<Duration>,
    ) -> anyhow::Result<(Arc<Slots>, OwnedSemaphorePermit)> {
        if let Some(found) = self.free() {
            return Ok(found);
        }
        let _alone = if self.launch.concurrency > 1 { Some(self.starting.lock().await) } else { None };
        if let Some(found) = self.free() {
            return Ok(found);
        }
        let number = {
            let mut counts = lock(&self.counts);
            counts.cold_starts += 1;
            counts.cold_starts
        };
        let environment =
            Environment::start(Arc::clone(&self.launch), &self.logs, &format!("{number:06}")).await?;
        lock(&self.counts).inits.push(environment.init());
        init.send(environment.init()).ok();
        let free = Arc::new(Semaphore::new(self.launch.concurrency));
        let slot = Arc::clone(&free).acquire_owned().await?;
        let slots = Arc::new(Slots { environment, free });
        lock(&self.environments).push(Arc::clone(&slots));
        Ok((slots, slot))
    }

    fn free(&self) -> Option<(Arc<Slots>, OwnedSemaphorePermit)> {
        let mut environments = lock(&self.environments);
        environments.retain(|slots| slots.environment.is_up());
        environments.iter().rev().find_map(|slots| {
            let slot = Arc::clone(&slots.free).try_acquire_owned().ok()?;
            Some((Arc::clone(slots), slot))
        })
    }

    /// An invocation with its accidents.
    async fn strike(
        &self,
        environment: &Environment,
        accidents: Accidents,
        payload: Bytes,
        answered: oneshot::Sender<Answer>,
    ) -> Busy {
        let strikes = async {
            if let Some(after) = accidents.stall {
                tokio::time::sleep(after.min(self.chaos.stall_timeout)).await;
                environment.stall();
            }
            if let Some((after, length)) = accidents.pause {
                tokio::time::sleep(after).await;
                lock(&self.counts).paused += 1;
                environment.pause(length).await;
            }
            if let Some(after) = accidents.kill_after {
                tokio::time::sleep(after).await;
                lock(&self.counts).killed += 1;
                environment.kill().await;
            }
        };
        // A kill waits for nobody: it also strikes what is frozen by then. A pause is over before the next invocation.
        let stalls = accidents.stall.is_some();
        let timeout = if stalls { self.chaos.stall_timeout } else { self.launch.timeout };
        let terms = Terms { timeout, stalls };
        let (busy, ()) = tokio::join!(environment.invoke(payload, terms, answered), strikes);
        busy
    }

    fn draw(&self, number: u64) -> Accidents {
        let chaos = self.chaos;
        let mut random = lock(&self.random);
        let every = u64::from(chaos.stall_one_in);
        if every > 0 && number % every == chaos.seed % every {
            let stall = Some(chaos.stall_within.mul_f64(random.random()));
            return Accidents { stall, ..Accidents::default() };
        }
        let mut one_in = |n: u32| n > 0 && random.random_range(0..n) == 0;
        let (recycle, kill, pause) =
            (one_in(chaos.recycle_one_in), one_in(chaos.kill_one_in), one_in(chaos.pause_one_in));
        let mut within = |limit: Duration| limit.mul_f64(random.random());
        Accidents {
            recycle,
            kill_after: kill.then(|| within(chaos.kill_within)),
            pause: pause.then(|| (within(chaos.pause_at_most), within(chaos.pause_at_most))),
            stall: None,
        }
    }

    fn count(&self, busy: Busy) {
        let mut counts = lock(&self.counts);
        counts.billed += busy.took;
        counts.timed_out += u64::from(busy.ended == Ended::TimedOut);
        counts.died += u64::from(busy.ended == Ended::Died);
    }

    fn forget(&self, slots: &Arc<Slots>) {
        lock(&self.environments).retain(|known| !Arc::ptr_eq(known, slots));
        if !slots.environment.is_up() {
            lock(&self.counts).freezes += slots.environment.freezes();
        }
    }

    /// Ends an environment in order once nobody uses it.
    async fn end(&self, slots: Arc<Slots>) {
        let all = u32::try_from(self.launch.concurrency).unwrap_or(u32::MAX);
        // It fails only for a semaphore that was closed, and none is.
        drop(slots.free.acquire_many(all).await.ok());
        let Some(slots) = Arc::into_inner(slots) else { return };
        let freezes = slots.environment.freezes();
        let ended = slots.environment.shutdown().await;
        let mut counts = lock(&self.counts);
        counts.freezes += freezes;
        counts.recycled += 1;
        counts.ended_in_budget += u64::from(ended);
    }
}

#[expect(clippy::disallowed_methods, reason = "the log of a test's program is in the test's own folder")]
fn log_text(path: &Path) -> String {
    std::fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
