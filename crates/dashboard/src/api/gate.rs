//! The gate before every resource: who asks, may they, and did their own page ask.
//!
//! A resource says what it needs where it is registered; nothing behind the gate has to think of it. What a public link
//! may see is narrowed here, too: its site replaces whatever site was asked for, before any handler sees the question.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, COOKIE, HOST, HeaderName, ORIGIN, WWW_AUTHENTICATE};
use axum::http::request::Parts as RequestParts;
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use ipnet::IpNet;
use onepixel_gateway::Client;

use super::{Api, Problem};
use crate::access::{Access, By, Caller, Scope};

/// The cookie of a session.
pub(super) const COOKIE_NAME: &str = "onepixel_session";
/// Cookies of that name that are looked at: a sibling domain may have set another one.
const COOKIES_MAX: usize = 4;

const CSRF: HeaderName = HeaderName::from_static("x-onepixel-csrf");
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// What a resource needs of a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    /// Any proof, a public link's key too.
    Look,
    /// A session, or an API token of any scope.
    Read,
    /// A session, or an API token of scope admin.
    Admin,
}

impl Need {
    fn is_met_by(self, scope: &Scope) -> bool {
        match (self, scope) {
            (_, Scope::Admin) | (Self::Look | Self::Read, Scope::Read) | (Self::Look, Scope::Public(_)) => {
                true
            }
            (Self::Admin, Scope::Read) | (Self::Read | Self::Admin, Scope::Public(_)) => false,
        }
    }
}

/// Lets a request through with its [`Caller`] as extension, or answers 401 or 403.
pub(super) async fn gate(
    State((api, need)): State<(Arc<Api>, Need)>,
    request: Request,
    next: Next,
) -> Response {
    let (mut head, body) = request.into_parts();
    let caller = match admit(&api, need, &head) {
        Ok(caller) => caller,
        Err(refusal) => return refusal.into_response(),
    };
    if let Scope::Public(site) = &caller.scope {
        match narrowed(&head.uri, site) {
            Some(uri) => head.uri = uri,
            None => return unreadable().into_response(),
        }
    }
    head.extensions.insert(caller);
    next.run(Request::from_parts(head, body)).await
}

fn admit(api: &Api, need: Need, head: &RequestParts) -> Result<Caller, Refused> {
    let Some(caller) = caller(&api.access, head) else { return Err(Refused::Unknown) };
    if !need.is_met_by(&caller.scope) {
        return Err(Refused::Forbidden("this is not for a public link, or needs a token of scope admin"));
    }
    if matches!(caller.by, By::Session(_)) && !head.method.is_safe() {
        check_own_page(&head.headers, &api.edge.trusted_proxies, head)?;
    }
    Ok(caller)
}

/// Who asks, by the strongest claim they make. A claim that is wrong is not made up for by another one, and who shows a
/// link's key sees what the link shows.
pub(super) fn caller(access: &Access, head: &RequestParts) -> Option<Caller> {
    if let Some(key) = link_key(&head.uri) {
        return access.link(&key);
    }
    if let Some(value) = head.headers.get(AUTHORIZATION) {
        return access.token(bearer(value)?);
    }
    cookies(&head.headers).take(COOKIES_MAX).find_map(|secret| access.session(secret))
}

/// Why a request is not let through.
#[derive(Debug)]
pub(super) enum Refused {
    Unknown,
    Forbidden(&'static str),
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        match self {
            Self::Unknown => {
                let text = "not signed in: sign in on the dashboard, or send `Authorization: Bearer TOKEN`";
                let mut response = Problem(StatusCode::UNAUTHORIZED, text.into()).into_response();
                let bearer = HeaderValue::from_static("Bearer realm=\"onepixel\"");
                response.headers_mut().insert(WWW_AUTHENTICATE, bearer);
                response
            }
            Self::Forbidden(why) => Problem(StatusCode::FORBIDDEN, why.into()).into_response(),
        }
    }
}

/// A request that changes something with a cookie must come from our own page: it carries a header that no form can
/// send, and the browser says that it is of the same origin.
pub(super) fn check_own_page(
    headers: &HeaderMap,
    trusted: &[IpNet],
    head: &RequestParts,
) -> Result<(), Refused> {
    if headers.get(&CSRF).is_none_or(|value| value != "1") {
        return Err(Refused::Forbidden("the header `X-Onepixel-Csrf: 1` is missing"));
    }
    match origin_is_ours(headers, trusted, head) {
        Some(true) => Ok(()),
        Some(false) => Err(Refused::Forbidden("another site's page may not ask this")),
        None => Err(Refused::Forbidden("the header Origin or Sec-Fetch-Site is missing")),
    }
}

/// Whether the browser says that the page is ours; `None` when it says nothing. `Sec-Fetch-Site` goes first: no page can
/// forge it, and no proxy spoils it.
pub(super) fn origin_is_ours(headers: &HeaderMap, trusted: &[IpNet], head: &RequestParts) -> Option<bool> {
    if let Some(site) = headers.get(&SEC_FETCH_SITE) {
        return Some(site == "same-origin");
    }
    let origin = headers.get(ORIGIN)?.to_str().unwrap_or_default();
    let host = Seen::of(head, trusted).host;
    Some(origin.split_once("://").is_some_and(|(_, named)| named.eq_ignore_ascii_case(&host)))
}

/// How the caller reached us, as far as it can be told from here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) https: bool,
    /// The host the caller named, with its port.
    pub(super) host: String,
    /// The peer is one whose forwarding headers are believed.
    pub(super) trusted: bool,
}

impl Seen {
    pub(super) fn of(head: &RequestParts, trusted: &[IpNet]) -> Self {
        let client = head.extensions.get::<Client>();
        let peer = client.map(|client| client.peer.ip().to_canonical());
        let trusted = peer.is_some_and(|peer| trusted.iter().any(|net| net.contains(&peer)));
        let last = |name: &HeaderName| {
            let value = head.headers.get_all(name).iter().next_back()?.to_str().ok()?;
            value.rsplit(',').next().map(|word| word.trim().to_owned())
        };
        let forwarded = |name: &HeaderName| if trusted { last(name) } else { None };
        let https =
            forwarded(&X_FORWARDED_PROTO).or_else(|| if trusted { forwarded_proto(head) } else { None });
        Self {
            https: client.is_some_and(|client| client.encrypted)
                || https.is_some_and(|proto| proto.eq_ignore_ascii_case("https")),
            host: forwarded(&X_FORWARDED_HOST)
                .or_else(|| last(&HOST))
                .or_else(|| head.uri.authority().map(ToString::to_string))
                .unwrap_or_default(),
            trusted,
        }
    }
}

/// `proto` of the last hop in `Forwarded` (RFC 7239).
fn forwarded_proto(head: &RequestParts) -> Option<String> {
    let line = head.headers.get_all(axum::http::header::FORWARDED).iter().next_back()?.to_str().ok()?;
    let parts = line.rsplit(',').next()?.split(';').filter_map(|pair| pair.split_once('='));
    let mut protos = parts.filter(|(name, _)| name.trim().eq_ignore_ascii_case("proto"));
    protos.next().map(|(_, value)| value.trim().trim_matches('"').to_owned())
}

fn bearer(value: &HeaderValue) -> Option<&str> {
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The values of our cookie.
pub(super) fn cookies(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.filter(|(name, _)| *name == COOKIE_NAME).map(|(_, value)| value)
}

fn link_key(uri: &Uri) -> Option<String> {
    let query = uri.query()?.as_bytes();
    form_urlencoded::parse(query).find(|(name, _)| name == "link").map(|(_, key)| key.into_owned())
}

/// The same question about the link's own site, whatever sites it named, and without the key.
fn narrowed(uri: &Uri, site: &str) -> Option<Uri> {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()) {
        if name != "link" && name != "site" {
            query.append_pair(&name, &value);
        }
    }
    query.append_pair("site", site);
    let target: PathAndQuery = format!("{}?{}", uri.path(), query.finish()).parse().ok()?;
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(target);
    Uri::from_parts(parts).ok()
}

fn unreadable() -> Problem {
    Problem(StatusCode::BAD_REQUEST, "the query string cannot be read".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(headers: &[(&'static str, &str)], uri: &str) -> RequestParts {
        let mut request = axum::http::Request::builder().uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn a_public_link_is_narrowed_to_its_site() {
        fn check(uri: &str, expected: &str) {
            assert_eq!(narrowed(&uri.parse().unwrap(), "my blog").unwrap().to_string(), expected);
        }
        check("/api/v1/overview?link=K", "/api/v1/overview?site=my+blog");
        check("/api/v1/top?site=shop&link=K&limit=5", "/api/v1/top?limit=5&site=my+blog");
        check("/x?s%69te=shop&site=other&filter=page:%2Fa%26b", "/x?filter=page%3A%2Fa%26b&site=my+blog");
        check("/x", "/x?site=my+blog");
    }

    #[test]
    fn only_our_own_page_may_change_something() {
        fn check(headers: &[(&'static str, &str)], expected: bool) {
            let head = head(&[&[("host", "stats.example:8080")], headers].concat(), "/api/v1/tokens");
            assert_eq!(check_own_page(&head.headers, &[], &head).is_ok(), expected, "{headers:?}");
        }
        let csrf = ("x-onepixel-csrf", "1");
        check(&[csrf, ("sec-fetch-site", "same-origin")], true);
        check(&[csrf, ("origin", "http://stats.example:8080")], true);
        check(&[csrf, ("origin", "https://STATS.example:8080")], true);
        check(&[csrf], false);
        check(&[("sec-fetch-site", "same-origin")], false);
        check(&[("x-onepixel-csrf", "0"), ("sec-fetch-site", "same-origin")], false);
        check(&[csrf, ("sec-fetch-site", "same-site")], false);
        check(&[csrf, ("sec-fetch-site", "none")], false);
        check(&[csrf, ("sec-fetch-site", "cross-site"), ("origin", "http://stats.example:8080")], false);
        check(&[csrf, ("origin", "http://evil.example")], false);
        check(&[csrf, ("origin", "http://stats.example:8080.evil.example")], false);
        check(&[csrf, ("origin", "null")], false);
    }

    #[test]
    fn forwarding_headers_are_believed_of_trusted_peers_only() {
        fn check(peer: [u8; 4], headers: &[(&'static str, &str)], https: bool, host: &str) {
            let mut head = head(&[&[("host", "inner:1")], headers].concat(), "/");
            let peer = std::net::SocketAddr::from((peer, 1));
            head.extensions.insert(Client { address: peer.ip(), peer, encrypted: false });
            let seen = Seen::of(&head, &["10.0.0.0/8".parse().unwrap()]);
            assert_eq!((seen.https, seen.host.as_str()), (https, host), "{headers:?}");
        }
        let proto = ("x-forwarded-proto", "https");
        check([10, 0, 0, 1], &[proto], true, "inner:1");
        check([10, 0, 0, 1], &[proto, ("x-forwarded-host", "outer")], true, "outer");
        check([10, 0, 0, 1], &[("forwarded", "for=1.2.3.4;proto=https")], true, "inner:1");
        check([10, 0, 0, 1], &[("x-forwarded-proto", "https, http")], false, "inner:1");
        check([8, 8, 8, 8], &[proto, ("x-forwarded-host", "outer")], false, "inner:1");
        check([8, 8, 8, 8], &[("forwarded", "proto=https")], false, "inner:1");
    }

    #[test]
    fn scopes_include_what_comes_after_them() {
        let public = Scope::Public("blog".into());
        for (need, admin, read, public_may) in [
            (Need::Look, true, true, true),
            (Need::Read, true, true, false),
            (Need::Admin, true, false, false),
        ] {
            assert_eq!(need.is_met_by(&Scope::Admin), admin);
            assert_eq!(need.is_met_by(&Scope::Read), read);
            assert_eq!(need.is_met_by(&public), public_may);
        }
    }
}
