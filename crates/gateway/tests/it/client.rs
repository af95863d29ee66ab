//! A client that sends exactly the bytes it is given.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// No answer takes longer than this, on the slowest machine; reached only by a test that fails.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Client {
    tcp: TcpStream,
    unread: Vec<u8>,
}

/// One answer, in the order of its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self { tcp: TcpStream::connect(address).await.unwrap(), unread: Vec::new() }
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.tcp.write_all(bytes.as_ref()).await.unwrap();
    }

    /// Sends as long as the other side takes it, up to `times`; how often it did.
    pub(crate) async fn send_up_to(&mut self, times: usize, bytes: &[u8]) -> usize {
        for sent in 0..times {
            match timeout(PATIENCE, self.tcp.write_all(bytes)).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) | Err(_) => return sent,
            }
        }
        times
    }

    pub(crate) async fn finish_sending(&mut self) {
        self.tcp.shutdown().await.unwrap();
    }

    /// The next answer; `head` says that it belongs to a request without a body in its answer.
    async fn next(&mut self, head: bool) -> Option<Answer> {
        let end = loop {
            if let Some(at) = self.unread.windows(4).position(|window| window == b"\r\n\r\n") {
                break at + 4;
            }
            if !self.fill().await {
                assert!(
                    self.unread.is_empty(),
                    "half an answer: {:?}",
                    String::from_utf8_lossy(&self.unread)
                );
                return None;
            }
        };
        let mut answer = Answer::parse(&self.unread[..end]);
        self.unread.drain(..end);
        let length: usize = match answer.header("content-length") {
            Some(length) if !head => length.parse().unwrap(),
            _ => 0,
        };
        while self.unread.len() < length {
            assert!(self.fill().await, "the body is cut: {answer:?}");
        }
        answer.body = self.unread.drain(..length).collect();
        Some(answer)
    }

    pub(crate) async fn answer(&mut self) -> Answer {
        self.next(false).await.expect("the connection was closed without an answer")
    }

    pub(crate) async fn answer_to_head(&mut self) -> Answer {
        self.next(true).await.expect("the connection was closed without an answer")
    }

    /// An answer, if one comes before the end.
    pub(crate) async fn answer_or_end(&mut self) -> Option<Answer> {
        self.next(false).await
    }

    pub(crate) async fn is_closed(&mut self) -> bool {
        self.unread.is_empty() && !self.fill().await
    }

    /// Reads more; false at the end, which may also be a reset.
    async fn fill(&mut self) -> bool {
        let read = timeout(PATIENCE, self.tcp.read_buf(&mut self.unread)).await;
        matches!(read.expect("no answer and no end"), Ok(read) if read > 0)
    }
}

impl Answer {
    fn parse(head: &[u8]) -> Self {
        let head = std::str::from_utf8(head).unwrap();
        let mut lines = head.trim_end().split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let header = |line: &str| {
            let (name, value) = line.split_once(": ").unwrap_or_else(|| panic!("no header: {line:?}"));
            (name.to_owned(), value.to_owned())
        };
        Self { status, headers: lines.map(header).collect(), body: Vec::new() }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(found, _)| found == name).map(|(_, value)| &**value);
        let first = values.next();
        assert_eq!(values.next(), None, "{name} is there twice");
        first
    }

    /// All headers but the date, one a line, sorted; the golden form.
    pub(crate) fn golden(&self) -> String {
        assert!(self.header("date").is_some(), "{self:?}");
        let shown = self.headers.iter().filter(|(name, _)| name != "date");
        let mut lines: Vec<_> = shown.map(|(name, value)| format!("{name}: {value}")).collect();
        lines.sort();
        lines.join("\n")
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        assert_eq!(self.header("content-type"), Some("application/json"), "{self:?}");
        assert_eq!(self.header("x-content-type-options"), Some("nosniff"), "{self:?}");
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn error(&self) -> String {
        self.json()["error"].as_str().unwrap_or_else(|| panic!("no error in {self:?}")).to_owned()
    }
}

/// A `POST` to the events door with a length and these headers.
pub(crate) fn post(headers: &[&str], body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let mut request = format!("POST /e HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n", body.len());
    for header in headers {
        request += header;
        request += "\r\n";
    }
    request += "\r\n";
    [request.as_bytes(), body].concat()
}

/// The same with JSON.
pub(crate) fn post_json(body: impl AsRef<[u8]>) -> Vec<u8> {
    post(&["content-type: application/json"], body)
}

pub(crate) fn get(target: &str, headers: &[&str]) -> String {
    let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    format!("GET {target} HTTP/1.1\r\nhost: x\r\n{headers}\r\n")
}
