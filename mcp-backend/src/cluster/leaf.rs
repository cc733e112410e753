//! The leaf: asks the API by `kube::Client`.

use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use tower::Service;

use super::answer::ReadResult;
use super::connect::timed_out;
use super::{Answer, Read, ReadError, ReadErrorKind};

/// Asks the API. One `GET` per read.
#[derive(Clone)]
pub struct ApiReads {
    client: kube::Client,
}

impl ApiReads {
    /// Reads by this client.
    pub fn new(client: kube::Client) -> Self {
        Self { client }
    }
}

impl Service<Read> for ApiReads {
    type Response = Answer;
    type Error = ReadError;
    type Future = BoxFuture<'static, ReadResult>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ReadError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, read: Read) -> Self::Future {
        let client = self.client.clone();
        Box::pin(async move {
            let unreadable = |message: String| ReadError {
                kind: ReadErrorKind::Unreadable,
                status: None,
                message,
                retry_after: None,
            };
            let request = http::Request::get(&read.uri)
                .body(Vec::new())
                .map_err(|_| unreadable(format!("{} cannot be asked for", read.what)))?;
            let text = match client.request_text(request).await {
                // The API cuts a log within a character, and a workload writes what it likes.
                Err(kube::Error::FromUtf8(bytes)) if read.verb == "log" => {
                    String::from_utf8_lossy(bytes.as_bytes()).into_owned()
                }
                answer => answer.map_err(|error| read_error(&read, &error))?,
            };
            let bytes = text.len();
            let body = (read.parse)(text).map_err(|error| {
                unreadable(format!("the answer for {} cannot be read: {error}", read.what))
            })?;
            Ok(Answer { body, bytes, cached: false })
        })
    }
}

/// In the words of an agent's user.
fn read_error(read: &Read, error: &kube::Error) -> ReadError {
    let what = &read.what;
    let (kind, status, message) = match error {
        kube::Error::Api(status) => {
            let kind = match status.code {
                404 => ReadErrorKind::NotFound,
                401 | 403 => ReadErrorKind::Forbidden,
                410 => ReadErrorKind::Expired,
                429 => ReadErrorKind::Throttled,
                504 => ReadErrorKind::Timeout,
                _ => ReadErrorKind::Api,
            };
            (kind, Some(status.code), format!("{what}: the API answered {}", status.code))
        }
        error if timed_out(error) => {
            (ReadErrorKind::Timeout, None, format!("{what}: the API did not answer in time"))
        }
        _ => (ReadErrorKind::Api, None, format!("{what}: the API cannot be reached")),
    };
    ReadError { kind, status, message, retry_after: None }
}
