//! The fixture: an MCP server over Streamable HTTP that costs next to nothing, so that the proxy in front of it is
//! what is measured. It keeps no session and looks at no header but those by which revision 2026-07-28 routes; the id
//! is echoed as it was spelled.
//!
//! `POST` of `tools/call` answers by the tool's name ([`crate::payload::Tool`]), `initialize` with a session id,
//! `tools/list`, `server/discover`, `ping`, batches, notifications with 202; `GET` opens an event stream that stays
//! silent; `DELETE` is a 200.

mod answer;
mod body;
mod call;

use std::io;
use std::sync::Arc;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;

use crate::address::Loopback;
use crate::workers::{Running, Workers};

pub use body::Body;

use answer::Fixture;

/// How the fixture runs.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Where it listens.
    pub listen: Loopback,
    /// Single-threaded executors, each with its own listener.
    pub workers: usize,
    /// Further tools that it lists, `tool_0000` and up.
    pub tools: u32,
}

/// Starts it.
///
/// # Errors
/// When the address cannot be bound or a thread not be started.
pub fn start(settings: Settings) -> io::Result<Running> {
    let fixture = Arc::new(Fixture::new(settings.tools));
    Workers::bind(settings.listen, settings.workers)?.start(move || {
        let fixture = fixture.clone();
        move |stream| {
            let fixture = fixture.clone();
            async move {
                let service = service_fn(move |request| {
                    let fixture = fixture.clone();
                    async move { Ok::<_, hyper::Error>(fixture.answer(request).await) }
                });
                // An error here is the client's going away, which ends the connection and nothing else.
                drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
            }
        }
    })
}
