//! Tests of the inspecting layer: scripted bodies, polled by hand, and recorders instead of the exchange core.

mod body;
mod decode;
mod service;
mod watch;

use std::collections::VecDeque;
use std::io::Write;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body::{Body, Frame, SizeHint};

use super::decode::Coding;

/// What a scripted body does at one poll.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Data(Bytes),
    Pending,
    Trailers,
    Error,
}

pub(super) fn data(text: impl AsRef<[u8]>) -> Step {
    Step::Data(Bytes::copy_from_slice(text.as_ref()))
}

/// A body that follows a script.
#[derive(Debug, Clone, Default)]
pub(super) struct MockBody {
    pub(super) steps: VecDeque<Step>,
    /// Whether it says so when nothing is left.
    pub(super) says_end: bool,
    /// Whether it says how much is left.
    pub(super) says_size: bool,
}

impl MockBody {
    pub(super) fn new(steps: impl IntoIterator<Item = Step>) -> Self {
        Self { steps: steps.into_iter().collect(), ..Self::default() }
    }
}

impl Body for MockBody {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
        match self.steps.pop_front() {
            None => Poll::Ready(None),
            Some(Step::Pending) => Poll::Pending,
            Some(Step::Data(data)) => Poll::Ready(Some(Ok(Frame::data(data)))),
            Some(Step::Trailers) => Poll::Ready(Some(Ok(Frame::trailers(HeaderMap::new())))),
            Some(Step::Error) => Poll::Ready(Some(Err("broken"))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.says_end && self.steps.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        let size = |step: &Step| if let Step::Data(data) = step { data.len() as u64 } else { 0 };
        if self.says_size { SizeHint::with_exact(self.steps.iter().map(size).sum()) } else { SizeHint::new() }
    }
}

type Polled<B> = Poll<Option<Result<Frame<<B as Body>::Data>, <B as Body>::Error>>>;

/// Polls once.
pub(super) fn poll<B: Body + Unpin>(body: &mut B) -> Polled<B> {
    Pin::new(body).poll_frame(&mut Context::from_waker(Waker::noop()))
}

/// Polls to the end or the first error; gives the data frames.
pub(super) fn drain<B: Body<Data = Bytes> + Unpin>(body: &mut B) -> Vec<Bytes> {
    let mut frames = Vec::new();
    loop {
        match poll(body) {
            Poll::Pending => {}
            Poll::Ready(None | Some(Err(_))) => return frames,
            Poll::Ready(Some(Ok(frame))) => frames.extend(frame.into_data().ok()),
        }
    }
}

pub(super) fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
    let field = |(name, value): &(&'static str, &'static str)| {
        (HeaderName::from_static(name), HeaderValue::from_static(value))
    };
    fields.iter().map(field).collect()
}

/// A list of what happened, shared between the test and its subject.
#[derive(Debug, Clone, Default)]
pub(super) struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    pub(super) fn say(&self, what: impl Into<String>) {
        self.0.lock().expect("no test panics while it writes").push(what.into());
    }

    pub(super) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().expect("no test panics while it writes"))
    }
}

/// Encodes with a flush after each part.
pub(super) fn encode(coding: Coding, parts: &[&[u8]]) -> Vec<Vec<u8>> {
    match coding {
        Coding::Gzip => {
            flushed(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default()), parts)
        }
        Coding::Deflate => {
            flushed(flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default()), parts)
        }
        Coding::Brotli => flushed(brotli::CompressorWriter::new(Vec::new(), 4096, 5, 22), parts),
        Coding::Zstd => zstd(parts),
    }
}

/// A compressor that writes to memory.
pub(super) trait Compressor: Write {
    fn written(&self) -> &Vec<u8>;
    fn close(self) -> Vec<u8>;
}

macro_rules! compressors {
    ($($name:ty, $close:expr;)*) => {$(
        impl Compressor for $name {
            fn written(&self) -> &Vec<u8> {
                self.get_ref()
            }

            fn close(self) -> Vec<u8> {
                $close(self)
            }
        }
    )*};
}

compressors! {
    flate2::write::GzEncoder<Vec<u8>>, |this: Self| this.finish().expect("memory takes all");
    flate2::write::ZlibEncoder<Vec<u8>>, |this: Self| this.finish().expect("memory takes all");
    flate2::write::DeflateEncoder<Vec<u8>>, |this: Self| this.finish().expect("memory takes all");
    brotli::CompressorWriter<Vec<u8>>, |this: Self| this.into_inner();
}

pub(super) fn flushed(mut encoder: impl Compressor, parts: &[&[u8]]) -> Vec<Vec<u8>> {
    let mut pieces = Vec::new();
    let mut at = 0;
    for part in parts {
        encoder.write_all(part).expect("memory takes all");
        encoder.flush().expect("memory takes all");
        pieces.push(encoder.written()[at..].to_vec());
        at = encoder.written().len();
    }
    pieces.push(encoder.close()[at..].to_vec());
    pieces
}

fn zstd(parts: &[&[u8]]) -> Vec<Vec<u8>> {
    let mut encoder = zstd_safe::CCtx::create();
    let mut piece = |part: &[u8], last: bool| {
        let mut out = vec![0; zstd_safe::compress_bound(part.len()) + 64];
        let mut buffer = zstd_safe::OutBuffer::around(&mut out[..]);
        let mut input = zstd_safe::InBuffer::around(part);
        while input.pos() < part.len() {
            encoder.compress_stream(&mut buffer, &mut input).expect("room for all");
        }
        let left = if last { encoder.end_stream(&mut buffer) } else { encoder.flush_stream(&mut buffer) };
        assert_eq!(left, Ok(0), "room for all");
        buffer.as_slice().to_vec()
    };
    let mut pieces: Vec<_> = parts.iter().map(|part| piece(part, false)).collect();
    pieces.push(piece(b"", true));
    pieces
}

pub(super) const CODINGS: [(&str, Coding); 4] =
    [("gzip", Coding::Gzip), ("deflate", Coding::Deflate), ("br", Coding::Brotli), ("zstd", Coding::Zstd)];
