//! The points of a series: minutes, hours or days of a time zone, one after the other.
//!
//! Days begin at the zone's first moment of the date, so that they have 23 or 25 hours where clocks are changed;
//! hours begin where the zone's clock shows a full hour, or where it is set to another hour.

use jiff::tz::TimeZone;
use jiff::{Timestamp, ZonedDateTime};
use serde::{Deserialize, Serialize};

use crate::error::QueryError;
use crate::limits::SERIES_POINTS_MAX;

const MINUTE_MS: i64 = 60_000;

/// What one point of a series stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "describe", derive(utoipa::ToSchema))]
pub enum Unit {
    /// A minute.
    Minute,
    /// An hour of the zone.
    Hour,
    /// A day of the zone.
    Day,
}

impl Unit {
    /// Milliseconds that every one of them but a few has, or more.
    fn usual_ms(self) -> i64 {
        match self {
            Self::Minute => MINUTE_MS,
            Self::Hour => 60 * MINUTE_MS,
            Self::Day => 24 * 60 * MINUTE_MS,
        }
    }
}

/// Where points begin; each ends where the next begins.
pub struct Grid {
    /// What each stands for.
    pub unit: Unit,
    /// The zone whose hours and days they are.
    pub zone: String,
    /// In milliseconds since the epoch; the last one is the end of the last point.
    pub bounds: Vec<i64>,
}

impl Grid {
    /// The points that `from_ms..to_ms` lies in.
    ///
    /// # Errors
    /// [`QueryError::Zone`] and [`QueryError::TooManyPoints`].
    pub fn new(unit: Unit, zone: &str, from_ms: i64, to_ms: i64) -> Result<Self, QueryError> {
        let time_zone = TimeZone::get(zone).map_err(|_| QueryError::Zone { zone: zone.to_owned() })?;
        let too_many = || QueryError::TooManyPoints { points_max: SERIES_POINTS_MAX };
        let points_max = i64::try_from(SERIES_POINTS_MAX).unwrap_or(i64::MAX);
        if to_ms.saturating_sub(from_ms) / unit.usual_ms() > points_max {
            return Err(too_many());
        }
        let mut bounds = Vec::new();
        if from_ms < to_ms {
            // A range beyond the calendar holds no events; it has no points either.
            let mut at = start(unit, &time_zone, from_ms);
            while let Some(ms) = at.filter(|ms| bounds.last().is_none_or(|last| last < ms)) {
                bounds.push(ms);
                if ms >= to_ms {
                    break;
                }
                at = next(unit, &time_zone, ms);
            }
        }
        if bounds.len() > SERIES_POINTS_MAX + 1 {
            return Err(too_many());
        }
        Ok(Self { unit, zone: zone.to_owned(), bounds })
    }

    /// The number of the point that a moment of the range lies in.
    pub fn point(&self, ms: i64) -> usize {
        self.bounds.partition_point(|bound| *bound <= ms).saturating_sub(1)
    }
}

fn local(zone: &TimeZone, ms: i64) -> Option<ZonedDateTime> {
    Some(Timestamp::from_millisecond(ms).ok()?.to_zoned_datetime(zone.clone()))
}

/// Where the point begins that `ms` lies in.
fn start(unit: Unit, zone: &TimeZone, ms: i64) -> Option<i64> {
    match unit {
        Unit::Minute => Some(ms.div_euclid(MINUTE_MS) * MINUTE_MS),
        Unit::Day => Some(local(zone, ms)?.start_of_day().ok()?.timestamp().as_millisecond()),
        Unit::Hour => {
            // The last bound at or before the moment, counted from one that is surely before it.
            let day = start(Unit::Day, zone, ms)?;
            let mut at = day;
            while let Some(after) = next(Unit::Hour, zone, at).filter(|after| *after <= ms && *after > at) {
                at = after;
            }
            Some(at)
        }
    }
}

/// Where the point ends that begins at `ms`.
fn next(unit: Unit, zone: &TimeZone, ms: i64) -> Option<i64> {
    match unit {
        Unit::Minute => ms.checked_add(MINUTE_MS),
        Unit::Day => {
            let today = local(zone, ms)?;
            let tomorrow = today.date().tomorrow().ok()?.to_zoned_datetime(zone.clone()).ok()?;
            Some(tomorrow.start_of_day().ok()?.timestamp().as_millisecond())
        }
        Unit::Hour => {
            let now = local(zone, ms)?;
            let full = full_hour_after(&now, ms);
            let then = local(zone, full)?;
            let is_same_hour = (then.date(), then.hour()) == (now.date(), now.hour());
            // Clocks that are set back by less than an hour make an hour longer; by an hour, one comes twice.
            let is_longer = is_same_hour && (then.minute(), then.second()) != (0, 0);
            Some(if is_longer { full_hour_after(&then, full) } else { full })
        }
    }
}

fn full_hour_after(at: &ZonedDateTime, ms: i64) -> i64 {
    ms + 60 * MINUTE_MS - i64::from(at.minute()) * MINUTE_MS - i64::from(at.second()) * 1_000
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_millisecond()
    }

    fn hours(unit: Unit, zone: &str, from: &str, to: &str) -> Vec<i64> {
        let bounds = Grid::new(unit, zone, at(from), at(to)).unwrap().bounds;
        bounds.windows(2).map(|pair| (pair[1] - pair[0]) / MINUTE_MS).collect()
    }

    #[test]
    fn days_have_the_hours_that_clocks_give_them() {
        let check = |zone, from, to, expected: &[i64]| {
            let minutes: Vec<i64> = expected.iter().map(|hours| hours * 60).collect();
            assert_eq!(hours(Unit::Day, zone, from, to), minutes, "{zone} {from}");
        };
        check("UTC", "2026-03-28T12:00:00Z", "2026-03-30T12:00:00Z", &[24, 24, 24]);
        check("Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-30T12:00:00Z", &[24, 23, 24]);
        check("Europe/Berlin", "2026-10-24T12:00:00Z", "2026-10-26T12:00:00Z", &[24, 25, 24]);
        // Midnight does not exist: the day begins at one.
        check("America/Santiago", "2026-09-05T12:00:00Z", "2026-09-07T12:00:00Z", &[24, 23, 24]);
        // The range ends where a day begins.
        check("Europe/Berlin", "2026-02-09T23:00:00Z", "2026-02-10T23:00:00Z", &[24]);
    }

    #[test]
    fn hours_are_those_of_the_zone() {
        let check = |zone, from, to, expected: &[i64]| {
            assert_eq!(hours(Unit::Hour, zone, from, to), expected, "{zone} {from}");
        };
        check("UTC", "2026-02-10T21:04:00Z", "2026-02-10T23:00:00Z", &[60, 60]);
        check("Asia/Kolkata", "2026-02-10T21:04:00Z", "2026-02-10T22:30:00Z", &[60, 60]);
        check("Europe/Berlin", "2026-10-24T23:30:00Z", "2026-10-25T02:30:00Z", &[60, 60, 60, 60]);
        // By half an hour: set back at two, and set ahead at two.
        check("Australia/Lord_Howe", "2026-04-04T14:00:00Z", "2026-04-04T16:30:00Z", &[90, 60]);
        check("Australia/Lord_Howe", "2026-10-03T14:30:00Z", "2026-10-03T17:00:00Z", &[60, 30, 60]);
        let grid =
            Grid::new(Unit::Hour, "Asia/Kolkata", at("2026-02-10T21:29:00Z"), at("2026-02-10T21:31:00Z"));
        assert_eq!(grid.unwrap().bounds[0], at("2026-02-10T20:30:00Z"));
    }

    #[test]
    fn what_cannot_be_drawn_is_refused() {
        let refused = |unit, zone, from, to| Grid::new(unit, zone, from, to).err().unwrap().to_string();
        assert!(refused(Unit::Day, "Middle/Earth", 0, 1).contains("\"Middle/Earth\" is not a time zone"));
        assert!(refused(Unit::Minute, "UTC", 0, 2_001 * MINUTE_MS).contains("2000 points"));
        assert!(refused(Unit::Minute, "UTC", 1, 2_000 * MINUTE_MS + 1).contains("2000 points"));
        assert!(refused(Unit::Day, "UTC", i64::MIN, i64::MAX).contains("2000 points"));
        assert_eq!(Grid::new(Unit::Minute, "UTC", 0, 2_000 * MINUTE_MS).unwrap().bounds.len(), 2_001);
        assert_eq!(Grid::new(Unit::Day, "UTC", 5, 5).unwrap().bounds, [0; 0]);
        assert_eq!(Grid::new(Unit::Day, "UTC", i64::MAX - 1, i64::MAX).unwrap().bounds, [0; 0]);
    }
}
