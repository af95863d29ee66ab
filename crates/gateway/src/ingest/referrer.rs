//! What kind of place a visit came from.
//!
//! Decided by the referrer's host and a list of well-known ones; without a referrer, by the campaign. Does not try
//! to tell a search engine from its mail or maps by path: the list names hosts.

use std::collections::HashMap;
use std::sync::LazyLock;

use onepixel_event::ReferrerGroup;

use super::place::{self, Place};

/// The list is data of this program, not state: one copy serves every server in the process.
static KNOWN: LazyLock<Known> = LazyLock::new(|| Known::read(include_str!("data/referrers.tsv")));

/// Second-level names under which countries register companies (`co.uk`, `com.br`).
const SECOND_LEVEL: [&str; 6] = ["co", "com", "ne", "net", "or", "org"];

/// The group of a visit. `None` when neither page nor referrer is known: then there was no visit to a page.
pub(super) fn group(
    page: Option<&Place<'_>>,
    referrer: Option<&Place<'_>>,
    utm_source: Option<&str>,
    utm_medium: Option<&str>,
) -> Option<ReferrerGroup> {
    let Some(referrer) = referrer else {
        return page.map(|_| campaign(utm_source, utm_medium).unwrap_or(ReferrerGroup::Direct));
    };
    let Some(host) = referrer.host() else {
        let inside = referrer.is_path();
        return Some(if inside { ReferrerGroup::Direct } else { ReferrerGroup::Other });
    };
    match page.and_then(Place::host) {
        Some(page) if place::same_site(&page, &host) => Some(ReferrerGroup::Direct),
        _ => Some(of_host(&host).unwrap_or(ReferrerGroup::Other)),
    }
}

/// Mail programs and assistants often send no referrer, but their links carry `utm_medium=email` or
/// `utm_source=chatgpt.com`.
fn campaign(source: Option<&str>, medium: Option<&str>) -> Option<ReferrerGroup> {
    let medium = medium.unwrap_or_default();
    if ["email", "e-mail", "newsletter"].iter().any(|word| medium.eq_ignore_ascii_case(word)) {
        return Some(ReferrerGroup::Mail);
    }
    if medium.eq_ignore_ascii_case("social") {
        return Some(ReferrerGroup::Social);
    }
    of_host(&source.filter(|source| source.contains('.'))?.to_ascii_lowercase())
}

/// The group of a host in lower case, if it is a known one.
fn of_host(host: &str) -> Option<ReferrerGroup> {
    let host = place::without_www(host.strip_suffix('.').unwrap_or(host));
    let mut suffix = host;
    loop {
        let found = KNOWN.get(suffix).filter(|entry| !entry.alone || suffix == host);
        if let Some(entry) = found {
            return Some(entry.group);
        }
        suffix = suffix.split_once('.')?.1;
    }
}

struct Known {
    hosts: HashMap<&'static str, Entry>,
    /// By what stands before a country's ending.
    countries: HashMap<&'static str, Entry>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    group: ReferrerGroup,
    /// True when subdomains are something else.
    alone: bool,
}

impl Known {
    fn read(list: &'static str) -> Self {
        let mut known = Self { hosts: HashMap::new(), countries: HashMap::new() };
        for line in list.lines() {
            let Some((word, host)) = line.split_once('\t') else { continue };
            let Some(group) = ReferrerGroup::ALL.iter().find(|group| group.as_str() == word) else {
                continue;
            };
            let entry = Entry { group: *group, alone: host.starts_with('=') };
            let host = host.strip_prefix('=').unwrap_or(host);
            match host.strip_suffix(".*") {
                Some(name) => known.countries.insert(name, entry),
                None => known.hosts.insert(host, entry),
            };
        }
        known
    }

    fn get(&self, host: &str) -> Option<Entry> {
        if let Some(entry) = self.hosts.get(host) {
            return Some(*entry);
        }
        let (name, ending) = host.rsplit_once('.')?;
        let name = match name.rsplit_once('.') {
            Some((name, second)) if ending.len() == 2 && SECOND_LEVEL.contains(&second) => name,
            _ => name,
        };
        self.countries.get(name).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::flag::Flags;

    fn check(page: &str, referrer: &str, source: &str, medium: &str, expected: Option<&str>) {
        let mut flags = Flags::default();
        let given = |text: &'static str| (!text.is_empty()).then_some(text);
        let leak = |text: &str| given(text.to_owned().leak());
        let page = leak(page).map(|page| Place::page(page.into(), None, &mut flags));
        let from = leak(referrer).map(|referrer| Place::referrer(referrer.into(), &mut flags));
        let found = group(page.as_ref(), from.as_ref(), leak(source), leak(medium));
        assert_eq!(found.map(ReferrerGroup::as_str), expected, "{referrer} {source} {medium}");
    }

    fn from(referrer: &str, expected: &str) {
        check("https://blog.example/a", referrer, "", "", Some(expected));
    }

    #[test]
    fn knows_the_well_known() {
        from("https://www.google.com/", "search");
        from("https://google.de/search?q=x", "search");
        from("https://www.google.co.uk/", "search");
        from("https://WWW.Google.COM./", "search");
        from("https://mail.google.com/", "mail");
        from("https://gemini.google.com/app", "ai");
        from("https://docs.google.com/", "other");
        from("https://google.evil.example/", "other");
        from("https://notgoogle.com/", "other");
        from("https://duckduckgo.com/", "search");
        from("https://html.duckduckgo.com/", "search");
        from("https://l.facebook.com/l.php", "social");
        from("https://t.co/abc", "social");
        from("https://news.ycombinator.com/item?id=1", "social");
        from("https://de.pinterest.com/", "social");
        from("https://www.pinterest.co.uk/", "social");
        from("android-app://com.google.android.gm/", "mail");
        from("android-app://com.google.android.googlequicksearchbox/", "search");
        from("https://chatgpt.com/", "ai");
        from("https://www.perplexity.ai/search", "ai");
        from("https://github.com/a/b", "code");
        from("https://gist.github.com/a", "code");
        from("https://outlook.live.com/", "mail");
        from("https://yandex.ru/search", "search");
        from("https://mail.yandex.ru/", "mail");
        from("https://some.example/", "other");
        from("newsletter", "other");
        from("about:blank", "other");
    }

    #[test]
    fn the_site_itself_and_nothing_are_direct() {
        from("", "direct");
        from("https://blog.example/", "direct");
        from("http://www.blog.example/b", "direct");
        from("/b", "direct");
        from("https://other.blog.example/", "other");
        check("", "", "", "", None);
        check("", "https://t.co/", "", "", Some("social"));
        check("/a", "", "", "", Some("direct"));
    }

    #[test]
    fn a_campaign_speaks_where_no_referrer_does() {
        let page = "https://blog.example/a";
        check(page, "", "october", "email", Some("mail"));
        check(page, "", "october", "Newsletter", Some("mail"));
        check(page, "", "x", "social", Some("social"));
        check(page, "", "chatgpt.com", "", Some("ai"));
        check(page, "", "ChatGPT.com", "", Some("ai"));
        check(page, "", "google", "cpc", Some("direct"));
        check(page, "https://t.co/", "october", "email", Some("social"));
        check("", "", "october", "email", None);
    }

    #[test]
    fn every_line_of_the_list_counts() {
        let lines = include_str!("data/referrers.tsv").lines().filter(|line| !line.starts_with('#')).count();
        assert!(lines > 300);
        assert_eq!(KNOWN.hosts.len() + KNOWN.countries.len(), lines, "a line is broken or stands twice");
    }
}
