//! The emulated Lambda freezes, holds, times out, kills and ends as the real one, shown on the probe.

use std::time::Duration;

use onepixel_aws_tests::freeze::{Answer, Called, Chaos, Ended, Function, HttpAnswer, HttpRequest, Launch};
use serde_json::{Value, json};
use tempfile::TempDir;

const MS: Duration = Duration::from_millis(1);
/// Longer than any work of the probe, and a bound on a busy machine.
const LONG: Duration = Duration::from_secs(60);

struct Probe {
    folder: TempDir,
}

impl Probe {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn launch(&self) -> Launch {
        let file = self.folder.path().join("notes").display().to_string();
        let mut launch = Launch::new(env!("CARGO_BIN_EXE_probe")).timeout(LONG).env("PROBE_FILE", file);
        launch.init_timeout = LONG;
        launch
    }

    /// The lines that the probe wrote.
    fn notes(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.folder.path().join("notes")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }
}

async fn call(function: &Function, payload: Value) -> Called {
    function.invoke(payload.to_string()).await
}

fn response(answer: &Answer) -> Value {
    match answer {
        Answer::Response(body) => serde_json::from_slice(body).unwrap(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn work_that_nobody_waits_for_is_frozen_and_goes_on_at_the_next_invoke() {
    let probe = Probe::new();
    let function = Function::new(probe.launch()).unwrap();
    let called = call(&function, json!({"do": "spawn", "steps": 3, "every_ms": 100})).await;
    response(&called.answer);
    assert!(called.init.is_some());
    let busy = called.busy().await.unwrap();
    assert_eq!(busy.ended, Ended::Settled);
    // Three times as long as the work would take.
    tokio::time::sleep(900 * MS).await;
    assert_eq!(probe.notes(), [""; 0], "a frozen process does nothing");
    // The next invocation is long enough for the first one's work.
    let called = call(&function, json!({"do": "await", "steps": 1, "every_ms": 600})).await;
    assert!(called.init.is_none(), "the same environment");
    called.busy().await.unwrap();
    assert_eq!(probe.notes(), ["spawned 0", "spawned 1", "spawned 2", "awaited 0"]);
    assert_eq!(function.shutdown().await.freezes, 3, "after init and after each invocation");
}

#[tokio::test]
async fn frozen_work_dies_with_its_environment() {
    let probe = Probe::new();
    let function = Function::new(probe.launch()).unwrap();
    call(&function, json!({"do": "spawn", "steps": 1, "every_ms": 200})).await;
    let counts = function.shutdown().await;
    assert_eq!((counts.recycled, counts.ended_in_budget), (1, 0), "no extension, no budget");
    assert_eq!(probe.notes(), [""; 0]);
}

#[tokio::test]
async fn an_extension_holds_the_environment_but_not_the_answer() {
    let probe = Probe::new();
    let function = Function::new(probe.launch().env("PROBE_EXTENSION", "1")).unwrap();
    for round in 1..=3 {
        let called = call(&function, json!({"do": "extension", "steps": 2, "every_ms": 400})).await;
        response(&called.answer);
        assert!(probe.notes().len() < round * 2, "answered before the work was done");
        let busy = called.busy().await.unwrap();
        assert!(busy.took >= 800 * MS && busy.ended == Ended::Settled, "{busy:?}");
        assert_eq!(probe.notes().len(), round * 2, "settled only after it");
    }
    assert_eq!(function.shutdown().await.ended_in_budget, 1);
}

#[tokio::test]
async fn a_time_out_kills_what_was_answered_already_and_what_was_not() {
    let probe = Probe::new();
    let launch = probe.launch().env("PROBE_EXTENSION", "1").timeout(1000 * MS);
    let function = Function::new(launch).unwrap();
    let called = call(&function, json!({"do": "extension", "steps": 1, "every_ms": 3000})).await;
    response(&called.answer);
    let busy = called.busy().await.unwrap();
    assert_eq!(busy.ended, Ended::TimedOut);
    assert!(busy.took >= 1000 * MS && busy.took < 3000 * MS, "{busy:?}");
    let called = call(&function, json!({"do": "await", "steps": 1, "every_ms": 3000})).await;
    assert_eq!(called.answer, Answer::TimedOut);
    assert_eq!(HttpAnswer::of(&called.answer).unwrap().status, 500);
    assert_eq!(probe.notes(), [""; 0]);
    let counts = function.shutdown().await;
    assert_eq!((counts.cold_starts, counts.timed_out, counts.recycled), (2, 2, 0));
}

#[tokio::test]
async fn errors_exits_and_failed_inits_are_told_apart() {
    let probe = Probe::new();
    let function = Function::new(probe.launch()).unwrap();
    let Answer::Error(error) = call(&function, json!({"do": "fail"})).await.answer else { panic!() };
    assert!(String::from_utf8_lossy(&error).contains("as told"));
    let called = call(&function, json!({"do": "exit"})).await;
    assert_eq!(called.answer, Answer::Crashed);
    assert_eq!(called.busy().await.unwrap().ended, Ended::Died);
    response(&call(&function, json!({})).await.answer);
    assert_eq!(function.shutdown().await.cold_starts, 2);

    let function = Function::new(probe.launch().env("PROBE_INIT_FAILS", "1")).unwrap();
    let Answer::InitFailed(why) = call(&function, json!({})).await.answer else { panic!() };
    assert!(why.contains("init failed"), "{why}");
    let missing = Function::new(Launch::new("no-such-program-here")).unwrap();
    assert!(matches!(call(&missing, json!({})).await.answer, Answer::InitFailed(_)));
}

#[tokio::test]
async fn each_invocation_has_an_environment_of_its_own_unless_it_takes_several() {
    let probe = Probe::new();
    let mut launch = probe.launch();
    launch.environments_max = 2;
    let slow = || json!({"do": "await", "steps": 1, "every_ms": 1500});
    let function = Function::new(launch.clone()).unwrap();
    let calls = tokio::join!(call(&function, slow()), call(&function, slow()), call(&function, slow()));
    let answers = [calls.0.answer, calls.1.answer, calls.2.answer];
    assert_eq!(answers.iter().filter(|answer| **answer == Answer::Throttled).count(), 1);
    assert_eq!(function.shutdown().await.cold_starts, 2);

    launch.waits = true;
    let function = Function::new(launch.concurrency(3)).unwrap();
    let calls = tokio::join!(call(&function, slow()), call(&function, slow()), call(&function, slow()));
    [calls.0.answer, calls.1.answer, calls.2.answer].iter().for_each(|answer| drop(response(answer)));
    let counts = function.shutdown().await;
    assert_eq!((counts.cold_starts, counts.freezes), (1, 0));
    assert!(counts.billed >= 4500 * MS, "{counts:?}");
}

#[tokio::test]
async fn the_end_brings_sigterm_and_time_if_there_is_an_extension() {
    let probe = Probe::new();
    let function = Function::new(probe.launch().env("PROBE_GRACEFUL", "1")).unwrap();
    response(&call(&function, json!({})).await.answer);
    let counts = function.shutdown().await;
    assert_eq!((counts.recycled, counts.ended_in_budget), (1, 1));
    assert_eq!(probe.notes(), ["terminated"]);
}

#[tokio::test]
async fn an_external_extension_hears_of_invokes_and_of_the_shutdown() {
    let probe = Probe::new();
    let external = probe.folder.path().join("external");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_probe"), &external).unwrap();
    let mut launch = probe.launch();
    launch.extensions.push(external);
    let function = Function::new(launch).unwrap();
    call(&function, json!({})).await.busy().await.unwrap();
    assert_eq!(probe.notes(), ["external heard an invoke"]);
    assert_eq!(function.shutdown().await.recycled, 1);
    assert_eq!(probe.notes(), ["external heard an invoke", "external heard the shutdown"]);
}

#[tokio::test]
async fn chaos_does_what_it_is_told_and_counts_it() {
    let probe = Probe::new();
    let chaos = Chaos {
        seed: 7,
        recycle_one_in: 4,
        kill_one_in: 4,
        kill_within: 30 * MS,
        pause_one_in: 2,
        pause_at_most: 10 * MS,
        ..Chaos::default()
    };
    let function = Function::with_chaos(probe.launch(), chaos).unwrap();
    let (mut answered, mut crashed) = (0, 0);
    for _ in 0..40 {
        match call(&function, json!({"do": "await", "steps": 1, "every_ms": 15})).await.answer {
            Answer::Response(_) => answered += 1,
            Answer::Crashed => crashed += 1,
            other => panic!("{other:?}"),
        }
    }
    let counts = function.shutdown().await;
    assert_eq!(answered + crashed, 40);
    assert!(crashed > 0 && answered > 0 && counts.killed >= crashed, "{crashed} {counts:?}");
    assert!(counts.paused > 0 && counts.recycled > 1, "{counts:?}");
    assert!(counts.cold_starts > counts.killed, "{counts:?}");
}

#[tokio::test]
async fn an_invocation_that_stalls_does_its_work_or_a_part_of_it_and_is_killed_by_its_time_out() {
    let probe = Probe::new();
    let stalls = |seed, stall_within| Chaos {
        seed,
        stall_one_in: 3,
        stall_within,
        stall_timeout: 1500 * MS,
        ..Chaos::default()
    };
    let work = json!({"do": "await", "steps": 1, "every_ms": 1});
    // The stop comes later than the answer would, so it is at the answer: all is done, and nobody hears of it.
    let function = Function::with_chaos(probe.launch(), stalls(2, LONG)).unwrap();
    for number in 1..=7 {
        let called = call(&function, work.clone()).await;
        if number % 3 == 2 {
            assert_eq!(called.answer, Answer::TimedOut);
            assert!(called.answered_after >= 1500 * MS, "{called:?}");
            assert_eq!(called.busy().await.unwrap().ended, Ended::TimedOut);
        } else {
            response(&called.answer);
            assert_eq!(called.busy().await.unwrap().ended, Ended::Settled);
        }
    }
    assert_eq!(probe.notes().len(), 7);
    let counts = function.shutdown().await;
    assert_eq!((counts.timed_out, counts.cold_starts, counts.died), (2, 3, 0));
    // At once, and so in the middle.
    let function = Function::with_chaos(probe.launch(), stalls(1, Duration::ZERO)).unwrap();
    let long = json!({"do": "await", "steps": 1, "every_ms": 700});
    assert_eq!(call(&function, long).await.answer, Answer::TimedOut);
    assert_eq!(probe.notes().len(), 7, "not done");
    response(&call(&function, work).await.answer);
    function.shutdown().await;
}

#[tokio::test]
async fn a_payload_is_what_the_gateway_makes_of_a_request() {
    let probe = Probe::new();
    let function = Function::new(probe.launch()).unwrap();
    let request = HttpRequest::get("/p.gif?a=%41&a=2&b=").header("Cookie", "x=1; y=2").header("DNT", "1");
    let echo = response(&function.invoke(request.payload()).await.answer);
    let echo = &echo["echo"];
    assert_eq!(echo["rawQueryString"], "a=%41&a=2&b=");
    assert_eq!(echo["queryStringParameters"], json!({"a": "A,2", "b": ""}));
    assert_eq!(echo["cookies"], json!(["x=1", "y=2"]));
    assert_eq!(echo["headers"]["dnt"], "1");
    assert_eq!(echo["requestContext"]["http"]["sourceIp"], "203.0.113.7");
    let binary = HttpRequest::post("/e", "application/json", &b"\xff"[..]).payload();
    let binary: Value = serde_json::from_slice(&binary).unwrap();
    assert_eq!((&binary["body"], &binary["isBase64Encoded"]), (&json!("/w=="), &json!(true)));
    let answer = json!({"statusCode": 200, "headers": {"Content-Type": "image/gif"}, "body": "R0lG", "isBase64Encoded": true});
    let answer = HttpAnswer::of(&Answer::Response(answer.to_string().into())).unwrap();
    assert_eq!((answer.header("content-type"), &answer.body[..]), (Some("image/gif"), &b"GIF"[..]));
}
