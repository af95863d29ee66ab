//! The binary as a child process: how it is started, asked, stopped and killed.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::{Http, Response, s, text, until};

/// To the first answer: a debug build on a busy machine with a log to recover.
const START_WITHIN: Duration = s(60);
/// The server itself promises 25 s.
const STOP_WITHIN: Duration = s(30);
/// For a consumer in ordinary tests.
pub(crate) const CATCH_UP: Duration = s(60);

/// How to run `onepixel`: the data directory and the settings that every command on it gets.
#[derive(Debug, Clone)]
pub(crate) struct Launch {
    data_dir: PathBuf,
    environment: Vec<(String, String)>,
    arguments: Vec<String>,
}

impl Launch {
    /// On a data directory; logs are written beside it.
    pub(crate) fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self { data_dir: data_dir.into(), environment: Vec::new(), arguments: Vec::new() }
    }

    /// One setting, such as `archive.batch_window`.
    pub(crate) fn set(self, key: &str, value: &str) -> Self {
        self.env(&format!("ONEPIXEL_{}", key.replace('.', "__").to_uppercase()), value)
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// One more argument for `serve`.
    pub(crate) fn arg(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    pub(crate) fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    pub(crate) fn archive(&self) -> PathBuf {
        self.data_dir.join("archive")
    }

    /// Any command, with nothing of our own environment but the path.
    pub(crate) fn command<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Command {
        let mut command = Command::new(binary());
        command.env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.arg("--data-dir").arg(&self.data_dir).args(arguments).stdin(Stdio::null());
        command
    }

    /// Runs a command that ends by itself.
    pub(crate) fn run<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// The audit's findings; panics when it is not balanced.
    #[track_caller]
    pub(crate) fn balanced(&self) -> Value {
        let done = self.run(["audit", "--json"]);
        let (out, err) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
        assert_eq!(done.status.code(), Some(0), "audit: {out}{err}");
        let report: Value = serde_json::from_str(&out).unwrap();
        assert_eq!(report["balanced"], true, "{report:#}");
        report
    }

    /// Starts `serve` on a free port and waits until it is ready.
    #[track_caller]
    pub(crate) fn start(&self) -> Server {
        let server = self.spawn().listening();
        until("/readyz", START_WITHIN, || {
            let mut http = Http::connect(server.address()).ok()?;
            (http.get("/readyz").ok()?.status == 200).then_some(())
        });
        server
    }

    /// Starts `serve` and returns at once.
    #[track_caller]
    pub(crate) fn spawn(&self) -> Server {
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let name = format!("serve-{}", STARTED.fetch_add(1, Ordering::Relaxed));
        let beside = self.data_dir.parent().unwrap();
        let (out, log) = (beside.join(format!("{name}.out")), beside.join(format!("{name}.log")));
        let child = self
            .command(
                ["serve", "--listen", "127.0.0.1:0"]
                    .into_iter()
                    .chain(self.arguments.iter().map(String::as_str)),
            )
            .stdout(File::create(&out).unwrap())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        Server { child, out, log, address: None, cookie: OnceLock::new() }
    }
}

/// The binary as it is released when `cargo xtask test` names it, else the one built with the tests.
fn binary() -> PathBuf {
    std::env::var_os("XTASK_ONEPIXEL").map_or_else(|| env!("CARGO_BIN_EXE_onepixel").into(), PathBuf::from)
}

/// A running server; killed when dropped, its log shown when the test fails.
pub(crate) struct Server {
    child: Child,
    out: PathBuf,
    log: PathBuf,
    address: Option<SocketAddr>,
    /// Of the session that the tests' own questions are asked in, once there is one.
    cookie: OnceLock<String>,
}

impl Server {
    /// Waits until the server has said where it listens.
    #[track_caller]
    pub(crate) fn listening(mut self) -> Self {
        let address = until("the line `listening on`", START_WITHIN, || {
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("the server ended with {status} instead of listening");
            }
            self.said_address()
        });
        self.address = Some(address);
        self
    }

    fn said_address(&self) -> Option<SocketAddr> {
        let log = text(&self.log);
        let (_, rest) = log.split_once("listening on http://")?;
        let (address, _) = rest.split_once('\n')?;
        Some(address.trim().parse().unwrap_or_else(|_| panic!("not an address: {address:?}")))
    }

    #[track_caller]
    pub(crate) fn address(&self) -> SocketAddr {
        self.address.unwrap()
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A new connection.
    #[track_caller]
    pub(crate) fn http(&self) -> Http {
        Http::connect(self.address()).unwrap()
    }

    /// One request on a connection of its own.
    #[track_caller]
    pub(crate) fn get(&self, target: &str) -> Response {
        self.http().get(target).unwrap_or_else(|error| panic!("GET {target}: {error}"))
    }

    /// Like [`Server::get`], signed in, for an answer that must be 200 and JSON.
    #[track_caller]
    pub(crate) fn api(&self, target: &str) -> Value {
        let response = self.ask("GET", target, &Value::Null);
        assert_eq!(response.status, 200, "GET {target}: {}", response.text());
        response.json()
    }

    /// One request to the dashboard as its own page sends it, signed in; no body for null.
    #[track_caller]
    pub(crate) fn ask(&self, method: &str, target: &str, body: &Value) -> Response {
        let cookie = self.cookie();
        let page = [("Cookie", cookie), ("X-Onepixel-Csrf", "1"), ("Sec-Fetch-Site", "same-origin")];
        self.send(method, target, &page, body)
    }

    /// One request to the dashboard with these headers; no body for null.
    #[track_caller]
    pub(crate) fn send(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> Response {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let json = [("Content-Type", "application/json")];
        let headers = [headers, if body.is_empty() { &[] } else { &json }].concat();
        let mut http = Http::connect(self.dashboard()).unwrap();
        http.request(method, target, &headers, body.as_bytes())
            .unwrap_or_else(|error| panic!("{method} {target}: {error}"))
    }

    /// Where the dashboard answers.
    #[track_caller]
    pub(crate) fn dashboard(&self) -> SocketAddr {
        let link = self.link();
        let host = link.strip_prefix("http://").and_then(|rest| rest.split('/').next());
        host.and_then(|host| host.parse().ok()).unwrap_or_else(|| panic!("no address in {link}"))
    }

    /// The link to the dashboard that it printed, the one-time token in it included.
    #[track_caller]
    pub(crate) fn link(&self) -> String {
        let out = self.out();
        let line = out.lines().find_map(|line| line.strip_prefix("Dashboard  "));
        line.unwrap_or_else(|| panic!("no dashboard in {out}")).to_owned()
    }

    /// The one-time token that it printed.
    #[track_caller]
    pub(crate) fn token(&self) -> String {
        let link = self.link();
        link.split_once("?token=").unwrap_or_else(|| panic!("no token in {link}")).1.to_owned()
    }

    /// The session's cookie; signs in with the printed link if nobody has.
    #[track_caller]
    pub(crate) fn cookie(&self) -> &str {
        self.cookie.get_or_init(|| {
            let token = serde_json::json!({"token": self.token()});
            let signed_in = self.send("POST", "/api/v1/session", &[], &token);
            assert_eq!(signed_in.status, 200, "{}", signed_in.text());
            signed_in.cookie().unwrap_or_else(|| panic!("no cookie with {}", signed_in.text()))
        })
    }

    /// Sends one hit and returns its id; it must be acknowledged.
    #[track_caller]
    pub(crate) fn hit(&self, query: &str) -> String {
        let response = self.get(&format!("/p.gif?{query}"));
        assert_eq!(response.status, 200, "{}", response.text());
        response.event_id().unwrap()
    }

    /// Sends `count` hits of a site over one connection and returns their ids.
    #[track_caller]
    pub(crate) fn hits(&self, site: &str, count: usize) -> Vec<String> {
        let mut http = self.http();
        (0..count)
            .map(|n| {
                let response = http.get(&format!("/p.gif?site={site}&page=/page-{n}")).unwrap();
                assert_eq!(response.status, 200, "{}", response.text());
                response.event_id().unwrap()
            })
            .collect()
    }

    /// Events of a site, or of all sites for an empty one, as the live view counts them.
    #[track_caller]
    pub(crate) fn counted(&self, site: &str) -> u64 {
        let site = if site.is_empty() { String::new() } else { format!("?site={site}") };
        self.api(&format!("/api/v1/overview{site}"))["events"].as_u64().unwrap()
    }

    /// One value of `/metrics`, by its name with labels.
    #[track_caller]
    pub(crate) fn metric(&self, name: &str) -> f64 {
        let text = self.get("/metrics").text();
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.unwrap_or_else(|| panic!("no metric {name} in:\n{text}")).trim().parse().unwrap()
    }

    /// Durable records that a consumer's sink does not hold yet.
    #[track_caller]
    pub(crate) fn lag(&self, consumer: &str) -> u64 {
        self.metric(&format!("onepixel_consumer_lag_records{{consumer=\"{consumer}\"}}")) as u64
    }

    /// Waits until a consumer's sink holds everything.
    #[track_caller]
    pub(crate) fn caught_up(&self, consumer: &str, limit: Duration) {
        until(&format!("{consumer} to catch up"), limit, || (self.lag(consumer) == 0).then_some(()));
    }

    /// The most memory the process ever held, in bytes.
    pub(crate) fn memory_peak(&self) -> u64 {
        let status = text(Path::new(&format!("/proc/{}/status", self.pid())));
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// What it wrote to stderr.
    pub(crate) fn log(&self) -> String {
        text(&self.log)
    }

    /// What it wrote to stdout.
    pub(crate) fn out(&self) -> String {
        text(&self.out)
    }

    /// `kill -9`.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM, without waiting.
    pub(crate) fn terminate(&self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
    }

    /// Waits for the end that was asked for.
    #[track_caller]
    pub(crate) fn ended(&mut self) -> ExitStatus {
        until("the server to end", STOP_WITHIN, || self.child.try_wait().unwrap())
    }

    /// SIGTERM, and the exit must be a clean one.
    #[track_caller]
    pub(crate) fn stop(mut self) {
        self.terminate();
        let status = self.ended();
        assert!(status.success(), "the server ended with {status}");
        assert!(!self.log().contains("panicked"), "the log tells of a panic");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // An error means that it has ended already, which is what is wanted.
        if self.child.kill().is_ok() {
            drop(self.child.wait());
        }
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            let tail = lines[lines.len().saturating_sub(60)..].join("\n");
            eprintln!("--- the last lines of {}:\n{tail}\n---", self.log.display());
        }
    }
}
