//! Heads and bodies, into an output.

use std::io::Write as _;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, Method, Version, request, response};
use http_body::{Frame, SizeHint};

use super::framing::{Framing, ends_chunked, is_bodyless};
use super::output::Output;
use super::spelling::{Spelling, write_line, write_plain};

/// Room for what a head has besides its fields, or is added to them.
const START: usize = 128;

/// Room for a small body.
const BODY: usize = 512;

/// How the rest of a body is written.
#[derive(Debug)]
pub(in crate::http) struct Encoder {
    framing: Framing,
    over: bool,
}

/// Writes a request head. A body of unknown length whose framing the head does not say becomes chunked.
pub(in crate::http) fn request(
    parts: &request::Parts,
    spelling: Option<&Spelling>,
    body: &SizeHint,
    out: &mut Vec<u8>,
) -> Encoder {
    reserve(&parts.headers, spelling, out);
    out.extend_from_slice(parts.method.as_str().as_bytes());
    out.push(b' ');
    match spelling {
        Some(spelling) => out.extend_from_slice(spelling.start()),
        None => {
            out.extend_from_slice(parts.uri.path_and_query().map_or("/", |target| target.as_str()).as_bytes())
        }
    }
    out.extend_from_slice(if parts.version == Version::HTTP_10 {
        b" HTTP/1.0\r\n"
    } else {
        b" HTTP/1.1\r\n"
    });
    fields(&parts.headers, spelling, out);
    let framing = match stated(&parts.headers) {
        Some(framing) => framing,
        None if body.exact() == Some(0) => Framing::None,
        None => add_chunked(out),
    };
    out.extend_from_slice(b"\r\n");
    Encoder { framing, over: framing == Framing::None }
}

/// What of a response head the connection decides.
#[derive(Debug, Clone, Copy)]
pub(in crate::http) struct Answer<'a> {
    /// Of the request.
    pub(in crate::http) method: &'a Method,
    /// Of the request.
    pub(in crate::http) version: Version,
    /// Whether the connection carries a further request.
    pub(in crate::http) keeps: bool,
}

/// Writes a response head, in the version of the request.
pub(in crate::http) fn response(
    parts: &response::Parts,
    spelling: Option<&Spelling>,
    answer: Answer<'_>,
    body: &SizeHint,
    out: &mut Vec<u8>,
) -> Encoder {
    reserve(&parts.headers, spelling, out);
    let old = answer.version == Version::HTTP_10;
    out.extend_from_slice(if old { b"HTTP/1.0 " } else { b"HTTP/1.1 " });
    out.extend_from_slice(parts.status.as_str().as_bytes());
    out.push(b' ');
    match spelling {
        Some(spelling) => out.extend_from_slice(spelling.start()),
        None => out.extend_from_slice(parts.status.canonical_reason().unwrap_or_default().as_bytes()),
    }
    out.extend_from_slice(b"\r\n");
    let framing = if is_bodyless(answer.method, parts.status) {
        fields(&parts.headers, spelling, out);
        Framing::None
    } else {
        match stated(&parts.headers) {
            // HTTP/1.0 knows no chunks.
            Some(Framing::Chunked) if old => {
                let mut headers = parts.headers.clone();
                super::super::forward::remove_header(&mut headers, &TRANSFER_ENCODING);
                fields(&headers, spelling, out);
                Framing::Close
            }
            Some(framing) => {
                fields(&parts.headers, spelling, out);
                framing
            }
            None => {
                fields(&parts.headers, spelling, out);
                unstated(body, old, out)
            }
        }
    };
    let keeps = answer.keeps && framing != Framing::Close;
    match (keeps, old) {
        // Of a switch of protocols `Connection` says more.
        _ if parts.status.is_informational() => {}
        (false, false) => out.extend_from_slice(b"connection: close\r\n"),
        (true, true) => out.extend_from_slice(b"connection: keep-alive\r\n"),
        _ => {}
    }
    out.extend_from_slice(b"\r\n");
    Encoder { framing, over: framing == Framing::None }
}

/// The framing of a body of which the head says nothing.
fn unstated(body: &SizeHint, old: bool, out: &mut Vec<u8>) -> Framing {
    match body.exact() {
        Some(length) => {
            write_length(length, out);
            if length == 0 { Framing::None } else { Framing::Length(length) }
        }
        None if old => Framing::Close,
        None => add_chunked(out),
    }
}

fn write_length(length: u64, out: &mut Vec<u8>) {
    // Writing into memory does not fail.
    let _never = write!(out, "content-length: {length}\r\n");
}

fn add_chunked(out: &mut Vec<u8>) -> Framing {
    out.extend_from_slice(b"transfer-encoding: chunked\r\n");
    Framing::Chunked
}

/// What the headers say of the framing. Whoever made them saw to it that they say it once.
fn stated(headers: &HeaderMap) -> Option<Framing> {
    if headers.contains_key(TRANSFER_ENCODING) {
        return Some(if ends_chunked(headers) { Framing::Chunked } else { Framing::Close });
    }
    let length = headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()?;
    Some(if length == 0 { Framing::None } else { Framing::Length(length) })
}

fn fields(headers: &HeaderMap, spelling: Option<&Spelling>, out: &mut Vec<u8>) {
    match spelling {
        Some(spelling) => spelling.write(headers, out),
        None => write_plain(headers, out),
    }
}

fn reserve(headers: &HeaderMap, spelling: Option<&Spelling>, out: &mut Vec<u8>) {
    let fields = || headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    let fields: usize = spelling.map_or_else(fields, Spelling::size);
    // And for a small body, so that both are one piece of memory.
    out.reserve(START + fields + BODY);
}

impl Encoder {
    /// Whether nothing more is to be written.
    pub(in crate::http) const fn is_over(&self) -> bool {
        self.over
    }

    /// Whether the connection can carry another message behind this one.
    pub(in crate::http) const fn keeps(&self) -> bool {
        !matches!(self.framing, Framing::Close)
    }

    /// Adds a frame. `last`: whether the body ends with it.
    pub(in crate::http) fn frame(&mut self, frame: Frame<Bytes>, last: bool, output: &mut Output) {
        if self.over {
            return;
        }
        match frame.into_data() {
            Ok(data) => self.data(data, last, output),
            // Not the end of a body of which something is missing.
            Err(_) if matches!(self.framing, Framing::Length(_)) => {}
            Err(frame) => {
                if let (Framing::Chunked, Ok(trailers)) = (self.framing, frame.into_trailers()) {
                    output.buffer().extend_from_slice(b"0\r\n");
                    for (name, value) in trailers.iter().filter(|(name, _)| is_trailer(name)) {
                        write_line(name.as_str().as_bytes(), value.as_bytes(), output.buffer());
                    }
                    output.buffer().extend_from_slice(b"\r\n");
                }
                self.over = true;
            }
        }
    }

    fn data(&mut self, mut data: Bytes, last: bool, output: &mut Output) {
        match &mut self.framing {
            Framing::Length(left) => {
                // More than was said would be taken for the next message.
                data.truncate(usize::try_from(*left).unwrap_or(usize::MAX));
                *left -= data.len() as u64;
                self.over = *left == 0;
                output.push(data, b"");
            }
            Framing::Chunked => {
                self.over = last;
                match (data.is_empty(), last) {
                    (true, false) => {}
                    (true, true) => output.push(Bytes::new(), b"0\r\n\r\n"),
                    (false, _) => {
                        write_size(data.len(), output.buffer());
                        output.push(data, if last { b"\r\n0\r\n\r\n" } else { b"\r\n" });
                    }
                }
            }
            Framing::Close => {
                self.over = last;
                output.push(data, b"");
            }
            Framing::None => {}
        }
    }

    /// The body is over.
    ///
    /// # Errors
    /// When that is too early for its stated length.
    pub(in crate::http) fn end(&mut self, output: &mut Output) -> Result<(), TooShort> {
        if !self.over {
            match self.framing {
                Framing::Chunked => output.buffer().extend_from_slice(b"0\r\n\r\n"),
                Framing::Length(_) => return Err(TooShort),
                Framing::Close | Framing::None => {}
            }
            self.over = true;
        }
        Ok(())
    }
}

/// A body that is over before its stated length.
#[derive(Debug)]
pub(in crate::http) struct TooShort;

fn write_size(size: usize, out: &mut Vec<u8>) {
    let digits = (usize::BITS - size.leading_zeros()).div_ceil(4).max(1);
    for digit in (0..digits).rev() {
        out.push(b"0123456789abcdef"[(size >> (4 * digit)) & 15]);
    }
    out.extend_from_slice(b"\r\n");
}

/// Whether a field may stand behind a body: not one that frames messages or belongs to the connection (RFC 9110 §6.5.1).
fn is_trailer(name: &HeaderName) -> bool {
    !matches!(
        name.as_str(),
        "content-length"
            | "transfer-encoding"
            | "connection"
            | "host"
            | "trailer"
            | "te"
            | "upgrade"
            | "keep-alive"
    )
}
