//! Reading the cluster: one [`Reader`] per tool call, over a stack of tower layers that all calls share.
//!
//! A reader gives typed objects. Beneath it a [`Read`] is a request to the API and how to parse the answer; the layers
//! cache it, count it and put a span around it; the leaf asks `kube::Client`, which may be the simulated cluster.

mod answer;
mod connect;
mod error;
mod kind;
mod layer;
mod leaf;
mod metrics_api;
mod reader;
mod stack;
#[cfg(test)]
mod tests;

pub use answer::{Answer, Body, Read, ReadResult};
pub use connect::{ConnectError, ConnectSettings, connect};
pub use error::{ReadError, ReadErrorKind};
pub use kind::{KINDS, Kind, KindInfo};
pub use layer::{
    CacheLayer, CacheSettings, Cached, Meter, MeterLayer, Span, SpanLayer, TimeLimit, TimeLimitLayer,
};
pub use leaf::ApiReads;
pub use metrics_api::{ContainerMetrics, NodeMetrics, PodMetrics, UsedAmounts};
pub use reader::{CacheUse, LOG_BYTES, Listed, LogQuery, Query, Reader};
pub use stack::{ReadStack, Settings, stack, stack_with};
