//! What the ingest function is told by its environment.

use ipnet::IpNet;
use onepixel_gateway::ingest::IngestSettings;

use crate::consumer::settings::{InvalidSettings, ingest_settings, word};

/// The settings of the function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// `ONEPIXEL_STREAM`
    pub stream: String,
    /// `ONEPIXEL_TABLE`
    pub table: String,
    /// `ONEPIXEL_BUCKET`: `s3://bucket/prefix`, or any address of an archive.
    pub bucket: String,
    /// `ONEPIXEL_ACK`
    pub ack: Ack,
    /// `ONEPIXEL_PRIVACY_IP` and `ONEPIXEL_PRIVACY_GPC`
    pub ingest: IngestSettings,
    /// `ONEPIXEL_PIXEL_PATH`
    pub pixel_path: String,
    /// `ONEPIXEL_SCRIPT_PATH`: of the tracker. Other paths than these two are not answered.
    pub script_path: String,
    /// `ONEPIXEL_TRUSTED_PROXIES`: networks of proxies in front of API Gateway whose `X-Forwarded-For` is believed,
    /// separated by commas. Without any, the client is who API Gateway saw.
    pub trusted_proxies: Vec<IpNet>,
    /// `AWS_LAMBDA_FUNCTION_NAME`
    pub function: String,
    /// `AWS_LAMBDA_MAX_CONCURRENCY`: invocations that one environment serves at once.
    pub concurrency: u32,
}

/// When a hit is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ack {
    /// When its record is in Kinesis.
    #[default]
    Before,
    /// At once; its record is in Kinesis before the environment is frozen.
    After,
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
        let ack = word(get("ONEPIXEL_ACK"), "ONEPIXEL_ACK", "before or after", |word| match word {
            "before" => Some(Ack::Before),
            "after" => Some(Ack::After),
            _ => None,
        })?;
        let path = |path: &str| path.starts_with('/').then(|| path.to_owned());
        let pixel_path =
            word(get("ONEPIXEL_PIXEL_PATH"), "ONEPIXEL_PIXEL_PATH", "a path such as /p.gif", path)?;
        let script_path =
            word(get("ONEPIXEL_SCRIPT_PATH"), "ONEPIXEL_SCRIPT_PATH", "a path such as /p.js", path)?;
        let networks = "networks such as 192.0.2.0/24, separated by commas";
        let proxies =
            word(get("ONEPIXEL_TRUSTED_PROXIES"), "ONEPIXEL_TRUSTED_PROXIES", networks, |networks| {
                networks.split(',').map(|network| network.trim().parse().ok()).collect()
            })?;
        let concurrency =
            word(get("AWS_LAMBDA_MAX_CONCURRENCY"), "AWS_LAMBDA_MAX_CONCURRENCY", "a number", |number| {
                number.parse().ok()
            })?;
        Ok(Self {
            stream: required("ONEPIXEL_STREAM", "the name of the Kinesis stream")?,
            table: required("ONEPIXEL_TABLE", "the name of the DynamoDB table")?,
            bucket: required("ONEPIXEL_BUCKET", "s3://bucket or s3://bucket/prefix")?,
            ack: ack.unwrap_or_default(),
            ingest: ingest_settings(get)?,
            pixel_path: pixel_path.unwrap_or_else(|| "/p.gif".to_owned()),
            script_path: script_path.unwrap_or_else(|| "/p.js".to_owned()),
            trusted_proxies: proxies.unwrap_or_default(),
            function: get("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_else(|| "onepixel-ingest".to_owned()),
            concurrency: concurrency.unwrap_or(1),
        })
    }
}

#[cfg(test)]
mod tests {
    use onepixel_gateway::ingest::{GpcPolicy, IpPolicy};

    use super::*;

    fn read(more: &[(&str, &str)]) -> Result<Settings, String> {
        let least = [("ONEPIXEL_STREAM", "s"), ("ONEPIXEL_TABLE", "t"), ("ONEPIXEL_BUCKET", "s3://b")];
        let set = |name: &str| {
            let mut all = more.iter().chain(&least);
            all.find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        };
        Settings::read(set).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_not_said_has_its_default() {
        let settings = read(&[]).unwrap();
        assert_eq!((settings.ack, settings.pixel_path.as_str()), (Ack::Before, "/p.gif"));
        assert_eq!(
            (settings.trusted_proxies.len(), settings.concurrency, settings.ingest),
            (0, 1, IngestSettings::default())
        );
    }

    #[test]
    fn what_is_said_is_taken() {
        let settings = read(&[
            ("ONEPIXEL_ACK", "after"),
            ("ONEPIXEL_PRIVACY_IP", "drop"),
            ("ONEPIXEL_PRIVACY_GPC", "drop"),
            ("ONEPIXEL_PIXEL_PATH", "/badge/x.gif"),
            ("ONEPIXEL_SCRIPT_PATH", "/x.js"),
            ("ONEPIXEL_TRUSTED_PROXIES", "10.0.0.0/8, 2001:db8::/32"),
            ("AWS_LAMBDA_MAX_CONCURRENCY", "16"),
        ]);
        let settings = settings.unwrap();
        assert_eq!((settings.ack, settings.pixel_path.as_str()), (Ack::After, "/badge/x.gif"));
        assert_eq!(settings.script_path, "/x.js");
        assert_eq!((settings.ingest.ip, settings.ingest.gpc), (IpPolicy::Drop, GpcPolicy::Drop));
        assert_eq!((settings.trusted_proxies.len(), settings.concurrency), (2, 16));
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        fn check(name: &str, value: &str, expected: &str) {
            let error = read(&[(name, value)]).unwrap_err();
            assert!(error.starts_with(name) && error.contains(expected), "{error}");
        }
        check("ONEPIXEL_ACK", "never", "before or after");
        check("ONEPIXEL_PRIVACY_IP", "all", "truncate, drop or keep");
        check("ONEPIXEL_TRUSTED_PROXIES", "10.0.0.0/8,nobody", "networks");
        check("ONEPIXEL_PIXEL_PATH", "p.gif", "a path");
        check("ONEPIXEL_STREAM", "", "the name of the Kinesis stream");
    }
}
