//! The sink that writes the partitioned archive to object storage, and the way to read it back.
//!
//! Owns the layout of the archive: names, lines, compression. Promises that an object is durable before
//! [`Sink::write`](onepixel_consumer::Sink::write) returns, that the same records always make the same objects
//! under the same names, and that an object holds exactly the offsets its name says, one payload a line, byte
//! for byte. Does not retry, bisect or remember its position: the consumer does. Does not wrap object storage
//! in a port of its own: `object_store` is that port.
//!
//! ```
//! use onepixel_archive::ObjectName;
//! use onepixel_event::Time;
//!
//! let name = ObjectName { first_at: Time::parse("2026-02-10T21:04:05.123Z").unwrap(), partition: 0, first: 7, last: 9 };
//! let text = "events/year=2026/month=02/day=10/hour=21/20260210T210405123Z-0-7-9.json.gz";
//! assert_eq!(name.to_string(), text);
//! assert_eq!(text.parse::<ObjectName>().unwrap(), name);
//! ```

mod archive;
mod encode;
mod error;
mod folder;
pub mod limits;
mod lines;
mod name;
mod open;
mod run;
mod sink;
mod stamp;
mod written;

pub use archive::{Archive, Listed};
pub use encode::gzip_lines;
pub use error::{OpenArchiveError, ReadArchiveError, WriteArchiveError};
pub use name::{ForeignName, ObjectName};
pub use sink::{ArchiveSink, Object};
pub use written::{Written, WrittenObject};
