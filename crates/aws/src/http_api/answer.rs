//! An answer, as API Gateway takes it.

use std::collections::BTreeMap;

use axum::body::to_bytes;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{HeaderName, SET_COOKIE};
use http::{Response, StatusCode};
use serde::Serialize;

/// Of a body. Lambda takes 6 MB, of which base64 makes a third.
const BODY_BYTES_MAX: usize = 4 << 20;

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpAnswer {
    status_code: u16,
    headers: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cookies: Vec<String>,
    body: String,
    is_base64_encoded: bool,
}

impl HttpAnswer {
    /// The same answer. Values of one header are joined by commas, cookies stand apart, and what is not text is base64.
    pub fn of(response: &Response<Bytes>) -> Self {
        let mut headers = BTreeMap::new();
        for name in response.headers().keys().filter(|name| *name != SET_COOKIE) {
            headers.insert(name.as_str().to_owned(), values(response, name).join(", "));
        }
        let (body, is_base64_encoded) = match std::str::from_utf8(response.body()) {
            Ok(text) => (text.to_owned(), false),
            Err(_) => (STANDARD.encode(response.body()), true),
        };
        Self {
            status_code: response.status().as_u16(),
            headers,
            cookies: values(response, &SET_COOKIE),
            body,
            is_base64_encoded,
        }
    }

    /// The answer of a router, once it is whole; one that is too large is said to be so.
    pub async fn whole(response: axum::response::Response) -> Self {
        let (head, body) = response.into_parts();
        match to_bytes(body, BODY_BYTES_MAX).await {
            Ok(body) => Self::of(&Response::from_parts(head, body)),
            Err(error) => {
                tracing::error!(%error, "an answer of more than {BODY_BYTES_MAX} bytes cannot be sent");
                let text = format!("the answer has more than {BODY_BYTES_MAX} bytes: ask for less");
                Self::plain(StatusCode::INTERNAL_SERVER_ERROR, &text)
            }
        }
    }

    /// A sentence, which no cache keeps.
    pub fn plain(status: StatusCode, text: &str) -> Self {
        let headers = [("content-type", "text/plain; charset=utf-8"), ("cache-control", "no-store")];
        Self {
            status_code: status.as_u16(),
            headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            cookies: Vec::new(),
            body: format!("{text}\n"),
            is_base64_encoded: false,
        }
    }
}

fn values(response: &Response<Bytes>, name: &HeaderName) -> Vec<String> {
    let values = response.headers().get_all(name).iter();
    values.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[track_caller]
    fn check(headers: &[(&str, &str)], body: &'static [u8], expected: Value) {
        let mut response = Response::builder().status(207);
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        let answer = HttpAnswer::of(&response.body(Bytes::from_static(body)).unwrap());
        assert_eq!(serde_json::to_value(answer).unwrap(), expected);
    }

    #[tokio::test]
    async fn an_answer_that_is_too_large_says_so() {
        let response = |bytes: usize| axum::response::Response::new(vec![0xff; bytes].into());
        assert_eq!(HttpAnswer::whole(response(BODY_BYTES_MAX)).await.status_code, 200);
        let answer = HttpAnswer::whole(response(BODY_BYTES_MAX + 1)).await;
        assert!(answer.status_code == 500 && answer.body.contains("ask for less"), "{}", answer.body);
    }

    #[test]
    fn text_stays_text_bytes_are_base64_and_headers_are_whole() {
        check(
            &[("a", "1"), ("b", "x"), ("a", "2")],
            "é\"\n".as_bytes(),
            json!({"statusCode": 207, "headers": {"a": "1, 2", "b": "x"}, "body": "é\"\n", "isBase64Encoded": false}),
        );
        check(
            &[("set-cookie", "a=1; Path=/"), ("Set-Cookie", "b=2; Expires=Wed, 01 Jan 2025 00:00:00 GMT")],
            b"\x1f\x8b\xff",
            json!({
                "statusCode": 207, "headers": {}, "body": "H4v/", "isBase64Encoded": true,
                "cookies": ["a=1; Path=/", "b=2; Expires=Wed, 01 Jan 2025 00:00:00 GMT"],
            }),
        );
        check(&[], b"", json!({"statusCode": 207, "headers": {}, "body": "", "isBase64Encoded": false}));
    }
}
