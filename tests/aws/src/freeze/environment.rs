//! One execution environment: the processes, the API they talk to, and the life between init and the end.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use rustix::process::Pid;
use serde_json::json;
use tokio::process::{Child, Command};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use super::api::{self, FUNCTION_ARN, TRACE};
use super::parties::{Invocation, Parties, Stage};
use super::{Answer, Launch};
use crate::clock::epoch_ms;
use crate::loopback::Loopback;

/// For processes after SIGKILL.
const GONE_WITHIN: Duration = Duration::from_secs(20);
const INTERNAL_BUDGET: Duration = Duration::from_millis(500);
const EXTERNAL_BUDGET: Duration = Duration::from_secs(2);

/// An environment that is up; its processes are killed when it is dropped.
#[derive(Debug)]
pub struct Environment {
    launch: Arc<Launch>,
    parties: Arc<Parties>,
    init: Duration,
    stage: watch::Receiver<Stage>,
    _api: Loopback,
    /// Waits for the processes.
    _reaper: JoinSet<()>,
}

/// How one invocation goes.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    /// From its delivery until it is killed; the function is told.
    pub timeout: Duration,
    /// Whether it is kept from answering; see [`Environment::stall`].
    pub stalls: bool,
}

/// How long an invocation kept its environment busy, and what ended it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Busy {
    /// What is billed.
    pub took: Duration,
    /// Why it ended.
    pub ended: Ended,
}

/// Why an invocation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// All have asked for the next event; the environment can be used again.
    Settled,
    /// The time-out; the processes were killed.
    TimedOut,
    /// The processes have ended or were killed.
    Died,
}

impl Environment {
    /// Starts the processes and waits until all have asked for the first event. They write into files in `logs`, whose
    /// names begin with `name`.
    pub async fn start(launch: Arc<Launch>, logs: &Path, name: &str) -> anyhow::Result<Self> {
        let externals = launch.extensions.iter().map(|path| file_name(path)).collect();
        let parties = Arc::new(Parties::new(externals, launch.concurrency == 1));
        let serving = Arc::clone(&parties);
        let api = Loopback::serve(move |request| {
            let parties = Arc::clone(&serving);
            async move { Some(api::handle(&parties, request).await) }
        })
        .await?;
        let start = Instant::now();
        let address = api.address().to_string();
        let mut children = vec![spawn(&launch, &launch.bootstrap, &address, None, logs, name)?];
        let group = children.first().and_then(Child::id).context("the process has no id")?;
        let group = i32::try_from(group).ok().and_then(Pid::from_raw).context("no process id")?;
        parties.set_group(group);
        for extension in &launch.extensions {
            children.push(spawn(&launch, extension, &address, Some(group), logs, name)?);
        }
        let mut reaper = JoinSet::new();
        reaper.spawn(reap(children, Arc::clone(&parties)));
        let stage = parties.stage();
        let mut started = Self { launch, parties, init: Duration::ZERO, stage, _api: api, _reaper: reaper };
        let deadline = start + started.launch.init_timeout;
        let stage = timeout_at(deadline, started.stage.wait_for(|stage| *stage != Stage::Init));
        let stage = stage.await.context("init timed out")??.clone();
        if let Stage::Ended(why) = stage {
            anyhow::bail!("init failed: {why}");
        }
        started.init = start.elapsed();
        Ok(started)
    }

    /// From the start of the processes until all had asked for the first event.
    pub fn init(&self) -> Duration {
        self.init
    }

    /// How often it was frozen.
    pub fn freezes(&self) -> u64 {
        self.parties.freezes()
    }

    /// Whether another invocation may be delivered.
    pub fn is_up(&self) -> bool {
        !matches!(*self.stage.borrow(), Stage::Ended(_))
    }

    /// Runs one invocation to its end. `answered` gets the answer as soon as there is one.
    pub async fn invoke(&self, payload: Bytes, terms: Terms, answered: oneshot::Sender<Answer>) -> Busy {
        let start = Instant::now();
        let deadline = start + terms.timeout;
        let deadline_ms = epoch_ms() + u64::try_from(terms.timeout.as_millis()).unwrap_or(u64::MAX / 2);
        let id = uuid::Uuid::from_u128(rand::random()).to_string();
        let invocation = Invocation { id, payload, deadline_ms, stalls: terms.stalls };
        let event = json!({
            "eventType": "INVOKE", "deadlineMs": deadline_ms, "requestId": invocation.id,
            "invokedFunctionArn": FUNCTION_ARN, "tracing": {"type": "X-Amzn-Trace-Id", "value": TRACE},
        });
        let answer = self.parties.deliver(invocation, &event);
        let ended = match timeout_at(deadline, answer).await {
            Ok(answer) => {
                // A caller that has gone changes nothing for the function.
                answered.send(answer.unwrap_or(Answer::Crashed)).ok();
                self.until_settled(deadline).await
            }
            Err(_) => {
                self.kill().await;
                answered.send(Answer::TimedOut).ok();
                Ended::TimedOut
            }
        };
        Busy { took: start.elapsed(), ended }
    }

    /// Waits until all have asked for the next event; with several invocations at once, the answer is the end.
    async fn until_settled(&self, deadline: Instant) -> Ended {
        let mut stage = self.stage.clone();
        if self.launch.concurrency > 1 {
            return if self.is_up() { Ended::Settled } else { Ended::Died };
        }
        let over = timeout_at(deadline, stage.wait_for(|stage| *stage != Stage::Busy)).await;
        let settled = over.map(|stage| stage.is_ok_and(|stage| *stage == Stage::Settled));
        match settled {
            Ok(true) => Ended::Settled,
            Ok(false) => Ended::Died,
            Err(_) => {
                self.kill().await;
                Ended::TimedOut
            }
        }
    }

    /// Stops the processes for a while, wherever they are: what a neighbour that takes the CPU does.
    pub async fn pause(&self, length: Duration) {
        self.parties.pause(true);
        tokio::time::sleep(length).await;
        self.parties.pause(false);
    }

    /// Stops the processes for good, as when all they wait for never comes: the time-out ends it.
    pub fn stall(&self) {
        self.parties.pause(true);
    }

    /// SIGKILL, and waits until the processes are gone.
    pub async fn kill(&self) {
        self.parties.kill();
        self.until_gone(GONE_WITHIN).await;
    }

    /// Ends it as Lambda does; true if the processes ended within their budget.
    pub async fn shutdown(self) -> bool {
        let budget = match self.parties.extensions() {
            (false, _) => Duration::ZERO,
            (true, false) => INTERNAL_BUDGET,
            (true, true) => EXTERNAL_BUDGET,
        };
        let ended = if budget.is_zero() {
            false
        } else {
            self.parties.terminate(epoch_ms() + u64::try_from(budget.as_millis()).unwrap_or_default());
            self.until_gone(budget).await
        };
        self.kill().await;
        ended
    }

    async fn until_gone(&self, limit: Duration) -> bool {
        let mut stage = self.stage.clone();
        let gone = stage.wait_for(|stage| matches!(stage, Stage::Ended(_)));
        tokio::time::timeout(limit, gone).await.is_ok()
    }
}

impl Drop for Environment {
    fn drop(&mut self) {
        self.parties.kill();
    }
}

async fn reap(children: Vec<Child>, parties: Arc<Parties>) {
    let mut children = children.into_iter();
    let Some(mut bootstrap) = children.next() else { return };
    let status = bootstrap.wait().await;
    if parties.is_closing() {
        for mut extension in children {
            // Only that it has ended counts.
            extension.wait().await.ok();
        }
    }
    parties.ended(status.map_or_else(|error| error.to_string(), |status| format!("it ended with {status}")));
}

fn spawn(
    launch: &Launch,
    program: &Path,
    api: &str,
    group: Option<Pid>,
    logs: &Path,
    name: &str,
) -> anyhow::Result<Child> {
    let log = log_file(&logs.join(format!("{name}-{}.log", file_name(program))))?;
    let mut command = Command::new(program);
    command.env_clear().envs(launch.environment.iter().map(|(name, value)| (name, value)));
    command.envs([
        ("AWS_LAMBDA_RUNTIME_API", api),
        ("AWS_LAMBDA_FUNCTION_NAME", "tested"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/tested"),
        ("AWS_LAMBDA_LOG_STREAM_NAME", name),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
        ("_HANDLER", "bootstrap"),
        ("TZ", ":UTC"),
        ("LANG", "en_US.UTF-8"),
        ("PATH", "/usr/local/bin:/usr/bin:/bin"),
    ]);
    if launch.concurrency > 1 {
        command.env("AWS_LAMBDA_MAX_CONCURRENCY", launch.concurrency.to_string());
    }
    command.process_group(group.map_or(0, |group| group.as_raw_nonzero().get()));
    command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).kill_on_drop(true);
    command.spawn().with_context(|| format!("cannot start {}", program.display()))
}

#[expect(clippy::disallowed_methods, reason = "the log of a test's program is in the test's own folder")]
fn log_file(path: &Path) -> anyhow::Result<std::fs::File> {
    std::fs::File::create(path).with_context(|| format!("cannot create {}", path.display()))
}

fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
