//! After `101 Switching Protocols`: bytes both ways, each direction until its own end.
//!
//! The server's connection is found below the stack, the client's above it: the request takes an [`Opener`] down, through
//! which the server's connection comes up.

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::oneshot;

/// A connection in both directions.
trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// The server's end.
struct ServerEnd {
    io: Box<dyn Duplex>,
    /// What it sent behind the head of its answer.
    read_ahead: Bytes,
}

/// Takes the server's end.
pub struct Opener(oneshot::Sender<ServerEnd>);

impl Opener {
    /// The server has switched protocols: from now on its connection is the tunnel's.
    pub(super) fn open<I>(self, io: I, read_ahead: Bytes)
    where
        I: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        // If the client is gone, so is the tunnel.
        let _gone = self.0.send(ServerEnd { io: Box::new(io), read_ahead });
    }
}

/// A tunnel that may be opened.
pub(super) struct Tunnel(oneshot::Receiver<ServerEnd>);

impl Tunnel {
    /// The tunnel, and what opens it.
    pub(super) fn new() -> (Opener, Self) {
        let (opener, opened) = oneshot::channel();
        (Opener(opener), Self(opened))
    }

    /// Joins the client's connection with the server's until both directions have ended. `read_ahead`: what the client
    /// sent behind its request.
    pub(super) async fn run<I>(self, client: &mut I, read_ahead: &[u8])
    where
        I: AsyncRead + AsyncWrite + Unpin,
    {
        let Ok(mut server) = self.0.await else { return };
        // At the same time: either may wait for what the other has sent already.
        let begun = tokio::try_join!(client.write_all(&server.read_ahead), server.io.write_all(read_ahead));
        if begun.is_ok() {
            // An error ends both directions.
            drop(tokio::io::copy_bidirectional(client, &mut server.io).await);
        }
    }
}
