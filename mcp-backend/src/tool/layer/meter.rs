//! Counts and times the calls of tools.

use std::task::{Context, Poll};
use std::time::Instant;

use futures_util::future::BoxFuture;
use tower::{Layer, Service};

use crate::clock;
use crate::telemetry::Metrics;
use crate::tool::{ToolCall, ToolReply};

/// Counts each call by tool and result, and times those that had an answer. A call whose caller went away counts as
/// `cancelled`.
///
/// ```
/// use std::convert::Infallible;
/// use mcp_backend::{telemetry::Metrics, tool::{MeterLayer, ToolCall, ToolReply}};
/// use tower::ServiceBuilder;
///
/// let leaf = tower::service_fn(|_: ToolCall| std::future::pending::<Result<ToolReply, Infallible>>());
/// let tools = ServiceBuilder::new().layer(MeterLayer::new(Metrics::new())).service(leaf);
/// # drop(tools);
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

impl<S> Service<ToolCall> for Meter<S>
where
    S: Service<ToolCall, Response = ToolReply>,
    S::Future: Send + 'static,
{
    type Response = ToolReply;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<ToolReply, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, call: ToolCall) -> Self::Future {
        let running = Running {
            metrics: self.metrics.clone(),
            tool: call.entry.name,
            began: clock::instant(),
            result: None,
        };
        let reply = self.inner.call(call);
        Box::pin(async move {
            let mut running = running;
            let reply = reply.await?;
            running.result =
                Some(reply.result.as_ref().map_or_else(|error| error.kind.as_str(), |_| "success"));
            Ok(reply)
        })
    }
}

/// A call under way. Every way it can end leads through its drop.
struct Running {
    metrics: Metrics,
    tool: &'static str,
    began: Instant,
    result: Option<&'static str>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.metrics.tool_ended(self.tool, self.result.unwrap_or("cancelled"));
        if self.result.is_some() {
            self.metrics.tool_took(self.tool, clock::instant().duration_since(self.began));
        }
    }
}
