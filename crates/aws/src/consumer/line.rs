//! A line from the stream: held to what ingest would have written.

use onepixel_event::{Event, EventId, Time, limits};
use onepixel_gateway::ingest;

/// How far a line may be ahead of its arrival in the stream: clocks differ, but a counter of next year would stay for a year
/// and a day, in a folder of the archive that nobody looks into.
const AHEAD_MS: i64 = 24 * 60 * 60 * 1000;

/// 2026-01-01: before it there were no events, and the archive's tables begin with it.
const EARLIEST_MS: i64 = 1_767_225_600_000;

/// The event's id and time, or the reason why the bytes are no event's line.
pub(super) fn read(line: &[u8], arrived_at: Time) -> Result<(EventId, Time), String> {
    if line.len() > limits::ENCODED_BYTES_MAX {
        return Err(format!(
            "a line of {} bytes, at most {} are taken",
            line.len(),
            limits::ENCODED_BYTES_MAX
        ));
    }
    let text = std::str::from_utf8(line).map_err(|error| format!("not UTF-8: {error}"))?;
    // Fields without names would pass as an event otherwise.
    if !text.starts_with('{') || !text.ends_with('}') {
        return Err("not an event: expected one JSON object".to_owned());
    }
    if text.bytes().any(|byte| byte < 0x20) {
        return Err("not an event: it holds control characters".to_owned());
    }
    let event = Event::decode(line).map_err(|error| error.to_string())?;
    ingest::check(&event).map_err(|error| error.to_string())?;
    check_time(event.received_at, arrived_at)?;
    Ok((event.id, event.received_at))
}

/// Refuses a time that no clock of ours can have shown.
pub(super) fn check_time(received_at: Time, arrived_at: Time) -> Result<(), String> {
    if received_at.ms() < EARLIEST_MS {
        return Err(format!("received_at: {received_at} is before {}", Time::from_ms(EARLIEST_MS)));
    }
    if received_at.ms() > arrived_at.ms().saturating_add(AHEAD_MS) {
        return Err(format!(
            "received_at: {received_at} is more than a day after it arrived in the stream, at {arrived_at}"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use onepixel_event::Source;
    use proptest::prelude::*;

    use super::*;

    const ARRIVED: i64 = 1_770_757_445_123;

    fn line(change: impl FnOnce(&mut Event<'_>)) -> Vec<u8> {
        let at = Time::from_ms(ARRIVED);
        let mut event = Event::new(EventId::at(at, [7; 10]), at, Source::Pixel, "pageview", "blog");
        event.page_path = Some("/a \"b\"".into());
        change(&mut event);
        let mut line = Vec::new();
        event.encode(&mut line);
        line
    }

    #[track_caller]
    fn check(line: &[u8], expected: Option<&str>) {
        let read = read(line, Time::from_ms(ARRIVED));
        match expected {
            None => assert_eq!(read.map(|(_, at)| at.ms()), Ok(ARRIVED)),
            Some(part) => assert!(read.clone().is_err_and(|reason| reason.contains(part)), "{read:?}"),
        }
    }

    #[test]
    fn a_line_is_an_event_within_the_limits_or_poison() {
        check(&line(|_| ()), None);
        check(b"hello", Some("expected one JSON object"));
        check(b"[\"a\",1]", Some("expected one JSON object"));
        check(b"{}", Some("missing field"));
        check(b"{\xff}", Some("not UTF-8"));
        check(&[line(|_| ()), b"{}".to_vec()].concat(), Some("trailing"));
        check(&[line(|_| ()), b"\r".to_vec()].concat(), Some("expected one JSON object"));
        let with_tab = String::from_utf8(line(|_| ())).unwrap().replace(",\"site\"", ",\t\"site\"");
        check(with_tab.as_bytes(), Some("control characters"));
        check(&line(|event| event.site = "s".repeat(300).into()), Some("site: 300 bytes"));
        check(&line(|event| event.event = "".into()), Some("event: 0 characters"));
        check(&line(|event| event.title = Some("x".repeat(300_000).into())), Some("a line of"));
        check(&line(|event| event.id = EventId::parse(&"0".repeat(32)).unwrap()), Some("nil"));
    }

    #[test]
    fn its_time_is_one_that_a_clock_can_have_shown() {
        let at = |ms| line(|event| event.received_at = Time::from_ms(ms));
        let read = |ms| read(&at(ms), Time::from_ms(ARRIVED));
        assert!(read(ARRIVED + AHEAD_MS).is_ok() && read(EARLIEST_MS).is_ok());
        check(&at(ARRIVED + AHEAD_MS + 1), Some("more than a day after"));
        check(&at(EARLIEST_MS - 1), Some("before 2026"));
        check(&at(0), Some("before 2026"));
    }

    proptest! {
        #[test]
        fn a_line_off_by_a_byte_is_still_an_event_or_poison(at: prop::sample::Index, byte: u8) {
            let mut line = line(|_| ());
            let at = at.index(line.len());
            line[at] = byte;
            if let Ok((id, received_at)) = read(&line, Time::from_ms(ARRIVED)) {
                let event = Event::decode(&line).unwrap();
                prop_assert_eq!((event.id, event.received_at), (id, received_at));
            }
        }
    }
}
