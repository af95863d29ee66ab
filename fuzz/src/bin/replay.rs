//! `replay [--inputs N] [--seed SEED]`: feeds each target its corpus, then N inputs made from it, the same every time.
//!
//! No substitute for a fuzzer, which sees what its inputs reach: a check that nothing known has come back, in seconds.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command's output is its product")]

use std::path::Path;
use std::process::ExitCode;

use onepixel_fuzz::{TARGETS, Target};
use onepixel_sim::random::Random;

/// Above this an input is cut: what is long is slow, and reaches nothing more.
const INPUT_BYTES_MAX: usize = 16 * 1024;

fn main() -> ExitCode {
    let Some((inputs, seed)) = arguments() else {
        eprintln!("usage: replay [--inputs N] [--seed SEED]");
        return ExitCode::from(2);
    };
    for target in TARGETS {
        if let Err(error) = run(target, inputs, seed) {
            eprintln!("error: the corpus of {}: {error}", target.0);
            return ExitCode::from(1);
        }
    }
    ExitCode::SUCCESS
}

fn arguments() -> Option<(u64, u64)> {
    let (mut inputs, mut seed) = (5000, 0);
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--inputs" => inputs = words.next()?.parse().ok()?,
            "--seed" => seed = words.next()?.parse().ok()?,
            _ => return None,
        }
    }
    Some((inputs, seed))
}

fn run((name, check): Target, inputs: u64, seed: u64) -> std::io::Result<()> {
    let corpus = corpus(name)?;
    for (file, input) in &corpus {
        feed(check, input, &format!("{name}, {file}"));
    }
    let mut random = Random::new(seed);
    for nth in 0..inputs {
        let input = changed(&corpus, &mut random);
        feed(check, &input, &format!("{name}, --seed {seed}, input {nth}"));
    }
    println!("{name}: {} inputs of the corpus and {inputs} made from it", corpus.len());
    Ok(())
}

fn feed(check: fn(&[u8]), input: &[u8], which: &str) {
    if std::panic::catch_unwind(|| check(input)).is_err() {
        eprintln!("failed: {which}: {}", input.escape_ascii());
        std::process::exit(1);
    }
}

#[expect(clippy::disallowed_methods, reason = "reads its own corpus")]
fn corpus(name: &str) -> std::io::Result<Vec<(String, Vec<u8>)>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
    let mut corpus = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        corpus.push((path.display().to_string(), std::fs::read(&path)?));
    }
    corpus.sort();
    if corpus.is_empty() { Err(std::io::Error::other("it is empty")) } else { Ok(corpus) }
}

/// One input of the corpus with some changes.
fn changed(corpus: &[(String, Vec<u8>)], random: &mut Random) -> Vec<u8> {
    let mut input = corpus[random.below(corpus.len())].1.clone();
    for _ in 0..1 + random.below(6) {
        change(&mut input, &corpus[random.below(corpus.len())].1, random);
    }
    input.truncate(INPUT_BYTES_MAX);
    input
}

fn change(input: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    let at = random.below(input.len() + 1);
    let length = 1 + random.below(16);
    let end = input.len().min(at + length);
    match random.below(8) {
        0 if at < input.len() => input[at] ^= 1 << random.below(8),
        1 if at < input.len() => input[at] = random.pick(b"\0\x01\x7f\x80\xff\"\\{}[]:,&=%+\n\r\x1b "),
        2 => drop(input.drain(at..end)),
        3 => input.truncate(at),
        4 => {
            let piece = input[at..end].to_vec();
            for _ in 0..random.below(64) {
                input.splice(at..at, piece.iter().copied());
            }
        }
        5 => {
            let from = random.below(other.len() + 1);
            let to = other.len().min(from + random.below(200));
            input.splice(at..end, other[from..to].iter().copied());
        }
        6 => drop(input.splice(at..at, (0..length).map(|_| random.pick(b"%u0aA9\xc3\xa4\xf0\x9f\xed")))),
        _ => {
            for byte in &mut input[at..end] {
                *byte = u8::try_from(random.below(256)).unwrap_or(0);
            }
        }
    }
}
