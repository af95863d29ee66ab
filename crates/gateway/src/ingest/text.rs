//! Text from outside made fit to be kept: valid UTF-8, without control characters, within its limit.
//!
//! Every change sets a flag; text that is already fit is borrowed, not copied.

use std::borrow::Cow;

use super::flag::{Flag, Flags};

/// Reads bytes as UTF-8; what is not becomes U+FFFD.
pub(super) fn utf8<'a>(bytes: &'a [u8], flags: &mut Flags) -> Cow<'a, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => {
            flags.set(Flag::BadUtf8);
            String::from_utf8_lossy(bytes)
        }
    }
}

/// A text that is shown in one line: no control characters, no white space around it, at most `bytes_max` long.
/// `None` when nothing is left.
pub(super) fn line<'a>(text: Cow<'a, str>, bytes_max: usize, flags: &mut Flags) -> Option<Cow<'a, str>> {
    let text = trim(without_controls(text, flags));
    let text = cut(text, bytes_max, flags);
    (!text.is_empty()).then_some(text)
}

/// Cuts a text to `bytes_max` at a character boundary.
pub(super) fn cut<'a>(mut text: Cow<'a, str>, bytes_max: usize, flags: &mut Flags) -> Cow<'a, str> {
    let end = text.floor_char_boundary(bytes_max);
    if end == text.len() {
        return text;
    }
    flags.set(Flag::TruncatedParam);
    match &mut text {
        Cow::Borrowed(text) => Cow::Borrowed(&text[..end]),
        Cow::Owned(text) => {
            text.truncate(end);
            Cow::Owned(std::mem::take(text))
        }
    }
}

/// Takes out U+0000, which several stores end a text at; every other character stays.
pub(super) fn without_nul<'a>(text: Cow<'a, str>, flags: &mut Flags) -> Cow<'a, str> {
    if !text.as_bytes().contains(&0) {
        return text;
    }
    flags.set(Flag::ControlChars);
    Cow::Owned(text.replace('\0', ""))
}

fn without_controls<'a>(text: Cow<'a, str>, flags: &mut Flags) -> Cow<'a, str> {
    // Looking at every byte without stopping is what the compiler turns into wide instructions.
    if !text.bytes().fold(false, |found, byte| found | byte.is_ascii_control()) {
        return text;
    }
    flags.set(Flag::ControlChars);
    let kept = text.chars().filter_map(|c| match c {
        '\t' | '\n' | '\r' => Some(' '),
        c if c.is_ascii_control() => None,
        c => Some(c),
    });
    Cow::Owned(kept.collect())
}

fn trim(text: Cow<'_, str>) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
        Cow::Owned(text) if text.trim().len() == text.len() => Cow::Owned(text),
        Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], bytes_max: usize, expected: Option<&str>, flags: &[&str]) {
        let mut set = Flags::default();
        let text = utf8(bytes, &mut set);
        assert_eq!(line(text, bytes_max, &mut set).as_deref(), expected, "{bytes:?}");
        assert_eq!(set.codes().collect::<Vec<_>>(), flags, "{bytes:?}");
    }

    #[test]
    fn makes_any_bytes_a_line() {
        check(b"blog", 10, Some("blog"), &[]);
        check(b"", 10, None, &[]);
        check(b" \t ", 10, None, &["control_chars"]);
        check(b"  blog  ", 10, Some("blog"), &[]);
        check(b"a\tb\r\nc", 10, Some("a b  c"), &["control_chars"]);
        check(b"a\0b\x1b[0m\x7f", 10, Some("ab[0m"), &["control_chars"]);
        check(b"a\xffb", 10, Some("a\u{fffd}b"), &["bad_utf8"]);
        check(b"\xc3", 10, Some("\u{fffd}"), &["bad_utf8"]);
        check("ééé".as_bytes(), 5, Some("éé"), &["truncated_param"]);
        check("ééé".as_bytes(), 1, None, &["truncated_param"]);
        check("é".as_bytes(), 2, Some("é"), &[]);
        check(b"\xff\0aaaaaaaa", 5, Some("\u{fffd}aa"), &["bad_utf8", "control_chars", "truncated_param"]);
    }

    #[test]
    fn takes_out_nul_and_nothing_else() {
        let mut flags = Flags::default();
        assert_eq!(without_nul("a\nb".into(), &mut flags), "a\nb");
        assert_eq!(flags, Flags::default());
        assert_eq!(without_nul("a\0\nb".into(), &mut flags), "a\nb");
        assert_eq!(flags.codes().collect::<Vec<_>>(), ["control_chars"]);
    }
}
