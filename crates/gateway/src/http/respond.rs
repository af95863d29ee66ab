//! What a request came to, and the only place where that becomes a status, a reason to count and words to read.

use std::time::Duration;

use http::StatusCode;
use onepixel_event::EventId;
use onepixel_stream::AppendError;

use crate::ingest::{IngestError, Malformed, TakenBatch};

/// What a request at one of the doors came to.
#[derive(Debug)]
pub(super) enum Outcome {
    /// The pixel's event is durable.
    Stored(EventId),
    /// Somebody asked for the pixel's headers only.
    Peeked,
    /// The operator does not want this hit; the word says why.
    Dropped(&'static str),
    /// The posted events are durable, or there were none.
    Accepted(TakenBatch),
    /// The operator wants none of the posted events; each says why.
    Unwanted(TakenBatch),
    /// The methods were asked for.
    Options,
    /// Nothing was stored.
    Refused(Refusal),
}

/// Why nothing was stored. The texts are answers: what, where, and what to do.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    /// The method is not one of the door's.
    #[error("this method is not answered here; use one of {allow}")]
    Method {
        /// Those that are.
        allow: &'static str,
    },
    /// The client's own rate.
    #[error("too many requests from this address; wait as Retry-After says, and send events in batches")]
    ThrottledClient(Duration),
    /// The rate over all callers.
    #[error("too many requests at this server; wait as Retry-After says")]
    ThrottledAll(Duration),
    /// No key, or none that is listed.
    #[error("a valid write key is needed: send the header `Authorization: Bearer KEY`, or `?key=KEY`")]
    Key,
    /// Not a content type for events.
    #[error("the Content-Type must be application/json or text/plain")]
    Type,
    /// Not an encoding we undo.
    #[error("the Content-Encoding must be gzip or identity")]
    Encoding,
    /// More than the limit is coming, or was announced.
    #[error("the body is over the limit of {bytes_max} bytes; send fewer events at once")]
    BodyTooLarge {
        /// The limit.
        bytes_max: usize,
    },
    /// More than the limit after inflating.
    #[error("the inflated body is over the limit of {bytes_max} bytes; send fewer events at once")]
    InflatedTooLarge {
        /// The limit.
        bytes_max: usize,
    },
    /// The body stopped coming.
    #[error("the body did not arrive in time; send it again")]
    BodyTimeout,
    /// The body ended early or its chunks are broken.
    #[error("the body broke off, or its chunked encoding is wrong")]
    BodyBroken,
    /// Not gzip, or not all of it.
    #[error("the body says it is gzip, and is not or not whole")]
    Gzip,
    /// Not events in one of the three forms.
    #[error("{0}")]
    Malformed(Malformed),
    /// A batch without one valid event.
    #[error("none of the {} events is valid", .0.rejected.len())]
    NoneValid(TakenBatch),
    /// The hit could not be made a record.
    #[error("the hit cannot be stored: {0}")]
    Ingest(#[from] IngestError),
    /// All bodies together take as much memory as they may.
    #[error("too many large bodies at once; try again as Retry-After says")]
    Bodies,
    /// The stream did not take it.
    #[error("{}", advice(.0))]
    Append(AppendError),
}

impl Outcome {
    /// The status of the answer: every one of them is decided here.
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Stored(_) | Self::Peeked => StatusCode::OK,
            // 200 from the pixel means durable, so that what is not wanted needs another.
            Self::Accepted(_) | Self::Dropped(_) | Self::Unwanted(_) => StatusCode::ACCEPTED,
            Self::Options => StatusCode::NO_CONTENT,
            Self::Refused(refusal) => refusal.status(),
        }
    }
}

impl Refusal {
    fn status(&self) -> StatusCode {
        match self {
            Self::BodyBroken | Self::Gzip | Self::Malformed(_) | Self::NoneValid(_) => {
                StatusCode::BAD_REQUEST
            }
            Self::Ingest(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Key => StatusCode::UNAUTHORIZED,
            Self::Method { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::BodyTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::BodyTooLarge { .. } | Self::InflatedTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Type | Self::Encoding => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::ThrottledClient(_) | Self::ThrottledAll(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Bodies => StatusCode::SERVICE_UNAVAILABLE,
            Self::Append(error) => match error {
                AppendError::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
                AppendError::Overloaded
                | AppendError::DiskFull
                | AppendError::NotWritten { .. }
                | AppendError::Failed { .. }
                | AppendError::Closed => StatusCode::SERVICE_UNAVAILABLE,
            },
        }
    }

    /// The word it is counted under: stable, as alerts are built on it.
    pub(super) fn reason(&self) -> &'static str {
        match self {
            Self::Method { .. } => "method",
            Self::ThrottledClient(_) => "throttled_client",
            Self::ThrottledAll(_) => "throttled",
            Self::Key => "key",
            Self::Type => "content_type",
            Self::Encoding => "content_encoding",
            Self::BodyTooLarge { .. } => "body_too_large",
            Self::InflatedTooLarge { .. } => "inflated_too_large",
            Self::BodyTimeout => "body_timeout",
            Self::BodyBroken => "body_broken",
            Self::Gzip => "gzip",
            Self::Malformed(_) => "malformed",
            Self::NoneValid(_) => "none_valid",
            Self::Ingest(_) => "ingest",
            Self::Bodies => "bodies",
            Self::Append(error) => match error {
                AppendError::TooLarge { .. } => "record_too_large",
                AppendError::Overloaded => "overloaded",
                AppendError::DiskFull => "disk_full",
                AppendError::NotWritten { .. } => "not_written",
                AppendError::Failed { .. } => "stream_failed",
                AppendError::Closed => "stream_closed",
            },
        }
    }

    /// When it makes sense to try again, in whole seconds; none when trying again changes nothing.
    pub(super) fn retry_after_s(&self) -> Option<u64> {
        match self {
            Self::ThrottledClient(wait) | Self::ThrottledAll(wait) => {
                Some((wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1))
            }
            Self::Bodies => Some(1),
            Self::Append(error) => match error {
                AppendError::TooLarge { .. } => None,
                AppendError::Overloaded => Some(1),
                // A restart or a hiccup of the disk takes seconds; space and repair take somebody who looks.
                AppendError::Closed | AppendError::NotWritten { .. } => Some(5),
                AppendError::DiskFull | AppendError::Failed { .. } => Some(30),
            },
            Self::Method { .. }
            | Self::Key
            | Self::Type
            | Self::Encoding
            | Self::BodyTooLarge { .. }
            | Self::InflatedTooLarge { .. }
            | Self::BodyTimeout
            | Self::BodyBroken
            | Self::Gzip
            | Self::Malformed(_)
            | Self::NoneValid(_)
            | Self::Ingest(_) => None,
        }
    }
}

fn advice(error: &AppendError) -> String {
    match error {
        AppendError::TooLarge { .. } => format!("the events are too large to be stored together: {error}"),
        AppendError::Overloaded
        | AppendError::DiskFull
        | AppendError::NotWritten { .. }
        | AppendError::Failed { .. }
        | AppendError::Closed => {
            format!("the events cannot be stored now ({error}); try again as Retry-After says")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(refusal: Refusal, status: u16, reason: &str, retry_after_s: Option<u64>) {
        assert_eq!(refusal.reason(), reason);
        assert_eq!(refusal.retry_after_s(), retry_after_s, "{reason}");
        assert_eq!(Outcome::Refused(refusal).status(), status, "{reason}");
    }

    #[test]
    fn waits_are_whole_seconds_and_one_at_least() {
        for (ms, seconds) in [(0, 1), (1, 1), (1000, 1), (1001, 2), (59_999, 60)] {
            let wait = Duration::from_millis(ms);
            check(Refusal::ThrottledAll(wait), 429, "throttled", Some(seconds));
            check(Refusal::ThrottledClient(wait), 429, "throttled_client", Some(seconds));
        }
    }

    #[test]
    fn what_the_stream_refuses() {
        let failed = AppendError::Failed { reason: "I/O error".into() };
        check(Refusal::Append(AppendError::Overloaded), 503, "overloaded", Some(1));
        check(Refusal::Append(AppendError::DiskFull), 503, "disk_full", Some(30));
        let not_written = AppendError::NotWritten { reason: "I/O error".into() };
        check(Refusal::Append(not_written), 503, "not_written", Some(5));
        check(Refusal::Append(failed), 503, "stream_failed", Some(30));
        check(Refusal::Append(AppendError::Closed), 503, "stream_closed", Some(5));
        let too_large = AppendError::TooLarge { bytes: 2, bytes_max: 1 };
        check(Refusal::Append(too_large), 413, "record_too_large", None);
        check(Refusal::Bodies, 503, "bodies", Some(1));
    }
}
