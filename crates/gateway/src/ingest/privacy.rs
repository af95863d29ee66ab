//! What may be known of the caller: the address policy and the signals against being followed.
//!
//! Applied before anything is written; nothing behind this module sees a full address except the visitor hash.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What is kept of the client's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IpPolicy {
    /// The network: /24 of IPv4, /48 of IPv6.
    #[default]
    Truncate,
    /// Nothing.
    Drop,
    /// All of it.
    Keep,
}

/// What `Sec-GPC: 1` or `DNT: 1` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum GpcPolicy {
    /// Nothing.
    Ignore,
    /// The hit is counted without visitor id and address.
    #[default]
    Count,
    /// The hit is not stored.
    Drop,
}

impl IpPolicy {
    /// The address as far as the policy lets it through. An IPv4 address in IPv6 form is treated as the former.
    pub fn kept(self, address: IpAddr) -> Option<IpAddr> {
        match (self, address.to_canonical()) {
            (Self::Drop, _) => None,
            (Self::Keep, address) => Some(address),
            (Self::Truncate, IpAddr::V4(v4)) => {
                let [a, b, c, _] = v4.octets();
                Some(Ipv4Addr::new(a, b, c, 0).into())
            }
            (Self::Truncate, IpAddr::V6(v6)) => {
                let [a, b, c, ..] = v6.segments();
                Some(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0).into())
            }
        }
    }
}

/// The address as text.
pub(super) fn text(address: IpAddr) -> String {
    let IpAddr::V4(address) = address else { return address.to_string() };
    let mut text = String::with_capacity("255.255.255.255".len());
    for (at, octet) in address.octets().into_iter().enumerate() {
        if at > 0 {
            text.push('.');
        }
        for place in [100, 10, 1] {
            if octet >= place || place == 1 {
                text.push(char::from(b'0' + octet / place % 10));
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_no_more_than_the_policy_allows() {
        fn check(address: &str, truncated: &str, whole: &str) {
            let address: IpAddr = address.parse().unwrap();
            let text = |policy: IpPolicy| policy.kept(address).map(|kept| kept.to_string());
            assert_eq!(text(IpPolicy::Truncate).as_deref(), Some(truncated));
            assert_eq!(text(IpPolicy::Keep).as_deref(), Some(whole));
            assert_eq!(text(IpPolicy::Drop), None);
        }
        check("203.0.113.7", "203.0.113.0", "203.0.113.7");
        check("::ffff:203.0.113.7", "203.0.113.0", "203.0.113.7");
        check("2001:db8:1:2:3:4:5:6", "2001:db8:1::", "2001:db8:1:2:3:4:5:6");
        check("::1", "::", "::1");
    }

    #[test]
    fn addresses_are_written_as_they_always_are() {
        for octet in 0..=255 {
            let address = Ipv4Addr::new(octet, 0, 10, 255 - octet);
            assert_eq!(text(address.into()), address.to_string());
        }
        assert_eq!(text("2001:db8::1".parse().unwrap()), "2001:db8::1");
    }
}
