//! A URL taken apart: its normal form and where in it host, path and query stand.
//!
//! Parsing is the library's. Most URLs are in their normal form already, though, as browsers report them so: what is
//! made of nothing but characters that the library would leave as they are, in places where it would leave them, is
//! read in one pass and without a copy. A property test holds the two ways to the same result.

use std::borrow::Cow;
use std::ops::Range;

use url::{Position, Url};

/// A URL in its normal form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Whole<'a> {
    href: Cow<'a, str>,
    host: Range<usize>,
    path: Range<usize>,
    query: Option<Range<usize>>,
}

impl<'a> Whole<'a> {
    /// Reads a web address that is in its normal form. `None`: the library must look.
    pub(super) fn plain(text: Cow<'a, str>) -> Option<Self> {
        let start = match text.strip_prefix("http") {
            Some(rest) if rest.starts_with("s://") => 8,
            Some(rest) if rest.starts_with("://") => 7,
            _ => return None,
        };
        let bytes = text.as_bytes();
        let host = start..start + bytes[start..].iter().position(|byte| *byte == b'/')?;
        if !is_plain_host(&bytes[host.clone()]) {
            return None;
        }
        let (path, query) = path_and_query(bytes, host.end)?;
        Some(Self { href: text, host, path, query })
    }

    /// Reads a path with its query that is in its normal form; without a host.
    pub(super) fn plain_path(text: Cow<'a, str>) -> Option<Self> {
        let (path, query) = path_and_query(text.as_bytes(), 0)?;
        Some(Self { href: text, host: 0..0, path, query })
    }

    /// This path at that page's host; both are in their normal form.
    pub(super) fn at(&self, page: &Whole<'_>) -> Whole<'static> {
        let origin = &page.href[..page.path.start];
        let moved = |range: &Range<usize>| range.start + origin.len()..range.end + origin.len();
        Whole {
            href: Cow::Owned([origin, &self.href].concat()),
            host: page.host.clone(),
            path: moved(&self.path),
            query: self.query.as_ref().map(moved),
        }
    }

    /// The normal form.
    pub(super) fn href(&self) -> &str {
        &self.href
    }

    /// The host, empty if there is none.
    pub(super) fn host(&self) -> &str {
        &self.href[self.host.clone()]
    }

    /// The path.
    pub(super) fn path(&self) -> &str {
        &self.href[self.path.clone()]
    }

    /// The query string, without its question mark.
    pub(super) fn query(&self) -> Option<&str> {
        self.query.clone().map(|range| &self.href[range])
    }
}

impl From<Url> for Whole<'_> {
    fn from(url: Url) -> Self {
        let at = |position| url[..position].len();
        let host = at(Position::BeforeHost)..at(Position::AfterHost);
        let path = at(Position::BeforePath)..at(Position::AfterPath);
        let query = url.query().map(|_| at(Position::BeforeQuery)..at(Position::AfterQuery));
        Self { host, path, query, href: Cow::Owned(url.into()) }
    }
}

/// Names of letters, digits and hyphens, the last of which starts with a letter: no address, and nothing encoded.
fn is_plain_host(host: &[u8]) -> bool {
    let plain = |label: &[u8]| {
        !label.is_empty()
            && !label.starts_with(b"xn--")
            && label.iter().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
    };
    let mut labels = host.split(|byte| *byte == b'.');
    let last = labels.next_back().unwrap_or_default();
    host.len() <= 253 && last.first().is_some_and(u8::is_ascii_lowercase) && plain(last) && labels.all(plain)
}

/// From a slash on to the end: a path without dot segments, and a query.
fn path_and_query(bytes: &[u8], start: usize) -> Option<(Range<usize>, Option<Range<usize>>)> {
    let mut before = bytes.get(start).filter(|byte| **byte == b'/')?;
    let mut at = start + 1;
    // Two slashes at the start of a path without a host would start a host.
    if bytes.get(at).is_some_and(|byte| *byte == b'/') && start == 0 {
        return None;
    }
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'a'..=b'z'
            | b'A'..=b'Z'
            | b'0'..=b'9'
            | b'/'
            | b'-'
            | b'_'
            | b'~'
            | b'+'
            | b'='
            | b':'
            | b',' => {}
            b'.' if *before != b'/' => {}
            b'?' => break,
            _ => return None,
        }
        before = byte;
        at += 1;
    }
    if at == bytes.len() {
        return Some((start..at, None));
    }
    let query = at + 1..bytes.len();
    let plain = |byte: &u8| {
        matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9') || b"-_.~=&%+/:,;?".contains(byte)
    };
    bytes[query.clone()].iter().all(plain).then_some((start..at, Some(query)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn by_library(text: &str) -> Option<Whole<'static>> {
        let mut url = Url::parse(text).ok()?;
        url.set_username("").ok()?;
        url.set_password(None).ok()?;
        Some(url.into())
    }

    fn check(text: &str, is_plain: bool) {
        let plain = Whole::plain(text.into());
        assert_eq!(plain.is_some(), is_plain, "{text}");
        assert!(plain.is_none() || plain == by_library(text), "{text}: {plain:?}");
    }

    #[test]
    fn what_browsers_report_is_plain() {
        for text in [
            "https://example.org/",
            "http://www.a-b.example.co/prices/2026_01~x.html?utm_source=a%20b&x=1+2",
            "https://localhost/a?",
            "https://a.b/c//d",
        ] {
            check(text, true);
        }
        for text in [
            "https://example.org",
            "https://example.org:8080/",
            "https://user@example.org/",
            "https://Example.org/",
            "https://127.0.0.1/",
            "https://0x7f.1/",
            "https://a.0x1/",
            "https://xn--a.example/",
            "https://a..b/",
            "https://a.example./",
            "https://exa_mple.org/",
            "https://a/b#c",
            "https://a/../b",
            "https://a/./b",
            "https://a/.b",
            "https://a/%2e",
            "https://a/b c",
            "https://a/é",
            "https://a/?é",
            "https://a/?'",
            "https:///a",
            "https:/a/",
            "ftp://a/",
            "",
        ] {
            check(text, false);
        }
    }

    #[test]
    fn a_path_is_put_at_its_host() {
        let page = Whole::plain("https://example.org/a/b?c".into()).unwrap();
        let path = Whole::plain_path("/d?e=1".into()).unwrap();
        assert_eq!(Some(path.at(&page)), by_library("https://example.org/d?e=1"));
        assert_eq!((path.host(), path.path(), path.query()), ("", "/d", Some("e=1")));
        for text in ["", "a", "?a", "//a", "/../a", "/a#b", "/a b", "/\\a"] {
            assert_eq!(Whole::plain_path(text.into()), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn both_ways_agree(
            host in "([a-z0-9-]{1,4}|xn--|\\.|[A-Z%_:@\\\\]){1,4}",
            path in "(/|[a-zA-Z0-9_~+=:,.-]{1,3}|[%!@ ;'\"<#\\\\é]){0,6}",
            query in "(\\?[a-zA-Z0-9=&%+/:,;?._~-]{0,6}[ '\"<#é]?)?",
        ) {
            let text = format!("https://{host}/{path}{query}");
            if let Some(plain) = Whole::plain(text.as_str().into()) {
                prop_assert_eq!(Some(plain), by_library(&text));
            }
            let text = format!("/{path}{query}");
            if let Some(plain) = Whole::plain_path(text.as_str().into()) {
                let page = Whole::plain("https://example.org/x/y?z".into()).unwrap();
                let joined = Url::parse("https://example.org/x/y?z").unwrap().join(&text).unwrap();
                prop_assert_eq!(plain.at(&page), Whole::from(joined));
            }
        }
    }
}
