//! Everything a stranger may send: the documented status each time, no panic, bounded memory, and neighbours that do
//! not notice.
//!
//! Each test attacks a server of its own ([`Target`]) and ends with the same checks.

mod connections;
mod events;
mod pixel;

use crate::harness::{Http, Launch, Response, Server, archive, folder, s, shared};

/// More than the server takes for ordinary load, far less than any of the attacks would cost if it were kept.
const MEMORY_MAX: u64 = 128 << 20;

/// A server under attack, with a neighbour who behaves.
struct Target {
    launch: Launch,
    server: Server,
    neighbour: Http,
    stored: Vec<String>,
    _home: tempfile::TempDir,
    _turn: std::sync::RwLockReadGuard<'static, ()>,
}

impl Target {
    fn start() -> Self {
        let turn = shared();
        let home = folder();
        let launch = Launch::new(home.path().join("data"))
            .set("gateway.rate", "0")
            .set("archive.batch_window", "200ms");
        let server = launch.start();
        let neighbour = server.http();
        Self { launch, server, neighbour, stored: Vec::new(), _home: home, _turn: turn }
    }

    /// The neighbour's next hit, on the same connection as all before; it must be stored.
    #[track_caller]
    fn neighbour(&mut self) {
        let response = self.neighbour.get("/p.gif?site=neighbour").unwrap();
        assert_eq!(response.status, 200, "a well-formed neighbour was refused: {}", response.text());
        self.stored.push(response.event_id().unwrap());
    }

    /// Sends bytes on a new connection and reads the answer.
    #[track_caller]
    fn raw(&self, bytes: &[u8]) -> Response {
        let mut http = self.server.http();
        // The server may answer and close before it has read everything.
        drop(http.send(bytes));
        http.receive(false).unwrap_or_else(|error| panic!("{error} instead of an answer to {}", shown(bytes)))
    }

    /// The bytes get no answer: the connection is closed.
    #[track_caller]
    fn closes(&self, bytes: &[u8]) {
        let mut http = self.server.http();
        drop(http.send(bytes));
        let answer = http.receive(false);
        assert!(answer.is_err() && http.is_closed(), "{answer:?} to {}", shown(bytes));
    }

    /// The process lives, never panicked, stayed small, and has all of the neighbour's hits. Returns all lines that
    /// are archived.
    #[track_caller]
    fn end(mut self) -> Vec<serde_json::Value> {
        self.neighbour();
        assert!(self.server.is_running());
        let peak = self.server.memory_peak();
        assert!(peak < MEMORY_MAX, "{} MiB of memory", peak >> 20);
        assert_eq!(self.server.get("/healthz").status, 200);
        drop(self.neighbour);
        self.server.caught_up("archive", s(20));
        self.server.stop();
        self.launch.balanced();
        let (archived, _) = archive::tally(&self.launch.archive());
        for id in &self.stored {
            assert_eq!(archived.get(id), Some(&1), "the neighbour's {id}");
        }
        archive::values(&self.launch.archive())
    }
}

/// The beginning of what was sent, for messages.
fn shown(bytes: &[u8]) -> String {
    bytes[..bytes.len().min(120)].escape_ascii().to_string()
}
