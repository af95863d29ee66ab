//! Crashes at any await, faults at any step, in any order: each record is in the store once, or a dead letter once.

use std::time::Duration;

use onepixel_consumer::{DeadLetter, Offset};
use proptest::prelude::*;

use crate::memory_sink::{Fault, Store};
use crate::rig::Rig;

/// More than any of these runs needs.
const POLLS_MAX: usize = 10_000;

/// Crashes once at every poll there is, each time with a fresh rig, and then runs to the end with other settings.
async fn crash_everywhere(prepare: impl Fn(&mut Rig), end: Offset, dead: &[Offset]) {
    for kind in 0..2 {
        for polls in 1..=POLLS_MAX {
            let [objects, transactional] = Rig::both();
            let mut rig = if kind == 0 { objects } else { transactional };
            prepare(&mut rig);
            let finished = rig.drain_for(polls).await;
            rig.settings.batch_size = 7;
            rig.settings.batch_bytes = 40;
            rig.drain().await.unwrap();
            rig.expect(end, dead);
            if finished {
                break;
            }
            assert!(polls < POLLS_MAX);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_crash_at_any_await_loses_and_doubles_nothing() {
    let prepare = |rig: &mut Rig| {
        rig.settings.batch_size = 25;
        rig.append(60);
    };
    crash_everywhere(prepare, 60, &[]).await;
}

#[tokio::test(start_paused = true)]
async fn a_crash_while_bisecting_loses_and_doubles_nothing() {
    let prepare = |rig: &mut Rig| {
        rig.settings.batch_size = 32;
        rig.append_with_poison(40, &[0, 5, 6, 31, 39]);
    };
    crash_everywhere(prepare, 40, &[0, 5, 6, 31, 39]).await;
}

#[tokio::test(start_paused = true)]
async fn a_crash_among_failures_loses_and_doubles_nothing() {
    let prepare = |rig: &mut Rig| {
        rig.settings.batch_size = 25;
        rig.append_with_poison(60, &[30]);
        rig.store.plan(
            [Fault::None, Fault::After, Fault::Before, Fault::None, Fault::None, Fault::After].repeat(3),
        );
    };
    crash_everywhere(prepare, 60, &[30]).await;
}

#[tokio::test(start_paused = true)]
async fn an_interrupted_batch_is_repeated_to_the_record_whatever_the_settings() {
    for (batch_size, batch_bytes) in [(1, 1 << 20), (7, 1), (1_000, 1 << 20)] {
        let mut rig = Rig::new(Store::objects());
        rig.settings.batch_size = 33;
        rig.append(90);
        rig.store.plan([vec![Fault::None; 5], vec![Fault::Before; 100]].concat());
        let running = rig.start();
        running.after(Duration::from_secs(1)).await;
        running.crash().await;
        assert_eq!((rig.checkpoint().committed(), rig.checkpoint().intent()), (33, Some(66)));
        rig.settings.batch_size = batch_size;
        rig.settings.batch_bytes = batch_bytes;
        rig.store.plan([]);
        let before = rig.store.writes().len();
        rig.drain().await.unwrap();
        assert_eq!(rig.store.writes()[before], (33, 66));
        rig.expect(90, &[]);
    }
}

/// A crash between the dead-letter log and the position, which no await tells apart.
#[tokio::test(start_paused = true)]
async fn a_record_that_is_a_dead_letter_is_never_written_although_the_sink_would_take_it() {
    for already in [1_usize, 3, 10] {
        for mut rig in Rig::both() {
            rig.settings.bisect_on_error = false;
            rig.append(20);
            rig.store.refuse(Some(7));
            let running = rig.start();
            running.after(Duration::from_millis(1)).await;
            running.crash().await;
            let dead: Vec<_> = (0..10).collect();
            rig.expect(20, &dead);

            // The same, as it was before the position was saved and with only some of the letters.
            let fresh = Rig::new(if rig.checkpoint().committed() > 0 {
                Store::objects()
            } else {
                Store::transactional()
            });
            fresh.append(20);
            let letters: Vec<DeadLetter> = rig.letters().into_iter().take(already).collect();
            fresh.dead_letters().append(&letters).unwrap();
            fresh.drain().await.unwrap();
            fresh.expect(20, &dead[..already]);
        }
    }
}

#[derive(Debug, Clone)]
struct Run {
    faults: Vec<Fault>,
    polls: usize,
    batch_size: usize,
    behind_size: usize,
    max_retries: i64,
    bisect: bool,
    more: u8,
}

fn run() -> impl Strategy<Value = Run> {
    let fault = prop_oneof![4 => Just(Fault::None), 1 => Just(Fault::Before), 1 => Just(Fault::After)];
    let retries = prop_oneof![2 => Just(-1_i64), 1 => 0_i64..3];
    (
        proptest::collection::vec(fault, 0..20),
        1_usize..80,
        (1_usize..40, 1_usize..60),
        retries,
        any::<bool>(),
        0_u8..30,
    )
        .prop_map(|(faults, polls, (batch_size, behind_size), max_retries, bisect, more)| Run {
            faults,
            polls,
            batch_size,
            behind_size,
            max_retries,
            bisect,
            more,
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn everything_is_held_once_or_dead_once(
        transactional in any::<bool>(),
        poison in proptest::collection::btree_set(0_u64..60, 0..6),
        runs in proptest::collection::vec(run(), 1..6),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let mut rig = Rig::new(if transactional { Store::transactional() } else { Store::objects() });
            let mut end = 0;
            let mut append = |rig: &Rig, records: u64| {
                for offset in end..end + records {
                    let bad = poison.contains(&offset);
                    rig.append_payload(if bad { crate::memory_sink::poison() } else { crate::memory_sink::sound(offset) });
                }
                end += records;
                end
            };
            for run in &runs {
                append(&rig, run.more.into());
                rig.settings.batch_size = run.batch_size;
                rig.settings.behind_size = run.behind_size;
                rig.settings.max_retries = run.max_retries;
                rig.settings.bisect_on_error = run.bisect;
                rig.store.plan(run.faults.clone());
                rig.drain_for(run.polls).await;
            }
            rig.store.plan([]);
            let end = append(&rig, 5);
            rig.drain().await.unwrap();
            let dead = rig.expect_each_once(end);
            for offset in poison.range(..end) {
                assert!(dead.contains(offset), "poison {offset} must be a dead letter");
            }
            if runs.iter().all(|run| run.bisect && run.max_retries < 0) && rig.settings.bisect_on_error {
                assert!(dead.iter().all(|offset| poison.contains(offset)), "only poison may be dead: {dead:?}");
            }
            let committed = rig.snapshot().committed;
            assert_eq!(committed, end);
        });
    }
}
