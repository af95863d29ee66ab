//! The axes rows are kept along, and the numbers they have in the file. A number never changes its meaning.

use onepixel_event::Class;
use serde::{Deserialize, Serialize};

/// How long one row of a rollup stands for. All are kept: a long range is read as days (of UTC), with hours and then
/// minutes at its edges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Span {
    Minute,
    Hour,
    Day,
}

pub(crate) const MINUTE_MS: i64 = 60_000;
pub(crate) const HOUR_MINUTES: i64 = 60;
pub(crate) const DAY_MINUTES: i64 = 24 * HOUR_MINUTES;
pub(crate) const DAY_MS: i64 = 86_400_000;

impl Span {
    pub(crate) const ALL: [Self; 3] = [Self::Minute, Self::Hour, Self::Day];

    pub(crate) fn code(self) -> i64 {
        match self {
            Self::Minute => 0,
            Self::Hour => 1,
            Self::Day => 2,
        }
    }

    pub(crate) fn minutes(self) -> i64 {
        match self {
            Self::Minute => 1,
            Self::Hour => HOUR_MINUTES,
            Self::Day => DAY_MINUTES,
        }
    }

    /// The next shorter span.
    pub(crate) fn finer(self) -> Option<Self> {
        match self {
            Self::Minute => None,
            Self::Hour => Some(Self::Minute),
            Self::Day => Some(Self::Hour),
        }
    }
}

/// The dimension number of the rows that count everything, split by site and class only.
pub(crate) const TOTAL: i64 = 0;

/// Declares the dimensions with their spelling in the API and their number in the file.
macro_rules! dimensions {
    ($($(#[$doc:meta])* $variant:ident = $code:literal $word:literal),+ $(,)?) => {
        /// What `top` can rank by.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum Dimension { $($(#[$doc])* #[serde(rename = $word)] $variant),+ }

        impl Dimension {
            /// Every dimension.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The spelling in the API.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            pub(crate) fn code(self) -> i64 {
                match self { $(Self::$variant => $code),+ }
            }
        }
    };
}

dimensions! {
    /// Host and path of the page, written together: `example.com/pricing`.
    Page = 1 "page",
    /// Host of the referrer.
    ReferrerHost = 2 "referrer_host",
    /// Kind of place the visit came from.
    ReferrerGroup = 3 "referrer_group",
    /// Browser family.
    Browser = 4 "browser",
    /// Operating system family.
    Os = 5 "os",
    /// Kind of device.
    Device = 6 "device",
    /// Country, ISO 3166 alpha-2.
    Country = 7 "country",
    /// First language the browser asked for.
    Language = 8 "language",
    /// Name of the event.
    Event = 9 "event",
    /// `utm_source`.
    Source = 10 "utm_source",
    /// `utm_medium`.
    Medium = 11 "utm_medium",
    /// `utm_campaign`.
    Campaign = 12 "utm_campaign",
    /// Who is behind the hit; read from the rows that count everything.
    Class = 0 "class",
}

pub(crate) fn class_code(class: Class) -> i64 {
    match class {
        Class::Human => 0,
        Class::Bot => 1,
        Class::Prefetch => 2,
        Class::MailProxy => 3,
        Class::ImageProxy => 4,
        Class::Server => 5,
    }
}

/// A set of classes; all of them by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClassSet(i64);

impl ClassSet {
    /// Every class, those of later versions included.
    pub const ALL: Self = Self(i64::MAX);

    /// True when `class` is in the set.
    pub fn contains(self, class: Class) -> bool {
        self.contains_code(class_code(class))
    }

    pub(crate) fn contains_code(self, code: i64) -> bool {
        (self.0 >> code.clamp(0, 63)) & 1 == 1
    }

    /// One bit for each class's number: what the statements filter by.
    pub(crate) fn mask(self) -> i64 {
        self.0
    }
}

impl Default for ClassSet {
    fn default() -> Self {
        Self::ALL
    }
}

impl FromIterator<Class> for ClassSet {
    fn from_iter<I: IntoIterator<Item = Class>>(classes: I) -> Self {
        Self(classes.into_iter().fold(0, |mask, class| mask | 1 << class_code(class)))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_number_is_used_once() {
        let dimensions: HashSet<i64> = Dimension::ALL.iter().map(|d| d.code()).collect();
        assert_eq!(dimensions.len(), Dimension::ALL.len());
        let classes: HashSet<i64> = Class::ALL.iter().map(|c| class_code(*c)).collect();
        assert_eq!(classes.len(), Class::ALL.len());
    }

    #[test]
    fn a_set_holds_what_was_put_in() {
        let set: ClassSet = [Class::Human, Class::Server].into_iter().collect();
        let held: Vec<Class> = Class::ALL.iter().copied().filter(|c| set.contains(*c)).collect();
        assert_eq!(held, [Class::Human, Class::Server]);
        assert!(Class::ALL.iter().all(|c| ClassSet::default().contains(*c)));
        assert!(!Class::ALL.iter().any(|c| ClassSet::from_iter([]).contains(*c)));
    }
}
