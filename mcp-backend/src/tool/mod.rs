//! The tools: a table of typed functions, and the tower stack around it (reference: backend-tools.md §1, §3).
//!
//! Each tool is a file with its name. Around them: `catalogue` (the table), `stack` and `layer/` (what every call
//! passes); `arguments`, `number` and `schema` (what tools take); `gather` (all about one pod), `survey` (lists of
//! everything) and `pod_log` (what several tools read); `causes`, `limit` and `prune` (what they answer, and how much
//! of it).

mod analyze_logs;
mod arguments;
mod catalogue;
mod causes;
mod check_resource_usage;
mod cluster_health;
mod diagnose_deployment;
mod diagnose_node;
mod diagnose_pod;
mod diagnose_service;
mod error;
mod gather;
mod get_events;
mod get_pod_logs;
mod get_resource;
mod layer;
mod limit;
mod list_pods;
mod number;
mod pod_log;
mod prune;
mod schema;
mod spans;
mod stack;
mod survey;
#[cfg(test)]
mod tests;

pub use arguments::{Name, Namespace};
pub use catalogue::{Entry, catalogue, find};
pub use error::{ErrorType, ToolError};
pub use layer::{Meter, MeterLayer, TimeLimit, TimeLimitLayer, Trace, TraceLayer};
pub use limit::MOST_CHARACTERS;
pub use number::Number;
pub use spans::health_checks;
pub use stack::{Settings, ToolStack, stack, stack_with};

use std::sync::Arc;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::cluster::{CacheUse, Reader};

/// A tool: what it takes, what it answers, and how.
pub trait Tool: 'static {
    /// As agents call it.
    const NAME: &'static str;
    /// For people.
    const TITLE: &'static str;
    /// For agents: what it answers and when to use it, in one or two sentences.
    const DESCRIPTION: &'static str;
    /// Unknown members are refused.
    type Arguments: DeserializeOwned + JsonSchema + Send;
    /// Its schema is the `outputSchema`.
    type Output: Serialize + JsonSchema;

    /// Whether the answer must not come from cached reads.
    fn fresh(_: &Self::Arguments) -> bool {
        false
    }

    /// Answers.
    fn run(
        context: Context,
        arguments: Self::Arguments,
    ) -> impl Future<Output = Result<Self::Output, ToolError>> + Send;
}

/// What a tool works with.
#[derive(Clone)]
pub struct Context {
    /// Reads the cluster.
    pub reader: Reader,
    /// The time of the call.
    pub now: Timestamp,
}

/// A call as the layers see it.
pub struct ToolCall {
    /// The tool.
    pub entry: &'static Entry,
    /// What the agent gave.
    pub arguments: serde_json::Map<String, Value>,
    /// The trace that the call belongs to.
    pub parent: opentelemetry::Context,
}

/// How a call ended. A failure of the tool is an answer too.
#[derive(Clone, Debug)]
pub struct ToolReply {
    /// Structured content, or what to tell the agent.
    pub result: Result<Arc<Value>, ToolError>,
    /// Where the data came from; `None` if the cluster was not read.
    pub cache: Option<CacheUse>,
}

/// What [`Entry::run`] gives.
type Running = BoxFuture<'static, Result<Value, ToolError>>;
