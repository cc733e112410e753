//! A server that does exactly what its script says.

use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use super::PATIENCE;
use super::wire::{End, Message, Reader};

/// A running server; its threads end with the test.
pub(crate) struct ScriptedServer {
    /// Where it listens (for a Unix socket: nowhere).
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<Message>>>,
    connections: Arc<AtomicUsize>,
}

impl ScriptedServer {
    /// Runs `script` on each connection.
    pub(crate) fn start(script: impl Fn(&mut Connection) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Self::at(listener.local_addr().unwrap());
        let (seen, connections) = (Arc::clone(&server.seen), Arc::clone(&server.connections));
        let script = Arc::new(script);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                connections.fetch_add(1, Ordering::SeqCst);
                let (script, seen) = (Arc::clone(&script), Arc::clone(&seen));
                std::thread::spawn(move || script(&mut Connection::new(Stream::Tcp(stream.unwrap()), seen)));
            }
        });
        server
    }

    /// The same on a Unix socket.
    pub(crate) fn start_unix(path: &Path, script: impl Fn(&mut Connection) + Send + Sync + 'static) -> Self {
        let listener = UnixListener::bind(path).unwrap();
        let server = Self::at(SocketAddr::from(([0; 4], 0)));
        let seen = Arc::clone(&server.seen);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                script(&mut Connection::new(Stream::Unix(stream.unwrap()), Arc::clone(&seen)));
            }
        });
        server
    }

    /// Answers every request with these bytes and keeps the connection.
    pub(crate) fn answering(response: impl Into<Vec<u8>>) -> Self {
        let response = response.into();
        Self::start(move |connection| {
            while connection.request().is_some() {
                connection.send(&response);
            }
        })
    }

    fn at(address: SocketAddr) -> Self {
        Self { address, seen: Arc::default(), connections: Arc::default() }
    }

    /// The requests seen so far.
    pub(crate) fn seen(&self) -> Vec<Message> {
        self.seen.lock().unwrap().clone()
    }

    /// The connections accepted so far.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// One accepted connection.
pub(crate) struct Connection {
    stream: Stream,
    /// What the client sends.
    pub(crate) reader: Reader<Box<dyn std::io::Read + Send>>,
    seen: Arc<Mutex<Vec<Message>>>,
}

impl Connection {
    fn new(stream: Stream, seen: Arc<Mutex<Vec<Message>>>) -> Self {
        let reading: Box<dyn std::io::Read + Send> = match &stream {
            Stream::Tcp(stream) => {
                stream.set_nodelay(true).unwrap();
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                Box::new(stream.try_clone().unwrap())
            }
            Stream::Unix(stream) => Box::new(stream.try_clone().unwrap()),
        };
        Self { stream, reader: Reader::new(reading), seen }
    }

    /// Reads a whole request and notes it; `None` when the connection ended.
    pub(crate) fn request(&mut self) -> Option<Message> {
        let mut message = self.reader.head()?;
        self.reader.body(&mut message, false);
        self.note(&message);
        Some(message)
    }

    /// Notes a request that the script read itself.
    pub(crate) fn note(&self, message: &Message) {
        self.seen.lock().unwrap().push(message.clone());
    }

    /// Sends bytes; whether the client takes them is not asked.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        let _gone = match &mut self.stream {
            Stream::Tcp(stream) => stream.write_all(bytes),
            Stream::Unix(stream) => stream.write_all(bytes),
        };
    }

    /// Resets the connection.
    pub(crate) fn reset(&mut self) {
        if let Stream::Tcp(stream) = &self.stream {
            socket2::SockRef::from(stream).set_linger(Some(std::time::Duration::ZERO)).unwrap();
        }
    }

    /// Ends the sending direction.
    pub(crate) fn finish_sending(&mut self) {
        let _gone = match &self.stream {
            Stream::Tcp(stream) => stream.shutdown(std::net::Shutdown::Write),
            Stream::Unix(stream) => stream.shutdown(std::net::Shutdown::Write),
        };
    }

    /// Waits until the client closes; says how.
    pub(crate) fn wait_for_end(&mut self) -> End {
        self.reader.rest();
        self.reader.end
    }
}
