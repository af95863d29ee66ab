//! What an operator can choose about the edge: plain data, checked once when the gateway is built.
//!
//! Reading files, the environment and flags is the binary's work. Limits that nobody should have to choose
//! are in [`crate::http::Limits`].

use std::sync::Arc;

use http::HeaderValue;
use http::uri::PathAndQuery;
use ipnet::IpNet;
use tokio_rustls::rustls::ServerConfig;

use crate::http::Limits;

/// The largest `body_limit` that can be set: a batch is one append, so that more could not be stored. It is parsed
/// in one go, too, and the other connections of its thread wait meanwhile.
pub const BODY_LIMIT_MAX: usize = onepixel_stream::APPEND_BYTES_MAX;

/// Settings of the gateway.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the pixel answers: an absolute path without query, compared byte by byte.
    pub pixel_path: String,
    /// Where events are posted: an absolute path without query, compared byte by byte.
    pub events_path: String,
    /// Requests per second over all callers; 0 is no limit.
    pub rate: u32,
    /// Requests that may come at once over all callers; 0: what comes in a second.
    pub burst: u32,
    /// Requests per second of one client address (IPv6: of one /64); 0 is no limit.
    pub client_rate: u32,
    /// Requests of one client that may come at once; 0: what comes in a second.
    pub client_burst: u32,
    /// Peers whose `X-Forwarded-For` or `Forwarded` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Origins whose pages may read the answers of the events door; `*` alone is any.
    pub cors_origins: Vec<String>,
    /// Keys of which one must come with a posted event; empty is no key needed.
    pub write_keys: Vec<String>,
    /// Bytes of a posted body, as sent and after inflating.
    pub body_limit: usize,
    /// Certificate and key, if connections are encrypted; all of them are then.
    pub tls: Option<Arc<ServerConfig>>,
    /// Limits that are not settings.
    pub limits: Limits,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            pixel_path: "/p.gif".into(),
            events_path: "/e".into(),
            rate: 10_000,
            burst: 20_000,
            client_rate: 0,
            client_burst: 0,
            trusted_proxies: Vec::new(),
            cors_origins: vec!["*".into()],
            write_keys: Vec::new(),
            body_limit: 1024 * 1024,
            tls: None,
            limits: Limits::default(),
        }
    }
}

/// Why settings cannot be used. The text says which one, what is wrong and what to write instead.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum InvalidSettings {
    /// Not a path a request could have.
    #[error("gateway.{name}: {path:?} is not a path; write one like \"/p.gif\", without query or fragment")]
    Path {
        /// The setting.
        name: &'static str,
        /// Its value.
        path: String,
    },
    /// Both doors at one path.
    #[error("gateway.events_path: {path:?} is the pixel's path too; give each its own")]
    SamePath {
        /// The path.
        path: String,
    },
    /// Not an origin a browser could send.
    #[error(
        "gateway.cors_origins: {origin:?} is not an origin; write \"https://example.org\" without path, or [\"*\"] alone"
    )]
    Origin {
        /// The entry.
        origin: String,
    },
    /// A key that is empty or cannot be sent in a header.
    #[error("gateway.write_keys: entry {index} is empty or has characters other than visible ASCII")]
    Key {
        /// Its position, from 0; the key itself is a secret.
        index: usize,
    },
    /// A body limit of nothing or beyond reason.
    #[error("gateway.body_limit: {bytes} bytes is not between 1 and {BODY_LIMIT_MAX}")]
    BodyLimit {
        /// The value.
        bytes: usize,
    },
}

impl Settings {
    /// Checks every setting that could be impossible.
    ///
    /// # Errors
    /// The first [`InvalidSettings`].
    pub fn check(&self) -> Result<(), InvalidSettings> {
        check_path("pixel_path", &self.pixel_path)?;
        check_path("events_path", &self.events_path)?;
        if self.pixel_path == self.events_path {
            return Err(InvalidSettings::SamePath { path: self.events_path.clone() });
        }
        for origin in &self.cors_origins {
            check_origin(origin, self.cors_origins.len())?;
        }
        let unusable = |key: &String| key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_graphic());
        if let Some(index) = self.write_keys.iter().position(unusable) {
            return Err(InvalidSettings::Key { index });
        }
        if !(1..=BODY_LIMIT_MAX).contains(&self.body_limit) {
            return Err(InvalidSettings::BodyLimit { bytes: self.body_limit });
        }
        Ok(())
    }
}

fn check_path(name: &'static str, path: &str) -> Result<(), InvalidSettings> {
    let usable = path.starts_with('/')
        && !path.contains(['?', '#'])
        && path.is_ascii()
        && path.parse::<PathAndQuery>().is_ok();
    if usable { Ok(()) } else { Err(InvalidSettings::Path { name, path: path.to_owned() }) }
}

fn check_origin(origin: &str, origins: usize) -> Result<(), InvalidSettings> {
    let any = origin == "*" && origins == 1;
    let listed = origin.split_once("://").is_some_and(|(scheme, host)| {
        !scheme.is_empty() && !host.is_empty() && !host.contains(['/', '?', '#', '*'])
    });
    // A sandboxed frame and a file both send the word `null`; who lists it means them.
    let sendable = HeaderValue::from_str(origin).is_ok() && !origin.contains([' ', ',']);
    if any || (sendable && (listed || origin == "null")) {
        Ok(())
    } else {
        Err(InvalidSettings::Origin { origin: origin.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(change: impl FnOnce(&mut Settings), expected: Result<(), InvalidSettings>) {
        let mut settings = Settings::default();
        change(&mut settings);
        assert_eq!(settings.check(), expected);
    }

    fn path(name: &'static str, path: &str) -> Result<(), InvalidSettings> {
        Err(InvalidSettings::Path { name, path: path.into() })
    }

    fn origin(origin: &str) -> Result<(), InvalidSettings> {
        Err(InvalidSettings::Origin { origin: origin.into() })
    }

    #[test]
    fn paths() {
        check(|_| (), Ok(()));
        check(|s| s.pixel_path = "/a/b.png".into(), Ok(()));
        check(|s| s.pixel_path = "p.gif".into(), path("pixel_path", "p.gif"));
        check(|s| s.pixel_path = String::new(), path("pixel_path", ""));
        check(|s| s.events_path = "/e?x".into(), path("events_path", "/e?x"));
        check(|s| s.events_path = "/e#x".into(), path("events_path", "/e#x"));
        check(|s| s.events_path = "/e x".into(), path("events_path", "/e x"));
        check(|s| s.events_path = "/é".into(), path("events_path", "/é"));
        check(|s| s.events_path = "/p.gif".into(), Err(InvalidSettings::SamePath { path: "/p.gif".into() }));
    }

    #[test]
    fn origins() {
        check(|s| s.cors_origins = vec![], Ok(()));
        check(|s| s.cors_origins = vec!["https://a.example".into(), "http://b:8080".into()], Ok(()));
        check(|s| s.cors_origins = vec!["null".into()], Ok(()));
        check(|s| s.cors_origins = vec!["*".into(), "https://a.example".into()], origin("*"));
        check(|s| s.cors_origins = vec!["a.example".into()], origin("a.example"));
        check(|s| s.cors_origins = vec!["https://a.example/".into()], origin("https://a.example/"));
        check(|s| s.cors_origins = vec!["https://*.example".into()], origin("https://*.example"));
        check(|s| s.cors_origins = vec!["https://a\r\nx: y".into()], origin("https://a\r\nx: y"));
    }

    #[test]
    fn keys_and_body_limit() {
        check(|s| s.write_keys = vec!["k1".into(), String::new()], Err(InvalidSettings::Key { index: 1 }));
        check(|s| s.write_keys = vec!["a b".into()], Err(InvalidSettings::Key { index: 0 }));
        check(|s| s.body_limit = 0, Err(InvalidSettings::BodyLimit { bytes: 0 }));
        check(|s| s.body_limit = 1, Ok(()));
    }
}
