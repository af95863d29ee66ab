//! Days of traffic as two small sites have them: quiet nights, busy afternoons, some machines, and a little more each day.

use std::borrow::Cow;
use std::time::SystemTime;

use onepixel_event::{Class, Device, Event, EventId, ReferrerGroup, Source, Time};

use crate::harness::Random;

const DAY_MINUTES: i64 = 24 * 60;
const MINUTE_MS: i64 = 60_000;

/// Each with how often it comes up.
type Weighed<T> = [(u64, T)];

const FROM: &Weighed<(&str, ReferrerGroup)> = &[
    (34, ("", ReferrerGroup::Direct)),
    (30, ("www.google.com", ReferrerGroup::Search)),
    (12, ("news.ycombinator.com", ReferrerGroup::Social)),
    (9, ("duckduckgo.com", ReferrerGroup::Search)),
    (7, ("github.com", ReferrerGroup::Code)),
    (5, ("chatgpt.com", ReferrerGroup::Ai)),
    (3, ("blog.example.net", ReferrerGroup::Other)),
];
const PAGES: &Weighed<(&str, &str, &str)> = &[
    (28, ("docs", "docs.example.org", "/start")),
    (20, ("shop", "www.example.org", "/")),
    (16, ("docs", "docs.example.org", "/")),
    (13, ("shop", "www.example.org", "/prices")),
    (11, ("docs", "docs.example.org", "/settings")),
    (7, ("docs", "docs.example.org", "/faq")),
    (5, ("shop", "www.example.org", "/checkout")),
];
const READERS: &Weighed<(&str, &str, Device)> = &[
    (36, ("Chrome", "Windows", Device::Desktop)),
    (19, ("Mobile Safari", "iOS", Device::Mobile)),
    (15, ("Chrome Mobile", "Android", Device::Mobile)),
    (12, ("Firefox", "Linux", Device::Desktop)),
    (10, ("Safari", "Mac OS X", Device::Desktop)),
    (6, ("Edge", "Windows", Device::Desktop)),
    (2, ("Mobile Safari", "iOS", Device::Tablet)),
];
const CAMPAIGNS: &Weighed<&str> = &[(6, "spring"), (3, "newsletter-41"), (1, "partners")];

fn choose<T: Copy>(from: &Weighed<T>, random: &mut Random) -> T {
    let mut left = random.within(0..from.iter().map(|(weight, _)| weight).sum());
    for (weight, one) in from {
        if left < *weight {
            return *one;
        }
        left -= weight;
    }
    from[0].1
}

/// The lines of the days that end now.
pub(super) fn days(days: i64) -> Vec<Vec<u8>> {
    let minutes = days * DAY_MINUTES - 1;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis() as i64;
    let mut random = Random::new(20);
    let mut times: Vec<i64> = (0..minutes)
        .flat_map(|minute| {
            // The night is a third of the way back; a small second wave is the evening.
            let day = minute as f64 / 1440.0 * std::f64::consts::TAU;
            let rate = 3.6 + 2.3 * (day - 0.4).cos() + 0.7 * (2.0 * day + 1.0).sin();
            let growth = 1.0 - 0.06 * ((minutes - minute) / DAY_MINUTES) as f64;
            let count = (rate * growth * (0.5 + random.within(0..100) as f64 / 100.0)).round() as u64;
            (0..count)
                .map(|_| now - (minutes - minute) * MINUTE_MS + random.within(0..60_000) as i64)
                .collect::<Vec<_>>()
        })
        .filter(|time| *time <= now)
        .collect();
    times.sort_unstable();
    times.into_iter().map(|time| line(Time::from_ms(time), &mut random)).collect()
}

fn line(at: Time, random: &mut Random) -> Vec<u8> {
    let id = EventId::parse(&random.uuid().to_string()).unwrap();
    let (site, host, path) = choose(PAGES, random);
    let signup = random.one_in(25);
    let name = if signup { "signup" } else { "pageview" };
    let source = if signup { Source::Api } else { Source::Pixel };
    let mut event = Event::new(id, at, source, name, site);
    event.page_url = Some(format!("https://{host}{path}").into());
    event.page_host = Some(host.into());
    event.page_path = Some(path.into());
    let (referrer, group) = choose(FROM, random);
    event.referrer_host = (!referrer.is_empty()).then_some(Cow::Borrowed(referrer));
    event.referrer_group = Some(group);
    if random.one_in(9) {
        event.utm_source = Some("mail".into());
        event.utm_campaign = Some(choose(CAMPAIGNS, random).into());
    }
    let (browser, os, device) = choose(READERS, random);
    if random.one_in(8) {
        event.class = Class::Bot;
        event.browser = Some("Googlebot".into());
        event.device = Some(Device::Bot);
    } else {
        event.browser = Some(browser.into());
        event.os = Some(os.into());
        event.device = Some(device);
        event.visitor = Some(format!("visitor-{}", random.within(0..900)).into());
    }
    let mut line = Vec::new();
    event.encode(&mut line);
    line
}
