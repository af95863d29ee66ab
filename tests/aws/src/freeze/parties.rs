//! Who takes part in an environment, what each waits for, and whether the group is stopped.
//!
//! One lock holds all of it, so that the freeze happens at the very request that completes the waiting.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use serde_json::{Value, json};
use tokio::sync::{oneshot, watch};

use super::Answer;

/// How far an environment is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stage {
    /// The processes start.
    Init,
    /// Somebody works.
    Busy,
    /// All have asked for the next event; frozen, unless several invocations may run at once.
    Settled,
    /// The processes have ended, or said that they cannot go on; why.
    Ended(String),
}

/// One invocation on its way to the runtime.
#[derive(Debug, Clone)]
pub(super) struct Invocation {
    pub(super) id: String,
    pub(super) payload: Bytes,
    pub(super) deadline_ms: u64,
    /// It never answers: its processes are stopped at the answer at the latest, until its time-out.
    pub(super) stalls: bool,
}

#[derive(Debug)]
struct Extension {
    name: String,
    external: bool,
    wants_invoke: bool,
    wants_shutdown: bool,
    events: VecDeque<Value>,
    waiting: Option<oneshot::Sender<Value>>,
}

impl Extension {
    fn tell(&mut self, event: Value) {
        self.events.push_back(event);
        self.pass_on();
    }

    fn pass_on(&mut self) {
        if let (Some(waiting), Some(event)) =
            (self.waiting.take_if(|_| !self.events.is_empty()), self.events.pop_front())
            && let Err(event) = waiting.send(event)
        {
            // The request was given up; the next one gets it.
            self.events.push_front(event);
        }
    }

    fn waits(&self) -> bool {
        self.events.is_empty() && self.waiting.as_ref().is_some_and(|waiting| !waiting.is_closed())
    }
}

#[derive(Debug)]
struct Inner {
    group: Option<Pid>,
    frozen: bool,
    freezes: u64,
    /// Requests for the next invocation that wait.
    polls: VecDeque<oneshot::Sender<Invocation>>,
    queued: VecDeque<Invocation>,
    unanswered: HashMap<String, oneshot::Sender<Answer>>,
    extensions: HashMap<String, Extension>,
    ever_settled: bool,
    closing: bool,
    stalls: bool,
}

/// The shared state of one environment.
#[derive(Debug)]
pub(super) struct Parties {
    inner: Mutex<Inner>,
    stage: watch::Sender<Stage>,
    externals: Vec<String>,
    freezes_at_all: bool,
}

impl Parties {
    pub(super) fn new(externals: Vec<String>, freezes_at_all: bool) -> Self {
        let inner = Inner {
            group: None,
            frozen: false,
            freezes: 0,
            polls: VecDeque::new(),
            queued: VecDeque::new(),
            unanswered: HashMap::new(),
            extensions: HashMap::new(),
            ever_settled: false,
            closing: false,
            stalls: false,
        };
        Self { inner: Mutex::new(inner), stage: watch::Sender::new(Stage::Init), externals, freezes_at_all }
    }

    pub(super) fn stage(&self) -> watch::Receiver<Stage> {
        self.stage.subscribe()
    }

    pub(super) fn set_group(&self, group: Pid) {
        self.lock().group = Some(group);
    }

    /// Nobody may be signalled under this id any more.
    pub(super) fn ended(&self, why: String) {
        let mut inner = self.lock();
        signal(&inner, Signal::KILL);
        inner.group = None;
        inner.unanswered.clear();
        // The first reason is the true one.
        self.stage.send_if_modified(|stage| {
            let first = !matches!(stage, Stage::Ended(_));
            if first {
                *stage = Stage::Ended(why);
            }
            first
        });
    }

    /// The runtime asks for its next invocation.
    pub(super) fn poll(&self) -> oneshot::Receiver<Invocation> {
        let (sender, receiver) = oneshot::channel();
        let mut inner = self.lock();
        inner.polls.push_back(sender);
        hand_out(&mut inner);
        self.settle(&mut inner);
        receiver
    }

    /// An extension asks for its next event; `None` if nobody registered under this id.
    pub(super) fn poll_extension(&self, id: &str) -> Option<oneshot::Receiver<Value>> {
        let (sender, receiver) = oneshot::channel();
        let mut inner = self.lock();
        let extension = inner.extensions.get_mut(id)?;
        extension.waiting = Some(sender);
        extension.pass_on();
        self.settle(&mut inner);
        Some(receiver)
    }

    /// Registers an extension and gives its id, or the error's type.
    pub(super) fn register(&self, name: &str, events: &[&str]) -> Result<String, &'static str> {
        let mut inner = self.lock();
        let external = self.externals.iter().any(|external| external == name);
        // Lambda starts the runtime after the external ones have registered; here it only waits for them.
        if inner.ever_settled || (!external && !inner.polls.is_empty()) {
            return Err("Extension.RegistrationClosed");
        }
        let wants_shutdown = events.contains(&"SHUTDOWN");
        if wants_shutdown && !external {
            return Err("ShutdownEventNotSupportedForInternalExtension");
        }
        if name.is_empty() || inner.extensions.values().any(|extension| extension.name == name) {
            return Err("Extension.InvalidExtensionName");
        }
        let id = format!("00000000-0000-4000-8000-{:012}", inner.extensions.len() + 1);
        let extension = Extension {
            name: name.to_owned(),
            external,
            wants_invoke: events.contains(&"INVOKE"),
            wants_shutdown,
            events: VecDeque::new(),
            waiting: None,
        };
        inner.extensions.insert(id.clone(), extension);
        Ok(id)
    }

    /// The runtime answers; false if no such invocation waits for an answer.
    pub(super) fn answer(&self, id: &str, answer: Answer) -> bool {
        let mut inner = self.lock();
        if inner.stalls {
            signal(&inner, Signal::STOP);
            return inner.unanswered.contains_key(id);
        }
        let waiting = inner.unanswered.remove(id);
        // A caller that has gone does not make the answer wrong.
        waiting.map(|waiting| drop(waiting.send(answer))).is_some()
    }

    /// Thaws the group and delivers an invocation to the runtime and to every extension that wants to know.
    pub(super) fn deliver(&self, invocation: Invocation, event: &Value) -> oneshot::Receiver<Answer> {
        let (sender, receiver) = oneshot::channel();
        let mut inner = self.lock();
        thaw(&mut inner);
        self.stage.send_if_modified(|stage| {
            let settled = *stage == Stage::Settled;
            *stage = if settled { Stage::Busy } else { stage.clone() };
            settled
        });
        inner.stalls = invocation.stalls;
        inner.unanswered.insert(invocation.id.clone(), sender);
        inner.queued.push_back(invocation);
        hand_out(&mut inner);
        for extension in inner.extensions.values_mut().filter(|extension| extension.wants_invoke) {
            extension.tell(event.clone());
        }
        receiver
    }

    /// Stops the group wherever it is, or lets it go on; nothing else changes.
    pub(super) fn pause(&self, stop: bool) {
        let inner = self.lock();
        if !inner.frozen {
            signal(&inner, if stop { Signal::STOP } else { Signal::CONT });
        }
    }

    /// SIGKILL for the whole group, wherever it is.
    pub(super) fn kill(&self) {
        signal(&self.lock(), Signal::KILL);
    }

    /// SIGTERM for the runtime and the SHUTDOWN event for external extensions; all are thawed for it. Whoever is left after
    /// the budget is to be killed.
    pub(super) fn terminate(&self, deadline_ms: u64) {
        let mut inner = self.lock();
        inner.closing = true;
        thaw(&mut inner);
        let event = json!({"eventType": "SHUTDOWN", "shutdownReason": "spindown", "deadlineMs": deadline_ms});
        for extension in inner.extensions.values_mut().filter(|extension| extension.wants_shutdown) {
            extension.tell(event.clone());
        }
        if let Some(group) = inner.group {
            // A runtime that has ended needs no signal.
            kill_process(group, Signal::TERM).ok();
        }
    }

    /// Whether the environment ends in order, so that extensions may outlive the runtime.
    pub(super) fn is_closing(&self) -> bool {
        self.lock().closing
    }

    /// Whether any extension is registered, and whether an external one is.
    pub(super) fn extensions(&self) -> (bool, bool) {
        let inner = self.lock();
        (!inner.extensions.is_empty(), inner.extensions.values().any(|extension| extension.external))
    }

    /// How often the group was frozen.
    pub(super) fn freezes(&self) -> u64 {
        self.lock().freezes
    }

    fn settle(&self, inner: &mut Inner) {
        inner.polls.retain(|poll| !poll.is_closed());
        let registered = |name: &String| inner.extensions.values().any(|extension| extension.name == *name);
        let settled = !inner.polls.is_empty()
            && self.externals.iter().all(registered)
            && inner.extensions.values().all(Extension::waits);
        if !settled || inner.stalls || matches!(*self.stage.borrow(), Stage::Ended(_)) {
            return;
        }
        inner.ever_settled = true;
        if self.freezes_at_all && !inner.frozen {
            signal(inner, Signal::STOP);
            inner.frozen = true;
            inner.freezes += 1;
            // Who asks for the next event without an answer gives none.
            inner.unanswered.clear();
        }
        self.stage.send_replace(Stage::Settled);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn hand_out(inner: &mut Inner) {
    while let Some(invocation) = inner.queued.pop_front() {
        let Some(poll) = inner.polls.pop_front() else {
            inner.queued.push_front(invocation);
            return;
        };
        if let Err(invocation) = poll.send(invocation) {
            inner.queued.push_front(invocation);
        }
    }
}

fn thaw(inner: &mut Inner) {
    signal(inner, Signal::CONT);
    inner.frozen = false;
}

fn signal(inner: &Inner, signal: Signal) {
    if let Some(group) = inner.group {
        // Processes that have ended need no signal.
        kill_process_group(group, signal).ok();
    }
}
