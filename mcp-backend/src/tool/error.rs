//! A tool failed: what the agent is told.

use crate::cluster::{ReadError, ReadErrorKind};

/// The kinds of failure, as `_meta["io.github.mcp-backend/error_type"]` names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorType {
    /// The arguments are not what the tool takes.
    Validation,
    /// There is no such object.
    NotFound,
    /// This server may not read it.
    Forbidden,
    /// The API failed.
    Api,
    /// The API did not answer in time.
    Timeout,
    /// A mistake of this server.
    Internal,
}

impl ErrorType {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Validation => "validation_error",
            Self::NotFound => "not_found",
            Self::Forbidden => "forbidden",
            Self::Api => "api_error",
            Self::Timeout => "timeout",
            Self::Internal => "internal_error",
        }
    }
}

/// What failed, and what to try next.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{failed}; {next}")]
pub struct ToolError {
    /// In a word.
    pub kind: ErrorType,
    /// In a sentence without a final stop.
    pub failed: String,
    /// In a sentence without a final stop.
    pub next: String,
}

impl ToolError {
    /// A failure of this kind.
    pub fn new(kind: ErrorType, failed: impl Into<String>, next: impl Into<String>) -> Self {
        Self { kind, failed: failed.into(), next: next.into() }
    }
}

impl From<ReadError> for ToolError {
    fn from(error: ReadError) -> Self {
        if let (ReadErrorKind::Throttled, Some(pause)) = (error.kind, error.retry_after) {
            let next = format!("the API limits requests: wait {} s, then try again", pause.as_secs().max(1));
            return Self::new(ErrorType::Api, error.message, next);
        }
        let (kind, next) = match error.kind {
            ReadErrorKind::NotFound => {
                (ErrorType::NotFound, "list what is there, for example with list_pods")
            }
            ReadErrorKind::Forbidden => (
                ErrorType::Forbidden,
                "the ClusterRole of this server does not allow it: try another namespace or kind",
            ),
            ReadErrorKind::Timeout => (ErrorType::Timeout, "try again, or ask for less"),
            ReadErrorKind::Throttled => {
                (ErrorType::Api, "the API limits requests: wait some seconds, then try again")
            }
            ReadErrorKind::Expired => (ErrorType::Api, "the list changed while it was read: try again"),
            ReadErrorKind::Api => (ErrorType::Api, "try again; if it stays, look at the API server"),
            ReadErrorKind::Unreadable => (ErrorType::Internal, "this is a mistake of the server"),
        };
        Self::new(kind, error.message, next)
    }
}
