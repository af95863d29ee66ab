//! What was broken about a hit: the one table of the codes in an event's `flags`.
//!
//! A flag says that something in the event is not exactly what was sent. It never stands for a lost hit.

/// One kind of repair, in the order in which the codes are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flag {
    /// Bytes that are not UTF-8, or half of a surrogate pair: replaced by U+FFFD.
    BadUtf8,
    /// Control characters: taken out (tab and line ends of a short text: replaced by a space).
    ControlChars,
    /// A value over its limit: cut at a character boundary.
    TruncatedParam,
    /// A parameter, field or key that was given again: the first one counts.
    DuplicateParam,
    /// More parameters or fields than `props` takes: the rest was left out.
    TooManyParams,
    /// A number that no 64-bit float can hold: kept as text.
    BadNumber,
    /// A page that is not a URL or path: kept as text in `page_url`.
    BadUrl,
    /// A referrer that is not a URL or host: kept as text in `referrer_url`.
    BadRef,
    /// User name or password in a URL: taken out.
    UrlCredentials,
    /// A `sent_at` that is not an RFC 3339 time: left out.
    BadSentAt,
    /// A `sent_at` that is far from the time of receipt.
    ClockSkew,
    /// The day's key for visitors could not be had: the visitor was left out.
    NoSalt,
}

impl Flag {
    const ALL: [(Self, &'static str); 12] = [
        (Self::BadUtf8, "bad_utf8"),
        (Self::ControlChars, "control_chars"),
        (Self::TruncatedParam, "truncated_param"),
        (Self::DuplicateParam, "duplicate_param"),
        (Self::TooManyParams, "too_many_params"),
        (Self::BadNumber, "bad_number"),
        (Self::BadUrl, "bad_url"),
        (Self::BadRef, "bad_ref"),
        (Self::UrlCredentials, "url_credentials"),
        (Self::BadSentAt, "bad_sent_at"),
        (Self::ClockSkew, "clock_skew"),
        (Self::NoSalt, "no_salt"),
    ];
}

/// A set of flags.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Flags(u16);

impl Flags {
    /// Adds a flag; adding it again changes nothing.
    pub(super) fn set(&mut self, flag: Flag) {
        self.0 |= 1 << flag as u16;
    }

    /// Adds all flags of another set.
    pub(super) fn add(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// The codes of what is set, in the order of the table.
    pub(super) fn codes(self) -> impl Iterator<Item = &'static str> {
        Flag::ALL.into_iter().filter(move |(flag, _)| self.0 & (1 << *flag as u16) != 0).map(|(_, code)| code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flag_has_its_own_code_and_the_order_is_fixed() {
        let mut all = Flags::default();
        for (flag, code) in Flag::ALL {
            let mut one = Flags::default();
            one.set(flag);
            one.set(flag);
            assert_eq!(one.codes().collect::<Vec<_>>(), [code]);
            all.set(flag);
        }
        let expected: Vec<_> = Flag::ALL.iter().map(|(_, code)| *code).collect();
        assert_eq!(all.codes().collect::<Vec<_>>(), expected);
    }
}
