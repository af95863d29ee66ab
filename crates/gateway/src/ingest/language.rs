//! The first language of `Accept-Language`.

use onepixel_event::limits;

/// The first tag by order (weights are not looked at: every browser lists its first choice first), in the spelling
/// RFC 5646 recommends. `None` for `*`, and for what is no tag.
pub(super) fn first(header: &[u8]) -> Option<String> {
    let first = header.split(|byte| *byte == b',' || *byte == b';').next()?;
    let tag = std::str::from_utf8(first).ok()?.trim();
    if tag.len() > limits::LANGUAGE_BYTES_MAX || !tag.split('-').all(is_subtag) {
        return None;
    }
    let mut spelled = String::with_capacity(tag.len());
    for subtag in tag.split('-') {
        spell(&mut spelled, subtag);
    }
    Some(spelled).filter(|tag| tag.starts_with(|c: char| c.is_ascii_alphabetic()))
}

fn is_subtag(subtag: &str) -> bool {
    (1..=8).contains(&subtag.len()) && subtag.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Regions of two letters in upper case, scripts of four in title case, everything else in lower case.
fn spell(tag: &mut String, subtag: &str) {
    let is_first = tag.is_empty();
    if !is_first {
        tag.push('-');
    }
    let capitals = match subtag.len() {
        2 if !is_first => 2,
        4 if !is_first => 1,
        _ => 0,
    };
    tag.extend(subtag.chars().enumerate().map(|(i, c)| match i < capitals {
        true => c.to_ascii_uppercase(),
        false => c.to_ascii_lowercase(),
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_first_tag() {
        fn check(header: &[u8], expected: Option<&str>) {
            assert_eq!(first(header).as_deref(), expected, "{}", header.escape_ascii());
        }
        check(b"de-DE,de;q=0.9,en;q=0.8", Some("de-DE"));
        check(b"en", Some("en"));
        check(b" EN-us ;q=1", Some("en-US"));
        check(b"zh-hant-tw", Some("zh-Hant-TW"));
        check(b"en;q=0.1,de;q=0.9", Some("en"));
        check(b"es-419", Some("es-419"));
        check(b"", None);
        check(b"*", None);
        check(b"-", None);
        check(b"en_US", None);
        check(b"en-", None);
        check(b"12", None);
        check(b"\xff", None);
        check(b"en-aaaaaaaa-aaaaaaaa-aaaaaaaa-aaaaaaaa", None);
    }
}
