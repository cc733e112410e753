//! A span around every read.

use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use tower::{Layer, Service};
use tracing::field::Empty;
use tracing::{Instrument as _, info_span};

use crate::cluster::answer::ReadResult;
use crate::cluster::{Answer, Read, ReadError, ReadErrorKind};

/// Puts the span [`Read::span`] around each read, with the object, whether it was cached, and how it ended.
///
/// ```
/// use mcp_backend::cluster::{Read, ReadResult, SpanLayer};
/// use tower::ServiceBuilder;
///
/// let leaf = tower::service_fn(|_: Read| std::future::pending::<ReadResult>());
/// let reads = ServiceBuilder::new().layer(SpanLayer).service(leaf);
/// # drop(reads);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct SpanLayer;

impl<S> Layer<S> for SpanLayer {
    type Service = Span<S>;

    fn layer(&self, inner: S) -> Span<S> {
        Span { inner }
    }
}

/// What [`SpanLayer`] makes.
#[derive(Clone, Debug)]
pub struct Span<S> {
    inner: S,
}

impl<S> Service<Read> for Span<S>
where
    S: Service<Read, Response = Answer, Error = ReadError>,
    S::Future: Send + 'static,
{
    type Response = Answer;
    type Error = ReadError;
    type Future = BoxFuture<'static, ReadResult>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), ReadError>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, read: Read) -> Self::Future {
        let span = begin(&read);
        let answer = span.in_scope(|| self.inner.call(read));
        let within = span.clone();
        let ended = async move {
            let answer = answer.await;
            end(&span, &answer);
            answer
        };
        Box::pin(ended.instrument(within))
    }
}

fn begin(read: &Read) -> tracing::Span {
    // A name that is only known now is given by a field; this one stands in lines of the log.
    let pod = matches!(read.resource, "pods" | "log");
    info_span!(
        "k8s.read",
        otel.name = read.span,
        k8s.namespace.name = read.namespace.as_deref(),
        k8s.pod.name = read.name.as_deref().filter(|_| pod),
        k8s.object.name = read.name.as_deref().filter(|_| !pod),
        k8s.resource = read.resource,
        k8s.verb = read.verb,
        cached = Empty,
        result = Empty,
        "error.type" = Empty,
        otel.status_code = Empty,
    )
}

fn end(span: &tracing::Span, answer: &ReadResult) {
    match answer {
        Ok(answer) => {
            span.record("result", "success");
            span.record("cached", answer.cached);
        }
        Err(error) => {
            span.record("result", error.kind.as_str());
            span.record("cached", error.cached);
            span.record("error.type", error.kind.as_str());
            // That something is not there is often just what is to be found out.
            if error.kind != ReadErrorKind::NotFound {
                span.record("otel.status_code", "error");
            }
        }
    }
}
