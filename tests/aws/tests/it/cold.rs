//! A cold start of the ingest function: how long the first hit waits, and how large the program is.
//!
//! Builds for tests start slower than released ones: with `ONEPIXEL_FUNCTIONS=target/release` the init must keep its limit
//! of 100 ms; without it the figures are printed and only the function's answers are checked.

use std::time::Duration;

use onepixel_aws_tests::freeze::{Function, HttpAnswer, HttpRequest, Launch};
use onepixel_aws_tests::functions::bootstrap;
use onepixel_aws_tests::servers::{Bucket, Servers, Stream, Table};

const COLD_STARTS: usize = 5;
const WARM_HITS: usize = 20;
const INIT_MAX: Duration = Duration::from_millis(100);

/// Of one environment.
#[derive(Debug)]
struct Start {
    init: Duration,
    first: Duration,
    warm: Duration,
}

#[tokio::test]
async fn the_first_hit_waits_for_a_short_init() {
    let servers = Servers::start().await.unwrap();
    let endpoints = servers.endpoints();
    let stream = Stream::create(&endpoints, "events", 1).await.unwrap();
    let (table, bucket) =
        tokio::join!(Table::create(&endpoints, "live"), Bucket::create(&endpoints, "archive"));
    let (table, bucket) = (table.unwrap(), bucket.unwrap());
    let program = bootstrap("onepixel-ingest").unwrap();
    let bytes = std::fs::metadata(&program).unwrap().len();
    println!("onepixel-ingest: {bytes} bytes, not packed, at {}", program.display());
    let mut hits = 0;
    for ack in ["before", "after"] {
        let mut launch = Launch::new(&program)
            .envs(endpoints.environment())
            .env("ONEPIXEL_STREAM", stream.name())
            .env("ONEPIXEL_TABLE", table.name())
            .env("ONEPIXEL_BUCKET", bucket.url())
            .env("ONEPIXEL_ACK", ack)
            .timeout(Duration::from_secs(30));
        // What is too slow is to be seen in the figures, on a machine that does other work, too.
        launch.init_timeout = Duration::from_secs(60);
        let mut starts = Vec::new();
        for _ in 0..COLD_STARTS {
            starts.push(start(launch.clone()).await);
            hits += 1 + WARM_HITS;
        }
        starts.sort_by_key(|start| start.init);
        let median = &starts[COLD_STARTS / 2];
        println!(
            "ack={ack}: init {:.1?}, first answer after {:.1?} (init included), warm {:.1?}; medians of {COLD_STARTS}",
            median.init, median.first, median.warm
        );
        if std::env::var_os("ONEPIXEL_FUNCTIONS").is_some() {
            assert!(median.init <= INIT_MAX, "{starts:#?}");
        }
    }
    let stored = stream.read_all().await.unwrap();
    let lines: usize =
        stored.iter().map(|record| record.data.iter().filter(|byte| **byte == b'\n').count()).sum();
    assert_eq!(lines, hits, "every hit is in the stream");
}

/// One environment with one cold hit and some warm ones, each let to its end.
async fn start(launch: Launch) -> Start {
    let function = Function::new(launch).unwrap();
    let (init, first) = hit(&function).await;
    let mut warm = Vec::new();
    for _ in 0..WARM_HITS {
        let (init, answered) = hit(&function).await;
        assert_eq!(init, None, "the same environment");
        warm.push(answered);
    }
    warm.sort_unstable();
    let counts = function.shutdown().await;
    assert_eq!(counts.cold_starts, 1);
    Start { init: init.unwrap(), first, warm: warm[WARM_HITS / 2] }
}

async fn hit(function: &Function) -> (Option<Duration>, Duration) {
    let called = function.invoke(HttpRequest::get("/p.gif?site=cold&page=%2F").payload()).await;
    let answer = HttpAnswer::of(&called.answer).unwrap();
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("image/gif")), "{answer:?}");
    let measured = (called.init, called.answered_after);
    called.busy().await.unwrap();
    measured
}
