//! Secrets that we make: 256 random bits, shown once as 43 characters, kept as their SHA-256.
//!
//! A slow hash would add nothing: there is nothing to guess.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// Characters of 32 bytes in base64 without padding.
const TEXT_LEN: usize = 43;

/// A secret in the form in which it is shown. Never printed by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// A fresh one, from the thread's cryptographic generator.
    pub(crate) fn new() -> Self {
        let bits: [u8; 32] = rand::random();
        Self(URL_SAFE_NO_PAD.encode(bits))
    }

    /// What somebody shows; `None` when it has not even the form of a secret.
    pub(super) fn read(text: &str) -> Option<Self> {
        let has_form = text.len() == TEXT_LEN
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        has_form.then(|| Self(text.to_owned()))
    }

    /// The 43 characters: letters, digits, `-` and `_`.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// What is kept of it.
    pub(super) fn hash(&self) -> [u8; 32] {
        sha256(self.0.as_bytes())
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(hidden)")
    }
}

/// SHA-256 (FIPS 180-4).
pub(super) fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// Compares in a time that does not depend on where they differ.
pub(super) fn same(a: &[u8; 32], b: &[u8; 32]) -> bool {
    a.ct_eq(b).into()
}

/// A name for a thing in a list; no secret.
pub(super) fn short_id() -> String {
    let bits: [u8; 9] = rand::random();
    URL_SAFE_NO_PAD.encode(bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_read_as_it_is_shown_and_differs_from_every_other() {
        let (one, other) = (Secret::new(), Secret::new());
        assert_ne!(one.text(), other.text());
        assert_eq!(one.text().len(), TEXT_LEN);
        assert_eq!(Secret::read(one.text()).map(|read| read.hash()), Some(one.hash()));
        assert!(!format!("{one:?}").contains(one.text()));
    }

    #[test]
    fn what_has_not_the_form_is_no_secret() {
        let long = "a".repeat(44);
        for text in ["", "a", &long, &"é".repeat(22), &" ".repeat(43), &format!("{}=", "a".repeat(42))] {
            assert!(Secret::read(text).is_none(), "{text}");
        }
    }

    #[test]
    fn the_hash_is_sha_256() {
        let hash = sha256(b"abc");
        assert_eq!(hash[..4], [0xba, 0x78, 0x16, 0xbf]);
        assert!(same(&hash, &hash.clone()));
        assert!(!same(&hash, &sha256(b"abd")));
    }
}
