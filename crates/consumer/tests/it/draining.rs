//! Stopping: everything that is durable is written first, as far as the sink takes it.

use std::time::Duration;

use crate::memory_sink::Store;
use crate::rig::Rig;

#[tokio::test(start_paused = true)]
async fn a_partial_batch_goes_at_once() {
    for mut rig in Rig::both() {
        rig.settings.batch_window = Duration::from_secs(3_600);
        rig.append(23);
        let running = rig.start();
        running.after(Duration::from_millis(1)).await;
        assert_eq!(rig.store.writes(), [(0, 10), (10, 20)]);
        let before = tokio::time::Instant::now();
        running.stop().await.unwrap();
        assert_eq!(before.elapsed(), Duration::ZERO);
        rig.expect(23, &[]);
        assert_eq!(rig.snapshot().committed, 23);
    }
}

#[tokio::test(start_paused = true)]
async fn without_work_it_ends_at_once() {
    for rig in Rig::both() {
        rig.drain().await.unwrap();
        rig.append(10);
        rig.drain().await.unwrap();
        rig.drain().await.unwrap();
        rig.expect(10, &[]);
        assert!(rig.store.writes().len() == 1, "{:?}", rig.store.writes());
    }
}

#[tokio::test(start_paused = true)]
async fn it_ends_at_what_was_durable_although_more_comes() {
    let rig = Rig::new(Store::objects());
    rig.append(15);
    rig.store.set_down(true);
    let running = rig.start();
    running.after(Duration::from_secs(60)).await;
    running.shutdown.cancel();
    running.after(Duration::from_secs(60)).await;
    rig.store.set_down(false);
    rig.append(2);
    running.end().await.unwrap();
    assert_eq!(rig.snapshot().committed, 17);
    rig.append(1);
    rig.expect(17, &[]);
}

#[tokio::test(start_paused = true)]
async fn a_closed_source_is_written_to_its_end() {
    for rig in Rig::both() {
        let running = rig.start();
        rig.append(13);
        running.after(Duration::from_millis(1)).await;
        rig.log.close();
        running.end().await.unwrap();
        rig.expect(13, &[]);
        assert_eq!(rig.snapshot().committed, 13);
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_cannot_wait_drops_it_and_loses_nothing() {
    for mut rig in Rig::both() {
        rig.append(25);
        rig.store.set_down(true);
        let running = rig.start();
        running.after(Duration::from_secs(30)).await;
        running.shutdown.cancel();
        running.after(Duration::from_secs(25)).await;
        running.crash().await;
        assert!(rig.snapshot().last_error.is_some());
        assert_eq!(rig.store.held(), [0_u64; 0]);
        rig.store.set_down(false);
        rig.settings.batch_size = 3;
        rig.drain().await.unwrap();
        rig.expect(25, &[]);
    }
}
