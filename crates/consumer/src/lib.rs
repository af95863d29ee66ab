//! Stream to sink: batch, retry, bisect, checkpoint, dead letter.
//!
//! A [`Pipeline`] reads a [`Source`] in order, cuts it into batches, and brings each record into its [`Sink`] exactly
//! once, or into the dead-letter log exactly once, across any failure and any crash. One pipeline a sink, each at
//! its own pace. The crate owns these policies and their files (checkpoint, dead letters); it knows neither what a
//! record means nor what a sink is made of.
//!
//! Read in this order: [`Source`] and [`Sink`] (the contracts), `pipeline`, `batcher`, `delivery`, and then what
//! they stand on: `checkpoint`, `dead_letter`, `trouble`.

mod pipeline;

mod batcher;
mod delivery;
mod part;

mod checkpoint;
mod dead_letter;
mod progress;
mod settings;
mod trouble;

mod batch;
#[cfg(feature = "conformance")]
pub mod conformance;
mod cores;
mod sink;
mod source;
mod stream_source;

pub use batch::Batch;
pub use checkpoint::{Checkpoint, CheckpointError};
pub use cores::on_all_cores;
pub use dead_letter::{DeadLetter, DeadLetterError, DeadLetters, Resolution};
pub use onepixel_stream::{Clock, Offset, Record};
pub use pipeline::{Pipeline, PipelineError};
pub use progress::{LastError, Progress, Snapshot};
pub use settings::Settings;
pub use sink::{Sink, SinkError};
pub use source::{Source, SourceError};
pub use stream_source::StreamSource;
