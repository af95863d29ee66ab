//! The last objects that a sink wrote, for whoever watches: a short list in memory, so that nobody has to list the
//! archive to show them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use onepixel_consumer::Clock;

use crate::ObjectName;

/// Objects remembered: what fits on a page.
const OBJECTS_MAX: usize = 10;

/// One object that is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WrittenObject {
    /// What it holds.
    pub name: ObjectName,
    /// Its size, compressed.
    pub bytes: u64,
    /// When it was durable, in milliseconds since the Unix epoch.
    pub at_ms: u64,
}

/// The list. Cheap to clone; clones share it. Empty after a start until the first object.
#[derive(Clone)]
pub struct Written {
    clock: Clock,
    objects: Arc<Mutex<VecDeque<WrittenObject>>>,
}

impl Written {
    /// An empty list; `clock` says when an object was written.
    pub fn new(clock: Clock) -> Self {
        Self { clock, objects: Arc::default() }
    }

    /// The newest first. An object that was written again stands once.
    pub fn newest_first(&self) -> Vec<WrittenObject> {
        let objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
        objects.iter().rev().copied().collect()
    }

    pub(crate) fn push(&self, name: ObjectName, bytes: usize) {
        let object = WrittenObject { name, bytes: bytes as u64, at_ms: (self.clock)() };
        let mut objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
        objects.retain(|other| other.name != name);
        if objects.len() >= OBJECTS_MAX {
            objects.pop_front();
        }
        objects.push_back(object);
    }
}

impl std::fmt::Debug for Written {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Written").field("objects", &self.objects).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use onepixel_event::Time;

    use super::*;

    #[test]
    fn the_newest_ten_stand_once_each() {
        let written = Written::new(Arc::new(|| 7));
        let name = |first| ObjectName { first_at: Time::from_ms(0), partition: 0, first, last: first };
        for first in 0..12 {
            written.push(name(first), 1);
        }
        written.push(name(5), 2);
        let firsts: Vec<u64> = written.newest_first().iter().map(|object| object.name.first).collect();
        assert_eq!(firsts, [5, 11, 10, 9, 8, 7, 6, 4, 3, 2]);
        assert_eq!(written.newest_first()[0], WrittenObject { name: name(5), bytes: 2, at_ms: 7 });
    }
}
