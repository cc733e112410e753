//! What a request passes, from the client to the server.

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower::{Layer, Service};

use super::forward::ForwardError;
use super::respond::{Respond, RespondLayer};

/// The stack of one client connection, outermost first. `inspect` is the layer that looks at a copy of what passes,
/// `trace` the one that writes trace context; `tower::layer::util::Identity` does neither.
pub fn stack<L, T, F, B, R>(inspect: &L, trace: &T, forward: F) -> Respond<L::Service>
where
    T: Layer<F>,
    L: Layer<T::Service>,
    L::Service: Service<Request<B>, Response = Response<R>, Error = ForwardError>,
    R: Body<Data = Bytes>,
{
    // Outermost, so that the layers below see a missing answer as what it is, not as the text made of it.
    RespondLayer.layer(
        // Sees what the client sent and what the server sent.
        inspect.layer(
            // Below inspection, whose reading says what to write: reading ahead goes through it, and what is written here
            // is not taken for the client's words. Above the leaf, for which a head that was sent is out of reach.
            trace.layer(
                // Hop-by-hop headers, connections to the server.
                forward,
            ),
        ),
    )
}
