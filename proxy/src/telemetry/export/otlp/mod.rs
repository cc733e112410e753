//! Traces and metrics to a collector, by OTLP over gRPC or HTTP/protobuf.
//!
//! ```text
//!   queue ─► Exporter (thread "traces") ─► opentelemetry-otlp ─► client.rs (HTTP) ─► collector
//!                │                               │        └────► grpc.rs (gRPC) ──► collector
//!                │ what was sent, failed         │ partial success, told by an event only
//!                ▼                               ▼
//!              ledger ◄───────────────────── rejected.rs
//! ```
//!
//! Nothing here is on the path of traffic: the exporter takes what the queue holds, builds the spans, and sends them.
//! A collector that is dead, slow or lying costs the queue's memory and counters, never a request.
//!
//! Metrics go the same way but without the library, whose pipeline would keep all series a second time: see `metrics/`.
//!
//! The library reads some of the standard variables itself. Everything is set by name, so that [`Environment`]'s
//! reading wins; what it adds to requests all the same is replaced on the way (`client.rs`, `grpc.rs`).

mod client;
mod environment;
mod error;
mod exporter;
mod grpc;
mod health;
mod metrics;
mod rejected;
mod resource;
mod sending;
mod settings;
mod target;
mod tls;
mod variables;

use std::time::Duration;

pub use self::environment::{Destination, Environment, Remark, Sampler, SamplerKind};
pub use self::error::ExportError;
pub use self::exporter::Exporter;
pub use self::metrics::MetricExporter;
pub use self::rejected::rejections;
pub use self::resource::Identity;
pub use self::sending::Sending;
pub use self::settings::{Compression, Endpoint, Headers, Protocol, Retry, Settings, Signal, Tls};

/// Version of the library that encodes the spans.
const SDK_VERSION: &str = "0.33.1";
/// How we name ourselves to collectors, in the form that the specification of exporters asks for.
const USER_AGENT: &str = concat!("mcp-tap/", env!("CARGO_PKG_VERSION"), " OTel-OTLP-Exporter-Rust/0.33.1");

/// The longest a collector that failed is left alone when it asks for that.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// How long an export may take until the log says that it does not work: retries go on far longer, and whoever looks
/// for his first trace or series is told why there is none.
const PATIENCE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests;
