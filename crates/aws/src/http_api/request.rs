//! A request, as API Gateway hands it over.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{COOKIE, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, StatusCode};
use ipnet::IpNet;
use onepixel_gateway::Client;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::HttpAnswer;

/// Path and query together. API Gateway takes 10,240 bytes for the request line and all headers.
const URI_BYTES_MAX: usize = 16 << 10;
/// More than those bytes can name, and less than where a [`HeaderMap`] panics.
const HEADERS_MAX: usize = 4096;

/// A request. What it lacks counts as empty, except the method.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpRequest {
    #[serde(default)]
    raw_path: String,
    #[serde(default)]
    raw_query_string: String,
    #[serde(default)]
    headers: HashMap<String, String>,
    #[serde(default)]
    cookies: Vec<String>,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
    request_context: RequestContext,
}

#[derive(Debug, Clone, Deserialize)]
struct RequestContext {
    #[serde(default)]
    stage: String,
    http: Http,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Http {
    method: String,
    #[serde(default)]
    source_ip: String,
}

/// Why a payload is no request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadRequest {
    /// Something else than API Gateway calls the function.
    #[error("this function answers an HTTP API of API Gateway, payload 2.0, and nobody else: {0}")]
    Payload(String),
    /// The sender has no address.
    #[error(
        "the source address {0:?} is none: this function answers an HTTP API of API Gateway, payload 2.0"
    )]
    Source(String),
    /// The method has characters that none may have.
    #[error("the method {0:?} is none")]
    Method(String),
    /// Path and query are too long, or make no URI.
    #[error("path and query of {bytes} bytes: {reason}")]
    Uri {
        /// Their length.
        bytes: usize,
        /// What is wrong.
        reason: String,
    },
    /// The body is said to be base64.
    #[error("the body is not base64, as it is said to be: {0}")]
    Body(String),
}

impl BadRequest {
    /// The answer to it.
    pub fn answer(&self) -> HttpAnswer {
        HttpAnswer::plain(StatusCode::BAD_REQUEST, &self.to_string())
    }
}

impl HttpRequest {
    /// Takes a payload apart.
    ///
    /// # Errors
    /// [`BadRequest::Payload`]
    pub fn read(payload: &RawValue) -> Result<Self, BadRequest> {
        serde_json::from_str(payload.get()).map_err(|error| BadRequest::Payload(error.to_string()))
    }

    /// The path without the name of the stage, which stands before it unless the stage is the default one.
    pub fn path(&self) -> &str {
        let path = self.raw_path.as_str();
        let staged = path.strip_prefix('/').and_then(|path| path.strip_prefix(&self.request_context.stage));
        staged.filter(|rest| rest.starts_with('/') && !self.request_context.stage.is_empty()).unwrap_or(path)
    }

    /// The query string, as it came.
    pub fn query(&self) -> &[u8] {
        self.raw_query_string.as_bytes()
    }

    /// The method, where it can be one.
    pub fn method(&self) -> Option<Method> {
        Method::from_bytes(self.request_context.http.method.as_bytes()).ok()
    }

    /// Headers that can be such. Those that came more than once are one, joined with commas, by API Gateway.
    pub fn headers(&self) -> HeaderMap {
        let header = |(name, value): (&String, &String)| {
            let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
            Some((name, HeaderValue::from_bytes(value.as_bytes()).ok()?))
        };
        let mut headers: HeaderMap = self.headers.iter().filter_map(header).take(HEADERS_MAX).collect();
        // API Gateway takes them out of the headers.
        if !self.cookies.is_empty()
            && let Ok(cookies) = HeaderValue::from_bytes(self.cookies.join("; ").as_bytes())
        {
            headers.insert(COOKIE, cookies);
        }
        headers
    }

    /// Who sent it: the other end of API Gateway's connection, or whom trusted proxies name. API Gateway speaks TLS only.
    pub fn client(&self, headers: &HeaderMap, trusted: &[IpNet]) -> Option<Client> {
        let peer: IpAddr = self.request_context.http.source_ip.parse().ok()?;
        Some(Client::of(SocketAddr::new(peer, 0), headers, trusted, true))
    }

    /// The request as a router takes it, with its [`Client`] among the extensions; no header names the client.
    ///
    /// # Errors
    /// See [`BadRequest`].
    pub fn into_http(self) -> Result<Request<Bytes>, BadRequest> {
        let headers = self.headers();
        let source = || BadRequest::Source(self.request_context.http.source_ip.clone());
        let client = self.client(&headers, &[]).ok_or_else(source)?;
        let no_method = || BadRequest::Method(self.request_context.http.method.clone());
        let method = self.method().ok_or_else(no_method)?;
        let bytes = self.path().len() + self.raw_query_string.len();
        if bytes > URI_BYTES_MAX {
            let reason = format!("at most {URI_BYTES_MAX} are taken");
            return Err(BadRequest::Uri { bytes, reason });
        }
        let request = Request::builder().method(method).uri(self.uri()).extension(client);
        let body = self.body.unwrap_or_default();
        let body = if self.is_base64_encoded {
            STANDARD.decode(body).map_err(|error| BadRequest::Body(error.to_string()))?
        } else {
            body.into_bytes()
        };
        let request = request.body(Bytes::from(body));
        let mut request = request.map_err(|error| BadRequest::Uri { bytes, reason: error.to_string() })?;
        *request.headers_mut() = headers;
        Ok(request)
    }

    /// Path and query. API Gateway undoes the path's percent-encoding, and browsers leave things that RFC 3986 (section 3.3,
    /// 3.4) does not let stand there; those are encoded. What is encoded stays so.
    fn uri(&self) -> String {
        let path = self.path();
        let mut uri = String::with_capacity(path.len() + self.raw_query_string.len() + 2);
        if !path.starts_with('/') {
            uri.push('/');
        }
        encode(path, b"/%", &mut uri);
        if !self.raw_query_string.is_empty() {
            uri.push('?');
            encode(&self.raw_query_string, b"/?%", &mut uri);
        }
        uri
    }
}

fn encode(text: &str, besides: &[u8], into: &mut String) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@".contains(&byte) || besides.contains(&byte) {
            into.push(char::from(byte));
        } else {
            let digit = |half: u8| char::from(HEX[usize::from(half & 15)]);
            into.extend(['%', digit(byte >> 4), digit(byte)]);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn read(payload: &Value) -> Result<HttpRequest, BadRequest> {
        HttpRequest::read(&serde_json::value::to_raw_value(payload).unwrap())
    }

    fn payload(path: &str, stage: &str) -> Value {
        json!({
            "version": "2.0",
            "rawPath": path,
            "rawQueryString": "a=%20b c\u{e9}",
            "headers": { "user-agent": "x\u{e9}", "bad name": "x", "x-bad": "a\nb", "x-forwarded-for": "9.9.9.9, 10.0.0.1" },
            "requestContext": { "stage": stage, "http": { "method": "GET", "sourceIp": "10.0.0.2" } },
            "isBase64Encoded": false,
        })
    }

    #[test]
    fn the_stage_is_no_part_of_the_path() {
        fn check(path: &str, stage: &str, expected: &str) {
            assert_eq!(read(&payload(path, stage)).unwrap().path(), expected, "{path} at {stage}");
        }
        check("/p.gif", "$default", "/p.gif");
        check("/prod/p.gif", "prod", "/p.gif");
        check("/prod", "prod", "/prod");
        check("/production/p.gif", "prod", "/production/p.gif");
        check("/p.gif", "", "/p.gif");
        check("//p.gif", "", "//p.gif");
        check("", "", "");
    }

    #[test]
    fn what_is_no_header_is_left_out_and_any_query_is_taken() {
        let request = read(&payload("/p.gif", "")).unwrap();
        let headers = request.headers();
        assert_eq!(headers.len(), 2);
        assert_eq!(headers["user-agent"].as_bytes(), "x\u{e9}".as_bytes());
        assert_eq!(request.query(), "a=%20b c\u{e9}".as_bytes());
        assert_eq!(request.method(), Some(Method::GET));
    }

    #[test]
    fn a_header_names_the_client_only_behind_a_trusted_proxy() {
        let request = read(&payload("/p.gif", "")).unwrap();
        let address = |trusted: &[&str]| {
            let trusted: Vec<IpNet> = trusted.iter().map(|net| net.parse().unwrap()).collect();
            request.client(&request.headers(), &trusted).map(|client| client.address.to_string())
        };
        assert_eq!(address(&[]).as_deref(), Some("10.0.0.2"));
        assert_eq!(address(&["192.0.2.0/24"]).as_deref(), Some("10.0.0.2"));
        assert_eq!(address(&["10.0.0.0/8"]).as_deref(), Some("9.9.9.9"));
    }

    /// `change` is merged into a good payload; what is expected is the URI and the body, or a part of what is told.
    #[track_caller]
    fn check(change: &[(&str, Value)], expected: Result<(&str, &[u8]), &str>) {
        let mut payload = payload("/p.gif", "");
        for (pointer, value) in change {
            let (parent, name) = pointer.rsplit_once('/').unwrap();
            payload.pointer_mut(parent).unwrap()[name] = value.clone();
        }
        match (read(&payload).and_then(HttpRequest::into_http), expected) {
            (Ok(request), Ok((uri, body))) => {
                assert_eq!((request.uri().to_string().as_str(), &request.body()[..]), (uri, body));
            }
            (Err(bad), Err(part)) => {
                assert!(bad.to_string().contains(part), "{bad}");
                let answer = serde_json::to_value(bad.answer()).unwrap();
                assert_eq!((&answer["statusCode"], &answer["isBase64Encoded"]), (&json!(400), &json!(false)));
            }
            (found, expected) => panic!("{change:?}: {found:?}, not {expected:?}"),
        }
    }

    #[test]
    fn whatever_stands_in_path_and_query_makes_a_uri() {
        fn uri(path: &str, query: &str, expected: &str) {
            check(&[("/rawPath", json!(path)), ("/rawQueryString", json!(query))], Ok((expected, b"")));
        }
        uri("/a", "", "/a");
        uri("", "", "/");
        uri("*", "", "/*");
        uri("//evil.example/x", "", "//evil.example/x");
        uri("http://evil.example/x", "", "/http://evil.example/x");
        uri("/a b?c#d\"<>\\^`{|}", "", "/a%20b%3Fc%23d%22%3C%3E%5C%5E%60%7B%7C%7D");
        uri(
            "/é\0\r\n",
            "q=\"é\" <x>&y=#{z}\0\r\n%zz%",
            "/%C3%A9%00%0D%0A?q=%22%C3%A9%22%20%3Cx%3E&y=%23%7Bz%7D%00%0D%0A%zz%",
        );
        uri("/a", "?a=/?&b=%41+[1]", "/a??a=/?&b=%41+%5B1%5D");
    }

    #[test]
    fn a_payload_that_is_no_request_is_told_so() {
        let long = "x".repeat(URI_BYTES_MAX + 1);
        check(&[("/rawQueryString", json!(long))], Err("16391 bytes: at most 16384 are taken"));
        check(&[("/requestContext/http/method", json!("GE T"))], Err("the method \"GE T\" is none"));
        check(&[("/requestContext/http/method", json!(""))], Err("the method \"\" is none"));
        check(&[("/requestContext/http/sourceIp", json!("me"))], Err("the source address \"me\" is none"));
        check(&[("/requestContext/http/sourceIp", json!(null))], Err("payload 2.0"));
        check(&[("/requestContext", json!({}))], Err("missing field `http`"));
        check(&[("/headers", json!(["a"]))], Err("invalid type"));
        check(&[("/rawPath", json!(7))], Err("invalid type"));
        check(&[("/body", json!("*")), ("/isBase64Encoded", json!(true))], Err("the body is not base64"));
        for nothing in [json!(null), json!([]), json!({}), json!("x"), json!({"requestContext": null})] {
            assert!(matches!(read(&nothing), Err(BadRequest::Payload(_))), "{nothing}");
        }
    }

    #[test]
    fn bodies_and_cookies_arrive_whole() {
        check(&[("/body", json!(null))], Ok(("/p.gif?a=%20b%20c%C3%A9", b"")));
        check(&[("/body", json!("{\u{e9}}"))], Ok(("/p.gif?a=%20b%20c%C3%A9", "{\u{e9}}".as_bytes())));
        let binary = [("/body", json!("H4v/")), ("/isBase64Encoded", json!(true))];
        check(&binary, Ok(("/p.gif?a=%20b%20c%C3%A9", b"\x1f\x8b\xff")));
        let mut payload = payload("/", "");
        payload["cookies"] = json!(["a=1", "b=2"]);
        let request = read(&payload).unwrap().into_http().unwrap();
        assert_eq!(request.headers()["cookie"], "a=1; b=2");
        let client = request.extensions().get::<Client>().unwrap();
        assert!(client.encrypted && client.address.to_string() == "10.0.0.2", "{client:?}");
    }

    #[test]
    fn more_headers_than_a_map_holds_are_cut() {
        let mut payload = payload("/", "");
        payload["headers"] = (0..40_000).map(|n| (format!("x-{n}"), json!("y"))).collect();
        assert_eq!(read(&payload).unwrap().headers().len(), HEADERS_MAX);
    }

    proptest! {
        #[test]
        fn no_payload_ends_the_process(
            path in any::<String>(),
            query in any::<String>(),
            method in any::<String>(),
            headers in prop::collection::hash_map(any::<String>(), any::<String>(), 0..4),
            cookies in prop::collection::vec(any::<String>(), 0..3),
            body in prop::option::of(any::<String>()),
            stage in any::<String>(),
        ) {
            let mut payload = json!({
                "rawPath": path, "rawQueryString": query, "headers": headers, "cookies": cookies, "body": body,
                "requestContext": { "stage": stage, "http": { "method": method, "sourceIp": "10.0.0.2" } },
            });
            let first = read(&payload).unwrap().into_http();
            prop_assert!(matches!(first, Ok(_) | Err(BadRequest::Method(_))), "{:?}", first);
            payload["requestContext"]["http"]["method"] = json!("PUT");
            let request = read(&payload).unwrap().into_http().unwrap();
            let body = body.unwrap_or_default();
            prop_assert_eq!(&request.body()[..], body.as_bytes());
            payload["isBase64Encoded"] = json!(true);
            let encoded = read(&payload).unwrap().into_http();
            prop_assert!(matches!(encoded, Ok(_) | Err(BadRequest::Body(_))), "{:?}", encoded);
        }
    }
}
