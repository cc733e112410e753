//! After `101 Switching Protocols`: bytes both ways, each direction until its own end.

use bytes::Bytes;
use http_body::Body;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt;

use super::BoxError;
use super::link::Link;
use crate::http::drain::Hold;

/// Joins the client's connection with the server's, as a task that a drain waits for.
pub(super) fn spawn<B>(client: OnUpgrade, link: Box<Link<B>>, hold: Hold)
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    tokio::spawn(async move {
        let _hold = hold;
        let Some((mut server, read_ahead)) = link.into_io().await else { return };
        let Ok(client) = client.await else { return };
        let mut client = TokioIo::new(client);
        if client.write_all(&read_ahead).await.is_err() {
            return;
        }
        // Passes the end of each direction on while the other goes on; an error ends both.
        drop(tokio::io::copy_bidirectional(&mut client, &mut server).await);
    });
}
