//! The load: one wrk thread on the second core, told what to send by a Lua script, read back from one line it prints.
//!
//! What is sent is built before the load starts, so that building costs the measurement nothing.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Context;

use super::cases::{Case, Request};
use super::write;
use crate::process::{output, program};

/// The server has core 0.
const CORE: &str = "1";
const AGENT: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0";
/// With what the measuring line starts.
const MARK: &str = "measured";

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

/// Writes the script of a case.
pub(super) fn write_script(case: &Case, path: &Path) -> anyhow::Result<()> {
    write(path, script(case.request).as_bytes())
}

/// The path the case asks for.
pub(super) fn path(request: Request) -> &'static str {
    match request {
        Request::Pixel { .. } => "/p.gif?site=bench&page=%2Fprices",
        Request::Events { .. } => "/e",
    }
}

/// Puts the server under load for some seconds.
pub(super) fn run(case: &Case, port: u16, seconds: u32, script: &Path) -> anyhow::Result<Load> {
    let printed = output(&mut command(case, port, seconds, script))?;
    parse(&printed).with_context(|| format!("wrk did not say what it measured:\n{printed}"))
}

fn command(case: &Case, port: u16, seconds: u32, script: &Path) -> Command {
    let mut command = program("taskset", &["--cpu-list", CORE, "wrk", "--threads", "1", "--timeout", "10s"]);
    command.args(["--connections", &case.connections.to_string(), "--duration", &format!("{seconds}s")]);
    command.arg("--script").arg(script).arg(format!("http://127.0.0.1:{port}{}", path(case.request)));
    command.stdin(Stdio::null());
    command
}

fn script(request: Request) -> String {
    let specific = match request {
        Request::Pixel { agents: 1, keep_alive: true } => String::new(),
        Request::Pixel { agents: 1, keep_alive: false } => {
            "wrk.headers[\"Connection\"] = \"close\"\n".to_owned()
        }
        Request::Pixel { agents, .. } => many_agents(agents),
        Request::Events { per_request } => events(per_request),
    };
    format!(
        "wrk.headers[\"User-Agent\"] = \"{AGENT}\"\n\
         wrk.headers[\"Referer\"] = \"https://example.org/prices\"\n{specific}{DONE}"
    )
}

/// wrk calls `init` once before the load and `request` for every request.
fn many_agents(agents: u32) -> String {
    format!(
        r#"local requests, last = {{}}, 0
function init()
  for i = 1, {agents} do
    wrk.headers["User-Agent"] = "{AGENT}." .. i
    requests[i] = wrk.format()
  end
end
function request()
  last = last % {agents} + 1
  return requests[last]
end
"#
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

fn parse(printed: &str) -> Option<Load> {
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
        assert_eq!(parse(printed), expected, "{printed}");
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
        let pixel = |agents, keep_alive| script(Request::Pixel { agents, keep_alive });
        assert!(!pixel(1, true).contains("function request"));
        assert!(pixel(1, false).contains("\"close\""));
        assert!(pixel(10_000, true).contains("for i = 1, 10000 do"));
        assert!(script(Request::Events { per_request: 500 }).contains("for i = 1, 500 do"));
    }
}
