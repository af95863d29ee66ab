//! The side-by-side benchmark: what an answer costs that is on stable storage, next to nginx, which stores nothing safely.
//!
//! The server has one core and the load the other. Subjects take turns within a round, so that whatever else the
//! machine does falls on all of them alike; only ratios within a round mean something on another machine.
//! Promises that every process it started is ended, that what they wrote is removed, and that a run with failed
//! requests fails. Measures nothing that it disturbs: system calls are counted in rounds of their own.

mod cases;
mod certificate;
mod cores;
mod drain;
mod instructions;
mod load;
mod outcome;
mod readiness;
mod report;
mod rounds;
mod subject;
mod trace;
mod usage;

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use rustix::process::{Resource, getrlimit, setrlimit};

use crate::process::run as run_program;
use crate::setup::{DebianProgram, debian_packages};
use crate::workspace::Workspace;
use cases::Measurement;
use outcome::Outcome;
use subject::Place;

const DEBIAN_PROGRAMS: [DebianProgram; 6] = [
    DebianProgram { program: "nginx", packages: &["nginx"], purpose: "is what we compare with" },
    DebianProgram { program: "wrk", packages: &["wrk"], purpose: "makes the load" },
    DebianProgram { program: "strace", packages: &["strace"], purpose: "counts system calls" },
    DebianProgram { program: "taskset", packages: &["util-linux"], purpose: "gives each its core" },
    DebianProgram {
        program: "setpriv",
        packages: &["util-linux"],
        purpose: "ends servers with this command",
    },
    DebianProgram { program: "openssl", packages: &["openssl"], purpose: "makes a certificate for TLS" },
];

/// Measures the named cases, `all`, or without a name the main comparison; true if every request was answered well.
pub(crate) fn run(workspace: &Workspace, names: &[String]) -> anyhow::Result<bool> {
    let cases = cases::chosen(names)?;
    if std::thread::available_parallelism()?.get() < 2 {
        bail!("the benchmark needs two cores: one for the server, one for the load");
    }
    debian_packages(&DEBIAN_PROGRAMS)?;
    let folder = workspace.target.join("bench");
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let _turn = take_turn(&folder)?;
    raise_file_limit()?;
    let place = Place { data: fresh(&folder.join("data"))?, onepixel: onepixel(workspace, &folder)? };
    let file = folder.join("results.json");
    let (mut results, mut is_clean) = (Vec::new(), true);
    for case in &cases {
        let Some(outcome) = measure(case, workspace, &place)? else { continue };
        outcome.print();
        is_clean &= outcome.is_clean;
        results.push(outcome.json);
        // After each case, so that a run that is broken off leaves what it has.
        write(&file, &serde_json::to_vec_pretty(&results)?)?;
    }
    println!("\nevery round, as JSON: {}", file.display());
    Ok(is_clean)
}

/// Nothing when this onepixel cannot do what is measured.
fn measure(case: &Measurement, workspace: &Workspace, place: &Place) -> anyhow::Result<Option<Outcome>> {
    match case {
        Measurement::Comparison(case) if case.tls && !certificate::is_known_to(&place.onepixel)? => {
            println!("\n{}: left out, this onepixel has no setting gateway.tls_cert", case.name);
            Ok(None)
        }
        Measurement::Comparison(case) => rounds::measure(case, place).map(|it| Some(report::outcome(&it))),
        Measurement::Drain => drain::measure(place).map(Some),
        Measurement::Cores => cores::measure(place).map(Some),
        Measurement::Readiness => readiness::measure(place).map(Some),
        Measurement::Instructions => instructions::measure(workspace).map(Some),
    }
}

/// Two benchmarks at once would measure each other.
fn take_turn(folder: &Path) -> anyhow::Result<File> {
    let path = folder.join("lock");
    #[expect(clippy::disallowed_methods, reason = "the lock's home")]
    let file = File::create(&path).with_context(|| format!("cannot make {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            bail!("another benchmark runs on this machine; wait until it is done")
        }
        Err(TryLockError::Error(error)) => Err(error).context("cannot lock target/bench/lock"),
    }
}

/// 1,024 connections are as many open files, at both ends.
fn raise_file_limit() -> anyhow::Result<()> {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).context("cannot raise the limit of open files")
}

/// An empty folder; what an interrupted run left there goes.
fn fresh(folder: &Path) -> anyhow::Result<PathBuf> {
    if folder.exists() {
        std::fs::remove_dir_all(folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    Ok(folder.to_owned())
}

/// A copy of the program, so that a build meanwhile does not change what is measured. `XTASK_ONEPIXEL` names another.
fn onepixel(workspace: &Workspace, folder: &Path) -> anyhow::Result<PathBuf> {
    let built = match std::env::var_os("XTASK_ONEPIXEL") {
        Some(path) => PathBuf::from(path),
        None => {
            run_program(&mut workspace.cargo(&["build", "--release", "--package", "onepixel", "--locked"]))?;
            workspace.target.join("release").join("onepixel")
        }
    };
    let copy = folder.join("onepixel");
    std::fs::copy(&built, &copy)
        .with_context(|| format!("cannot copy {} to {}", built.display(), copy.display()))?;
    Ok(copy)
}

#[expect(clippy::disallowed_methods, reason = "the one place where the benchmark writes files")]
fn write(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    std::fs::write(path, content).with_context(|| format!("cannot write {}", path.display()))
}
