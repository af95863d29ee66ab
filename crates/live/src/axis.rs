//! The numbers that dimensions and classes have in the file. A number never changes its meaning.

use onepixel_event::Class;
use onepixel_view::{ClassSet, Dimension};

/// The text column that holds the dimension's values, if it has one.
pub(crate) fn column(dimension: Dimension) -> Option<usize> {
    match dimension {
        Dimension::Page => Some(0),
        Dimension::Host => Some(1),
        Dimension::Referrer => Some(2),
        Dimension::Group => Some(3),
        Dimension::Source => Some(4),
        Dimension::Medium => Some(5),
        Dimension::Campaign => Some(6),
        Dimension::Term => Some(7),
        Dimension::Content => Some(8),
        Dimension::Browser => Some(9),
        Dimension::Os => Some(10),
        Dimension::Device => Some(11),
        Dimension::Country => Some(12),
        Dimension::Language => Some(13),
        Dimension::Event => Some(14),
        Dimension::Title => Some(15),
        Dimension::Entry | Dimension::Exit | Dimension::Site | Dimension::Class => None,
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
    class_of(code).map_or("unknown", Class::as_str)
}

/// True when the set has the class behind a number; only the whole set has one of a later version.
pub(crate) fn contains_code(classes: ClassSet, code: u8) -> bool {
    class_of(code).map_or(classes == ClassSet::ALL, |class| classes.contains(class))
}

fn class_of(code: u8) -> Option<Class> {
    Class::ALL.iter().copied().find(|class| class_code(*class) == code)
}

/// The number of [`Class::Human`].
pub(crate) const HUMAN: u8 = 0;

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_number_is_used_once() {
        let columns: Vec<usize> = Dimension::ALL.iter().filter_map(|d| column(*d)).collect();
        let once: HashSet<usize> = columns.iter().copied().collect();
        assert_eq!(columns.len(), once.len());
        assert!(columns.iter().all(|column| *column < PROPS));
        assert_eq!(columns.len() + 1, TEXTS);
        let classes: HashSet<u8> = Class::ALL.iter().map(|c| class_code(*c)).collect();
        assert_eq!(classes.len(), Class::ALL.len());
        assert_eq!(class_code(Class::Human), HUMAN);
    }

    #[test]
    fn a_class_of_a_later_version_is_in_the_whole_set_only() {
        let known: ClassSet = Class::ALL.iter().copied().collect();
        assert!(contains_code(ClassSet::ALL, 9) && !contains_code(known, 9));
        assert!(contains_code(known, HUMAN) && !contains_code(ClassSet::from_iter([]), HUMAN));
    }
}
