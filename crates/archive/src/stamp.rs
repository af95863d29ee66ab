//! When a line was received, read without decoding the line.
//!
//! A line that begins as the encoder begins every line is taken by its form: one line of UTF-8 without control
//! characters that a brace closes; for what stands in between the encoder vouches, and the stream's checksums for
//! the way since. Any other line is skimmed to its end by the JSON reader.

use onepixel_event::Time;
use serde::Deserialize;

/// How the encoder begins a line: an id of 36 characters and a time of 24 stand between these.
const BEFORE_ID: &[u8] = br#"{"id":""#;
const BEFORE_TIME: &[u8] = br#"","received_at":""#;
const ID_BYTES: usize = 36;
const TIME_BYTES: usize = 24;
/// How much of a time says which hour it is: `2026-02-10T21`.
const HOUR_BYTES: usize = 13;

/// Reads one line after the other. Neighbours mostly come in the same hour, so that its text is parsed once.
#[derive(Debug, Default)]
pub(crate) struct Stamps {
    hour: Option<([u8; HOUR_BYTES], Time)>,
}

impl Stamps {
    /// When the event of this line was received, or why it is none.
    pub(crate) fn received_at(&mut self, line: &[u8]) -> Result<Time, String> {
        match encoded_time(line).and_then(|time| self.read(time)) {
            Some(time) if is_one_line(line) => Ok(time),
            _ => skim(line),
        }
    }

    /// Reads `2026-02-10T21:04:05.123Z`; other ways to write a time are left to the parser.
    fn read(&mut self, text: &[u8; TIME_BYTES]) -> Option<Time> {
        let (hour, rest) = text.split_first_chunk::<HOUR_BYTES>()?;
        let &[b':', m, m1, b':', s, s1, b'.', ms, ms1, ms2, b'Z'] = rest else { return None };
        let (minute, second) = (number(&[m, m1])?, number(&[s, s1])?);
        let ms = number(&[ms, ms1, ms2])?;
        if minute > 59 || second > 59 {
            return None;
        }
        let start = match self.hour {
            Some((known, start)) if known == *hour => start,
            _ => {
                let text = format!("{}:00:00.000Z", std::str::from_utf8(hour).ok()?);
                let start = Time::parse(&text).ok()?;
                self.hour = Some((*hour, start));
                start
            }
        };
        Some(Time::from_ms(start.ms() + (minute * 60 + second) * 1000 + ms))
    }
}

fn number(digits: &[u8]) -> Option<i64> {
    let digit = |sum: i64, byte: &u8| byte.is_ascii_digit().then(|| sum * 10 + i64::from(byte - b'0'));
    digits.iter().try_fold(0, digit)
}

/// The text of `received_at`, when the line begins as the encoder begins it.
fn encoded_time(line: &[u8]) -> Option<&[u8; TIME_BYTES]> {
    let (id, rest) = line.strip_prefix(BEFORE_ID)?.split_at_checked(ID_BYTES)?;
    let (time, rest) = rest.strip_prefix(BEFORE_TIME)?.split_first_chunk()?;
    let is_id = id.iter().fold(true, |is_id, byte| is_id & (byte.is_ascii_hexdigit() | (*byte == b'-')));
    let follows = rest.starts_with(b"\",") || rest == b"\"}";
    (is_id && follows && line.ends_with(b"}")).then_some(time)
}

/// True when it is UTF-8 without control characters, and so without line ends.
fn is_one_line(line: &[u8]) -> bool {
    // Looking at every byte without stopping is what the compiler turns into wide instructions.
    let (lowest, highest) =
        line.iter().fold((u8::MAX, 0), |(low, high), &byte| (byte.min(low), byte.max(high)));
    lowest >= b' ' && (highest.is_ascii() || std::str::from_utf8(line).is_ok())
}

/// The only field that decides where a line goes.
#[derive(Deserialize)]
struct Stamp<'a> {
    received_at: &'a str,
}

fn skim(payload: &[u8]) -> Result<Time, String> {
    // JSON may hold line ends between its tokens, a line may not.
    if payload.contains(&b'\n') || payload.contains(&b'\r') {
        return Err("it holds a raw line end".to_owned());
    }
    // Skipped text is not checked by the JSON reader.
    let line = std::str::from_utf8(payload).map_err(|e| format!("it is not UTF-8: {e}"))?;
    // A list of values would pass as an object otherwise.
    if !line.starts_with('{') {
        return Err("it is not a JSON object".to_owned());
    }
    let stamp: Stamp<'_> = serde_json::from_str(line).map_err(|e| e.to_string())?;
    Time::parse(stamp.received_at).map_err(|e| format!("received_at {:?} is {e}", stamp.received_at))
}

#[cfg(test)]
mod tests {
    use onepixel_event::{Event, EventId, Source};
    use proptest::prelude::*;

    use super::*;

    const HOUR_MS: i64 = 3_600_000;

    fn line(ms: i64, event: &str) -> Vec<u8> {
        let at = Time::from_ms(ms);
        let mut line = Vec::new();
        Event::new(EventId::at(at, [7; 10]), at, Source::Api, event, "site").encode(&mut line);
        line
    }

    #[track_caller]
    fn check_fast(line: &[u8], expected: Option<&str>) {
        let time =
            encoded_time(line).filter(|_| is_one_line(line)).and_then(|time| Stamps::default().read(time));
        assert_eq!(
            time,
            expected.map(|time| Time::parse(time).unwrap()),
            "{}",
            String::from_utf8_lossy(line)
        );
    }

    #[test]
    fn what_the_encoder_writes_is_read_at_its_place() {
        check_fast(&line(0, "pageview"), Some("1970-01-01T00:00:00.000Z"));
        check_fast(&line(1_770_757_445_123, "bl\u{f8}g \"\n"), Some("2026-02-10T21:04:05.123Z"));
        check_fast(&line(-1, "x"), Some("1969-12-31T23:59:59.999Z"));
    }

    #[test]
    fn any_other_line_is_left_to_the_json_reader() {
        let sound = String::from_utf8(line(1_770_757_445_123, "x")).unwrap();
        for (from, to) in [
            ("{\"id\"", "{ \"id\""),
            ("\"id\":\"", "\"id\":\"\\"),
            ("received_at", "sent_at"),
            ("21:04:05.123Z\"", "21:04:05.123z\""),
            ("21:04:05", "21:64:05"),
            ("21:04:05", "21:04:60"),
            ("2026-02-10", "2026-02-30"),
            ("21:04:05.123Z", "21:04:05+00:00"),
            ("Z\",", "Z\" ,"),
            ("x", "\n"),
            ("x", "\u{1}"),
        ] {
            let other = sound.replacen(from, to, 1);
            assert_ne!(other, sound);
            check_fast(other.as_bytes(), None);
        }
        check_fast(&[sound.as_bytes(), b" "].concat(), None);
        check_fast(&[&sound.as_bytes()[..90], b"\xff\"}"].concat(), None);
        for end in 0..sound.len() - 1 {
            check_fast(&sound.as_bytes()[..end], None);
        }
    }

    proptest! {
        #[test]
        fn both_ways_read_the_same(hours in prop::collection::vec(-3i64..3, 1..8), within in 0..HOUR_MS, event in "\\PC{0,9}") {
            let mut stamps = Stamps::default();
            for hour in hours {
                let line = line(1_770_757_445_123 + hour * HOUR_MS + within, &event);
                prop_assert_eq!(stamps.received_at(&line), skim(&line));
            }
        }

        #[test]
        fn what_the_json_reader_takes_is_taken_alike(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
            let mut line = line(1_770_757_445_123, "pageview");
            let at = at.index(line.len());
            line[at] = byte;
            if let Ok(time) = skim(&line) {
                prop_assert_eq!(Stamps::default().received_at(&line), Ok(time));
            }
        }
    }
}
