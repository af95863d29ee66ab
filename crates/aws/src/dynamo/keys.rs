//! The keys of the one table: every key is built and read back here, and nowhere else.
//!
//! | `pk` | `sk` | what | asked by |
//! |---|---|---|---|
//! | `E#<id>` | `E` | the event with this id was counted | nobody: a condition of the transaction that counts |
//! | `C#<day>#<w>#<site>` | `H#<hour>` | [counters](Kind) of an hour | series by hour or day, overview: one Query for each day and `w` |
//! | `C#<day>#<w>#<site>` | `M#<hour>:<minute>` | counters of a minute | series by minute, the edges of a range |
//! | `T#<day>#<w>#<dimension>#<site>` | `<hour>=<value>` | counters of one value in one hour | top lists: one Query for each day and `w`, `sk` between [`top_range`]'s |
//! | `T#<day>#<w>#<dimension>#<site>` | `<hour>~<hash><beginning>` | the same of a value that is too long for a key | the same |
//! | `R#<w>#<site>` | `<received_at>#<id>` | `line`: one of the newest events | recent events: one Query backwards for each `w` |
//! | `SALT` | `<day>` | the visitor salt of a day | ingest |
//! | `ACCESS` | `ACCESS` | who may look at the dashboard | dashboard |
//!
//! `<day>` is `2026-02-10`, `<hour>` and `<minute>` are two digits, all in UTC and of the event's `received_at`. An empty
//! `<site>` stands for all sites together; no event has an empty site. `<w>` is `0` to [`WRITE_SHARDS`]` - 1`: whoever
//! counts takes one of them, and readers add up all. For recent events it comes from the id, so that the same event always
//! has the same key. Numbers and words of ours come first and free text stands last, so that nothing needs an escape and
//! no text can make the key of another; [`SITE_BYTES_MAX`](onepixel_event::limits::SITE_BYTES_MAX) and [`VALUE_BYTES_MAX`] keep `pk` below 2048 and
//! `sk` below 1024 bytes, DynamoDB's limits.
//!
//! **Attributes.** Every item but `ACCESS` has [`EXPIRES`], in seconds since the epoch: that of a counter is the end of its hour plus the time
//! to live, that of a recent event its moment plus it. DynamoDB deletes late, so readers filter by it. Counters have one number
//! for each class and [`Kind`] that occurred ([`Kind::attribute`]); absent means 0. Items of [`Ranked::Site`] also have
//! [`LAST`], the moment in milliseconds of the newest event when they were last added to: shards are read side by side, so it may
//! step back by as much as they are apart.
//!
//! **A missing value has no item.** An event without a referrer adds nothing to `referrer`. As the counters of an hour and
//! of its values come from the same transactions, the events without a value are the hour's minus all its values'.
//!
//! **What is ranked, and what it costs.** Each event costs a marker, and each transaction one item for each key that its
//! events touch: an item in a transaction costs 2 write units of 0.625 USD a million. A dimension costs at most two items
//! an event (its site and all sites), and far less as events of one transaction share values. So those are ranked that
//! somebody looks at and that repeat ([`Ranked`]); not `term`, `content` and `title`, which differ with nearly every event or repeat
//! `page`, and not `entry` and `exit`, which need a visitor's order of events. Visitors are not counted: distinct counts do not
//! add up. A page view that comes alone touches 1 marker, 4 items of `C` and some 19 of `T`, and 2 recent items: 49 units.
//! Worked out over made-up visits (200 pages, 50 referrers, 8 browsers, 20 languages, half of all on an eighth of the values; the
//! test `what_an_event_costs` does it again):
//!
//! | sites | events of a batch | write units an event | USD a million events |
//! |---|---|---|---|
//! | 1 | 1 | 49 | 31 |
//! | 1 | 100 | 16.7 | 10.4 |
//! | 1 | 1,000 | 13.5 | 8.4 |
//! | 20 | 100 | 22.5 | 14.1 |
//! | 20 | 1,000 | 17.0 | 10.6 |
//!
//! Two units of it are the marker, the rest counters: a transaction of 100 items has room for few events whose values differ.
//! So batches should be large (a window of seconds), and what is ranked is what the live view costs.

use onepixel_event::{Class, EventId, Time};
use onepixel_view::Dimension;
use sha2::{Digest, Sha256};

/// The table's partition key.
pub const PK: &str = "pk";
/// The table's sort key.
pub const SK: &str = "sk";
/// When an item is over, in seconds since the epoch: the table's TTL attribute.
pub const EXPIRES: &str = "expires";
/// The line of a recent event, as it is archived; without its properties, URLs and User-Agent when it is very long.
pub const LINE: &str = "line";
/// The newest moment of a site, in milliseconds since the epoch.
pub const LAST: &str = "last";

/// Copies of every counter. One partition key takes 1,000 write units a second and one item is in one transaction at a
/// time, so eight functions count side by side. Readers ask for all of them: more would make every answer dearer.
/// Never fewer in a later version, or what lies in the others is not seen.
pub const WRITE_SHARDS: u8 = 8;

/// The longest value that stands whole in a sort key.
pub const VALUE_BYTES_MAX: usize = 900;

/// Of a longer one, so much stands behind its hash.
const CUT_BYTES: usize = 800;
const HASH_CHARS: usize = 32;

/// A whole key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The partition key.
    pub pk: String,
    /// The sort key.
    pub sk: String,
}

/// What is counted of each class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Every event.
    Events,
    /// Page views among them.
    Views,
}

impl Kind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Events, Self::Views];

    /// The attribute that counts this of a class: `human`, `human_views`, ...
    pub fn attribute(self, class: Class) -> &'static str {
        match (self, class) {
            (Self::Events, class) => class.as_str(),
            (Self::Views, Class::Human) => "human_views",
            (Self::Views, Class::Bot) => "bot_views",
            (Self::Views, Class::Prefetch) => "prefetch_views",
            (Self::Views, Class::MailProxy) => "mail_proxy_views",
            (Self::Views, Class::ImageProxy) => "image_proxy_views",
            (Self::Views, Class::Server) => "server_views",
        }
    }
}

/// Declares the ranked dimensions, each called as in [`Dimension`].
macro_rules! ranked {
    ($($variant:ident),+ $(,)?) => {
        /// The dimensions that are counted value by value.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Ranked { $(#[doc = concat!("[`Dimension::", stringify!($variant), "`]")] $variant),+ }

        impl Ranked {
            /// Every one.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            fn dimension(self) -> Dimension {
                match self { $(Self::$variant => Dimension::$variant),+ }
            }
        }
    };
}

// Every event has the last two, and sites are counted over all of them only.
ranked! {
    Page, Host, Referrer, Group, Source, Medium, Campaign, Browser, Os, Device, Country, Language, Event, Site,
}

impl Ranked {
    /// The dimension, if it is ranked.
    pub fn of(dimension: Dimension) -> Option<Self> {
        Self::ALL.iter().copied().find(|ranked| ranked.dimension() == dimension)
    }

    /// The word in the key: that of the API, and never another for what is stored.
    pub fn as_str(self) -> &'static str {
        self.dimension().as_str()
    }
}

/// Which stretch of time a counter is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Span {
    /// An hour of the day.
    Hour(u8),
    /// A minute of an hour of the day.
    Minute(u8, u8),
}

/// What the sort key of a ranked value says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value<'a> {
    /// The hour of the day.
    pub hour: u8,
    /// The value, or its beginning.
    pub text: &'a str,
    /// For a value that was cut, what tells it from others that begin alike.
    pub hash: Option<&'a str>,
}

/// `2026-02-10`
pub fn day(time: Time) -> String {
    let (year, month, day, ..) = time.civil();
    format!("{year:04}-{month:02}-{day:02}")
}

/// That an id was counted.
pub fn marker(id: EventId) -> Key {
    Key { pk: format!("E#{id}"), sk: "E".to_owned() }
}

/// The partition of a day's counters of one site, or of all; see [`WRITE_SHARDS`] for `w`.
pub fn count_pk(site: Option<&str>, day: &str, w: u8) -> String {
    format!("C#{day}#{w}#{}", site.unwrap_or_default())
}

/// The counters of the hour of `time`.
pub fn hour_sk(time: Time) -> String {
    let (_, _, _, hour, ..) = time.civil();
    format!("H#{hour:02}")
}

/// The counters of the minute of `time`.
pub fn minute_sk(time: Time) -> String {
    let (_, _, _, hour, minute, ..) = time.civil();
    format!("M#{hour:02}:{minute:02}")
}

/// What [`hour_sk`] or [`minute_sk`] wrote.
pub fn parse_count_sk(sk: &str) -> Option<Span> {
    if let Some(hour) = sk.strip_prefix("H#") {
        return two_digits(hour, 24).map(Span::Hour);
    }
    let (hour, minute) = sk.strip_prefix("M#")?.split_once(':')?;
    Some(Span::Minute(two_digits(hour, 24)?, two_digits(minute, 60)?))
}

/// The partition of a day's values along one dimension.
pub fn top_pk(dimension: Ranked, site: Option<&str>, day: &str, w: u8) -> String {
    format!("T#{day}#{w}#{}#{}", dimension.as_str(), site.unwrap_or_default())
}

/// One value in the hour of `time`.
pub fn top_sk(time: Time, value: &str) -> String {
    let (_, _, _, hour, ..) = time.civil();
    if value.len() <= VALUE_BYTES_MAX {
        return format!("{hour:02}={value}");
    }
    let beginning = &value[..value.floor_char_boundary(CUT_BYTES)];
    format!("{hour:02}~{}{beginning}", hash(value))
}

/// What [`top_sk`] wrote.
pub fn parse_top_sk(sk: &str) -> Option<Value<'_>> {
    let (hour, rest) = sk.split_at_checked(2)?;
    let hour = two_digits(hour, 24)?;
    if let Some(text) = rest.strip_prefix('=') {
        return Some(Value { hour, text, hash: None });
    }
    let (hash, text) = rest.strip_prefix('~')?.split_at_checked(HASH_CHARS)?;
    Some(Value { hour, text, hash: Some(hash) })
}

/// Sort keys between which all values from hour `first` to hour `last` of a day lie, both included.
pub fn top_range(first: u8, last: u8) -> (String, String) {
    // No key is an hour alone, so the bound itself is never there.
    (format!("{first:02}"), format!("{:02}", last.saturating_add(1)))
}

/// The partition of recent events of one site, or of all.
pub fn recent_pk(site: Option<&str>, w: u8) -> String {
    format!("R#{w}#{}", site.unwrap_or_default())
}

/// The `w` of a recent event.
pub fn recent_shard(id: EventId) -> u8 {
    id.bytes()[15] % WRITE_SHARDS
}

/// One recent event; they sort by time.
pub fn recent_sk(received_at: Time, id: EventId) -> String {
    format!("{received_at}#{id}")
}

/// What [`recent_sk`] wrote.
pub fn parse_recent_sk(sk: &str) -> Option<(Time, EventId)> {
    let (time, id) = sk.split_once('#')?;
    Some((Time::parse(time).ok()?, EventId::parse(id).ok()?))
}

/// The visitor salt of a day.
pub fn salt(day: &str) -> Key {
    Key { pk: "SALT".to_owned(), sk: day.to_owned() }
}

/// Who may look.
pub fn access() -> Key {
    Key { pk: "ACCESS".to_owned(), sk: "ACCESS".to_owned() }
}

fn two_digits(text: &str, below: u8) -> Option<u8> {
    let number = text.parse().ok().filter(|number| *number < below)?;
    (text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit())).then_some(number)
}

/// 128 bits: nobody finds two values with the same.
fn hash(value: &str) -> String {
    let digest = Sha256::digest(value.as_bytes());
    digest.iter().take(HASH_CHARS / 2).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> Time {
        Time::parse(text).unwrap()
    }

    #[test]
    fn keys_look_as_documented() {
        let time = at("2026-02-10T21:04:05.123Z");
        let id = EventId::at(time, [7; 10]);
        assert_eq!(day(time), "2026-02-10");
        assert_eq!(marker(id), Key { pk: format!("E#{id}"), sk: "E".to_owned() });
        assert_eq!(count_pk(Some("blog"), "2026-02-10", 3), "C#2026-02-10#3#blog");
        assert_eq!(count_pk(None, "2026-02-10", 0), "C#2026-02-10#0#");
        assert_eq!((hour_sk(time), minute_sk(time)), ("H#21".to_owned(), "M#21:04".to_owned()));
        assert_eq!(top_pk(Ranked::Page, Some("a#b"), "2026-02-10", 7), "T#2026-02-10#7#page#a#b");
        assert_eq!(top_sk(time, "/x#y"), "21=/x#y");
        assert_eq!(recent_pk(None, 1), "R#1#");
        assert_eq!(recent_sk(time, id), format!("2026-02-10T21:04:05.123Z#{id}"));
        assert_eq!(top_range(8, 23), ("08".to_owned(), "24".to_owned()));
    }

    #[test]
    fn the_words_in_the_keys_stay() {
        let words: Vec<_> = Ranked::ALL.iter().map(|ranked| ranked.as_str()).collect();
        let stored =
            "page host referrer group source medium campaign browser os device country language event site";
        assert_eq!(words.join(" "), stored);
        assert_eq!((Ranked::of(Dimension::Os), Ranked::of(Dimension::Title)), (Some(Ranked::Os), None));
    }

    #[test]
    fn every_attribute_has_a_name_of_its_own() {
        let names: HashSet<_> =
            Class::ALL.iter().flat_map(|class| Kind::ALL.map(|kind| kind.attribute(*class))).collect();
        assert_eq!(names.len(), 2 * Class::ALL.len());
        assert!([PK, SK, EXPIRES, LINE, LAST].iter().all(|name| !names.contains(name)));
    }

    #[track_caller]
    fn check_sk(sk: &str, expected: Option<Span>) {
        assert_eq!(parse_count_sk(sk), expected, "{sk}");
    }

    #[test]
    fn only_our_own_sort_keys_are_read() {
        check_sk("H#21", Some(Span::Hour(21)));
        check_sk("M#21:04", Some(Span::Minute(21, 4)));
        for other in ["H#24", "H#+1", "H#1", "M#21:60", "M#2104", "X#21", "", "H#021"] {
            check_sk(other, None);
        }
        for other in ["", "21", "2", "21#/x", "24=/x", "é=/x", "21~short"] {
            assert_eq!(parse_top_sk(other), None, "{other}");
        }
    }

    #[test]
    fn long_values_that_begin_alike_stay_apart() {
        let long = |end: &str| top_sk(at("2026-02-10T21:04:05Z"), &("é".repeat(1_000) + end));
        let (a, b) = (long("a"), long("b"));
        assert_ne!(a, b);
        assert!(a.len() <= 1024);
        let value = parse_top_sk(&a).unwrap();
        assert_eq!((value.hour, value.text), (21, "é".repeat(400).as_str()));
        assert!(value.hash.is_some());
        // A short value that is spelt like the key of a long one is still another.
        assert_ne!(top_sk(at("2026-02-10T21:04:05Z"), &a[2..]), a);
    }

    proptest! {
        #[test]
        fn texts_of_any_kind_stay_apart_and_within_the_limits(
            sites in proptest::array::uniform2("[a#%*:=~0-9\\PC]{1,12}"),
            values in proptest::array::uniform2("[/#=~0-9\\PC]{0,40}"),
            times in proptest::array::uniform2(0_i64..4_000_000_000_000),
            dimensions in proptest::array::uniform2(proptest::sample::select(Ranked::ALL)),
            repeat in 1_usize..40,
        ) {
            let key = |i: usize| {
                let time = Time::from_ms(times[i]);
                let value = values[i].repeat(repeat);
                let sites = sites[i].as_str();
                let site = &sites[..sites.floor_char_boundary(onepixel_event::limits::SITE_BYTES_MAX)];
                let key = Key { pk: top_pk(dimensions[i], Some(site), &day(time), 7), sk: top_sk(time, &value) };
                (key, (day(time), time.civil().3, dimensions[i], site.to_owned(), value))
            };
            let ((a, is_a), (b, is_b)) = (key(0), key(1));
            prop_assert_eq!(a == b, is_a == is_b);
            prop_assert!(a.pk.len() <= 2048 && a.sk.len() <= 1024);
            let value = parse_top_sk(&a.sk).unwrap();
            prop_assert!(is_a.4.starts_with(value.text));
            prop_assert_eq!(value.hash.is_none(), value.text.len() == is_a.4.len());
            let (from, to) = top_range(value.hour, value.hour);
            prop_assert!(from <= a.sk && a.sk <= to);
        }

        #[test]
        fn recent_keys_are_read_back(ms in 0_i64..4_000_000_000_000, random: [u8; 10]) {
            let time = Time::from_ms(ms);
            let id = EventId::at(time, random);
            prop_assert_eq!(parse_recent_sk(&recent_sk(time, id)), Some((time, id)));
            prop_assert!(recent_shard(id) < WRITE_SHARDS);
        }
    }
}
