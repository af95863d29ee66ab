//! Who visits when: sessions of people over a daily rhythm, machines in between, and now and then a crowd.
//!
//! Deterministic from its seed and the moments it is asked for.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::Ipv4Addr;

use super::words::{BLOG, CAMPAIGNS, LANGUAGES, MACHINES, READERS, REFERRERS, SHOP, SITES, Site, Weighed};

/// Sessions that begin in a minute, on average over a day.
const SESSIONS_PER_MINUTE: f64 = 14.0;
/// How much of that there is at least: whoever looks at night wants to see something move, too.
const QUIETEST: f64 = 0.6;
/// A crowd comes from one link: how many times the usual, for how long, and how often.
const CROWD: f64 = 6.0;
const CROWD_MS: u64 = 8 * 60_000;
const CROWD_EVERY_MS: u64 = 5 * 3_600_000;
/// People who come back.
const PEOPLE: u64 = 900;
const DAY_MS: u64 = 24 * 3_600_000;
/// How finely sessions begin.
const STEP_MS: u64 = 1000;

/// One request at a door.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Hit {
    pub(super) at_ms: u64,
    pub(super) sent: Sent,
    pub(super) address: Ipv4Addr,
    pub(super) user_agent: &'static str,
    pub(super) language: &'static str,
    pub(super) prefetch: bool,
}

/// What is sent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sent {
    /// A query string for the pixel.
    Pixel(String),
    /// A body for the events' door.
    Event(String),
}

/// Somebody with a browser of their own.
#[derive(Debug, Clone, Copy)]
struct Person {
    address: Ipv4Addr,
    user_agent: &'static str,
    language: &'static str,
}

/// The visitors.
pub(super) struct Traffic {
    random: Random,
    /// Sessions have begun up to here.
    until_ms: u64,
    began_ms: u64,
    due: BinaryHeap<Reverse<Hit>>,
}

impl Traffic {
    /// Traffic that begins at a moment.
    pub(super) fn new(seed: u64, from_ms: u64) -> Self {
        Self { random: Random(seed), until_ms: from_ms, began_ms: from_ms, due: BinaryHeap::new() }
    }

    /// The hits up to a moment that were not handed out yet, in their order.
    pub(super) fn until(&mut self, now_ms: u64) -> Vec<Hit> {
        while self.until_ms + STEP_MS <= now_ms {
            let expected = self.rate(self.until_ms) * STEP_MS as f64 / 60_000.0;
            let certain = expected.floor();
            let more = u64::from(self.random.fraction() < expected - certain);
            for _ in 0..certain as u64 + more {
                self.begin();
            }
            self.until_ms += STEP_MS;
        }
        let mut hits = Vec::new();
        while self.due.peek().is_some_and(|Reverse(hit)| hit.at_ms <= now_ms) {
            hits.extend(self.due.pop().map(|Reverse(hit)| hit));
        }
        hits
    }

    /// Sessions per minute at a moment: a quiet night, a busy afternoon, a small wave in the evening.
    fn rate(&self, at_ms: u64) -> f64 {
        let day = at_ms as f64 / DAY_MS as f64 * std::f64::consts::TAU;
        let rhythm = 1.0 - 0.6 * (day - 0.2).cos() + 0.2 * (2.0 * day - 1.0).sin();
        let crowd = if self.is_crowded(at_ms) { CROWD } else { 1.0 };
        SESSIONS_PER_MINUTE * rhythm.max(QUIETEST) * crowd
    }

    fn is_crowded(&self, at_ms: u64) -> bool {
        (at_ms - self.began_ms) % CROWD_EVERY_MS > CROWD_EVERY_MS - CROWD_MS
    }

    fn begin(&mut self) {
        let at_ms = self.until_ms + self.random.below(STEP_MS);
        match self.random.below(100) {
            0..9 => self.machine(at_ms),
            9..11 => self.backend(at_ms),
            _ => self.person(at_ms),
        }
    }

    /// Some pages, one after the other, and perhaps something done on one of them.
    fn person(&mut self, mut at_ms: u64) {
        let person = self.somebody();
        let crowded = self.is_crowded(at_ms) && self.random.below(10) < 8;
        let site = if crowded { &BLOG } else { self.random.choose(SITES) };
        let mut referrer =
            if crowded { "https://news.ycombinator.com/" } else { self.random.choose(REFERRERS) }.to_owned();
        let campaign = (!crowded && self.random.below(9) == 0).then(|| self.random.choose(CAMPAIGNS));
        let pages = if crowded { 1 } else { 1 + self.random.below(6).min(self.random.below(6)) };
        let mut page = if crowded { site.pages[0].1 } else { self.random.choose(site.pages) };
        for n in 0..pages {
            let prefetch = n == 0 && self.random.below(40) == 0;
            let query = view(site, page, &referrer, campaign.filter(|_| n == 0));
            self.push(at_ms, Sent::Pixel(query), person, prefetch);
            self.perhaps_does(at_ms, site, page.0, person);
            referrer = format!("https://{}{}", site.host, page.0);
            at_ms += 4_000 + self.random.below(70_000);
            page = self.random.choose(site.pages);
        }
    }

    fn perhaps_does(&mut self, at_ms: u64, site: &Site, path: &str, person: Person) {
        let (name, props) = match (site.name, path, self.random.below(100)) {
            ("shop", "/checkout", 0..45) => ("purchase", r#"{"plan":"pro","seats":3}"#),
            ("shop", "/prices", 0..16) => ("signup", r#"{"plan":"free"}"#),
            ("shop", "/prices", 16..22) => ("signup", r#"{"plan":"pro"}"#),
            ("docs", "/install", 0..30) => ("copy_command", r#"{"system":"linux"}"#),
            ("docs", "/install", 30..40) => ("copy_command", r#"{"system":"macos"}"#),
            ("docs", _, 0..6) => ("search", r#"{"results":"many"}"#),
            ("blog", _, 0..5) => ("share", r#"{"to":"mail"}"#),
            _ => return,
        };
        let later = at_ms + 2_000 + self.random.below(20_000);
        let body = format!(
            r#"{{"event":"{name}","site":"{}","page":"https://{}{path}","props":{props}}}"#,
            site.name, site.host
        );
        self.push(later, Sent::Event(body), person, false);
    }

    fn machine(&mut self, at_ms: u64) {
        let site = self.random.choose(SITES);
        let user_agent = self.random.choose(MACHINES);
        let page = self.random.choose(site.pages);
        let address = Ipv4Addr::new(66, 249, 64, u8::try_from(self.random.below(200)).unwrap_or(0));
        let machine = Person { address, user_agent, language: "" };
        self.push(at_ms, Sent::Pixel(view(site, page, "", None)), machine, false);
    }

    /// A program of the shop's own that reports what happened there.
    fn backend(&mut self, at_ms: u64) {
        let plan = if self.random.below(3) == 0 { "pro" } else { "free" };
        let body = format!(r#"{{"event":"invoice","site":"{}","props":{{"plan":"{plan}"}}}}"#, SHOP.name);
        let address = Ipv4Addr::new(192, 0, 2, 7);
        self.push(
            at_ms,
            Sent::Event(body),
            Person { address, user_agent: "shop-backend/3.1", language: "" },
            false,
        );
    }

    fn somebody(&mut self) -> Person {
        // Who somebody is depends on their number alone, so that they come back as themselves.
        let number = self.random.below(PEOPLE);
        let mut own = Random(number.wrapping_mul(0x5851_f42d_4c95_7f2d));
        let [a, b, c, _] = u32::try_from(own.next() & 0xffff_ffff).unwrap_or(0).to_be_bytes();
        Person {
            address: Ipv4Addr::new(20 + a % 180, b, c, u8::try_from(number % 250).unwrap_or(0) + 1),
            user_agent: own.choose(READERS),
            language: own.choose(LANGUAGES),
        }
    }

    fn push(&mut self, at_ms: u64, sent: Sent, who: Person, prefetch: bool) {
        let Person { address, user_agent, language } = who;
        self.due.push(Reverse(Hit { at_ms, sent, address, user_agent, language, prefetch }));
    }
}

fn view(
    site: &Site,
    (path, title): (&str, &str),
    referrer: &str,
    campaign: Option<(&str, &str, &str)>,
) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("site", site.name);
    query.append_pair("page", &format!("https://{}{path}", site.host));
    query.append_pair("title", title);
    if !referrer.is_empty() {
        query.append_pair("ref", referrer);
    }
    if let Some((source, medium, name)) = campaign {
        query
            .append_pair("utm_source", source)
            .append_pair("utm_medium", medium)
            .append_pair("utm_campaign", name);
    }
    query.finish()
}

/// SplitMix64 (Steele, Lea, Flood, 2014).
#[derive(Debug)]
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    fn fraction(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn choose<T: Copy>(&mut self, from: &Weighed<T>) -> T {
        let mut left = self.below(from.iter().map(|(weight, _)| weight).sum());
        for (weight, one) in from {
            if left < *weight {
                return *one;
            }
            left -= weight;
        }
        from[0].1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_has_people_machines_events_and_a_crowd_in_their_order() {
        let mut traffic = Traffic::new(1, 1_000_000_000_000);
        let hits = traffic.until(1_000_000_000_000 + DAY_MS);
        assert!((20_000..100_000).contains(&hits.len()), "{}", hits.len());
        assert!(hits.is_sorted_by_key(|hit| hit.at_ms));
        let is = |what: &dyn Fn(&Hit) -> bool| hits.iter().filter(|hit| what(hit)).count();
        assert!(is(&|hit| matches!(hit.sent, Sent::Event(_))) > 500);
        assert!(is(&|hit| hit.prefetch) > 50);
        assert!(is(&|hit| hit.user_agent.contains("bot")) > 300);
        let minute = |hit: &Hit| hit.at_ms / 60_000;
        let mut per_minute = std::collections::HashMap::<u64, u64>::new();
        hits.iter().for_each(|hit| *per_minute.entry(minute(hit)).or_default() += 1);
        let busiest = per_minute.values().max().copied().unwrap();
        assert!(busiest as usize > 3 * hits.len() / (24 * 60), "{busiest}");
        assert!(hits.iter().all(|hit| hit.at_ms <= 1_000_000_000_000 + DAY_MS));
    }

    #[test]
    fn asked_often_or_once_it_is_the_same_traffic() {
        let (mut often, mut once) = (Traffic::new(7, DAY_MS), Traffic::new(7, DAY_MS));
        let pieces: Vec<Hit> = (0..=200).flat_map(|n| often.until(DAY_MS + n * 3_700)).collect();
        assert_eq!(pieces, once.until(DAY_MS + 200 * 3_700));
    }

    #[test]
    fn bodies_are_json() {
        for hit in Traffic::new(3, 0).until(3_600_000) {
            if let Sent::Event(body) = hit.sent {
                let value: serde_json::Value = serde_json::from_str(&body).unwrap();
                assert!(value["event"].is_string() && value["props"].is_object(), "{body}");
            }
        }
    }
}
