//! `tail`: follows the stream beside the server, and the live feed follows it inside.

use std::fs::File;
use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

use serde_json::Value;

use super::check;
use crate::harness::tools::Process;
use crate::harness::{Launch, folder, s, shared, text, until};

/// `tail` with arguments, writing into a file.
fn tail(launch: &Launch, arguments: &[&str], to: &Path) -> Process {
    let mut command = launch.command(["tail"].iter().chain(arguments).copied());
    Process::new(command.stdout(File::create(to).unwrap()).stderr(Stdio::null()).spawn().unwrap())
}

#[track_caller]
fn lines(file: &Path, count: usize) -> Vec<String> {
    let lines = until(&format!("{count} lines of tail"), s(10), || {
        let text = text(file);
        (text.ends_with('\n') && text.lines().count() >= count).then_some(text)
    });
    lines.lines().map(str::to_owned).collect()
}

#[test]
fn shows_what_is_durable_from_any_offset_and_goes_on() {
    let _turn = shared();
    let home = folder();
    let launch = Launch::new(home.path().join("data"));
    let server = launch.start();
    let ids = server.hits("blog", 5);
    let id = |line: &String| serde_json::from_str::<Value>(line).unwrap()["id"].as_str().unwrap().to_owned();

    let all = home.path().join("all");
    let _all = tail(&launch, &["--json", "--from", "start"], &all);
    assert_eq!(lines(&all, 5).iter().map(id).collect::<Vec<_>>(), ids);
    let some = home.path().join("some");
    let _some = tail(&launch, &["--json", "--from", "3"], &some);
    assert_eq!(lines(&some, 2).iter().map(id).collect::<Vec<_>>(), ids[3..]);
    let filtered = home.path().join("filtered");
    let _filtered = tail(
        &launch,
        &["--json", "--from", "start", "--filter", "site=shop", "--filter", "plan=pro"],
        &filtered,
    );
    let plain = home.path().join("plain");
    let _plain = tail(&launch, &["--from", "start"], &plain);
    assert!(lines(&plain, 5)[0].contains("pageview"));

    let start = Instant::now();
    server.hit("site=shop&plan=free");
    let wanted = server.hit("site=shop&plan=pro&title=%1b%5b31mred");
    assert_eq!(lines(&filtered, 1).iter().map(id).collect::<Vec<_>>(), [wanted]);
    assert!(start.elapsed() < s(2), "tail is slow: {:?}", start.elapsed());
    assert_eq!(lines(&all, 7).len(), 7);
    assert!(
        !lines(&plain, 7).concat().contains('\u{1b}'),
        "a stranger's escape sequence reached the terminal"
    );
}

#[test]
fn says_what_is_wrong() {
    let home = folder();
    let launch = Launch::new(home.path().join("nothing-here"));
    check(&launch, &["tail"], 1, &["nothing-here", "--data-dir"]);
    check(&launch, &["tail", "--filter", "nonsense"], 2, &["field=value"]);
    assert!(!launch.data_dir().exists(), "looking leaves nothing behind");
}
