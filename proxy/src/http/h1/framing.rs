//! Where a body ends, by the head before it (RFC 9112 §6.3). Decided here and nowhere else, and strictly: what two
//! parsers could read in two ways is refused, since it is how requests are smuggled past one of them.

use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, Method, StatusCode, Version};

use super::error::HeadError;

/// What says where a body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http) enum Framing {
    /// There is none.
    None,
    /// A number of bytes.
    Length(u64),
    /// Its last chunk.
    Chunked,
    /// The end of the connection.
    Close,
}

/// The framing of a request. A length beside `Transfer-Encoding`, and a repeated equal one, is removed from the headers.
///
/// # Errors
/// When the head does not say it, or says it twice.
pub(in crate::http) fn of_request(version: Version, headers: &mut HeaderMap) -> Result<Framing, HeadError> {
    if headers.contains_key(TRANSFER_ENCODING) {
        if version == Version::HTTP_10 {
            return Err(HeadError::Malformed("Transfer-Encoding in HTTP/1.0"));
        }
        if !ends_chunked(headers) {
            return Err(HeadError::Malformed("Transfer-Encoding that does not end in chunked"));
        }
        if earlier_codings(headers).any(|coding| is(coding, b"chunked") || is(coding, b"identity")) {
            return Err(HeadError::Malformed("Transfer-Encoding that is read in two ways"));
        }
        super::super::forward::remove_header(headers, &CONTENT_LENGTH);
        return Ok(Framing::Chunked);
    }
    Ok(match length(headers)? {
        None | Some(0) => Framing::None,
        Some(length) => Framing::Length(length),
    })
}

/// Whether the head says twice where the body ends. It is settled, but whoever wrote it may be one whom another hop
/// smuggled something past, so the connection must not carry another message (RFC 9112 §6.1).
pub(in crate::http) fn is_doubtful(headers: &HeaderMap) -> bool {
    headers.contains_key(TRANSFER_ENCODING) && headers.contains_key(CONTENT_LENGTH)
}

/// The framing of the response to a request of this method. What does not count is removed from the headers.
///
/// # Errors
/// When the head says it twice, or in a way that cannot be read.
pub(in crate::http) fn of_response(
    method: &Method,
    status: StatusCode,
    version: Version,
    headers: &mut HeaderMap,
) -> Result<Framing, HeadError> {
    if status == StatusCode::NO_CONTENT {
        super::super::forward::remove_header(headers, &TRANSFER_ENCODING);
    }
    let coded = headers.contains_key(TRANSFER_ENCODING);
    if coded && version == Version::HTTP_10 {
        return Err(HeadError::Malformed("Transfer-Encoding in HTTP/1.0"));
    }
    if coded || status == StatusCode::NO_CONTENT {
        super::super::forward::remove_header(headers, &CONTENT_LENGTH);
    }
    let length = length(headers)?;
    Ok(if is_bodyless(method, status) {
        Framing::None
    } else if coded && ends_chunked(headers) {
        Framing::Chunked
    } else if coded {
        Framing::Close
    } else {
        length.map_or(Framing::Close, Framing::Length)
    })
}

/// Whether such a response has no body, whatever its head says.
pub(in crate::http) fn is_bodyless(method: &Method, status: StatusCode) -> bool {
    *method == Method::HEAD
        || status.is_informational()
        || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
}

/// Whether the last transfer coding is `chunked`.
pub(super) fn ends_chunked(headers: &HeaderMap) -> bool {
    let last = headers.get_all(TRANSFER_ENCODING).iter().next_back();
    let coding = last.and_then(|line| line.as_bytes().rsplit(|byte| *byte == b',').next());
    coding.is_some_and(|coding| is(coding, b"chunked"))
}

/// All transfer codings but the last.
fn earlier_codings(headers: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    let lines = headers.get_all(TRANSFER_ENCODING).iter().rev();
    lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b',')).skip(1)
}

fn is(coding: &[u8], name: &[u8]) -> bool {
    coding.trim_ascii().eq_ignore_ascii_case(name)
}

/// The length that the headers state; once it has been read, once.
///
/// # Errors
/// When they state different ones, or one that cannot be read.
pub(in crate::http) fn length(headers: &mut HeaderMap) -> Result<Option<u64>, HeadError> {
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    let Some(first) = lengths.next() else { return Ok(None) };
    let length = number(first.as_bytes()).ok_or(HeadError::Malformed("Content-Length"))?;
    let mut repeated = false;
    for other in lengths {
        repeated = true;
        if number(other.as_bytes()) != Some(length) {
            return Err(HeadError::Malformed("different Content-Lengths"));
        }
    }
    if repeated {
        let once = first.clone();
        headers.insert(CONTENT_LENGTH, once);
    }
    Ok(Some(length))
}

/// Digits and nothing else.
fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |number, digit| {
        let digit = char::from(*digit).to_digit(10)?;
        number.checked_mul(10)?.checked_add(u64::from(digit))
    })
}
