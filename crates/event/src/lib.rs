//! The vocabulary of onepixel: what one hit left behind, and the bytes it is kept as.
//!
//! Owns the event's fields, their order, their limits and their codec. Promises that
//! `decode(encode(e)) == e` and that the bytes are one line of UTF-8 JSON.
//! Knows nobody: no HTTP, no stream, no store.
//!
//! ```
//! use onepixel_event::{Event, EventId, Source, Time};
//!
//! let event = Event::new(EventId::at(Time::from_ms(0), [7; 10]), Time::from_ms(0), Source::Pixel, "pageview", "blog");
//! let mut line = Vec::new();
//! event.encode(&mut line);
//! assert_eq!(Event::decode(&line).unwrap(), event);
//! ```

mod codec;
mod id;
pub mod limits;
mod model;
mod props;
mod time;

pub use codec::{AgentPart, DecodeError, quote};
pub use id::{EventId, InvalidId};
pub use model::{Class, Device, Event, ReferrerGroup, Source};
pub use props::Props;
pub use time::{InvalidTime, Time};
