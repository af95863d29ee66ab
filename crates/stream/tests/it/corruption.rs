//! Damage: whatever byte changes, the log says so or hands out what was appended; it never hands out anything else.

use std::path::Path;
use std::sync::Arc;

use onepixel_stream::{OpenError, ReadError, Settings, Stream};

use crate::sim_disk::{Leaves, Rng, SimDisk};
use crate::support::{Hand, append, payloads, records, settings};

const DIR: &str = "/log";

/// What became of a damaged log.
#[derive(Debug)]
enum Seen {
    /// Everything is there.
    Whole,
    /// The end was taken for a torn write; so many records are left.
    Cut(usize),
    /// It was reported, with this text.
    Reported(String),
}

fn small() -> Settings {
    Settings { segment_bytes: 600, ..settings(Path::new(DIR)) }
}

fn open(disk: &SimDisk) -> Result<Stream, OpenError> {
    Stream::open(Arc::new(disk.clone()), small(), Hand::new().clock()).map(|(stream, _)| stream)
}

/// Three segments, two sealed. Closed in order, or not.
async fn log(closed: bool) -> (SimDisk, Vec<Vec<u8>>) {
    let disk = SimDisk::new();
    let stream = open(&disk).unwrap();
    let mut expected = Vec::new();
    for n in 0..13u8 {
        let payload = vec![b'a' + n; 40 + usize::from(n)];
        stream.append(records(&[(Some([n + 1; 16]), &payload)])).await.unwrap();
        expected.push(payload);
    }
    if closed {
        stream.close().await;
    }
    let disk = disk.after_crash(Leaves::All, &mut Rng::new(0));
    assert_eq!(disk.names().iter().filter(|name| name.ends_with(".log")).count(), 3);
    (disk, expected)
}

/// Opens a copy of the log with one file replaced, and reads all of it.
async fn look(disk: &SimDisk, name: &str, bytes: Vec<u8>, expected: &[Vec<u8>]) -> Seen {
    let disk = disk.after_crash(Leaves::All, &mut Rng::new(0));
    disk.put(&Path::new(DIR).join(name), bytes);
    see(&disk, expected).await
}

async fn see(disk: &SimDisk, expected: &[Vec<u8>]) -> Seen {
    let stream = match open(disk) {
        Ok(stream) => stream,
        Err(error) => return Seen::Reported(error.to_string()),
    };
    let mut reader = stream.reader(0);
    let mut found = Vec::new();
    while found.len() < usize::try_from(reader.end()).unwrap() {
        match reader.next(100, 1 << 20).await {
            Ok(records) => found.extend(payloads(&records)),
            Err(error @ ReadError::Corrupt { .. }) => return Seen::Reported(error.to_string()),
            Err(error) => panic!("{error}"),
        }
    }
    assert!(expected.starts_with(&found), "wrong data was handed out");
    if found.len() == expected.len() { Seen::Whole } else { Seen::Cut(found.len()) }
}

fn segments(disk: &SimDisk) -> Vec<String> {
    disk.names().into_iter().filter(|name| name.ends_with(".log")).collect()
}

/// Every bit of every segment, one after the other.
async fn flip_everything(disk: &SimDisk, expected: &[Vec<u8>], verdict: impl Fn(&str, usize, Seen)) {
    for name in segments(disk) {
        let sound = disk.bytes(&name);
        for bit in 0..sound.len() * 8 {
            let mut bytes = sound.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            verdict(&name, bit / 8, look(disk, &name, bytes, expected).await);
        }
    }
}

#[tokio::test]
async fn every_flipped_bit_is_reported_with_its_file() {
    for closed in [true, false] {
        let (disk, expected) = log(closed).await;
        flip_everything(&disk, &expected, |name, at, seen| match seen {
            Seen::Reported(text) => assert!(text.contains(name), "{name}, byte {at}: {text}"),
            other => panic!("{name}, byte {at}, closed {closed}: {other:?}"),
        })
        .await;
    }
}

#[tokio::test]
async fn without_its_mark_at_most_the_last_frame_is_taken_for_torn() {
    let (disk, expected) = log(false).await;
    disk.take_away(&Path::new(DIR).join("durable"));
    let last = segments(&disk).pop().unwrap();
    flip_everything(&disk, &expected, |name, at, seen| match seen {
        Seen::Reported(text) => assert!(text.contains(name), "{name}, byte {at}: {text}"),
        Seen::Cut(left) => {
            assert!(name == last && left + 1 == expected.len(), "{name}, byte {at}: {left} left")
        }
        Seen::Whole => panic!("{name}, byte {at}: not noticed"),
    })
    .await;
}

#[tokio::test]
async fn a_file_that_became_shorter_is_noticed() {
    let (disk, expected) = log(false).await;
    for name in segments(&disk) {
        let sound = disk.bytes(&name);
        for size in 0..sound.len() {
            let seen = look(&disk, &name, sound[..size].to_vec(), &expected).await;
            assert!(matches!(seen, Seen::Reported(_)), "{name} cut to {size}: {seen:?}");
        }
    }
}

#[tokio::test]
async fn a_last_file_that_became_shorter_after_a_power_failure_is_a_torn_write() {
    let (disk, expected) = log(false).await;
    disk.take_away(&Path::new(DIR).join("durable"));
    let last = segments(&disk).pop().unwrap();
    let sound = disk.bytes(&last);
    let mut left_before = 0;
    for size in 0..sound.len() {
        for zeros in [0, 5, 2000] {
            let mut bytes = sound[..size].to_vec();
            bytes.resize(size + zeros, 0);
            match look(&disk, &last, bytes, &expected).await {
                Seen::Cut(left) => {
                    assert!(left >= left_before, "{size} bytes and {zeros} zeros: {left} left");
                    left_before = left;
                }
                // The zeros replace some bytes of a header: no sector of it is zero.
                Seen::Reported(_) if zeros == 5 || zeros == 2000 => {}
                other => panic!("{size} bytes and {zeros} zeros: {other:?}"),
            }
        }
    }
    assert_eq!(left_before, expected.len() - 1);
}

#[tokio::test]
async fn a_missing_segment_is_reported() {
    let (disk, expected) = log(false).await;
    let names = segments(&disk);
    for (nth, name) in names.iter().enumerate().skip(1) {
        let disk = disk.after_crash(Leaves::All, &mut Rng::new(0));
        disk.take_away(&Path::new(DIR).join(name));
        let seen = see(&disk, &expected).await;
        assert!(matches!(&seen, Seen::Reported(text) if text.contains(&names[nth - 1])), "{name}: {seen:?}");
    }
    let disk = disk.after_crash(Leaves::All, &mut Rng::new(0));
    for name in &names {
        disk.take_away(&Path::new(DIR).join(name));
    }
    assert!(matches!(see(&disk, &expected).await, Seen::Reported(_)));
}

#[tokio::test]
async fn a_segment_that_never_got_its_header_is_begun_again() {
    let (disk, expected) = log(false).await;
    let end = expected.len();
    for left in [vec![], vec![0; 7], b"1PXSEGMT".to_vec(), vec![0; 4096]] {
        let disk = disk.after_crash(Leaves::All, &mut Rng::new(0));
        let last = segments(&disk).pop().unwrap();
        let base: usize = last[..20].parse().unwrap();
        disk.take_away(&Path::new(DIR).join("durable"));
        disk.put(&Path::new(DIR).join(&last), left);
        assert!(matches!(see(&disk, &expected).await, Seen::Cut(found) if found == base && base < end));
        let stream = open(&disk.after_crash(Leaves::All, &mut Rng::new(0))).unwrap();
        assert_eq!(append(&stream, b"next").await.unwrap().end, base as u64 + 1);
    }
}

#[tokio::test]
async fn what_does_not_belong_to_the_log_is_left_alone() {
    let (disk, expected) = log(true).await;
    for name in ["notes.txt", "1.log", "0000000000000000000x.log", "00000000000000000099.keys", "lock"] {
        disk.put(&Path::new(DIR).join(name), b"garbage".to_vec());
    }
    assert!(matches!(see(&disk, &expected).await, Seen::Whole));
}

#[tokio::test]
async fn damaged_key_files_and_marks_are_made_again() {
    let (disk, expected) = log(true).await;
    let derived: Vec<_> = disk.names().into_iter().filter(|name| !name.ends_with(".log")).collect();
    assert_eq!(derived.len(), 4, "{derived:?}");
    for name in derived {
        let mut bytes = disk.bytes(&name);
        bytes[20] ^= 1;
        let disk = disk.after_crash(Leaves::All, &mut Rng::new(0));
        disk.put(&Path::new(DIR).join(&name), bytes);
        let stream = open(&disk).unwrap();
        for n in 0..13u8 {
            let appended = stream.append(records(&[(Some([n + 1; 16]), b"again")])).await.unwrap();
            assert_eq!((appended.end, appended.duplicates), (13, 1), "{name}");
        }
        drop(stream);
        assert!(matches!(
            see(&disk.after_crash(Leaves::All, &mut Rng::new(0)), &expected).await,
            Seen::Whole
        ));
    }
}

#[tokio::test]
async fn a_file_of_a_newer_release_is_refused_as_such() {
    let (disk, _) = log(true).await;
    for name in segments(&disk) {
        let disk = disk.after_crash(Leaves::All, &mut Rng::new(0));
        let mut bytes = disk.bytes(&name);
        bytes[8] = 2;
        let crc = crc32c::crc32c(&bytes[..28]);
        bytes[28..32].copy_from_slice(&crc.to_le_bytes());
        disk.put(&Path::new(DIR).join(&name), bytes);
        let error = open(&disk).unwrap_err();
        assert!(matches!(error, OpenError::Version { found: 2, supported: 1, .. }), "{error}");
    }
}

#[tokio::test]
async fn nothing_is_changed_by_a_refused_open() {
    let (disk, _) = log(false).await;
    let last = segments(&disk).pop().unwrap();
    let mut bytes = disk.bytes(&last);
    bytes[40] ^= 1;
    bytes.truncate(bytes.len() - 3);
    disk.put(&Path::new(DIR).join(&last), bytes.clone());
    let error = open(&disk).unwrap_err().to_string();
    assert!(error.contains("Nothing was changed"), "{error}");
    assert_eq!(disk.bytes(&last), bytes);
}
