//! The floor: what a reverse proxy on hyper costs that reads nothing and records nothing. It has the runtime shape of
//! mcp-tap (workers with a listener and a pool each), so the difference to mcp-tap is what the telemetry costs.
//!
//! It is a yardstick, not a product: one upstream, HTTP/1.1 only, no timeouts, no upgrades, a plain 502 on failure.

mod forward;
mod headers;
mod pool;

use std::io;
use std::sync::Arc;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;

use crate::address::Loopback;
use crate::workers::{Running, Workers};

use pool::Pool;

/// How the bare proxy runs.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Where it listens.
    pub listen: Loopback,
    /// Where it forwards to.
    pub upstream: Loopback,
    /// Single-threaded executors, each with its own listener and pool.
    pub workers: usize,
}

/// Starts it.
///
/// # Errors
/// When the address cannot be bound or a thread not be started.
pub fn start(settings: Settings) -> io::Result<Running> {
    Workers::bind(settings.listen, settings.workers)?.start(move || {
        let pool = Arc::new(Pool::new(settings.upstream.address()));
        move |stream| {
            let pool = pool.clone();
            async move {
                let service = service_fn(move |request| {
                    let pool = pool.clone();
                    async move { Ok::<_, hyper::Error>(forward::forward(pool, request).await) }
                });
                // An error here is the client's going away, which ends the connection and nothing else.
                drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
            }
        }
    })
}
