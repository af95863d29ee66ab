//! Counting system calls: a short round of its own under strace, which slows the server down many times.
//!
//! Fewer requests are then in flight between two commits, so the syncs per event it finds are an upper bound.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context;
use rustix::process::{Pid, Signal, kill_process};

use super::load::Load;
use super::subject::{Running, until};
use super::usage::is_traced;
use crate::process::program;
use crate::workspace::read;

/// Calls that wait for stable storage.
const SYNCS: [&str; 4] = ["fsync", "fdatasync", "sync_file_range", "msync"];
const ATTACH_WITHIN: Duration = Duration::from_secs(5);

/// System calls by what they are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Calls {
    pub(super) all: u64,
    pub(super) syncs: u64,
}

/// Counts the calls while `load` runs. `None` if this person may not trace the server.
pub(super) fn count(
    server: &Running,
    table: &Path,
    load: impl FnOnce() -> anyhow::Result<Load>,
) -> anyhow::Result<Option<(Calls, Load)>> {
    let mut strace = program("strace", &["--summary-only", "--follow-forks", "--quiet=all", "--output"]);
    strace.arg(table).stdout(Stdio::null()).stderr(Stdio::null());
    let pids = server.pids()?;
    for pid in &pids {
        strace.arg(format!("--attach={pid}"));
    }
    let mut strace = strace.spawn().context("cannot start strace")?;
    let traced = || Ok(pids.iter().all(|&pid| is_traced(pid).unwrap_or(false)));
    let attached = until(ATTACH_WITHIN, traced)?;
    let load = if attached { Some(load()) } else { None };
    // Only strace's own end writes the table; it may have gone already when it was refused.
    let stopped = kill_process(Pid::from_child(&strace), Signal::INT);
    strace.wait().context("cannot wait for strace")?;
    let Some(load) = load.transpose()? else {
        println!(
            "strace may not attach here (see kernel.yama.ptrace_scope, or run as root): no system calls"
        );
        return Ok(None);
    };
    stopped.context("cannot stop strace")?;
    let calls = parse(&String::from_utf8_lossy(&read(table)?));
    Ok(Some((calls, load)))
}

/// Reads the table of `strace -c`: "% time, seconds, usecs/call, calls, errors (or nothing), syscall".
fn parse(table: &str) -> Calls {
    let mut calls = Calls::default();
    for line in table.lines() {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let (Some(count), Some(name)) = (columns.get(3).and_then(|count| count.parse().ok()), columns.last())
        else {
            continue;
        };
        if *name != "total" {
            calls.all += count;
            calls.syncs += if SYNCS.contains(name) { count } else { 0 };
        }
    }
    calls
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(table: &str, all: u64, syncs: u64) {
        assert_eq!(parse(table), Calls { all, syncs }, "{table}");
    }

    #[test]
    fn reads_the_table() {
        check(
            "% time     seconds  usecs/call     calls    errors syscall\n\
             ------ ----------- ----------- --------- --------- ----------------\n \
             50.31    1.620833         702      2308           epoll_wait\n \
             20.94    0.674679         608      1108           fdatasync\n  \
             2.73    0.088036         268       328         2 futex\n\
             ------ ----------- ----------- --------- --------- ----------------\n\
             100.00    3.221734          58      3744         2 total\n",
            3744,
            1108,
        );
    }

    #[test]
    fn nothing_was_called() {
        check("", 0, 0);
        check("strace: attach: ptrace(PTRACE_SEIZE, 1): Operation not permitted\n", 0, 0);
    }
}
