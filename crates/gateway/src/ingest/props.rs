//! `props`: the rest of a hit as one compact JSON object.
//!
//! Promises a line that any JSON reader takes: no NUL, no lone surrogate, no key twice in an object, no number that
//! overflows a 64-bit float, bounded nesting, keys and size. The text of numbers is otherwise kept as it was sent.

use std::collections::HashSet;
use std::ops::Range;

use onepixel_event::{Props, limits, quote};

use super::flag::{Flag, Flags};
use super::{json, text};

/// Why a value cannot be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum PropsError {
    /// Too many keys at the top level.
    #[error("more than {} keys", limits::PROPS_KEYS_MAX)]
    Keys,
    /// Nested too deep.
    #[error("nested deeper than {} levels", limits::PROPS_DEPTH_MAX)]
    Depth,
    /// Too long when written.
    #[error("larger than {} bytes", limits::PROPS_BYTES_MAX)]
    Size,
}

/// Builds the object key by key. A key that is there already stays as it is.
#[derive(Debug)]
pub(super) struct PropsWriter {
    bytes: Vec<u8>,
    keys: Vec<Range<usize>>,
}

impl PropsWriter {
    /// An empty object.
    pub(super) fn new() -> Self {
        Self { bytes: Vec::new(), keys: Vec::new() }
    }

    /// True when it takes no further key.
    pub(super) fn is_full(&self) -> bool {
        self.keys.len() >= limits::PROPS_KEYS_MAX
    }

    /// Adds a text that the caller has cleaned.
    pub(super) fn push_text(&mut self, key: &str, value: &str, flags: &mut Flags) -> Result<(), PropsError> {
        self.push(key, flags, |out, _| {
            quote(out, value);
            Ok(())
        })
    }

    /// Adds a JSON value, made fit; `key` and `value` are texts of valid JSON.
    pub(super) fn push_json(&mut self, key: &str, value: &str, flags: &mut Flags) -> Result<(), PropsError> {
        let key = text::without_nul(json::unquote(key, flags), flags);
        let key = text::cut(key, limits::PROP_KEY_BYTES_MAX, flags);
        self.push(&key, flags, |out, flags| rewrite(value, out, 1, flags))
    }

    /// The object.
    pub(super) fn finish(mut self) -> Props<'static> {
        if self.keys.is_empty() {
            return Props::default();
        }
        self.bytes.push(b'}');
        Props::from_object(self.bytes)
    }

    fn push(
        &mut self,
        key: &str,
        flags: &mut Flags,
        write: impl FnOnce(&mut Vec<u8>, &mut Flags) -> Result<(), PropsError>,
    ) -> Result<(), PropsError> {
        let before = self.bytes.len();
        self.bytes.push(if self.keys.is_empty() { b'{' } else { b',' });
        quote(&mut self.bytes, key);
        let range = before + 1..self.bytes.len();
        if self.keys.iter().any(|other| self.bytes[other.clone()] == self.bytes[range.clone()]) {
            flags.set(Flag::DuplicateParam);
            self.bytes.truncate(before);
            return Ok(());
        }
        self.bytes.push(b':');
        let written = match self.is_full() {
            true => Err(PropsError::Keys),
            false => write(&mut self.bytes, flags),
        };
        // One byte stays free for the brace that closes the object.
        let fits = written.and(if self.bytes.len() < limits::PROPS_BYTES_MAX {
            Ok(())
        } else {
            Err(PropsError::Size)
        });
        match fits {
            Ok(()) => self.keys.push(range),
            Err(_) => self.bytes.truncate(before),
        }
        fits
    }
}

/// Appends `value`, the text of a valid JSON value inside `depth` objects and arrays. The depth bounds the recursion.
fn rewrite(value: &str, out: &mut Vec<u8>, depth: usize, flags: &mut Flags) -> Result<(), PropsError> {
    if out.len() >= limits::PROPS_BYTES_MAX {
        return Err(PropsError::Size);
    }
    match value.as_bytes().first() {
        Some(b'{' | b'[') if depth >= limits::PROPS_DEPTH_MAX => return Err(PropsError::Depth),
        Some(b'{') => object(value, out, depth + 1, flags)?,
        Some(b'[') => array(value, out, depth + 1, flags)?,
        Some(b'"') => string(value, out, flags),
        Some(b'-' | b'0'..=b'9') => number(value, out, flags),
        _ => out.extend_from_slice(value.as_bytes()),
    }
    Ok(())
}

fn object(value: &str, out: &mut Vec<u8>, depth: usize, flags: &mut Flags) -> Result<(), PropsError> {
    let mut seen = HashSet::new();
    out.push(b'{');
    for (key, value) in json::members(value) {
        let key = text::without_nul(json::unquote(key, flags), flags);
        if seen.contains(&key) {
            flags.set(Flag::DuplicateParam);
            continue;
        }
        if !seen.is_empty() {
            out.push(b',');
        }
        quote(out, &key);
        seen.insert(key);
        out.push(b':');
        rewrite(value, out, depth, flags)?;
    }
    out.push(b'}');
    Ok(())
}

fn array(value: &str, out: &mut Vec<u8>, depth: usize, flags: &mut Flags) -> Result<(), PropsError> {
    out.push(b'[');
    for (i, value) in json::elements(value).enumerate() {
        if i > 0 {
            out.push(b',');
        }
        rewrite(value, out, depth, flags)?;
    }
    out.push(b']');
    Ok(())
}

fn string(value: &str, out: &mut Vec<u8>, flags: &mut Flags) {
    // Text without an escape is already in the form in which it is written.
    if value.as_bytes().contains(&b'\\') {
        quote(out, &text::without_nul(json::unquote(value, flags), flags));
    } else {
        out.extend_from_slice(value.as_bytes());
    }
}

fn number(value: &str, out: &mut Vec<u8>, flags: &mut Flags) {
    if value.parse::<f64>().is_ok_and(f64::is_finite) {
        out.extend_from_slice(value.as_bytes());
    } else {
        flags.set(Flag::BadNumber);
        quote(out, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build(object: &str) -> (Result<String, PropsError>, Vec<&'static str>) {
        let mut flags = Flags::default();
        let mut props = PropsWriter::new();
        let pushed = json::members(object).try_for_each(|(k, v)| props.push_json(k, v, &mut flags));
        (pushed.map(|()| props.finish().as_json().to_owned()), flags.codes().collect())
    }

    fn check(object: &str, expected: &str, flags: &[&str]) {
        assert_eq!(build(object), (Ok(expected.to_owned()), flags.to_vec()), "{object}");
        serde_json::from_str::<serde_json::Value>(expected).unwrap();
    }

    #[test]
    fn rewrites_to_one_compact_line() {
        check("{}", "{}", &[]);
        check("{ \"a\" : [ 1 , true , null ] ,\n\"b\" : { } }", r#"{"a":[1,true,null],"b":{}}"#, &[]);
        check(r#"{"a":"x\ny\u00e9\/"}"#, r#"{"a":"x\nyé/"}"#, &[]);
        check(
            r#"{"a":1.50,"b":-0,"c":1E5,"d":123456789012345678901}"#,
            r#"{"a":1.50,"b":-0,"c":1E5,"d":123456789012345678901}"#,
            &[],
        );
    }

    #[test]
    fn repairs_what_a_reader_would_choke_on() {
        check(r#"{"a":1e999,"b":-1e999}"#, r#"{"a":"1e999","b":"-1e999"}"#, &["bad_number"]);
        check(r#"{"a":1,"a":2}"#, r#"{"a":1}"#, &["duplicate_param"]);
        check(r#"{"a":{"x":1,"\u0078":2,"y":3}}"#, r#"{"a":{"x":1,"y":3}}"#, &["duplicate_param"]);
        check(
            r#"{"a\u0000":"x\u0000y","b":["\ud800"]}"#,
            "{\"a\":\"xy\",\"b\":[\"\u{fffd}\"]}",
            &["bad_utf8", "control_chars"],
        );
    }

    #[test]
    fn refuses_what_is_over_a_limit() {
        let keys =
            |n: usize| format!("{{{}}}", (0..n).map(|i| format!("\"k{i}\":0")).collect::<Vec<_>>().join(","));
        assert!(build(&keys(64)).0.is_ok());
        assert_eq!(build(&keys(65)).0, Err(PropsError::Keys));
        let nested = |n: usize| format!("{{\"a\":{}{}}}", "[".repeat(n), "]".repeat(n));
        assert!(build(&nested(15)).0.is_ok());
        assert_eq!(build(&nested(16)).0, Err(PropsError::Depth));
        assert_eq!(build(&nested(500_000)).0, Err(PropsError::Depth));
        let sized = |n: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(n - 8));
        assert!(build(&sized(limits::PROPS_BYTES_MAX)).0.is_ok());
        assert_eq!(build(&sized(limits::PROPS_BYTES_MAX + 1)).0, Err(PropsError::Size));
        let many = format!("{{\"a\":[{}0]}}", "1e999,".repeat(100_000));
        assert_eq!(build(&many).0, Err(PropsError::Size));
    }

    #[test]
    fn a_refused_value_leaves_the_others() {
        let mut flags = Flags::default();
        let mut props = PropsWriter::new();
        props.push_text("a", "1", &mut flags).unwrap();
        let deep = "[".repeat(20) + &"]".repeat(20);
        assert_eq!(props.push_json("\"b\"", &deep, &mut flags), Err(PropsError::Depth));
        props.push_text("c", "3", &mut flags).unwrap();
        assert_eq!(props.finish().as_json(), r#"{"a":"1","c":"3"}"#);
    }
}
