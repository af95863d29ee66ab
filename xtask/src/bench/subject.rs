//! A server under measurement: started on core 0 with a folder of its own, asked how far it is, ended by its id.
//!
//! Promises that a value that goes away leaves no process and no files. Reads and writes nothing outside its folder.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};

use super::cases::{AccessLog, Subject};
use super::{fresh, usage, write};
use crate::process::program;
use crate::setup::find;
use crate::workspace::read;

/// The load has core 1.
const CORE: &str = "0";
const START_WITHIN: Duration = Duration::from_secs(10);
const STOP_WITHIN: Duration = Duration::from_secs(30);
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
const POLL_EVERY: Duration = Duration::from_millis(20);
/// A batch of the archive: what it has not filled yet it leaves waiting, by its own rule.
const ARCHIVE_BATCH: u64 = 10_000;

/// Where servers keep their files as long as this lives, and the program to measure.
pub(super) struct Place {
    pub(super) data: PathBuf,
    pub(super) onepixel: PathBuf,
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.data) {
            eprintln!("cannot remove {}: {error}", self.data.display());
        }
    }
}

/// A server that answers.
pub(super) struct Running {
    subject: Subject,
    child: Child,
    pub(super) port: u16,
    folder: PathBuf,
}

impl Running {
    /// Starts it and waits for its first answer.
    pub(super) fn start(subject: Subject, place: &Place, number: usize) -> anyhow::Result<Self> {
        let folder = fresh(&place.data.join(number.to_string()))?;
        let port = free_port()?;
        let server = match subject {
            Subject::Nginx(log) => nginx(log, &folder, port)?,
            Subject::Onepixel { durability, consumers } => {
                onepixel(&place.onepixel, durability, consumers, &folder, port)
            }
        };
        let child = pinned(&server, &folder)?.spawn().context("cannot start the server with setpriv")?;
        let mut running = Self { subject, child, port, folder };
        running.wait_for_answer()?;
        Ok(running)
    }

    fn wait_for_answer(&mut self) -> anyhow::Result<()> {
        let port = self.port;
        let answers =
            until(START_WITHIN, || Ok(get(port, "/p.gif").is_ok_and(|answer| answer.contains(" 200 "))))?;
        if !answers {
            bail!("{} does not answer on port {port}; it said:\n{}", self.subject.name(), self.words());
        }
        Ok(())
    }

    /// The processes that do the work: nginx's master only waits.
    pub(super) fn pids(&self) -> anyhow::Result<Vec<u32>> {
        match self.subject {
            Subject::Nginx(_) => usage::children(self.child.id()),
            Subject::Onepixel { .. } => Ok(vec![self.child.id()]),
        }
    }

    /// Waits until the consumers have caught up, as far as their batches allow; false if they did not in time.
    pub(super) fn settle(&self, limit: Duration) -> anyhow::Result<bool> {
        let Subject::Onepixel { consumers: true, .. } = self.subject else {
            return Ok(true);
        };
        until(limit, || {
            let metrics = get(self.port, "/metrics")?;
            let lag = |consumer| lag(&metrics, consumer).context("/metrics names no lag of this consumer");
            Ok(lag("live")? == 0 && lag("archive")? < ARCHIVE_BATCH)
        })
    }

    /// What it wrote to stderr, for a person to read.
    fn words(&self) -> String {
        read(&self.folder.join("stderr"))
            .map_or_else(|error| format!("{error:#}"), |bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    fn stop(&mut self) -> anyhow::Result<()> {
        let workers = self.pids().unwrap_or_default();
        kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        if !until(STOP_WITHIN, || Ok(self.child.try_wait()?.is_some()))? {
            for pid in workers.iter().filter_map(|&pid| Pid::from_raw(i32::try_from(pid).ok()?)) {
                kill_process(pid, Signal::KILL)?;
            }
            self.child.kill()?;
            self.child.wait()?;
        }
        std::fs::remove_dir_all(&self.folder)?;
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            eprintln!("cannot stop {} (process {}): {error}", self.subject.name(), self.child.id());
        }
    }
}

/// Asks again and again until it is so; false if it was not in time.
pub(super) fn until(
    limit: Duration,
    mut is_so: impl FnMut() -> anyhow::Result<bool>,
) -> anyhow::Result<bool> {
    let start = Instant::now();
    while start.elapsed() < limit {
        if is_so()? {
            return Ok(true);
        }
        #[expect(clippy::disallowed_methods, reason = "another process cannot wake this one")]
        std::thread::sleep(POLL_EVERY);
    }
    Ok(false)
}

/// On its core, and told to end when this command does. Output goes to files, where nobody has to drain it.
fn pinned(server: &[String], folder: &Path) -> anyhow::Result<Command> {
    let mut command = program("setpriv", &["--pdeathsig", "TERM", "taskset", "--cpu-list", CORE]);
    command.args(server).stdin(Stdio::null());
    command.stdout(output_file(folder, "stdout")?).stderr(output_file(folder, "stderr")?);
    Ok(command)
}

#[expect(clippy::disallowed_methods, reason = "the home of a server's output")]
fn output_file(folder: &Path, name: &str) -> anyhow::Result<std::fs::File> {
    let path = folder.join(name);
    std::fs::File::create(&path).with_context(|| format!("cannot make {}", path.display()))
}

fn onepixel(binary: &Path, durability: &str, consumers: bool, folder: &Path, port: u16) -> Vec<String> {
    let mut words = vec![binary.display().to_string(), "serve".to_owned()];
    words.extend(["--data-dir".to_owned(), folder.join("data").display().to_string()]);
    words.extend(["--listen".to_owned(), format!("127.0.0.1:{port}")]);
    let settings = [
        "gateway.rate=0".to_owned(),
        format!("stream.durability={durability}"),
        format!("archive.enabled={consumers}"),
        format!("live.enabled={consumers}"),
        format!("dashboard.enabled={consumers}"),
    ];
    words.extend(settings.into_iter().flat_map(|setting| ["--set".to_owned(), setting]));
    words
}

fn nginx(log: AccessLog, folder: &Path, port: u16) -> anyhow::Result<Vec<String>> {
    let config = folder.join("nginx.conf");
    write(&config, nginx_config(log, folder, port).as_bytes())?;
    let binary = find("nginx").context("nginx is not on the PATH")?;
    let text = |path: &Path| path.display().to_string();
    let errors = folder.join("stderr");
    let arguments =
        ["-p".to_owned(), text(folder), "-c".to_owned(), text(&config), "-e".to_owned(), text(&errors)];
    Ok([vec![text(&binary)], arguments.into()].concat())
}

/// Connections live as long as wrk wants, since closing one in a thousand requests would cost nginx alone.
fn nginx_config(log: AccessLog, folder: &Path, port: u16) -> String {
    let folder = folder.display();
    let access_log = match log {
        AccessLog::Off => "off".to_owned(),
        AccessLog::Unbuffered => format!("{folder}/access.log event"),
        AccessLog::Buffered => format!("{folder}/access.log event buffer=64k flush=1s"),
    };
    format!(
        r#"daemon off;
worker_processes 1;
worker_rlimit_nofile 8192;
pid {folder}/pid;
events {{
  worker_connections 4096;
}}
http {{
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  log_format event escape=json '{{"received_at":"$time_iso8601","msec":$msec,"ip":"$remote_addr",'
    '"url":"$request_uri","status":$status,"referrer_url":"$http_referer","user_agent":"$http_user_agent"}}';
  access_log {access_log};
  keepalive_requests 1000000000;
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location = /p.gif {{
      empty_gif;
    }}
  }}
}}
"#
    )
}

/// One that was free a moment ago.
fn free_port() -> anyhow::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("cannot find a free port")?;
    Ok(listener.local_addr()?.port())
}

fn get(port: u16, path: &str) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(ANSWER_WITHIN))?;
    stream
        .write_all(format!("GET {path} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n").as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// How many durable records a consumer has not committed yet, from the server's metrics.
fn lag(metrics: &str, consumer: &str) -> Option<u64> {
    let key = format!("onepixel_consumer_lag_records{{consumer=\"{consumer}\"}}");
    metrics.lines().find_map(|line| line.strip_prefix(key.as_str()))?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(log: AccessLog, expected: &str) {
        let config = nginx_config(log, Path::new("target/x"), 81);
        assert!(config.contains(expected), "{config}");
        assert!(config.contains("listen 127.0.0.1:81 "), "{config}");
    }

    #[test]
    fn nginx_logs_as_the_subject_says() {
        check(AccessLog::Off, "access_log off;");
        check(AccessLog::Unbuffered, "access_log target/x/access.log event;");
        check(AccessLog::Buffered, "access_log target/x/access.log event buffer=64k flush=1s;");
    }

    #[test]
    fn reads_the_lag() {
        let metrics = "# HELP x\nonepixel_consumer_lag_records{consumer=\"live\"} 17\n";
        assert_eq!(lag(metrics, "live"), Some(17));
        assert_eq!(lag(metrics, "archive"), None);
    }

    #[test]
    fn waiting_ends() {
        assert!(until(ANSWER_WITHIN, || Ok(true)).unwrap());
        assert!(!until(Duration::from_millis(1), || Ok(false)).unwrap());
    }
}
