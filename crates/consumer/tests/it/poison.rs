//! Records that a sink refuses: isolated, kept with the reason, their neighbours unharmed.

use onepixel_consumer::{Offset, Resolution, Sink};

use crate::memory_sink::{Store, poison};
use crate::rig::{Rig, STARTED_AT_MS};

#[tokio::test(start_paused = true)]
async fn a_poison_record_is_isolated_wherever_it_is() {
    for batch_size in [1, 2, 7, 16] {
        for bad in 0..16 {
            for mut rig in Rig::both() {
                rig.settings.batch_size = batch_size;
                rig.append_with_poison(16, &[bad]);
                rig.drain().await.unwrap();
                rig.expect(16, &[bad]);
                let at = rig.snapshot();
                assert_eq!((at.dead_lettered, at.records, at.committed, at.last_error), (1, 15, 16, None));
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn several_poison_records_are_isolated() {
    let cases: [&[Offset]; 6] =
        [&[0, 1], &[0, 31], &[3, 4, 5, 20], &[15, 16], &[1, 3, 5, 7, 9, 11, 13, 30], &[29, 30, 31]];
    for bad in cases {
        for mut rig in Rig::both() {
            rig.settings.batch_size = 32;
            rig.append_with_poison(40, bad);
            rig.drain().await.unwrap();
            rig.expect(40, bad);
        }
    }
    for mut rig in Rig::both() {
        rig.settings.batch_size = 32;
        let all: Vec<_> = (0..40).collect();
        rig.append_with_poison(40, &all);
        rig.drain().await.unwrap();
        rig.expect(40, &all);
    }
}

#[tokio::test(start_paused = true)]
async fn isolating_takes_few_writes() {
    async fn check(bad: &[Offset], writes_max: usize) {
        let mut rig = Rig::new(Store::objects());
        rig.settings.batch_size = 1_024;
        rig.append_with_poison(1_024, bad);
        rig.drain().await.unwrap();
        rig.expect(1_024, bad);
        let writes = rig.store.writes().len();
        assert!(writes <= writes_max, "{writes} writes for {bad:?}");
    }
    // Two for each halving of a part with a poison record in it, ten halvings at the most.
    check(&[], 1).await;
    check(&[777], 1 + 2 * 10).await;
    check(&[0, 512], 1 + 2 * (1 + 2 * 9)).await;
    check(&[100, 101, 102, 103], 1 + 2 * (8 + 3)).await;
}

#[tokio::test(start_paused = true)]
async fn a_letter_tells_what_happened() {
    for mut rig in Rig::both() {
        rig.settings.batch_size = 4;
        rig.append_with_poison(4, &[2]);
        rig.drain().await.unwrap();
        let letters = rig.letters();
        let [letter] = &letters[..] else { panic!("{letters:?}") };
        assert_eq!((letter.partition, letter.offset, letter.at_ms), (0, 2, STARTED_AT_MS));
        assert_eq!((letter.reason.as_str(), letter.attempts), ("poison at 2", 3));
        assert_eq!((&letter.payload[..], letter.resolved), (&poison()[..], None));
    }
}

#[tokio::test(start_paused = true)]
async fn without_bisecting_the_whole_batch_is_dead() {
    for mut rig in Rig::both() {
        rig.settings.bisect_on_error = false;
        rig.append_with_poison(30, &[14]);
        rig.drain().await.unwrap();
        let dead: Vec<_> = (10..20).collect();
        rig.expect(30, &dead);
        assert!(rig.letters().iter().all(|letter| letter.reason == "poison at 14"));
        assert_eq!(rig.snapshot().dead_lettered, 10);
    }
}

#[tokio::test(start_paused = true)]
async fn a_replayed_letter_is_held_once() {
    for rig in Rig::both() {
        rig.append(20);
        rig.store.refuse(Some(4));
        rig.drain().await.unwrap();
        rig.expect(20, &[4]);
        rig.store.refuse(None);
        let mut letters = rig.dead_letters();
        let letter = letters.get(4).unwrap().unwrap();
        let record = onepixel_consumer::Record {
            offset: letter.offset,
            committed_at_ms: letter.at_ms,
            key: None,
            payload: letter.payload,
        };
        rig.store.open().replay(0, &record).await.unwrap();
        letters.resolve(4, Resolution::Replayed, 0).unwrap();
        rig.append(5);
        rig.drain().await.unwrap();
        let mut held = rig.store.held();
        held.sort_unstable();
        assert_eq!(held, (0..25).collect::<Vec<_>>());
        assert_eq!(letters.open_count().unwrap(), 0);
    }
}
