//! Instructions for an event: valgrind counts them, and a second run counts the same to one in a thousand, whatever the machine does.
//!
//! Each part is run for few and for more events; the difference is what the events cost, without start and set-up.
//! What the kernel does is not in it.

use std::path::PathBuf;

use anyhow::{Context, bail};
use serde_json::{Value, json};

use super::outcome::Outcome;
use crate::process::{output, program};
use crate::setup::{DebianProgram, debian_packages};
use crate::workspace::Workspace;

const VALGRIND: [DebianProgram; 1] =
    [DebianProgram { program: "valgrind", packages: &["valgrind"], purpose: "counts instructions" }];

/// Events of the two runs. Hash tables are laid out anew in each process, which is worth some ten thousand instructions.
const FEW: u64 = 1_000;
const MORE: u64 = 100_000;

/// The benches that count when they are told to, and their parts.
const PARTS: [(&str, &str, &[&str]); 2] = [
    ("onepixel-gateway", "ingest", &["pixel", "pixel-new-page", "events"]),
    ("onepixel-stream", "append", &["append", "read"]),
];

/// Counts every part.
pub(super) fn measure(workspace: &Workspace) -> anyhow::Result<Outcome> {
    debian_packages(&VALGRIND)?;
    let mut rows = vec![["instructions per event", "count"].map(str::to_owned).to_vec()];
    let mut json = Vec::new();
    for (package, bench, parts) in PARTS {
        let binary = build(workspace, package, bench)?;
        for part in parts {
            println!("instructions: {bench}, {part}");
            let (few, more) = (count(&binary, part, FEW)?, count(&binary, part, MORE)?);
            let each = more.saturating_sub(few) as f64 / (MORE - FEW) as f64;
            rows.push(vec![format!("{bench}, {part}"), format!("{each:.0}")]);
            json.push(json!({ "bench": bench, "part": part, "instructions_per_event": each }));
        }
    }
    Ok(Outcome {
        title: "instructions: counted by valgrind, without the kernel's".to_owned(),
        rows,
        notes: Vec::new(),
        json: json!({ "case": "instructions", "parts": json }),
        is_clean: true,
    })
}

/// Builds a bench; where it lies.
fn build(workspace: &Workspace, package: &str, bench: &str) -> anyhow::Result<PathBuf> {
    let arguments =
        ["bench", "--no-run", "--locked", "--package", package, "--bench", bench, "--message-format=json"];
    let messages = output(&mut workspace.cargo(&arguments))?;
    executable(&messages, bench).with_context(|| format!("cargo did not say where the bench {bench} lies"))
}

fn executable(messages: &str, bench: &str) -> Option<PathBuf> {
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut built = messages.filter(|message| message["target"]["name"] == bench);
    built.find_map(|message| message["executable"].as_str().map(PathBuf::from))
}

fn count(binary: &std::path::Path, part: &str, events: u64) -> anyhow::Result<u64> {
    let mut valgrind = program("valgrind", &["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
    // On the standard output, where we read it.
    valgrind.arg("--log-fd=1").arg(binary).args(["count", part, &events.to_string()]);
    let said = output(&mut valgrind)?;
    match collected(&said) {
        Some(instructions) => Ok(instructions),
        None => bail!("valgrind did not say how many instructions it counted:\n{said}"),
    }
}

/// `==7== Collected : 123456`
fn collected(said: &str) -> Option<u64> {
    let line = said.lines().find_map(|line| line.split_once("Collected :"))?.1;
    line.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_valgrind_counted() {
        assert_eq!(collected("==7== Events    : Ir\n==7== Collected : 1234567\n==7== \n"), Some(1_234_567));
        assert_eq!(collected("==7== nothing\n"), None);
    }

    #[test]
    fn finds_the_bench_that_was_built() {
        let messages = "Compiling\n{\"target\":{\"name\":\"a\"},\"executable\":\"/x/a-1\"}\n\
                        {\"target\":{\"name\":\"b\"},\"executable\":null}\n\
                        {\"target\":{\"name\":\"b\"},\"executable\":\"/x/b-2\"}\n";
        assert_eq!(executable(messages, "b"), Some(PathBuf::from("/x/b-2")));
        assert_eq!(executable(messages, "c"), None);
    }
}
