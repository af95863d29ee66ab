//! What can go wrong with an archive, one enum or struct per operation, each with what to do about it.

use std::error::Error;
use std::io;
use std::path::PathBuf;

/// Why an archive cannot be opened. Always a matter of configuration.
#[derive(Debug, thiserror::Error)]
pub enum OpenArchiveError {
    /// The address has a scheme we do not speak.
    #[error(
        "archive {url:?}: unknown scheme {scheme:?}; use a folder's path, file:///path, s3://bucket/prefix, \
         gs://bucket/prefix or az://container/prefix"
    )]
    UnknownScheme {
        /// The address as given.
        url: String,
        /// Its scheme.
        scheme: String,
    },
    /// The address has a scheme we speak, but is not well formed.
    #[error("archive {url:?}: {reason}")]
    InvalidUrl {
        /// The address as given.
        url: String,
        /// What is wrong, and how it should look.
        reason: String,
    },
    /// The address holds a password, which would be shown in every log line: it is not repeated here either.
    #[error(
        "the archive's URL must not hold credentials; give them in the environment (AWS_ACCESS_KEY_ID and \
         AWS_SECRET_ACCESS_KEY, GOOGLE_SERVICE_ACCOUNT, AZURE_STORAGE_ACCOUNT_KEY)"
    )]
    CredentialsInUrl,
    /// The folder cannot be made or used.
    #[error("archive folder {path:?} cannot be used: {source}; check the path and its permissions")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The store's settings contradict each other or are incomplete.
    #[error("archive {url:?}: {source}; check the environment variables that begin with {variables}")]
    Settings {
        /// The address as given.
        url: String,
        /// Where the settings come from.
        variables: &'static str,
        /// What the store's client says.
        source: object_store::Error,
    },
}

/// Why an object was not written or removed. It may pass later: the content is not the cause.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {url}: {cause}; {advice}")]
pub struct WriteArchiveError {
    /// The object's address.
    pub url: String,
    /// The whole chain of causes in one line.
    pub cause: String,
    /// What to do about it.
    pub advice: &'static str,
}

impl WriteArchiveError {
    pub(crate) fn new(url: String, error: &dyn Error, advice: &'static str) -> Self {
        Self { url, cause: chain(error), advice }
    }
}

/// Why the archive cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadArchiveError {
    /// The store did not answer, or not with what was asked for.
    #[error("cannot read {url}: {cause}")]
    Store {
        /// The object's address, or the archive's.
        url: String,
        /// The whole chain of causes in one line.
        cause: String,
    },
    /// The object is there, but is not whole: no gzip, cut off, or with a wrong checksum.
    #[error("{url} is damaged: {source}")]
    Damaged {
        /// The object's address.
        url: String,
        /// What the decompressor says.
        source: io::Error,
    },
}

/// An error and all its sources in one line, without repeating what an outer one has said already.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let inner = error.to_string();
        if !text.contains(&inner) {
            text.push_str(": ");
            text.push_str(&inner);
        }
        source = error.source();
    }
    text
}

/// What an operator can do about a folder.
pub(crate) const LOCAL_ADVICE: &str =
    "check that the folder is there, may be written by this user, and has space";

/// What an operator can do about a remote store.
pub(crate) fn advice(error: &object_store::Error) -> &'static str {
    use object_store::Error as E;
    match error {
        E::NotFound { .. } => "check that the bucket exists and lies in this region",
        E::PermissionDenied { .. } | E::Unauthenticated { .. } => {
            "check the credentials, and that they may put, get, list and delete objects here"
        }
        // The link-local address where clouds hand out a machine's own credentials.
        _ if chain(error).contains("//169.254.") => {
            "no credentials were given and this machine has none of its own: set them in the environment"
        }
        _ => "check the endpoint, the network and the credentials in the environment",
    }
}
