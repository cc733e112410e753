//! Reading the cluster: one [`Reader`] per tool call, over a stack of tower layers that all calls share.
//!
//! A reader gives typed objects. Beneath it a [`Read`] is a request to the API and how to parse the answer; the layers
//! cache it, count it and put a span around it; the leaf asks `kube::Client`, which may be the simulated cluster.

mod answer;
mod cache;
mod connect;
mod error;
mod kind;
mod leaf;
mod meter;
mod metrics_api;
mod reader;
mod span;
mod stack;
#[cfg(test)]
mod testing;
mod time_limit;

pub use answer::{Answer, Body, Read, ReadResult};
pub use cache::{CacheLayer, CacheSettings, Cached};
pub use connect::{ConnectError, ConnectSettings, connect};
pub use error::{ReadError, ReadErrorKind};
pub use kind::{KINDS, Kind, KindInfo};
pub use leaf::ApiReads;
pub use meter::{Meter, MeterLayer};
pub use metrics_api::{ContainerMetrics, NodeMetrics, PodMetrics, UsedAmounts};
pub use reader::{CacheUse, LOG_BYTES, Listed, LogQuery, Query, Reader};
pub use span::{Span, SpanLayer};
pub use stack::{ReadStack, Settings, stack, stack_with};
pub use time_limit::{TimeLimit, TimeLimitLayer};
