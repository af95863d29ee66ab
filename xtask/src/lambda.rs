//! `cargo xtask lambda`: the functions' zips, one small program each, for Lambda's arm64 or x86-64 machines.
//!
//! cargo-lambda builds them with zig as the linker, both from PyPI, so that the machine needs no cross-compiler and the
//! programs ask for a C library that is older than Lambda's. The zips land in `target/lambda`, where the example of the
//! Terraform module looks for them.

use std::path::Path;

use anyhow::{Context, bail};

use crate::process::{output, program, run, succeeds};
use crate::terraform::FUNCTIONS;
use crate::terraform::install::environment;
use crate::workspace::Workspace;

/// Cargo's subcommand, with zig.
const CARGO_LAMBDA: [&str; 1] = ["cargo-lambda==1.9.2"];

/// The most that the ingest function's zip may have: it is fetched and unpacked while a hit waits.
const INGEST_BYTES_MAX: u64 = 8_000_000;

/// A kind of processor: what Terraform and we call it, what cargo-lambda does, and the compiler.
struct Processor {
    name: &'static str,
    flag: &'static str,
    target: &'static str,
}

const PROCESSORS: [Processor; 2] = [
    Processor { name: "arm64", flag: "--arm64", target: "aarch64-unknown-linux-gnu" },
    Processor { name: "x86_64", flag: "--x86-64", target: "x86_64-unknown-linux-gnu" },
];

/// Builds the zips and prints their sizes; true if they are as small as they have to be.
pub(crate) fn build(workspace: &Workspace, words: &[String]) -> anyhow::Result<bool> {
    let processor = processor(words)?;
    let folder = workspace.target.join("xtask").join("lambda");
    environment(&folder, &CARGO_LAMBDA)?;
    standard_library(processor)?;
    let built = workspace.target.join("lambda");
    if built.exists() {
        // Zips of another processor must not stay beside new ones.
        std::fs::remove_dir_all(&built)?;
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(std::iter::once(folder.join("bin")).chain(std::env::split_paths(&path)))?;
    let mut build = program("cargo-lambda", &["lambda", "build", "--locked", "--profile", "function"]);
    build.args(["--package", "onepixel-aws", "--bins", "--output-format", "zip", processor.flag]);
    build.arg("--lambda-dir").arg(&built).current_dir(&workspace.root).env("PATH", path);
    run(&mut build).context("the functions cannot be built")?;
    gather(&built)?;
    sizes(&built, processor)
}

fn processor(words: &[String]) -> anyhow::Result<&'static Processor> {
    let name = match words {
        [] => "arm64",
        [flag, name] if flag == "--arch" => name,
        _ => bail!("usage: cargo xtask lambda [--arch arm64|x86_64]"),
    };
    let found = PROCESSORS.iter().find(|processor| processor.name == name);
    found.with_context(|| format!("--arch is arm64 or x86_64, not {name}"))
}

/// The compiler's standard library for this processor: there already, or by rustup.
fn standard_library(processor: &Processor) -> anyhow::Result<()> {
    let sysroot = output(&mut program("rustc", &["--print", "sysroot"]))?;
    if Path::new(sysroot.trim()).join("lib/rustlib").join(processor.target).join("lib").exists() {
        return Ok(());
    }
    let target = processor.target;
    let advice = format!(
        "the compiler has no standard library for {target}; install it with `rustup target add {target}`"
    );
    if !succeeds(&mut program("rustup", &["target", "add", target])).context(advice.clone())? {
        bail!("{advice}");
    }
    Ok(())
}

/// From a folder for each program to the names that Terraform looks for.
#[expect(clippy::disallowed_methods, reason = "files in the target folder, which can be built again")]
fn gather(built: &Path) -> anyhow::Result<()> {
    for function in FUNCTIONS {
        let folder = built.join(format!("onepixel-{function}"));
        let zip = built.join(format!("onepixel-{function}.zip"));
        std::fs::rename(folder.join("bootstrap.zip"), &zip)
            .with_context(|| format!("cargo-lambda made no zip of onepixel-{function}"))?;
        std::fs::remove_dir(&folder)?;
    }
    Ok(())
}

fn sizes(built: &Path, processor: &Processor) -> anyhow::Result<bool> {
    println!("\n{:<24}{:>12}   for {}", "zip", "bytes", processor.name);
    let mut fits = true;
    for function in FUNCTIONS {
        let name = format!("onepixel-{function}.zip");
        let bytes = std::fs::metadata(built.join(&name))?.len();
        println!("{name:<24}{bytes:>12}");
        if function == "ingest" && bytes > INGEST_BYTES_MAX {
            println!("{name} has more than {INGEST_BYTES_MAX} bytes: a first hit would wait too long for it");
            fits = false;
        }
    }
    println!("in {}", built.display());
    Ok(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(words: &[&str], expected: Option<&str>) {
        let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
        assert_eq!(processor(&words).ok().map(|processor| processor.name), expected, "{words:?}");
    }

    #[test]
    fn the_processor_is_chosen() {
        check(&[], Some("arm64"));
        check(&["--arch", "x86_64"], Some("x86_64"));
        check(&["--arch", "amd64"], None);
        check(&["arm64"], None);
    }

    #[test]
    fn zips_get_the_names_that_terraform_looks_for() {
        let built = tempfile::tempdir().unwrap();
        assert!(gather(built.path()).is_err());
        for function in FUNCTIONS {
            let folder = built.path().join(format!("onepixel-{function}"));
            std::fs::create_dir_all(&folder).unwrap();
            crate::terraform::install::write(&folder.join("bootstrap.zip"), "zip").unwrap();
        }
        gather(built.path()).unwrap();
        assert!(built.path().join("onepixel-redrive.zip").is_file());
        assert!(sizes(built.path(), &PROCESSORS[0]).unwrap());
    }
}
