//! MCP over standard input and output: one client, which started us.

use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rmcp::serve_server;
use rmcp::service::ServerInitializeError;
use rmcp::transport::io::stdio_pipes;
use tokio::io::{AsyncRead, ReadBuf};

use super::mcp::Mcp;

/// The longest message, in bytes: as over HTTP.
const LINE: usize = 1024 * 1024;

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
    let (input, output) = stdio_pipes();
    let transport = (Lines { input, line: 0 }, output);
    let begun = tokio::select! {
        begun = serve_server(mcp, transport) => begun,
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

/// Lines of bounded length: rmcp would keep a line in memory however long it becomes. What is too much of one is left
/// out; without its end it is no JSON, and passed over as other garbage is.
struct Lines<R> {
    input: R,
    /// Length of the line so far.
    line: usize,
}

impl<R: AsyncRead + Unpin> AsyncRead for Lines<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            let before = buffer.filled().len();
            ready!(Pin::new(&mut self.input).poll_read(context, buffer))?;
            let after = buffer.filled().len();
            let kept = self.keep(&mut buffer.filled_mut()[before..]);
            buffer.set_filled(before + kept);
            // Nothing would mean the end.
            if kept > 0 || after == before {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<R> Lines<R> {
    /// Moves what is kept to the front; how much that is.
    fn keep(&mut self, bytes: &mut [u8]) -> usize {
        let mut kept = 0;
        let mut at = 0;
        while at < bytes.len() {
            let newline = bytes[at..].iter().position(|byte| *byte == b'\n');
            let end = newline.map_or(bytes.len(), |place| at + place);
            let room = LINE.saturating_sub(self.line).min(end - at);
            bytes.copy_within(at..at + room, kept);
            kept += room;
            self.line = self.line.saturating_add(end - at);
            at = end;
            if newline.is_some() {
                bytes[kept] = b'\n';
                kept += 1;
                at += 1;
                self.line = 0;
            }
        }
        kept
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    #[tokio::test]
    async fn lines_that_are_too_long_are_cut_and_others_are_not() {
        let line = |length: usize| format!("{}\n", "x".repeat(length));
        let sent = [line(2), line(0), line(LINE), line(LINE + 1), line(5 * LINE), line(3)].concat();
        let expected = [line(2), line(0), line(LINE), line(LINE), line(LINE), line(3)].concat();
        for chunk in [1000, 4096, 3 * LINE] {
            let mut seen = String::new();
            let input = tokio::io::BufReader::with_capacity(chunk, sent.as_bytes());
            Lines { input, line: 0 }.read_to_string(&mut seen).await.unwrap();
            assert!(seen == expected, "in chunks of {chunk}: {} bytes", seen.len());
        }
    }

    #[tokio::test]
    async fn a_line_without_an_end_takes_no_more_memory() {
        let mut seen = Vec::new();
        let input = tokio::io::repeat(b'x').take(20 * LINE as u64);
        Lines { input, line: 0 }.read_to_end(&mut seen).await.unwrap();
        assert_eq!(seen.len(), LINE);
    }
}
