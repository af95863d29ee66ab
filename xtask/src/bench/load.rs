//! The load: wrk, told what to send by a Lua script, read back from one line it prints.
//!
//! What is sent is built before the load starts, so that building costs the measurement nothing.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::Context;
use rustix::process::{Pid, Signal, kill_process};

use super::cases::Request;
use super::write;
use crate::process::{output, program};

const AGENT: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0";
/// With what the measuring line starts.
const MARK: &str = "measured";
/// Longer than any measurement: a load that is told to end.
const UNTIL_TOLD_S: u32 = 24 * 60 * 60;
/// Bodies that take turns when the pages differ.
const BODIES: u32 = 100;

/// wrk calls `done` once, with times in microseconds.
const DONE: &str = r#"
function done(summary, latency)
  local e = summary.errors
  io.write(string.format("measured %d %d %d %d %d %d\n", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99), latency:percentile(99.9),
    e.connect + e.read + e.write + e.status + e.timeout))
end
"#;

/// What one run of wrk brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Load {
    pub(super) requests: u64,
    pub(super) duration_us: u64,
    pub(super) p50_us: u64,
    pub(super) p99_us: u64,
    pub(super) p999_us: u64,
    /// Refused, broken off, too late, or answered with a status above 399.
    pub(super) errors: u64,
}

/// What is sent, by how many at once, from where.
#[derive(Debug, Clone)]
pub(super) struct Sender {
    request: Request,
    connections: u32,
    tls: bool,
    /// As taskset takes them.
    cores: &'static str,
    script: PathBuf,
}

impl Sender {
    /// Writes its script into this folder.
    pub(super) fn new(
        request: Request,
        connections: u32,
        tls: bool,
        cores: &'static str,
        folder: &Path,
    ) -> anyhow::Result<Self> {
        let path = folder.join(format!("load-{}.lua", request.events()));
        write(&path, script(request).as_bytes())?;
        Ok(Self { request, connections, tls, cores, script: path })
    }

    /// Puts the server under load for some seconds.
    pub(super) fn run(&self, port: u16, seconds: u32) -> anyhow::Result<Load> {
        let printed = output(&mut self.command(port, seconds))?;
        parse(&printed)
    }

    /// Puts the server under load until [`Sending::stop`].
    pub(super) fn start(&self, port: u16) -> anyhow::Result<Sending> {
        let mut command = self.command(port, UNTIL_TOLD_S);
        Ok(Sending(command.stdout(Stdio::piped()).spawn().context("cannot start wrk with setpriv")?))
    }

    fn command(&self, port: u16, seconds: u32) -> Command {
        let mut command =
            program("setpriv", &["--pdeathsig", "INT", "taskset", "--cpu-list", self.cores, "wrk"]);
        command.args(["--threads", "1", "--timeout", "10s"]);
        command.args(["--connections", &self.connections.to_string(), "--duration", &format!("{seconds}s")]);
        let scheme = if self.tls { "https" } else { "http" };
        let path = path(self.request);
        command.arg("--script").arg(&self.script).arg(format!("{scheme}://127.0.0.1:{port}{path}"));
        command.stdin(Stdio::null());
        command
    }
}

/// A load that goes on.
pub(super) struct Sending(Child);

impl Sending {
    /// Ends it; what it brought.
    pub(super) fn stop(mut self) -> anyhow::Result<Load> {
        self.interrupt()?;
        let mut printed = String::new();
        if let Some(stdout) = &mut self.0.stdout {
            std::io::Read::read_to_string(stdout, &mut printed).context("cannot read what wrk says")?;
        }
        self.0.wait().context("cannot wait for wrk")?;
        parse(&printed)
    }

    /// wrk then tells what it has measured so far.
    fn interrupt(&self) -> anyhow::Result<()> {
        kill_process(Pid::from_child(&self.0), Signal::INT).context("cannot stop wrk")
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        if matches!(self.0.try_wait(), Ok(None))
            && let Err(error) = self.interrupt().and_then(|()| Ok(self.0.wait()?))
        {
            eprintln!("cannot stop wrk (process {}): {error:#}", self.0.id());
        }
    }
}

/// The path a request asks for.
fn path(request: Request) -> &'static str {
    match request {
        Request::Pixel { .. } => "/p.gif?site=bench&page=%2Fprices",
        Request::Events { .. } => "/e",
    }
}

fn script(request: Request) -> String {
    let specific = match request {
        Request::Pixel { agents: 1, pages: 1, keep_alive: true } => String::new(),
        Request::Pixel { agents: 1, pages: 1, keep_alive: false } => {
            "wrk.headers[\"Connection\"] = \"close\"\n".to_owned()
        }
        Request::Pixel { agents, pages, .. } => many_pixels(agents, pages),
        Request::Events { per_request, pages: 1 } => events(per_request),
        Request::Events { per_request, pages } => many_events(per_request, pages),
    };
    format!(
        "wrk.headers[\"User-Agent\"] = \"{AGENT}\"\n\
         wrk.headers[\"Referer\"] = \"https://example.org/prices\"\n{specific}{DONE}"
    )
}

/// wrk calls `init` once before the load and `request` for every request.
fn many_pixels(agents: u32, pages: u32) -> String {
    let count = agents.max(pages);
    format!(
        r#"local requests, last = {{}}, 0
function init()
  for i = 1, {count} do
    local path = "{path}"
    if {agents} > 1 then wrk.headers["User-Agent"] = "{AGENT}." .. i end
    if {pages} > 1 then
      path = "/p.gif?site=bench&page=https%3A%2F%2Fshop.example.org%2Fproducts%2Fitem-" .. i
        .. "%3Fcolour%3Dred&ref=https%3A%2F%2Fwww.search.example%2Ffind%3Fq%3Ditem%2B" .. i
        .. "&title=Item%20" .. i .. "&utm_source=letter&utm_campaign=c" .. i
      wrk.headers["Referer"] = "https://shop.example.org/products/item-" .. i
    end
    requests[i] = wrk.format("GET", path)
  end
end
function request()
  last = last % {count} + 1
  return requests[last]
end
"#,
        path = path(Request::PIXEL),
    )
}

fn events(per_request: u32) -> String {
    format!(
        r#"local events = {{}}
for i = 1, {per_request} do
  events[i] = '{{"event":"signup","site":"bench","page":"/prices","props":{{"plan":"pro","step":' .. i .. '}}}}'
end
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = "[" .. table.concat(events, ",") .. "]"
"#
    )
}

/// Events of many pages and people: neither a cache nor the archive's compressor finds the same one twice in a row.
fn many_events(per_request: u32, pages: u32) -> String {
    format!(
        r#"local requests, last, number = {{}}, 0, 0
function init()
  wrk.headers["Content-Type"] = "application/json"
  for body = 1, {BODIES} do
    local events = {{}}
    for i = 1, {per_request} do
      number = (number * 1103515245 + 12345) % 2147483648
      local page = math.floor(number / 65536) % {pages}
      events[i] = string.format('{{"event":"pageview","site":"site-%d","page":"https://shop.example.org/products/item-%d",'
        .. '"ref":"https://www.search.example/find?q=item+%d","title":"Item %d","visitor":"v%x","props":{{"step":%d}}}}',
        page % 20, page, page, page, number, i)
    end
    requests[body] = wrk.format("POST", "/e", nil, "[" .. table.concat(events, ",") .. "]")
  end
end
function request()
  last = last % {BODIES} + 1
  return requests[last]
end
"#
    )
}

fn parse(printed: &str) -> anyhow::Result<Load> {
    measured(printed).with_context(|| format!("wrk did not say what it measured:\n{printed}"))
}

fn measured(printed: &str) -> Option<Load> {
    let line = printed.lines().find_map(|line| line.strip_prefix(MARK))?;
    let numbers: Option<Vec<u64>> = line.split_whitespace().map(|word| word.parse().ok()).collect();
    let &[requests, duration_us, p50_us, p99_us, p999_us, errors] = numbers?.as_slice() else {
        return None;
    };
    Some(Load { requests, duration_us, p50_us, p99_us, p999_us, errors })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(printed: &str, expected: Option<Load>) {
        assert_eq!(measured(printed), expected, "{printed}");
    }

    #[test]
    fn reads_the_measuring_line() {
        let printed = "Running 3s test @ http://127.0.0.1:1/p.gif\n  1 threads and 64 connections\n\
                       Requests/sec:  13290.36\nmeasured 300 3000000 500 900 1200 0\n";
        let load = Load {
            requests: 300,
            duration_us: 3_000_000,
            p50_us: 500,
            p99_us: 900,
            p999_us: 1200,
            errors: 0,
        };
        check(printed, Some(load));
        check("measured 1 2 3", None);
        check("measured 1 2 3 4 5 many", None);
        check("unable to connect to 127.0.0.1:1 Connection refused\n", None);
    }

    #[test]
    fn each_request_has_its_script() {
        let pixel = |agents, pages, keep_alive| script(Request::Pixel { agents, pages, keep_alive });
        assert!(!pixel(1, 1, true).contains("function request"));
        assert!(pixel(1, 1, false).contains("\"close\""));
        assert!(pixel(10_000, 1, true).contains("for i = 1, 10000 do"));
        assert!(pixel(1, 9_000, true).contains("for i = 1, 9000 do"));
        let events = |pages| script(Request::Events { per_request: 500, pages });
        assert!(events(1).contains("for i = 1, 500 do") && !events(1).contains("function request"));
        assert!(events(700).contains("% 700") && events(700).contains("function request"));
    }
}
