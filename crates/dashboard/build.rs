//! Builds `web/` with npm and embeds what comes out: the dashboard's pages and the tracker.
//!
//! Works on a copy in the target folder, shared by all profiles, so that the source tree stays as it is and a build in
//! which nothing changed costs a hash of the sources. Installs packages only when the lock file changed. Node makes the
//! hashes and the compressed forms, too (`embed.mjs`), as it is there anyway.

#![expect(clippy::disallowed_methods, reason = "a build script owns the files it reads and makes")]

use std::collections::hash_map::DefaultHasher;
use std::error::Error;
use std::fs::{self, File};
use std::hash::{Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// Entries of `web/` that are made, not written.
const MADE: [&str; 2] = ["node_modules", "dist"];

type Failed = Box<dyn Error>;

fn main() -> ExitCode {
    match build() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            for line in error.to_string().lines() {
                println!("cargo::error={line}");
            }
            ExitCode::FAILURE
        }
    }
}

fn build() -> Result<(), Failed> {
    let here = PathBuf::from(variable("CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(variable("OUT_DIR")?);
    let (web, embed) = (here.join("../../web"), here.join("embed.mjs"));
    if !web.join("package-lock.json").is_file() {
        return Err("web/package-lock.json is missing: build from a whole clone of the repository".into());
    }
    let web = web.canonicalize()?;
    watch(&web, &embed)?;
    check_programs()?;
    let work = work_folder(&out)?;
    fs::create_dir_all(&work)?;
    // Two profiles may be built at once.
    let lock = File::create(work.join("lock"))?;
    lock.lock()?;
    let files = sources(&web)?;
    install(&web, &work)?;
    let built = make(&web, &files, &work)?;
    run(Command::new("node").arg(&embed).arg(built).arg(&out), "cannot embed the dashboard")?;
    drop(lock);
    Ok(())
}

/// The oldest Node that Vite runs on.
const NODE_MIN: (u32, u32) = (20, 19);

fn check_programs() -> Result<(), Failed> {
    let (major, minor) = NODE_MIN;
    let advice =
        format!("install Node.js {major}.{minor} or newer with npm; it builds the dashboard in web/");
    for program in ["node", "npm"] {
        let told = Command::new(program).arg("--version").output().ok().filter(|done| done.status.success());
        let told = told.ok_or_else(|| format!("`{program}` is missing: {advice}"))?;
        let version = String::from_utf8_lossy(&told.stdout).trim().trim_start_matches('v').to_owned();
        let mut numbers = version.split('.').map_while(|number| number.parse::<u32>().ok());
        let found = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
        if program == "node" && found < NODE_MIN {
            return Err(format!("Node.js {version} is too old: {advice}").into());
        }
    }
    Ok(())
}

/// `target/web`: the folder above the profile's.
fn work_folder(out: &Path) -> Result<PathBuf, Failed> {
    let profile = out.ancestors().nth(3).ok_or("OUT_DIR is not in a target folder")?;
    Ok(profile.parent().unwrap_or(profile).join("web"))
}

fn watch(web: &Path, embed: &Path) -> Result<(), Failed> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={}", embed.display());
    println!("cargo::rerun-if-env-changed=PATH");
    for entry in entries(web)? {
        println!("cargo::rerun-if-changed={}", entry.display());
    }
    Ok(())
}

/// What stands in `web/` itself, without what is made.
fn entries(web: &Path) -> Result<Vec<PathBuf>, Failed> {
    let listed = fs::read_dir(web).map_err(|error| format!("cannot read {}: {error}", web.display()))?;
    let mut entries = Vec::new();
    for entry in listed {
        let entry = entry?;
        if !MADE.iter().any(|made| entry.file_name() == *made) {
            entries.push(entry.path());
        }
    }
    entries.sort();
    Ok(entries)
}

/// Every source file, relative to `web`, sorted.
fn sources(web: &Path) -> Result<Vec<PathBuf>, Failed> {
    let mut files = Vec::new();
    let mut left = entries(web)?;
    while let Some(path) = left.pop() {
        if path.is_dir() {
            for entry in fs::read_dir(&path)? {
                left.push(entry?.path());
            }
        } else {
            files.push(path.strip_prefix(web)?.to_owned());
        }
    }
    files.sort();
    Ok(files)
}

/// `npm ci` when the lock file is another one than was installed.
fn install(web: &Path, work: &Path) -> Result<(), Failed> {
    let wanted = fingerprint(web, &["package.json".into(), "package-lock.json".into()])?;
    let stamp = work.join("installed");
    if reads(&stamp, &wanted) {
        return Ok(());
    }
    for file in ["package.json", "package-lock.json", ".npmrc"] {
        if web.join(file).is_file() {
            fs::copy(web.join(file), work.join(file))?;
        }
    }
    let arguments = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"];
    let advice = "cannot install the packages of web/: `npm ci` needs the network once, or a filled cache";
    run(Command::new("npm").args(arguments).current_dir(work), advice)?;
    Ok(fs::write(stamp, wanted)?)
}

/// `npm run build` when a source changed; returns the folder of what was built.
fn make(web: &Path, files: &[PathBuf], work: &Path) -> Result<PathBuf, Failed> {
    let (stamp, wanted) = (work.join("built"), fingerprint(web, files)?);
    let dist = work.join("dist");
    if reads(&stamp, &wanted) && dist.is_dir() {
        return Ok(dist);
    }
    clear(work)?;
    for file in files {
        let to = work.join(file);
        fs::create_dir_all(to.parent().unwrap_or(work))?;
        fs::copy(web.join(file), to)?;
    }
    run(Command::new("npm").args(["run", "build"]).current_dir(work), "cannot build the dashboard in web/")?;
    fs::write(stamp, wanted)?;
    Ok(dist)
}

/// Removes the last copy of the sources, and what was built of it.
fn clear(work: &Path) -> Result<(), Failed> {
    for entry in fs::read_dir(work)? {
        let entry = entry?;
        let kept = ["node_modules", "lock", "installed"].iter().any(|name| entry.file_name() == *name);
        if kept {
            continue;
        }
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else {
            remove(&entry.path())?;
        }
    }
    Ok(())
}

/// A hash of names and contents: no secret, only to tell whether anything changed.
fn fingerprint(web: &Path, files: &[PathBuf]) -> Result<String, Failed> {
    let mut hasher = DefaultHasher::new();
    for file in files {
        file.hash(&mut hasher);
        read(&web.join(file))?.hash(&mut hasher);
    }
    Ok(format!("{:016x}", hasher.finish()))
}

fn reads(stamp: &Path, wanted: &str) -> bool {
    read(stamp).is_ok_and(|found| found == wanted.as_bytes())
}

fn run(command: &mut Command, advice: &str) -> Result<(), Failed> {
    let done = command.output().map_err(|error| format!("{advice}: {error}"))?;
    if done.status.success() {
        return Ok(());
    }
    let (out, err) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    Err(format!("{advice} ({}):\n{out}{err}", done.status).into())
}

fn variable(name: &str) -> Result<String, Failed> {
    std::env::var(name).map_err(|error| format!("{name}: {error}").into())
}

fn read(path: &Path) -> Result<Vec<u8>, Failed> {
    fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()).into())
}

fn remove(path: &Path) -> Result<(), Failed> {
    Ok(fs::remove_file(path)?)
}
