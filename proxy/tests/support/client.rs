//! A client that sends bytes as given and notes what comes back.

use std::io::Write;
use std::net::{Shutdown, SocketAddr, TcpStream};

use super::PATIENCE;
use super::wire::{Message, Reader};

/// One connection.
pub(crate) struct RawClient {
    stream: TcpStream,
    /// What the server sends.
    pub(crate) reader: Reader<TcpStream>,
}

impl RawClient {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        let reader = Reader::new(stream.try_clone().unwrap());
        Self { stream, reader }
    }

    /// Sends bytes; whether they are taken is not asked.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        let _gone = self.stream.write_all(bytes);
    }

    /// The next response, informational ones too; `None` when the connection ended before its head.
    pub(crate) fn response(&mut self, bodyless: bool) -> Option<Message> {
        let mut message = self.reader.head()?;
        let status = message.status();
        self.reader.body(&mut message, bodyless || status < 200 || status == 204 || status == 304);
        Some(message)
    }

    /// Sends a request and takes its response.
    pub(crate) fn exchange(&mut self, request: &[u8]) -> Message {
        self.send(request);
        self.response(request.starts_with(b"HEAD")).expect("a response")
    }

    /// Ends the sending direction.
    pub(crate) fn finish_sending(&self) {
        self.stream.shutdown(Shutdown::Write).unwrap();
    }

    /// Resets the connection.
    pub(crate) fn reset(self) {
        socket2::SockRef::from(&self.stream).set_linger(Some(std::time::Duration::ZERO)).unwrap();
    }
}
