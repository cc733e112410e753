//! One client connection: HTTP/1 or HTTP/2 as the client begins, until it ends or the drain ends it.
//!
//! [`http1`] serves the first, [`http2`] hands what begins with HTTP/2's preface to hyper. [`wire`] is the reading side of
//! a connection of HTTP/1, which it shares with the [`RequestBody`] that comes over it.

mod body;
mod http1;
mod http2;
mod wire;

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tokio::net::TcpStream;
use tower::Service;

pub use body::RequestBody;
pub(super) use http2::Builder;

use super::drain::Drain;
use super::h1::spelling::FromWire;
use http1::{Connection, Ended};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// How long a connection that was accepted while draining has to bring the request that was likely on its way.
const LATE: Duration = Duration::from_millis(100);

/// Serves the connection until it is over.
pub(super) async fn serve<S, R>(builder: Builder, stream: TcpStream, service: S, drain: Drain)
where
    S: Service<Request<RequestBody>, Response = Response<R>> + Clone + Send + Sync + 'static,
    S::Future: Send,
    S::Error: Into<BoxError>,
    R: Body<Data = Bytes> + FromWire + Send + Unpin + 'static,
    R::Error: Into<BoxError>,
{
    if drain.started() {
        let _late = tokio::time::timeout(LATE, stream.readable()).await;
    }
    // Fails only on a connection that is gone already, which the first read finds as well.
    let _gone = stream.set_nodelay(true);
    let mut connection = Connection::new(stream, service);
    let ended = connection.serve(&drain).await;
    if matches!(ended, Ended::Closed) {
        return;
    }
    // Nobody else has the connection any more: there is no body of a request under way.
    let Some((mut stream, begun, service)) = connection.into_parts() else { return };
    match ended {
        // On the heap: the task of an HTTP/1 connection needs no room for either.
        Ended::Http2 => Box::pin(builder.serve(stream, begun, service, drain)).await,
        Ended::Tunnel(tunnel) => Box::pin(tunnel.run(&mut stream, &begun)).await,
        Ended::Closed => {}
    }
}

#[cfg(test)]
mod tests;
