//! Packing lines into records.

use bytes::Bytes;
use onepixel_event::Time;
use serde::Deserialize;

use super::{RECORD_BYTES_MAX, UNIT_BYTES};

/// Lines of one UTC hour, as the data of one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    /// The lines, each with its line end.
    pub data: Bytes,
    /// How many they are.
    pub lines: usize,
}

/// A line that no record can hold.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a line of {bytes} bytes is over the {bytes_max} that one Kinesis record may hold")]
pub struct TooLarge {
    /// Its length, line end included.
    pub bytes: usize,
    /// What is left of the record's limit beside the partition key.
    pub bytes_max: usize,
}

/// Gathers lines in the order in which they come. Which lines share a record depends on nothing but the lines and the
/// length of the key: packing the same lines again makes the same records.
#[derive(Debug)]
pub struct Packer {
    key_bytes: usize,
    data: Vec<u8>,
    lines: usize,
    hour: Option<Time>,
}

impl Packer {
    /// A packer of records whose partition keys have at most this many bytes.
    pub fn new(key_bytes: usize) -> Self {
        Self { key_bytes, data: Vec::new(), lines: 0, hour: None }
    }

    /// Adds a line, given without its line end. Returns the record that is complete without it, if there is one.
    ///
    /// A line that does not say when it was received shares its record with none that does: whoever reads it will
    /// judge it.
    ///
    /// # Errors
    /// [`TooLarge`]; the packer is then as it was before.
    pub fn push(&mut self, line: &[u8]) -> Result<Option<Packed>, TooLarge> {
        let (bytes, bytes_max) = (line.len() + 1, RECORD_BYTES_MAX.saturating_sub(self.key_bytes));
        if bytes > bytes_max {
            return Err(TooLarge { bytes, bytes_max });
        }
        let hour = hour(line);
        let fits = hour == self.hour && self.key_bytes + self.data.len() + bytes <= UNIT_BYTES;
        let complete = if fits { None } else { self.finish() };
        self.hour = hour;
        self.data.extend_from_slice(line);
        self.data.push(b'\n');
        self.lines += 1;
        Ok(complete)
    }

    /// The record that is not complete yet; none when it is empty.
    pub fn finish(&mut self) -> Option<Packed> {
        let lines = std::mem::take(&mut self.lines);
        (lines > 0).then(|| Packed { data: std::mem::take(&mut self.data).into(), lines })
    }
}

impl Packed {
    /// Packs lines at once, in their order.
    ///
    /// # Errors
    /// [`TooLarge`] for the first line that no record can hold.
    pub fn all<'a>(
        key_bytes: usize,
        lines: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<Vec<Self>, TooLarge> {
        let mut packer = Packer::new(key_bytes);
        let mut records = Vec::new();
        for line in lines {
            records.extend(packer.push(line)?);
        }
        records.extend(packer.finish());
        Ok(records)
    }
}

/// The UTC hour in which the event of a line was received.
fn hour(line: &[u8]) -> Option<Time> {
    #[derive(Deserialize)]
    struct Stamp {
        received_at: Time,
    }
    encoded_time(line)
        .or_else(|| serde_json::from_slice(line).ok().map(|stamp: Stamp| stamp.received_at))
        .map(Time::hour_start)
}

/// The time of a line that begins as the encoder begins every line.
fn encoded_time(line: &[u8]) -> Option<Time> {
    const ID_BYTES: usize = 36;
    const TIME_BYTES: usize = 24;
    let (_, rest) = line.strip_prefix(br#"{"id":""#)?.split_at_checked(ID_BYTES)?;
    let (time, rest) = rest.strip_prefix(br#"","received_at":""#)?.split_at_checked(TIME_BYTES)?;
    let time = std::str::from_utf8(time).ok()?;
    rest.starts_with(b"\"").then(|| Time::parse(time).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use onepixel_event::{Event, EventId, Source};
    use proptest::prelude::*;

    use super::*;

    const HOUR_MS: i64 = 3_600_000;
    const KEY: usize = 36;

    fn line(ms: i64, bytes: usize) -> Vec<u8> {
        let at = Time::from_ms(ms);
        let mut line = Vec::new();
        Event::new(EventId::at(at, [7; 10]), at, Source::Pixel, "pageview", "").encode(&mut line);
        let short = line.len();
        line.clear();
        let site = "s".repeat(bytes - short);
        Event::new(EventId::at(at, [7; 10]), at, Source::Pixel, "pageview", site).encode(&mut line);
        assert_eq!(line.len(), bytes);
        line
    }

    /// Each line is its hour and its length without line end; each record is its number of lines.
    #[track_caller]
    fn check(lines: &[(i64, usize)], expected: &[usize]) {
        let lines: Vec<_> = lines.iter().map(|(hour, bytes)| line(hour * HOUR_MS, *bytes)).collect();
        let records = Packed::all(KEY, lines.iter().map(Vec::as_slice)).unwrap();
        assert_eq!(records.iter().map(|record| record.lines).collect::<Vec<_>>(), expected);
        let text: Vec<u8> = lines.iter().flat_map(|line| [line.as_slice(), b"\n"].concat()).collect();
        assert_eq!(records.iter().flat_map(|record| record.data.to_vec()).collect::<Vec<_>>(), text);
    }

    #[test]
    fn a_record_is_full_at_one_unit_with_its_key() {
        let half = (UNIT_BYTES - KEY) / 2 - 1;
        check(&[], &[]);
        check(&[(1, 500)], &[1]);
        check(&[(1, half), (1, half)], &[2]);
        check(&[(1, half), (1, half + 1)], &[1, 1]);
        check(&[(1, half), (1, half), (1, 500)], &[2, 1]);
    }

    #[test]
    fn a_longer_line_stands_alone() {
        check(&[(1, 500), (1, UNIT_BYTES), (1, 500), (1, 500)], &[1, 1, 2]);
        check(&[(1, UNIT_BYTES), (1, 4 * UNIT_BYTES)], &[1, 1]);
    }

    #[test]
    fn hours_never_share_a_record() {
        check(&[(1, 500), (1, 500), (2, 500), (1, 500)], &[2, 1, 1]);
    }

    #[test]
    fn a_line_that_no_record_holds_is_refused_and_leaves_the_others() {
        let mut packer = Packer::new(KEY);
        assert_eq!(packer.push(b"{}"), Ok(None));
        let (bytes, bytes_max) = (RECORD_BYTES_MAX - KEY + 1, RECORD_BYTES_MAX - KEY);
        assert_eq!(packer.push(&vec![b'x'; bytes - 1]), Err(TooLarge { bytes, bytes_max }));
        assert_eq!(packer.push(b"{}"), Ok(None));
        assert_eq!(packer.finish().map(|record| record.lines), Some(2));
        assert_eq!(packer.finish(), None);
        let largest = vec![b'x'; bytes_max - 1];
        assert_eq!(Packed::all(KEY, [largest.as_slice()]).unwrap()[0].data.len(), bytes_max);
    }

    #[test]
    fn what_says_no_hour_is_kept_apart() {
        let event = line(0, 500);
        let records = Packed::all(KEY, [b"junk".as_slice(), b"[]", &event, b"junk"]).unwrap();
        assert_eq!(records.iter().map(|record| record.lines).collect::<Vec<_>>(), [2, 1, 1]);
    }

    #[test]
    fn the_hour_is_read_however_the_line_is_written() {
        let hour_of = |text: &str| hour(text.as_bytes()).map(Time::ms);
        let id = "0194f000-0000-7000-8000-000000000000";
        assert_eq!(
            hour_of(&format!(r#"{{"id":"{id}","received_at":"1970-01-01T01:59:59.999Z","x":1}}"#)),
            Some(HOUR_MS)
        );
        assert_eq!(hour_of(r#"{ "received_at": "1970-01-01T03:59:59+02:00", "id": "x" }"#), Some(HOUR_MS));
        assert_eq!(hour_of(&format!(r#"{{"id":"{id}","received_at":"yesterday, at a late hour"}}"#)), None);
        assert_eq!(hour_of(""), None);
    }

    proptest! {
        #[test]
        fn records_keep_every_line_in_order_and_every_limit(
            lines in prop::collection::vec((0i64..3, 200usize..9000), 0..60),
        ) {
            let encoded: Vec<_> = lines.iter().map(|(hour, bytes)| line(hour * HOUR_MS, *bytes)).collect();
            let records = Packed::all(KEY, encoded.iter().map(Vec::as_slice)).unwrap();
            let read: Vec<Vec<u8>> = records
                .iter()
                .flat_map(|record| record.data.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect::<Vec<_>>())
                .collect();
            let expected: Vec<Vec<u8>> = encoded.iter().map(|line| [line.as_slice(), b"\n"].concat()).collect();
            prop_assert_eq!(read, expected);
            for record in &records {
                prop_assert!(record.data.len() + KEY <= UNIT_BYTES);
                let mut hours: Vec<_> = record.data.split(|byte| *byte == b'\n').filter_map(hour).collect();
                prop_assert_eq!(hours.len(), record.lines);
                hours.dedup();
                prop_assert_eq!(hours.len(), 1);
            }
        }
    }
}
