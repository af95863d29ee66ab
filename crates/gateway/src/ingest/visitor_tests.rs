//! The key of the day: its life, its file, and midnight.
#![expect(clippy::disallowed_methods, reason = "these tests look at the salt's file from outside")]

use std::os::unix::fs::PermissionsExt;
use std::sync::Barrier;

use super::*;

const NOON: i64 = 20_494 * DAY_MS + DAY_MS / 2;

fn at(ms: i64) -> Time {
    Time::from_ms(ms)
}

fn visitor(salt: &VisitorSalt, ms: i64) -> String {
    salt.visitor("blog", "203.0.113.7".parse().unwrap(), b"Firefox", at(ms)).unwrap()
}

#[test]
fn every_part_counts_and_parts_do_not_run_together() {
    let salt = VisitorSalt::in_memory(at(NOON));
    let hash = |site: &str, address: &str, agent: &str| {
        salt.visitor(site, address.parse().unwrap(), agent.as_bytes(), at(NOON)).unwrap()
    };
    let one = hash("blog", "203.0.113.7", "Firefox");
    assert_eq!(one, hash("blog", "203.0.113.7", "Firefox"));
    assert_eq!(one.len(), 32);
    assert!(one.bytes().all(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase()));
    for other in [
        hash("blo", "203.0.113.7", "Firefox"),
        hash("blog", "203.0.113.8", "Firefox"),
        hash("blog", "203.0.113.7", "Firefo"),
        hash("blog", "::ffff:203.0.113.7", "Firefox"),
        hash("", "203.0.113.7", "blogFirefox"),
    ] {
        assert_ne!(one, other);
    }
}

#[test]
fn the_key_is_not_shown() {
    let shown = format!("{:?}", VisitorSalt::in_memory(at(NOON)));
    assert!(shown.contains("day: 20494") && !shown.contains("key"), "{shown}");
}

#[test]
fn a_key_lives_for_one_utc_day() {
    let salt = VisitorSalt::in_memory(at(NOON));
    let first = visitor(&salt, NOON);
    let midnight = NOON + DAY_MS / 2;
    assert_eq!(visitor(&salt, midnight - 1), first);
    let second = visitor(&salt, midnight);
    assert_ne!(second, first);
    assert_eq!(
        visitor(&salt, midnight - 1),
        second,
        "a clock that steps back does not bring the old key back"
    );
    assert_eq!(visitor(&salt, midnight + DAY_MS - 1), second);
    assert_ne!(visitor(&salt, midnight + DAY_MS), second);
}

#[test]
fn a_key_from_a_wrong_future_does_not_stay() {
    let salt = VisitorSalt::in_memory(at(NOON));
    let first = visitor(&salt, NOON);
    let future = visitor(&salt, NOON + 400 * DAY_MS);
    let back = visitor(&salt, NOON);
    assert!(back != future && back != first);
    assert_ne!(visitor(&salt, NOON + DAY_MS), back);
}

#[test]
fn survives_a_restart_on_the_same_day_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("visitor-salt");
    let open = |ms| VisitorSalt::open(&path, at(ms)).unwrap();
    let first = visitor(&open(NOON), NOON);
    assert_eq!(visitor(&open(NOON + 1000), NOON), first);
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let next = open(NOON + DAY_MS);
    assert_ne!(visitor(&next, NOON + DAY_MS), first);
    assert_ne!(visitor(&open(NOON + DAY_MS), NOON + DAY_MS), first, "the old key is gone from the file");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn rotation_reaches_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("visitor-salt");
    let salt = VisitorSalt::open(&path, at(NOON)).unwrap();
    let old = std::fs::read(&path).unwrap();
    let second = visitor(&salt, NOON + DAY_MS);
    assert_ne!(std::fs::read(&path).unwrap(), old);
    assert_eq!(visitor(&VisitorSalt::open(&path, at(NOON + DAY_MS)).unwrap(), NOON + DAY_MS), second);
}

#[test]
fn a_broken_file_is_replaced_and_an_unusable_one_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("visitor-salt");
    for content in ["", "{", "{\"day\":20494}", "{\"day\":20494,\"key\":[1,2]}", "\u{0}"] {
        std::fs::write(&path, content).unwrap();
        let salt = VisitorSalt::open(&path, at(NOON)).unwrap();
        assert_eq!(
            visitor(&VisitorSalt::open(&path, at(NOON)).unwrap(), NOON),
            visitor(&salt, NOON),
            "{content}"
        );
    }
    let missing = folder.path().join("no/such/folder");
    let error = VisitorSalt::open(&missing, at(NOON)).unwrap_err().to_string();
    assert!(error.starts_with(&format!("cannot write the visitor salt {}", missing.display())), "{error}");
    let error = VisitorSalt::open(folder.path(), at(NOON)).unwrap_err().to_string();
    assert!(error.starts_with("cannot read the visitor salt"), "{error}");
}

#[test]
fn a_failed_write_stops_nothing_and_leaves_no_old_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("visitor-salt");
    let salt = VisitorSalt::open(&path, at(NOON)).unwrap();
    let first = visitor(&salt, NOON);
    // A folder where the new file should be written makes every write fail.
    std::fs::create_dir(path.with_extension("new")).unwrap();
    let second = visitor(&salt, NOON + DAY_MS);
    assert_ne!(second, first);
    assert_eq!(visitor(&salt, NOON + DAY_MS), second);
    assert!(!path.exists());
}

#[test]
fn all_threads_agree_at_midnight() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("visitor-salt");
    let salt = VisitorSalt::open(&path, at(NOON)).unwrap();
    let barrier = Barrier::new(8);
    let seen: Vec<String> = std::thread::scope(|scope| {
        let hit = || {
            barrier.wait();
            visitor(&salt, NOON + DAY_MS)
        };
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(hit)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(seen.iter().all(|id| *id == seen[0]));
    assert_eq!(visitor(&VisitorSalt::open(&path, at(NOON + DAY_MS)).unwrap(), NOON + DAY_MS), seen[0]);
}

#[test]
fn a_given_key_is_the_same_for_all_and_ends_with_its_day() {
    let (one, other) = (VisitorSalt::given(), VisitorSalt::given());
    let visitor = |salt: &VisitorSalt, ms: i64| {
        salt.visitor("blog", "203.0.113.7".parse().unwrap(), b"Firefox", at(ms))
    };
    assert!(!one.has_key(at(NOON)));
    assert_eq!(visitor(&one, NOON), None);
    one.give([7; 16], at(NOON));
    other.give([7; 16], at(NOON));
    assert!(one.has_key(at(NOON)));
    let first = visitor(&one, NOON);
    assert!(first.is_some());
    assert_eq!(visitor(&other, NOON), first);
    let midnight = NOON + DAY_MS / 2;
    assert_eq!(visitor(&one, midnight), None, "no key is made here");
    assert!(!one.has_key(at(midnight)));
    one.give([8; 16], at(midnight));
    assert!(visitor(&one, midnight).is_some_and(|second| Some(second) != first));
}
