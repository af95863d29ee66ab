//! Moments as the encoder writes them: `2026-02-10T21:04:05.123Z`, and nothing else.

/// Bytes of a moment.
pub(super) const BYTES: usize = 24;

const DAY_MS: i64 = 86_400_000;

/// Milliseconds since the epoch; `None` for anything but an existing moment in exactly this form, in the years
/// that need no second look (1 to 9998).
pub(super) fn parse(text: &[u8]) -> Option<i64> {
    let text: &[u8; BYTES] = text.try_into().ok()?;
    let marks = [text[4], text[7], text[10], text[13], text[16], text[19], text[23]];
    if marks != *b"--T::.Z" {
        return None;
    }
    let year = two(text[0], text[1])? * 100 + two(text[2], text[3])?;
    let (month, day) = (two(text[5], text[6])?, two(text[8], text[9])?);
    let (hour, minute) = (two(text[11], text[12])?, two(text[14], text[15])?);
    let second = two(text[17], text[18])?;
    let ms = two(b'0', text[20])? * 100 + two(text[21], text[22])?;
    let exists = (1..=9998).contains(&year)
        && (1..=12).contains(&month)
        && (1..=days_in(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    exists.then(|| days(year, month, day) * DAY_MS + ((hour * 60 + minute) * 60 + second) * 1_000 + ms)
}

fn two(tens: u8, ones: u8) -> Option<i64> {
    let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
    (tens < 10 && ones < 10).then(|| i64::from(tens) * 10 + i64::from(ones))
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to a date of the Gregorian calendar: H. Hinnant, "chrono-compatible low-level date
/// algorithms", `days_from_civil`.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use onepixel_event::Time;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_no_moment_is_left_to_the_decoder() {
        for text in [
            "2026-02-30T00:00:00.000Z",
            "2026-02-10T24:00:00.000Z",
            "2026-02-10T21:04:60.123Z",
            "2026-02-10T21:04:05.123+",
            "2026-13-10T21:04:05.123Z",
            "2026-02-10 21:04:05.123Z",
            "2026-02-10T21:04:05Z",
            "0000-02-10T21:04:05.123Z",
            "9999-12-31T00:00:00.000Z",
            "",
        ] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
        assert_eq!(parse(b"2024-02-29T00:00:00.001Z"), Some(1_709_164_800_001));
    }

    proptest! {
        #[test]
        fn agrees_with_the_calendar(ms in -62_135_596_800_000_i64..=253_370_764_800_000 - 1) {
            prop_assert_eq!(parse(Time::from_ms(ms).to_string().as_bytes()), Some(ms));
        }
    }
}
