//! Counting visitors without knowing them: a keyed hash whose key lives for one UTC day.
//!
//! Promises that the key survives a restart on the same day, that it is replaced at the first hit of the next, and
//! that the old one is then gone from memory and from the file, so that nobody can link two days or test an address.
//! Where many processes share the day's key, somebody brings it: see [`VisitorSalt::given`].

use std::fmt;
use std::fs::{self, OpenOptions};
use std::hash::Hasher;
use std::io::{self, Write};
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError, RwLock};

use onepixel_event::Time;
use serde::{Deserialize, Serialize};
use siphasher::sip128::{Hasher128, SipHasher24};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// Why the salt's file cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} the visitor salt {}: {source}", path.display())]
pub struct SaltError {
    action: &'static str,
    path: PathBuf,
    source: io::Error,
}

/// The key of the day.
#[derive(Debug)]
pub struct VisitorSalt {
    today: RwLock<Day>,
    /// Where the next day's key comes from; held while it is replaced.
    home: Mutex<Home>,
}

/// Where keys come from and are kept.
#[derive(Debug)]
enum Home {
    /// Made here, kept in this file over a restart.
    File(PathBuf),
    /// Made here, kept nowhere.
    Memory,
    /// Somebody brings them.
    Given,
}

/// One day's key. The fields are the file's form: JSON on one line.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Day {
    /// Days since 1970-01-01, UTC.
    day: i64,
    key: [u8; 16],
}

impl VisitorSalt {
    /// Takes the key from `path` if it is of the day of `now`, else makes a new one and writes it there (mode 0600).
    ///
    /// # Errors
    /// [`SaltError`] when the file can be neither read nor written. A file with anything else in it is replaced.
    pub fn open(path: &Path, now: Time) -> Result<Self, SaltError> {
        let fail = |action| move |source| SaltError { action, path: path.to_owned(), source };
        let kept = read(path).map_err(fail("read"))?;
        let today = match kept {
            Some(kept) if !kept.is_over(now) => kept,
            _ => {
                let today = Day::fresh(now);
                replace(path, &today).map_err(fail("write"))?;
                today
            }
        };
        Ok(Self { today: RwLock::new(today), home: Mutex::new(Home::File(path.to_owned())) })
    }

    /// A key that no file keeps: after a restart the day's visitors are counted anew.
    pub fn in_memory(now: Time) -> Self {
        Self { today: RwLock::new(Day::fresh(now)), home: Mutex::new(Home::Memory) }
    }

    /// No key yet, and none made here: each day's is given by [`give`](Self::give), so that many processes can share
    /// it. Until then, and after the day is over, there are no visitors.
    pub fn given() -> Self {
        Self { today: RwLock::new(Day { day: i64::MIN, key: [0; 16] }), home: Mutex::new(Home::Given) }
    }

    /// The key of the day of `now`, over whichever was there.
    pub fn give(&self, key: [u8; 16], now: Time) {
        *self.today.write().unwrap_or_else(PoisonError::into_inner) =
            Day { day: now.ms().div_euclid(DAY_MS), key };
    }

    /// Whether there is a key for the day of `now`.
    pub fn has_key(&self, now: Time) -> bool {
        !self.today.read().unwrap_or_else(PoisonError::into_inner).is_over(now)
    }

    /// The visitor's id for this day: 32 hexadecimal digits; `None` without a key. What stands for the User-Agent is the caller's to say. Each part goes into the hash with its length, so that
    /// no two different visits can be written the same way.
    pub(super) fn visitor(
        &self,
        site: &str,
        address: IpAddr,
        user_agent: &[u8],
        now: Time,
    ) -> Option<String> {
        let mut hasher = SipHasher24::new_with_key(&self.key(now)?);
        let mut part = |bytes: &[u8]| {
            hasher.write_u64(bytes.len() as u64);
            hasher.write(bytes);
        };
        part(site.as_bytes());
        match address {
            IpAddr::V4(address) => part(&address.octets()),
            IpAddr::V6(address) => part(&address.octets()),
        }
        part(user_agent);
        Some(hex(hasher.finish128().as_u128()))
    }

    fn key(&self, now: Time) -> Option<[u8; 16]> {
        let today = *self.today.read().unwrap_or_else(PoisonError::into_inner);
        if today.is_over(now) { self.rotate(now) } else { Some(today.key) }
    }

    /// Replaces the key, once however many call at midnight.
    fn rotate(&self, now: Time) -> Option<[u8; 16]> {
        // Taken first, so that two rotations reach the file in the order in which they happen.
        let home = self.home.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = {
            let mut today = self.today.write().unwrap_or_else(PoisonError::into_inner);
            if !today.is_over(now) {
                return Some(today.key);
            }
            if matches!(*home, Home::Given) {
                // Nobody may link two days, not even while the next key is awaited.
                today.key = [0; 16];
                return None;
            }
            *today = Day::fresh(now);
            *today
        };
        if let Home::File(path) = &*home {
            keep(path, &fresh);
        }
        Some(fresh.key)
    }
}

/// Without the key: it must not get into a log.
impl fmt::Debug for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Day").field("day", &self.day).finish_non_exhaustive()
    }
}

impl Day {
    fn fresh(now: Time) -> Self {
        Self { day: now.ms().div_euclid(DAY_MS), key: rand::random() }
    }

    /// True on any later day. A clock that steps back over midnight keeps the newer key; one that is set back by
    /// more than a day was wrong before, and its key must not live until that wrong day comes.
    fn is_over(&self, now: Time) -> bool {
        let today = now.ms().div_euclid(DAY_MS);
        today > self.day || today < self.day.saturating_sub(1)
    }
}

fn hex(number: u128) -> String {
    let mut digits = [0; 32];
    for (byte, pair) in number.to_be_bytes().into_iter().zip(digits.chunks_exact_mut(2)) {
        pair[0] = b"0123456789abcdef"[usize::from(byte >> 4)];
        pair[1] = b"0123456789abcdef"[usize::from(byte & 15)];
    }
    // Digits only, so always text.
    std::str::from_utf8(&digits).unwrap_or_default().to_owned()
}

/// Writes the new key over the old one. Ingest goes on without: the key is in memory, and the old file must go.
fn keep(path: &Path, day: &Day) {
    let Err(error) = replace(path, day) else { return };
    tracing::error!(path = %path.display(), %error, "cannot write the visitor salt: visitors of today are counted anew after a restart");
    if let Err(error) = remove(path) {
        tracing::error!(path = %path.display(), %error, "cannot remove the old visitor salt: delete the file");
    }
}

#[expect(clippy::disallowed_methods, reason = "this module owns the salt's file")]
fn read(path: &Path) -> io::Result<Option<Day>> {
    match fs::read(path) {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Atomic and durable: after a crash the file holds the old key or the new one, never a part.
#[expect(clippy::disallowed_methods, reason = "this module owns the salt's file")]
fn replace(path: &Path, day: &Day) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(&serde_json::to_vec(day)?)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    sync_folder(path)
}

#[expect(clippy::disallowed_methods, reason = "this module owns the salt's file")]
fn remove(path: &Path) -> io::Result<()> {
    fs::remove_file(path)?;
    sync_folder(path)
}

#[expect(clippy::disallowed_methods, reason = "this module owns the salt's file")]
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::File::open(folder)?.sync_all()
}

#[cfg(test)]
#[path = "visitor_tests.rs"]
mod tests;
