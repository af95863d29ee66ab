//! Pages and referrers: text to URL, host and path.
//!
//! Promises that nothing is lost (what is no URL stays as text, flagged) and that user names and passwords in URLs
//! never get through. URLs are kept in the normal form of the WHATWG URL standard, as a browser would report them.

use std::borrow::Cow;

use onepixel_event::limits;
use url::{ParseError, Url};

use super::flag::{Flag, Flags};
use super::text;
use super::whole::Whole;

/// Host names longer than this do not exist (RFC 1035 allows 253).
const HOST_BYTES_MAX: usize = 255;
/// Stands in for the host while a path without one is read; never kept (RFC 2606).
const NO_HOST: &str = "http://host.invalid/";
/// The host in it.
const NO_HOST_NAME: &str = "host.invalid";

/// Where something is: as much as its text told.
#[derive(Debug)]
pub(super) struct Place<'a> {
    /// The text to keep instead of the URL's normal form.
    text: Option<Cow<'a, str>>,
    url: Option<Whole<'a>>,
    has_host: bool,
}

impl<'a> Place<'a> {
    /// Reads a page. A text without scheme is a path; `embedder`, the page that shows the pixel, then tells the host.
    pub(super) fn page(page: Cow<'a, str>, embedder: Option<&str>, flags: &mut Flags) -> Self {
        if let Some(place) = Self::plain(&page, embedder) {
            return place;
        }
        match Url::parse(&page) {
            Ok(url) => Self::url_only(url, flags),
            Err(ParseError::RelativeUrlWithoutBase) => Self::relative(page, embedder, flags),
            Err(_) => Self::text_only(page, Flag::BadUrl, flags),
        }
    }

    /// Reads a referrer. A bare host is taken as one; a path belongs to the site itself and has no host.
    pub(super) fn referrer(referrer: Cow<'a, str>, flags: &mut Flags) -> Self {
        if let Some(place) = Self::plain(&referrer, None) {
            return place;
        }
        match Url::parse(&referrer) {
            Ok(url) => Self::url_only(url, flags),
            Err(ParseError::RelativeUrlWithoutBase) if referrer.starts_with('/') => {
                Self::relative(referrer, None, flags)
            }
            Err(ParseError::RelativeUrlWithoutBase) => match Url::parse(&format!("http://{referrer}")) {
                Ok(url)
                    if url.host_str().is_some_and(|host| host.contains('.')) && !has_credentials(&url) =>
                {
                    Self { text: Some(referrer), url: Some(url.into()), has_host: true }
                }
                _ => Self::text_only(referrer, Flag::BadRef, flags),
            },
            Err(_) => Self::text_only(referrer, Flag::BadRef, flags),
        }
    }

    /// A web address or a path in its normal form already, as nearly all are.
    fn plain(text: &Cow<'a, str>, embedder: Option<&str>) -> Option<Self> {
        if !text.starts_with('/') {
            let url = Whole::plain(text.clone())?;
            return Some(Self { text: None, url: Some(url), has_host: true });
        }
        let path = Whole::plain_path(text.clone())?;
        match embedder {
            None => Some(Self { text: None, url: Some(path), has_host: false }),
            Some(embedder) => {
                let url = path.at(&Whole::plain(embedder.into())?);
                Some(Self { text: None, url: Some(url), has_host: true })
            }
        }
    }

    /// The URL in its normal form, or the text that was given.
    pub(super) fn href(&self, flags: &mut Flags) -> Option<Cow<'_, str>> {
        let href =
            self.text.as_deref().or(self.url.as_ref().map(Whole::href)).filter(|href| !href.is_empty())?;
        Some(text::cut(Cow::Borrowed(href), limits::URL_BYTES_MAX, flags))
    }

    /// The host in lower case, without port.
    pub(super) fn host(&self) -> Option<Cow<'_, str>> {
        let host = self.url.as_ref().filter(|_| self.has_host)?.host();
        if host.is_empty() {
            return None;
        }
        let host = &host[..host.floor_char_boundary(HOST_BYTES_MAX)];
        // The parser lowers the hosts of web addresses only, not those of apps.
        if host.bytes().any(|byte| byte.is_ascii_uppercase()) {
            Some(Cow::Owned(host.to_ascii_lowercase()))
        } else {
            Some(Cow::Borrowed(host))
        }
    }

    /// The path, without query string and fragment; addresses of apps may have none.
    pub(super) fn path(&self, flags: &mut Flags) -> Option<Cow<'_, str>> {
        let path = Some(self.url.as_ref()?.path()).filter(|path| !path.is_empty())?;
        Some(text::cut(Cow::Borrowed(path), limits::URL_BYTES_MAX, flags))
    }

    /// True for a path without a host: a place on the site itself.
    pub(super) fn is_path(&self) -> bool {
        self.url.is_some() && !self.has_host
    }

    /// The query string, without its question mark.
    pub(super) fn query(&self) -> Option<&str> {
        self.url.as_ref()?.query()
    }

    fn url_only(mut url: Url, flags: &mut Flags) -> Self {
        if url.cannot_be_a_base() {
            // `user:password@host` without scheme reads as a URL of the scheme `user`.
            let text = without_credentials(Cow::Owned(url.into()), flags);
            return Self { text: Some(text), url: None, has_host: false };
        }
        strip_credentials(&mut url, flags);
        Self { text: None, url: Some(url.into()), has_host: true }
    }

    fn relative(path: Cow<'a, str>, embedder: Option<&str>, flags: &mut Flags) -> Self {
        let embedder = embedder.and_then(|text| Url::parse(text).ok()).filter(Url::has_host);
        let base = match embedder {
            Some(embedder) => Ok(embedder),
            None => Url::parse(NO_HOST),
        };
        match base.and_then(|base| base.join(&path)) {
            // Two slashes, or what a browser takes for them, start a host of the path's own.
            Ok(url) if url.host_str() == Some(NO_HOST_NAME) && !has_credentials(&url) => {
                Self { text: Some(path), url: Some(url.into()), has_host: false }
            }
            Ok(url) => Self::url_only(url, flags),
            Err(_) => Self::text_only(path, Flag::BadUrl, flags),
        }
    }

    fn text_only(text: Cow<'a, str>, flag: Flag, flags: &mut Flags) -> Self {
        flags.set(flag);
        Self { text: Some(without_credentials(text, flags)), url: None, has_host: false }
    }
}

/// True when two hosts are one site: the same, but for a leading `www.`.
pub(super) fn same_site(a: &str, b: &str) -> bool {
    without_www(a) == without_www(b)
}

/// The host without a leading `www.`.
pub(super) fn without_www(host: &str) -> &str {
    host.strip_prefix("www.").unwrap_or(host)
}

fn has_credentials(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

fn strip_credentials(url: &mut Url, flags: &mut Flags) {
    if !has_credentials(url) {
        return;
    }
    flags.set(Flag::UrlCredentials);
    if url.set_username("").is_err() || url.set_password(None).is_err() {
        // Only URLs without a host refuse, and those have no credentials; keep nothing if that were ever wrong.
        url.set_path("");
    }
}

/// The same for a text that is no URL: whatever stands before the last `@` of its authority goes.
fn without_credentials<'a>(text: Cow<'a, str>, flags: &mut Flags) -> Cow<'a, str> {
    let start = authority(&text);
    let end = text[start..].find(['/', '\\', '?', '#']).map_or(text.len(), |at| start + at);
    match text[start..end].rfind('@') {
        Some(at) => {
            flags.set(Flag::UrlCredentials);
            Cow::Owned(format!("{}{}", &text[..start], &text[start + at + 1..]))
        }
        None => text,
    }
}

/// Where the authority of a text that is no URL starts: behind the slashes that follow its scheme, however many they
/// are and whichever way they lean, as that is how browsers read them.
fn authority(text: &str) -> usize {
    match text.find(['/', '\\']) {
        Some(at) if at == 0 || text[..at].ends_with(':') => {
            text.len() - text[at..].trim_start_matches(['/', '\\']).len()
        }
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Parts<'a> = (Option<&'a str>, Option<&'a str>, Option<&'a str>);

    fn compare(
        text: &str,
        place: &Place<'_>,
        mut flags: Flags,
        expected: Parts<'_>,
        expected_flags: &[&str],
    ) {
        let (href, host, path) = (place.href(&mut flags), place.host(), place.path(&mut flags));
        assert_eq!((href.as_deref(), host.as_deref(), path.as_deref()), expected, "{text}");
        assert_eq!(flags.codes().collect::<Vec<_>>(), expected_flags, "{text}");
    }

    fn page(text: &str, embedder: Option<&str>, expected: Parts<'_>, expected_flags: &[&str]) {
        let mut flags = Flags::default();
        let place = Place::page(text.into(), embedder, &mut flags);
        compare(text, &place, flags, expected, expected_flags);
    }

    fn referrer(text: &str, expected: Parts<'_>, expected_flags: &[&str]) {
        let mut flags = Flags::default();
        let place = Place::referrer(text.into(), &mut flags);
        compare(text, &place, flags, expected, expected_flags);
    }

    #[test]
    fn reads_urls() {
        let a = "https://blog.example/a?b=1#c";
        page(a, None, (Some(a), Some("blog.example"), Some("/a")), &[]);
        page(
            "HTTPS://Blog.EXAMPLE:443",
            None,
            (Some("https://blog.example/"), Some("blog.example"), Some("/")),
            &[],
        );
        page(
            "http://localhost:3000/x",
            None,
            (Some("http://localhost:3000/x"), Some("localhost"), Some("/x")),
            &[],
        );
        page("http://[::1]/", None, (Some("http://[::1]/"), Some("[::1]"), Some("/")), &[]);
        page(
            "https://bücher.example/ä",
            None,
            (Some("https://xn--bcher-kva.example/%C3%A4"), Some("xn--bcher-kva.example"), Some("/%C3%A4")),
            &[],
        );
        page("about:blank", None, (Some("about:blank"), None, None), &[]);
        page("file:///C:/a.html", None, (Some("file:///C:/a.html"), None, Some("/C:/a.html")), &[]);
    }

    #[test]
    fn reads_paths() {
        let shown_on = Some("https://blog.example/list?q=1");
        page("/a?b=1", None, (Some("/a?b=1"), None, Some("/a")), &[]);
        page("owner/repo", None, (Some("owner/repo"), None, Some("/owner/repo")), &[]);
        page("/a?b=1", shown_on, (Some("https://blog.example/a?b=1"), Some("blog.example"), Some("/a")), &[]);
        page("/a", Some("garbage"), (Some("/a"), None, Some("/a")), &[]);
        page("/a", Some("about:blank"), (Some("/a"), None, Some("/a")), &[]);
        page("//cdn.example/a", None, (Some("http://cdn.example/a"), Some("cdn.example"), Some("/a")), &[]);
        page(
            "//cdn.example/a",
            shown_on,
            (Some("https://cdn.example/a"), Some("cdn.example"), Some("/a")),
            &[],
        );
    }

    #[test]
    fn keeps_what_is_no_url_as_text() {
        page("http://[bad", None, (Some("http://[bad"), None, None), &["bad_url"]);
        page("http://", None, (Some("http://"), None, None), &["bad_url"]);
        page("http://a b/", None, (Some("http://a b/"), None, None), &["bad_url"]);
        page("//u:p@[bad", None, (Some("//[bad"), None, None), &["bad_url", "url_credentials"]);
        referrer("newsletter", (Some("newsletter"), None, None), &["bad_ref"]);
        referrer("u:p@", (None, None, None), &["url_credentials"]);
        referrer("http://[bad", (Some("http://[bad"), None, None), &["bad_ref"]);
    }

    #[test]
    fn credentials_never_get_through() {
        let clean = (Some("https://x.example/a"), Some("x.example"), Some("/a"));
        page("https://u:p@x.example/a", None, clean, &["url_credentials"]);
        page("https://u@x.example/a", None, clean, &["url_credentials"]);
        page("https://:p@x.example/a", None, clean, &["url_credentials"]);
        page("/a", Some("https://u:p@x.example/b"), clean, &["url_credentials"]);
        page("//u:p@x.example/a", Some("https://y.example/"), clean, &["url_credentials"]);
        page(
            "http://u:p@[bad/x@y",
            None,
            (Some("http://[bad/x@y"), None, None),
            &["bad_url", "url_credentials"],
        );
        referrer("https://u:p@x.example/a", clean, &["url_credentials"]);
        referrer("u:p@x.example", (Some("x.example"), None, None), &["url_credentials"]);
        referrer("u@x.example", (Some("x.example"), None, None), &["bad_ref", "url_credentials"]);
        referrer(":p@x.example", (Some("x.example"), None, None), &["bad_ref", "url_credentials"]);
    }

    #[test]
    fn credentials_behind_slashes_that_only_browsers_take_for_such_do_not_get_through() {
        let clean = (Some("http://x.example/a"), Some("x.example"), Some("/a"));
        page(r"\\u:p@x.example/a", None, clean, &["url_credentials"]);
        page(r"/\u:p@x.example/a", None, clean, &["url_credentials"]);
        page(r"\/u:p@x.example/a", None, clean, &["url_credentials"]);
        let broken = &["bad_url", "url_credentials"];
        page(r"http:\\u:p@a b/", None, (Some(r"http:\\a b/"), None, None), broken);
        page("https:///u:p@a b/", None, (Some("https:///a b/"), None, None), broken);
        page("http:/u:p@a b/", None, (Some("http:/a b/"), None, None), broken);
        page("http:u:p@a b/", None, (Some("a b/"), None, None), broken);
        page("a b://u:p@c", None, (Some("a b://u:p@c"), None, Some("/a%20b://u:p@c")), &[]);
    }

    #[test]
    fn reads_referrers() {
        let a = "https://www.google.com/";
        referrer(a, (Some(a), Some("www.google.com"), Some("/")), &[]);
        let (no_path, no_host) = ("android-app://com.Slack", "app.example.comhttps://");
        referrer(no_path, (Some(no_path), Some("com.slack"), None), &[]);
        referrer(no_host, (Some(no_host), None, None), &[]);
        referrer("Google.com", (Some("Google.com"), Some("google.com"), Some("/")), &[]);
        referrer(
            "android-app://com.Slack/",
            (Some("android-app://com.Slack/"), Some("com.slack"), Some("/")),
            &[],
        );
        referrer("/inside", (Some("/inside"), None, Some("/inside")), &[]);
    }

    #[test]
    fn cuts_what_grew_in_its_normal_form() {
        let text = format!("https://x.example/{}", "é".repeat(1000));
        let mut flags = Flags::default();
        let place = Place::page(text.into(), None, &mut flags);
        assert_eq!(place.href(&mut flags).unwrap().len(), limits::URL_BYTES_MAX);
        assert_eq!(place.path(&mut flags).unwrap().len(), limits::URL_BYTES_MAX);
        assert_eq!(flags.codes().collect::<Vec<_>>(), ["truncated_param"]);
    }

    #[test]
    fn www_is_no_site_of_its_own() {
        assert!(same_site("www.x.example", "x.example"));
        assert!(!same_site("blog.x.example", "x.example"));
    }
}
