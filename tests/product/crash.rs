//! `kill -9`, again and again, under load: what was acknowledged is archived and counted exactly once.
//!
//! Clients write down each acknowledged id. The server is killed after random times and at chosen moments: while it
//! recovers, just after the checkpoint, an archive object, the live view or the log was touched. The seed is printed
//! when the test starts; `CRASH_SEED=N` repeats its choices (not the machine's timing).

mod client;
mod moment;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::Write as _;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use client::{Acknowledged, EndWith, Field};
use moment::Moment;

use crate::harness::{Launch, Random, alone, archive, folder, s, text};

/// Kills of a server that was answering; kills during its start come on top.
const KILLS: u32 = 24;
/// The same where the log is synced behind the answer: what was written outlives the process all the same.
const KILLS_WITH_AN_INTERVAL: u32 = 8;
const PIXELS: u64 = 3;
const POSTERS: u64 = 3;
/// A run takes a fraction of it.
const KILLS_WITHIN: Duration = s(90);

/// In what state the kills left things.
#[derive(Debug, Default)]
struct Hits {
    /// While clients were being answered.
    kills: u32,
    /// During a start.
    starting: u32,
    /// An archive object was begun and not finished.
    staged: u32,
    /// An archive object was finished and not committed.
    uncommitted: u32,
    /// The checkpoint held the range of a batch.
    intents: u32,
}

#[test]
fn what_was_acknowledged_is_there_exactly_once_after_any_number_of_kills() {
    check("always", KILLS);
}

#[test]
fn kills_lose_nothing_either_where_the_log_is_synced_behind_the_answer() {
    check("interval 50ms", KILLS_WITH_AN_INTERVAL);
}

fn check(durability: &str, kills: u32) {
    let _turn = alone();
    let seed = Random::seed("CRASH_SEED");
    say(&format!("{durability}: CRASH_SEED={seed}"));
    let mut random = Random::new(seed);
    let home = folder();
    let launch = Launch::new(home.path().join("data"))
        .set("gateway.rate", "0")
        .set("stream.durability", durability)
        .set("archive.batch_window", "15ms")
        .set("archive.batch_size", "40")
        .set("live.batch_window", "10ms");

    let field = Field::default();
    let (acknowledged, hits) = thread::scope(|scope| {
        let _end = EndWith(&field);
        let clients: Vec<_> = (0..PIXELS + POSTERS)
            .map(|n| {
                let (field, random) = (&field, Random::new(random.next()));
                scope.spawn(move || match n < PIXELS {
                    true => client::pixel(field, n, random),
                    false => client::poster(field, n, random),
                })
            })
            .collect();
        let hits = kill_again_and_again(&launch, &field, &mut random, kills);
        let server = launch.start();
        field.open(server.address());
        field.stop();
        let acknowledged: Vec<Acknowledged> =
            clients.into_iter().flat_map(|client| client.join().unwrap()).collect();
        check_live(&launch, server);
        (acknowledged, hits)
    });
    say(&format!("{} acknowledged, {hits:?}", acknowledged.len()));
    check_archive(&launch, &acknowledged);
    let within = hits.intents.min(hits.staged + hits.uncommitted);
    assert!(within >= kills / 8, "too few kills within a batch to prove anything: {hits:?}");
}

/// Written past the capture of test output, so that it is known even when the run is cut off.
fn say(what: &str) {
    let mut stderr = std::io::stderr();
    writeln!(stderr, "crash test, {what}").unwrap();
}

fn kill_again_and_again(launch: &Launch, field: &Field, random: &mut Random, kills: u32) -> Hits {
    let start = Instant::now();
    let mut hits = Hits::default();
    while hits.kills < kills {
        assert!(start.elapsed() < KILLS_WITHIN, "{} kills in {KILLS_WITHIN:?}", hits.kills);
        let server = launch.spawn();
        if random.one_in(6) {
            thread::sleep(Duration::from_micros(random.within(0..150_000)));
            server.kill();
            hits.starting += 1;
            continue;
        }
        let server = server.listening();
        let before = field.acknowledged();
        field.open(server.address());
        while field.acknowledged() == before {
            assert!(start.elapsed() < KILLS_WITHIN, "nothing is acknowledged");
            thread::sleep(Duration::from_micros(200));
        }
        Moment::choose(random).wait(launch, random);
        server.kill();
        field.close();
        hits.kills += 1;
        hits.staged += u32::from(moment::has_staged_object(&launch.archive()));
        let checkpoint = text(&launch.data_dir().join("checkpoint/archive.json"));
        let checkpoint: Value = serde_json::from_str(&checkpoint).unwrap_or_default();
        hits.intents += u32::from(!checkpoint["intent"].is_null());
        hits.uncommitted +=
            u32::from(archive::last_offset(&launch.archive()) >= checkpoint["committed"].as_u64());
    }
    hits
}

/// What the condition comes to within some seconds; whoever asked looks again if it does not.
fn settled<T>(mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let start = Instant::now();
    loop {
        match look() {
            None if start.elapsed() < s(5) => thread::sleep(Duration::from_millis(20)),
            found => return found,
        }
    }
}

/// The live view counts, site by site, what the archive holds; then an ordinary stop.
fn check_live(launch: &Launch, server: crate::harness::Server) {
    server.caught_up("archive", s(60));
    server.caught_up("live", s(60));
    let tally = || archive::tally(&launch.archive()).1.into_iter().collect::<BTreeMap<_, _>>();
    // Where the log is synced behind the answer, the last events are no backlog yet: they come within an interval.
    let archived = settled(|| {
        let archived = tally();
        (server.counted("") == archived.values().sum::<u64>()).then_some(archived)
    })
    .unwrap_or_else(tally);
    let counted: BTreeMap<_, _> = archived.keys().map(|site| (site.clone(), server.counted(site))).collect();
    assert_eq!(counted, archived, "the live view and the archive differ");
    assert_eq!(server.counted(""), archived.values().sum::<u64>());
    server.stop();
}

fn check_archive(launch: &Launch, acknowledged: &[Acknowledged]) {
    let (ids, _) = archive::tally(&launch.archive());
    let twice: Vec<_> = ids.iter().filter(|(_, times)| **times > 1).collect();
    assert!(twice.is_empty(), "archived more than once: {twice:?}");
    let lost: Vec<_> = acknowledged.iter().filter(|one| !ids.contains_key(&one.id)).collect();
    assert!(lost.is_empty(), "{} acknowledged and lost: {:?}", lost.len(), &lost[..lost.len().min(10)]);
    let mut sites: HashMap<&str, HashSet<&str>> = HashMap::new();
    for one in acknowledged {
        assert!(
            sites.entry(&one.site).or_default().insert(&one.id),
            "{one:?} was acknowledged to two requests"
        );
    }

    let report = launch.balanced();
    let total = ids.len() as u64;
    for figure in ["/acknowledged", "/archive/archived", "/live/counted"] {
        assert_eq!(report.pointer(figure).and_then(Value::as_u64), Some(total), "{figure} in {report:#}");
    }
}
