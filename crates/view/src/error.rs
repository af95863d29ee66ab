//! Why a question has no answer.

use std::error::Error;

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The store cannot be read: not there, damaged, unreachable, throttled.
    #[error(transparent)]
    Unavailable(Box<dyn Error + Send + Sync>),
    /// As many questions run as may: ask again.
    #[error("too many queries run at once")]
    Busy,
    /// No time zone has this name.
    #[error("{zone:?} is not a time zone; give a name of the IANA database, as Europe/Berlin or UTC")]
    Zone {
        /// What was asked for.
        zone: String,
    },
    /// The series would have too many points.
    #[error("the series would have more than {points_max} points: choose a longer unit or a shorter range")]
    TooManyPoints {
        /// The limit.
        points_max: usize,
    },
    /// The answer would need more different texts than memory is given for.
    #[error("the range has too many different values to rank them: choose a shorter range, or add a filter")]
    TooManyValues,
    /// The answer would need more reads than one question may have.
    #[error("the question would need more than {reads_max} reads of the live view: choose a shorter range")]
    TooManyReads {
        /// The limit.
        reads_max: usize,
    },
    /// The store does not keep what is asked for; its [`Capabilities`](crate::Capabilities) say so.
    #[error("this live view {lack}")]
    Lacking {
        /// What it cannot do, as the end of a sentence.
        lack: String,
    },
}

impl QueryError {
    /// A store that failed, with what it says.
    pub fn unavailable(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Unavailable(error.into())
    }

    /// True when the question is at fault, not the store: asking again will not help.
    pub fn is_asked_wrong(&self) -> bool {
        match self {
            Self::Zone { .. }
            | Self::TooManyPoints { .. }
            | Self::TooManyValues
            | Self::TooManyReads { .. }
            | Self::Lacking { .. } => true,
            Self::Unavailable(_) | Self::Busy => false,
        }
    }
}
