//! AWS: records packed as the functions pack them, Kinesis, the live function's code, DynamoDB.

use std::sync::Arc;

use onepixel_archive::Archive;
use onepixel_aws::consumer::{Consumer, DeadLetters, RawBodies};
use onepixel_aws::dynamo::table::Table;
use onepixel_aws::dynamo::view::TableView;
use onepixel_aws::live::LiveTable;
use onepixel_aws::record::Packed;
use onepixel_aws_tests::servers::{self, Endpoints, Servers, Stored, Stream};
use onepixel_gateway::ingest::IngestSettings;
use onepixel_view::View;
use tempfile::TempDir;

use super::hits::Hit;
use super::{Hands, System, TTL};
use crate::batches::{OwnSalts, Record, invocation, within};

/// Bytes of the partition keys.
const KEY_BYTES: usize = 8;
/// Records in one invocation: few, so that there are several.
const TOGETHER: usize = 3;

/// The servers, for all cases.
pub(super) struct Amazon {
    endpoints: Endpoints,
    _servers: Servers,
}

pub(super) struct Path {
    stream: Stream,
    function: Consumer<LiveTable, OwnSalts>,
    view: Arc<TableView>,
    /// Records that the function has finished, in each of the two shards.
    done: [usize; 2],
    taken: usize,
    folder: TempDir,
}

impl Amazon {
    pub(super) async fn start() -> Self {
        let servers = Servers::start().await.unwrap();
        Self { endpoints: servers.endpoints(), _servers: servers }
    }

    /// A stream of two shards and a table of their own.
    pub(super) async fn system(&self, number: usize, hands: &Hands) -> Path {
        let name = format!("case-{number}");
        let stream = Stream::create(&self.endpoints, &name, 2).await.unwrap();
        servers::Table::create(&self.endpoints, &name).await.unwrap();
        let table = Table::new(&self.endpoints.config(&self.endpoints.dynamodb), name);
        let folder = tempfile::tempdir().unwrap();
        let bucket = Archive::open(folder.path().to_str().unwrap(), folder.path()).unwrap();
        let function = Consumer::new(
            LiveTable::new(table.clone(), TTL, hands.clock()),
            RawBodies::new(IngestSettings::default(), OwnSalts),
            DeadLetters::new(bucket, "live"),
        );
        let view = Arc::new(TableView::new(table, TTL, hands.clock()));
        Path { stream, function, view, done: [0; 2], taken: 0, folder }
    }
}

impl Path {
    /// What each shard holds.
    async fn shards(&self) -> [Vec<Stored>; 2] {
        let all = self.stream.read_all().await.unwrap();
        [0, 1].map(|shard| {
            let name = format!("shardId-{shard:012}");
            all.iter().filter(|stored| stored.shard == name).cloned().collect()
        })
    }

    /// Hands the function what it has not finished.
    async fn deliver(&mut self) {
        let shards = self.shards().await;
        for (shard, stored) in shards.iter().enumerate() {
            // The numbers of the test's invocations fit 64 bits, Kinesis's do not: its order is what counts.
            let records: Vec<Record> =
                stored.iter().enumerate().map(|(at, one)| (1 + at as u64, one.data.clone())).collect();
            while self.done[shard] < records.len() {
                let some = &records[self.done[shard]..(self.done[shard] + TOGETHER).min(records.len())];
                let number = u32::try_from(shard).unwrap();
                let answer = self.function.handle(&invocation(number, some), within(30)).await.unwrap();
                assert!(answer.batch_item_failures.is_empty(), "{answer:?}");
                self.done[shard] += some.len();
            }
        }
        let letters = std::fs::read_dir(self.folder.path()).unwrap().count();
        assert_eq!(letters, 0, "no case holds poison");
    }
}

impl System for Path {
    async fn take(&mut self, hits: &[Hit]) {
        let lines: Vec<Vec<u8>> = hits.iter().map(Hit::line).collect();
        for packed in Packed::all(KEY_BYTES, lines.iter().map(Vec::as_slice)).unwrap() {
            self.taken += 1;
            self.stream.put(&format!("{:08}", self.taken), &packed.data).await.unwrap();
        }
    }

    async fn settle(&mut self) {
        self.deliver().await;
    }

    async fn replay(&mut self) {
        // From the first record on, and in other cuts.
        self.done = [0; 2];
        let shards = self.shards().await;
        for (shard, stored) in shards.iter().enumerate() {
            for (at, one) in stored.iter().enumerate() {
                let record: Record = (1 + at as u64, one.data.clone());
                let number = u32::try_from(shard).unwrap();
                let answer = self.function.handle(&invocation(number, &[record]), within(30)).await.unwrap();
                assert!(answer.batch_item_failures.is_empty(), "{answer:?}");
            }
        }
    }

    fn view(&self) -> Arc<dyn View> {
        self.view.clone()
    }
}
