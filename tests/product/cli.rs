//! The command line as a person meets it: help, settings, errors, the proof, the dead letters, start and stop.

mod audit;
mod ddl;
mod dead_letter;
mod demo;
mod life;
mod settings;
mod snippet;
mod tail;

use std::process::Output;

use crate::harness::{Launch, folder};

fn out(done: &Output) -> String {
    String::from_utf8_lossy(&done.stdout).into_owned()
}

fn err(done: &Output) -> String {
    String::from_utf8_lossy(&done.stderr).into_owned()
}

/// The command must end with `code`, and stdout or stderr must say each of `says`.
#[track_caller]
pub(crate) fn check(launch: &Launch, arguments: &[&str], code: i32, says: &[&str]) -> Output {
    let done = launch.run(arguments.iter().copied());
    let said = format!("{}{}", out(&done), err(&done));
    assert_eq!(done.status.code(), Some(code), "onepixel {}: {said}", arguments.join(" "));
    for word in says {
        assert!(said.contains(word), "onepixel {}: {word:?} is not in: {said}", arguments.join(" "));
    }
    assert!(!said.contains("panicked"), "{said}");
    done
}

#[test]
fn every_command_explains_itself() {
    let home = folder();
    let launch = Launch::new(home.path().join("data"));
    let commands = ["serve", "demo", "snippet", "access", "tail", "audit", "dead-letter", "ddl", "config"];
    check(&launch, &["--help"], 0, &commands);
    for command in commands {
        check(&launch, &[command, "--help"], 0, &["Usage: onepixel", "--data-dir", "--config", "Examples"]);
    }
    check(&launch, &["access", "reset", "--help"], 0, &["Usage: onepixel access reset"]);
    for command in ["list", "show", "replay", "discard"] {
        check(&launch, &["dead-letter", command, "--help"], 0, &["Usage: onepixel dead-letter"]);
    }
    for command in ["check", "print"] {
        check(&launch, &["config", command, "--help"], 0, &["Usage: onepixel config"]);
    }
    check(&launch, &["--version"], 0, &["onepixel 0."]);
    check(&launch, &[], 2, &["Usage"]);
    check(&launch, &["sevre"], 2, &["serve"]);
    check(&launch, &["serve", "--listen", "nowhere"], 2, &["--listen"]);
    check(&launch, &["tail", "--from", "yesterday"], 2, &["start"]);
    assert!(!launch.data_dir().exists(), "asking for help leaves nothing behind");
}

#[test]
fn a_script_that_cannot_be_written_is_an_error_and_no_crash() {
    let home = folder();
    let launch = Launch::new(home.path().join("data"));
    for (file, code) in [("/dev/null", 0), ("/dev/full", 1)] {
        let to = std::fs::File::options().write(true).open(file).unwrap();
        let done = launch.command(["completions", "bash"]).stdout(to).output().unwrap();
        assert_eq!(done.status.code(), Some(code), "{file}: {}", err(&done));
    }
}
