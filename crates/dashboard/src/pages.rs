//! The dashboard's pages: the files of `web/`, built and embedded by `build.rs`, and the headers every answer has.
//!
//! The files are public, the data behind them is not. Nothing is loaded from anywhere else, and nothing inline runs.

use axum::Router;
use axum::extract::Request;
use axum::http::header::{
    ACCEPT_ENCODING, ACCESS_CONTROL_ALLOW_ORIGIN, ALLOW, CACHE_CONTROL, CONTENT_ENCODING,
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderName, IF_NONE_MATCH, REFERRER_POLICY, VARY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;

/// Nothing is loaded from anywhere else, and nothing inline runs. Styles set by script need no exception.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
     font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// The paths that the app draws by itself; the same page answers all of them.
const PAGES: [&str; 5] = ["/", "/pipeline", "/inspector", "/setup", "/access"];
/// The page of the app among the embedded files.
const INDEX: &str = "/index.html";

const CROSS_ORIGIN_OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// One embedded file in the forms it is sent in.
struct Asset {
    /// Where it is served, with a leading slash.
    path: &'static str,
    kind: &'static str,
    /// A strong ETag, quotes included.
    etag: &'static str,
    /// The name holds a hash of the content.
    immutable: bool,
    plain: &'static [u8],
    /// `None` where compression gains nothing.
    gzip: Option<&'static [u8]>,
    brotli: Option<&'static [u8]>,
}

include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// Routes of the pages and their files.
pub(crate) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let mut router = Router::new();
    if let Some(index) = find(INDEX) {
        for path in PAGES {
            router = router.route(path, get(move |headers: HeaderMap| async move { file(index, &headers) }));
        }
    }
    for asset in ASSETS.iter().filter(|asset| asset.path != INDEX) {
        router =
            router.route(asset.path, get(move |headers: HeaderMap| async move { file(asset, &headers) }));
    }
    router
}

/// The tracker: any page may load it, and caches may keep it for an hour.
pub fn tracker(method: &Method, headers: &HeaderMap) -> Response {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return (StatusCode::METHOD_NOT_ALLOWED, [(ALLOW, "GET, HEAD")]).into_response();
    }
    let mut response = file(&TRACKER, headers);
    let to = response.headers_mut();
    to.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600"));
    to.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    to.insert(CROSS_ORIGIN_RESOURCE_POLICY, HeaderValue::from_static("cross-origin"));
    to.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// Whether a page or a file of ours answers at this path.
pub fn takes(path: &str) -> bool {
    PAGES.contains(&path) || find(path).is_some()
}

fn find(path: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|asset| asset.path == path)
}

fn file(asset: &'static Asset, request: &HeaderMap) -> Response {
    let mut headers = HeaderMap::new();
    let cache = if asset.immutable { "public, max-age=31536000, immutable" } else { "no-cache" };
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(cache));
    headers.insert(ETAG, HeaderValue::from_static(asset.etag));
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    if is_known(request, asset.etag) {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(asset.kind));
    let body = match (asset.brotli, asset.gzip) {
        (Some(brotli), _) if accepts(request, "br") => {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("br"));
            brotli
        }
        (_, Some(gzip)) if accepts(request, "gzip") => {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            gzip
        }
        _ => asset.plain,
    };
    (headers, Bytes::from_static(body)).into_response()
}

/// Whether the client has this version (RFC 9110, section 13.1.2: a weak comparison).
fn is_known(request: &HeaderMap, etag: &str) -> bool {
    let lines = request.get_all(IF_NONE_MATCH).iter().filter_map(|line| line.to_str().ok());
    let mut tags = lines.flat_map(|line| line.split(',')).map(|tag| tag.trim());
    tags.any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

/// Whether the client takes this encoding: named, and not with a weight of nothing.
fn accepts(request: &HeaderMap, encoding: &str) -> bool {
    let lines = request.get_all(ACCEPT_ENCODING).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|one| {
        let mut parts = one.split(';').map(str::trim);
        let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(encoding));
        let refused = parts.any(|part| {
            part.split_once('=').is_some_and(|(name, weight)| {
                name.trim().eq_ignore_ascii_case("q") && weight.trim().parse().is_ok_and(|q: f32| q <= 0.0)
            })
        });
        named && !refused
    })
}

/// The headers of every answer of the dashboard, its API and its errors included.
pub(crate) async fn secured(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let fixed = [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (CROSS_ORIGIN_OPENER_POLICY, "same-origin"),
        (CROSS_ORIGIN_RESOURCE_POLICY, "same-origin"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn encodings_are_taken_when_named_and_not_refused() {
        fn check(value: &'static str, expected: bool) {
            assert_eq!(accepts(&headers(ACCEPT_ENCODING, value), "br"), expected, "{value}");
        }
        check("gzip, deflate, br", true);
        check("BR;q=0.5", true);
        check("br;q=0", false);
        check("gzip, br; q=0.0", false);
        check("gzip", false);
        check("", false);
    }

    #[test]
    fn a_version_that_is_known_is_not_sent_again() {
        fn check(value: &'static str, expected: bool) {
            assert_eq!(is_known(&headers(IF_NONE_MATCH, value), "\"abc\""), expected, "{value}");
        }
        check("\"abc\"", true);
        check("W/\"abc\"", true);
        check("\"x\", \"abc\"", true);
        check("*", true);
        check("\"abcd\"", false);
        check("abc", false);
    }

    #[test]
    fn the_app_and_the_tracker_are_embedded_whole() {
        for asset in [find(INDEX).unwrap(), &TRACKER] {
            assert!(!asset.plain.is_empty() && !asset.immutable, "{}", asset.path);
            assert!(asset.etag.starts_with('"') && asset.etag.len() > 10, "{}", asset.etag);
        }
        assert!(find(INDEX).unwrap().kind.starts_with("text/html"));
        assert!(ASSETS.iter().any(|asset| asset.immutable && asset.brotli.is_some() && asset.gzip.is_some()));
    }
}
