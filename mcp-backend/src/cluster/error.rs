//! Why a read failed.

use std::time::Duration;

/// In a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadErrorKind {
    /// 404: the object is not there.
    NotFound,
    /// 401 or 403: the server may not read it.
    Forbidden,
    /// 504, or no answer in time.
    Timeout,
    /// 429: asked too often.
    Throttled,
    /// 410: the place in a long list is gone.
    Expired,
    /// Another status, or no connection.
    Api,
    /// The answer is not what the API promises.
    Unreadable,
}

/// Why a read failed, fit to be shown to an agent: no address, no token, no payload.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ReadError {
    /// In a word.
    pub kind: ReadErrorKind,
    /// HTTP status of the API, if it answered.
    pub status: Option<u16>,
    /// In a sentence, with the object, as `pods "web" in namespace "shop" not found`.
    pub message: String,
    /// When the API said to come back.
    pub retry_after: Option<Duration>,
}
