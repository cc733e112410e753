//! A span around every call of a tool.

use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use tower::{Layer, Service};
use tracing::field::Empty;
use tracing::{Instrument as _, Span, info_span};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::telemetry::HeaderLink;
use crate::tool::{Name, Namespace, ToolCall, ToolReply};

/// Puts the span `mcp.handle_request` around each call, below [`ToolCall::parent`].
///
/// Of the arguments it shows the names of namespace and pod, if they are names at all; never their text as it came.
///
/// ```
/// use std::convert::Infallible;
/// use mcp_backend::tool::{ToolCall, ToolReply, TraceLayer};
/// use tower::ServiceBuilder;
///
/// let leaf = tower::service_fn(|_: ToolCall| std::future::pending::<Result<ToolReply, Infallible>>());
/// let tools = ServiceBuilder::new().layer(TraceLayer).service(leaf);
/// # drop(tools);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct TraceLayer;

impl<S> Layer<S> for TraceLayer {
    type Service = Trace<S>;

    fn layer(&self, inner: S) -> Trace<S> {
        Trace { inner }
    }
}

/// What [`TraceLayer`] makes.
#[derive(Clone, Debug)]
pub struct Trace<S> {
    inner: S,
}

impl<S> Service<ToolCall> for Trace<S>
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
        let span = begin(&call);
        let reply = span.in_scope(|| self.inner.call(call));
        let within = span.clone();
        let ended = async move {
            let reply = reply.await?;
            end(&span, &reply);
            Ok(reply)
        };
        Box::pin(ended.instrument(within))
    }
}

fn begin(call: &ToolCall) -> Span {
    let text = |name: &str| call.arguments.get(name)?.as_str().map(str::to_owned);
    let namespace = text("namespace").and_then(|text| Namespace::try_from(text).ok());
    let pod = text("pod_name").and_then(|text| Name::try_from(text).ok());
    let span = info_span!(
        // A root, or below what the caller named: never below what happens to be around here.
        parent: None,
        "mcp.handle_request",
        otel.kind = "server",
        mcp.method.name = "tools/call",
        gen_ai.tool.name = call.entry.name,
        k8s.namespace.name = namespace.as_ref().map(Namespace::as_str),
        k8s.pod.name = pod.as_ref().map(Name::as_str),
        cache = Empty,
        "error.type" = Empty,
        otel.status_code = Empty,
    );
    // It fails where there are no traces.
    span.set_parent(call.parent.clone()).ok();
    if let Some(HeaderLink(sender)) = call.parent.get::<HeaderLink>() {
        span.add_link(sender.clone());
    }
    span
}

fn end(span: &Span, reply: &ToolReply) {
    if let Some(cache) = reply.cache {
        span.record("cache", cache.as_str());
    }
    if let Err(error) = &reply.result {
        span.record("error.type", error.kind.as_str());
        span.record("otel.status_code", "error");
    }
}
