//! One day of traffic as two small sites have it: a quiet night, a busy afternoon, some machines.

use std::borrow::Cow;
use std::time::SystemTime;

use onepixel_event::{Class, Device, Event, EventId, ReferrerGroup, Source, Time};

use crate::harness::Random;

const MINUTES: i64 = 24 * 60 - 20;
const MINUTE_MS: i64 = 60_000;

type From = (&'static str, Option<ReferrerGroup>);
const FROM: [From; 9] = [
    ("", Some(ReferrerGroup::Direct)),
    ("", Some(ReferrerGroup::Direct)),
    ("www.google.com", Some(ReferrerGroup::Search)),
    ("www.google.com", Some(ReferrerGroup::Search)),
    ("duckduckgo.com", Some(ReferrerGroup::Search)),
    ("news.ycombinator.com", Some(ReferrerGroup::Social)),
    ("github.com", Some(ReferrerGroup::Code)),
    ("chatgpt.com", Some(ReferrerGroup::Ai)),
    ("blog.example.net", Some(ReferrerGroup::Other)),
];
const PAGES: [(&str, &str, &str); 8] = [
    ("docs", "docs.example.org", "/"),
    ("docs", "docs.example.org", "/start"),
    ("docs", "docs.example.org", "/start"),
    ("docs", "docs.example.org", "/settings"),
    ("docs", "docs.example.org", "/faq"),
    ("shop", "www.example.org", "/"),
    ("shop", "www.example.org", "/prices"),
    ("shop", "www.example.org", "/checkout"),
];
const READERS: [(&str, &str, Device); 7] = [
    ("Chrome", "Windows", Device::Desktop),
    ("Chrome", "Windows", Device::Desktop),
    ("Firefox", "Linux", Device::Desktop),
    ("Safari", "Mac OS X", Device::Desktop),
    ("Mobile Safari", "iOS", Device::Mobile),
    ("Chrome Mobile", "Android", Device::Mobile),
    ("Edge", "Windows", Device::Desktop),
];
const CAMPAIGNS: [&str; 3] = ["spring", "newsletter-41", "partners"];

/// The lines of the day that ends now.
pub(super) fn day() -> Vec<Vec<u8>> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis() as i64;
    let mut random = Random::new(20);
    let mut times: Vec<i64> = (0..MINUTES)
        .flat_map(|minute| {
            // Twice a wave: an afternoon and a smaller evening.
            let day = minute as f64 / 1440.0 * std::f64::consts::TAU;
            let rate = 3.2 - 2.2 * (day + 0.9).cos() + 0.9 * (2.0 * day).sin();
            let count = (rate * (0.5 + random.within(0..100) as f64 / 100.0)).round() as u64;
            (0..count)
                .map(|_| now - (MINUTES - minute) * MINUTE_MS + random.within(0..60_000) as i64)
                .collect::<Vec<_>>()
        })
        .filter(|time| *time <= now)
        .collect();
    times.sort_unstable();
    times.into_iter().map(|time| line(Time::from_ms(time), &mut random)).collect()
}

/// A number as the dashboard groups it in English.
pub(super) fn grouped(number: usize) -> String {
    if number < 1000 { number.to_string() } else { format!("{},{:03}", number / 1000, number % 1000) }
}

fn line(at: Time, random: &mut Random) -> Vec<u8> {
    let id = EventId::parse(&random.uuid().to_string()).unwrap();
    let (site, host, path) = *random.choose(&PAGES);
    let signup = random.one_in(25);
    let name = if signup { "signup" } else { "pageview" };
    let source = if signup { Source::Api } else { Source::Pixel };
    let mut event = Event::new(id, at, source, name, site);
    event.page_url = Some(format!("https://{host}{path}").into());
    event.page_host = Some(host.into());
    event.page_path = Some(path.into());
    let (referrer, group) = *random.choose(&FROM);
    event.referrer_host = (!referrer.is_empty()).then_some(Cow::Borrowed(referrer));
    event.referrer_group = group;
    if random.one_in(9) {
        event.utm_source = Some("mail".into());
        event.utm_campaign = Some((*random.choose(&CAMPAIGNS)).into());
    }
    let (browser, os, device) = *random.choose(&READERS);
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
