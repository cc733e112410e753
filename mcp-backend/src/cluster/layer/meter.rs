//! Counts and times the requests that go to the API.

use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use tower::{Layer, Service};

use crate::clock;
use crate::cluster::answer::ReadResult;
use crate::cluster::{Answer, Read, ReadError};
use crate::telemetry::Metrics;

/// Counts each read that gets here by verb, resource and result, and times it by verb.
///
/// ```
/// use mcp_backend::{cluster::{MeterLayer, Read, ReadResult}, telemetry::Metrics};
/// use tower::ServiceBuilder;
///
/// let leaf = tower::service_fn(|_: Read| std::future::pending::<ReadResult>());
/// let reads = ServiceBuilder::new().layer(MeterLayer::new(Metrics::new())).service(leaf);
/// # drop(reads);
/// ```
#[derive(Clone)]
pub struct MeterLayer {
    metrics: Metrics,
}

impl MeterLayer {
    /// Counts into these metrics.
    pub fn new(metrics: Metrics) -> Self {
        Self { metrics }
    }
}

impl<S> Layer<S> for MeterLayer {
    type Service = Meter<S>;

    fn layer(&self, inner: S) -> Meter<S> {
        Meter { inner, metrics: self.metrics.clone() }
    }
}

/// What [`MeterLayer`] makes.
#[derive(Clone)]
pub struct Meter<S> {
    inner: S,
    metrics: Metrics,
}

impl<S> Service<Read> for Meter<S>
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
        let (verb, resource, metrics) = (read.verb, read.resource, self.metrics.clone());
        let began = clock::instant();
        let answer = self.inner.call(read);
        Box::pin(async move {
            let answer = answer.await;
            let result = answer.as_ref().map_or_else(|error| error.kind.as_str(), |_| "success");
            metrics.read_ended(verb, resource, result, clock::instant().duration_since(began));
            answer
        })
    }
}

#[cfg(test)]
mod tests {
    use tower::{ServiceBuilder, ServiceExt as _};

    use super::*;
    use crate::cluster::tests::reads::{answer, missing, read};

    #[tokio::test]
    async fn reads_are_counted_by_how_they_ended() {
        let metrics = Metrics::new();
        let leaf = tower::service_fn(|read: Read| async move {
            if read.uri == "/there" { Ok(answer(1)) } else { Err(missing()) }
        });
        let reads = ServiceBuilder::new().layer(MeterLayer::new(metrics.clone())).service(leaf);
        for uri in ["/there", "/there", "/gone"] {
            reads.clone().oneshot(read(uri)).await.ok();
        }
        let page = metrics.render();
        for line in [
            "mcp_backend_kube_requests_total{verb=\"get\",resource=\"pods\",result=\"success\"} 2",
            "mcp_backend_kube_requests_total{verb=\"get\",resource=\"pods\",result=\"not_found\"} 1",
            "mcp_backend_kube_request_duration_seconds_count{verb=\"get\"} 3",
        ] {
            assert!(page.contains(line), "{line} is not in\n{page}");
        }
    }
}
