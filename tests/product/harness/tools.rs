//! Programs from outside that some tests need. One that is missing fails the test: a skipped test proves nothing.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::{s, until};

fn variable(name: &str, what: &str) -> PathBuf {
    match std::env::var_os(name) {
        Some(path) if !path.is_empty() => path.into(),
        _ => panic!(
            "{name} is not set: it names {what}. Run the tests with `cargo xtask test`, which installs and names it"
        ),
    }
}

/// A folder that holds the npm package playwright-core.
pub(crate) fn node_modules() -> PathBuf {
    variable("XTASK_NODE_MODULES", "the folder with the npm package playwright-core")
}

/// The browser.
pub(crate) fn chromium() -> PathBuf {
    variable("XTASK_CHROMIUM", "Debian's Chromium")
}

/// A Python with the packages that tests need.
pub(crate) fn python() -> PathBuf {
    variable("XTASK_PYTHON", "the Python with the package duckdb")
}

/// What asks an API everything that its description allows, and more.
pub(crate) fn schemathesis() -> PathBuf {
    variable("XTASK_SCHEMATHESIS", "the program schemathesis")
}

/// Runs a program to its end and returns what it wrote to stdout; panics with stderr when it failed or is missing.
#[track_caller]
pub(crate) fn output(command: &mut Command) -> String {
    let name = command.get_program().to_string_lossy().into_owned();
    let done = command.output().unwrap_or_else(|error| {
        panic!("cannot run {name}: {error}. Run the tests with `cargo xtask test`, which installs it")
    });
    let out = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(done.status.success(), "{name}: {}\n{out}{}", done.status, String::from_utf8_lossy(&done.stderr));
    out
}

/// A child process that ends with its owner.
pub(crate) struct Process(Child);

impl Process {
    pub(crate) fn new(child: Child) -> Self {
        Self(child)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // An error means that it has ended already, which is what is wanted.
        if self.0.kill().is_ok() {
            drop(self.0.wait());
        }
    }
}

/// A TCP port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// An S3 server on a port, over a folder in which each bucket is a folder.
pub(crate) struct S3 {
    _process: Process,
}

impl S3 {
    pub(crate) const KEY: &str = "product-test-key";
    pub(crate) const SECRET: &str = "product-test-secret";

    pub(crate) fn start(port: u16, folder: &Path) -> Self {
        let program = variable("XTASK_S3S_FS", "the program s3s-fs, an S3 server over a folder");
        let mut command = Command::new(&program);
        command.args(["--host", "127.0.0.1", "--port", &port.to_string()]);
        command.args(["--access-key", Self::KEY, "--secret-key", Self::SECRET]).arg(folder);
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot run {}: {error}", program.display()));
        let process = Process::new(child);
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        until("the S3 server to listen", s(10), || TcpStream::connect(address).ok());
        Self { _process: process }
    }

    /// What makes a client of S3 talk to the server on `port`.
    pub(crate) fn environment(port: u16) -> [(&'static str, String); 4] {
        [
            ("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{port}")),
            ("AWS_ACCESS_KEY_ID", Self::KEY.into()),
            ("AWS_SECRET_ACCESS_KEY", Self::SECRET.into()),
            ("AWS_REGION", "us-east-1".into()),
        ]
    }
}
