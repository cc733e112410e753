//! What is written into a request: its two headers, and the edits of its body.

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::Forwarding;
use crate::clock;
use crate::exchange::trace::Outgoing;
use crate::http::forward::{keep_named, remove_header};
use crate::http::inspect::{guarded, is_context_signed};
use crate::protocol::splice::{self, Edit};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// Tells the exchange that its request goes on, and writes what it says into the head and into the frames read so far.
pub(super) fn forward(handle: &impl Forwarding, headers: &mut HeaderMap, frames: &mut [Bytes]) {
    guarded(|| {
        let at = clock::now();
        if let Some(outgoing) = handle.forward(at) {
            edit(&outgoing.edits, headers, frames);
            set_context(&outgoing, headers);
        }
        handle.overhead(clock::now().saturating_duration_since(at));
    });
}

/// Sets the headers where they are, or behind all others.
fn set_context(outgoing: &Outgoing, headers: &mut HeaderMap) {
    if is_context_signed(headers) {
        return;
    }
    let Ok(parent) = HeaderValue::from_bytes(&outgoing.parent.encode()) else { return };
    let state = outgoing.state.as_ref().filter(|state| !state.is_empty());
    let state = state.and_then(|state| HeaderValue::from_str(state.as_str()).ok());
    // What the client sent may have been meant for this hop alone (`Connection: traceparent`); what is set now is not.
    keep_named(headers, &[TRACEPARENT, TRACESTATE]);
    headers.insert(TRACEPARENT, parent);
    match state {
        Some(state) => drop(headers.insert(TRACESTATE, state)),
        None => remove_header(headers, &TRACESTATE),
    }
}

/// Makes the edits, all or none, and tells the new length where one is told.
fn edit(edits: &[Edit], headers: &mut HeaderMap, frames: &mut [Bytes]) {
    if edits.is_empty() || frames.is_empty() {
        return;
    }
    let growth = splice::growth(edits);
    let length = match headers.get(CONTENT_LENGTH) {
        None => None,
        // A length that could not be corrected would break the request.
        Some(length) => match grown(length, growth) {
            None => return,
            length => length,
        },
    };
    let size = |frames: &[Bytes]| frames.iter().map(|frame| frame.len() as u64).sum::<u64>();
    // On copies: were the edits not what their growth says, the request would be broken as well.
    let mut edited = frames.to_vec();
    splice::apply(edits, &mut edited);
    if size(frames).checked_add_signed(growth) != Some(size(&edited)) {
        return;
    }
    for (frame, edited) in frames.iter_mut().zip(edited) {
        *frame = edited;
    }
    if let Some(length) = length {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
}

fn grown(length: &HeaderValue, growth: i64) -> Option<u64> {
    length.to_str().ok()?.trim().parse::<u64>().ok()?.checked_add_signed(growth)
}
