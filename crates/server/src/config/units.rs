//! Values with units, as people write them: `24h`, `1 MiB`, `interval 50ms`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use ipnet::IpNet;
use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A length of time, written like `24h`, `1m 30s` or `50ms`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Span(pub(crate) Duration);

impl Span {
    pub(crate) const fn from_secs(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        humantime::parse_duration(text).map(Self).map_err(|error| {
            format!("`{text}` is not a length of time such as \"24h\" or \"500ms\": {error}")
        })
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Hours rather than "1day": that is how the settings are documented.
        let seconds = self.0.as_secs();
        match (seconds, self.0.subsec_nanos()) {
            (0, 0) => f.write_str("0s"),
            (s, 0) if s % 86_400 == 0 && s > 86_400 => write!(f, "{}d", s / 86_400),
            (s, 0) if s % 3600 == 0 => write!(f, "{}h", s / 3600),
            _ => humantime::format_duration(self.0).fmt(f),
        }
    }
}

/// A number of bytes, written like `1 MiB` or `1048576`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Size(pub(crate) u64);

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.parse::<bytesize::ByteSize>()
            .map(|size| Self(size.as_u64()))
            .map_err(|error| format!("`{text}` is not a size such as \"1 MiB\": {error}"))
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (unit, shift) in [("GiB", 30), ("MiB", 20), ("KiB", 10)] {
            if self.0 != 0 && self.0.trailing_zeros() >= shift {
                return write!(f, "{} {unit}", self.0 >> shift);
            }
        }
        write!(f, "{} B", self.0)
    }
}

/// When an event is acknowledged: after its sync, or with a loss window of the given length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    Always,
    Interval(Span),
}

impl FromStr for Durability {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(' ') {
            None if text == "always" => Ok(Self::Always),
            Some(("interval", span)) => Ok(Self::Interval(span.trim().parse()?)),
            _ => Err(format!(
                "`{text}` is neither \"always\" nor \"interval\" with a time, such as \"interval 50ms\""
            )),
        }
    }
}

impl fmt::Display for Durability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Always => f.write_str("always"),
            Self::Interval(span) => write!(f, "interval {span}"),
        }
    }
}

/// Serialized as shown, read from a text or a bare number.
macro_rules! as_text {
    ($($name:ident),+) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(Word)?.parse().map_err(D::Error::custom)
            }
        }
    )+};
}
as_text!(Span, Size, Durability);

/// One word or number, as a text.
struct Word;

impl Visitor<'_> for Word {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or a number")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<String, E> {
        Ok(text.to_owned())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<String, E> {
        Ok(number.to_string())
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<String, E> {
        Ok(number.to_string())
    }
}

struct Words;

impl<'de> Visitor<'de> for Words {
    type Value = Vec<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A key such as `007` would arrive as the number 7, so no number is taken for a word.
        f.write_str("a list of texts, or one text with commas; quote what is a number: [\"007\"]")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Vec<String>, E> {
        Ok(text.split(',').map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<String>, A::Error> {
        let mut words = Vec::new();
        while let Some(word) = list.next_element()? {
            words.push(word);
        }
        Ok(words)
    }
}

/// A list of words; from the environment also as one text with commas.
pub(crate) fn words<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    deserializer.deserialize_any(Words)
}

/// A list of networks (CIDR) or single addresses.
pub(crate) fn networks<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<IpNet>, D::Error> {
    words(deserializer)?
        .iter()
        .map(|word| {
            word.parse::<IpNet>()
                .or_else(|_| word.parse::<std::net::IpAddr>().map(IpNet::from))
                .map_err(|_| D::Error::custom(format!("`{word}` is not a network such as \"10.0.0.0/8\"")))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T: FromStr<Err = String> + fmt::Display>(input: &str, expected: Option<&str>) {
        assert_eq!(input.parse::<T>().ok().map(|value| value.to_string()).as_deref(), expected, "{input}");
    }

    #[test]
    fn units_read_and_write_what_people_write() {
        check::<Span>("24h", Some("24h"));
        check::<Span>("365d", Some("365d"));
        check::<Span>("50ms", Some("50ms"));
        check::<Span>("90s", Some("1m 30s"));
        check::<Span>("0s", Some("0s"));
        check::<Span>("soon", None);
        check::<Span>("-1s", None);
        check::<Size>("1 MiB", Some("1 MiB"));
        check::<Size>("1048576", Some("1 MiB"));
        check::<Size>("1500", Some("1500 B"));
        check::<Size>("much", None);
        check::<Durability>("always", Some("always"));
        check::<Durability>("interval 50ms", Some("interval 50ms"));
        check::<Durability>("interval", None);
        check::<Durability>("never", None);
    }
}
