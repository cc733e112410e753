//! What a request passes, from the client to the server.

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower::{Layer, Service};

use super::forward::ForwardError;
use super::respond::{Respond, RespondLayer};

/// The stack of one client connection, outermost first. `inspect` is the layer that looks at a copy of what passes;
/// `tower::layer::util::Identity` looks at nothing.
pub fn stack<L, F, B, R>(inspect: &L, forward: F) -> Respond<L::Service>
where
    L: Layer<F>,
    L::Service: Service<Request<B>, Response = Response<R>, Error = ForwardError>,
    R: Body<Data = Bytes>,
{
    // Outermost, so that the layers below see a missing answer as what it is, not as the text made of it.
    RespondLayer.layer(
        // Directly around the leaf: sees what the server is sent and what it sent.
        inspect.layer(
            // Hop-by-hop headers, connections to the server.
            forward,
        ),
    )
}
