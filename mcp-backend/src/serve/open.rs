//! How many requests are still being answered, to the last byte of their answers.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::Response;
use http_body_util::BodyExt;
use tokio::sync::watch;

/// The count; clones share it.
#[derive(Clone)]
pub(super) struct Open(watch::Sender<usize>);

impl Open {
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(0))
    }

    /// Counts one more until it is dropped.
    pub(super) fn one(&self) -> One {
        self.0.send_modify(|count| *count += 1);
        One(self.0.clone())
    }

    /// Follows the count.
    pub(super) fn subscribe(&self) -> watch::Receiver<usize> {
        self.0.subscribe()
    }

    /// Returns when there are none.
    pub(super) async fn none(&self) {
        // It ends with its sender, which is here.
        self.0.subscribe().wait_for(|count| *count == 0).await.ok();
    }
}

/// Counts until it is dropped.
pub(super) struct One(watch::Sender<usize>);

impl Drop for One {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

/// The count as a layer. Only what was posted counts: streams that clients keep open for messages of ours never end.
pub(super) async fn count(State(open): State<Open>, request: Request, next: Next) -> Response {
    if request.method() != Method::POST {
        return next.run(request).await;
    }
    let one = open.one();
    next.run(request).await.map(|body| {
        Body::new(body.map_frame(move |frame| {
            let _until_the_end = &one;
            frame
        }))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn none_waits_for_the_last_one() {
        let open = Open::new();
        open.none().await;
        let (first, second) = (open.one(), open.one());
        drop(first);
        let waiting = tokio::time::timeout(std::time::Duration::from_secs(1), open.none());
        assert!(waiting.await.is_err());
        drop(second);
        open.none().await;
    }
}
