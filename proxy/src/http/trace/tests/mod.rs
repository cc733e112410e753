//! Tests of the writing layer: scripted bodies, a scripted exchange, and time that stands still.

mod hold;
mod replay;
mod write;

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::request::Builder;
use http::{HeaderMap, Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use tokio::time::Sleep;
use tower::{Layer, ServiceExt, service_fn};

use super::{Forwarding, HeldBody, OfExchange, Settings, TraceLayer};
use crate::clock;
use crate::exchange::trace::Outgoing;
use crate::http::inspect::Budget;
use crate::protocol::splice::Edit;
use crate::protocol::traceparent::{TraceParent, TraceState};

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// What a body does next.
#[derive(Debug)]
enum Step {
    Data(Bytes),
    /// Nothing for so many milliseconds.
    Quiet(u64),
    /// Nothing any more.
    Never,
    Trailers,
    Error,
}

fn data(text: impl AsRef<[u8]>) -> Step {
    Step::Data(Bytes::copy_from_slice(text.as_ref()))
}

/// A body that follows a script, and belongs to a scripted exchange.
struct Script {
    steps: VecDeque<Step>,
    quiet: Option<Pin<Box<Sleep>>>,
    /// Bytes that were announced and not given yet; `None`: nothing was announced, and the end is found at the end.
    left: Option<u64>,
    exchange: Scripted,
    told: bool,
}

impl Body for Script {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
        loop {
            if let Some(quiet) = &mut self.quiet {
                ready!(quiet.as_mut().poll(cx));
                self.quiet = None;
            }
            return Poll::Ready(match self.steps.pop_front() {
                None => None,
                Some(Step::Quiet(time)) => {
                    self.quiet = Some(Box::pin(tokio::time::sleep(Duration::from_millis(time))));
                    continue;
                }
                Some(Step::Never) => {
                    self.steps.push_front(Step::Never);
                    return Poll::Pending;
                }
                Some(Step::Data(data)) => {
                    self.exchange.change(|notes| notes.read += data.len());
                    self.left = self.left.map(|left| left.saturating_sub(data.len() as u64));
                    Some(Ok(Frame::data(data)))
                }
                Some(Step::Trailers) => Some(Ok(Frame::trailers(HeaderMap::from_iter([(
                    http::header::ETAG,
                    "x".parse().expect("a value"),
                )])))),
                Some(Step::Error) => Some(Err("broken")),
            });
        }
    }

    fn is_end_stream(&self) -> bool {
        self.left == Some(0)
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::new, SizeHint::with_exact)
    }
}

impl OfExchange for Script {
    type Handle = Scripted;

    fn take_handle(&mut self) -> Option<Scripted> {
        std::mem::take(&mut self.told).then(|| self.exchange.clone())
    }
}

/// Says what it was told to say, and notes when it was asked.
#[derive(Clone, Default)]
struct Scripted {
    outgoing: Option<Outgoing>,
    panics: bool,
    notes: Arc<Mutex<Notes>>,
}

#[derive(Debug, Default)]
struct Notes {
    /// Bytes read of the body so far.
    read: usize,
    /// How many of these there were each time the request went on.
    forwarded: Vec<usize>,
}

impl Scripted {
    fn change(&self, change: impl FnOnce(&mut Notes)) {
        change(&mut self.notes.lock().expect("no test panics while it writes"));
    }

    fn forwarded(&self) -> Vec<usize> {
        self.notes.lock().expect("no test panics while it writes").forwarded.clone()
    }
}

impl Forwarding for Scripted {
    fn forward(&self, _at: Instant) -> Option<Outgoing> {
        self.change(|notes| notes.forwarded.push(notes.read));
        assert!(!self.panics, "as the script wants it");
        self.outgoing.clone()
    }

    fn overhead(&self, _spent: Duration) {}
}

fn outgoing(state: Option<&str>, edits: Vec<Edit>) -> Option<Outgoing> {
    let state = state.map(|state| TraceState::parse([state.as_bytes()]).expect("a valid list"));
    let parent = TraceParent::parse(PARENT.as_bytes()).expect("a valid context");
    Some(Outgoing { parent, state, edits })
}

/// What the server got.
#[derive(Debug)]
struct Got {
    /// Milliseconds from the client's head to it.
    after: u128,
    headers: HeaderMap,
    /// What the body said about itself before it was read.
    size: (u64, Option<u64>),
    ended: bool,
    frames: Vec<String>,
    forwarded: Vec<usize>,
}

/// One request through the layer.
struct Case {
    request: Builder,
    steps: Vec<Step>,
    /// Whether the length is announced.
    announced: bool,
    hold: bool,
    exchange: Scripted,
    memory: Arc<Budget>,
}

fn case(request: Builder, steps: impl IntoIterator<Item = Step>) -> Case {
    Case {
        request,
        steps: steps.into_iter().collect(),
        announced: false,
        hold: true,
        exchange: Scripted { outgoing: outgoing(None, Vec::new()), ..Scripted::default() },
        memory: Arc::new(Budget::new(1 << 20)),
    }
}

fn post(steps: impl IntoIterator<Item = Step>) -> Case {
    case(Request::post("/mcp"), steps)
}

impl Case {
    fn announced(self) -> Self {
        Self { announced: true, ..self }
    }

    fn saying(mut self, outgoing: Option<Outgoing>) -> Self {
        self.exchange.outgoing = outgoing;
        self
    }

    fn request(&mut self) -> Request<Script> {
        let size = |step: &Step| if let Step::Data(data) = step { data.len() as u64 } else { 0 };
        let left = self.announced.then(|| self.steps.iter().map(size).sum());
        let steps = std::mem::take(&mut self.steps).into();
        let body = Script { steps, quiet: None, left, exchange: self.exchange.clone(), told: true };
        std::mem::take(&mut self.request).body(body).expect("a request")
    }

    fn layer(&self) -> TraceLayer {
        TraceLayer::new(Settings { hold: self.hold, memory: Arc::clone(&self.memory) })
    }

    async fn send(mut self) -> Got {
        let request = self.request();
        let (start, exchange) = (clock::now(), self.exchange.clone());
        let got = Arc::new(Mutex::new(None));
        let server = service_fn(|request: Request<HeldBody<Script>>| {
            let (got, exchange) = (Arc::clone(&got), exchange.clone());
            async move {
                let (parts, mut body) = request.into_parts();
                let after = (clock::now() - start).as_millis();
                let size = (body.size_hint().lower(), body.size_hint().upper());
                let (ended, headers) = (body.is_end_stream(), parts.headers);
                let forwarded = exchange.forwarded();
                let frames = frames(&mut body).await;
                *got.lock().expect("no test panics while it writes") =
                    Some(Got { after, headers, size, ended, frames, forwarded });
                Ok::<_, Infallible>(Response::new(()))
            }
        });
        let Ok(_) = self.layer().layer(server).oneshot(request).await;
        got.lock().expect("no test panics while it writes").take().expect("the request arrived")
    }
}

/// A server that gives back the request.
async fn reflect(
    request: Request<HeldBody<Script>>,
) -> Result<Response<Request<HeldBody<Script>>>, Infallible> {
    Ok(Response::new(request))
}

/// The frames of a body, and how it ended.
async fn frames(body: &mut HeldBody<Script>) -> Vec<String> {
    let mut frames = Vec::new();
    while !body.is_end_stream() {
        frames.push(match body.frame().await {
            None => "none".to_owned(),
            Some(Err(error)) => error.to_owned(),
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) => String::from_utf8_lossy(&data).into_owned(),
                Err(_) => "trailers".to_owned(),
            },
        });
        if matches!(frames.last().map(String::as_str), Some("none" | "broken")) {
            break;
        }
    }
    frames
}
