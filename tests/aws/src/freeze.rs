//! The Lambda service: execution environments that are frozen, thawed, timed out, killed and recycled as Lambda does it.
//!
//! It speaks the Runtime API and the Extensions API to a `bootstrap` program, and stops the program's whole process group
//! (SIGSTOP) at the moment when the runtime **and** every registered extension have asked for the next event; an invoke
//! thaws it. The answer goes to the caller as soon as the runtime has posted it, the environment stays busy until all
//! have asked. On a time-out the group is killed. At the end it gets SIGTERM and a budget: none without extensions,
//! 500 ms with internal ones, 2 s with external ones.
//!
//! Deliberately not emulated: CPU shares by memory, memory limits, response streaming, SnapStart, the Telemetry API, a
//! second try of a failed init, and the SHUTDOWN event that external extensions get after a time-out (they are killed with
//! the runtime). With several invocations at once (`AWS_LAMBDA_MAX_CONCURRENCY`) nothing is ever frozen, as on Lambda
//! Managed Instances.

mod api;
mod environment;
mod function;
mod parties;
mod payload;

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;

pub use environment::{Busy, Ended, Environment, Terms};
pub use function::{Called, Chaos, Counts, Function};
pub use payload::{HttpAnswer, HttpRequest};

/// The largest payload of an invocation and of its answer, in bytes.
pub const PAYLOAD_BYTES_MAX: usize = 6 * 1024 * 1024;

/// How a function is set up.
#[derive(Debug, Clone)]
pub struct Launch {
    /// The program.
    pub bootstrap: PathBuf,
    /// Programs of external extensions, started with it; each registers under its file name.
    pub extensions: Vec<PathBuf>,
    /// Their environment, besides what Lambda sets itself. Nothing of this process's own is passed on.
    pub environment: Vec<(String, String)>,
    /// For one invocation, from its delivery until all have asked for the next event.
    pub timeout: Duration,
    /// From the start of the processes until all have asked for the first event.
    pub init_timeout: Duration,
    /// How many environments there may be at once.
    pub environments_max: usize,
    /// Invocations at once in one environment; above one, `AWS_LAMBDA_MAX_CONCURRENCY` says so and nothing is frozen.
    pub concurrency: usize,
    /// Whether a call waits for an environment when all are busy. Lambda does not: it answers that it is throttled.
    pub waits: bool,
}

impl Launch {
    /// A function with Lambda's own defaults: 3 s, one invocation per environment, ten environments, no waiting.
    pub fn new(bootstrap: impl Into<PathBuf>) -> Self {
        Self {
            bootstrap: bootstrap.into(),
            extensions: Vec::new(),
            environment: Vec::new(),
            timeout: Duration::from_secs(3),
            init_timeout: Duration::from_secs(10),
            environments_max: 10,
            concurrency: 1,
            waits: false,
        }
    }

    /// One more variable of its environment.
    pub fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.environment.push((name.to_owned(), value.into()));
        self
    }

    /// More variables, such as those of [`crate::servers::Endpoints::environment`].
    pub fn envs(mut self, variables: Vec<(String, String)>) -> Self {
        self.environment.extend(variables);
        self
    }

    /// Another time-out.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Another number of environments; a call waits for one when all are busy.
    pub fn environments(mut self, count: usize) -> Self {
        (self.environments_max, self.waits) = (count, true);
        self
    }

    /// So many invocations at once in one environment.
    pub fn concurrency(mut self, count: usize) -> Self {
        self.concurrency = count;
        self
    }
}

/// What a caller gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The function's response.
    Response(Bytes),
    /// The function's own error: a JSON object with `errorType` and `errorMessage`.
    Error(Bytes),
    /// No answer within the time-out; the environment was killed.
    TimedOut,
    /// The processes ended, or were killed, before there was an answer; or they asked for the next event without one.
    Crashed,
    /// There was no environment free, and no more allowed.
    Throttled,
    /// The environment did not come up; why.
    InitFailed(String),
}
