//! A receiver of Alertmanager's webhooks that keeps every notification. The first part of the path is the receiver's name.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::process::fail;

/// How long a notification may take: windows, evaluation, grouping and sending together.
const LIMIT: Duration = Duration::from_secs(90);

/// What one receiver was told at once.
#[derive(Debug, Clone)]
pub(crate) struct Notification {
    /// Whom Alertmanager meant.
    pub(crate) receiver: String,
    /// The body (`status`, `groupLabels`, `alerts`, …).
    pub(crate) body: Value,
    /// When it came.
    pub(crate) at: Timestamp,
}

impl Notification {
    /// The alerts of this name in this state (`firing`, `resolved`).
    pub(crate) fn alerts(&self, name: &str, status: &str) -> Vec<&Value> {
        let all = self.body["alerts"].as_array();
        let of = |alert: &&Value| alert["labels"]["alertname"] == name && alert["status"] == status;
        all.into_iter().flatten().filter(of).collect()
    }

    /// The names of all alerts, in any state.
    pub(crate) fn names(&self) -> Vec<String> {
        let all = self.body["alerts"].as_array();
        let name = |alert: &Value| alert["labels"]["alertname"].as_str().unwrap_or_default().to_owned();
        all.into_iter().flatten().map(name).collect()
    }
}

#[derive(Default)]
struct Kept {
    notifications: Mutex<Vec<Notification>>,
    more: Condvar,
}

/// A running receiver; its threads end with the test.
pub(crate) struct Webhook {
    pub(crate) address: SocketAddr,
    kept: Arc<Kept>,
}

impl Webhook {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let address = listener.local_addr().expect("it is bound");
        let kept = Arc::new(Kept::default());
        let keeper = Arc::clone(&kept);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let kept = Arc::clone(&keeper);
                std::thread::spawn(move || while_open(stream, &kept));
            }
        });
        Self { address, kept }
    }

    /// The address for the receiver of this name.
    pub(crate) fn url(&self, receiver: &str) -> String {
        format!("http://{}/{receiver}", self.address)
    }

    /// All notifications so far.
    pub(crate) fn all(&self) -> Vec<Notification> {
        self.kept.notifications.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits for a notification to `receiver` that `wanted` takes, also one that came already.
    pub(crate) fn received(&self, receiver: &str, wanted: impl Fn(&Notification) -> bool) -> Notification {
        let found = |all: &[Notification]| {
            all.iter().find(|notification| notification.receiver == receiver && wanted(notification)).cloned()
        };
        let kept = self.kept.notifications.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.kept.more.wait_timeout_while(kept, LIMIT, |all| found(all).is_none());
        let (kept, _) = waited.unwrap_or_else(PoisonError::into_inner);
        found(&kept).unwrap_or_else(|| {
            fail(&format!("`{receiver}` was not told in {LIMIT:?}; what came: {:#?}", *kept))
        })
    }
}

fn while_open(stream: TcpStream, kept: &Kept) {
    let mut writer = stream.try_clone().expect("a socket has a second handle");
    let mut reader = BufReader::new(stream);
    while let Some((receiver, body)) = request(&mut reader) {
        let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
        kept.notifications.lock().unwrap_or_else(PoisonError::into_inner).push(Notification {
            receiver,
            body,
            at: Timestamp::now(),
        });
        kept.more.notify_all();
        if writer.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").is_err() {
            return;
        }
    }
}

/// One request: the name in its path, and its body.
fn request(reader: &mut BufReader<TcpStream>) -> Option<(String, Vec<u8>)> {
    let mut first = String::new();
    reader.read_line(&mut first).ok().filter(|read| *read > 0)?;
    let receiver = first.split(' ').nth(1)?.trim_start_matches('/').to_owned();
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        if line.trim().is_empty() {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((receiver, body))
}
