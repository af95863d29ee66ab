//! The checks a type cannot carry, and the conversion into what each part takes.

use std::net::SocketAddr;
use std::time::Duration;

use onepixel_archive::Archive;
use onepixel_dashboard::pages;

use super::print::HIDDEN;
use super::{ConfigError, Settings, Span};

const DAY: Duration = Duration::from_secs(24 * 3600);
/// The longest pause between two batches that still makes sense before an hourly partition closes.
const BATCH_WINDOW_MAX: Duration = Duration::from_secs(3600);
const BATCH_SIZE_MAX: usize = 1_000_000;

impl Settings {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        self.validate_paths()?;
        let between = |key, span: Span, low: Duration, high: Duration| {
            check(key, span, span.0 >= low && span.0 <= high, || {
                format!("give a time from \"{}\" to \"{}\"", Span(low), Span(high))
            })
        };
        between("stream.retention", self.stream.retention, DAY, DAY * 365)?;
        if let super::Durability::Interval(span) = self.stream.durability {
            between("stream.durability", span, Duration::from_millis(1), Duration::from_secs(10))?;
        }
        between(
            "archive.batch_window",
            self.archive.batch_window,
            Duration::from_millis(1),
            BATCH_WINDOW_MAX,
        )?;
        between("live.batch_window", self.live.batch_window, Duration::from_millis(1), BATCH_WINDOW_MAX)?;
        between("live.ttl", self.live.ttl, Duration::from_secs(60), DAY * 3650)?;
        between("relay.batch_window", self.relay.batch_window, Duration::from_millis(1), BATCH_WINDOW_MAX)?;
        for (key, size) in [
            ("archive.batch_size", self.archive.batch_size),
            ("live.batch_size", self.live.batch_size),
            ("relay.batch_size", self.relay.batch_size),
        ] {
            check(key, size, (1..=BATCH_SIZE_MAX).contains(&size), || {
                format!("give 1 to {BATCH_SIZE_MAX} records")
            })?;
        }
        for (key, bytes) in
            [("archive.batch_bytes", self.archive.batch_bytes), ("relay.batch_bytes", self.relay.batch_bytes)]
        {
            check(key, bytes, (1024..=1 << 30).contains(&bytes.0), || "give 1 KiB to 1 GiB".into())?;
        }
        self.relay_stream()?;
        for (key, retries) in [
            ("consumer.max_retries", Some(self.consumer.max_retries)),
            ("archive.max_retries", self.archive.max_retries),
            ("live.max_retries", self.live.max_retries),
            ("relay.max_retries", self.relay.max_retries),
        ] {
            let retries = retries.unwrap_or(-1);
            check(key, retries, retries >= -1, || "give -1 (for ever), 0 or more".into())?;
        }
        let all_told = !self.gateway.write_keys.iter().any(|key| key == HIDDEN);
        check("gateway.write_keys", HIDDEN, all_told, || {
            "this is what `config print` shows in place of a key; write the key itself".into()
        })?;
        let own = self.dashboard_listen()?;
        let is_other = own.is_none_or(|own| own.port() == 0 || own != self.gateway.listen);
        check("dashboard.listen", format!("{:?}", self.dashboard.listen), is_other, || {
            "this is gateway.listen; give another address, or leave it empty to have both on one".into()
        })?;
        let (cert, key) = (&self.gateway.tls_cert, &self.gateway.tls_key);
        check("gateway.tls_cert", format!("{cert:?}"), cert.is_empty() == key.is_empty(), || {
            "gateway.tls_cert and gateway.tls_key go together: name both files, or neither".into()
        })?;
        Archive::check_url(&self.archive.url)
            .map_err(|error| ConfigError::Value(format!("archive.url: {error}")))?;
        self.gateway().check().map_err(|error| ConfigError::Value(error.to_string()))
    }

    fn relay_stream(&self) -> Result<(), ConfigError> {
        let name = &self.relay.kinesis;
        let shown = || format!("{name:?}");
        // What Kinesis allows in a name.
        let is_name = name.len() <= 128
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
        check("relay.kinesis", shown(), is_name, || {
            "give the name of a Kinesis stream: up to 128 letters, digits, `_`, `.` and `-`; no ARN".into()
        })?;
        check("relay.kinesis", shown(), name.is_empty() || cfg!(feature = "aws"), || {
            "this onepixel was built without AWS; build it with `cargo build --release --features aws`, or leave \
             relay.kinesis empty"
                .into()
        })
    }

    /// The gateway's settings, as the gateway takes them.
    pub(crate) fn gateway(&self) -> onepixel_gateway::Settings {
        let from = &self.gateway;
        onepixel_gateway::Settings {
            pixel_path: from.pixel_path.clone(),
            events_path: from.events_path.clone(),
            rate: from.rate,
            burst: from.burst,
            client_rate: from.client_rate,
            client_burst: from.client_burst,
            trusted_proxies: from.trusted_proxies.clone(),
            cors_origins: from.cors_origins.clone(),
            write_keys: from.write_keys.clone(),
            body_limit: usize::try_from(from.body_limit.0).unwrap_or(usize::MAX),
            tls: None,
            limits: onepixel_gateway::Limits::default(),
        }
    }

    /// The dashboard's own listener, if it has one.
    pub(crate) fn dashboard_listen(&self) -> Result<Option<SocketAddr>, ConfigError> {
        let text = &self.dashboard.listen;
        if text.is_empty() {
            return Ok(None);
        }
        text.parse().map(Some).map_err(|_| ConfigError::Invalid {
            key: "dashboard.listen",
            value: format!("{text:?}"),
            problem: "give an address such as \"127.0.0.1:8081\", or leave it empty".into(),
        })
    }

    fn validate_paths(&self) -> Result<(), ConfigError> {
        let gateway = &self.gateway;
        let paths = [
            ("gateway.pixel_path", &gateway.pixel_path),
            ("gateway.events_path", &gateway.events_path),
            ("gateway.script_path", &gateway.script_path),
        ];
        for (i, (key, path)) in paths.iter().enumerate() {
            let plain = path.len() > 1
                && path.starts_with('/')
                && path.bytes().all(|b| b.is_ascii_graphic() && !b"?#%\"<>\\".contains(&b));
            check(key, path, plain, || "give a path that starts with / and needs no escapes".into())?;
            // Every client resolves `/a/../b` before it asks, so such a path would never be asked for.
            let direct = !path.split('/').any(|part| part == "." || part == "..");
            check(key, path, direct, || "give a path without . and .. in it".into())?;
            let ours = ["/healthz", "/readyz", "/metrics"].contains(&path.as_str())
                || ["/api/", "/assets/"].iter().any(|start| path.starts_with(start))
                || pages::takes(path);
            check(key, path, !ours, || "this path is taken by the server itself".into())?;
            let twice = paths[..i].iter().any(|(_, earlier)| earlier == path);
            check(key, path, !twice, || "another public path has the same value".into())?;
        }
        Ok(())
    }
}

fn check(
    key: &'static str,
    value: impl std::fmt::Display,
    holds: bool,
    problem: impl FnOnce() -> String,
) -> Result<(), ConfigError> {
    if holds {
        Ok(())
    } else {
        Err(ConfigError::Invalid { key, value: value.to_string(), problem: problem() })
    }
}
