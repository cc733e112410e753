//! HTTP/1 messages as they stand on the wire, read without any help from the code under test.

use std::io::{self, Read};

/// How the sending direction of a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// It is still open.
    Open,
    /// It was closed.
    Fin,
    /// It was reset.
    Reset,
}

/// What frames a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// Nothing: there is no body.
    None,
    /// `Content-Length`.
    Length,
    /// `Transfer-Encoding: chunked`.
    Chunked,
    /// The end of the connection.
    Close,
}

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    /// Request or status line.
    pub(crate) start: String,
    /// Headers as they stand: order, case, value.
    pub(crate) headers: Vec<(String, String)>,
    /// Body without its framing.
    pub(crate) body: Vec<u8>,
    /// Trailer fields.
    pub(crate) trailers: Vec<(String, String)>,
    /// How the body was framed.
    pub(crate) framing: Framing,
    /// Whether it arrived to its end.
    pub(crate) complete: bool,
    /// What had become of the connection at its end.
    pub(crate) end: End,
}

impl Message {
    /// The value of the first header of this name, in any case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The status of a response.
    pub(crate) fn status(&self) -> u16 {
        self.start.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
    }

    /// The message without what ends at each hop.
    pub(crate) fn end_to_end(mut self) -> Self {
        const HOP: [&str; 5] =
            ["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"];
        self.headers.retain(|(name, _)| !HOP.iter().any(|hop| name.eq_ignore_ascii_case(hop)));
        // hyper writes the names of trailers in lower case.
        for (name, _) in &mut self.trailers {
            name.make_ascii_lowercase();
        }
        if self.framing == Framing::Close {
            self.framing = Framing::Chunked;
        }
        self
    }
}

/// Reads messages from one direction of a connection.
pub(crate) struct Reader<R> {
    stream: R,
    buffer: Vec<u8>,
    /// What became of the direction.
    pub(crate) end: End,
}

impl<R: Read> Reader<R> {
    pub(crate) fn new(stream: R) -> Self {
        Self { stream, buffer: Vec::new(), end: End::Open }
    }

    /// What was read but not yet taken.
    pub(crate) fn take_buffer(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.buffer)
    }

    /// Reads once; `false` at the end.
    pub(crate) fn fill(&mut self) -> bool {
        if self.end != End::Open {
            return false;
        }
        let mut chunk = vec![0; 64 * 1024];
        match self.stream.read(&mut chunk) {
            Ok(0) => self.end = End::Fin,
            Ok(count) => self.buffer.extend_from_slice(&chunk[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => self.end = End::Reset,
            Err(error) => panic!("read: {error}"),
        }
        self.end == End::Open
    }

    /// Bytes up to and with `mark`; `None` if the end comes first.
    pub(crate) fn until(&mut self, mark: &[u8]) -> Option<Vec<u8>> {
        let mut seen = 0;
        loop {
            if let Some(at) = self.buffer[seen..].windows(mark.len()).position(|window| window == mark) {
                return Some(self.buffer.drain(..seen + at + mark.len()).collect());
            }
            seen = self.buffer.len().saturating_sub(mark.len() - 1);
            if !self.fill() {
                return None;
            }
        }
    }

    /// As many bytes, or all that came until the end.
    pub(crate) fn exactly(&mut self, count: usize) -> Vec<u8> {
        while self.buffer.len() < count && self.fill() {}
        let count = count.min(self.buffer.len());
        self.buffer.drain(..count).collect()
    }

    /// Everything until the end.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        while self.fill() {}
        self.take_buffer()
    }

    /// A head; `None` if the connection ends before it is complete.
    pub(crate) fn head(&mut self) -> Option<Message> {
        let head = self.until(b"\r\n\r\n")?;
        let text: String = head.iter().map(|byte| char::from(*byte)).collect();
        let mut lines = text.trim_end_matches("\r\n").split("\r\n");
        let start = lines.next().unwrap_or_default().to_owned();
        let headers = lines.map(field).collect();
        Some(Message {
            start,
            headers,
            body: Vec::new(),
            trailers: Vec::new(),
            framing: Framing::None,
            complete: false,
            end: self.end,
        })
    }

    /// The body that belongs to a head.
    pub(crate) fn body(&mut self, message: &mut Message, bodyless: bool) {
        let response = message.start.starts_with("HTTP/");
        let length = message.header("content-length").and_then(|value| value.parse::<usize>().ok());
        if bodyless {
            message.complete = true;
        } else if message.header("transfer-encoding").is_some() {
            message.framing = Framing::Chunked;
            message.complete = self.chunked(message).is_some();
        } else if let Some(length) = length {
            message.framing = Framing::Length;
            message.body = self.exactly(length);
            message.complete = message.body.len() == length;
        } else if response {
            message.framing = Framing::Close;
            message.body = self.rest();
            message.complete = self.end == End::Fin;
        } else {
            message.complete = true;
        }
        message.end = self.end;
    }

    fn chunked(&mut self, message: &mut Message) -> Option<()> {
        loop {
            let line = self.until(b"\r\n")?;
            let size = String::from_utf8_lossy(&line);
            let size = usize::from_str_radix(size.trim().split(';').next()?.trim(), 16).ok()?;
            if size == 0 {
                break;
            }
            let chunk = self.exactly(size);
            let whole = chunk.len() == size;
            message.body.extend_from_slice(&chunk);
            if !whole {
                return None;
            }
            self.until(b"\r\n")?;
        }
        loop {
            let line = self.until(b"\r\n")?;
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            if line.is_empty() {
                return Some(());
            }
            message.trailers.push(field(&line));
        }
    }
}

fn field(line: &str) -> (String, String) {
    let (name, value) = line.split_once(':').unwrap_or((line, ""));
    (name.to_owned(), value.trim().to_owned())
}
