//! What the kernel says a process has used: its CPU time over all threads, what it wrote, its peak memory.
//!
//! Field numbers and units from the manual page proc(5).

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Context;

use crate::workspace::read;

/// Totals since the start of a process, or the difference between two such readings.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Usage {
    pub(super) user_us: f64,
    pub(super) sys_us: f64,
    /// What was handed to the storage layer, in whole pages.
    pub(super) written_bytes: u64,
}

impl Usage {
    /// The sum over these processes.
    pub(super) fn of(pids: &[u32]) -> anyhow::Result<Self> {
        let mut sum = Self::default();
        for &pid in pids {
            let (user, sys) = cpu_ticks(&text(pid, "stat")?)
                .with_context(|| format!("/proc/{pid}/stat has another form than proc(5) says"))?;
            sum.user_us += microseconds(user);
            sum.sys_us += microseconds(sys);
            sum.written_bytes += number(&text(pid, "io")?, "write_bytes:").unwrap_or(0);
        }
        Ok(sum)
    }

    pub(super) fn since(self, before: Self) -> Self {
        Self {
            user_us: self.user_us - before.user_us,
            sys_us: self.sys_us - before.sys_us,
            written_bytes: self.written_bytes.saturating_sub(before.written_bytes),
        }
    }
}

/// One thread's name, and its user and system time in microseconds.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Thread {
    pub(super) name: String,
    pub(super) cpu_us: f64,
}

/// The threads of a process by their ids.
pub(super) fn threads(pid: u32) -> anyhow::Result<BTreeMap<String, Thread>> {
    let folder = PathBuf::from(format!("/proc/{pid}/task"));
    let mut threads = BTreeMap::new();
    for entry in folder.read_dir().with_context(|| format!("cannot read {}", folder.display()))? {
        let entry = entry?;
        // A thread may have ended meanwhile.
        let Ok(stat) = read(&entry.path().join("stat")) else { continue };
        let stat = String::from_utf8_lossy(&stat).into_owned();
        let (user, sys) = cpu_ticks(&stat).context("a thread's stat has another form than proc(5) says")?;
        let thread = Thread { name: name_of(&stat), cpu_us: microseconds(user) + microseconds(sys) };
        threads.insert(entry.file_name().to_string_lossy().into_owned(), thread);
    }
    Ok(threads)
}

fn name_of(stat: &str) -> String {
    let behind = stat.split_once('(').map_or(stat, |(_, behind)| behind);
    behind.rsplit_once(')').map_or(behind, |(name, _)| name).to_owned()
}

/// The most memory these processes ever held, in bytes.
pub(super) fn peak_memory(pids: &[u32]) -> anyhow::Result<u64> {
    let mut sum = 0;
    for &pid in pids {
        sum += number(&text(pid, "status")?, "VmHWM:").unwrap_or(0) * 1024;
    }
    Ok(sum)
}

/// Whether a tracer holds the process.
pub(super) fn is_traced(pid: u32) -> anyhow::Result<bool> {
    Ok(number(&text(pid, "status")?, "TracerPid:").is_some_and(|tracer| tracer > 0))
}

/// The processes this one has started.
pub(super) fn children(pid: u32) -> anyhow::Result<Vec<u32>> {
    let list = text(pid, &format!("task/{pid}/children"))?;
    Ok(list.split_whitespace().filter_map(|child| child.parse().ok()).collect())
}

fn text(pid: u32, file: &str) -> anyhow::Result<String> {
    let path = PathBuf::from("/proc").join(pid.to_string()).join(file);
    Ok(String::from_utf8_lossy(&read(&path)?).into_owned())
}

fn microseconds(ticks: u64) -> f64 {
    ticks as f64 * 1e6 / rustix::param::clock_ticks_per_second() as f64
}

/// utime and stime: fields 14 and 15. The name in field 2 may hold spaces and parentheses, so counting starts behind it.
fn cpu_ticks(stat: &str) -> Option<(u64, u64)> {
    let (_, behind_name) = stat.rsplit_once(')')?;
    let mut fields = behind_name.split_whitespace().skip(11);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

/// The number on the line that starts with this key; a unit behind it is left out.
fn number(text: &str, key: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(stat: &str, expected: Option<(u64, u64)>) {
        assert_eq!(cpu_ticks(stat), expected, "{stat}");
    }

    #[test]
    fn reads_cpu_time() {
        check("7 (nginx) S 1 7 7 0 -1 4194368 50 0 0 0 123 456 0 0 20 0 1 0 9 1 1", Some((123, 456)));
        check("7 (a b) c) R 1 7 7 0 -1 4194368 50 0 0 0 1 2 0 0 20 0 4 0 9 1 1", Some((1, 2)));
        check("7 (nginx) S 1 7", None);
        check("", None);
    }

    #[test]
    fn reads_a_thread_s_name() {
        assert_eq!(name_of("7 (a b) c) R 1 7"), "a b) c");
        assert_eq!(name_of("7 (consumer-archi) S 1"), "consumer-archi");
    }

    #[test]
    fn reads_numbers_by_their_key() {
        let io = "rchar: 1\nwchar: 2\nread_bytes: 4096\nwrite_bytes: 8192\ncancelled_write_bytes: 0\n";
        assert_eq!(number(io, "write_bytes:"), Some(8192));
        assert_eq!(number("VmPeak:\t  10 kB\nVmHWM:\t   1234 kB\n", "VmHWM:"), Some(1234));
        assert_eq!(number("VmPeak:\t  10 kB\n", "VmHWM:"), None);
    }

    #[test]
    fn readings_are_subtracted() {
        let before = Usage { user_us: 1.0, sys_us: 2.0, written_bytes: 3 };
        let after = Usage { user_us: 5.0, sys_us: 5.0, written_bytes: 10 };
        assert_eq!(after.since(before), Usage { user_us: 4.0, sys_us: 3.0, written_bytes: 7 });
    }

    #[test]
    fn this_process_can_be_read() {
        let pid = std::process::id();
        assert!(peak_memory(&[pid]).unwrap() > 0);
        assert!(Usage::of(&[pid]).unwrap().user_us >= 0.0);
        assert!(!threads(pid).unwrap().is_empty());
        assert!(!is_traced(pid).unwrap());
    }
}
