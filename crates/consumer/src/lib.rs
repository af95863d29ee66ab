//! Stream to sink: batch, retry, bisect, checkpoint, dead letter.

mod batch;
#[cfg(feature = "conformance")]
pub mod conformance;
mod sink;
mod source;

pub use batch::Batch;
pub use onepixel_stream::{Clock, Offset, Record};
pub use sink::{Sink, SinkError};
pub use source::{Source, SourceError};
