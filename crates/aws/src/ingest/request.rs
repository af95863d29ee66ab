//! The payload of API Gateway's HTTP API (format 2.0) and of a function URL, and the answer to it.
//!
//! Reads only what ingest needs. The crate `lambda_http` is not used: it builds a whole request, and panics when the
//! query is no part of a URI.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, SocketAddr};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Method, Response};
use ipnet::IpNet;
use onepixel_gateway::Client;
use serde::{Deserialize, Serialize};

/// A request.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpRequest {
    #[serde(default)]
    raw_path: String,
    #[serde(default)]
    raw_query_string: String,
    #[serde(default)]
    headers: HashMap<String, String>,
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

impl HttpRequest {
    /// The path without the name of the stage, which stands before it unless the stage is the default one.
    pub(super) fn path(&self) -> &str {
        let path = self.raw_path.as_str();
        let staged = path.strip_prefix('/').and_then(|path| path.strip_prefix(&self.request_context.stage));
        staged.filter(|rest| rest.starts_with('/') && !self.request_context.stage.is_empty()).unwrap_or(path)
    }

    pub(super) fn query(&self) -> &[u8] {
        self.raw_query_string.as_bytes()
    }

    /// The method; one that is none is answered as one that is not served.
    pub(super) fn method(&self) -> Method {
        Method::from_bytes(self.request_context.http.method.as_bytes()).unwrap_or(Method::CONNECT)
    }

    /// Headers that can be such. Those that came more than once are one, joined with commas, by API Gateway.
    pub(super) fn headers(&self) -> HeaderMap {
        let header = |(name, value): (&String, &String)| {
            let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
            Some((name, HeaderValue::from_bytes(value.as_bytes()).ok()?))
        };
        self.headers.iter().filter_map(header).collect()
    }

    /// Who sent it: the other end of API Gateway's connection, or whom trusted proxies name.
    pub(super) fn address(&self, headers: &HeaderMap, trusted: &[IpNet]) -> Option<IpAddr> {
        let peer: IpAddr = self.request_context.http.source_ip.parse().ok()?;
        Some(Client::of(SocketAddr::new(peer, 0), headers, trusted, true).address)
    }
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpAnswer {
    status_code: u16,
    headers: BTreeMap<String, String>,
    body: String,
    is_base64_encoded: bool,
}

impl HttpAnswer {
    /// What the pixel's door answers.
    pub(super) fn new(response: &Response<Bytes>) -> Self {
        let header = |(name, value): (&HeaderName, &HeaderValue)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        Self {
            status_code: response.status().as_u16(),
            headers: response.headers().iter().map(header).collect(),
            body: STANDARD.encode(response.body()),
            is_base64_encoded: true,
        }
    }

    /// There is nothing at this path.
    pub(super) fn nothing_here() -> Self {
        let headers = [("content-type", "text/plain"), ("cache-control", "no-store")];
        Self {
            status_code: 404,
            headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            body: "this is not the path of the pixel\n".to_owned(),
            is_base64_encoded: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn request(path: &str, stage: &str) -> HttpRequest {
        serde_json::from_value(json!({
            "version": "2.0",
            "rawPath": path,
            "rawQueryString": "a=%20b c\u{e9}",
            "headers": { "user-agent": "x\u{e9}", "bad name": "x", "x-bad": "a\nb", "x-forwarded-for": "9.9.9.9, 10.0.0.1" },
            "requestContext": { "stage": stage, "http": { "method": "GET", "sourceIp": "10.0.0.2" } },
            "isBase64Encoded": false,
        }))
        .unwrap()
    }

    #[test]
    fn the_stage_is_no_part_of_the_path() {
        fn check(path: &str, stage: &str, expected: &str) {
            assert_eq!(request(path, stage).path(), expected, "{path} at {stage}");
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
        let request = request("/p.gif", "");
        let headers = request.headers();
        assert_eq!(headers.len(), 2);
        assert_eq!(headers["user-agent"].as_bytes(), "x\u{e9}".as_bytes());
        assert_eq!(request.query(), "a=%20b c\u{e9}".as_bytes());
        assert_eq!(request.method(), Method::GET);
    }

    #[test]
    fn a_header_names_the_client_only_behind_a_trusted_proxy() {
        let request = request("/p.gif", "");
        let address = |trusted: &[&str]| {
            let trusted: Vec<IpNet> = trusted.iter().map(|net| net.parse().unwrap()).collect();
            request.address(&request.headers(), &trusted).map(|address| address.to_string())
        };
        assert_eq!(address(&[]).as_deref(), Some("10.0.0.2"));
        assert_eq!(address(&["192.0.2.0/24"]).as_deref(), Some("10.0.0.2"));
        assert_eq!(address(&["10.0.0.0/8"]).as_deref(), Some("9.9.9.9"));
    }
}
