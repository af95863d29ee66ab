//! The scanner over the flat line that the encoder writes.
//!
//! Takes a line only if every byte of it is what the encoder would write: the known fields in their order, texts
//! without escapes, known words, moments in one form. For those it says exactly what the decoder says, at a fifth
//! of the cost; everything else it leaves alone.

use memchr::memchr;
use onepixel_event::{Class, Device, ReferrerGroup, Source};
use serde_json::value::RawValue;

use super::{Line, moment};
use crate::axis::{PROPS, TEXTS};

/// What may stand in a field, and where it goes.
#[derive(Clone, Copy)]
enum Field {
    /// A text that has no column.
    Skip,
    /// A text column.
    Text(usize),
    Moment,
    Visitor,
    Group(usize),
    Device(usize),
    /// A list of texts that has no column.
    List,
    Props,
}

/// The optional fields in the order of the line, each as it begins.
const FIELDS: &[(&[u8], Field)] = &[
    (b",\"page_url\":", Field::Skip),
    (b",\"page_host\":", Field::Text(1)),
    (b",\"page_path\":", Field::Text(0)),
    (b",\"title\":", Field::Text(15)),
    (b",\"referrer_url\":", Field::Skip),
    (b",\"referrer_host\":", Field::Text(2)),
    (b",\"referrer_group\":", Field::Group(3)),
    (b",\"utm_source\":", Field::Text(4)),
    (b",\"utm_medium\":", Field::Text(5)),
    (b",\"utm_campaign\":", Field::Text(6)),
    (b",\"utm_term\":", Field::Text(7)),
    (b",\"utm_content\":", Field::Text(8)),
    (b",\"user_agent\":", Field::Skip),
    (b",\"browser\":", Field::Text(9)),
    (b",\"browser_version\":", Field::Skip),
    (b",\"os\":", Field::Text(10)),
    (b",\"os_version\":", Field::Skip),
    (b",\"device\":", Field::Device(11)),
];

/// Those after the class.
const LATER: &[(&[u8], Field)] = &[
    (b",\"class_reasons\":", Field::List),
    (b",\"language\":", Field::Text(13)),
    (b",\"country\":", Field::Text(12)),
    (b",\"ip\":", Field::Skip),
    (b",\"visitor\":", Field::Visitor),
    (b",\"props\":", Field::Props),
    (b",\"flags\":", Field::List),
];

/// The fields of a line that the encoder may have written; `None` for any other.
pub(super) fn scan(payload: &[u8]) -> Option<Line<'_>> {
    let mut at = Cursor { text: plain(payload)?, at: 0 };
    at.take(b"{\"id\":")?;
    is_id(at.text()?).then_some(())?;
    at.take(b",\"received_at\":")?;
    let ms = moment::parse(at.text()?.as_bytes())?;
    let mut line =
        Line { ms, site: "", class: Class::Human, source: Source::Pixel, visitor: None, texts: [""; TEXTS] };
    if at.skip(b",\"sent_at\":") {
        at.value(Field::Moment, &mut line)?;
    }
    at.take(b",\"source\":")?;
    line.source = word(Source::ALL, Source::as_str, at.text()?)?;
    at.take(b",\"event\":")?;
    line.texts[14] = at.text()?;
    at.take(b",\"site\":")?;
    line.site = at.text()?;
    at.fields(FIELDS, &mut line)?;
    at.take(b",\"class\":")?;
    line.class = word(Class::ALL, Class::as_str, at.text()?)?;
    at.fields(LATER, &mut line)?;
    at.take(b"}")?;
    (at.at == at.text.len()).then_some(line)
}

/// The line as text, if it holds nothing that JSON would escape.
fn plain(payload: &[u8]) -> Option<&str> {
    // Looking at every byte without stopping is what the compiler turns into wide instructions.
    let unusual =
        payload.iter().fold(0_u8, |found, &byte| found | u8::from(byte < 0x20) | u8::from(byte == b'\\'));
    if unusual != 0 { None } else { std::str::from_utf8(payload).ok() }
}

fn is_id(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() == 36
        && bytes.iter().enumerate().all(|(i, byte)| match i {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

fn word<T: Copy>(all: &[T], spelling: impl Fn(T) -> &'static str, text: &str) -> Option<T> {
    all.iter().copied().find(|one| spelling(*one) == text)
}

struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    fn skip(&mut self, expected: &[u8]) -> bool {
        let found = self.rest().starts_with(expected);
        if found {
            self.at += expected.len();
        }
        found
    }

    fn take(&mut self, expected: &[u8]) -> Option<()> {
        self.skip(expected).then_some(())
    }

    /// A text in quotes; the line holds no escapes.
    fn text(&mut self) -> Option<&'a str> {
        self.take(b"\"")?;
        let end = self.at + memchr(b'"', self.rest())?;
        let text = self.text.get(self.at..end)?;
        self.at = end + 1;
        Some(text)
    }

    /// Those of `fields` that are there, in this order.
    fn fields(&mut self, fields: &[(&[u8], Field)], line: &mut Line<'a>) -> Option<()> {
        for (name, field) in fields {
            if self.skip(name) {
                self.value(*field, line)?;
            }
        }
        Some(())
    }

    fn value(&mut self, field: Field, line: &mut Line<'a>) -> Option<()> {
        match field {
            Field::Skip => drop(self.text()?),
            Field::Text(column) => line.texts[column] = self.text()?,
            Field::Moment => drop(moment::parse(self.text()?.as_bytes())?),
            Field::Visitor => line.visitor = Some(self.text()?),
            Field::Group(column) => {
                let group = word(ReferrerGroup::ALL, ReferrerGroup::as_str, self.text()?)?;
                line.texts[column] = group.as_str();
            }
            Field::Device(column) => {
                line.texts[column] = word(Device::ALL, Device::as_str, self.text()?)?.as_str();
            }
            Field::List => self.list()?,
            Field::Props => {
                let props = self.object()?;
                line.texts[PROPS] = if props == "{}" { "" } else { props };
            }
        }
        Some(())
    }

    fn list(&mut self) -> Option<()> {
        self.take(b"[")?;
        if self.skip(b"]") {
            return Some(());
        }
        loop {
            self.text()?;
            if self.skip(b"]") {
                return Some(());
            }
            self.take(b",")?;
        }
    }

    /// An object: of texts only, as the pixel makes them, or whatever the JSON parser takes for one.
    fn object(&mut self) -> Option<&'a str> {
        let start = self.at;
        if self.flat_object().is_none() {
            self.at = start;
            self.take(b"{")?;
            let rest = self.text.get(start..)?;
            let raw: &RawValue = serde_json::Deserializer::from_str(rest).into_iter().next()?.ok()?;
            self.at = start + raw.get().len();
        }
        self.text.get(start..self.at)
    }

    fn flat_object(&mut self) -> Option<()> {
        self.take(b"{")?;
        if self.skip(b"}") {
            return Some(());
        }
        loop {
            self.text()?;
            self.take(b":")?;
            self.text()?;
            if self.skip(b"}") {
                return Some(());
            }
            self.take(b",")?;
        }
    }
}
