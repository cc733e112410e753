//! The layer that looks at the traffic: a copy of what passes is read, what passes is not touched.
//!
//! Where a request goes: [`Inspect`] reads its head and opens an exchange, [`TappedBody`] shows the request body to a
//! watch; [`ResponseFuture`] reads the response head, and the response body is tapped likewise. The watch of a body
//! undoes its content codings, takes the JSON-RPC out of it, and tells the exchange core.
//!
//! What holds:
//! * Frames, trailers, size hints and ends go on as they came, in the poll in which they came. Nothing is copied, held
//!   back or waited for. A chunk is read before it goes on, at about 1 ms per MiB: hyper reads at most some 400 KiB at
//!   a time.
//! * Only JSON and event streams are read (`head::Media`); any other body costs the time of its first byte and of
//!   its end. What cannot be decoded, is too big or has no room in the [`Budget`] is counted as not inspected.
//! * A body's end is told exactly once, whichever of the five ways it takes ([`TappedBody`]).
//! * A panic in any of this is caught at the body, counted as [`NotInspected::Internal`], and ends the inspection of
//!   that body only.
//!
//! ```
//! use std::sync::Arc;
//!
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use http_body_util::{BodyExt, Empty, Full};
//! use mcp_tap::exchange::event::{Event, Sink};
//! use mcp_tap::exchange::{self, Exchange};
//! use mcp_tap::http::forward::ForwardError;
//! use mcp_tap::http::inspect::{InspectLayer, Settings};
//! use tower::{Layer, ServiceExt};
//!
//! struct Print;
//!
//! impl Sink for Print {
//!     fn emit(&self, event: Event) {
//!         println!("{event:?}");
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let server = tower::service_fn(async |_request| {
//!     Ok::<_, ForwardError>(Response::new(Full::new(Bytes::from_static(b"hello"))))
//! });
//! let exchange = Exchange::new(exchange::Settings::default(), Arc::new(Print));
//! let layer = InspectLayer::new(exchange.clone(), Settings::default(), exchange.connection());
//! let request = Request::get("/").body(Empty::<Bytes>::new()).unwrap();
//! let response = layer.layer(server).oneshot(request).await.unwrap();
//! assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "hello");
//! # }
//! ```
//!
//! [`NotInspected::Internal`]: crate::exchange::event::NotInspected::Internal

mod body;
mod budget;
mod context;
mod decode;
mod future;
mod head;
mod layer;
mod measure;
mod parse;
mod reader;
mod scanners;
mod service;
mod watch;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use http::HeaderName;

pub use body::TappedBody;
pub(in crate::http) use body::guarded;
pub use budget::Budget;
pub(in crate::http) use budget::Reservation;
pub(in crate::http) use context::is_context_signed;
pub use future::ResponseFuture;
pub use layer::InspectLayer;
pub use service::Inspect;

use self::watch::BodyEnd;
use crate::exchange::event::EndReason;
use crate::http::drain::Drain;
use crate::protocol::scan::Captures;

/// What inspection may cost, and what it needs to know.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Bytes of one message, decoded; more is not read.
    pub message_limit: u64,
    /// What decoders and captures may hold, over all connections.
    pub memory: Arc<Budget>,
    /// The request header whose value says who calls.
    pub identity_header: Option<HeaderName>,
    /// Says when the drain time is over: what breaks off from then on was cut by this proxy.
    pub drain: Drain,
    /// What is kept of arguments and results, for spans.
    pub captures: Captures,
    /// Whether trace context is read, and bodies know their exchange for [`trace`](crate::http::trace).
    pub contexts: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            message_limit: 16 << 20,
            memory: Arc::new(Budget::new(64 << 20)),
            identity_header: None,
            drain: Drain::new(),
            captures: Captures::default(),
            contexts: false,
        }
    }
}

impl Settings {
    /// What the end of a response body means for its exchange.
    fn reason(&self, end: BodyEnd) -> EndReason {
        match end {
            BodyEnd::Complete => EndReason::Complete,
            _ if self.drain.cutting() => EndReason::Drained,
            BodyEnd::Error => EndReason::ServerError,
            BodyEnd::Dropped => EndReason::ClientGone,
        }
    }
}
