//! Which keys a range touches.
//!
//! Hours have counters of their own, so a range is read as whole hours with minutes at its edges; what lies in hours that
//! are not over yet is all there is of them, so the newest edge needs no minutes.

use onepixel_event::Time;

use super::super::keys::{self, Ranked, WRITE_SHARDS};

pub(super) const MINUTE_MS: i64 = 60_000;
pub(super) const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;

/// What one Query asks for: sort keys of one partition, the first and the last included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Keys {
    pub(super) pk: String,
    pub(super) first: String,
    pub(super) last: String,
    /// Where the partition's day begins.
    pub(super) day_ms: i64,
}

/// A stretch of one day: its sort keys in a partition of counters.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stretch {
    day_ms: i64,
    first: String,
    last: String,
}

pub(super) fn floor(ms: i64, step: i64) -> i64 {
    ms.div_euclid(step).saturating_mul(step)
}

pub(super) fn ceil(ms: i64, step: i64) -> i64 {
    floor(ms.saturating_add(step - 1), step)
}

/// The counters of `from..to`, in whole minutes. `by_minute`: each by itself, for points that are not whole hours.
pub(super) fn counters(
    sites: &[Option<String>],
    (from, to): (i64, i64),
    now_ms: i64,
    by_minute: bool,
) -> Vec<Keys> {
    let (first, last) =
        (ceil(from, HOUR_MS), if to > now_ms { ceil(to, HOUR_MS) } else { floor(to, HOUR_MS) });
    let mut stretches = Vec::new();
    if by_minute || first >= last {
        stretches.extend(by(MINUTE_MS, from, to));
    } else {
        stretches.extend(by(MINUTE_MS, from, first));
        stretches.extend(by(HOUR_MS, first, last));
        stretches.extend(by(MINUTE_MS, last, to));
    }
    let keys = |stretch: &Stretch, site: &Option<String>, w: u8| {
        let day = keys::day(Time::from_ms(stretch.day_ms));
        let Stretch { day_ms, first, last } = stretch.clone();
        Keys { pk: keys::count_pk(site.as_deref(), &day, w), first, last, day_ms }
    };
    let of_sites = stretches.iter().flat_map(|stretch| sites.iter().map(move |site| (stretch, site)));
    of_sites.flat_map(|(stretch, site)| (0..WRITE_SHARDS).map(move |w| keys(stretch, site, w))).collect()
}

/// The values of whole hours.
pub(super) fn values(dimension: Ranked, sites: &[Option<String>], (from, to): (i64, i64)) -> Vec<Keys> {
    let days = days(from, to).flat_map(|day| sites.iter().map(move |site| (day, site)));
    let keys = |(day_ms, start, end): (i64, i64, i64), site: &Option<String>, w: u8| {
        let hour = |ms: i64| u8::try_from((ms - day_ms).div_euclid(HOUR_MS)).unwrap_or(23);
        let (first, last) = keys::top_range(hour(start), hour(end - 1));
        let day = keys::day(Time::from_ms(day_ms));
        Keys { pk: keys::top_pk(dimension, site.as_deref(), &day, w), first, last, day_ms }
    };
    days.flat_map(|(day, site)| (0..WRITE_SHARDS).map(move |w| keys(day, site, w))).collect()
}

/// The steps of a range, day by day.
fn by(step: i64, from: i64, to: i64) -> impl Iterator<Item = Stretch> {
    let sk = move |ms: i64| {
        let time = Time::from_ms(ms);
        if step == HOUR_MS { keys::hour_sk(time) } else { keys::minute_sk(time) }
    };
    days(from, to).map(move |(day_ms, start, end)| Stretch { day_ms, first: sk(start), last: sk(end - step) })
}

/// The days of a range: where each begins, and the part of it that lies in the range.
fn days(from: i64, to: i64) -> impl Iterator<Item = (i64, i64, i64)> + Clone {
    let first = floor(from, DAY_MS);
    let count = if from < to { (to - 1 - first).div_euclid(DAY_MS) + 1 } else { 0 };
    (0..count).map(move |n| {
        let day = first + n * DAY_MS;
        (day, from.max(day), to.min(day + DAY_MS))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> i64 {
        Time::parse(text).unwrap().ms()
    }

    #[track_caller]
    fn check(from: &str, to: &str, now: &str, by_minute: bool, expected: &[&str]) {
        let keys = counters(&[Some("blog".into())], (at(from), at(to)), at(now), by_minute);
        assert_eq!(keys.len(), expected.len() * usize::from(WRITE_SHARDS));
        let mut found = Vec::new();
        for one in keys.iter().filter(|keys| keys.pk.contains("#3#")) {
            let day = one.pk.strip_prefix("C#").unwrap().split('#').next().unwrap();
            assert_eq!(keys::day(Time::from_ms(one.day_ms)), day);
            found.push(format!("{day} {} {}", one.first, one.last));
        }
        assert_eq!(found, expected);
    }

    #[test]
    fn a_range_is_hours_with_minutes_at_its_edges() {
        let late = "2026-02-20T00:00:00Z";
        check("2026-02-10T21:00:00Z", "2026-02-10T23:00:00Z", late, false, &["2026-02-10 H#21 H#22"]);
        check(
            "2026-02-10T21:58:00Z",
            "2026-02-12T01:02:00Z",
            late,
            false,
            &[
                "2026-02-10 M#21:58 M#21:59",
                "2026-02-10 H#22 H#23",
                "2026-02-11 H#00 H#23",
                "2026-02-12 H#00 H#00",
                "2026-02-12 M#01:00 M#01:01",
            ],
        );
        check("2026-02-10T21:04:00Z", "2026-02-10T21:05:00Z", late, false, &["2026-02-10 M#21:04 M#21:04"]);
        check("2026-02-10T21:58:00Z", "2026-02-10T22:03:00Z", late, false, &["2026-02-10 M#21:58 M#22:02"]);
        check(
            "2026-02-10T23:58:00Z",
            "2026-02-11T00:03:00Z",
            late,
            true,
            &["2026-02-10 M#23:58 M#23:59", "2026-02-11 M#00:00 M#00:02"],
        );
        check("2026-02-10T21:00:00Z", "2026-02-10T21:00:00Z", late, false, &[]);
        check("2026-02-10T22:00:00Z", "2026-02-10T21:00:00Z", late, false, &[]);
    }

    #[test]
    fn an_hour_that_goes_on_is_read_whole() {
        let (from, to) = ("2026-02-10T20:00:00Z", "2026-02-10T21:05:00Z");
        check(from, to, "2026-02-10T21:04:30Z", false, &["2026-02-10 H#20 H#21"]);
        check(
            from,
            to,
            "2026-02-10T21:05:30Z",
            false,
            &["2026-02-10 H#20 H#20", "2026-02-10 M#21:00 M#21:04"],
        );
    }

    #[test]
    fn values_are_read_by_hours() {
        let range = (at("2026-02-10T21:00:00Z"), at("2026-02-11T02:00:00Z"));
        let keys = values(Ranked::Page, &[None], range);
        let found: Vec<_> = keys.iter().filter(|keys| keys.pk.contains("#0#")).collect();
        assert_eq!(keys.len(), 2 * usize::from(WRITE_SHARDS));
        assert_eq!(
            (found[0].pk.as_str(), found[1].pk.as_str()),
            ("T#2026-02-10#0#page#", "T#2026-02-11#0#page#")
        );
        assert_eq!(keys::top_range(21, 23), (found[0].first.clone(), found[0].last.clone()));
        assert_eq!(keys::top_range(0, 1), (found[1].first.clone(), found[1].last.clone()));
    }
}
