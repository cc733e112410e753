//! Gives up calls that take too long.

use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tower::{Layer, Service};

use crate::tool::{ErrorType, ToolCall, ToolError, ToolReply};

/// Gives each call this long; then its work is dropped and the agent told so.
///
/// ```
/// use std::{convert::Infallible, time::Duration};
/// use mcp_backend::tool::{TimeLimitLayer, ToolCall, ToolReply};
/// use tower::ServiceBuilder;
///
/// let leaf = tower::service_fn(|_: ToolCall| std::future::pending::<Result<ToolReply, Infallible>>());
/// let tools = ServiceBuilder::new().layer(TimeLimitLayer::new(Duration::from_secs(30))).service(leaf);
/// # drop(tools);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct TimeLimitLayer {
    limit: Duration,
}

impl TimeLimitLayer {
    /// Calls may take this long.
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

impl<S> Service<ToolCall> for TimeLimit<S>
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
        let (limit, tool) = (self.limit, call.entry.name);
        let reply = self.inner.call(call);
        Box::pin(async move {
            match tokio::time::timeout(limit, reply).await {
                Ok(reply) => reply,
                Err(_) => Ok(ToolReply { result: Err(too_slow(tool, limit)), cache: None }),
            }
        })
    }
}

fn too_slow(tool: &str, limit: Duration) -> ToolError {
    ToolError::new(
        ErrorType::Timeout,
        format!("{tool} had no answer within {}", humantime::format_duration(limit)),
        "ask for less, for example for one namespace, or try again",
    )
}
