//! Shows settings as a file that could be loaded again, each value with its origin.

use std::fmt::Write as _;

use figment::value::{Dict, Value};
use figment::{Profile, Provider as _, Source};

use super::Loaded;

/// What is shown in place of a key; no key itself, so that a printed file cannot open the door to everybody.
pub(super) const HIDDEN: &str = "(hidden)";

impl Loaded {
    /// TOML with a comment on each line that says which layer the value came from. Keys are never shown.
    pub(crate) fn to_toml(&self) -> String {
        let mut text = String::new();
        let data = self.figment.data().unwrap_or_default();
        for (section, keys) in data.get(&Profile::Default).cloned().unwrap_or_default() {
            if let Value::Dict(_, keys) = keys {
                self.section(&mut text, &section, &keys);
            }
        }
        text
    }

    fn section(&self, text: &mut String, section: &str, keys: &Dict) {
        let gap = if text.is_empty() { "" } else { "\n" };
        let mut lines = format!("{gap}[{section}]\n");
        for (key, value) in keys {
            let path = format!("{section}.{key}");
            let shown = if key == "write_keys" { self.hidden() } else { toml(value) };
            // Writing to a String cannot fail.
            if writeln!(lines, "{:<40} # {}", format!("{key} = {shown}"), self.origin(&path)).is_err() {
                return;
            }
        }
        text.push_str(&lines);
    }

    /// As many as there are, however they were written.
    fn hidden(&self) -> String {
        format!("[{}]", vec![format!("{HIDDEN:?}"); self.settings.gateway.write_keys.len()].join(", "))
    }

    fn origin(&self, path: &str) -> String {
        let Some(metadata) = self.figment.find_metadata(path) else { return "default".into() };
        match &metadata.source {
            Some(Source::File(file)) => format!("file {}", file.display()),
            _ if metadata.name.contains("environment") => {
                format!("env ONEPIXEL_{}", path.replace('.', "__").to_uppercase())
            }
            _ if metadata.name == "flag" => "flag".into(),
            _ => "default".into(),
        }
    }
}

fn toml(value: &Value) -> String {
    match value {
        Value::Array(_, items) => format!("[{}]", items.iter().map(toml).collect::<Vec<_>>().join(", ")),
        Value::Bool(_, flag) => flag.to_string(),
        Value::Num(_, number) => number
            .to_i128()
            .map(|n| n.to_string())
            .or_else(|| number.to_u128().map(|n| n.to_string()))
            .or_else(|| number.to_f64().map(|n| n.to_string()))
            .unwrap_or_default(),
        other => serde_json::to_string(other.as_str().unwrap_or_default()).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Layers;

    fn check(write_keys: &str, expected: &str) {
        let flags = vec![("gateway.write_keys".to_owned(), write_keys.to_owned())];
        let text = Layers { file: None, flags }.load().unwrap().to_toml();
        let line = text.lines().find(|line| line.starts_with("write_keys")).unwrap();
        assert_eq!(
            line.split(" #").next().unwrap().trim_end(),
            format!("write_keys = {expected}"),
            "{write_keys}"
        );
    }

    #[test]
    fn keys_are_counted_and_never_shown() {
        check("", "[]");
        check("[]", "[]");
        check("a", r#"["(hidden)"]"#);
        check("a, b", r#"["(hidden)", "(hidden)"]"#);
        check(r#"["a", "007"]"#, r#"["(hidden)", "(hidden)"]"#);
    }
}
