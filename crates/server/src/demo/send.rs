//! The made-up present: a plain HTTP client that sends what is due to the front door, over loopback.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::Context as _;
use tokio_util::sync::CancellationToken;

use super::traffic::{Hit, Sent, Traffic};
use crate::clock;
use crate::config::Settings;

/// How often it looks what is due.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// For one answer; a disk that hangs is the server's to report.
const TIMEOUT: Duration = Duration::from_secs(10);
const BODY_BYTES_MAX: u64 = 1 << 20;

/// Starts the thread that sends until `stop`.
pub(super) fn start(
    address: SocketAddr,
    settings: &Settings,
    traffic: Traffic,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let (pixel_path, events_path) =
        (settings.gateway.pixel_path.clone(), settings.gateway.events_path.clone());
    let mut visitors = Visitors { address, pixel_path, events_path, connection: None };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    std::thread::Builder::new()
        .name("demo".into())
        .spawn(move || runtime.block_on(visitors.visit(traffic, stop)))
        .context("cannot start the demo's thread")?;
    Ok(())
}

struct Visitors {
    address: SocketAddr,
    pixel_path: String,
    events_path: String,
    connection: Option<BufReader<TcpStream>>,
}

impl Visitors {
    async fn visit(&mut self, mut traffic: Traffic, stop: CancellationToken) {
        let clock = clock::system();
        while stop.run_until_cancelled(tokio::time::sleep(LOOK_EVERY)).await.is_some() {
            for hit in traffic.until(clock()) {
                if stop.is_cancelled() {
                    return;
                }
                if let Err(error) = self.send(&hit) {
                    tracing::debug!(%error, "a made-up visitor was not answered");
                    self.connection = None;
                }
            }
        }
    }

    fn send(&mut self, hit: &Hit) -> io::Result<()> {
        let request = self.request(hit);
        let connection = match &mut self.connection {
            Some(connection) => connection,
            None => self.connection.insert(connect(self.address)?),
        };
        connection.get_mut().write_all(request.as_bytes())?;
        if !answer(connection)? {
            self.connection = None;
        }
        Ok(())
    }

    fn request(&self, hit: &Hit) -> String {
        let (method, target, body) = match &hit.sent {
            Sent::Pixel(query) => ("GET", format!("{}?{query}", self.pixel_path), ""),
            Sent::Event(body) => ("POST", self.events_path.clone(), body.as_str()),
        };
        let Hit { address, user_agent, language, .. } = hit;
        let mut request = format!(
            "{method} {target} HTTP/1.1\r\nHost: {}\r\nUser-Agent: {user_agent}\r\nX-Forwarded-For: {address}\r\n",
            self.address
        );
        if !language.is_empty() {
            request.push_str(&format!("Accept-Language: {language}\r\n"));
        }
        if hit.prefetch {
            request.push_str("Sec-Purpose: prefetch;prerender\r\n");
        }
        if method == "POST" {
            request
                .push_str(&format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len()));
        }
        request + "\r\n" + body
    }
}

fn connect(address: SocketAddr) -> io::Result<BufReader<TcpStream>> {
    let stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    stream.set_nodelay(true)?;
    Ok(BufReader::new(stream))
}

/// Reads one answer; true when the connection goes on.
fn answer(connection: &mut BufReader<TcpStream>) -> io::Result<bool> {
    let (mut length, mut goes_on) = (0, true);
    loop {
        let mut line = String::new();
        if connection.take(BODY_BYTES_MAX).read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().map_err(|_| io::ErrorKind::InvalidData)?;
        }
        goes_on &= line != "connection: close";
    }
    io::copy(&mut connection.take(length), &mut io::sink())?;
    Ok(goes_on)
}
