//! The servers, the functions and the faults between them.

use std::sync::Arc;
use std::time::Duration;

use onepixel_aws_tests::faults::{FaultProxy, Plan};
use onepixel_aws_tests::freeze::{Chaos, Function, Launch};
use onepixel_aws_tests::functions::bootstrap;
use onepixel_aws_tests::mapping::{Accidents, Mapping, Report, Settings, Target};
use onepixel_aws_tests::servers::{Bucket, Endpoints, Servers, Stream, Table};

/// Of so many invocations of a consumer one is killed by its time-out. There is one for each shard and more, so each function has
/// some.
const STALL_ONE_IN: u32 = 5;

/// Everything there is but the consumers.
pub(super) struct Stage {
    pub(super) stream: Stream,
    pub(super) table: Table,
    pub(super) bucket: Bucket,
    pub(super) ingest: Arc<Function>,
    endpoints: Endpoints,
    proxies: [FaultProxy; 3],
    _servers: Servers,
}

/// Both consumers.
pub(super) struct Consumers {
    archive: Mapping,
    live: Mapping,
    functions: [Arc<Function>; 2],
}

impl Stage {
    pub(super) async fn start(seed: u64) -> Self {
        let servers = Servers::start().await.unwrap();
        let straight = servers.endpoints();
        let stream = Stream::create(&straight, "events", 4).await.unwrap();
        let table = Table::create(&straight, "live").await.unwrap();
        let bucket = Bucket::create(&straight, "archive").await.unwrap();
        let proxies = faults(&straight, seed).await;
        let endpoints =
            Endpoints { kinesis: proxies[0].url(), dynamodb: proxies[1].url(), s3: proxies[2].url() };
        let launch = launch("onepixel-ingest", &endpoints, &bucket)
            .env("ONEPIXEL_STREAM", "events")
            .env("ONEPIXEL_ACK", "before")
            .timeout(Duration::from_secs(60))
            .environments(4);
        let chaos = Chaos { seed, recycle_one_in: 300, ..Chaos::default() };
        let ingest = Arc::new(Function::with_chaos(launch, chaos).unwrap());
        Self { stream, table, bucket, ingest, endpoints, proxies, _servers: servers }
    }

    /// Starts both consumers, each behind a mapping of its own.
    pub(super) async fn consume(&self, seed: u64) -> Consumers {
        let function = |name: &str, kill_one_in| {
            let launch = launch(name, &self.endpoints, &self.bucket).timeout(Duration::from_secs(60));
            let chaos = Chaos {
                seed,
                kill_one_in,
                kill_within: Duration::from_millis(300),
                stall_one_in: STALL_ONE_IN,
                stall_within: Duration::from_millis(600),
                stall_timeout: Duration::from_secs(3),
                ..Chaos::default()
            };
            Arc::new(Function::with_chaos(launch.environments(6), chaos).unwrap())
        };
        let functions = [function("onepixel-archive", 40), function("onepixel-live", 40)];
        let settings = |parallelization_factor, seed| Settings {
            batch_size: 100,
            batching_window: Duration::from_millis(500),
            parallelization_factor,
            bisect_on_error: true,
            report_item_failures: true,
            accidents: Accidents { seed, redeliver_one_in: 8, lose_one_in: 12 },
            ..Settings::default()
        };
        let mapping = async |at: usize, settings| {
            let target = Target::function(Arc::clone(&functions[at]));
            Mapping::start(&self.stream, target, settings).await.unwrap()
        };
        let archive = mapping(0, settings(1, seed)).await;
        let live = mapping(1, settings(2, seed ^ 1)).await;
        Consumers { archive, live, functions }
    }

    /// What went wrong on purpose.
    pub(super) fn troubles(&self) -> String {
        let [kinesis, dynamo, s3] = &self.proxies;
        format!("Kinesis {:?}\nDynamoDB {:?}\nS3 {:?}", kinesis.counts(), dynamo.counts(), s3.counts())
    }

    /// The bucket's objects as files.
    pub(super) async fn bucket_in_a_folder(&self) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for prefix in ["events", "dead-letter"] {
            for key in self.bucket.keys(prefix).await.unwrap() {
                let path = folder.path().join(&key);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, self.bucket.get(&key).await.unwrap()).unwrap();
            }
        }
        folder
    }
}

impl Consumers {
    /// Waits until all that was sent is through both, whatever was killed on the way.
    pub(super) async fn finish(self, limit: Duration) -> String {
        self.archive.caught_up(limit).await.unwrap();
        self.live.caught_up(limit).await.unwrap();
        let reports = [self.archive.stop(), self.live.stop()];
        let counts = self.functions.map(|function| function.counts());
        for (Report { failures, retries, splits, .. }, counts) in reports.iter().zip(&counts) {
            assert!(failures.is_empty(), "{failures:?}");
            assert!(counts.timed_out > 0, "no invocation was killed by its time-out: {counts:?}");
            // Each of them failed its batch, which was halved, or tried again if it was one record.
            assert!(retries + splits >= counts.timed_out, "{retries} retries, {splits} splits: {counts:?}");
        }
        let killed = counts.map(|counts| (counts.killed, counts.timed_out));
        let text = reports.map(|Report { invocations, retries, splits, partial, redelivered, lost, .. }| {
            format!("{invocations} invocations, {retries} retries, {splits} splits, {partial} partial, {redelivered} redelivered, {lost} lost")
        });
        format!("archive {}; live {}; killed and timed out {killed:?}", text[0], text[1])
    }
}

fn launch(name: &str, endpoints: &Endpoints, bucket: &Bucket) -> Launch {
    let mut launch = Launch::new(bootstrap(name).unwrap())
        .envs(endpoints.environment())
        .env("ONEPIXEL_BUCKET", bucket.url())
        .env("ONEPIXEL_TABLE", "live");
    // Builds that are not optimised take their time to start, many at once above all.
    launch.init_timeout = Duration::from_secs(60);
    launch
}

/// Between the functions and each service.
async fn faults(straight: &Endpoints, seed: u64) -> [FaultProxy; 3] {
    let kinesis = Plan {
        seed,
        server_error_one_in: 50,
        reset_before_one_in: 100,
        reset_after_one_in: 50,
        entry_failure_one_in: 50,
        ..Plan::default()
    };
    let dynamo = Plan {
        seed,
        server_error_one_in: 60,
        reset_after_one_in: 40,
        hang_after_one_in: 400,
        hang: Duration::from_secs(2),
        throttle_one_in: 40,
        conflict_one_in: 30,
        unprocessed_one_in: 20,
        ..Plan::default()
    };
    let s3 = Plan {
        seed,
        operations: vec!["PUT".to_owned()],
        server_error_one_in: 20,
        reset_after_one_in: 30,
        hang_one_in: 100,
        hang: Duration::from_secs(12),
        ..Plan::default()
    };
    let proxy = async |target: &str, plan| FaultProxy::start(target, plan).await.unwrap();
    [
        proxy(&straight.kinesis, kinesis).await,
        proxy(&straight.dynamodb, dynamo).await,
        proxy(&straight.s3, s3).await,
    ]
}
