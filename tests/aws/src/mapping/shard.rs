//! Reading shards: which ones may be read, from where, and into which lane each record goes.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use anyhow::Context;
use aws_sdk_kinesis::types::{Shard, ShardIteratorType};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::batch::Gathering;
use super::delivery::Delivery;
use super::event::Record;
use super::{Shared, Start, lock};
use crate::servers::is_open;

/// Answers of GetRecords that wait for a lane.
const POLLS_WAITING: usize = 1;
const GET_RECORDS_MAX: i32 = 10_000;

/// How far the reading of a shard is.
#[derive(Debug, Clone, Default)]
pub(super) struct Progress {
    /// Every record is through or given up, and there will be no more.
    pub(super) drained: bool,
    /// Records that were read and are neither.
    pub(super) outstanding: usize,
    /// When the last look began that found nothing.
    pub(super) found_nothing: Option<Instant>,
}

/// Where the shards are begun that exist when the mapping does: an iterator for each.
pub(super) async fn first(shared: &Shared) -> anyhow::Result<HashMap<String, String>> {
    let mut iterators = HashMap::new();
    for shard in shared.stream.shards().await? {
        let id = shard.shard_id().to_owned();
        if shared.settings.start == Start::Latest && !is_open(&shard) {
            lock(&shared.shards).insert(id, Progress { drained: true, ..Progress::default() });
            continue;
        }
        let kind = match shared.settings.start {
            Start::Latest => ShardIteratorType::Latest,
            // Kinesalite does not answer for a time after which there is nothing, so what is older is passed over here.
            Start::TrimHorizon | Start::AtTimestamp(_) => ShardIteratorType::TrimHorizon,
        };
        iterators.insert(id.clone(), iterator(shared, &id, kind, None).await?);
    }
    Ok(iterators)
}

/// Reads every shard as soon as its parents are drained, until it is dropped.
pub(super) async fn follow(shared: Arc<Shared>, mut first: HashMap<String, String>) {
    let mut reading = JoinSet::new();
    let mut begun = HashSet::new();
    loop {
        match shared.stream.shards().await {
            Ok(shards) => {
                let ids: HashSet<&str> = shards.iter().map(Shard::shard_id).collect();
                for shard in &shards {
                    let id = shard.shard_id().to_owned();
                    if may_begin(&shared, shard, &ids) && begun.insert(id.clone()) {
                        let from = first.remove(&id);
                        reading.spawn(read(Arc::clone(&shared), id, from));
                    }
                }
            }
            Err(error) => lock(&shared.report).read_error = Some(format!("{error:#}")),
        }
        tokio::time::sleep(shared.settings.poll_every).await;
        while reading.try_join_next().is_some() {}
    }
}

fn may_begin(shared: &Shared, shard: &Shard, there: &HashSet<&str>) -> bool {
    let known = lock(&shared.shards);
    let is_drained = |id: &str| known.get(id).is_some_and(|progress| progress.drained);
    let mut parents = [shard.parent_shard_id(), shard.adjacent_parent_shard_id()].into_iter().flatten();
    !is_drained(shard.shard_id()) && parents.all(|parent| !there.contains(parent) || is_drained(parent))
}

/// Reads a shard to its end, if it has one, and waits until its lanes are through.
async fn read(shared: Arc<Shared>, id: String, mut next: Option<String>) {
    lock(&shared.shards).entry(id.clone()).or_default();
    let (senders, mut lanes) = lanes(&shared, &id);
    let mut after: Option<String> = None;
    let mut ended = false;
    while !ended {
        let began = Instant::now();
        match poll(&shared, &id, &mut next, after.as_deref()).await {
            Ok((records, is_end)) => {
                ended = is_end;
                note(&shared, &id, records.len(), began);
                let empty = records.is_empty();
                after = records.last().map(|record| record.sequence.clone()).or(after);
                hand_out(&senders, records).await;
                if empty && !ended {
                    tokio::time::sleep(shared.settings.poll_every).await;
                }
            }
            Err(error) => {
                // The iterator may be the reason; the next one is made anew.
                next = None;
                lock(&shared.report).read_error = Some(format!("{error:#}"));
                tokio::time::sleep(shared.settings.poll_every).await;
            }
        }
    }
    drop(senders);
    while lanes.join_next().await.is_some() {}
    if let Some(progress) = lock(&shared.shards).get_mut(&id) {
        progress.drained = true;
    }
}

fn lanes(shared: &Arc<Shared>, id: &str) -> (Vec<mpsc::Sender<Vec<Record>>>, JoinSet<()>) {
    let (mut senders, mut lanes) = (Vec::new(), JoinSet::new());
    for lane in 0..shared.settings.parallelization_factor {
        let (sender, incoming) = mpsc::channel(POLLS_WAITING);
        let settings = &shared.settings;
        let mut gathering = Gathering::new(incoming, settings.batch_size, settings.batching_window);
        let mut delivery = Delivery::new(Arc::clone(shared), id, lane);
        senders.push(sender);
        lanes.spawn(async move {
            while let Some(batch) = gathering.next().await {
                delivery.deliver(batch).await;
            }
        });
    }
    (senders, lanes)
}

/// The next records, and whether they were the shard's last.
async fn poll(
    shared: &Shared,
    id: &str,
    next: &mut Option<String>,
    after: Option<&str>,
) -> anyhow::Result<(Vec<Record>, bool)> {
    let from = match next.take() {
        Some(from) => from,
        None if after.is_some() => {
            iterator(shared, id, ShardIteratorType::AfterSequenceNumber, after).await?
        }
        None => iterator(shared, id, ShardIteratorType::TrimHorizon, None).await?,
    };
    let get = shared.stream.client().get_records().shard_iterator(from).limit(GET_RECORDS_MAX);
    let answer = get.send().await.context("GetRecords")?;
    *next = answer.next_shard_iterator().map(str::to_owned);
    let stream = shared.stream.name();
    let records = answer.records().iter().map(|record| Record::new(stream, id, record));
    let from = match shared.settings.start {
        Start::AtTimestamp(ms) => ms,
        Start::TrimHorizon | Start::Latest => 0,
    };
    Ok((records.filter(|record| record.arrived_ms >= from).collect(), next.is_none()))
}

async fn iterator(
    shared: &Shared,
    id: &str,
    kind: ShardIteratorType,
    after: Option<&str>,
) -> anyhow::Result<String> {
    let get = shared.stream.client().get_shard_iterator().stream_name(shared.stream.name()).shard_id(id);
    let get = get.shard_iterator_type(kind).set_starting_sequence_number(after.map(str::to_owned));
    let answer = get.send().await.context("GetShardIterator")?;
    answer.shard_iterator().map(str::to_owned).context("no iterator")
}

fn note(shared: &Shared, id: &str, records: usize, began: Instant) {
    if let Some(progress) = lock(&shared.shards).get_mut(id) {
        progress.outstanding += records;
        if records == 0 {
            progress.found_nothing = Some(began);
        }
    }
}

async fn hand_out(senders: &[mpsc::Sender<Vec<Record>>], records: Vec<Record>) {
    let mut lanes: Vec<Vec<Record>> = senders.iter().map(|_| Vec::new()).collect();
    for record in records {
        let lane = lane_of(&record.key, lanes.len());
        lanes[lane].push(record);
    }
    for (sender, records) in senders.iter().zip(lanes) {
        if !records.is_empty() {
            // A lane ends only after its sender.
            sender.send(records).await.ok();
        }
    }
}

fn lane_of(key: &str, lanes: usize) -> usize {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    usize::try_from(hasher.finish() % lanes as u64).unwrap_or_default()
}
