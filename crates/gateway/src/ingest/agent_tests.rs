//! User-Agents as they are sent, and what must be read from them.

use super::*;

/// Browser with version, system with version, device, kind; `-` for what is not told.
fn check(text: &str, expected: &str) {
    let agent = Agent::read(text);
    let pair = |name: &Option<Box<str>>, version: &Option<Box<str>>| match (name, version) {
        (Some(name), Some(version)) => format!("{name} {version}"),
        (Some(name), None) => name.to_string(),
        (None, _) => "-".to_owned(),
    };
    let found = format!(
        "{}, {}, {}, {:?}",
        pair(&agent.browser, &agent.browser_version),
        pair(&agent.os, &agent.os_version),
        agent.device.map_or("-", Device::as_str),
        agent.kind
    );
    assert_eq!(found, expected, "{text}");
}

const WEBKIT: &str = "AppleWebKit/605.1.15 (KHTML, like Gecko)";
const BLINK: &str = "AppleWebKit/537.36 (KHTML, like Gecko)";

#[test]
fn knows_browsers_on_their_devices() {
    check(
        &format!("Mozilla/5.0 (Windows NT 10.0; Win64; x64) {BLINK} Chrome/126.0.0.0 Safari/537.36"),
        "Chrome 126.0.0.0, Windows 10, desktop, Browser",
    );
    check(
        &format!(
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) {BLINK} Chrome/126.0.0.0 Safari/537.36 Edg/126.0.2592.87"
        ),
        "Edge 126.0.2592.87, Windows 10, desktop, Browser",
    );
    check(
        &format!("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {WEBKIT} Version/17.5 Safari/605.1.15"),
        "Safari 17.5, Mac OS X 10.15.7, desktop, Browser",
    );
    check(
        "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0",
        "Firefox 127.0, Linux, desktop, Browser",
    );
    check(
        &format!(
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) {WEBKIT} Version/17.5 Mobile/15E148 Safari/604.1"
        ),
        "Mobile Safari 17.5, iOS 17.5, mobile, Browser",
    );
    check(
        &format!(
            "Mozilla/5.0 (iPad; CPU OS 16_6 like Mac OS X) {WEBKIT} Version/16.6 Mobile/15E148 Safari/604.1"
        ),
        "Mobile Safari 16.6, iOS 16.6, tablet, Browser",
    );
    check(
        &format!("Mozilla/5.0 (Linux; Android 14; SM-S918B) {BLINK} Chrome/126.0.0.0 Mobile Safari/537.36"),
        "Chrome Mobile 126.0.0.0, Android 14, mobile, Browser",
    );
    check(
        &format!("Mozilla/5.0 (Linux; Android 13; SM-X906C) {BLINK} Chrome/126.0.0.0 Safari/537.36"),
        "Chrome 126.0.0.0, Android 13, tablet, Browser",
    );
    check(
        &format!("Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {BLINK} Chrome/126.0.0.0 Safari/537.36"),
        "Chrome 126.0.0.0, Chrome OS 14541.0.0, desktop, Browser",
    );
    check(
        &format!("Mozilla/5.0 (SMART-TV; Linux; Tizen 6.0) {BLINK} 76.0.3809.146/6.0 TV Safari/537.36"),
        "Safari, Tizen 6.0, tv, Browser",
    );
    check(
        "Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 6.1; Trident/4.0; Tablet PC 2.0)",
        "IE 8.0, Windows 7, desktop, Browser",
    );
    check(
        &format!(
            "Mozilla/5.0 (Linux; Android 9; CUBOT_NOTE_S) {BLINK} Chrome/90.0.4430.210 Mobile Safari/537.36"
        ),
        "Chrome Mobile 90.0.4430.210, Android 9, mobile, Browser",
    );
    check("SonyEricssonK510i/R4CJ Profile/MIDP-2.0 Configuration/CLDC-1.1", "-, -, mobile, Browser");
    check("MyShop/3 CFNetwork/1410.0.3 Darwin/22.6.0", "MyShop 3, iOS 16, mobile, Browser");
}

#[test]
fn knows_what_is_no_browser() {
    let kind = |text: &str, kind: Kind| {
        let agent = Agent::read(text);
        assert_eq!((agent.kind, agent.device), (kind, Some(Device::Bot)), "{text}");
    };
    kind("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", Kind::Crawler);
    kind("Mozilla/5.0 (compatible; GPTBot/1.2; +https://openai.com/gptbot)", Kind::Crawler);
    kind("Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)", Kind::Crawler);
    kind("Mozilla/5.0 (compatible; YandexBot/3.0)", Kind::Crawler);
    kind("Mozilla/5.0 (compatible; Baiduspider/2.0)", Kind::Crawler);
    kind("facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)", Kind::Preview);
    kind("Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)", Kind::Preview);
    kind("Mozilla/5.0 (compatible; Discordbot/2.0; +https://discordapp.com)", Kind::Preview);
    kind("WhatsApp/2.23.20.0", Kind::Preview);
    kind("curl/8.5.0", Kind::Library);
    kind("Wget/1.21", Kind::Library);
    kind("python-requests/2.31.0", Kind::Library);
    kind("Go-http-client/2.0", Kind::Library);
    kind("Java/17.0.1", Kind::Library);
    kind("node", Kind::Library);
    kind("okhttp/4.12.0", Kind::Library);
    kind(
        &format!("Mozilla/5.0 (X11; Linux x86_64) {BLINK} HeadlessChrome/126.0.0.0 Safari/537.36"),
        Kind::Headless,
    );
    kind("Mozilla/5.0 (compatible; UptimeRobot/2.0; http://www.uptimerobot.com/)", Kind::Monitor);
    kind("kube-probe/1.29", Kind::Monitor);
    kind("github-camo (4cd5af0a)", Kind::ImageProxy);
    kind("Slack-ImgProxy (+https://api.slack.com/robots)", Kind::ImageProxy);
    kind(
        "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)",
        Kind::MailProxy,
    );
    kind("YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html", Kind::MailProxy);
    kind("Mozilla/5.0", Kind::BareMozilla);
    kind("my own thing", Kind::Unknown);
    kind("-", Kind::Unknown);
    assert_eq!(Agent::read(""), Agent { kind: Kind::Empty, ..Agent::default() });
}

#[test]
fn remembers_within_its_bound() {
    let agents = Agents::new();
    let first = agents.read(b"curl/8.5.0");
    assert!(Arc::ptr_eq(&first, &agents.read(b"curl/8.5.0")));
    for i in 0..2500 {
        agents.read(format!("{i}{}", "-".repeat(1000)).as_bytes());
    }
    assert!(agents.seen.weight() <= CACHED_BYTES);
    assert_eq!(agents.read(b"curl/8.5.0"), first);
}

#[test]
fn as_many_usual_texts_as_it_is_laid_out_for_fit_the_cache() {
    let usual = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36";
    let weight = Weight.weight(&usual.as_bytes().into(), &Arc::new(Seen::read(usual.as_bytes())));
    assert!(weight * CACHED_AGENTS as u64 <= CACHED_BYTES, "{weight} each");
}
