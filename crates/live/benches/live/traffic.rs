//! Believable traffic of one week: a daily rhythm, visits of a few page views, a long tail of pages, ten thousand
//! User-Agents, campaigns, bots, and custom events with properties.

use std::borrow::Cow;

use onepixel_consumer::Record;
use onepixel_event::{Class, Device, Event, EventId, Props, ReferrerGroup, Source, Time};

/// 2026-02-10T21:04:05.123Z, when the last event comes.
pub(crate) const END_MS: i64 = 1_770_757_445_123;
const WEEK_MS: i64 = 7 * 86_400_000;
/// Visits that go on at the same time.
const VISITS: u64 = 3_000;

pub(crate) struct Traffic {
    random: u64,
    events: u64,
    visits: Vec<Visit>,
}

/// Whoever views a few pages of one site.
struct Visit {
    visitor: String,
    site: u64,
    agent: u64,
    referrer: u64,
    campaign: Option<u64>,
    language: u64,
    class: Class,
}

impl Traffic {
    pub(crate) fn new(events: u64) -> Self {
        let mut traffic = Self { random: 1, events, visits: Vec::new() };
        for _ in 0..VISITS {
            let visit = traffic.visit();
            traffic.visits.push(visit);
        }
        traffic
    }

    /// The n-th record of the week.
    pub(crate) fn record(&mut self, offset: u64) -> Record {
        let at = self.below(VISITS) as usize;
        if self.below(4) == 0 {
            self.visits[at] = self.visit();
        }
        let ms = moment(offset as f64 / self.events as f64);
        let (page, kind, value) = (self.often(5_000), self.below(100), self.below(30));
        let tail = (self.below(100) == 0).then(|| self.next());
        let random = std::array::from_fn(|_| self.below(256) as u8);
        let event =
            event(&self.visits[at], EventId::at(Time::from_ms(ms), random), ms, (page, tail), (kind, value));
        let mut payload = Vec::with_capacity(1024);
        event.encode(&mut payload);
        Record {
            offset,
            committed_at_ms: END_MS as u64,
            key: Some(event.id.bytes()),
            payload: payload.into(),
        }
    }

    fn visit(&mut self) -> Visit {
        let class = match self.below(100) {
            0..82 => Class::Human,
            82..94 => Class::Bot,
            94..97 => Class::MailProxy,
            97..99 => Class::Prefetch,
            _ => Class::Server,
        };
        Visit {
            visitor: format!("{:016x}{:06x}", self.next(), self.below(1 << 24)),
            site: self.often(8),
            agent: self.often(10_000),
            referrer: self.often(400),
            campaign: (self.below(12) == 0).then(|| self.often(40)),
            language: self.often(25),
            class,
        }
    }

    /// S. Vigna's splitmix64.
    fn next(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (self.random ^ (self.random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// Low numbers far more often than high ones.
    fn often(&mut self, end: u64) -> u64 {
        let uniform = (self.next() >> 11) as f64 / (1_u64 << 53) as f64;
        ((end as f64 + 1.0).powf(uniform) - 1.0) as u64 % end
    }
}

/// Days are three times as busy as nights.
fn moment(share: f64) -> i64 {
    let days = share * 7.0;
    let wave = (days.fract() * std::f64::consts::TAU).sin() / std::f64::consts::TAU / 2.0;
    END_MS - WEEK_MS + 60_000 + ((days + wave) / 7.0 * (WEEK_MS - 60_000) as f64) as i64
}

const BROWSERS: [&str; 6] = ["Chrome", "Safari", "Firefox", "Edge", "Samsung Internet", "Opera"];
const SYSTEMS: [&str; 5] = ["Windows", "Android", "iOS", "Mac OS X", "Linux"];
const LANGUAGES: [&str; 5] = ["en-US", "de-DE", "fr", "en-GB", "es"];
const COUNTRIES: [&str; 6] = ["US", "DE", "FR", "GB", "ES", "IN"];

fn event(
    visit: &Visit,
    id: EventId,
    ms: i64,
    (page, tail): (u64, Option<u64>),
    (kind, value): (u64, u64),
) -> Event<'static> {
    let text = |text: String| Some(Cow::Owned(text));
    let name = match kind {
        0..90 => "pageview",
        90..96 => "click",
        96..99 => "signup",
        _ => "purchase",
    };
    let mut event = Event::new(id, Time::from_ms(ms), Source::Pixel, name, format!("site-{}", visit.site));
    let host = format!("www.site-{}.example.com", visit.site);
    let path = tail
        .map_or_else(|| format!("/section-{}/page-{page}", page % 20), |tail| format!("/search/{tail:x}"));
    event.page_url = text(format!("https://{host}{path}?utm_content=x&session={value}"));
    event.title = text(format!("Page {page} of section {}", page % 20));
    (event.page_host, event.page_path) = (text(host), text(path));
    if visit.referrer > 0 {
        event.referrer_host = text(format!("www.referrer-{}.example.org", visit.referrer));
        event.referrer_url =
            text(format!("https://www.referrer-{}.example.org/where/from?q=1", visit.referrer));
    }
    event.referrer_group = Some(ReferrerGroup::ALL[visit.referrer as usize % ReferrerGroup::ALL.len()]);
    if let Some(campaign) = visit.campaign {
        (event.utm_source, event.utm_medium) =
            (text(format!("source-{}", campaign % 7)), text("email".into()));
        event.utm_campaign = text(format!("campaign-{campaign}"));
    }
    let agent = visit.agent as usize;
    let browser = BROWSERS[agent % BROWSERS.len()];
    event.user_agent = text(format!(
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) {browser}/{}.0.{agent}.0 Safari/537.36",
        90 + agent % 60
    ));
    (event.browser, event.browser_version) = (text(browser.into()), text(format!("{}.0", 90 + agent % 60)));
    (event.os, event.os_version) = (text(SYSTEMS[agent % SYSTEMS.len()].into()), text("10".into()));
    event.device = Some(Device::ALL[agent % 3]);
    event.class = visit.class;
    if visit.class != Class::Human {
        event.class_reasons = vec!["user_agent".into()];
    }
    event.language = text(LANGUAGES[visit.language as usize % LANGUAGES.len()].into());
    event.country = text(COUNTRIES[visit.language as usize % COUNTRIES.len()].into());
    event.ip = text("192.0.2.0".into());
    event.visitor = text(visit.visitor.clone());
    if name != "pageview" {
        let plan = ["free", "pro", "team"][value as usize % 3];
        event.props = Props::from_object(format!(r#"{{"plan":"{plan}","amount":{value}}}"#).into_bytes());
    }
    event
}
