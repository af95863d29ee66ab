//! JSON text taken apart without building anything: slices of members, elements and strings.
//!
//! Works on text that is known to be valid JSON and promises nothing on other text, except not to panic.
//! Nesting costs no stack here. Does not validate and does not interpret numbers.

use std::borrow::Cow;

use super::flag::{Flag, Flags};

/// What kind of value a JSON text is, with its article, for messages.
pub(super) fn kind(value: &str) -> &'static str {
    match value.as_bytes().first() {
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b'"') => "a string",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        _ => "a number",
    }
}

/// The elements of an array, each as its text.
pub(super) fn elements(array: &str) -> impl Iterator<Item = &str> {
    let mut rest = array.get(1..).unwrap_or_default();
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches([' ', '\t', '\n', '\r', ',']);
        let (value, after) = rest.split_at(value_len(rest));
        rest = after;
        (!value.is_empty()).then_some(value)
    })
}

/// The members of an object: the key with its quotes, and the value's text.
pub(super) fn members(object: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = object.get(1..).unwrap_or_default();
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches([' ', '\t', '\n', '\r', ',']);
        let (key, after) = rest.split_at(value_len(rest));
        let after = after.trim_start_matches([' ', '\t', '\n', '\r', ':']);
        let (value, after) = after.split_at(value_len(after));
        rest = after;
        (!key.is_empty()).then_some((key, value))
    })
}

/// The text a JSON string stands for. Half of a surrogate pair becomes U+FFFD and is flagged.
pub(super) fn unquote<'a>(string: &'a str, flags: &mut Flags) -> Cow<'a, str> {
    let inside = string.strip_prefix('"').and_then(|s| s.strip_suffix('"')).unwrap_or_default();
    if !inside.as_bytes().contains(&b'\\') {
        return Cow::Borrowed(inside);
    }
    let mut text = String::with_capacity(inside.len());
    let mut rest = inside;
    while let Some((plain, escape)) = rest.split_once('\\') {
        text.push_str(plain);
        let (c, len) = escaped(escape, flags);
        text.push(c);
        rest = escape.get(len..).unwrap_or_default();
    }
    text.push_str(rest);
    Cow::Owned(text)
}

/// The length of the value that `text` starts with; 0 where an array or object ends.
fn value_len(text: &str) -> usize {
    let bytes = text.as_bytes();
    match bytes.first() {
        Some(b'"') => string_len(bytes),
        Some(b'{' | b'[') => nested_len(bytes),
        _ => bytes.iter().position(|b| b",:]} \t\n\r".contains(b)).unwrap_or(bytes.len()),
    }
}

fn string_len(bytes: &[u8]) -> usize {
    let mut at = 1;
    while let Some(found) =
        bytes.get(at..).and_then(|rest| rest.iter().position(|b| matches!(b, b'"' | b'\\')))
    {
        at += found;
        if bytes[at] == b'"' {
            return at + 1;
        }
        at += 2;
    }
    bytes.len()
}

fn nested_len(bytes: &[u8]) -> usize {
    let (mut at, mut depth) = (0, 0_usize);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => {
                at += string_len(&bytes[at..]);
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return at;
        }
    }
    bytes.len()
}

/// The character an escape stands for and how much of the text behind its backslash it takes.
fn escaped(escape: &str, flags: &mut Flags) -> (char, usize) {
    let c = match escape.as_bytes().first() {
        Some(b'n') => '\n',
        Some(b't') => '\t',
        Some(b'r') => '\r',
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'u') => return unicode(escape, flags),
        Some(other) => char::from(*other),
        None => char::REPLACEMENT_CHARACTER,
    };
    (c, 1)
}

fn unicode(escape: &str, flags: &mut Flags) -> (char, usize) {
    let unit = |at: usize| escape.get(at..at + 4).and_then(|hex| u16::from_str_radix(hex, 16).ok());
    let first = unit(1).unwrap_or(0xfffd);
    let second = escape.get(5..7).filter(|mark| *mark == "\\u").and_then(|_| unit(7));
    let units = [first, second.unwrap_or(0)];
    match char::decode_utf16(units).next() {
        Some(Ok(c)) if c.len_utf16() == 2 => (c, 11),
        Some(Ok(c)) => (c, 5),
        _ => {
            flags.set(Flag::BadUtf8);
            (char::REPLACEMENT_CHARACTER, 5)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn takes_an_array_apart() {
        fn check(array: &str, expected: &[&str]) {
            assert_eq!(elements(array).collect::<Vec<_>>(), expected, "{array}");
        }
        check("[]", &[]);
        check("[ ]", &[]);
        check("[1,2]", &["1", "2"]);
        check(
            "[ {\"a\":[1,{}]} , \"],\\\"\" ,null\n,[[]]]",
            &["{\"a\":[1,{}]}", "\"],\\\"\"", "null", "[[]]"],
        );
    }

    #[test]
    fn takes_an_object_apart() {
        fn check(object: &str, expected: &[(&str, &str)]) {
            assert_eq!(members(object).collect::<Vec<_>>(), expected, "{object}");
        }
        check("{}", &[]);
        check("{\n}", &[]);
        check(r#"{"a":1,"b":{"c":2}}"#, &[(r#""a""#, "1"), (r#""b""#, r#"{"c":2}"#)]);
        check("{ \"a:,\\\\\" : \"}\" , \"\" :\t[ ] }", &[("\"a:,\\\\\"", "\"}\""), ("\"\"", "[ ]")]);
    }

    #[test]
    fn reads_strings() {
        fn check(string: &str, expected: &str, flags: &[&str]) {
            let mut set = Flags::default();
            assert_eq!(unquote(string, &mut set), expected, "{string}");
            assert_eq!(set.codes().collect::<Vec<_>>(), flags, "{string}");
        }
        check(r#""""#, "", &[]);
        check(r#""café""#, "café", &[]);
        check(r#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{c}\n\r\t", &[]);
        check(r#""\u0041\u00e9\uD83D\uDE00!""#, "Aé😀!", &[]);
        check(r#""\ud83d""#, "\u{fffd}", &["bad_utf8"]);
        check(r#""\ud83dx""#, "\u{fffd}x", &["bad_utf8"]);
        check(r#""\ud83d\u0041""#, "\u{fffd}A", &["bad_utf8"]);
        check(r#""\ud83d\ud83d\ude00""#, "\u{fffd}😀", &["bad_utf8"]);
        check(r#""\ude00""#, "\u{fffd}", &["bad_utf8"]);
    }

    proptest! {
        #[test]
        fn a_quoted_text_reads_back(text in any::<String>()) {
            let mut quoted = Vec::new();
            onepixel_event::quote(&mut quoted, &text);
            let quoted = String::from_utf8(quoted).unwrap();
            let mut flags = Flags::default();
            prop_assert_eq!(&unquote(&quoted, &mut flags), &text);
            prop_assert_eq!(flags, Flags::default());
            prop_assert_eq!(serde_json::from_str::<String>(&quoted).unwrap(), text);
        }

        #[test]
        fn text_that_is_not_json_does_no_harm(text in "[\\[\\]{}\",:\\\\u0-9a-fé ]{0,40}") {
            let mut flags = Flags::default();
            for (key, value) in members(&text) {
                unquote(key, &mut flags);
                kind(value);
            }
            for value in elements(&text).take(100) {
                unquote(value, &mut flags);
            }
        }
    }
}
