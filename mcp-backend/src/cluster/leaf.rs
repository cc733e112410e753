//! The leaf: asks the API by `kube::Client`.

use std::error::Error;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use kube::client::Body as ClientBody;
use tower::Service;

use super::answer::{Body, ReadResult};
use super::{Answer, Read, ReadError, ReadErrorKind};

/// The longest answer that is read. A page of 500 pods has some megabytes.
const LONGEST: usize = 32 << 20;

/// The longest error that is read; a longer one tells by its status alone.
const LONGEST_ERROR: usize = 64 << 10;

/// Longer answers are parsed on another thread: they would hold up all other calls on this one.
const PARSED_HERE: usize = 256 << 10;

/// Asks the API. One `GET` per read.
#[derive(Clone)]
pub struct ApiReads {
    client: kube::Client,
    longest: usize,
}

impl ApiReads {
    /// Reads by this client.
    pub fn new(client: kube::Client) -> Self {
        Self { client, longest: LONGEST }
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
        let (client, longest) = (self.client.clone(), self.longest);
        Box::pin(async move {
            let text = ask(&client, &read, longest).await?;
            let bytes = text.len();
            let body = parsed(&read, text).await?;
            Ok(Answer { body, bytes, cached: false })
        })
    }
}

async fn ask(client: &kube::Client, read: &Read, longest: usize) -> Result<String, ReadError> {
    let request = http::Request::get(&read.uri)
        .body(ClientBody::empty())
        .map_err(|_| unreadable(format!("{} cannot be asked for", read.what)))?;
    let response = client.send(request).await.map_err(|error| ReadError::of_client(&read.what, &error))?;
    let (head, body) = response.into_parts();
    if !head.status.is_success() {
        let said = Limited::new(body, LONGEST_ERROR).collect().await;
        let said = said.map(|body| body.to_bytes()).unwrap_or_default();
        return Err(ReadError::of_status(&read.what, head.status, &head.headers, &said));
    }
    let body = Limited::new(body, longest).collect().await;
    let bytes = body.map_err(|error| broken_off(read, &*error, longest))?.to_bytes();
    Ok(text(bytes))
}

/// A log may hold any bytes; JSON that is not UTF-8 is refused by the parser or has a wrong character in a text.
fn text(bytes: Bytes) -> String {
    String::from_utf8(bytes.into())
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

fn broken_off(read: &Read, error: &(dyn Error + Send + Sync + 'static), longest: usize) -> ReadError {
    if error.is::<LengthLimitError>() {
        let most = longest >> 20;
        return unreadable(format!("the answer for {} is longer than {most} MiB", read.what));
    }
    match error.downcast_ref::<kube::Error>() {
        Some(error) => ReadError::of_client(&read.what, error),
        None => ReadError::new(ReadErrorKind::Api, format!("{}: the API broke off its answer", read.what)),
    }
}

async fn parsed(read: &Read, text: String) -> Result<Body, ReadError> {
    let parse = read.parse;
    let parsed = if text.len() <= PARSED_HERE {
        parse(text)
    } else {
        let parsed = tokio::task::spawn_blocking(move || parse(text)).await;
        parsed.map_err(|_| unreadable(format!("the answer for {} cannot be read", read.what)))?
    };
    // The words of the parser quote what it found, which may be anything: only the place is told.
    parsed.map_err(|error| {
        let place = format!("line {}, column {}", error.line(), error.column());
        unreadable(format!("the answer for {} cannot be read ({place})", read.what))
    })
}

fn unreadable(message: String) -> ReadError {
    ReadError::new(ReadErrorKind::Unreadable, message)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tower::ServiceExt as _;

    use super::*;
    use crate::cluster::tests::reads::read;

    fn reads(status: u16, body: &'static [u8]) -> ApiReads {
        let service = tower::service_fn(move |_: http::Request<ClientBody>| async move {
            let mut response = http::Response::new(ClientBody::from(body.to_vec()));
            *response.status_mut() = http::StatusCode::from_u16(status).unwrap();
            Ok::<_, tower::BoxError>(response)
        });
        ApiReads { client: kube::Client::new(service, "default"), longest: 64 }
    }

    async fn failure(status: u16, body: &'static [u8]) -> ReadError {
        let read = Read { parse: |text| Ok(Arc::new(serde_json::from_str::<u8>(&text)?)), ..read("/x") };
        reads(status, body).oneshot(read).await.err().unwrap()
    }

    #[tokio::test]
    async fn an_answer_that_is_too_long_is_not_read() {
        let error = failure(200, &[b' '; 65]).await;
        assert_eq!(error.kind, ReadErrorKind::Unreadable);
        assert!(error.message.contains("longer than"), "{error}");
    }

    #[tokio::test]
    async fn what_cannot_be_parsed_is_not_shown() {
        let error = failure(200, b"\"canary\"").await;
        assert_eq!(error.message, "the answer for /x cannot be read (line 1, column 8)");
    }

    #[tokio::test]
    async fn a_status_without_a_body_is_an_error_too() {
        assert_eq!(failure(503, b"").await.message, "/x: the API answered 503");
    }

    #[tokio::test]
    async fn a_log_may_hold_bytes_that_are_no_text() {
        let answer = reads(200, b"a\xffb").oneshot(read("/log")).await.unwrap();
        assert_eq!(answer.body.downcast_ref::<String>().unwrap(), "a\u{FFFD}b");
        assert_eq!(answer.bytes, 5);
    }
}
