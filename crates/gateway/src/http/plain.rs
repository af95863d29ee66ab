//! Reading a request in its plainest form: a whole `GET` of the pixel, and nothing that needs a second look.
//!
//! Promises to take only what hyper would take, too, and to read from it what the other way in would. When in doubt it
//! takes nothing.

use http::HeaderMap;
use http::header::{FORWARDED, HeaderName, HeaderValue};
use http::request::Parts;
use httparse::{EMPTY_HEADER, Header, Request, Status};

use super::PURPOSES;
use super::client::X_FORWARDED_FOR;
use crate::ingest::Caller;

/// More than browsers and the proxies before us send; a request with more is hyper's.
const HEADERS_MAX: usize = 48;

/// A request for the pixel.
pub(super) struct Plain<'a> {
    pub(super) query: &'a [u8],
    /// What its headers say of the caller; the address is still missing.
    pub(super) caller: Caller<'a>,
    /// The client wants no further answer on this connection.
    pub(super) closes: bool,
    /// What proxies say of the client.
    pub(super) forwarded: HeaderMap,
    purposes: [Option<&'a [u8]>; 4],
    wishes: [Option<&'a [u8]>; 2],
}

/// Reads `head`; `None` if it is not exactly one plain request for `path`.
pub(super) fn read<'a>(head: &'a [u8], path: &str) -> Option<Plain<'a>> {
    let mut headers = [EMPTY_HEADER; HEADERS_MAX];
    let mut request = Request::new(&mut headers);
    let whole = matches!(request.parse(head), Ok(Status::Complete(bytes)) if bytes == head.len());
    if !whole || request.method != Some("GET") || request.version != Some(1) {
        return None;
    }
    let query = query(request.path?, path)?;
    let mut plain = Plain {
        query,
        caller: Caller::default(),
        closes: false,
        forwarded: HeaderMap::new(),
        purposes: [None; 4],
        wishes: [None; 2],
    };
    for header in request.headers.iter() {
        plain.take(header)?;
    }
    plain.caller.purpose = plain.purposes.into_iter().flatten().next();
    plain.caller.gpc = plain.wishes.contains(&Some(b"1"));
    Some(plain)
}

/// The same head in the library's form: for a request that is remembered.
pub(super) fn parts(head: &[u8]) -> Option<Parts> {
    let mut headers = [EMPTY_HEADER; HEADERS_MAX];
    let mut request = Request::new(&mut headers);
    request.parse(head).ok()?;
    let mut made = http::Request::builder().method(request.method?).uri(request.path?);
    for header in request.headers.iter() {
        made = made.header(header.name, header.value);
    }
    Some(made.body(()).ok()?.into_parts().0)
}

/// The query of a target that has this path. Bytes that may stand in a query without a second look are those that
/// RFC 3986 or browsers leave as they are.
fn query<'a>(target: &'a str, path: &str) -> Option<&'a [u8]> {
    let behind = target.as_bytes().strip_prefix(path.as_bytes())?;
    let Some((b'?', query)) = behind.split_first() else {
        return behind.is_empty().then_some(behind);
    };
    let plain = |byte: &u8| matches!(byte, b'!' | b'$'..=b';' | b'=' | b'?'..=b'~');
    query.iter().all(plain).then_some(query)
}

impl<'a> Plain<'a> {
    /// Reads one header, the first of its name. `None` if it changes how the request is to be read.
    fn take(&mut self, header: &Header<'a>) -> Option<()> {
        let (name, value) = (header.name, header.value);
        let is = |other: &str| name.eq_ignore_ascii_case(other);
        match name.len() {
            3 if is("via") => first(&mut self.caller.via, value),
            3 if is("dnt") => first(&mut self.wishes[0], value),
            7 if is("sec-gpc") => first(&mut self.wishes[1], value),
            7 if is("referer") => first(&mut self.caller.referer, value),
            10 if is("user-agent") => first(&mut self.caller.user_agent, value),
            15 if is("accept-language") => first(&mut self.caller.accept_language, value),
            10 if is("connection") => self.closes |= closes(value)?,
            9 if is("forwarded") => self.keep(FORWARDED, value)?,
            15 if is("x-forwarded-for") => self.keep(X_FORWARDED_FOR, value)?,
            6 if is("expect") => return None,
            7 if is("upgrade") => return None,
            14 if is("content-length") => return None,
            17 if is("transfer-encoding") => return None,
            _ => {
                if let Some(at) = PURPOSES.iter().position(|purpose| is(purpose.as_str())) {
                    first(&mut self.purposes[at], value);
                }
            }
        }
        Some(())
    }

    fn keep(&mut self, name: HeaderName, value: &[u8]) -> Option<()> {
        self.forwarded.append(name, HeaderValue::from_bytes(value).ok()?);
        Some(())
    }
}

fn first<'a>(slot: &mut Option<&'a [u8]>, value: &'a [u8]) {
    slot.get_or_insert(value);
}

/// Whether the connection ends with this request; `None` for options that are more than that.
fn closes(value: &[u8]) -> Option<bool> {
    if value.eq_ignore_ascii_case(b"keep-alive") {
        Some(false)
    } else {
        value.eq_ignore_ascii_case(b"close").then_some(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: &str = "GET /p.gif?a=%20b HTTP/1.1\r\nHost: x\r\n";

    fn check(head: &str, is_plain: bool) {
        assert_eq!(read(head.as_bytes(), "/p.gif").is_some(), is_plain, "{head:?}");
    }

    #[test]
    fn a_whole_get_of_the_pixel_and_nothing_else() {
        check(&format!("{START}\r\n"), true);
        check("GET /p.gif HTTP/1.1\r\n\r\n", true);
        check("GET /p.gif? HTTP/1.1\r\n\r\n", true);
        check(&format!("{START}Connection: Keep-Alive\r\nCONNECTION: close\r\n\r\n"), true);
        for line in ["HEAD /p.gif", "POST /p.gif", "GET /p.gifs", "GET /", "GET http://x/p.gif", "get /p.gif"]
        {
            check(&format!("{line} HTTP/1.1\r\n\r\n"), false);
        }
        for query in ["a#b", "a\"b", "a<b", "a>b", "a b", "a\u{7f}", "é", "a\0"] {
            check(&format!("GET /p.gif?{query} HTTP/1.1\r\n\r\n"), false);
        }
        check("GET /p.gif HTTP/1.0\r\n\r\n", false);
        check(START, false);
        check(&format!("{START}\r\n{START}\r\n"), false);
        check(&format!("{START}\r\nx"), false);
        check("", false);
    }

    #[test]
    fn what_changes_the_reading_is_not_plain() {
        for header in [
            "Content-Length: 0",
            "Transfer-Encoding: chunked",
            "Expect: 100-continue",
            "Upgrade: h2c",
            "Connection: upgrade",
            "Connection: keep-alive, close",
            " folded",
            "no colon",
        ] {
            check(&format!("{START}{header}\r\n\r\n"), false);
        }
        let many = "X-Y: z\r\n".repeat(HEADERS_MAX);
        check(&format!("{START}{many}\r\n"), false);
    }

    #[test]
    fn the_first_header_of_a_name_counts() {
        let head = format!(
            "{START}USER-AGENT: one\r\nuser-agent: two\r\nReferer: r\r\nDNT: 0\r\ndnt: 1\r\nVia: v\r\n\
             X-Moz: prefetch\r\nSec-Purpose: prefetch;prerender\r\nAccept-Language: de\r\n\
             X-Forwarded-For: 1.1.1.1\r\nx-forwarded-for: 2.2.2.2\r\n\r\n"
        );
        let plain = read(head.as_bytes(), "/p.gif").unwrap();
        assert_eq!(plain.query, b"a=%20b");
        let caller = plain.caller;
        assert_eq!(caller.user_agent, Some(&b"one"[..]));
        assert_eq!(caller.referer, Some(&b"r"[..]));
        assert_eq!(caller.accept_language, Some(&b"de"[..]));
        assert_eq!(caller.via, Some(&b"v"[..]));
        assert_eq!(caller.purpose, Some(&b"prefetch;prerender"[..]));
        assert!(!caller.gpc && !plain.closes);
        assert_eq!(plain.forwarded.get_all(X_FORWARDED_FOR).iter().count(), 2);
        let head = format!("{START}Sec-GPC: 1\r\nConnection: close\r\n\r\n");
        let plain = read(head.as_bytes(), "/p.gif").unwrap();
        assert!(plain.caller.gpc && plain.closes);
    }
}
