//! A body, out of the bytes of a connection.

use bytes::{Buf, Bytes, BytesMut};
use http::HeaderMap;
use http_body::SizeHint;

use super::error::BodyError;
use super::framing::Framing;
use super::head::headers;
use super::input::Input;
use super::spelling::Line;
use crate::http::MAX_HEADERS;

/// Chunks that have arrived together come as one piece up to this size: each piece costs a write and a look.
const MERGE: usize = 16 * 1024;

/// Most bytes of one line that tells a chunk's size, of all extensions of a body's chunks, and of its trailers.
const MAX_LINE: usize = 16 * 1024;

/// The rest of a body.
#[derive(Debug)]
pub(in crate::http) struct Decoder {
    state: State,
    /// Bytes of chunk extensions so far.
    extensions: usize,
    /// Bytes of the trailers that were looked at.
    searched: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Length(u64),
    Close,
    /// Before the line with a chunk's size.
    Size,
    /// Within a chunk.
    Chunk(u64),
    /// Before the line end behind a chunk.
    ChunkEnd,
    /// Behind the last chunk.
    Trailers,
    Done,
}

/// What a decoder found.
#[derive(Debug)]
pub(in crate::http) enum Piece {
    /// Bytes of the body, at least one.
    Data(Bytes),
    /// The trailers; with them the body is over.
    Trailers(HeaderMap),
    /// The body is over.
    End,
    /// More must arrive first.
    More,
}

impl Decoder {
    /// A body that is framed so.
    pub(in crate::http) const fn new(framing: Framing) -> Self {
        let state = match framing {
            Framing::None => State::Done,
            Framing::Length(length) => State::Length(length),
            Framing::Chunked => State::Size,
            Framing::Close => State::Close,
        };
        Self { state, extensions: 0, searched: 0 }
    }

    /// Whether nothing of the body is left.
    pub(in crate::http) fn is_done(&self) -> bool {
        matches!(self.state, State::Done | State::Length(0))
    }

    /// How many bytes are known to follow.
    pub(in crate::http) const fn expected(&self) -> u64 {
        match self.state {
            State::Length(left) | State::Chunk(left) => left,
            _ => 0,
        }
    }

    /// What is known of the size of the rest.
    pub(in crate::http) fn size_hint(&self) -> SizeHint {
        match self.state {
            State::Length(left) => SizeHint::with_exact(left),
            State::Done => SizeHint::with_exact(0),
            _ => SizeHint::default(),
        }
    }

    /// The next piece of what has arrived.
    ///
    /// # Errors
    /// [`BodyError::Malformed`]; what came before it was given before.
    pub(in crate::http) fn decode(&mut self, input: &mut Input) -> Result<Piece, BodyError> {
        match self.state {
            State::Done | State::Length(0) => Ok(Piece::End),
            State::Close if input.is_empty() => Ok(Piece::More),
            State::Close => Ok(Piece::Data(input.buffer().split().freeze())),
            State::Length(_) if input.is_empty() => Ok(Piece::More),
            State::Length(left) => {
                let size = within(input, left);
                self.state = State::Length(left - size as u64);
                Ok(Piece::Data(input.buffer().split_to(size).freeze()))
            }
            _ => self.chunks(input),
        }
    }

    /// The connection has ended.
    ///
    /// # Errors
    /// [`BodyError::Incomplete`] if that is not where the body ends.
    pub(in crate::http) const fn close(&mut self) -> Result<(), BodyError> {
        match self.state {
            State::Close | State::Done | State::Length(0) => {
                self.state = State::Done;
                Ok(())
            }
            _ => Err(BodyError::Incomplete),
        }
    }

    /// All chunks that have arrived, merged.
    fn chunks(&mut self, input: &mut Input) -> Result<Piece, BodyError> {
        let mut data = Merged::default();
        loop {
            let step = match self.state {
                State::Chunk(left) => Ok(self.chunk(left, input, &mut data)),
                State::Size => self.size(input),
                State::ChunkEnd => self.chunk_end(input),
                State::Trailers if data.is_empty() => match self.trailers(input) {
                    Ok(Some(trailers)) => return Ok(Piece::Trailers(trailers)),
                    Ok(None) => Ok(false),
                    Err(error) => Err(error),
                },
                State::Trailers => Ok(self.no_trailers(input)),
                _ => Ok(false),
            };
            match step {
                Ok(true) => {}
                Ok(false) => break,
                // It comes again.
                Err(_) if !data.is_empty() => break,
                Err(error) => return Err(error),
            }
        }
        Ok(match data.into_bytes() {
            Some(data) => Piece::Data(data),
            None if self.state == State::Done => Piece::End,
            None => Piece::More,
        })
    }

    /// Takes what is there of a chunk. `false`: no further.
    fn chunk(&mut self, left: u64, input: &mut Input, data: &mut Merged) -> bool {
        let size = within(input, left);
        if size == 0 || !data.add(size, input) {
            return false;
        }
        self.state = if left == size as u64 { State::ChunkEnd } else { State::Chunk(left - size as u64) };
        true
    }

    fn chunk_end(&mut self, input: &mut Input) -> Result<bool, BodyError> {
        match input.bytes() {
            [b'\r', b'\n', ..] => {
                input.buffer().advance(2);
                self.state = State::Size;
                Ok(true)
            }
            [] | [b'\r'] => Ok(false),
            _ => Err(BodyError::Malformed("a chunk is longer than its size")),
        }
    }

    fn size(&mut self, input: &mut Input) -> Result<bool, BodyError> {
        let Some(SizeLine { size, length, extension }) = size_line(input.bytes())? else { return Ok(false) };
        self.extensions += extension;
        if self.extensions > MAX_LINE {
            return Err(BodyError::Malformed("the chunks' extensions are too long"));
        }
        input.buffer().advance(length);
        self.state = if size == 0 { State::Trailers } else { State::Chunk(size) };
        Ok(true)
    }

    /// The end, if it has no trailers.
    fn no_trailers(&mut self, input: &mut Input) -> bool {
        if !input.bytes().starts_with(b"\r\n") {
            return false;
        }
        input.buffer().advance(2);
        self.state = State::Done;
        true
    }

    fn trailers(&mut self, input: &mut Input) -> Result<Option<HeaderMap>, BodyError> {
        if self.no_trailers(input) {
            return Ok(None);
        }
        let malformed = || BodyError::Malformed("the trailers are malformed");
        let too_long = || BodyError::Malformed("the trailers are too long");
        let bytes = input.bytes();
        // Worth parsing when a line has come to its end: trailers that come byte by byte are not parsed as often.
        if !bytes.get(self.searched..).unwrap_or_default().contains(&b'\n') {
            self.searched = bytes.len();
            return if bytes.len() > MAX_LINE { Err(too_long()) } else { Ok(None) };
        }
        let mut fields = vec![httparse::EMPTY_HEADER; MAX_HEADERS];
        let parsed = httparse::parse_headers(bytes, &mut fields).map_err(|_| malformed())?;
        let length = if let httparse::Status::Complete((length, _)) = parsed { length } else { bytes.len() };
        if length > MAX_LINE {
            return Err(too_long());
        }
        if !has_plain_ends(bytes.get(..length).unwrap_or_default()) {
            return Err(malformed());
        }
        let httparse::Status::Complete((_, fields)) = parsed else {
            self.searched = length;
            return Ok(None);
        };
        let lines: Vec<Line> = fields.iter().map(|field| Line::of(bytes, field)).collect();
        let block = input.buffer().split_to(length).freeze();
        self.state = State::Done;
        headers(&block, &lines).map(Some).map_err(|_| malformed())
    }
}

/// Whether no line ends in a bare LF: where a body ends, nobody may read it in another way.
fn has_plain_ends(lines: &[u8]) -> bool {
    memchr::memchr_iter(b'\n', lines).all(|end| lines.get(..end).is_some_and(|line| line.ends_with(b"\r")))
}

/// How much of `left` bytes is there.
fn within(input: &Input, left: u64) -> usize {
    usize::try_from(left).map_or(input.bytes().len(), |left| left.min(input.bytes().len()))
}

/// The data of chunks: as it lies if it is of one chunk, else copied together.
#[derive(Default)]
struct Merged {
    first: Bytes,
    all: Option<BytesMut>,
}

impl Merged {
    fn is_empty(&self) -> bool {
        self.first.is_empty()
    }

    /// Adds the first `size` bytes of the input; `false` if they belong into a piece of their own.
    fn add(&mut self, size: usize, input: &mut Input) -> bool {
        if self.first.is_empty() {
            self.first = input.buffer().split_to(size).freeze();
            return true;
        }
        let held = self.all.as_ref().map_or(self.first.len(), BytesMut::len);
        if held + size > MERGE {
            return false;
        }
        let room = (self.first.len() + input.bytes().len()).min(MERGE);
        let all = self.all.get_or_insert_with(|| {
            let mut all = BytesMut::with_capacity(room);
            all.extend_from_slice(&self.first);
            all
        });
        all.extend_from_slice(input.bytes().get(..size).unwrap_or_default());
        input.buffer().advance(size);
        true
    }

    fn into_bytes(self) -> Option<Bytes> {
        if self.is_empty() { None } else { Some(self.all.map_or(self.first, BytesMut::freeze)) }
    }
}

/// The line before a chunk.
struct SizeLine {
    size: u64,
    /// Bytes of the line, with its end.
    length: usize,
    /// Of these, behind the size.
    extension: usize,
}

/// `None` until the line is whole.
fn size_line(bytes: &[u8]) -> Result<Option<SizeLine>, BodyError> {
    let malformed = || BodyError::Malformed("a chunk's size cannot be read");
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let end = memchr::memchr2(b'\r', b'\n', bytes.get(digits..).unwrap_or_default());
    let end = end.map_or(bytes.len(), |end| digits + end);
    match bytes.get(end..) {
        Some([b'\r', b'\n', ..]) => {}
        None | Some([] | [b'\r']) => {
            let known = bytes.get(digits).is_none_or(|next| matches!(next, b' ' | b'\t' | b';' | b'\r'));
            return if known && end <= MAX_LINE { Ok(None) } else { Err(malformed()) };
        }
        _ => return Err(malformed()),
    }
    if end > MAX_LINE {
        return Err(malformed());
    }
    // Space between the size and the line's end is no extension: some servers make all lines as long as each other.
    let extension = bytes.get(digits..end).unwrap_or_default().trim_ascii_start();
    let extends = extension.first().is_none_or(|first| *first == b';');
    let size = bytes.get(..digits).unwrap_or_default().iter().try_fold(0_u64, |size, digit| {
        size.checked_mul(16)?.checked_add(u64::from(char::from(*digit).to_digit(16)?))
    });
    match size {
        Some(size) if digits > 0 && extends => {
            Ok(Some(SizeLine { size, length: end + 2, extension: extension.len() }))
        }
        _ => Err(malformed()),
    }
}
