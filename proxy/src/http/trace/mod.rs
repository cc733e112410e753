//! The layer that writes trace context into requests: the only thing here that changes what passes end to end.
//!
//! Where a request goes: [`Trace`] takes the exchange from the body ([`OfExchange`]). Without one, where traces are not
//! made, the request passes. With one, [`ResponseFuture`] asks the exchange what to write ([`Forwarding::forward`])
//! and writes it. The exchange knows that from the messages in the body, and the context goes into the head; so the
//! head of a POST is held until the body is there, and [`HeldBody`] replays what was read of it.
//!
//! What holds:
//! * A request is held until its body ends, has brought [`HOLD_SIZE`] bytes, or [`HOLD_TIME`] is over, whichever comes
//!   first. A body that is there with its head, as that of nearly every call, goes on in the same poll. One that is
//!   announced longer than `HOLD_SIZE` is not waited for: its message cannot be complete in time.
//! * Not held are requests whose client waits for `100 Continue`: it would not send its body before the server spoke.
//! * The server sees the frames of the body as they came, its trailers, and its error; only where context is written into
//!   the body ([`Propagate::Full`]) some of them are longer or shorter, and `Content-Length` with them.
//! * Headers are set in place: name, position and order of all others stay. Where a signature covers the headers of
//!   trace context, they stay too.
//! * What a request holds while it waits is taken from the memory of inspection. Without room it does not wait.
//! * A panic in making the context costs that request its context, and nothing else.
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Instant;
//!
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use http_body_util::{BodyExt, Empty, Full};
//! use mcp_tap::exchange::event::{Event, Sink};
//! use mcp_tap::exchange::{self, Exchange};
//! use mcp_tap::http::forward::ForwardError;
//! use mcp_tap::http::inspect::{self, InspectLayer};
//! use mcp_tap::http::stack::stack;
//! use mcp_tap::http::trace::{self, TraceLayer};
//! use tower::ServiceExt;
//!
//! struct Nobody;
//!
//! impl Sink for Nobody {
//!     fn emit(&self, _event: Event) {}
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let server = tower::service_fn(async |request: Request<_>| {
//!     let body: trace::HeldBody<inspect::TappedBody<Full<Bytes>>> = request.into_body();
//!     Ok::<_, ForwardError>(Response::new(body))
//! });
//! let exchange = Exchange::new(exchange::Settings::default(), Arc::new(Nobody));
//! let settings = inspect::Settings { contexts: true, ..inspect::Settings::default() };
//! let trace = TraceLayer::new(trace::Settings { hold: true, memory: Arc::clone(&settings.memory) });
//! let inspect = InspectLayer::new(exchange.clone(), settings, exchange.connection());
//! let request = Request::post("/mcp").body(Full::new(Bytes::from_static(b"{}"))).unwrap();
//! let response = stack(&inspect, &trace, server).oneshot(request).await.unwrap();
//! assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "{}");
//! # }
//! ```
//!
//! [`Propagate::Full`]: crate::exchange::trace::Propagate::Full

mod body;
mod future;
mod held;
mod layer;
mod service;
mod write;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body::Body;

pub use body::HeldBody;
pub use future::ResponseFuture;
pub use layer::TraceLayer;
pub use service::Trace;

use super::inspect::Budget;
use crate::exchange::Handle;
use crate::exchange::trace::Outgoing;

/// Bytes of a body after which its request is held no longer.
pub const HOLD_SIZE: usize = 64 * 1024;

/// Longest time that a request is held.
pub const HOLD_TIME: Duration = Duration::from_millis(50);

/// Most frames that are held: of empty ones there could be any number.
const HOLD_FRAMES: usize = 1024;

/// How requests are held.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Whether anything is to be written: if not, no request is held.
    pub hold: bool,
    /// Where the memory of what is held comes from.
    pub memory: Arc<Budget>,
}

/// A request body that may know the exchange it belongs to.
///
/// It travels with the body, and not in the request's extensions, since those cost a box and a look-up each.
pub trait OfExchange: Body<Data = Bytes> + Unpin {
    /// The exchange.
    type Handle: Forwarding;

    /// Gives it away; `None` where traces are not made, and the second time.
    fn take_handle(&mut self) -> Option<Self::Handle>;
}

/// What this layer tells an exchange, and asks it: the methods are those of [`Handle`].
pub trait Forwarding {
    /// The request goes on towards the server; says what to write into it.
    fn forward(&self, at: Instant) -> Option<Outgoing>;

    /// Adds time spent in this proxy's own code.
    fn overhead(&self, spent: Duration);
}

impl Forwarding for Handle {
    fn forward(&self, at: Instant) -> Option<Outgoing> {
        Self::forward(self, at)
    }

    fn overhead(&self, spent: Duration) {
        Self::overhead(self, spent);
    }
}
