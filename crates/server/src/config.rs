//! Settings: what can be set, the defaults, and the check that turns them into what the parts take.
//!
//! Layers, the later winning: defaults, the file, `ONEPIXEL_SECTION__KEY`, flags. An unknown key is an error.
//! Only the binary reads files and the environment; the parts get plain values.

mod load;
mod print;
mod units;
mod validate;

use std::net::SocketAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

pub(crate) use load::{ConfigError, Layers, Loaded};
pub(crate) use units::{Durability, Size, Span};

/// All settings, by section, with the defaults of the contract.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    pub(crate) gateway: Gateway,
    pub(crate) privacy: Privacy,
    pub(crate) stream: Stream,
    pub(crate) archive: Archive,
    pub(crate) live: Live,
    pub(crate) relay: Relay,
    pub(crate) consumer: Consumer,
    pub(crate) dashboard: Dashboard,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Gateway {
    pub(crate) listen: SocketAddr,
    pub(crate) pixel_path: String,
    pub(crate) events_path: String,
    pub(crate) script_path: String,
    /// Requests per second over all callers; 0 is off.
    pub(crate) rate: u32,
    pub(crate) burst: u32,
    pub(crate) client_rate: u32,
    pub(crate) client_burst: u32,
    #[serde(deserialize_with = "units::networks")]
    pub(crate) trusted_proxies: Vec<IpNet>,
    #[serde(deserialize_with = "units::words")]
    pub(crate) cors_origins: Vec<String>,
    #[serde(deserialize_with = "units::words")]
    pub(crate) write_keys: Vec<String>,
    pub(crate) body_limit: Size,
    /// PEM files of the certificate chain and its key; empty: connections are not encrypted.
    pub(crate) tls_cert: String,
    pub(crate) tls_key: String,
}

impl Default for Gateway {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            pixel_path: "/p.gif".into(),
            events_path: "/e".into(),
            script_path: "/p.js".into(),
            rate: 10_000,
            burst: 20_000,
            client_rate: 0,
            client_burst: 0,
            trusted_proxies: Vec::new(),
            cors_origins: vec!["*".into()],
            write_keys: Vec::new(),
            body_limit: Size(1 << 20),
            tls_cert: String::new(),
            tls_key: String::new(),
        }
    }
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Privacy {
    pub(crate) ip: Ip,
    pub(crate) gpc: Gpc,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Ip {
    #[default]
    Truncate,
    Drop,
    Keep,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Gpc {
    Ignore,
    #[default]
    Count,
    Drop,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Stream {
    pub(crate) retention: Span,
    pub(crate) durability: Durability,
    pub(crate) disk_watermark: Size,
}

impl Default for Stream {
    fn default() -> Self {
        Self {
            retention: Span::from_secs(24 * 3600),
            durability: Durability::Always,
            disk_watermark: Size(1 << 30),
        }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Archive {
    pub(crate) enabled: bool,
    pub(crate) url: String,
    pub(crate) batch_size: usize,
    pub(crate) batch_window: Span,
    pub(crate) batch_bytes: Size,
    /// Accepted, without effect until compaction is built.
    pub(crate) compact: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max_retries: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max_record_age: Option<Span>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) bisect_on_error: Option<bool>,
}

impl Default for Archive {
    fn default() -> Self {
        Self {
            enabled: true,
            url: String::new(),
            batch_size: 10_000,
            batch_window: Span::from_secs(60),
            batch_bytes: Size(64 << 20),
            compact: true,
            max_retries: None,
            max_record_age: None,
            bisect_on_error: None,
        }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Live {
    pub(crate) enabled: bool,
    pub(crate) ttl: Span,
    pub(crate) batch_size: usize,
    pub(crate) batch_window: Span,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max_retries: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max_record_age: Option<Span>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) bisect_on_error: Option<bool>,
}

impl Default for Live {
    fn default() -> Self {
        Self {
            enabled: true,
            ttl: Span::from_secs(7 * 24 * 3600),
            batch_size: 1000,
            batch_window: Span::from_secs(1),
            max_retries: None,
            max_record_age: None,
            bisect_on_error: None,
        }
    }
}

/// The log into Kinesis; only in a build with the feature `aws`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Relay {
    /// The stream's name; empty: no relay.
    pub(crate) kinesis: String,
    pub(crate) batch_size: usize,
    pub(crate) batch_window: Span,
    pub(crate) batch_bytes: Size,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max_retries: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max_record_age: Option<Span>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) bisect_on_error: Option<bool>,
}

impl Default for Relay {
    fn default() -> Self {
        Self {
            kinesis: String::new(),
            batch_size: 5000,
            batch_window: Span::from_secs(1),
            batch_bytes: Size(4 << 20),
            max_retries: None,
            max_record_age: None,
            bisect_on_error: None,
        }
    }
}

/// What all pipelines do about errors; a pipeline's own section may override each key.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Consumer {
    /// -1: for ever.
    pub(crate) max_retries: i64,
    /// Zero: no limit.
    pub(crate) max_record_age: Span,
    pub(crate) bisect_on_error: bool,
}

impl Default for Consumer {
    fn default() -> Self {
        Self { max_retries: -1, max_record_age: Span::from_secs(0), bisect_on_error: true }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Dashboard {
    pub(crate) enabled: bool,
    /// Empty: the gateway's listener.
    pub(crate) listen: String,
}

impl Default for Dashboard {
    fn default() -> Self {
        Self { enabled: true, listen: String::new() }
    }
}
