//! Taking a record apart.

use super::RawBody;

/// What the data of a record is.
#[derive(Debug)]
pub enum Content<'a> {
    /// Lines, of which each is to be judged for itself.
    Lines(Lines<'a>),
    /// A body that no function has seen.
    Raw(Box<RawBody>),
    /// Neither.
    Poison(Poison),
}

/// Why something in a record is no event; a sentence for whoever looks at the dead letter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Poison {
    /// What is wrong.
    pub reason: String,
}

impl<'a> Content<'a> {
    /// Looks at the data of a record, after base64. Reads no line: any bytes that are not a raw body are lines.
    pub fn read(data: &'a [u8]) -> Self {
        let text = data.trim_ascii();
        if text.is_empty() {
            return Self::Poison(Poison { reason: "the record is empty".to_owned() });
        }
        if !is_raw(text) {
            return Self::Lines(Lines { rest: text });
        }
        match RawBody::read(text) {
            Ok(raw) => Self::Raw(Box::new(raw)),
            Err(poison) => Self::Poison(poison),
        }
    }
}

/// An object whose first key is `raw`, however a template breaks its lines; events begin with `id`.
fn is_raw(text: &[u8]) -> bool {
    let key =
        text.strip_prefix(b"{").map(<[u8]>::trim_ascii_start).and_then(|rest| rest.strip_prefix(br#""raw""#));
    key.is_some_and(|rest| rest.trim_ascii_start().starts_with(b":"))
}

/// The lines of a record, in their order, without their line ends and without those that are blank.
#[derive(Debug, Clone)]
pub struct Lines<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        while !self.rest.is_empty() {
            let end = self.rest.iter().position(|byte| *byte == b'\n');
            let (line, rest) =
                end.map_or((self.rest, &[][..]), |end| (&self.rest[..end], &self.rest[end + 1..]));
            self.rest = rest;
            if !line.trim_ascii().is_empty() {
                return Some(line);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use onepixel_event::Time;

    use super::*;
    use crate::record::{Packed, RawHeaders};

    #[track_caller]
    fn check_lines(data: &[u8], expected: &[&str]) {
        let Content::Lines(lines) = Content::read(data) else { panic!("no lines: {data:?}") };
        let lines: Vec<_> = lines.map(|line| String::from_utf8_lossy(line).into_owned()).collect();
        assert_eq!(lines, expected, "{data:?}");
    }

    #[track_caller]
    fn check_poison(data: &[u8], expected: &str) {
        let Content::Poison(poison) = Content::read(data) else { panic!("no poison: {data:?}") };
        assert!(poison.reason.contains(expected), "{data:?}: {poison}");
    }

    #[test]
    fn lines_come_as_they_were_packed() {
        check_lines(b"{\"id\":1}\n{\"id\":2}\n", &["{\"id\":1}", "{\"id\":2}"]);
        check_lines(b"one", &["one"]);
        check_lines(b"\n one\r\n\n \ntwo\n\n", &["one\r", "two"]);
        check_lines(b"[\"raw\"]", &["[\"raw\"]"]);
        check_lines(b"{\"id\":1,\"raw\":1}", &["{\"id\":1,\"raw\":1}"]);
        check_lines(b"\xff\n", &["\u{fffd}"]);
        let packed = Packed::all(1, [b"a".as_slice(), b"b"]).unwrap();
        check_lines(&packed[0].data, &["a", "b"]);
    }

    #[test]
    fn a_raw_body_is_decoded() {
        let data = br#"
            { "raw" : 1, "at": 1770757445123, "ip": "2001:db8::1", "ua64": "Y3VybA==", "type64": "", "gpc": "1",
              "body64": "eyJldmVudCI6ImEifQ==", "later": [] }
        "#;
        let Content::Raw(raw) = Content::read(data) else { panic!("no raw body") };
        let headers = RawHeaders { user_agent: Some(b"curl".to_vec()), ..RawHeaders::default() };
        let address = Some("2001:db8::1".parse().unwrap());
        let body = br#"{"event":"a"}"#.to_vec();
        assert_eq!(*raw, RawBody { at: Time::from_ms(1_770_757_445_123), address, headers, gpc: true, body });
        let Content::Raw(raw) = Content::read(br#"{"raw":1,"at":0,"ip":"nobody","body64":""}"#) else {
            panic!("no raw body")
        };
        assert_eq!((raw.address, raw.gpc, raw.body.len()), (None, false, 0));
    }

    #[test]
    fn what_is_neither_is_poison_with_a_reason() {
        check_poison(b"", "empty");
        check_poison(b" \r\n\n", "empty");
        check_poison(br#"{"raw":2,"at":0,"body64":""}"#, "version 2");
        check_poison(br#"{"raw":1,"at":0}"#, "body64");
        check_poison(br#"{"raw":1,"at":"now","body64":""}"#, "not a raw body");
        check_poison(br#"{"raw":1,"at":0,"body64":"%%"}"#, "body64 is not base64");
        check_poison(br#"{"raw":1,"at":0,"ua64":"=","body64":""}"#, "ua64 is not base64");
        check_poison(b"{\"raw\":1,\"at\":0,\"body64\":\"\"}\n{\"raw\":1}", "trailing");
        check_poison(b"{\"raw\":\xff", "not a raw body");
    }
}
