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
    // What a process leaves that was killed while it wrote: staged files, whole or not.
    let (name, object) = tree(whole.path()).into_iter().next().unwrap();
    assert!(name.starts_with(HOUR_21));
    std::fs::create_dir_all(torn.path().join(HOUR_21)).unwrap();
    std::fs::write(torn.path().join(format!("{name}#1")), &object[..object.len() / 2]).unwrap();
    std::fs::write(torn.path().join(format!("{name}#2")), b"").unwrap();
    sink(torn.path()).write(&batch).await.unwrap();
    assert_eq!(tree(torn.path()), tree(whole.path()));
}

#[tokio::test]
async fn a_write_dropped_at_any_await_can_be_written_again() {
    let whole = tempfile::tempdir().unwrap();
    let batch = batch((0..200).map(|n| record(n, n as i64)).collect());
    sink(whole.path()).write(&batch).await.unwrap();
    let torn = tempfile::tempdir().unwrap();
    let mut torn_sink = sink(torn.path());
    drop(futures_util::poll!(Box::pin(torn_sink.write(&batch))));
    torn_sink.write(&batch).await.unwrap();
    // The dropped write goes on in the background; its half-written file may still be there, its object cannot differ.
    let objects =
        |folder| tree(folder).into_iter().filter(|(name, _)| name.ends_with(".gz")).collect::<Vec<_>>();
    assert_eq!(objects(torn.path()), objects(whole.path()));
}
