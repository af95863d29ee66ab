//! Why a record is not in the stream, by a word that can be counted.

use std::collections::BTreeMap;

use aws_sdk_kinesis::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};

use super::call::Failed;

/// Why a call or one of its records failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// More than the shard, the stream or the account may take now.
    Throttled,
    /// Kinesis failed inside.
    Internal,
    /// No answer in time.
    Timeout,
    /// The connection could not be made, or broke.
    Connection,
    /// An answer that is none, such as a result too few.
    Unreadable,
    /// No such stream, no permission, no credentials, or nothing that Kinesis takes.
    Refused,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 6] =
        [Self::Throttled, Self::Internal, Self::Timeout, Self::Connection, Self::Unreadable, Self::Refused];

    /// The word it is counted under: stable, as alerts are built on it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Throttled => "Throttled",
            Self::Internal => "Internal",
            Self::Timeout => "Timeout",
            Self::Connection => "Connection",
            Self::Unreadable => "Unreadable",
            Self::Refused => "Refused",
        }
    }

    /// Whether another attempt fails, too, until somebody has changed something.
    pub fn is_lasting(self) -> bool {
        self == Self::Refused
    }

    pub(super) fn of_record(code: &str) -> Self {
        match code {
            "ProvisionedThroughputExceededException" | "ThrottlingException" => Self::Throttled,
            // What else a record may say is not documented and, as its neighbours passed, not lasting.
            _ => Self::Internal,
        }
    }

    fn of_code(code: Option<&str>, status: u16) -> Self {
        match code {
            Some(
                "ProvisionedThroughputExceededException"
                | "LimitExceededException"
                | "ThrottlingException"
                | "KMSThrottlingException"
                | "RequestLimitExceeded",
            ) => Self::Throttled,
            _ if status == 429 => Self::Throttled,
            _ if status >= 500 => Self::Internal,
            Some(_) => Self::Refused,
            None => Self::Unreadable,
        }
    }
}

/// What failed on the way, whether it was made good or not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Failures {
    /// Calls that failed as a whole.
    pub calls: BTreeMap<Reason, u64>,
    /// Records that failed in a call that did not.
    pub records: BTreeMap<Reason, u64>,
    /// Calls that were made again.
    pub retries: u64,
}

impl Failures {
    pub(super) fn call(&mut self, reason: Reason) {
        *self.calls.entry(reason).or_default() += 1;
    }

    pub(super) fn record(&mut self, reason: Reason) {
        *self.records.entry(reason).or_default() += 1;
    }

    /// Whether nothing failed.
    pub fn is_empty(&self) -> bool {
        self.calls.is_empty() && self.records.is_empty()
    }

    /// How many calls and records failed for this reason.
    pub fn of(&self, reason: Reason) -> u64 {
        let count = |counts: &BTreeMap<Reason, u64>| counts.get(&reason).copied().unwrap_or_default();
        count(&self.calls) + count(&self.records)
    }
}

/// What the failure of a call means.
pub(super) fn of_call<E: ProvideErrorMetadata + std::error::Error + 'static>(error: &SdkError<E>) -> Failed {
    let reason = match error {
        SdkError::TimeoutError(_) => Reason::Timeout,
        SdkError::DispatchFailure(failure) if failure.is_timeout() => Reason::Timeout,
        SdkError::DispatchFailure(failure) if failure.is_user() => Reason::Refused,
        SdkError::DispatchFailure(_) => Reason::Connection,
        // Missing credentials are noticed while the request is built.
        SdkError::ConstructionFailure(_) => Reason::Refused,
        SdkError::ServiceError(service) => {
            Reason::of_code(service.err().code(), service.raw().status().as_u16())
        }
        SdkError::ResponseError(response) if response.raw().status().as_u16() >= 500 => Reason::Internal,
        _ => Reason::Unreadable,
    };
    (reason, DisplayErrorContext(error).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_mean_what_they_say() {
        fn check(code: Option<&str>, status: u16, expected: Reason) {
            assert_eq!(Reason::of_code(code, status), expected, "{code:?} {status}");
        }
        check(Some("ProvisionedThroughputExceededException"), 400, Reason::Throttled);
        check(Some("LimitExceededException"), 400, Reason::Throttled);
        check(None, 429, Reason::Throttled);
        check(Some("InternalFailure"), 500, Reason::Internal);
        check(None, 503, Reason::Internal);
        check(Some("ResourceNotFoundException"), 400, Reason::Refused);
        check(Some("AccessDeniedException"), 400, Reason::Refused);
        check(None, 400, Reason::Unreadable);
        for reason in Reason::ALL {
            assert_eq!(reason.is_lasting(), reason == Reason::Refused);
        }
    }

    #[test]
    fn failures_add_up() {
        let mut failures = Failures::default();
        assert!(failures.is_empty());
        failures.call(Reason::Timeout);
        failures.record(Reason::Timeout);
        failures.record(Reason::Throttled);
        assert_eq!((failures.of(Reason::Timeout), failures.of(Reason::Throttled)), (2, 1));
        assert!(!failures.is_empty());
    }
}
