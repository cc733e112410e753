//! The layers that every call of a tool passes, outermost first.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::sync::Semaphore;
use tower::util::BoxCloneSyncService;
use tower::{Service, ServiceBuilder};

use crate::clock::Clock;
use crate::cluster::{ReadStack, Reader};
use crate::telemetry::Metrics;

use super::{Context, ErrorType, MeterLayer, TimeLimitLayer, ToolCall, ToolError, ToolReply, TraceLayer};

/// What MCP and `POST /call-tool` call tools by.
pub type ToolStack = BoxCloneSyncService<ToolCall, ToolReply, Infallible>;

/// How tools are called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How long one call may take.
    pub time_limit: Duration,
    /// How many calls run at once; others wait within their time. Each may hold a list of the whole cluster.
    pub at_once: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { time_limit: Duration::from_secs(30), at_once: 64 }
    }
}

/// The stack over these reads, counting for nobody.
pub fn stack(reads: ReadStack, clock: Clock) -> ToolStack {
    stack_with(reads, clock, &Settings::default(), &Metrics::new())
}

/// The stack over these reads.
pub fn stack_with(reads: ReadStack, clock: Clock, settings: &Settings, metrics: &Metrics) -> ToolStack {
    BoxCloneSyncService::new(
        ServiceBuilder::new()
            // Outermost: joins the trace of the caller, and all that follows is below its span.
            .layer(TraceLayer)
            // Above the time limit: a call that was given up is counted as what the agent is told, a timeout.
            .layer(MeterLayer::new(metrics.clone()))
            // Single reads have limits of their own; this one is for calls of many reads.
            .layer(TimeLimitLayer::new(settings.time_limit))
            .service(Tools { reads, clock, room: Arc::new(Semaphore::new(settings.at_once)) }),
    )
}

/// The leaf: runs the tool.
#[derive(Clone)]
struct Tools {
    reads: ReadStack,
    clock: Clock,
    room: Arc<Semaphore>,
}

impl Service<ToolCall> for Tools {
    type Response = ToolReply;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<ToolReply, Infallible>>;

    fn poll_ready(&mut self, _: &mut TaskContext<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: ToolCall) -> Self::Future {
        let reader = Reader::new(self.reads.clone(), false);
        let (clock, room) = (self.clock.clone(), Arc::clone(&self.room));
        Box::pin(async move {
            // Never closed.
            let _permit = room.acquire().await.ok();
            let context = Context { reader: reader.clone(), now: clock.now() };
            // A mistake in one tool is an answer like others, and not the end of the connection. What the call left
            // half done is dropped with it: all that calls share are the reads, which hold no lock while they wait.
            let ended = AssertUnwindSafe((call.entry.run)(context, call.arguments)).catch_unwind().await;
            let result = ended.unwrap_or_else(|_| Err(broke(call.entry.name))).map(Arc::new);
            Ok(ToolReply { result, cache: reader.cache_use() })
        })
    }
}

/// The words of the panic may quote what was in the cluster: the log tells where it was, the agent only that it was.
fn broke(tool: &str) -> ToolError {
    let next = "this is a mistake of the server: other tools may still answer";
    ToolError::new(ErrorType::Internal, format!("{tool} broke off"), next)
}

#[cfg(test)]
#[path = "tests/stack.rs"]
mod tests;
