//! Adding up counters.

use onepixel_event::Class;
use onepixel_view::{ClassCount, ClassSet, Sums};

use super::super::keys::Kind;
use super::read::{Item, numeral};

/// Events and page views of each class, in the order of [`Class::ALL`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Counts([[u64; 2]; Class::ALL.len()]);

impl Counts {
    /// Adds what an item counts; what it does not have is 0.
    pub(super) fn add(&mut self, item: &Item) {
        for (class, counts) in Class::ALL.iter().zip(&mut self.0) {
            for (kind, count) in Kind::ALL.into_iter().zip(counts) {
                *count += numeral::<u64>(item, kind.attribute(*class)).unwrap_or(0);
            }
        }
    }

    pub(super) fn add_all(&mut self, other: &Self) {
        let mine = self.0.iter_mut().flatten();
        mine.zip(other.0.iter().flatten()).for_each(|(mine, other)| *mine += other);
    }

    /// Without what others count; never below nothing, as they may be read later.
    pub(super) fn without(&self, other: &Self) -> Self {
        let mut left = self.clone();
        let mine = left.0.iter_mut().flatten();
        mine.zip(other.0.iter().flatten()).for_each(|(mine, other)| *mine = mine.saturating_sub(*other));
        left
    }

    /// What one class has of it.
    pub(super) fn only(&self, class: Class) -> Self {
        let mut one = Self::default();
        let counted = Class::ALL.iter().zip(&self.0).zip(&mut one.0);
        counted.filter(|((other, _), _)| **other == class).for_each(|((_, counts), to)| *to = *counts);
        one
    }

    /// Events and page views of some classes.
    pub(super) fn of(&self, classes: ClassSet) -> (u64, u64) {
        let counted = Class::ALL.iter().zip(&self.0).filter(|(class, _)| classes.contains(**class));
        counted.fold((0, 0), |(events, views), (_, counts)| (events + counts[0], views + counts[1]))
    }

    pub(super) fn sums(&self, classes: ClassSet) -> Sums {
        let (events, views) = self.of(classes);
        let (humans, _) = self.of(classes.and([Class::Human].into_iter().collect()));
        Sums { events, views, visitors: None, machine_events: events - humans }
    }

    /// The classes that occur.
    pub(super) fn classes(&self, classes: ClassSet) -> Vec<ClassCount> {
        let counted = Class::ALL.iter().zip(&self.0);
        let occur = counted.filter(|(class, counts)| counts[0] > 0 && classes.contains(**class));
        occur
            .map(|(class, counts)| ClassCount { class: class.as_str(), events: counts[0], views: counts[1] })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::table::number;
    use super::*;

    #[test]
    fn classes_are_added_up_and_told_apart() {
        let item = |human: u64, views: u64, bot: u64| {
            let counts = [("human", human), ("human_views", views), ("bot", bot), ("expires", 7)];
            counts.map(|(name, count)| (name.to_owned(), number(count))).into_iter().collect::<Item>()
        };
        let mut counts = Counts::default();
        counts.add(&item(3, 2, 1));
        counts.add(&item(1, 0, 0));
        let sums = Sums { events: 5, views: 2, visitors: None, machine_events: 1 };
        assert_eq!(counts.sums(ClassSet::ALL), sums);
        let bots = [Class::Bot].into_iter().collect();
        assert_eq!(counts.sums(bots), Sums { events: 1, views: 0, visitors: None, machine_events: 1 });
        let classes: Vec<_> =
            counts.classes(ClassSet::ALL).iter().map(|one| (one.class, one.events)).collect();
        assert_eq!(classes, [("human", 4), ("bot", 1)]);
        let mut others = Counts::default();
        others.add(&item(1, 3, 0));
        assert_eq!(counts.without(&others).of(ClassSet::ALL), (4, 0));
        others.add_all(&counts);
        assert_eq!(others.of(ClassSet::ALL), (6, 5));
    }
}
