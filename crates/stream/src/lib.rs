//! The embedded durable log: bytes in, offsets out.
//!
//! ```text
//!   removed    |      kept, can be read        | not yet synced |
//! -------------+-------------------------------+----------------+------->  offsets
//!            oldest                         durable          written
//! ```
//! A writer turns what callers append into frames, writes them, syncs once, then answers everybody
//! (group commit). Readers follow the durable end, in this process or in another.
//!
//! Promises: an acknowledged append survives `kill -9` and power loss; `written >= durable`; offsets have no gaps;
//! a key is stored once; every queue is bounded; damage to what was acknowledged is reported with file and
//! position, never handed out. Does not know what the bytes mean, and keeps no position for readers.
//! The bytes on disk are drawn in `docs/format.md`.

mod batch;
mod chunk;
mod disk;
mod error;
mod frame;
mod inbox;
mod keys;
mod lane;
mod log;
mod marks;
mod os_disk;
mod queue;
mod reader;
mod recent;
mod record;
mod recovery;
mod retention;
mod segment;
mod settings;
mod sidecar;
mod space;
mod spare;
mod state;
mod stream;
mod tail;
mod tear;
mod walk;
mod window;
mod writer;

pub use batch::Records;
pub use disk::{Access, Disk, DiskFile};
pub use error::{AppendError, OpenError, ReadError};
pub use lane::Lane;
pub use os_disk::OsDisk;
pub use reader::{Reader, extent};
pub use record::{Clock, Key, Offset, Record};
pub use settings::{APPEND_BYTES_MAX, Durability, KEYS_MAX, RECORD_BYTES_MAX, Settings};
pub use state::{Cut, Recovered, State, Status};
pub use stream::{Appended, Stream};
