//! Time as events carry it: milliseconds since the Unix epoch, shown as RFC 3339 UTC.

use std::fmt;

use jiff::{Timestamp, tz::TimeZone};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A moment, in milliseconds since 1970-01-01T00:00:00Z, within the years 0000 to 9999 (all that RFC 3339 can write).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(i64);

/// Why a text is not a [`Time`].
#[derive(Debug, thiserror::Error)]
#[error("not an RFC 3339 time between the years 0000 and 9999")]
pub struct InvalidTime;

const MS_MIN: i64 = -62_167_219_200_000;
/// 9999-12-30T22:00:00.000Z, the last millisecond that the calendar library converts.
const MS_MAX: i64 = 253_402_207_200_000;
const HOUR_MS: i64 = 3_600_000;

impl Time {
    /// The moment `ms` milliseconds after the epoch, clamped to the years 0000 to 9999.
    pub fn from_ms(ms: i64) -> Self {
        Self(ms.clamp(MS_MIN, MS_MAX))
    }

    /// Milliseconds since the epoch.
    pub fn ms(self) -> i64 {
        self.0
    }

    /// The start of the UTC hour this moment lies in: the archive's partition.
    pub fn hour_start(self) -> Self {
        Self::from_ms(self.0.div_euclid(HOUR_MS) * HOUR_MS)
    }

    /// Reads an RFC 3339 time with any offset; fractions below a millisecond are cut.
    ///
    /// # Errors
    /// [`InvalidTime`] when the text is not such a time or lies outside the years 0000 to 9999.
    pub fn parse(text: &str) -> Result<Self, InvalidTime> {
        let timestamp: Timestamp = text.parse().map_err(|_| InvalidTime)?;
        let ms = timestamp.as_nanosecond().div_euclid(1_000_000);
        let ms = i64::try_from(ms).map_err(|_| InvalidTime)?;
        if (MS_MIN..=MS_MAX).contains(&ms) { Ok(Self(ms)) } else { Err(InvalidTime) }
    }

    /// Writes the 24 characters of RFC 3339 in UTC, without allocating.
    pub fn encode(self, buffer: &mut [u8; 24]) -> &str {
        let (year, month, day, hour, minute, second, ms) = self.civil();
        buffer.copy_from_slice(b"0000-00-00T00:00:00.000Z");
        digits(&mut buffer[0..4], year);
        digits(&mut buffer[5..7], month);
        digits(&mut buffer[8..10], day);
        digits(&mut buffer[11..13], hour);
        digits(&mut buffer[14..16], minute);
        digits(&mut buffer[17..19], second);
        digits(&mut buffer[20..23], ms);
        // Digits and signs only, so always text.
        std::str::from_utf8(buffer).unwrap_or_default()
    }

    /// Year, month, day, hour, minute, second and millisecond in UTC.
    pub fn civil(self) -> (i16, i8, i8, i8, i8, i8, i16) {
        let at = TimeZone::UTC.to_datetime(Timestamp::from_millisecond(self.0).unwrap_or_default());
        (at.year(), at.month(), at.day(), at.hour(), at.minute(), at.second(), at.millisecond())
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.encode(&mut [0; 24]))
    }
}

/// Writes a number that is not negative over `field`, with leading zeros.
fn digits(field: &mut [u8], number: impl Into<i64>) {
    let mut rest = number.into().unsigned_abs();
    for digit in field.iter_mut().rev() {
        *digit = b"0123456789"[(rest % 10) as usize];
        rest /= 10;
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<&str>) {
        assert_eq!(Time::parse(text).ok().map(|t| t.to_string()).as_deref(), expected, "{text}");
    }

    #[test]
    fn reads_and_writes_rfc_3339() {
        check("2026-02-10T21:04:05.123Z", Some("2026-02-10T21:04:05.123Z"));
        check("2026-02-10T23:04:05.1239+02:00", Some("2026-02-10T21:04:05.123Z"));
        check("0000-01-01T00:00:00Z", Some("0000-01-01T00:00:00.000Z"));
        check("9999-12-30T21:00:00.999Z", Some("9999-12-30T21:00:00.999Z"));
        check("9999-12-31T00:00:00Z", None);
        check("-000001-12-31T23:59:59Z", None);
        check("2026-02-30T00:00:00Z", None);
        check("yesterday", None);
        check("", None);
    }

    #[test]
    fn clamps_to_what_rfc_3339_can_write() {
        assert_eq!(Time::from_ms(i64::MIN).to_string(), "0000-01-01T00:00:00.000Z");
        assert_eq!(Time::from_ms(i64::MAX).to_string(), "9999-12-30T22:00:00.000Z");
        assert_eq!(Time::parse("9999-12-30T22:00:00Z").ok(), Some(Time::from_ms(i64::MAX)));
    }

    #[test]
    fn an_hour_starts_at_its_start_before_the_epoch_too() {
        assert_eq!(Time::from_ms(-1).hour_start().ms(), -HOUR_MS);
        assert_eq!(Time::from_ms(HOUR_MS + 1).hour_start().ms(), HOUR_MS);
    }
}
