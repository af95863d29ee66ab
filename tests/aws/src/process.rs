//! A program that serves on loopback, as a child that cannot outlive its owner.
//!
//! The program says `listening <port>` on its standard output and ends when its standard input does, so it goes even when
//! this process is killed. Promises to end it by its own id, and to show its last words when a test fails.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use tempfile::TempDir;

/// A debug run on a busy machine whose work may be paused for a while.
const READY_WITHIN: Duration = Duration::from_secs(120);
const LAST_LINES: usize = 20;

/// A program that serves.
#[derive(Debug)]
pub(crate) struct Served {
    name: &'static str,
    child: Child,
    port: u16,
    log: PathBuf,
    /// Its own, with its temporary files in it.
    _folder: TempDir,
}

impl Served {
    /// Starts it in a temporary folder of its own and waits until it says where it listens.
    pub(crate) async fn start(name: &'static str, mut command: Command) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("onepixel-aws-").tempdir()?;
        let log = folder.path().join("log");
        command.current_dir(folder.path()).env("TMPDIR", folder.path());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log_file(&log)?);
        let child = command.spawn().with_context(|| format!("cannot start {name}"))?;
        let mut served = Self { name, child, port: 0, log, _folder: folder };
        served.port = served.said_port().await.with_context(|| served.last_words())?;
        Ok(served)
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    async fn said_port(&mut self) -> anyhow::Result<u16> {
        let output = self.child.stdout.take().context("no standard output")?;
        let reading = tokio::task::spawn_blocking(move || {
            let mut line = String::new();
            BufReader::new(output).read_line(&mut line).map(|_| line)
        });
        let line = tokio::time::timeout(READY_WITHIN, reading).await.context("not ready in time")???;
        let Some(port) = line.trim().strip_prefix("listening ") else {
            bail!("it said {line:?} instead of `listening <port>`");
        };
        port.parse().with_context(|| format!("{port:?} is no port"))
    }

    fn last_words(&self) -> String {
        let log = log_text(&self.log);
        let lines: Vec<&str> = log.lines().collect();
        let last = lines[lines.len().saturating_sub(LAST_LINES)..].join("\n");
        format!("{}; its last words:\n{last}", self.name)
    }
}

impl Drop for Served {
    #[expect(clippy::print_stderr, reason = "what a failed test needs to be understood")]
    fn drop(&mut self) {
        // An error means that it has ended already, which is what is wanted.
        if self.child.kill().is_ok() {
            drop(self.child.wait());
        }
        if std::thread::panicking() {
            eprintln!("--- {}\n---", self.last_words());
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the log of a test's program is in the test's own folder")]
fn log_file(path: &std::path::Path) -> anyhow::Result<std::fs::File> {
    std::fs::File::create(path).with_context(|| format!("cannot create {}", path.display()))
}

#[expect(clippy::disallowed_methods, reason = "the log of a test's program is in the test's own folder")]
fn log_text(path: &std::path::Path) -> String {
    std::fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}
