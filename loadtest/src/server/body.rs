//! The bodies that the fixture sends.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use hyper::body::{Frame, SizeHint};
use tokio::time::{Interval, MissedTickBehavior};

use crate::clock;
use crate::payload::{Answer, EVENT_SIZE, STAMP_AT, write_stamp};

/// Up to this size an answer is copied together into one frame; above, the constant part is sent as it lies.
const ONE_FRAME: usize = 16 << 10;

/// A response body.
#[derive(Debug)]
pub struct Body(Kind);

#[derive(Debug)]
enum Kind {
    /// Known length, in one or two frames.
    Whole { first: Option<Bytes>, second: Option<Bytes> },
    /// Events that are still to come, then the last one with the place of its stamp.
    Events { events: Bytes, last: Option<(Vec<u8>, usize)>, interval: Option<Interval> },
    /// An event stream on which nothing ever comes.
    Silent,
}

impl Body {
    pub(super) const fn text(text: &'static str) -> Self {
        let first = if text.is_empty() { None } else { Some(Bytes::from_static(text.as_bytes())) };
        Self(Kind::Whole { first, second: None })
    }

    pub(super) const fn bytes(body: Bytes) -> Self {
        Self(Kind::Whole { first: Some(body), second: None })
    }

    pub(super) const fn silent() -> Self {
        Self(Kind::Silent)
    }

    pub(super) fn whole(id: &str, answer: &Answer) -> Self {
        let together = answer.size(id.len()) <= ONE_FRAME;
        let mut first =
            BytesMut::with_capacity(answer.before.len() + id.len() + answer.after.len().min(ONE_FRAME));
        first.extend_from_slice(answer.before.as_bytes());
        first.extend_from_slice(id.as_bytes());
        if together {
            first.extend_from_slice(&answer.after);
        }
        let second = (!together).then(|| answer.after.clone());
        Self(Kind::Whole { first: Some(first.freeze()), second })
    }

    /// One chunk per event, as real servers write them, each with the time at which it is handed over. With no time
    /// between them hyper puts many chunks into one write, so that a proxy finds them in one read.
    pub(super) fn events(id: &str, answer: &Answer, interval: Duration) -> Self {
        let events = answer.events.clone();
        let last = [answer.before.as_bytes(), id.as_bytes(), &answer.after].concat();
        let stamp = answer.before.len() + id.len() + answer.stamp.unwrap_or(answer.after.len());
        let interval = (!interval.is_zero()).then(|| {
            let mut interval = tokio::time::interval(interval);
            interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
            interval
        });
        Self(Kind::Events { events, last: Some((last, stamp)), interval })
    }
}

fn stamped(mut event: Vec<u8>, at: usize) -> Bytes {
    write_stamp(&mut event[at..], clock::monotonic_nanos());
    event.into()
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let frame = match &mut self.0 {
            Kind::Whole { first, second } => first.take().or_else(|| second.take()),
            Kind::Silent => return Poll::Pending,
            Kind::Events { last: None, .. } => None,
            Kind::Events { events, last, interval } => {
                if let Some(interval) = interval {
                    ready!(interval.poll_tick(cx));
                }
                if events.is_empty() {
                    last.take().map(|(event, at)| stamped(event, at))
                } else {
                    Some(stamped(events.split_to(EVENT_SIZE).to_vec(), STAMP_AT))
                }
            }
        };
        Poll::Ready(frame.map(|frame| Ok(Frame::data(frame))))
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Whole { first, second } => first.is_none() && second.is_none(),
            Kind::Events { last, .. } => last.is_none(),
            Kind::Silent => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Whole { first, second } => {
                let size = |part: &Option<Bytes>| part.as_ref().map_or(0, |part| part.len() as u64);
                SizeHint::with_exact(size(first) + size(second))
            }
            Kind::Events { .. } | Kind::Silent => SizeHint::default(),
        }
    }
}
