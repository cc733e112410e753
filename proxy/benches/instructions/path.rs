//! One call from the request's head to the last byte of the response through the inspecting layer, over a server in
//! memory, and the same without the layer: the difference is what the proxy adds, but for HTTP itself.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::hint::black_box;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Full};
use mcp_tap::clock;
use mcp_tap::exchange::{self, Exchange};
use mcp_tap::http::forward::ForwardError;
use mcp_tap::http::inspect::{self, InspectLayer};
use mcp_tap::telemetry::{self, Telemetry};
use tower::{Layer, Service};

use super::call::{Client, LEGACY, MODERN, RESPONSE};
use super::harness::Case;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case { name: "path/bare", iterations: 500, run: |n| bare(n, &MODERN, Answer::Json(RESPONSE)) },
        Case { name: "path/modern_call", iterations: 500, run: |n| path(n, &MODERN, Answer::Json(RESPONSE)) },
        Case { name: "path/bare legacy", iterations: 500, run: |n| bare(n, &LEGACY, Answer::Json(RESPONSE)) },
        Case { name: "path/legacy_call", iterations: 500, run: |n| path(n, &LEGACY, Answer::Json(RESPONSE)) },
        Case { name: "path/bare stream of 1", iterations: 200, run: |n| bare(n, &MODERN, Answer::Events(1)) },
        Case { name: "path/stream of 1", iterations: 200, run: |n| path(n, &MODERN, Answer::Events(1)) },
        Case {
            name: "path/bare stream of 10",
            iterations: 100,
            run: |n| bare(n, &MODERN, Answer::Events(10)),
        },
        Case { name: "path/stream of 10", iterations: 100, run: |n| path(n, &MODERN, Answer::Events(10)) },
        Case {
            name: "path/bare stream of 1000",
            iterations: 5,
            run: |n| bare(n, &MODERN, Answer::Events(1000)),
        },
        Case { name: "path/stream of 1000", iterations: 5, run: |n| path(n, &MODERN, Answer::Events(1000)) },
    ]
}

/// What the server sends.
#[derive(Clone, Copy)]
pub(crate) enum Answer {
    /// A JSON document.
    Json(&'static str),
    /// So many events, a frame each: all but the last are notifications of progress.
    Events(usize),
}

/// Frames that are there at once.
pub(crate) struct Frames(VecDeque<Bytes>);

const PROGRESS: &str = concat!(
    "event: message\nid: 7-1\ndata: ",
    r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":7,"progress":3,"total":10,"#,
    r#""message":"reading the pods of the namespace"}}"#,
    "\n\n"
);

const LAST: &str = concat!(
    "event: message\nid: 7-2\ndata: ",
    r#"{"jsonrpc":"2.0","id":7,"result":{"content":[{"type":"text","text":"payments-api-7d9c5b restarted 14 times in "#,
    r#"the last hour: OOMKilled at 512 MiB, last seen 2 minutes ago on node-3"}],"isError":false}}"#,
    "\n\n"
);

impl Body for Frames {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.pop_front().map(|data| Ok(Frame::data(data))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

impl Answer {
    pub(crate) fn response(self) -> Response<Frames> {
        let (media, frames) = match self {
            Self::Json(text) => ("application/json", [Bytes::from_static(text.as_bytes())].into()),
            Self::Events(events) => {
                let progress = std::iter::repeat_n(Bytes::from_static(PROGRESS.as_bytes()), events - 1);
                ("text/event-stream", progress.chain([Bytes::from_static(LAST.as_bytes())]).collect())
            }
        };
        Response::builder().header("content-type", media).body(Frames(frames)).expect("a valid head")
    }
}

/// All that this proxy adds to a call, but for HTTP itself; with what the bare call costs.
fn path(iterations: u32, client: &Client, answer: Answer) {
    let telemetry = Arc::new(Telemetry::new(telemetry::Settings::default(), clock::now()));
    let exchange = Exchange::new(exchange::Settings::default(), telemetry);
    through(&exchange, iterations, client, answer);
}

/// The same with an exchange core of one's own.
pub(crate) fn through(exchange: &Exchange, iterations: u32, client: &Client, answer: Answer) {
    let layer = InspectLayer::new(exchange.clone(), inspect::Settings::default(), exchange.connection());
    calls(layer.layer(tower::service_fn(async |request| serve(request, answer).await)), iterations, client);
}

/// Without the layer: the making and the reading of both heads and bodies.
fn bare(iterations: u32, client: &Client, answer: Answer) {
    calls(tower::service_fn(async |request| serve(request, answer).await), iterations, client);
}

async fn serve<B: Body<Data = Bytes, Error = Infallible>>(
    request: Request<B>,
    answer: Answer,
) -> Result<Response<Frames>, ForwardError> {
    black_box(request.into_body().collect().await.expect("a body"));
    Ok(answer.response())
}

fn calls<S, R>(mut service: S, iterations: u32, client: &Client)
where
    S: Service<Request<Full<Bytes>>, Response = Response<R>, Error = ForwardError>,
    R: Body<Data = Bytes, Error = Infallible> + Unpin,
{
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime needs nothing");
    runtime.block_on(async {
        for _ in 0..iterations {
            let mut request = Request::post("/mcp")
                .header("content-type", "application/json")
                .header("mcp-protocol-version", client.version);
            if let Some(session) = client.session {
                request = request.header("mcp-session-id", session);
            }
            if let Some(method) = client.method {
                request = request.header("mcp-method", method);
            }
            let body = Full::new(Bytes::from_static(client.request.as_bytes()));
            let request = request.body(body).expect("a valid head");
            let mut body = service.call(request).await.expect("an answer").into_body();
            while let Some(frame) = body.frame().await {
                black_box(frame.expect("no error"));
            }
        }
    });
}
