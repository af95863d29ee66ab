//! Every limit of the edge that is not a setting, in one place, each with its reason.
//!
//! They are a value and not constants so that a test can wait milliseconds where a client may wait seconds.

use std::time::Duration;

/// Limits on connections, heads and bodies. `Default` is what the server runs with.
///
/// Worst case in memory: `connections_max` times (`head_bytes_max` + 16 KiB) + `bodies_bytes_max`,
/// reached only when every connection sends a head or a body of the largest size and stops before its end.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Connections open at once; more wait in the kernel's backlog. An idle one costs about 10 KiB and one file
    /// descriptor: the binary lowers this when the process may not open as many files.
    pub connections_max: usize,
    /// Request line and headers, in bytes. The longest URI the `http` crate can hold is 65,534 bytes; 16 KiB on
    /// top hold the headers and cookies of every browser, so that a longer URI can be told apart (414, not 431).
    pub head_bytes_max: usize,
    /// From the connection to the end of its TLS handshake: two round trips on the worst of lines.
    pub handshake_max: Duration,
    /// From the moment a request could begin to the end of its head. It bounds slow heads and idle connections
    /// alike, and is above the 60 s after which load balancers give up an idle connection: they must be first.
    pub head_read_max: Duration,
    /// From the end of the head to the end of the body: 1 MiB at 280 kbit/s.
    pub body_read_max: Duration,
    /// Between two pieces of a body: a mobile connection that changes cells is back by then.
    pub body_idle_max: Duration,
    /// Bytes of bodies held at once over all connections, what each holds up to 16 KiB apart.
    pub bodies_bytes_max: usize,
    /// A write that makes no progress for so long is to a client that has gone.
    pub write_idle_max: Duration,
    /// After the last answer of a connection, how long what the client still sends is read and thrown away:
    /// closing with unread bytes makes the kernel reset the connection, which can destroy the answer on its way.
    pub linger_max: Duration,
    /// How many bytes are thrown away like that.
    pub linger_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 8192,
            head_bytes_max: 80 * 1024,
            handshake_max: Duration::from_secs(10),
            head_read_max: Duration::from_secs(75),
            body_read_max: Duration::from_secs(30),
            body_idle_max: Duration::from_secs(10),
            bodies_bytes_max: 64 * 1024 * 1024,
            write_idle_max: Duration::from_secs(30),
            linger_max: Duration::from_secs(1),
            linger_bytes_max: 1024 * 1024,
        }
    }
}

/// What one body may hold outside `bodies_bytes_max`: ordinary batches are never refused for the sake of a few
/// huge ones that trickle in.
pub(crate) const BODY_BYTES_FREE: usize = 16 * 1024;

/// Headers of one request: hyper's own limit, up to which it parses on the stack. A test holds it to this number.
pub const HEADERS_MAX: usize = 100;

/// Clients the throttle remembers (about 100 bytes each). The one that was away longest is forgotten first,
/// which gives it a full burst.
pub(crate) const CLIENTS_MAX: usize = 65_536;

/// The share of `connections_max` that, when no more is free, makes every answer close its connection: idle
/// connections are a courtesy for which there is no room then.
pub(crate) const CROWDED_FREE_DIVISOR: usize = 4;

/// First and longest pause after the kernel refused to accept (no descriptor, no memory): closing connections
/// free what is missing within milliseconds, a leak elsewhere does not.
pub(crate) const ACCEPT_PAUSE: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(1));

/// How long a browser may remember a preflight's answer (Chromium keeps none longer than two hours).
pub(crate) const PREFLIGHT_MAX_AGE_S: &str = "7200";
