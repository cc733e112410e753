//! Traces to a collector, by OTLP over gRPC or HTTP/protobuf.
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
//! The library reads some of the standard variables itself. Everything is set by name, so that [`Environment`]'s
//! reading wins; what it adds to requests all the same is replaced on the way (`client.rs`, `grpc.rs`).

mod client;
mod environment;
mod error;
mod exporter;
mod grpc;
mod health;
mod rejected;
mod resource;
mod settings;
mod target;
mod tls;
mod variables;

pub use self::environment::{Environment, Remark, Sampler, SamplerKind, TracesExporter};
pub use self::error::ExportError;
pub use self::exporter::Exporter;
pub use self::rejected::rejections;
pub use self::resource::Identity;
pub use self::settings::{Compression, Endpoint, Headers, Protocol, Retry, Settings, Tls};

/// Version of the library that encodes the spans.
const SDK_VERSION: &str = "0.33.1";
/// How we name ourselves to collectors, in the form that the specification of exporters asks for.
const USER_AGENT: &str = concat!("mcp-tap/", env!("CARGO_PKG_VERSION"), " OTel-OTLP-Exporter-Rust/0.33.1");

#[cfg(test)]
mod tests;
