//! The name of an object: a function of the stream positions it holds, so that a retry overwrites itself.
//!
//! Numbers are plain decimal, as every other output of the product shows them. Padding them would not make names
//! sort by offset: the timestamp stands first, and events are stamped before they get their offset.

use std::fmt;
use std::str::FromStr;

use onepixel_consumer::Offset;
use onepixel_event::Time;

const FOLDER: &str = "events";
const ENDING: &str = ".json.gz";

/// The name of an object, relative to the archive's root: consecutive records of one partition and one UTC hour.
///
/// Written and read as
/// `events/year=YYYY/month=MM/day=DD/hour=HH/{timestamp}-{partition}-{first}-{last}.json.gz`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectName {
    /// When the first event was received; gives the hour's folder and the timestamp.
    pub first_at: Time,
    /// The stream's partition.
    pub partition: u32,
    /// The first record's offset.
    pub first: Offset,
    /// The last record's offset, itself included.
    pub last: Offset,
}

/// A name that is not one of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the name of an archive object")]
pub struct ForeignName;

impl ObjectName {
    /// How many records, and so lines, the object holds.
    pub fn records(&self) -> u64 {
        (self.last - self.first).saturating_add(1)
    }

    /// True when both hold the record at some offset.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        self.partition == other.partition && self.first <= other.last && other.first <= self.last
    }

    /// True when the object holds the record at `offset` of `partition`.
    pub fn holds(&self, partition: u32, offset: Offset) -> bool {
        self.partition == partition && (self.first..=self.last).contains(&offset)
    }

    /// The folder of every event object.
    pub(crate) fn root_folder() -> &'static str {
        FOLDER
    }

    /// The folder of the UTC hour of `time`, without a slash at the end.
    pub fn hour_folder(time: Time) -> String {
        let (year, month, day, hour, ..) = time.civil();
        format!("{FOLDER}/year={year:04}/month={month:02}/day={day:02}/hour={hour:02}")
    }

    /// The same for an object of another stream, whose partition and positions have names of their own: they stand
    /// behind the time of its first event, in the folder of its hour.
    pub fn elsewhere(first_at: Time, partition: &str, first: &str, last: &str) -> String {
        format!("{}/{}-{partition}-{first}-{last}{ENDING}", Self::hour_folder(first_at), Stamp(first_at))
    }
}

/// `20260210T210405123Z`
struct Stamp(Time);

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day, hour, minute, second, ms) = self.0.civil();
        write!(f, "{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}{ms:03}Z")
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { first_at, partition, first, last } = *self;
        let folder = Self::hour_folder(first_at);
        write!(f, "{folder}/{}-{partition}-{first}-{last}{ENDING}", Stamp(first_at))
    }
}

impl FromStr for ObjectName {
    type Err = ForeignName;

    fn from_str(text: &str) -> Result<Self, ForeignName> {
        let name = parse_file(text.rsplit('/').next().unwrap_or(text)).ok_or(ForeignName)?;
        // Writing the name again also checks the folder, and that numbers have one spelling only.
        if name.last >= name.first && name.to_string() == text { Ok(name) } else { Err(ForeignName) }
    }
}

fn parse_file(file: &str) -> Option<ObjectName> {
    let mut parts = file.strip_suffix(ENDING)?.split('-');
    let first_at = parse_timestamp(parts.next()?)?;
    let partition = parts.next()?.parse().ok()?;
    let first = parts.next()?.parse().ok()?;
    let last = parts.next()?.parse().ok()?;
    parts.next().is_none().then_some(ObjectName { first_at, partition, first, last })
}

/// Reads `20260210T210405123Z`.
fn parse_timestamp(text: &str) -> Option<Time> {
    if text.len() != 19 || !text.is_ascii() {
        return None;
    }
    let (date, time) = text.split_once('T')?;
    let (year, month, day) = (date.get(..4)?, date.get(4..6)?, date.get(6..8)?);
    let (hour, minute, second, ms) = (time.get(..2)?, time.get(2..4)?, time.get(4..6)?, time.get(6..9)?);
    Time::parse(&format!("{year}-{month}-{day}T{hour}:{minute}:{second}.{ms}Z")).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const YEAR_0: i64 = -62_167_219_200_000;
    const YEAR_9999: i64 = 253_370_764_800_000;
    const NAME: &str = "events/year=2026/month=02/day=10/hour=21/20260210T210405123Z-0-7-9.json.gz";

    #[track_caller]
    fn check(text: &str, expected: Option<u64>) {
        assert_eq!(text.parse::<ObjectName>().ok().map(|name| name.records()), expected, "{text}");
    }

    #[test]
    fn reads_only_its_own_names() {
        check(NAME, Some(3));
        check(&NAME.replace("0-7-9", "0-7-7"), Some(1));
        check(&NAME.replace("0-7-9", "4294967295-0-18446744073709551615"), Some(u64::MAX));
        check(&NAME.replace("hour=21", "hour=22"), None);
        check(&NAME.replace("events/", "parquet/"), None);
        check(&NAME.replace("0-7-9", "0-9-7"), None);
        check(&NAME.replace("0-7-9", "0-07-9"), None);
        check(&NAME.replace("0-7-9", "0-+7-9"), None);
        check(&NAME.replace("0-7-9", "0-7-9-1"), None);
        check(&NAME.replace("0-7-9", "0-7"), None);
        check(&NAME.replace("0-7-9", "4294967296-7-9"), None);
        check(&NAME.replace("0-7-9", "0-7-18446744073709551616"), None);
        check(&NAME.replace("20260210T210405123Z", "20260230T210405123Z"), None);
        check(&NAME.replace("20260210T210405123Z", "2026021éT10405123Z"), None);
        check(&NAME.replace(".json.gz", ".json"), None);
        check(&format!("{NAME}#1"), None);
        check(&format!("prefix/{NAME}"), None);
        check("", None);
    }

    #[test]
    fn another_streams_objects_are_named_alike() {
        let first_at = NAME.parse::<ObjectName>().unwrap().first_at;
        assert_eq!(ObjectName::elsewhere(first_at, "0", "7", "9"), NAME);
    }

    #[test]
    fn holds_the_offsets_it_names() {
        let name: ObjectName = NAME.parse().unwrap();
        assert!(name.holds(0, 7) && name.holds(0, 9));
        assert!(!name.holds(0, 6) && !name.holds(0, 10) && !name.holds(1, 8));
    }

    proptest! {
        #[test]
        fn every_name_is_read_back(ms in YEAR_0..YEAR_9999, partition in any::<u32>(), a in any::<u64>(), b in any::<u64>()) {
            let name = ObjectName { first_at: Time::from_ms(ms), partition, first: a.min(b), last: a.max(b) };
            prop_assert_eq!(name.to_string().parse(), Ok(name));
        }

        #[test]
        fn any_text_is_read_without_panic(text in any::<String>()) {
            if let Ok(name) = text.parse::<ObjectName>() {
                prop_assert_eq!(name.to_string(), text);
            }
        }
    }
}
