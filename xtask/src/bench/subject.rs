//! A server under measurement: started on its cores with a folder of its own, asked how far it is, ended by its id.
//!
//! Promises that a value that goes away leaves no process and no files. Reads and writes nothing outside its folder.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};

use super::cases::{AccessLog, Consumers, Subject};
use super::certificate::Certificate;
use super::{fresh, usage, write};
use crate::process::program;
use crate::setup::find;
use crate::workspace::read;

const START_WITHIN: Duration = Duration::from_secs(20);
const STOP_WITHIN: Duration = Duration::from_secs(60);
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

/// How a server is started.
#[derive(Debug, Clone, Copy)]
pub(super) struct Launch<'a> {
    pub(super) subject: Subject,
    /// As taskset takes them.
    pub(super) cores: &'static str,
    pub(super) certificate: Option<&'a Certificate>,
    /// The data of another server before it, which stays; otherwise data of its own, which goes with it.
    pub(super) data: Option<&'a Path>,
}

impl Launch<'_> {
    /// A server on core 0 without TLS, with data of its own.
    pub(super) fn of(subject: Subject) -> Self {
        Self { subject, cores: "0", certificate: None, data: None }
    }
}

/// A server that answers.
pub(super) struct Running {
    pub(super) subject: Subject,
    child: Child,
    pub(super) port: u16,
    folder: PathBuf,
    /// From its start to its first answer.
    pub(super) ready_after: Duration,
}

impl Running {
    /// Starts it and waits for its first answer.
    pub(super) fn start(launch: Launch<'_>, place: &Place, number: usize) -> anyhow::Result<Self> {
        let folder = fresh(&place.data.join(number.to_string()))?;
        let (port, subject) = (free_port()?, launch.subject);
        let server = match subject {
            Subject::Nginx(log) => nginx(log, launch.certificate, &folder, port)?,
            Subject::Onepixel { durability, consumers } => {
                let data = launch.data.map_or_else(|| folder.join("data"), Path::to_owned);
                let mut words = onepixel(&place.onepixel, durability, consumers, &data, port);
                words.extend(launch.certificate.iter().flat_map(|one| one.settings_of_onepixel()));
                words
            }
        };
        let mut command = pinned(&server, launch.cores, &folder)?;
        let began = Instant::now();
        let child = command.spawn().context("cannot start the server with setpriv")?;
        let mut running = Self { subject, child, port, folder, ready_after: Duration::ZERO };
        running.wait_for_answer(launch.certificate.is_some())?;
        running.ready_after = began.elapsed();
        Ok(running)
    }

    /// With TLS a connection has to do for an answer.
    fn wait_for_answer(&mut self, tls: bool) -> anyhow::Result<()> {
        let path = if matches!(self.subject, Subject::Nginx(_)) { "/p.gif" } else { "/readyz" };
        let answers = wait(START_WITHIN, Duration::from_millis(1), || {
            if let Some(status) = self.child.try_wait()? {
                bail!("{} ended ({status}) instead of answering", self.subject.name());
            }
            Ok(match tls {
                true => TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok(),
                false => get(self.port, path).is_ok_and(|answer| answer.contains(" 200 ")),
            })
        });
        match answers {
            Ok(true) => Ok(()),
            Ok(false) => bail!(
                "{} does not answer on port {}; it said:\n{}",
                self.subject.name(),
                self.port,
                self.words()
            ),
            Err(error) => Err(error.context(self.words())),
        }
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
        let Subject::Onepixel { consumers, .. } = self.subject else { return Ok(true) };
        if consumers == Consumers::Off {
            return Ok(true);
        }
        until(limit, || {
            let lag = |consumer: &&str| {
                self.metric(&format!("onepixel_consumer_lag_records{{consumer=\"{consumer}\"}}"))
            };
            let lags: Vec<u64> = consumers.running().iter().map(lag).collect::<Result<_, _>>()?;
            let named = consumers.running().iter().zip(lags);
            Ok(named.into_iter().all(|(name, lag)| lag == 0 || (*name == "archive" && lag < ARCHIVE_BATCH)))
        })
    }

    /// What it says of itself under this name.
    pub(super) fn metric(&self, name: &str) -> anyhow::Result<u64> {
        let metrics = get(self.port, "/metrics")?;
        value(&metrics, name).with_context(|| format!("/metrics has no {name}"))
    }

    /// What it wrote to stderr, for a person to read.
    fn words(&self) -> String {
        read(&self.folder.join("stderr"))
            .map_or_else(|error| format!("{error:#}"), |bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Ends it as an operator does, and waits for that.
    pub(super) fn stop(mut self) -> anyhow::Result<()> {
        self.end()
    }

    /// `kill -9`.
    pub(super) fn kill(mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        self.end()
    }

    fn end(&mut self) -> anyhow::Result<()> {
        if self.child.try_wait()?.is_none() {
            let workers = self.pids().unwrap_or_default();
            kill_process(Pid::from_child(&self.child), Signal::TERM)?;
            if !until(STOP_WITHIN, || Ok(self.child.try_wait()?.is_some()))? {
                for pid in workers.iter().filter_map(|&pid| Pid::from_raw(i32::try_from(pid).ok()?)) {
                    kill_process(pid, Signal::KILL)?;
                }
                self.child.kill()?;
                self.child.wait()?;
            }
        }
        if self.folder.exists() {
            std::fs::remove_dir_all(&self.folder)?;
        }
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            eprintln!("cannot stop {} (process {}): {error}", self.subject.name(), self.child.id());
        }
    }
}

/// Asks again and again until it is so; false if it was not in time.
pub(super) fn until(limit: Duration, is_so: impl FnMut() -> anyhow::Result<bool>) -> anyhow::Result<bool> {
    wait(limit, POLL_EVERY, is_so)
}

fn wait(
    limit: Duration,
    every: Duration,
    mut is_so: impl FnMut() -> anyhow::Result<bool>,
) -> anyhow::Result<bool> {
    let start = Instant::now();
    while start.elapsed() < limit {
        if is_so()? {
            return Ok(true);
        }
        #[expect(clippy::disallowed_methods, reason = "another process cannot wake this one")]
        std::thread::sleep(every);
    }
    Ok(false)
}

/// On its cores, and told to end when this command does. Output goes to files, where nobody has to drain it.
fn pinned(server: &[String], cores: &str, folder: &Path) -> anyhow::Result<Command> {
    let mut command = program("setpriv", &["--pdeathsig", "TERM", "taskset", "--cpu-list", cores]);
    command.args(server).stdin(Stdio::null());
    command.stdout(output_file(folder, "stdout")?).stderr(output_file(folder, "stderr")?);
    Ok(command)
}

#[expect(clippy::disallowed_methods, reason = "the home of a server's output")]
fn output_file(folder: &Path, name: &str) -> anyhow::Result<std::fs::File> {
    let path = folder.join(name);
    std::fs::File::create(&path).with_context(|| format!("cannot make {}", path.display()))
}

fn onepixel(binary: &Path, durability: &str, consumers: Consumers, data: &Path, port: u16) -> Vec<String> {
    let mut words = vec![binary.display().to_string(), "serve".to_owned()];
    words.extend(["--data-dir".to_owned(), data.display().to_string()]);
    words.extend(["--listen".to_owned(), format!("127.0.0.1:{port}")]);
    let settings = [
        "gateway.rate=0".to_owned(),
        format!("stream.durability={durability}"),
        format!("archive.enabled={}", consumers.running().contains(&"archive")),
        format!("live.enabled={}", consumers.running().contains(&"live")),
        format!("dashboard.enabled={}", consumers == Consumers::On),
    ];
    words.extend(settings.into_iter().flat_map(|setting| ["--set".to_owned(), setting]));
    words
}

fn nginx(
    log: AccessLog,
    certificate: Option<&Certificate>,
    folder: &Path,
    port: u16,
) -> anyhow::Result<Vec<String>> {
    let config = folder.join("nginx.conf");
    write(&config, nginx_config(log, certificate, folder, port).as_bytes())?;
    let binary = find("nginx").context("nginx is not on the PATH")?;
    let text = |path: &Path| path.display().to_string();
    let errors = folder.join("stderr");
    let arguments =
        ["-p".to_owned(), text(folder), "-c".to_owned(), text(&config), "-e".to_owned(), text(&errors)];
    Ok([vec![text(&binary)], arguments.into()].concat())
}

/// Connections live as long as wrk wants, since closing one in a thousand requests would cost nginx alone.
fn nginx_config(log: AccessLog, certificate: Option<&Certificate>, folder: &Path, port: u16) -> String {
    let folder = folder.display();
    let ssl = if certificate.is_some() { " ssl" } else { "" };
    let certificate = certificate.map(Certificate::settings_of_nginx).unwrap_or_default();
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
    listen 127.0.0.1:{port}{ssl} backlog=4096;
    {certificate}
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

/// A whole number from a server's metrics.
fn value(metrics: &str, name: &str) -> Option<u64> {
    metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(log: AccessLog, expected: &str) {
        let config = nginx_config(log, None, Path::new("target/x"), 81);
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
    fn reads_metrics() {
        let metrics = "# HELP x\nx_total 3\nlag{consumer=\"live\"} 17\nx 4\n";
        assert_eq!(value(metrics, "lag{consumer=\"live\"}"), Some(17));
        assert_eq!(value(metrics, "x"), Some(4));
        assert_eq!(value(metrics, "lag{consumer=\"archive\"}"), None);
    }

    #[test]
    fn waiting_ends() {
        assert!(until(ANSWER_WITHIN, || Ok(true)).unwrap());
        assert!(!until(Duration::from_millis(1), || Ok(false)).unwrap());
    }
}
