//! The throttle: how often callers may come, each of them and all together.
//!
//! The generic cell rate algorithm (ITU-T I.371): a token bucket kept as one number, the moment at which the
//! bucket would be full again. A request is admitted while that moment is no further away than the bucket is
//! deep. Takes the time as an argument and holds no timer and no thread. Bounded: the clients remembered are a
//! cache that evicts (why the `governor` crate, whose keyed store grows with its keys, is not used).

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use quick_cache::sync::Cache;

use super::limits::CLIENTS_MAX;

const NS_PER_S: u64 = 1_000_000_000;

/// Which bucket was empty, and when it will hold a token again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Throttled {
    /// The client's own.
    Client(Duration),
    /// The one over all callers.
    All(Duration),
}

/// A bucket for each client and one over all. Both doors share them; nothing else is throttled.
pub(crate) struct Throttle {
    clients: Option<(Rate, Cache<IpAddr, Arc<AtomicU64>>)>,
    all: Option<(Rate, AtomicU64)>,
}

impl Throttle {
    /// Rates are requests per second, 0 for no limit; a burst of 0 is what comes in a second.
    pub(crate) fn new(rate: u32, burst: u32, client_rate: u32, client_burst: u32) -> Self {
        Self {
            clients: Rate::new(client_rate, client_burst).map(|rate| (rate, Cache::new(CLIENTS_MAX))),
            all: Rate::new(rate, burst).map(|rate| (rate, AtomicU64::new(0))),
        }
    }

    /// Takes one token for a request of `client` at `now`, a time that never goes back, from any zero.
    ///
    /// The client's bucket comes first, so that one client over its rate takes nothing from the others.
    pub(crate) fn admit(&self, client: IpAddr, now: Duration) -> Result<(), Throttled> {
        let now = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        if let Some((rate, clients)) = &self.clients {
            let bucket = bucket(clients, network(client));
            rate.take(&bucket, now).map_err(Throttled::Client)?;
        }
        if let Some((rate, bucket)) = &self.all {
            rate.take(bucket, now).map_err(Throttled::All)?;
        }
        Ok(())
    }
}

fn bucket(clients: &Cache<IpAddr, Arc<AtomicU64>>, client: IpAddr) -> Arc<AtomicU64> {
    match clients.get_or_insert_with(&client, || Ok::<_, std::convert::Infallible>(Arc::default())) {
        Ok(bucket) => bucket,
        Err(never) => match never {},
    }
}

/// What counts as one client: an IPv4 address, or the /64 an IPv6 subscriber has at least.
fn network(client: IpAddr) -> IpAddr {
    match client {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

/// How fast a bucket fills and how deep it is, in nanoseconds.
#[derive(Debug, Clone, Copy)]
struct Rate {
    token_ns: u64,
    depth_ns: u64,
}

impl Rate {
    fn new(rate: u32, burst: u32) -> Option<Self> {
        let token_ns = NS_PER_S.checked_div(u64::from(rate))?;
        let burst = if burst == 0 { rate } else { burst };
        Some(Self { token_ns, depth_ns: token_ns * u64::from(burst) })
    }

    /// Takes a token, or says how long to wait for one. `full_at` is when the bucket is full again.
    fn take(self, full_at: &AtomicU64, now: u64) -> Result<(), Duration> {
        let mut seen = full_at.load(Ordering::Relaxed);
        loop {
            let after = seen.max(now).saturating_add(self.token_ns);
            let wait = after.saturating_sub(now).saturating_sub(self.depth_ns);
            if wait > 0 {
                return Err(Duration::from_nanos(wait));
            }
            match full_at.compare_exchange_weak(seen, after, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return Ok(()),
                Err(changed) => seen = changed,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "192.0.2.1";
    const B: &str = "192.0.2.2";

    /// Requests as (milliseconds, client) and whether each gets in.
    fn check(throttle: &Throttle, requests: &[(u64, &str, Result<(), Throttled>)]) {
        for (ms, client, expected) in requests {
            let found = throttle.admit(client.parse().unwrap(), Duration::from_millis(*ms));
            assert_eq!(found, *expected, "at {ms} ms from {client}");
        }
    }

    fn all(ms: u64) -> Result<(), Throttled> {
        Err(Throttled::All(Duration::from_millis(ms)))
    }

    fn client(ms: u64) -> Result<(), Throttled> {
        Err(Throttled::Client(Duration::from_millis(ms)))
    }

    #[test]
    fn a_burst_then_the_rate() {
        let throttle = Throttle::new(10, 3, 0, 0);
        check(
            &throttle,
            &[(0, A, Ok(())), (0, B, Ok(())), (0, A, Ok(())), (0, A, all(100)), (50, A, all(50))],
        );
        check(&throttle, &[(100, A, Ok(())), (100, A, all(100)), (10_000, A, Ok(())), (10_000, A, Ok(()))]);
        check(&throttle, &[(10_000, A, Ok(())), (10_000, A, all(100))]);
    }

    #[test]
    fn zero_is_off_and_without_a_burst_a_second_may_come_at_once() {
        let off = Throttle::new(0, 0, 0, 0);
        (0..100_000).for_each(|_| check(&off, &[(0, A, Ok(()))]));
        check(&Throttle::new(1, 0, 0, 0), &[(0, A, Ok(())), (0, A, all(1000)), (1000, A, Ok(()))]);
        check(&Throttle::new(0, 0, 2, 0), &[(0, A, Ok(())), (0, A, Ok(())), (0, A, client(500))]);
    }

    #[test]
    fn one_client_over_its_rate_takes_nothing_from_the_others() {
        let throttle = Throttle::new(1, 3, 1, 1);
        check(&throttle, &[(0, A, Ok(())), (0, A, client(1000)), (0, A, client(1000)), (0, B, Ok(()))]);
        check(&throttle, &[(0, "192.0.2.3", Ok(())), (0, "192.0.2.4", all(1000))]);
    }

    #[test]
    fn an_ipv6_client_is_its_64() {
        let throttle = Throttle::new(0, 0, 1, 1);
        check(&throttle, &[(0, "2001:db8:0:1::1", Ok(())), (0, "2001:db8:0:1:ffff::9", client(1000))]);
        check(&throttle, &[(0, "2001:db8:0:2::1", Ok(()))]);
    }

    #[test]
    fn remembered_clients_are_bounded() {
        let throttle = Throttle::new(0, 0, 1, 1);
        for n in 0..2 * u32::try_from(CLIENTS_MAX).unwrap() {
            throttle.admit(IpAddr::from(n.to_be_bytes()), Duration::ZERO).unwrap();
        }
        assert!(throttle.clients.unwrap().1.len() <= CLIENTS_MAX);
    }

    #[test]
    fn the_highest_rate_and_burst_do_not_overflow() {
        let throttle = Throttle::new(1, u32::MAX, u32::MAX, u32::MAX);
        check(&throttle, &[(0, A, Ok(())), (u64::MAX / 1_000_000, A, Ok(()))]);
    }
}
