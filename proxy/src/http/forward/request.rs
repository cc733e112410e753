//! The request body on its way to the server: may have to wait for `100 Continue`.

use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use pin_project_lite::pin_project;
use tokio::sync::oneshot;
use tokio::time::Sleep;

use super::headers::expects_continue;
use crate::http::h1::spelling::{FromWire, Spelling};
use crate::http::tunnel::Opener;

/// How long a client that asked for `100 Continue` may be left without an answer. A server that does not know the
/// expectation stays silent until it sees the body; clients themselves give up waiting after about this time.
const CONTINUE_WAIT: Duration = Duration::from_secs(1);

/// How much of a request is read that has nowhere to go, and for how long.
const READ_ON_SIZE: usize = 64 * 1024;
const READ_ON_TIME: Duration = Duration::from_millis(500);

pin_project! {
    /// See the module.
    pub struct OutgoingBody<B> {
        #[pin]
        inner: B,
        gate: Option<Gate>,
    }
}

/// Keeps the body unread, so that the client is not told yet to go on.
struct Gate {
    opened: oneshot::Receiver<()>,
    waited: Pin<Box<Sleep>>,
}

impl Gate {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if Pin::new(&mut self.opened).poll(cx).is_ready() {
            Poll::Ready(())
        } else {
            self.waited.as_mut().poll(cx)
        }
    }
}

impl<B> OutgoingBody<B> {
    pub(super) const fn new(inner: B) -> Self {
        Self { inner, gate: None }
    }
}

impl<B: Body<Data = Bytes> + Unpin> OutgoingBody<B> {
    /// Reads a request that has nowhere to go, as a server would that refuses it: the layers above see what it asked for,
    /// and the client is not reset while it still sends. One that waits for `100 Continue` is not told to go on.
    pub(super) async fn read_on(&mut self) {
        if self.gate.is_some() {
            return;
        }
        let reading = async {
            let mut left = READ_ON_SIZE;
            while let Some(Ok(frame)) = self.frame().await {
                left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
                if left == 0 {
                    break;
                }
            }
        };
        // What has not come by then is not waited for.
        tokio::time::timeout(READ_ON_TIME, reading).await.ok();
    }
}

impl<B: FromWire> FromWire for OutgoingBody<B> {
    fn take_spelling(&mut self) -> Option<Spelling> {
        self.inner.take_spelling()
    }

    fn take_tunnel(&mut self) -> Option<Opener> {
        self.inner.take_tunnel()
    }
}

/// Opens the gate when dropped or told.
pub(super) struct Continue(Mutex<Option<oneshot::Sender<()>>>);

impl Continue {
    pub(super) fn open(&self) {
        if let Some(sender) = self.0.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let _gone = sender.send(());
        }
    }
}

impl Drop for Continue {
    fn drop(&mut self) {
        self.open();
    }
}

/// Holds the body back if the client expects `100 Continue`, until the server says so. The caller keeps what is
/// returned until the final answer is there: then the body may be read too, and the server decides what it is worth.
pub(super) fn hold_for_continue<B>(request: &mut Request<OutgoingBody<B>>) -> Option<Continue> {
    if !expects_continue(request.version(), request.headers()) {
        return None;
    }
    let (sender, opened) = oneshot::channel();
    request.body_mut().gate = Some(Gate { opened, waited: Box::pin(tokio::time::sleep(CONTINUE_WAIT)) });
    Some(Continue(Mutex::new(Some(sender))))
}

impl<B: Body<Data = Bytes>> Body for OutgoingBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = self.project();
        if let Some(gate) = this.gate {
            ready!(gate.poll(cx));
            *this.gate = None;
        }
        this.inner.poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
