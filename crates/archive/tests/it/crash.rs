//! A write that stops half-way, and the same batch again.

use onepixel_consumer::{Sink, SinkError};

use crate::{HOUR_21, HOUR_22, batch, record, sink, tree};

#[tokio::test]
async fn a_batch_written_in_part_and_again_leaves_what_one_write_leaves() {
    let (whole, torn) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let batch = batch((0..200).map(|n| record(n, n as i64)).collect());
    sink(whole.path()).write(&batch).await.unwrap();
    // A file where the second hour's folder belongs stops the write there.
    let obstacle = torn.path().join(HOUR_22);
    std::fs::create_dir_all(obstacle.parent().unwrap()).unwrap();
    std::fs::write(&obstacle, "").unwrap();
    let error = sink(torn.path()).write(&batch).await.unwrap_err();
    assert!(matches!(error, SinkError::Unavailable(_)));
    assert!(
        error.to_string().contains("hour=22") && error.to_string().contains("check that the folder"),
        "{error}"
    );
    std::fs::remove_file(&obstacle).unwrap();
    // What a process leaves that was killed while it wrote: a staged file, half-written.
    let (name, object) = tree(whole.path()).into_iter().next().unwrap();
    assert!(name.starts_with(HOUR_21));
    std::fs::create_dir_all(torn.path().join(HOUR_21)).unwrap();
    std::fs::write(torn.path().join(format!("{name}#1")), &object[..object.len() / 2]).unwrap();
    sink(torn.path()).write(&batch).await.unwrap();
    assert_eq!(tree(torn.path()), tree(whole.path()));
}

#[tokio::test]
async fn a_retracted_batch_leaves_nothing_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let mut sink = sink(folder.path());
    sink.write(&batch((0..50).map(|n| record(n, n as i64)).collect())).await.unwrap();
    let before = tree(folder.path());
    let batch = batch((50..200).map(|n| record(n, n as i64)).collect());
    sink.retract(&batch).await.unwrap();
    sink.write(&batch).await.unwrap();
    let (name, _) = tree(folder.path()).into_iter().find(|(name, _)| !before.contains_key(name)).unwrap();
    std::fs::write(folder.path().join(format!("{name}#1")), "x").unwrap();
    sink.retract(&batch).await.unwrap();
    sink.retract(&batch).await.unwrap();
    assert_eq!(tree(folder.path()), before);
}

#[tokio::test]
async fn what_lies_in_other_objects_already_is_not_written_again_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let records = |offsets: std::ops::Range<u64>| batch(offsets.map(|n| record(n, n as i64)).collect());
    sink(folder.path()).write(&records(0..50)).await.unwrap();
    sink(folder.path()).write(&records(50..100)).await.unwrap();
    let before = tree(folder.path());
    // Each time with a checkpoint that was set back.
    for offsets in [0..100, 0..10, 40..60, 99..110] {
        let error = sink(folder.path()).write(&records(offsets)).await.unwrap_err();
        assert!(matches!(error, SinkError::Unavailable(_)));
        assert!(error.to_string().contains("checkpoint was deleted or set back"), "{error}");
        assert_eq!(tree(folder.path()), before);
    }
    sink(folder.path()).write(&records(50..100)).await.unwrap();
    assert_eq!(tree(folder.path()), before, "the batch that a crash interrupted is written again");
    sink(folder.path()).write(&records(100..110)).await.unwrap();
}
