//! The axes a question can go along, and sets of classes.

use onepixel_event::Class;
use serde::{Deserialize, Serialize};

/// Declares the dimensions with their spelling in the API.
macro_rules! dimensions {
    ($($(#[$doc:meta])* $variant:ident = $word:literal),+ $(,)?) => {
        /// What `top` can rank by and filters can name.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Dimension { $($(#[$doc])* #[serde(rename = $word)] $variant),+ }

        impl Dimension {
            /// Every dimension.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The spelling in the API.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }
    };
}

dimensions! {
    /// Path of the page.
    Page = "page",
    /// Host of the page.
    Host = "host",
    /// First page a visitor viewed in the range; only to rank by.
    Entry = "entry",
    /// Last page a visitor viewed in the range; only to rank by.
    Exit = "exit",
    /// Host of the referrer.
    Referrer = "referrer",
    /// Kind of place the visit came from.
    Group = "group",
    /// `utm_source`.
    Source = "source",
    /// `utm_medium`.
    Medium = "medium",
    /// `utm_campaign`.
    Campaign = "campaign",
    /// `utm_term`.
    Term = "term",
    /// `utm_content`.
    Content = "content",
    /// Browser family.
    Browser = "browser",
    /// Operating system family.
    Os = "os",
    /// Kind of device.
    Device = "device",
    /// Country, ISO 3166 alpha-2.
    Country = "country",
    /// First language the browser asked for.
    Language = "language",
    /// Name of the event.
    Event = "event",
    /// The site the hit belongs to.
    Site = "site",
    /// Who is behind the hit.
    Class = "class",
    /// Title of the page.
    Title = "title",
}

impl Dimension {
    /// True when events can be filtered by it: it is about one event, not about all of a visitor's.
    pub fn is_filter(self) -> bool {
        !matches!(self, Self::Entry | Self::Exit)
    }
}

/// A set of classes; all of them by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClassSet(u64);

impl ClassSet {
    /// Every class, those of later versions included.
    pub const ALL: Self = Self(u64::MAX);

    /// True when `class` is in the set.
    pub fn contains(self, class: Class) -> bool {
        self.0 & bit(class) != 0
    }

    /// The classes that are in both sets.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl Default for ClassSet {
    fn default() -> Self {
        Self::ALL
    }
}

impl FromIterator<Class> for ClassSet {
    fn from_iter<I: IntoIterator<Item = Class>>(classes: I) -> Self {
        Self(classes.into_iter().fold(0, |mask, class| mask | bit(class)))
    }
}

fn bit(class: Class) -> u64 {
    match class {
        Class::Human => 1,
        Class::Bot => 1 << 1,
        Class::Prefetch => 1 << 2,
        Class::MailProxy => 1 << 3,
        Class::ImageProxy => 1 << 4,
        Class::Server => 1 << 5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_what_was_put_in() {
        let set: ClassSet = [Class::Human, Class::Server].into_iter().collect();
        let held: Vec<Class> = Class::ALL.iter().copied().filter(|c| set.contains(*c)).collect();
        assert_eq!(held, [Class::Human, Class::Server]);
        assert!(Class::ALL.iter().all(|c| ClassSet::default().contains(*c)));
        assert!(!Class::ALL.iter().any(|c| ClassSet::from_iter([]).contains(*c)));
        assert_eq!(
            set.and([Class::Server, Class::Bot].into_iter().collect()),
            ClassSet::from_iter([Class::Server])
        );
    }

    #[test]
    fn a_dimension_is_written_as_it_is_called() {
        for dimension in Dimension::ALL {
            assert_eq!(serde_json::to_value(dimension).unwrap(), dimension.as_str());
        }
    }
}
