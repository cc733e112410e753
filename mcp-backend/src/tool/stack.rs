//! The layers that every call of a tool passes, outermost first.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::Semaphore;
use tower::util::BoxCloneSyncService;
use tower::{Service, ServiceBuilder};

use crate::clock::Clock;
use crate::cluster::{ReadStack, Reader};
use crate::telemetry::Metrics;

use super::{Context, MeterLayer, TimeLimitLayer, ToolCall, ToolReply, TraceLayer};

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
            let result = (call.entry.run)(context, call.arguments).await.map(Arc::new);
            Ok(ToolReply { result, cache: reader.cache_use() })
        })
    }
}

#[cfg(test)]
#[path = "tests/stack.rs"]
mod tests;
