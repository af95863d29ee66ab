//! DuckDB, asked with the statements that `onepixel ddl` prints. A module of both whole-product tests, which share no crate.

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::Value;

/// Runs the statements that come first, and prints the rows of each question as JSON.
const ASK: &str = "
import duckdb, json, sys
statements = sys.stdin.read().split('\\0')
db = duckdb.connect()
# It would stand among the answers to a question that takes seconds.
db.execute('SET enable_progress_bar = false')
db.execute(statements[0])
for question in statements[1:]:
    print(json.dumps([list(row) for row in db.execute(question).fetchall()], default=str))
";

/// The rows that each question gives after the statements `ddl`, by a Python that has the package duckdb.
pub(crate) fn ask(mut python: Command, ddl: &str, questions: &[&str]) -> Vec<Value> {
    python.args(["-c", ASK]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = python.spawn().unwrap();
    let text = [&[ddl], questions].concat().join("\0");
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let done = child.wait_with_output().unwrap();
    assert!(done.status.success(), "{}", done.status);
    String::from_utf8(done.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}
