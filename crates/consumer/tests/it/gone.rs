//! A stream that does not hold what the sink needs next: said, counted, and never guessed.

use std::time::Duration;

use onepixel_consumer::{CheckpointError, PipelineError, SourceError};

use crate::memory_sink::{Fault, Store};
use crate::rig::Rig;

#[tokio::test(start_paused = true)]
async fn it_goes_on_behind_what_retention_has_removed() {
    for rig in Rig::both() {
        rig.append(50);
        rig.log.cut_to(17);
        rig.drain().await.unwrap();
        let mut held = rig.store.held();
        held.sort_unstable();
        assert_eq!(held, (17..50).collect::<Vec<_>>());
        assert_eq!((rig.snapshot().skipped, rig.snapshot().committed), (17, 50));
        // Said once, not at every start.
        rig.drain().await.unwrap();
        assert_eq!(rig.snapshot().skipped, 17);
    }
}

#[tokio::test(start_paused = true)]
async fn retention_may_overtake_while_it_runs() {
    for rig in Rig::both() {
        rig.append(10);
        rig.store.plan([Fault::Before]);
        let running = rig.start();
        rig.append(20);
        tokio::task::yield_now().await;
        rig.log.cut_to(24);
        running.after(Duration::from_secs(60)).await;
        let mut held = rig.store.held();
        held.sort_unstable();
        let skipped = rig.snapshot().skipped;
        assert_eq!(held.len() as u64 + skipped, 30);
        assert!(skipped > 0 && held.contains(&24) && !held.contains(&23), "{held:?}");
        assert_eq!(rig.snapshot().committed, 30);
        running.stop().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn an_interrupted_batch_may_be_gone_too() {
    let rig = Rig::new(Store::objects());
    rig.append(30);
    rig.store.plan([Fault::None, Fault::Before]);
    rig.store.set_down(true);
    let running = rig.start();
    running.after(Duration::from_secs(1)).await;
    running.crash().await;
    assert_eq!(rig.checkpoint().intent(), Some(10));
    rig.store.set_down(false);
    rig.log.cut_to(4);
    rig.drain().await.unwrap();
    assert_eq!(rig.snapshot().skipped, 4);
    assert_eq!(rig.store.held().len(), 26);
    assert_eq!((rig.checkpoint().committed(), rig.checkpoint().intent()), (30, None));
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_is_ahead_of_the_stream_stops_it() {
    for rig in Rig::both() {
        rig.append(30);
        rig.drain().await.unwrap();
        rig.log.set_back_to(29);
        let error = rig.drain().await.unwrap_err();
        assert!(matches!(error, PipelineError::Ahead { position: 30, end: 29 }), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_sink_of_another_stream_releases_nothing_of_this_one_and_says_why() {
    for mut rig in Rig::both() {
        rig.append(30);
        rig.drain().await.unwrap();
        rig.log.set_back_to(5);
        rig.progress = std::sync::Arc::default();
        rig.drain().await.unwrap_err();
        let seen = rig.snapshot();
        assert_eq!(seen.committed, 0, "retention would remove what no sink has");
        let text = seen.last_error.unwrap().text;
        assert!(text.starts_with("stopped: the sink is written up to offset 30"), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn damage_stops_it_after_everything_before_was_written() {
    for rig in Rig::both() {
        rig.append(15);
        let running = rig.start();
        running.after(Duration::from_millis(1)).await;
        let corrupt = || SourceError::Corrupt("segment 0: bad checksum at byte 512".into());
        rig.log.fail([corrupt(), corrupt(), corrupt()]);
        rig.append(1);
        let error = running.end().await.unwrap_err();
        assert_eq!(error.to_string(), "the stream is damaged: segment 0: bad checksum at byte 512");
        rig.expect(15, &[]);
        if let Some(committed) = Some(rig.checkpoint().committed()).filter(|committed| *committed > 0) {
            assert_eq!(committed, 15);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_checkpoint_of_another_partition_stops_it() {
    let rig = Rig::new(Store::objects());
    rig.append(10);
    let folder = rig.checkpoint_dir();
    std::fs::create_dir(&folder).unwrap();
    let text = r#"{"version":1,"partition":3,"committed":5,"intent":null}"#;
    let mut file =
        std::fs::OpenOptions::new().create(true).append(true).open(folder.join("memory.json")).unwrap();
    std::io::Write::write_all(&mut file, text.as_bytes()).unwrap();
    let error = rig.drain().await.unwrap_err();
    assert!(matches!(error, PipelineError::Checkpoint(CheckpointError::Unusable { .. })), "{error}");
    assert!(
        error.to_string().contains("memory.json") && error.to_string().contains("partition 3"),
        "{error}"
    );
}
