//! What the access file holds: the form on disk, and the rules that need nothing else.

use serde::{Deserialize, Serialize};

use super::secret::Secret;
use super::{SESSION_IDLE_MS, SESSION_MS, SESSIONS_MAX};

/// Everything. A file without a key has the key's default; one with an unknown key is of a newer version.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct State {
    /// The password's hash, a PHC string.
    pub(super) password: Option<String>,
    pub(super) sign_ins: Vec<SignIn>,
    pub(super) sessions: Vec<Session>,
    pub(super) tokens: Vec<Token>,
    pub(super) links: Vec<Link>,
    /// The secret of the settings that was used to sign in: it opens the door once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) spent: Option<Spent>,
}

/// The hash of a secret of the settings that was used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Spent {
    #[serde(with = "hex")]
    pub(super) hash: [u8; 32],
}

/// A one-time token that was printed and not used.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct SignIn {
    #[serde(with = "hex")]
    pub(super) hash: [u8; 32],
    pub(super) expires_ms: u64,
}

/// A browser that signed in.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Session {
    #[serde(with = "hex")]
    pub(super) hash: [u8; 32],
    pub(super) created_ms: u64,
    pub(super) seen_ms: u64,
}

/// An API token.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Token {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) scope: Role,
    #[serde(with = "hex")]
    pub(super) hash: [u8; 32],
    pub(crate) created_ms: u64,
    pub(crate) last_used_ms: Option<u64>,
}

/// What a token may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Role {
    /// Look at everything.
    Read,
    /// Everything.
    Admin,
}

/// A public link. Its key is kept as it is: who has the link is meant to look, and it must be shown again.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Link {
    pub(crate) id: String,
    pub(crate) site: String,
    pub(crate) key: String,
    pub(crate) created_ms: u64,
}

impl Session {
    pub(super) fn is_over(&self, now_ms: u64) -> bool {
        now_ms >= self.created_ms.saturating_add(SESSION_MS)
            || now_ms >= self.seen_ms.saturating_add(SESSION_IDLE_MS)
    }
}

impl State {
    /// What [`to_json`](Self::to_json) wrote.
    ///
    /// # Errors
    /// When it is damaged, or of a newer version.
    pub fn from_json(bytes: &[u8]) -> serde_json::Result<Self> {
        serde_json::from_slice(bytes)
    }

    /// The form in which it is kept: a few hundred KiB at the very most, as every list in it is bounded.
    ///
    /// # Errors
    /// None that can happen.
    pub fn to_json(&self) -> serde_json::Result<Vec<u8>> {
        serde_json::to_vec_pretty(self)
    }

    /// Drops what has run out.
    pub(super) fn expire(&mut self, now_ms: u64) {
        self.sign_ins.retain(|one| now_ms < one.expires_ms);
        self.sessions.retain(|one| !one.is_over(now_ms));
    }

    /// A new session; the one that was unused longest makes room.
    pub(super) fn start_session(&mut self, now_ms: u64) -> Secret {
        while self.sessions.len() >= SESSIONS_MAX {
            let oldest = self.sessions.iter().enumerate().min_by_key(|(_, one)| one.seen_ms);
            match oldest.map(|(at, _)| at) {
                Some(at) => drop(self.sessions.remove(at)),
                None => break,
            }
        }
        let secret = Secret::new();
        self.sessions.push(Session { hash: secret.hash(), created_ms: now_ms, seen_ms: now_ms });
        secret
    }

    /// When anything was used last.
    pub(super) fn last_use(&self) -> u64 {
        let sessions = self.sessions.iter().map(|one| one.seen_ms);
        sessions.chain(self.tokens.iter().filter_map(|one| one.last_used_ms)).max().unwrap_or(0)
    }

    /// Takes over when things were used from a state that knows better, since uses are seldom written.
    pub(super) fn keep_use(&mut self, known: &Self) {
        for one in &mut self.sessions {
            let seen = known.sessions.iter().find(|other| other.hash == one.hash);
            one.seen_ms = one.seen_ms.max(seen.map_or(0, |other| other.seen_ms));
        }
        for one in &mut self.tokens {
            let used = known.tokens.iter().find(|other| other.id == one.id);
            one.last_used_ms = one.last_used_ms.max(used.and_then(|other| other.last_used_ms));
        }
    }
}

/// Hashes as hexadecimal digits.
mod hex {
    use std::fmt::Write as _;

    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8; 32], serializer: S) -> Result<S::Ok, S::Error> {
        let text = bytes
            .iter()
            .try_fold(String::with_capacity(64), |mut text, byte| write!(text, "{byte:02x}").map(|()| text));
        serializer.serialize_str(&text.map_err(serde::ser::Error::custom)?)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[u8; 32], D::Error> {
        let text = String::deserialize(deserializer)?;
        let mut bytes = [0; 32];
        if text.len() != 64 || !text.is_ascii() {
            return Err(D::Error::custom("a hash has 64 hexadecimal digits"));
        }
        for (byte, at) in bytes.iter_mut().zip((0..64).step_by(2)) {
            *byte = u8::from_str_radix(&text[at..at + 2], 16).map_err(D::Error::custom)?;
        }
        Ok(bytes)
    }
}
