//! Which pages may read the answers: the headers of the CORS protocol (Fetch standard, section 3.3).
//!
//! They go on every answer of a door, refusals too, or the page would see no more than a network error.
//! Credentials are never allowed, so `*` is always safe. This protects readers, not the door: a browser sends
//! `text/plain` without asking, and keys are what keeps strangers out.

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue};

use super::limits::PREFLIGHT_MAX_AGE_S;

const ANY: HeaderValue = HeaderValue::from_static("*");

/// The origins that may read.
pub(super) enum Cors {
    Any,
    Listed(Vec<HeaderValue>),
}

impl Cors {
    /// From checked settings; what no header could hold is no origin.
    pub(super) fn new(origins: &[String]) -> Self {
        if origins == ["*"] {
            return Self::Any;
        }
        Self::Listed(origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok()).collect())
    }

    /// The headers for an answer to a request with these headers.
    pub(super) fn answer(&self, request: &HeaderMap) -> HeaderMap {
        let mut headers = HeaderMap::new();
        match self {
            Self::Any => {
                headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, ANY);
            }
            Self::Listed(origins) => {
                headers.insert(VARY, HeaderValue::from_static("origin"));
                let origin = request.get(ORIGIN).filter(|origin| origins.contains(origin));
                headers.extend(origin.map(|origin| (ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone())));
            }
        }
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("retry-after"));
        headers
    }
}

/// Adds what a preflight asks for.
pub(super) fn preflight(headers: &mut HeaderMap, allow: &'static str) {
    let allowed = HeaderValue::from_static("authorization, content-encoding, content-type");
    headers.remove(ACCESS_CONTROL_EXPOSE_HEADERS);
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(allow));
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, allowed);
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(PREFLIGHT_MAX_AGE_S));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(origins: &[&str], origin: Option<&'static str>, allowed: Option<&str>, varies: bool) {
        let origins: Vec<String> = origins.iter().map(|origin| (*origin).into()).collect();
        let mut request = HeaderMap::new();
        request.extend(origin.map(|origin| (ORIGIN, HeaderValue::from_static(origin))));
        let headers = Cors::new(&origins).answer(&request);
        let found = headers.get(ACCESS_CONTROL_ALLOW_ORIGIN).map(|value| value.to_str().unwrap());
        assert_eq!(found, allowed, "{origins:?} {origin:?}");
        assert_eq!(headers.contains_key(VARY), varies, "{origins:?} {origin:?}");
        assert!(!headers.contains_key("access-control-allow-credentials"));
    }

    #[test]
    fn a_listed_origin_is_echoed_and_no_other() {
        let listed = &["https://a.example", "https://b.example"];
        check(&["*"], None, Some("*"), false);
        check(&["*"], Some("https://x.example"), Some("*"), false);
        check(listed, Some("https://b.example"), Some("https://b.example"), true);
        check(listed, Some("https://x.example"), None, true);
        check(listed, Some("https://a.example.evil"), None, true);
        check(listed, None, None, true);
        check(&[], Some("https://a.example"), None, true);
    }
}
