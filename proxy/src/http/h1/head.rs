//! Heads: from the bytes of a connection to `http`'s types.

use std::mem::MaybeUninit;
use std::ops::Range;

use bytes::{Buf, Bytes};
use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode, Uri, Version, request, response};
use httparse::{Error, Header, Status};

use super::error::HeadError;
use super::input::Input;
use super::spelling::{Line, Spelling};
use crate::http::{MAX_HEAD_SIZE, MAX_HEADERS};

/// Most bytes of a request target that `http::Uri` takes.
const MAX_TARGET: usize = u16::MAX as usize - 1;

/// Fields that are parsed at the first try.
const FEW: usize = 64;

/// Names that `http` does not know and that nearly every message of MCP has. Others cost an allocation each.
static NAMES: [HeaderName; 9] = [
    HeaderName::from_static("mcp-session-id"),
    HeaderName::from_static("mcp-protocol-version"),
    HeaderName::from_static("mcp-method"),
    HeaderName::from_static("mcp-name"),
    HeaderName::from_static("last-event-id"),
    HeaderName::from_static("traceparent"),
    HeaderName::from_static("tracestate"),
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("x-accel-buffering"),
];

/// How far the head that arrives was looked at.
#[derive(Debug, Default)]
pub(in crate::http) struct Progress {
    /// Bytes in which no head ends.
    searched: usize,
}

impl Progress {
    /// Whether it is worth parsing `bytes`: at the first sight, so that what is no HTTP is refused at once, and when an
    /// empty line is there. A head that comes byte by byte is not parsed as often.
    fn is_due(&mut self, bytes: &[u8]) -> bool {
        let from = self.searched.saturating_sub(3);
        let first = self.searched == 0;
        self.searched = bytes.len();
        first
            || memchr::memchr_iter(b'\n', bytes.get(from..).unwrap_or_default())
                .any(|at| matches!(bytes.get(from + at + 1..), Some([b'\n', ..] | [b'\r', b'\n', ..])))
    }
}

/// Takes a request head from the input; `None` until it is whole.
///
/// # Errors
/// When it never becomes one.
pub(in crate::http) fn request(
    input: &mut Input,
    progress: &mut Progress,
) -> Result<Option<(request::Parts, Spelling)>, HeadError> {
    skip_empty_lines(input, progress);
    let bytes = input.bytes();
    if bytes.is_empty() || !progress.is_due(bytes) {
        return within_limit(bytes);
    }
    let mut few = [MaybeUninit::uninit(); FEW];
    let mut parsed = httparse::Request::new(&mut []);
    let mut many;
    let status = match parsed.parse_with_uninit_headers(bytes, &mut few) {
        Err(Error::TooManyHeaders) => {
            many = [MaybeUninit::uninit(); MAX_HEADERS];
            parsed = httparse::Request::new(&mut []);
            parsed.parse_with_uninit_headers(bytes, &mut many)
        }
        status => status,
    };
    let Status::Complete(length) = status.map_err(refusal)? else { return within_limit(bytes) };
    within_limit::<()>(bytes.get(..length).unwrap_or_default())?;
    let (Some(method), Some(target), Some(version)) = (parsed.method, parsed.path, parsed.version) else {
        return Err(HeadError::Malformed("request line"));
    };
    let method = Method::from_bytes(method.as_bytes()).map_err(|_| HeadError::Malformed("request method"))?;
    if target.len() > MAX_TARGET {
        return Err(HeadError::TargetTooLong);
    }
    let start = range(bytes, target.as_bytes());
    let lines = lines(bytes, parsed.headers);
    let head = take(input, length);
    let mut parts = request::Request::new(()).into_parts().0;
    parts.method = method;
    parts.uri =
        Uri::from_maybe_shared(slice(&head, &start)).map_err(|_| HeadError::Malformed("request target"))?;
    parts.version = version_of(version);
    parts.headers = headers(&head, &lines)?;
    *progress = Progress::default();
    Ok(Some((parts, Spelling::new(head, start, lines))))
}

/// Takes a response head from the input; `None` until it is whole.
///
/// # Errors
/// When it never becomes one.
pub(in crate::http) fn response(
    input: &mut Input,
    progress: &mut Progress,
) -> Result<Option<(response::Parts, Spelling)>, HeadError> {
    let bytes = input.bytes();
    if bytes.is_empty() || !progress.is_due(bytes) {
        return within_limit(bytes);
    }
    let mut few = [MaybeUninit::uninit(); FEW];
    let mut parsed = httparse::Response::new(&mut []);
    let config = httparse::ParserConfig::default();
    let mut many;
    let status = match config.parse_response_with_uninit_headers(&mut parsed, bytes, &mut few) {
        Err(Error::TooManyHeaders) => {
            many = [MaybeUninit::uninit(); MAX_HEADERS];
            parsed = httparse::Response::new(&mut []);
            config.parse_response_with_uninit_headers(&mut parsed, bytes, &mut many)
        }
        status => status,
    };
    let Status::Complete(length) = status.map_err(refusal)? else { return within_limit(bytes) };
    within_limit::<()>(bytes.get(..length).unwrap_or_default())?;
    let (Some(code), Some(version)) = (parsed.code, parsed.version) else {
        return Err(HeadError::Malformed("status line"));
    };
    let status = StatusCode::from_u16(code).map_err(|_| HeadError::Malformed("status"))?;
    // A reason that is not ASCII is left out by the parser, and so here.
    let start = parsed
        .reason
        .filter(|reason| !reason.is_empty())
        .map_or(0..0, |reason| range(bytes, reason.as_bytes()));
    let lines = lines(bytes, parsed.headers);
    let head = take(input, length);
    let mut parts = response::Response::new(()).into_parts().0;
    parts.status = status;
    parts.version = version_of(version);
    parts.headers = headers(&head, &lines)?;
    *progress = Progress::default();
    Ok(Some((parts, Spelling::new(head, start, lines))))
}

/// Empty lines before a request are not part of it (RFC 9112 §2.2).
fn skip_empty_lines(input: &mut Input, progress: &mut Progress) {
    let bytes = input.bytes();
    let mut empty = 0;
    loop {
        match bytes.get(empty..) {
            Some([b'\n', ..]) => empty += 1,
            Some([b'\r', b'\n', ..]) => empty += 2,
            _ => break,
        }
    }
    if empty > 0 {
        *progress = Progress::default();
        input.buffer().advance(empty);
    }
}

fn within_limit<T>(bytes: &[u8]) -> Result<Option<T>, HeadError> {
    if bytes.len() > MAX_HEAD_SIZE { Err(HeadError::TooLarge) } else { Ok(None) }
}

fn refusal(error: Error) -> HeadError {
    match error {
        Error::TooManyHeaders => HeadError::TooLarge,
        Error::HeaderName | Error::HeaderValue => HeadError::Malformed("field"),
        Error::NewLine => HeadError::Malformed("line end"),
        Error::Status => HeadError::Malformed("status"),
        Error::Token => HeadError::Malformed("start line"),
        Error::Version => HeadError::Malformed("version"),
    }
}

const fn version_of(minor: u8) -> Version {
    if minor == 0 { Version::HTTP_10 } else { Version::HTTP_11 }
}

fn take(input: &mut Input, length: usize) -> Bytes {
    input.buffer().split_to(length).freeze()
}

/// Where a part that was parsed stands. Heads are shorter than 4 GiB.
fn range(bytes: &[u8], part: &[u8]) -> Range<u32> {
    let start = (part.as_ptr() as usize).saturating_sub(bytes.as_ptr() as usize) as u32;
    start..start + part.len() as u32
}

fn slice(head: &Bytes, range: &Range<u32>) -> Bytes {
    head.get(range.start as usize..range.end as usize).map(|part| head.slice_ref(part)).unwrap_or_default()
}

fn lines(bytes: &[u8], fields: &[Header<'_>]) -> Vec<Line> {
    fields.iter().map(|field| Line::of(bytes, field)).collect()
}

impl Line {
    /// Where a field that was parsed from `bytes` stands in them.
    pub(super) fn of(bytes: &[u8], field: &Header<'_>) -> Self {
        Self { name: range(bytes, field.name.as_bytes()), value: range(bytes, field.value) }
    }
}

/// The map of the lines; its values are parts of the head.
pub(super) fn headers(head: &Bytes, lines: &[Line]) -> Result<HeaderMap, HeadError> {
    let mut headers = HeaderMap::with_capacity(lines.len());
    for line in lines {
        let name = name(head.get(line.name.start as usize..line.name.end as usize).unwrap_or_default())?;
        let value = HeaderValue::from_maybe_shared(slice(head, &line.value))
            .map_err(|_| HeadError::Malformed("field value"))?;
        headers.append(name, value);
    }
    Ok(headers)
}

fn name(bytes: &[u8]) -> Result<HeaderName, HeadError> {
    let known = |name: &&HeaderName| {
        name.as_str().len() == bytes.len() && name.as_str().as_bytes().eq_ignore_ascii_case(bytes)
    };
    match NAMES.iter().find(known) {
        Some(name) => Ok(name.clone()),
        None => HeaderName::from_bytes(bytes).map_err(|_| HeadError::Malformed("field name")),
    }
}
