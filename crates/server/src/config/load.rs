//! Reads the layers and names the origin of every value.

use std::path::{Path, PathBuf};

use figment::providers::{Env, Format, Serialized, Toml};
use figment::value::Value;
use figment::{Figment, Metadata, Profile, Provider, Source};

use super::Settings;

/// Environment variables that are no settings: they belong to the command line's own flags.
const FLAG_VARIABLES: [&str; 4] = ["config", "data_dir", "log_format", "log"];

/// What Kubernetes sets in every pod next to a service named `onepixel`, such as `ONEPIXEL_PORT_8080_TCP_ADDR`.
const SERVICE_VARIABLES: [&str; 2] = ["port", "service_"];

/// Where settings come from.
#[derive(Debug, Clone, Default)]
pub(crate) struct Layers {
    /// The file, if one was named.
    pub(crate) file: Option<PathBuf>,
    /// Flags as `section.key` and value, in order.
    pub(crate) flags: Vec<(String, String)>,
}

/// Settings with their layers, so that each value's origin can be told.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) settings: Settings,
    pub(super) figment: Figment,
}

/// Why there are no usable settings. Shown to the user as it is; exit code 2.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    #[error("cannot read the configuration file {}: {source}. Check the path given with --config", path.display())]
    File { path: PathBuf, source: std::io::Error },
    #[error("{0}")]
    Value(String),
    #[error("{key} = {value}: {problem}")]
    Invalid { key: &'static str, value: String, problem: String },
}

impl Layers {
    /// Reads, merges and validates all layers.
    pub(crate) fn load(&self) -> Result<Loaded, ConfigError> {
        let mut figment = Figment::from(Serialized::defaults(Settings::default()));
        if let Some(path) = &self.file {
            figment = figment.merge(toml(path)?);
        }
        figment =
            figment.merge(Env::prefixed("ONEPIXEL_").filter(|key| is_setting(key.as_str())).split("__"));
        for (key, value) in &self.flags {
            figment = figment.merge(Flag { key, value });
        }
        let settings: Settings = figment.extract().map_err(|error| ConfigError::Value(explain(error)))?;
        settings.validate()?;
        Ok(Loaded { settings, figment })
    }
}

/// Whether an environment variable, without its prefix, is meant as a setting.
fn is_setting(variable: &str) -> bool {
    let variable = variable.to_ascii_lowercase();
    !FLAG_VARIABLES.contains(&variable.as_str())
        && !SERVICE_VARIABLES.iter().any(|start| variable.starts_with(start))
}

#[expect(clippy::disallowed_methods, reason = "this module owns the configuration file")]
fn toml(path: &Path) -> Result<impl Provider + use<>, ConfigError> {
    // Read here, so that a missing or unreadable file is told apart from a wrong one.
    std::fs::read(path).map_err(|source| ConfigError::File { path: path.to_owned(), source })?;
    Ok(Toml::file_exact(path))
}

/// One line a problem: which key, what is wrong, and which layer it came from.
fn explain(error: figment::Error) -> String {
    let lines: Vec<String> = error.into_iter().map(|one| explain_one(&one)).collect();
    format!("{}\nWith it corrected, `onepixel config print` shows every key and its value", lines.join("\n"))
}

fn explain_one(error: &figment::Error) -> String {
    let mut path: Vec<String> = error.path.iter().map(|part| part.to_lowercase()).collect();
    if path.first().is_some_and(|profile| profile == "default") {
        path.remove(0);
    }
    let origin = match &error.metadata {
        Some(metadata) => match &metadata.source {
            Some(Source::File(file)) => format!("file {}", file.display()),
            _ if metadata.name == "flag" => "flag".into(),
            _ => format!("environment, ONEPIXEL_{}", path.join("__").to_uppercase()),
        },
        None => "settings".into(),
    };
    // What is wrong with a whole layer, such as broken TOML, has no key.
    let place = if path.is_empty() { origin } else { format!("{} ({origin})", path.join(".")) };
    format!("{place}: {}", error.kind)
}

/// One `section.key=value` from the command line.
struct Flag<'a> {
    key: &'a str,
    value: &'a str,
}

impl Provider for Flag<'_> {
    fn metadata(&self) -> Metadata {
        Metadata::named("flag")
    }

    fn data(&self) -> Result<figment::value::Map<Profile, figment::value::Dict>, figment::Error> {
        // As in the environment: `0` is a number, `["a"]` a list, anything else a text.
        let value: Value = match self.value.parse() {
            Ok(value) => value,
            Err(never) => match never {},
        };
        Serialized::default(self.key, value).data()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(flags: &[(&str, &str)]) -> Result<Settings, String> {
        let flags = flags.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
        Layers { file: None, flags }.load().map(|loaded| loaded.settings).map_err(|error| error.to_string())
    }

    #[test]
    fn the_reference_values_are_legal() {
        let settings = flags(&[
            ("archive.batch_size", "100"),
            ("archive.batch_window", "5s"),
            ("stream.retention", "365d"),
        ])
        .unwrap();
        assert_eq!(settings.archive.batch_size, 100);
        assert_eq!(settings.archive.batch_window.0.as_secs(), 5);
    }

    #[test]
    fn an_error_names_the_key() {
        for (key, value) in [
            ("gateway.rat", "1"),
            ("gatway.rate", "1"),
            ("gateway.rate", "many"),
            ("gateway.rate", "-1"),
            ("stream.retention", "1h"),
            ("stream.durability", "never"),
            ("archive.batch_size", "0"),
            ("privacy.ip", "hide"),
            ("gateway.pixel_path", "p.gif"),
            ("gateway.pixel_path", "/e"),
            ("gateway.pixel_path", "/assets/app.js"),
            ("gateway.script_path", "/setup"),
            ("gateway.events_path", "/a/../e"),
            ("gateway.trusted_proxies", "everyone"),
            ("gateway.write_keys", "007"),
            ("gateway.write_keys", "[007]"),
            ("gateway.write_keys", "true"),
            ("gateway.write_keys", "(hidden)"),
            ("dashboard.listen", "here"),
            ("dashboard.listen", "127.0.0.1:8080"),
            ("archive.url", "ftp://host/folder"),
            ("relay.batch_size", "0"),
            ("relay.batch_bytes", "1"),
            ("relay.batch_window", "2h"),
            ("relay.max_retries", "-2"),
            ("relay.kinesis", "arn:aws:kinesis:us-east-1:000000000000:stream/events"),
        ] {
            let error = flags(&[(key, value)]).expect_err(key);
            let last = key.rsplit('.').next().unwrap();
            assert!(
                error.contains(last) || error.contains("gatway") || error.contains("events_path"),
                "{key}={value}: {error}"
            );
        }
    }

    #[test]
    fn a_relay_needs_a_build_that_has_one() {
        let relay = flags(&[("relay.kinesis", "events"), ("relay.batch_window", "5s")]);
        if cfg!(feature = "aws") {
            assert_eq!(relay.unwrap().relay.kinesis, "events");
        } else {
            let error = relay.unwrap_err();
            assert!(error.contains("relay.kinesis") && error.contains("--features aws"), "{error}");
        }
        assert!(flags(&[("relay.batch_window", "5s")]).is_ok(), "without a stream there is no relay");
    }

    #[test]
    fn variables_of_others_are_no_settings() {
        for (variable, expected) in [
            ("GATEWAY__RATE", true),
            ("GATEWAY_RATE", true),
            ("nonsense", true),
            ("DATA_DIR", false),
            ("Config", false),
            ("PORT", false),
            ("PORT_8080_TCP_ADDR", false),
            ("SERVICE_HOST", false),
        ] {
            assert_eq!(is_setting(variable), expected, "{variable}");
        }
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a test owns its files")]
    fn the_file_is_overridden_by_flags_and_a_missing_file_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("onepixel.toml");
        std::fs::write(&path, "[gateway]\nrate = 5\nburst = 6\nwrite_keys = [\"k\"]\n").unwrap();
        let layers = Layers { file: Some(path), flags: vec![("gateway.rate".into(), "7".into())] };
        let settings = layers.load().unwrap().settings;
        assert_eq!((settings.gateway.rate, settings.gateway.burst), (7, 6));
        let missing = Layers { file: Some("/does/not/exist.toml".into()), flags: vec![] };
        assert!(missing.load().unwrap_err().to_string().contains("/does/not/exist.toml"));
    }
}
