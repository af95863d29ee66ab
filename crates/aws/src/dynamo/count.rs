//! Which counters an event touches.

use std::collections::BTreeMap;
use std::sync::Arc;

use onepixel_event::{Class, Event, EventId, Time};

use super::keys::{self, Key, Kind, Ranked};

/// What makes an event a page view.
const PAGE_VIEW: &str = "pageview";
const HOUR_S: i64 = 3600;

/// A counter without its write shard.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cell {
    dimension: Option<Ranked>,
    site: Option<Arc<str>>,
    hour: Time,
    sk: String,
}

/// An event as it is counted.
#[derive(Debug, Clone)]
pub struct Countable {
    /// Its id: counted once.
    pub id: EventId,
    /// The record of the batch that it came with.
    pub record: usize,
    /// When it was received.
    pub received_at: Time,
    class: Class,
    is_view: bool,
    cells: Vec<Cell>,
}

/// What is added to one counter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sum {
    /// By attribute.
    pub counts: BTreeMap<&'static str, u64>,
    /// For a site, when the newest was received.
    pub last_ms: Option<i64>,
}

impl Cell {
    /// Its key in the write shard `w`.
    pub fn key(&self, w: u8) -> Key {
        let (site, day) = (self.site.as_deref(), keys::day(self.hour));
        let pk = match self.dimension {
            None => keys::count_pk(site, &day, w),
            Some(dimension) => keys::top_pk(dimension, site, &day, w),
        };
        Key { pk, sk: self.sk.clone() }
    }

    /// When it is over, in seconds since the epoch.
    pub fn expires(&self, ttl_s: i64) -> i64 {
        self.hour.ms() / 1000 + HOUR_S + ttl_s
    }
}

impl Countable {
    /// What to count of an event that came with `record`.
    pub fn of(event: &Event<'_>, record: usize) -> Self {
        Self {
            id: event.id,
            record,
            received_at: event.received_at,
            class: event.class,
            is_view: event.event == PAGE_VIEW,
            cells: cells(event),
        }
    }

    /// The counters it touches, each once.
    pub fn cells(&self) -> &[Cell] {
        &self.cells
    }

    /// When its marker is over: not before it would no longer be counted, by any clock that is less than an hour off.
    pub fn marker_expires(&self, ttl_s: i64) -> i64 {
        self.received_at.ms() / 1000 + ttl_s + HOUR_S
    }
}

/// What events add to their counters.
pub fn sum<'a>(events: impl IntoIterator<Item = &'a Countable>) -> BTreeMap<&'a Cell, Sum> {
    let mut sums: BTreeMap<&Cell, Sum> = BTreeMap::new();
    for event in events {
        for cell in &event.cells {
            let sum = sums.entry(cell).or_default();
            let kinds = if event.is_view { &Kind::ALL[..] } else { &[Kind::Events] };
            for kind in kinds {
                *sum.counts.entry(kind.attribute(event.class)).or_default() += 1;
            }
            if cell.dimension == Some(Ranked::Site) {
                sum.last_ms = sum.last_ms.max(Some(event.received_at.ms()));
            }
        }
    }
    sums
}

fn cells(event: &Event<'_>) -> Vec<Cell> {
    let (at, hour) = (event.received_at, event.received_at.hour_start());
    let site: Arc<str> = (*event.site).into();
    let mut cells = Vec::with_capacity(32);
    for site in [Some(site), None] {
        let spans = [keys::hour_sk(at), keys::minute_sk(at)];
        cells.extend(spans.map(|sk| Cell { dimension: None, site: site.clone(), hour, sk }));
        for dimension in Ranked::ALL {
            // A site's own rank among sites would say nothing.
            if *dimension == Ranked::Site && site.is_some() {
                continue;
            }
            if let Some(value) = value(event, *dimension).filter(|value| !value.is_empty()) {
                let sk = keys::top_sk(at, value);
                cells.push(Cell { dimension: Some(*dimension), site: site.clone(), hour, sk });
            }
        }
    }
    cells
}

fn value<'a>(event: &'a Event<'_>, dimension: Ranked) -> Option<&'a str> {
    match dimension {
        Ranked::Page => event.page_path.as_deref(),
        Ranked::Host => event.page_host.as_deref(),
        Ranked::Referrer => event.referrer_host.as_deref(),
        Ranked::Group => event.referrer_group.map(|group| group.as_str()),
        Ranked::Source => event.utm_source.as_deref(),
        Ranked::Medium => event.utm_medium.as_deref(),
        Ranked::Campaign => event.utm_campaign.as_deref(),
        Ranked::Browser => event.browser.as_deref(),
        Ranked::Os => event.os.as_deref(),
        Ranked::Device => event.device.map(|device| device.as_str()),
        Ranked::Country => event.country.as_deref(),
        Ranked::Language => event.language.as_deref(),
        Ranked::Event => Some(&event.event),
        Ranked::Site => Some(&event.site),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use onepixel_event::{Device, ReferrerGroup, Source};

    use super::*;

    fn page_view() -> Event<'static> {
        let at = Time::parse("2026-02-10T21:04:05.123Z").unwrap();
        let mut event = Event::new(EventId::at(at, [7; 10]), at, Source::Pixel, "pageview", "blog");
        event.page_path = Some("/a".into());
        event.page_host = Some("blog.example".into());
        event.referrer_host = Some("".into());
        event.referrer_group = Some(ReferrerGroup::Search);
        event.device = Some(Device::Mobile);
        event
    }

    #[test]
    fn an_event_touches_each_of_its_counters_once() {
        let event = Countable::of(&page_view(), 3);
        let keys: HashSet<Key> = event.cells().iter().map(|cell| cell.key(5)).collect();
        assert_eq!(keys.len(), event.cells().len());
        let key = |pk: &str, sk: &str| Key { pk: pk.to_owned(), sk: sk.to_owned() };
        let mut expected = HashSet::from([key("T#2026-02-10#5#site#", "21=blog")]);
        for site in ["blog", ""] {
            expected.extend(["H#21", "M#21:04"].map(|sk| key(&format!("C#2026-02-10#5#{site}"), sk)));
            let values = [
                ("page", "/a"),
                ("host", "blog.example"),
                ("group", "search"),
                ("device", "mobile"),
                ("event", "pageview"),
            ];
            for (dimension, value) in values {
                expected.insert(key(&format!("T#2026-02-10#5#{dimension}#{site}"), &format!("21={value}")));
            }
        }
        assert_eq!(keys, expected);
        let end = Time::parse("2026-02-10T22:00:00Z").unwrap().ms() / 1000;
        assert!(event.cells().iter().all(|cell| cell.expires(60) == end + 60));
    }

    #[test]
    fn sums_tell_classes_and_page_views_apart() {
        let mut bot = page_view();
        (bot.class, bot.event) = (Class::Bot, "signed_up".into());
        bot.received_at = Time::from_ms(bot.received_at.ms() + 1000);
        let events = [page_view(), page_view(), bot].map(|event| Countable::of(&event, 0));
        let sums = sum(&events);
        let (of_hour, of_site): (Vec<_>, Vec<_>) = (
            sums.iter().filter(|(cell, _)| cell.sk == "H#21").collect(),
            sums.iter().filter(|(cell, _)| cell.dimension == Some(Ranked::Site)).collect(),
        );
        assert_eq!((of_hour.len(), of_site.len()), (2, 1));
        for (_, sum) in of_hour {
            assert_eq!(sum.counts, BTreeMap::from([("human", 2), ("human_views", 2), ("bot", 1)]));
            assert_eq!(sum.last_ms, None);
        }
        assert_eq!(of_site[0].1.last_ms, Some(page_view().received_at.ms() + 1000));
    }

    #[test]
    fn the_largest_event_fits_one_transaction() {
        let mut event = page_view();
        for field in [
            &mut event.page_path,
            &mut event.page_host,
            &mut event.referrer_host,
            &mut event.utm_source,
            &mut event.utm_medium,
            &mut event.utm_campaign,
            &mut event.browser,
            &mut event.os,
            &mut event.country,
            &mut event.language,
        ] {
            *field = Some("x".repeat(2048).into());
        }
        assert_eq!(Countable::of(&event, 0).cells().len(), 4 + 13 * 2 + 1);
    }
}
