//! The axes a question can go along, and the numbers columns and classes have in the file. A number never changes
//! its meaning.

use onepixel_event::Class;
use serde::{Deserialize, Serialize};

/// Declares the dimensions with their spelling in the API and, if they are one, the number of their text column.
macro_rules! dimensions {
    ($($(#[$doc:meta])* $variant:ident = $word:literal $(in $column:literal)?),+ $(,)?) => {
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

            /// The text column that holds the dimension's values.
            pub(crate) fn column(self) -> Option<usize> {
                match self { $(Self::$variant => None$(.or(Some($column)))?),+ }
            }
        }
    };
}

dimensions! {
    /// Path of the page.
    Page = "page" in 0,
    /// Host of the page.
    Host = "host" in 1,
    /// First page a visitor viewed in the range; only to rank by.
    Entry = "entry",
    /// Last page a visitor viewed in the range; only to rank by.
    Exit = "exit",
    /// Host of the referrer.
    Referrer = "referrer" in 2,
    /// Kind of place the visit came from.
    Group = "group" in 3,
    /// `utm_source`.
    Source = "source" in 4,
    /// `utm_medium`.
    Medium = "medium" in 5,
    /// `utm_campaign`.
    Campaign = "campaign" in 6,
    /// `utm_term`.
    Term = "term" in 7,
    /// `utm_content`.
    Content = "content" in 8,
    /// Browser family.
    Browser = "browser" in 9,
    /// Operating system family.
    Os = "os" in 10,
    /// Kind of device.
    Device = "device" in 11,
    /// Country, ISO 3166 alpha-2.
    Country = "country" in 12,
    /// First language the browser asked for.
    Language = "language" in 13,
    /// Name of the event.
    Event = "event" in 14,
    /// The site the hit belongs to.
    Site = "site",
    /// Who is behind the hit.
    Class = "class",
    /// Title of the page.
    Title = "title" in 15,
}

impl Dimension {
    /// True when events can be filtered by it: it is about one event, not about all of a visitor's.
    pub fn is_filter(self) -> bool {
        !matches!(self, Self::Entry | Self::Exit)
    }
}

/// The text column of an event's own properties, as JSON; empty without any.
pub(crate) const PROPS: usize = 16;
/// Text columns of a chunk.
pub(crate) const TEXTS: usize = 17;

/// What makes an event a page view.
pub(crate) const PAGE_VIEW: &str = "pageview";

pub(crate) fn class_code(class: Class) -> u8 {
    match class {
        Class::Human => 0,
        Class::Bot => 1,
        Class::Prefetch => 2,
        Class::MailProxy => 3,
        Class::ImageProxy => 4,
        Class::Server => 5,
    }
}

/// The class behind a number; a number of a later version counts as none that is known.
pub(crate) fn class_name(code: u8) -> &'static str {
    Class::ALL.iter().find(|class| class_code(**class) == code).map_or("unknown", |class| class.as_str())
}

/// The number of [`Class::Human`].
pub(crate) const HUMAN: u8 = 0;

/// A set of classes; all of them by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClassSet(u64);

impl ClassSet {
    /// Every class, those of later versions included.
    pub const ALL: Self = Self(u64::MAX);

    /// True when `class` is in the set.
    pub fn contains(self, class: Class) -> bool {
        self.contains_code(class_code(class))
    }

    pub(crate) fn contains_code(self, code: u8) -> bool {
        (self.0 >> code.min(63)) & 1 == 1
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
        let columns: Vec<usize> = Dimension::ALL.iter().filter_map(|d| d.column()).collect();
        let once: HashSet<usize> = columns.iter().copied().collect();
        assert_eq!(columns.len(), once.len());
        assert!(columns.iter().all(|column| *column < PROPS));
        assert_eq!(columns.len() + 1, TEXTS);
        let classes: HashSet<u8> = Class::ALL.iter().map(|c| class_code(*c)).collect();
        assert_eq!(classes.len(), Class::ALL.len());
        assert_eq!(class_code(Class::Human), HUMAN);
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
