//! A sink that fails: retries, their pace, and the limits of patience.

use std::time::Duration;

use onepixel_consumer::SourceError;

use crate::memory_sink::{Fault, Store};
use crate::rig::Rig;

#[tokio::test(start_paused = true)]
async fn an_outage_is_waited_out_however_long() {
    for rig in Rig::both() {
        let started_at_ms = rig.clock()();
        rig.append(25);
        rig.store.set_down(true);
        let running = rig.start();
        running.after(Duration::from_secs(24 * 3_600)).await;
        let at = rig.snapshot();
        let error = at.last_error.unwrap();
        assert_eq!(error.text, "cannot write to the sink: planned: Before");
        assert_eq!((error.since_ms, at.committed, at.dead_lettered), (started_at_ms, 0, 0));
        // Full jitter waits half the limit of 30 s on average.
        assert!((4_000..9_000).contains(&at.retries), "{} retries in a day", at.retries);
        rig.store.set_down(false);
        running.after(Duration::from_secs(40)).await;
        assert_eq!((rig.snapshot().last_error, rig.snapshot().committed), (None, 25));
        rig.expect(25, &[]);
        running.stop().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_repeated_whole_and_held_once() {
    let sequences = [
        vec![Fault::Before],
        vec![Fault::After],
        vec![Fault::None, Fault::Before],
        vec![Fault::None, Fault::After, Fault::After, Fault::None, Fault::Before],
        vec![Fault::Before; 20],
    ];
    for faults in sequences {
        for mut rig in Rig::both() {
            rig.settings.batch_size = 37;
            rig.append(100);
            rig.store.plan(faults.clone());
            rig.drain().await.unwrap();
            rig.expect(100, &[]);
            let mut writes = rig.store.writes();
            writes.dedup();
            assert_eq!(writes, [(0, 37), (37, 74), (74, 100)], "{faults:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn when_retries_are_used_up_what_cannot_be_written_is_given_up() {
    for mut rig in Rig::both() {
        rig.settings.max_retries = 2;
        rig.append(10);
        // Three attempts fail, then only the first half's.
        rig.store.plan([Fault::Before, Fault::Before, Fault::Before]);
        rig.drain().await.unwrap();
        rig.expect(10, &[]);
        assert_eq!(rig.store.writes(), [(0, 10), (0, 10), (0, 10), (0, 5), (5, 10)]);
        assert_eq!(rig.snapshot().retries, 2);
    }
}

#[tokio::test(start_paused = true)]
async fn retries_can_be_limited_to_none() {
    for (bisect, expected) in [(true, vec![(0, 4), (0, 2), (0, 1), (1, 2), (2, 4)]), (false, vec![(0, 4)])] {
        let mut rig = Rig::new(Store::objects());
        rig.settings.max_retries = 0;
        rig.settings.bisect_on_error = bisect;
        rig.append(4);
        // Each failed write is followed by what takes it back: one object.
        let failed = [Fault::After, Fault::None];
        rig.store.plan([failed, failed, failed].concat());
        rig.drain().await.unwrap();
        assert_eq!(rig.store.writes(), expected);
        rig.expect(4, if bisect { &[0] } else { &[0, 1, 2, 3] });
        let letter = &rig.letters()[0];
        let (attempts, reason) = if bisect {
            (3, "given up at attempt 3: planned: After")
        } else {
            (1, "given up at attempt 1: planned: After")
        };
        assert_eq!((letter.attempts, letter.reason.as_str()), (attempts, reason));
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_written_after_all_is_not_given_up() {
    for bisect in [true, false] {
        let mut rig = Rig::new(Store::transactional());
        rig.settings.max_retries = 0;
        rig.settings.bisect_on_error = bisect;
        rig.append(1);
        rig.store.plan([Fault::After]);
        rig.drain().await.unwrap();
        rig.expect(1, &[]);
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_given_up_while_the_sink_cannot_forget_it() {
    let mut rig = Rig::new(Store::objects());
    rig.settings.max_retries = 3;
    rig.append(20);
    rig.store.set_down(true);
    let running = rig.start();
    running.after(Duration::from_secs(3_600)).await;
    assert_eq!(rig.snapshot().dead_lettered, 0);
    let text = rig.snapshot().last_error.unwrap().text;
    assert_eq!(text, "cannot take back an unfinished write: planned: Before");
    rig.store.set_down(false);
    running.after(Duration::from_secs(60)).await;
    rig.expect(20, &[]);
    running.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn records_that_fail_are_given_up_at_their_age() {
    let mut rig = Rig::new(Store::transactional());
    rig.settings.max_record_age = Duration::from_secs(600);
    rig.append(3);
    rig.store.set_down(true);
    let running = rig.start();
    running.after(Duration::from_secs(580)).await;
    assert_eq!(rig.snapshot().dead_lettered, 0);
    running.after(Duration::from_secs(60)).await;
    // Without the sink the first letter's position cannot be passed.
    assert_eq!(rig.snapshot().dead_lettered, 1);
    rig.append(5);
    rig.store.set_down(false);
    running.stop().await.unwrap();
    rig.expect(8, &[0]);
    assert!(rig.letters()[0].reason.starts_with("given up at an age of 6"), "{:?}", rig.letters());
}

#[tokio::test(start_paused = true)]
async fn the_young_are_not_given_up_with_the_old() {
    for mut rig in Rig::both() {
        rig.settings.max_record_age = Duration::from_secs(600);
        rig.append(4);
        tokio::time::sleep(Duration::from_secs(601)).await;
        rig.append(4);
        // What the sink takes is never too old.
        rig.drain().await.unwrap();
        rig.expect(8, &[]);
    }
    let mut rig = Rig::new(Store::objects());
    rig.settings.max_record_age = Duration::from_secs(600);
    rig.append(2);
    tokio::time::sleep(Duration::from_secs(601)).await;
    rig.append(2);
    // The whole fails, then the old half, its first, its second, and the young half once; all are taken back.
    let failed = [Fault::Before, Fault::None];
    rig.store.plan([failed.repeat(4), vec![Fault::Before]].concat());
    rig.drain().await.unwrap();
    rig.expect(4, &[0, 1]);
    assert_eq!(rig.store.writes(), [(0, 4), (0, 2), (0, 1), (1, 2), (2, 4), (2, 4)]);
}

#[tokio::test(start_paused = true)]
async fn a_source_that_fails_for_a_while_is_read_again() {
    for rig in Rig::both() {
        rig.append(25);
        rig.log.fail((0..20).map(|n| SourceError::Unavailable(format!("disk {n}").into())));
        let running = rig.start();
        running.after(Duration::from_secs(1)).await;
        assert!(rig.snapshot().last_error.unwrap().text.starts_with("cannot read the stream: disk"));
        running.after(Duration::from_secs(3_600)).await;
        assert_eq!(rig.snapshot().last_error, None);
        rig.expect(25, &[]);
        running.stop().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
#[expect(clippy::disallowed_methods, reason = "the test clears the way")]
async fn a_checkpoint_that_cannot_be_saved_is_tried_again() {
    let rig = Rig::new(Store::objects());
    rig.append(25);
    let running = rig.start();
    // A file stands where the folder must be.
    std::fs::write(rig.checkpoint_dir(), "").unwrap();
    running.after(Duration::from_secs(600)).await;
    assert!(rig.store.writes().is_empty(), "no write without an intent");
    let text = rig.snapshot().last_error.unwrap().text;
    assert!(text.starts_with("cannot save the checkpoint: ") && text.contains("checkpoint"), "{text}");
    std::fs::remove_file(rig.checkpoint_dir()).unwrap();
    running.after(Duration::from_secs(60)).await;
    rig.expect(25, &[]);
    assert_eq!((rig.snapshot().last_error, rig.checkpoint().committed()), (None, 25));
    running.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
#[expect(clippy::disallowed_methods, reason = "the test clears the way")]
async fn a_dead_letter_that_cannot_be_kept_is_not_passed() {
    for rig in Rig::both() {
        rig.append_with_poison(10, &[4]);
        let running = rig.start();
        std::fs::write(rig.dir.path().join("dead-letter"), "").unwrap();
        running.after(Duration::from_secs(600)).await;
        assert_eq!(rig.store.held().len(), 4);
        assert!(rig.snapshot().last_error.unwrap().text.starts_with("cannot write the dead-letter log: "));
        std::fs::remove_file(rig.dir.path().join("dead-letter")).unwrap();
        running.after(Duration::from_secs(60)).await;
        assert_eq!(rig.snapshot().last_error, None);
        rig.expect(10, &[4]);
        running.stop().await.unwrap();
    }
}
