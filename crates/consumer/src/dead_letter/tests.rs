//! The log as its users see it: over restarts, torn lines and other processes. The format is fixed here.

use super::*;

fn letter(offset: Offset, payload: &[u8]) -> DeadLetter {
    DeadLetter {
        partition: 0,
        offset,
        at_ms: 1_770_757_445_123,
        reason: format!("no \"event\" at {offset}"),
        attempts: 3,
        payload: Bytes::copy_from_slice(payload),
        resolved: None,
    }
}

fn offsets(letters: &[DeadLetter]) -> Vec<Offset> {
    letters.iter().map(|letter| letter.offset).collect()
}

fn raw_append(dir: &Path, bytes: &[u8]) {
    let mut file = OpenOptions::new().append(true).create(true).open(dir.join("live.ndjson")).unwrap();
    file.write_all(bytes).unwrap();
}

#[test]
fn letters_come_back_byte_for_byte() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("a").join("dead-letter");
    let mut log = DeadLetters::open(&folder, "live").unwrap();
    assert_eq!((log.list().unwrap(), log.open_count().unwrap()), (vec![], 0));
    assert!(!folder.exists(), "reading creates nothing");
    let payloads: [&[u8]; 6] = [
        b"",
        b"{\"a\":1}",
        b"line\nbreak\r\n\0",
        "caf\u{e9} \u{1f600}".as_bytes(),
        b"\xff\xfe",
        b"\\u0000\"",
    ];
    let letters: Vec<_> = (7..).zip(payloads).map(|(offset, payload)| letter(offset, payload)).collect();
    assert_eq!(log.append(&letters).unwrap(), 6);
    for mut log in [log, DeadLetters::open(&folder, "live").unwrap()] {
        assert_eq!(log.list().unwrap(), letters);
        assert_eq!(log.get(9).unwrap().as_ref(), Some(&letters[2]));
        assert_eq!(log.get(6).unwrap(), None);
        assert_eq!(log.open_count().unwrap(), 6);
    }
}

#[test]
fn the_format_stays() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = DeadLetters::open(dir.path(), "live").unwrap();
    log.append(&[letter(7, b"{}"), letter(9, b"\xff")]).unwrap();
    log.resolve(7, Resolution::Replayed, 5).unwrap();
    log.resolve(9, Resolution::Discarded, 6).unwrap();
    let mut text = String::new();
    open(&dir.path().join("live.ndjson")).unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(
        text,
        r#"{"partition":0,"offset":7,"at_ms":1770757445123,"sink":"live","reason":"no \"event\" at 7","attempts":3,"payload":"{}"}
{"partition":0,"offset":9,"at_ms":1770757445123,"sink":"live","reason":"no \"event\" at 9","attempts":3,"payload_base64":"/w=="}
{"offset":7,"resolved":"replayed","at_ms":5}
{"offset":9,"resolved":"discarded","at_ms":6}
"#
    );
}

#[test]
fn an_offset_has_one_letter() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = DeadLetters::open(dir.path(), "live").unwrap();
    assert_eq!(log.append(&[letter(5, b"a"), letter(6, b"b")]).unwrap(), 2);
    assert_eq!(log.append(&[letter(5, b"a"), letter(6, b"b"), letter(7, b"c")]).unwrap(), 1);
    let mut log = DeadLetters::open(dir.path(), "live").unwrap();
    assert_eq!(log.append(&[letter(6, b"b"), letter(3, b"lower")]).unwrap(), 1);
    assert_eq!(offsets(&log.list().unwrap()), [5, 6, 7, 3]);
    // Written twice after a failed sync, and still one letter.
    log.distrusted = true;
    assert_eq!(log.append(&[letter(5, b"a")]).unwrap(), 0);
    assert!(!log.distrusted);
    assert_eq!(offsets(&log.list().unwrap()), [5, 6, 7, 3]);
    assert_eq!(log.open_count().unwrap(), 4);
}

#[test]
fn a_torn_line_is_passed_over_and_its_letter_appended_again() {
    let mut whole = Vec::new();
    line::write_letter(&letter(2, b"payload"), "live", &mut whole).unwrap();
    for cut in 1..whole.len() {
        let dir = tempfile::tempdir().unwrap();
        DeadLetters::open(dir.path(), "live").unwrap().append(&[letter(1, b"a")]).unwrap();
        raw_append(dir.path(), &whole[..cut]);
        let mut log = DeadLetters::open(dir.path(), "live").unwrap();
        assert_eq!(offsets(&log.list().unwrap()), [1], "cut at {cut}");
        assert_eq!(
            log.append(&[letter(1, b"a"), letter(2, b"payload"), letter(3, b"c")]).unwrap(),
            2,
            "cut at {cut}"
        );
        for mut log in [log, DeadLetters::open(dir.path(), "live").unwrap()] {
            assert_eq!(offsets(&log.list().unwrap()), [1, 2, 3], "cut at {cut}");
            assert_eq!(log.get(2).unwrap(), Some(letter(2, b"payload")), "cut at {cut}");
        }
    }
}

#[test]
fn a_line_that_is_still_being_written_is_seen_when_it_is_whole() {
    let dir = tempfile::tempdir().unwrap();
    let mut whole = Vec::new();
    line::write_letter(&letter(2, b"payload"), "live", &mut whole).unwrap();
    let mut log = DeadLetters::open(dir.path(), "live").unwrap();
    raw_append(dir.path(), &whole[..20]);
    assert_eq!(log.open_count().unwrap(), 0);
    raw_append(dir.path(), &whole[20..]);
    assert_eq!(log.open_count().unwrap(), 1);
    assert_eq!(log.get(2).unwrap(), Some(letter(2, b"payload")));
}

#[test]
fn what_another_process_resolves_is_seen() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = DeadLetters::open(dir.path(), "live").unwrap();
    server.append(&[letter(1, b"a"), letter(2, b"b"), letter(3, b"c")]).unwrap();
    let mut tool = DeadLetters::open(dir.path(), "live").unwrap();
    tool.resolve(1, Resolution::Discarded, 9).unwrap();
    assert_eq!(server.open_count().unwrap(), 2);
    server.append(&[letter(4, b"d")]).unwrap();
    tool.resolve(4, Resolution::Replayed, 9).unwrap();
    tool.resolve(1, Resolution::Replayed, 10).unwrap();
    let status =
        |log: &mut DeadLetters| log.list().unwrap().iter().map(|letter| letter.resolved).collect::<Vec<_>>();
    let expected = [Some(Resolution::Replayed), None, None, Some(Resolution::Replayed)];
    assert_eq!((status(&mut server), status(&mut tool)), (expected.to_vec(), expected.to_vec()));
    assert_eq!(server.open_count().unwrap(), 2);
    assert_eq!([1, 2, 9].map(|offset| server.withholds(offset)), [false, true, false]);
    let error = tool.resolve(9, Resolution::Discarded, 1).unwrap_err();
    assert!(matches!(error, DeadLetterError::Unknown { offset: 9, .. }), "{error}");
}

#[test]
fn a_log_that_was_taken_away_is_empty() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = DeadLetters::open(dir.path(), "live").unwrap();
    log.append(&[letter(1, b"a"), letter(2, b"b")]).unwrap();
    OpenOptions::new().write(true).open(dir.path().join("live.ndjson")).unwrap().set_len(0).unwrap();
    assert_eq!(log.open_count().unwrap(), 0);
    assert_eq!(log.append(&[letter(2, b"b")]).unwrap(), 1);
    assert_eq!(offsets(&log.list().unwrap()), [2]);
}

#[test]
fn many_letters_are_written_in_pieces() {
    let dir = tempfile::tempdir().unwrap();
    let letters: Vec<_> = (0..300).map(|offset| letter(offset, &[b'x'; 10_000])).collect();
    let mut log = DeadLetters::open(dir.path(), "live").unwrap();
    assert_eq!(log.append(&letters).unwrap(), 300);
    assert_eq!(
        log.scan().unwrap().filter(|letter| letter.as_ref().unwrap().payload.len() == 10_000).count(),
        300
    );
}
