//! The far end of traces: an OTLP/HTTP collector that takes whatever it is sent and keeps nothing, so that the cost of
//! sending is all that is measured.

use std::convert::Infallible;
use std::io;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request, Response};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;

use crate::address::Loopback;
use crate::workers::{Running, Workers};

/// Starts it on one executor.
///
/// # Errors
/// When the address cannot be bound or a thread not be started.
pub fn start(listen: Loopback) -> io::Result<Running> {
    Workers::bind(listen, 1)?.start(|| {
        async |stream| {
            // An error here is the sender's going away, which ends the connection and nothing else.
            drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(take)).await);
        }
    })
}

/// Reads a request to its end. An empty `ExportTraceServiceResponse`, which is no byte at all, says that all of it was
/// accepted.
async fn take(request: Request<Incoming>) -> Result<Response<Empty<Bytes>>, Infallible> {
    let mut body = request.into_body();
    while let Some(Ok(_)) = body.frame().await {}
    let mut response = Response::new(Empty::new());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
    Ok(response)
}
