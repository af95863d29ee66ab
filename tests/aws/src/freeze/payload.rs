//! API Gateway's HTTP API in front of a function: payload format 2.0 in, an HTTP answer out.

use anyhow::Context;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::Answer;
use crate::clock::epoch_ms;

/// A request as a client sends it.
#[derive(Debug, Clone)]
pub struct HttpRequest {
    /// Such as `GET`.
    pub method: String,
    /// Without the query.
    pub path: String,
    /// As it is in the address, still encoded; empty for none.
    pub query: String,
    /// In the order in which they come.
    pub headers: Vec<(String, String)>,
    /// The client's address.
    pub source_ip: String,
    /// Empty for none.
    pub body: Bytes,
}

impl HttpRequest {
    /// A GET of a path with its query, from an address for documentation.
    pub fn get(target: &str) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Self {
            method: "GET".to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            headers: vec![("host".to_owned(), "abc.execute-api.us-east-1.amazonaws.com".to_owned())],
            source_ip: "203.0.113.7".to_owned(),
            body: Bytes::new(),
        }
    }

    /// A POST with a body.
    pub fn post(target: &str, content_type: &str, body: impl Into<Bytes>) -> Self {
        let request = Self::get(target).header("content-type", content_type);
        Self { method: "POST".to_owned(), body: body.into(), ..request }
    }

    /// One more header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_ascii_lowercase(), value.to_owned()));
        self
    }

    /// From another address.
    pub fn from(mut self, address: &str) -> Self {
        address.clone_into(&mut self.source_ip);
        self
    }

    /// What a function gets for it. Header values of one name are joined by commas, cookies are apart, and a body that is
    /// not text is base64.
    pub fn payload(&self) -> Bytes {
        let mut headers = Map::new();
        let mut cookies = Vec::new();
        for (name, value) in &self.headers {
            if name == "cookie" {
                cookies.extend(value.split(';').map(|cookie| json!(cookie.trim())));
            } else if let Some(Value::String(before)) = headers.get_mut(name) {
                before.push(',');
                before.push_str(value);
            } else {
                headers.insert(name.clone(), json!(value));
            }
        }
        headers.insert("x-forwarded-for".to_owned(), json!(self.source_ip));
        headers.insert("x-forwarded-proto".to_owned(), json!("https"));
        let agent = headers.get("user-agent").cloned().unwrap_or(Value::Null);
        let mut payload = json!({
            "version": "2.0", "routeKey": "$default", "rawPath": self.path, "rawQueryString": self.query,
            "headers": headers, "isBase64Encoded": false,
            "requestContext": {
                "accountId": "000000000000", "apiId": "abc", "stage": "$default", "requestId": "JKJaXmPLvHcESHA=",
                "domainName": "abc.execute-api.us-east-1.amazonaws.com", "domainPrefix": "abc",
                "routeKey": "$default", "time": "26/Nov/2026:12:00:00 +0000", "timeEpoch": epoch_ms(),
                "http": {
                    "method": self.method, "path": self.path, "protocol": "HTTP/1.1",
                    "sourceIp": self.source_ip, "userAgent": agent,
                },
            },
        });
        if !cookies.is_empty() {
            payload["cookies"] = Value::Array(cookies);
        }
        if !self.query.is_empty() {
            payload["queryStringParameters"] = query_parameters(&self.query);
        }
        if !self.body.is_empty() {
            match std::str::from_utf8(&self.body) {
                Ok(text) => payload["body"] = json!(text),
                Err(_) => {
                    payload["body"] = json!(STANDARD.encode(&self.body));
                    payload["isBase64Encoded"] = json!(true);
                }
            }
        }
        payload.to_string().into()
    }
}

/// Decoded, values of one name joined by commas.
fn query_parameters(query: &str) -> Value {
    let mut parameters: Map<String, Value> = Map::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if let Some(Value::String(before)) = parameters.get_mut(name.as_ref()) {
            before.push(',');
            before.push_str(&value);
        } else {
            parameters.insert(name.into_owned(), json!(value));
        }
    }
    Value::Object(parameters)
}

/// An answer as a client sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpAnswer {
    /// The status.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// Decoded.
    pub body: Bytes,
}

impl HttpAnswer {
    /// What API Gateway makes of a function's answer: 500 for an error, a crash or a time-out, 503 where it was throttled.
    pub fn of(answer: &Answer) -> anyhow::Result<Self> {
        let failed = |status| Self { status, headers: Vec::new(), body: Bytes::new() };
        match answer {
            Answer::Response(body) => Self::parse(body),
            Answer::Throttled => Ok(failed(503)),
            Answer::Error(_) | Answer::TimedOut | Answer::Crashed | Answer::InitFailed(_) => Ok(failed(500)),
        }
    }

    fn parse(body: &[u8]) -> anyhow::Result<Self> {
        let answer: Value = serde_json::from_slice(body).context("the function's answer is not JSON")?;
        let status = answer["statusCode"].as_u64().context("no statusCode")?;
        let mut headers = Vec::new();
        let single = answer["headers"].as_object().into_iter().flatten();
        for (name, value) in single {
            headers.push((name.to_ascii_lowercase(), value.as_str().unwrap_or_default().to_owned()));
        }
        for cookie in answer["cookies"].as_array().into_iter().flatten() {
            headers.push(("set-cookie".to_owned(), cookie.as_str().unwrap_or_default().to_owned()));
        }
        let text = answer["body"].as_str().unwrap_or_default();
        let body = if answer["isBase64Encoded"] == true {
            STANDARD.decode(text).context("the body is not base64")?
        } else {
            text.as_bytes().to_vec()
        };
        Ok(Self { status: u16::try_from(status)?, headers, body: body.into() })
    }

    /// The value of a header, whose name is given in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}
