//! Gives up reads that take too long.

use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tower::{Layer, Service, ServiceExt as _};

use crate::cluster::answer::ReadResult;
use crate::cluster::{Answer, Read, ReadError};

/// Gives each read this long, with the time it waits for its turn; then it is dropped and ends as
/// [`ReadErrorKind::Timeout`](crate::cluster::ReadErrorKind::Timeout).
///
/// ```
/// use std::time::Duration;
/// use mcp_backend::cluster::{Read, ReadResult, TimeLimitLayer};
/// use tower::ServiceBuilder;
///
/// let leaf = tower::service_fn(|_: Read| std::future::pending::<ReadResult>());
/// let reads = ServiceBuilder::new().layer(TimeLimitLayer::new(Duration::from_secs(5))).service(leaf);
/// # drop(reads);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct TimeLimitLayer {
    limit: Duration,
}

impl TimeLimitLayer {
    /// Reads may take this long.
    pub fn new(limit: Duration) -> Self {
        Self { limit }
    }
}

impl<S> Layer<S> for TimeLimitLayer {
    type Service = TimeLimit<S>;

    fn layer(&self, inner: S) -> TimeLimit<S> {
        TimeLimit { inner, limit: self.limit }
    }
}

/// What [`TimeLimitLayer`] makes.
#[derive(Clone, Debug)]
pub struct TimeLimit<S> {
    inner: S,
    limit: Duration,
}

impl<S> Service<Read> for TimeLimit<S>
where
    S: Service<Read, Response = Answer, Error = ReadError> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Answer;
    type Error = ReadError;
    type Future = BoxFuture<'static, ReadResult>;

    /// Always: what is beneath is waited for within the limit.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ReadError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, read: Read) -> Self::Future {
        let (inner, limit, what) = (self.inner.clone(), self.limit, read.what.clone());
        Box::pin(async move {
            let answer = tokio::time::timeout(limit, inner.oneshot(read)).await;
            answer.unwrap_or_else(|_| Err(ReadError::too_slow(&what, limit)))
        })
    }
}

#[cfg(test)]
mod tests {
    use tower::ServiceBuilder;

    use super::*;
    use crate::cluster::ReadErrorKind;
    use crate::cluster::tests::reads::read;

    #[tokio::test(start_paused = true)]
    async fn waiting_for_a_turn_counts_too() {
        let leaf = tower::service_fn(|_: Read| std::future::pending::<ReadResult>());
        let reads = ServiceBuilder::new()
            .layer(TimeLimitLayer::new(Duration::from_secs(5)))
            .concurrency_limit(1)
            .service(leaf);
        let (first, second) =
            tokio::join!(reads.clone().oneshot(read("/a")), reads.clone().oneshot(read("/b")));
        for (answer, what) in [(first, "/a"), (second, "/b")] {
            let error = answer.err().unwrap();
            assert_eq!(error.kind, ReadErrorKind::Timeout);
            assert_eq!(error.message, format!("{what}: the API did not answer within 5s"));
        }
    }
}
