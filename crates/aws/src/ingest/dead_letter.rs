//! Lines that Kinesis did not take in time, as objects in the bucket: durable, so that they are acknowledged all the
//! same. The function `redrive` brings them into Kinesis later.

use std::path::Path;

use onepixel_archive::Archive;
use tokio::sync::OnceCell;
use tokio::time::{Instant, timeout_at};

use super::outbox::Offer;

/// Below the bucket's prefix; `redrive` looks here.
pub const FOLDER: &str = "dead-letter/ingest";

/// The dead letters of ingest.
#[derive(Debug)]
pub struct DeadLetters {
    url: String,
    /// Opened when it is needed first: most environments never do.
    bucket: OnceCell<Archive>,
}

/// Why lines could not be kept.
#[derive(Debug, thiserror::Error)]
pub enum NotKept {
    /// The bucket cannot be used at all.
    #[error("no dead letter: {0}")]
    Open(#[from] onepixel_archive::OpenArchiveError),
    /// The bucket did not take the object.
    #[error("no dead letter: {0}")]
    Put(#[from] onepixel_archive::WriteArchiveError),
    /// It did not take it in time.
    #[error("no dead letter: {name} was not written in time")]
    Late {
        /// The object.
        name: String,
    },
}

impl DeadLetters {
    /// Those in the bucket at `url`, which is looked at and not opened.
    ///
    /// # Errors
    /// [`OpenArchiveError`](onepixel_archive::OpenArchiveError) when it could not be opened.
    pub fn new(url: impl Into<String>) -> Result<Self, onepixel_archive::OpenArchiveError> {
        let url = url.into();
        Archive::check_url(&url)?;
        Ok(Self { url, bucket: OnceCell::new() })
    }

    /// Writes the lines as one object, named after the first of them; they are durable when this returns.
    ///
    /// # Errors
    /// [`NotKept`] when they may not be.
    pub(super) async fn keep<'a>(
        &self,
        offers: impl Iterator<Item = &'a Offer>,
        deadline: Instant,
    ) -> Result<(), NotKept> {
        let (mut name, mut lines) = (None, Vec::new());
        for offer in offers {
            name.get_or_insert_with(|| name_of(offer));
            lines.extend_from_slice(&offer.line);
            lines.push(b'\n');
        }
        let Some(name) = name else { return Ok(()) };
        let put = async {
            let open = async || Archive::open(&self.url, Path::new("dead-letter"));
            let bucket = self.bucket.get_or_try_init(open).await?;
            Ok(bucket.put(&name, lines).await?)
        };
        timeout_at(deadline, put).await.unwrap_or_else(|_| Err(NotKept::Late { name: name.clone() }))
    }
}

/// The day is that of the event's id, which is as good as any: it only sorts the folder.
fn name_of(offer: &Offer) -> String {
    let at = offer.id.made_at().to_string();
    format!("{FOLDER}/{}/{}.ndjson", at.get(..10).unwrap_or_default(), offer.id)
}
