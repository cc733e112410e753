//! MCP over standard input and output: one client, which started us.

use std::pin::pin;
use std::time::Duration;

use rmcp::serve_server;
use rmcp::service::ServerInitializeError;
use rmcp::transport::io::stdio_pipes;

use super::mcp::Mcp;

/// How long the end may take.
const CLOSE: Duration = Duration::from_secs(4);

/// Why a client could not be served.
#[derive(Debug, thiserror::Error)]
pub enum StdioError {
    /// Its first message was none that begins a session.
    #[error("the client did not begin as MCP has it: {0}")]
    Beginning(String),
    /// A mistake of ours.
    #[error("serving ended unexpectedly: {0}")]
    Ended(String),
}

/// Serves until the client closes our standard input, or `stop`.
///
/// # Errors
/// When no session came to be, or it broke.
pub async fn serve(mcp: Mcp, stop: impl Future<Output = ()>) -> Result<(), StdioError> {
    let mut stop = pin!(stop);
    let begun = tokio::select! {
        begun = serve_server(mcp, stdio_pipes()) => begun,
        () = &mut stop => return Ok(()),
    };
    let running = match begun {
        Ok(running) => running,
        // A client that goes before it came.
        Err(ServerInitializeError::ConnectionClosed(_)) => return Ok(()),
        Err(error) => return Err(StdioError::Beginning(error.to_string())),
    };
    let ended = |error: tokio::task::JoinError| StdioError::Ended(error.to_string());
    let token = running.cancellation_token();
    let mut waiting = pin!(running.waiting());
    tokio::select! {
        quit = &mut waiting => quit.map(drop).map_err(ended),
        () = &mut stop => {
            token.cancel();
            tokio::time::timeout(CLOSE, waiting).await.map_or(Ok(()), |quit| quit.map(drop).map_err(ended))
        }
    }
}
