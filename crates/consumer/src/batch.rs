//! A batch: consecutive records and the range of offsets it stands for.

use std::ops::Range;

use onepixel_stream::{Offset, Record};

/// What a sink is asked to write at once.
///
/// `records` are in offset order and lie in `range`. The range may hold offsets without a record (dead-lettered
/// ones), even nothing but those: a batch without records only moves the sink's position.
#[derive(Debug, Clone)]
pub struct Batch {
    /// The partition the records come from.
    pub partition: u32,
    /// The offsets the batch stands for: from the first, up to and without the last.
    pub range: Range<Offset>,
    /// The records, in offset order.
    pub records: Vec<Record>,
}
