//! What a consumer function is told by its environment.

use std::time::Duration;

use onepixel_gateway::ingest::{GpcPolicy, IngestSettings, IpPolicy};

/// How long the live view keeps what it counts, unless told otherwise.
const TTL_DEFAULT: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// The settings of all consumers; each uses its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// `ONEPIXEL_BUCKET`: `s3://bucket/prefix`, or any address of an archive.
    pub bucket: String,
    /// `ONEPIXEL_TABLE`
    pub table: String,
    /// `ONEPIXEL_TTL`
    pub ttl: Duration,
    /// `ONEPIXEL_PRIVACY_IP` and `ONEPIXEL_PRIVACY_GPC`, for raw bodies.
    pub ingest: IngestSettings,
}

/// Which variable is wrong, and what it should be.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
#[error("{variable}: expected {expected}, got {found:?}")]
pub struct InvalidSettings {
    pub(crate) variable: &'static str,
    pub(crate) expected: &'static str,
    pub(crate) found: String,
}

impl Settings {
    /// Reads the variables; an empty one counts as absent.
    ///
    /// # Errors
    /// [`InvalidSettings`] for the first that is missing or makes no sense.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, InvalidSettings> {
        let get = |name| variable(name).filter(|value| !value.is_empty());
        let required = |variable, expected| {
            get(variable).ok_or(InvalidSettings { variable, expected, found: String::new() })
        };
        Ok(Self {
            bucket: required("ONEPIXEL_BUCKET", "s3://bucket or s3://bucket/prefix")?,
            table: required("ONEPIXEL_TABLE", "the name of the DynamoDB table")?,
            ttl: ttl(get("ONEPIXEL_TTL"))?,
            ingest: ingest_settings(get)?,
        })
    }
}

/// `ONEPIXEL_TTL`, the same for whoever writes and whoever reads the live view.
pub(crate) fn ttl(value: Option<String>) -> Result<Duration, InvalidSettings> {
    let ttl = word(value, "ONEPIXEL_TTL", "a time such as 7d, of at least an hour", |text| {
        humantime::parse_duration(text).ok().filter(|ttl| *ttl >= Duration::from_secs(3600))
    })?;
    Ok(ttl.unwrap_or(TTL_DEFAULT))
}

/// What may be kept of callers: the same for whoever runs ingest.
pub(crate) fn ingest_settings(
    get: impl Fn(&'static str) -> Option<String>,
) -> Result<IngestSettings, InvalidSettings> {
    let ip = word(get("ONEPIXEL_PRIVACY_IP"), "ONEPIXEL_PRIVACY_IP", "truncate, drop or keep", |word| {
        Some(match word {
            "truncate" => IpPolicy::Truncate,
            "drop" => IpPolicy::Drop,
            "keep" => IpPolicy::Keep,
            _ => return None,
        })
    })?;
    let gpc = word(get("ONEPIXEL_PRIVACY_GPC"), "ONEPIXEL_PRIVACY_GPC", "ignore, count or drop", |word| {
        Some(match word {
            "ignore" => GpcPolicy::Ignore,
            "count" => GpcPolicy::Count,
            "drop" => GpcPolicy::Drop,
            _ => return None,
        })
    })?;
    Ok(IngestSettings { ip: ip.unwrap_or_default(), gpc: gpc.unwrap_or_default() })
}

pub(crate) fn word<T>(
    value: Option<String>,
    variable: &'static str,
    expected: &'static str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<Option<T>, InvalidSettings> {
    let Some(found) = value else { return Ok(None) };
    match parse(&found) {
        Some(value) => Ok(Some(value)),
        None => Err(InvalidSettings { variable, expected, found }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: [(&str, &str); 2] = [("ONEPIXEL_BUCKET", "s3://b"), ("ONEPIXEL_TABLE", "t")];

    fn read(more: &[(&str, &str)]) -> Result<Settings, String> {
        let set = |name: &str| {
            let mut all = more.iter().chain(&LEAST);
            all.find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        };
        Settings::read(set).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_not_said_has_its_default() {
        let settings = read(&[("ONEPIXEL_TTL", "")]).unwrap();
        assert_eq!((settings.ttl, settings.ingest), (TTL_DEFAULT, IngestSettings::default()));
        let settings = read(&[("ONEPIXEL_TTL", "2h"), ("ONEPIXEL_PRIVACY_GPC", "drop")]).unwrap();
        assert_eq!((settings.ttl.as_secs(), settings.ingest.gpc), (7200, GpcPolicy::Drop));
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        assert_eq!(
            read(&[("ONEPIXEL_TTL", "soon")]).unwrap_err(),
            "ONEPIXEL_TTL: expected a time such as 7d, of at least an hour, got \"soon\""
        );
        assert!(read(&[("ONEPIXEL_TABLE", "")]).unwrap_err().starts_with("ONEPIXEL_TABLE"));
        assert!(read(&[("ONEPIXEL_PRIVACY_IP", "all")]).unwrap_err().contains("truncate, drop or keep"));
    }
}
