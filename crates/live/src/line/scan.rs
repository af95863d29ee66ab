//! The scanner over the flat line that the encoder writes.
//!
//! Takes a line only if every byte of it is what the encoder would write: the known fields in their order, texts
//! without escapes, known words, moments in one form. For those it says exactly what the decoder says, at a tenth
//! of the cost; everything else it leaves alone.

use memchr::memchr;
use onepixel_event::{Class, Device, ReferrerGroup, Source};
use serde_json::value::RawValue;

use super::{Line, moment};
use crate::axis::{PROPS, TEXTS};

/// The fields of a line that the encoder may have written; `None` for any other.
pub(super) fn scan(payload: &[u8]) -> Option<Line<'_>> {
    let mut at = Cursor { text: plain(payload)?, at: 0 };
    let mut texts = [""; TEXTS];
    is_id(at.text(b"{\"id\":\"")?).then_some(())?;
    let ms = moment::parse(at.text(b",\"received_at\":\"")?.as_bytes())?;
    if let Some(sent_at) = at.some_text(b",\"sent_at\":\"")? {
        moment::parse(sent_at.as_bytes())?;
    }
    let source = word(Source::ALL, Source::as_str, at.text(b",\"source\":\"")?)?;
    texts[14] = at.text(b",\"event\":\"")?;
    let site = at.text(b",\"site\":\"")?;
    at.some_text(b",\"page_url\":\"")?;
    texts[1] = at.text_or_none(b",\"page_host\":\"")?;
    texts[0] = at.text_or_none(b",\"page_path\":\"")?;
    texts[15] = at.text_or_none(b",\"title\":\"")?;
    at.some_text(b",\"referrer_url\":\"")?;
    texts[2] = at.text_or_none(b",\"referrer_host\":\"")?;
    if let Some(group) = at.some_text(b",\"referrer_group\":\"")? {
        texts[3] = word(ReferrerGroup::ALL, ReferrerGroup::as_str, group)?.as_str();
    }
    texts[4] = at.text_or_none(b",\"utm_source\":\"")?;
    texts[5] = at.text_or_none(b",\"utm_medium\":\"")?;
    texts[6] = at.text_or_none(b",\"utm_campaign\":\"")?;
    texts[7] = at.text_or_none(b",\"utm_term\":\"")?;
    texts[8] = at.text_or_none(b",\"utm_content\":\"")?;
    at.some_text(b",\"user_agent\":\"")?;
    texts[9] = at.text_or_none(b",\"browser\":\"")?;
    at.some_text(b",\"browser_version\":\"")?;
    texts[10] = at.text_or_none(b",\"os\":\"")?;
    at.some_text(b",\"os_version\":\"")?;
    if let Some(device) = at.some_text(b",\"device\":\"")? {
        texts[11] = word(Device::ALL, Device::as_str, device)?.as_str();
    }
    let class = word(Class::ALL, Class::as_str, at.text(b",\"class\":\"")?)?;
    at.list(b",\"class_reasons\":[")?;
    texts[13] = at.text_or_none(b",\"language\":\"")?;
    texts[12] = at.text_or_none(b",\"country\":\"")?;
    at.some_text(b",\"ip\":\"")?;
    let visitor = at.some_text(b",\"visitor\":\"")?;
    if at.skip(b",\"props\":") {
        texts[PROPS] = Some(at.object()?).filter(|props| *props != "{}").unwrap_or_default();
    }
    at.list(b",\"flags\":[")?;
    at.take(b"}")?;
    (at.at == at.text.len()).then_some(Line { ms, site, class, source, visitor, texts })
}

/// The line as text, if it holds nothing that JSON would escape.
fn plain(payload: &[u8]) -> Option<&str> {
    // Looking at every byte without stopping is what the compiler turns into wide instructions.
    let unusual =
        payload.iter().fold(0_u8, |found, &byte| found | u8::from(byte < 0x20) | u8::from(byte == b'\\'));
    if unusual != 0 { None } else { std::str::from_utf8(payload).ok() }
}

fn is_id(text: &str) -> bool {
    let Ok(id) = <&[u8; 36]>::try_from(text.as_bytes()) else { return false };
    let digits = id.iter().filter(|byte| byte.is_ascii_hexdigit()).count();
    digits == 32 && [id[8], id[13], id[18], id[23]] == *b"----"
}

fn word<T: Copy>(all: &[T], spelling: impl Fn(T) -> &'static str, text: &str) -> Option<T> {
    all.iter().copied().find(|one| spelling(*one) == text)
}

/// What is left of a line. A name is the bytes before a value: given as an array, it is compared without a loop.
struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    fn skip<const N: usize>(&mut self, expected: &[u8; N]) -> bool {
        let found = self.rest().first_chunk() == Some(expected);
        if found {
            self.at += N;
        }
        found
    }

    fn take<const N: usize>(&mut self, expected: &[u8; N]) -> Option<()> {
        self.skip(expected).then_some(())
    }

    /// The text behind a name that ends with the opening quote.
    fn text<const N: usize>(&mut self, name: &[u8; N]) -> Option<&'a str> {
        self.take(name)?;
        self.until_quote()
    }

    /// The same when the name may be missing.
    fn some_text<const N: usize>(&mut self, name: &[u8; N]) -> Option<Option<&'a str>> {
        if self.skip(name) { self.until_quote().map(Some) } else { Some(None) }
    }

    /// The same for a column, where nothing is an empty text.
    fn text_or_none<const N: usize>(&mut self, name: &[u8; N]) -> Option<&'a str> {
        self.some_text(name).map(Option::unwrap_or_default)
    }

    /// Up to the closing quote, which is passed: the line holds no escapes.
    fn until_quote(&mut self) -> Option<&'a str> {
        let end = self.at + memchr(b'"', self.rest())?;
        let text = self.text.get(self.at..end)?;
        self.at = end + 1;
        Some(text)
    }

    /// A list of texts, which may be missing; the name ends with the opening bracket.
    fn list<const N: usize>(&mut self, name: &[u8; N]) -> Option<()> {
        if !self.skip(name) || self.skip(b"]") {
            return Some(());
        }
        loop {
            self.text(b"\"")?;
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
            self.text(b"\"")?;
            self.text(b":\"")?;
            if self.skip(b"}") {
                return Some(());
            }
            self.take(b",")?;
        }
    }
}
