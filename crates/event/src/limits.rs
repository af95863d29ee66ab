//! Every limit on an event, in one place, each with its reason.
//!
//! All are counted in UTF-8 bytes unless the name says otherwise. A value over its limit is cut at a character
//! boundary and flagged; what is over with the event's name or `props` of a posted event rejects it with the reason.

/// A custom event's name, in characters (the contract's 1 to 200).
pub const EVENT_CHARS_MAX: usize = 200;
/// Site identifiers are keys of every rollup: short enough to index, long enough for a host name.
pub const SITE_BYTES_MAX: usize = 255;
/// URLs: what browsers and proxies pass in practice; longer ones are tracking parameters.
pub const URL_BYTES_MAX: usize = 2048;
/// Titles, UTM values and visitor ids: shown in one line of a table.
pub const TEXT_BYTES_MAX: usize = 1024;
/// The raw User-Agent (the contract's 1 KiB).
pub const USER_AGENT_BYTES_MAX: usize = 1024;
/// A language tag (RFC 5646 needs at most 35).
pub const LANGUAGE_BYTES_MAX: usize = 35;
/// Keys of `props` at its top level (the contract's 64).
pub const PROPS_KEYS_MAX: usize = 64;
/// One key of `props`.
pub const PROP_KEY_BYTES_MAX: usize = 200;
/// One value of `props` given to the pixel.
pub const PROP_VALUE_BYTES_MAX: usize = 2048;
/// All of `props`, encoded: keeps a record well below the stream's and every broker's limit.
pub const PROPS_BYTES_MAX: usize = 64 * 1024;
/// Levels of nesting in `props`: readers parse recursively.
pub const PROPS_DEPTH_MAX: usize = 16;
/// Events in one `POST /e` (the contract's 500).
pub const BATCH_EVENTS_MAX: usize = 500;
/// One encoded event, all fields at their limits and every byte escaped six-fold included.
pub const ENCODED_BYTES_MAX: usize = 256 * 1024;
/// Difference between the client's clock and ours from which the event is flagged `clock_skew`.
pub const CLOCK_SKEW_MS: u64 = 5 * 60 * 1000;
