//! The layers that every call of a tool passes, outermost first.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use futures_util::future::BoxFuture;
use tower::util::BoxCloneSyncService;
use tower::{Service, ServiceBuilder};

use crate::clock::Clock;
use crate::cluster::{ReadStack, Reader};

use super::{Context, ToolCall, ToolReply};

/// What MCP and `POST /call-tool` call tools by.
pub type ToolStack = BoxCloneSyncService<ToolCall, ToolReply, Infallible>;

/// The stack over these reads.
pub fn stack(reads: ReadStack, clock: Clock) -> ToolStack {
    BoxCloneSyncService::new(ServiceBuilder::new().service(Tools { reads, clock }))
}

/// The leaf: runs the tool.
#[derive(Clone)]
struct Tools {
    reads: ReadStack,
    clock: Clock,
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
        let context = Context { reader: reader.clone(), now: self.clock.now() };
        Box::pin(async move {
            let result = (call.entry.run)(context, call.arguments).await.map(Arc::new);
            Ok(ToolReply { result, cache: reader.cache_use() })
        })
    }
}
