//! A Kinesis of a few lines that does to each call what the script says, and remembers what it has stored.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// What happens to one call. Without a step left, all is stored.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// Everything is stored.
    Store,
    /// Everything but the records at these places, which fail with this code.
    Partly(Vec<usize>, &'static str),
    /// Nothing is stored, and this is the answer.
    Answer(u16, &'static str),
    /// Nothing is stored, and the connection breaks.
    Break,
    /// Everything is stored, and the connection breaks before the answer.
    StoreAndBreak,
    /// Nothing is stored, and no answer comes.
    Hang,
    /// Everything is stored, and a result is missing in the answer.
    Short,
    /// Everything is stored, after this long.
    Slow(Duration),
}

#[derive(Debug, Default)]
struct Seen {
    script: VecDeque<Step>,
    stored: Vec<(String, Vec<u8>)>,
    calls: Vec<usize>,
    connections: usize,
}

/// The service; gone with this value.
#[derive(Debug)]
pub(crate) struct Scripted {
    url: String,
    seen: Arc<Mutex<Seen>>,
    _serving: JoinSet<()>,
}

impl Scripted {
    /// Serves on loopback.
    pub(crate) async fn start(script: impl IntoIterator<Item = Step>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Seen { script: script.into_iter().collect(), ..Seen::default() }));
        let mut serving = JoinSet::new();
        let shared = Arc::clone(&seen);
        serving.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                shared.lock().unwrap().connections += 1;
                let shared = Arc::clone(&shared);
                connections.spawn(async move { serve(stream, &shared).await });
            }
        });
        Self { url, seen, _serving: serving }
    }

    /// A client of it that tries once.
    pub(crate) fn client(&self) -> aws_sdk_kinesis::Client {
        let credentials = aws_sdk_kinesis::config::Credentials::new("key", "secret", None, None, "tests");
        let config = aws_sdk_kinesis::Config::builder()
            .behavior_version(aws_config::BehaviorVersion::latest())
            .region(aws_config::Region::new("us-east-1"))
            .credentials_provider(credentials)
            .retry_config(aws_config::retry::RetryConfig::disabled())
            .endpoint_url(&self.url);
        aws_sdk_kinesis::Client::from_conf(config.build())
    }

    /// The data of all that is stored, in the order of arrival.
    pub(crate) fn stored(&self) -> Vec<Vec<u8>> {
        self.seen.lock().unwrap().stored.iter().map(|(_, data)| data.clone()).collect()
    }

    /// The same with the partition keys.
    pub(crate) fn stored_by_key(&self) -> Vec<(String, Vec<u8>)> {
        self.seen.lock().unwrap().stored.clone()
    }

    /// How many records each call held.
    pub(crate) fn calls(&self) -> Vec<usize> {
        self.seen.lock().unwrap().calls.clone()
    }

    /// How many connections were made.
    pub(crate) fn connections(&self) -> usize {
        self.seen.lock().unwrap().connections
    }
}

async fn serve(mut stream: TcpStream, seen: &Mutex<Seen>) {
    let mut buffer = Vec::new();
    while let Some(body) = request(&mut stream, &mut buffer).await {
        let call: Value = serde_json::from_slice(&body).unwrap();
        let records = call["Records"].as_array().unwrap();
        let step = {
            let mut seen = seen.lock().unwrap();
            seen.calls.push(records.len());
            seen.script.pop_front().unwrap_or(Step::Store)
        };
        let failing = match &step {
            Step::Partly(failing, _) => failing.clone(),
            Step::Answer(..) | Step::Break | Step::Hang => (0..records.len()).collect(),
            _ => Vec::new(),
        };
        let store = |seen: &Mutex<Seen>| {
            let taken = records.iter().enumerate().filter(|(at, _)| !failing.contains(at));
            let taken = taken.map(|(_, record)| {
                let key = record["PartitionKey"].as_str().unwrap().to_owned();
                (key, STANDARD.decode(record["Data"].as_str().unwrap()).unwrap())
            });
            seen.lock().unwrap().stored.extend(taken);
        };
        let result = |at: usize, code: &str| match failing.contains(&at) {
            true => json!({"ErrorCode": code, "ErrorMessage": "as the script says"}),
            false => json!({"SequenceNumber": at.to_string(), "ShardId": "shardId-000000000000"}),
        };
        let results = |count: usize, code| (0..count).map(|at| result(at, code)).collect::<Vec<_>>();
        let (status, body) = match step {
            Step::Store => (200, json!({"Records": results(records.len(), "")})),
            Step::Partly(_, code) => (200, json!({"Records": results(records.len(), code)})),
            Step::Short => (200, json!({"Records": results(records.len() - 1, "")})),
            Step::Slow(time) => {
                tokio::time::sleep(time).await;
                (200, json!({"Records": results(records.len(), "")}))
            }
            Step::Answer(status, code) => (status, json!({"__type": code, "message": "as the script says"})),
            Step::Break => return,
            Step::StoreAndBreak => {
                store(seen);
                return;
            }
            Step::Hang => return std::future::pending().await,
        };
        store(seen);
        let body = body.to_string();
        let head = format!(
            "HTTP/1.1 {status} x\r\ncontent-type: application/x-amz-json-1.1\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        if stream.write_all(&[head.as_bytes(), body.as_bytes()].concat()).await.is_err() {
            return;
        }
    }
}

/// The body of the next request; none at the end of the connection.
async fn request(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<Vec<u8>> {
    loop {
        if let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&buffer[..end]).to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length:")).unwrap_or("0");
            let whole = end + 4 + length.trim().parse::<usize>().unwrap();
            if buffer.len() >= whole {
                let body = buffer[end + 4..whole].to_vec();
                buffer.drain(..whole);
                return Some(body);
            }
        }
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
}
