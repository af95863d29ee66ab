//! The log's crash model: seeds become lives of a log on a disk that forgets, and every promise is checked after a
//! crash at any change of that disk.
//!
//! A life is played once and its changes are written down; a crash is then a disk built from the changes so far and
//! from what [`kernel`] says may be missing of them. Checked are: what was acknowledged or shown to a reader is there,
//! intact and in order; nothing is there that nobody appended, or in part; recovery that is done twice or interrupted
//! comes to the same; another process sees nothing that is not durable; a flipped bit is named with file and place.
//! Promises that a seed is the same every time ([`trace`]). Does not start the real disk, clock or network.

pub mod damage;
pub mod disk;
pub mod kernel;
pub mod life;
pub mod log;
pub mod model;
pub mod random;
pub mod run;
pub mod seed;
pub mod trace;
