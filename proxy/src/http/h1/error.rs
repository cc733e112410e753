//! What can be wrong with a message on the wire.

use std::io;

/// Why a body did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Io(#[source] io::Error),
    /// The connection ended before the body did.
    #[error("the connection ended before the body did")]
    Incomplete,
    /// The framing cannot be read; says what of it.
    #[error("{0}")]
    Malformed(&'static str),
    /// The stream of HTTP/2 that it came in broke.
    #[error("the stream broke: {0}")]
    Http2(#[source] hyper::Error),
}

/// Why a head is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(in crate::http) enum HeadError {
    /// Not HTTP/1, or not the HTTP/1 that everybody reads in the same way; says what of it.
    #[error("the head is malformed: {0}")]
    Malformed(&'static str),
    /// More bytes or fields than are taken.
    #[error("the head is too large")]
    TooLarge,
    /// A longer request target than is taken.
    #[error("the request target is too long")]
    TargetTooLong,
}
