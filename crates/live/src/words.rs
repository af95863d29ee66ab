//! The dictionary: texts and their ids.
//!
//! The writer remembers the ids of texts it met, within a limit.

use foldhash::HashMap;
use rusqlite::{Connection, params};

use crate::limits::WORD_CACHE_BYTES_MAX;
use crate::tally::Tally;

/// The words the writer remembers: id, and the newest day that the file says the word was used on.
#[derive(Default)]
pub(crate) struct Words {
    known: HashMap<Box<str>, (i64, i64)>,
    bytes: usize,
}

impl Words {
    pub(crate) fn forget(&mut self) {
        self.known.clear();
        self.bytes = 0;
    }

    /// The id of each of the tally's words, by its number there; number 0, no text, has id 0.
    pub(crate) fn ids(&mut self, connection: &Connection, tally: &Tally<'_>) -> rusqlite::Result<Vec<i64>> {
        let mut ids = vec![0; tally.words.len() + 1];
        let mut words: Vec<_> = tally.words.iter().collect();
        words.sort_unstable_by_key(|(_, used)| used.local);
        for (text, used) in words {
            if let Some(id) = ids.get_mut(used.local) {
                *id = self.id(connection, text, used.day)?;
            }
        }
        Ok(ids)
    }

    fn id(&mut self, connection: &Connection, text: &str, day: i64) -> rusqlite::Result<i64> {
        if let Some((id, known_day)) = self.known.get(text)
            && *known_day >= day
        {
            return Ok(*id);
        }
        let (id, day) = connection
            .prepare_cached(
                "INSERT INTO word (text, used) VALUES (?1, ?2)
                 ON CONFLICT (text) DO UPDATE SET used = max(used, excluded.used) RETURNING id, used",
            )?
            .query_row(params![text.as_bytes(), day], |row| Ok((row.get(0)?, row.get(1)?)))?;
        self.remember(text, id, day);
        Ok(id)
    }

    fn remember(&mut self, text: &str, id: i64, day: i64) {
        if self.bytes > WORD_CACHE_BYTES_MAX {
            self.forget();
        }
        // The text, and about as much again as an entry costs.
        self.bytes += text.len() + 64;
        self.known.insert(text.into(), (id, day));
    }
}

/// The id of `text`, if any row ever spoke of it.
pub(crate) fn find(connection: &Connection, text: &str) -> rusqlite::Result<Option<i64>> {
    use rusqlite::OptionalExtension as _;
    connection
        .prepare_cached("SELECT id FROM word WHERE text = ?1")?
        .query_row([text.as_bytes()], |row| row.get(0))
        .optional()
}

/// A word as it was put in; what is not UTF-8 in a damaged file is shown as such.
pub(crate) fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}
