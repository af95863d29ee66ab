//! How often somebody may try to sign in: a few times at once and then slowly, for each address and over all of them.
//!
//! A password counts before it is looked at, so that many at once are no way around it; a link counts when it is wrong,
//! as it cannot be guessed and must work for its owner while a crowd guesses. An address that succeeded is forgotten.
//! The limit over all addresses is on passwords only.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};

/// Attempts of one address at once, and the time in which one more is free.
const ADDRESS: Rate = Rate { at_once: 5, every_ms: 20_000 };
/// The same over all addresses.
const ALL: Rate = Rate { at_once: 60, every_ms: 2_000 };
/// Addresses remembered; with more, the one whose limit ends first is forgotten.
const ADDRESSES_MAX: usize = 4096;

struct Rate {
    at_once: u64,
    every_ms: u64,
}

/// The attempts so far. The numbers are when the last attempt that was taken is forgotten (a leaky bucket).
#[derive(Debug, Default)]
pub(super) struct Attempts {
    addresses: HashMap<IpAddr, u64>,
    all: u64,
}

impl Attempts {
    /// Takes an attempt at `now_ms`, or says how many milliseconds to wait. `guessable`: it counts over all, too.
    pub(super) fn begin(&mut self, from: IpAddr, now_ms: u64, guessable: bool) -> Result<(), u64> {
        let from = network(from);
        let mine = ADDRESS.take(self.addresses.get(&from).copied().unwrap_or(0), now_ms)?;
        if guessable {
            self.all = ALL.take(self.all, now_ms)?;
        }
        if self.addresses.len() >= ADDRESSES_MAX && !self.addresses.contains_key(&from) {
            self.make_room(now_ms);
        }
        self.addresses.insert(from, mine);
        Ok(())
    }

    /// An address that has shown a right secret starts afresh.
    pub(super) fn succeeded(&mut self, from: IpAddr) {
        self.addresses.remove(&network(from));
    }

    fn make_room(&mut self, now_ms: u64) {
        self.addresses.retain(|_, ends| *ends > now_ms);
        if self.addresses.len() >= ADDRESSES_MAX {
            let first = self.addresses.iter().min_by_key(|(_, ends)| **ends).map(|(address, _)| *address);
            first.map(|address| self.addresses.remove(&address));
        }
    }
}

impl Rate {
    fn take(&self, ends: u64, now_ms: u64) -> Result<u64, u64> {
        let next = ends.max(now_ms) + self.every_ms;
        let latest = now_ms + self.at_once * self.every_ms;
        if next <= latest { Ok(next) } else { Err(next - latest) }
    }
}

/// Who has one IPv6 address has its /64.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.into(),
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn a_few_at_once_then_one_at_a_time() {
        let mut attempts = Attempts::default();
        for _ in 0..5 {
            assert_eq!(attempts.begin(HERE, 1000, true), Ok(()));
        }
        assert_eq!(attempts.begin(HERE, 1000, true), Err(20_000));
        assert_eq!(attempts.begin(HERE, 20_999, true), Err(1));
        assert_eq!(attempts.begin(HERE, 21_000, true), Ok(()));
        assert!(attempts.begin(HERE, 21_000, true).is_err());
        attempts.succeeded(HERE);
        assert_eq!(attempts.begin(HERE, 21_000, true), Ok(()));
    }

    #[test]
    fn all_addresses_together_are_limited_but_not_for_links() {
        let mut attempts = Attempts::default();
        for n in 0..60_u8 {
            assert_eq!(attempts.begin(IpAddr::from([10, 0, 0, n]), 0, true), Ok(()));
        }
        assert!(attempts.begin(HERE, 0, true).is_err());
        assert_eq!(attempts.begin(HERE, 0, false), Ok(()));
    }

    #[test]
    fn a_network_of_ipv6_is_one_client() {
        let mut attempts = Attempts::default();
        for n in 0..5_u16 {
            let address = Ipv6Addr::new(0x2001, 0xdb8, 1, 2, n, n, n, n);
            assert_eq!(attempts.begin(address.into(), 0, true), Ok(()));
        }
        assert!(attempts.begin("2001:db8:1:2::ffff".parse().unwrap(), 0, true).is_err());
        assert_eq!(attempts.begin("2001:db8:1:3::ffff".parse().unwrap(), 0, true), Ok(()));
    }

    #[test]
    fn memory_is_bounded() {
        let mut attempts = Attempts::default();
        for n in 0..10_000_u32 {
            attempts.begin(IpAddr::from(n.to_be_bytes()), 0, false).unwrap();
        }
        assert!(attempts.addresses.len() <= ADDRESSES_MAX);
    }
}
