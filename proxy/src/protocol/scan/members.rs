//! The quick way over the members of an object.
//!
//! Nearly all of a small message is members whose key and value lie whole in the chunk and need no decoding. They are
//! read here in one go, without a change of [`State`] for each token; whatever is anything else is left to `grammar.rs`,
//! at the token that it begins with. Both ways do the same: `tests/protocol_properties.rs` cuts documents at every byte,
//! which leaves nothing to this one.

use super::facts::Shape;
use super::number;
use super::path::{DEPTH, Slot};
use super::text::plain;
use super::{Scanner, State};
use crate::protocol::splice::Span;

/// How most messages begin.
pub(super) const USUAL_BEGINNING: &[u8] = br#"{"jsonrpc":"2.0","#;
/// How most elements of contents begin, after their bracket.
const USUAL_ELEMENT: &[u8] = br#""type":"text","#;

impl Scanner {
    /// Reads a document at the first byte of [`USUAL_BEGINNING`].
    pub(super) fn usual_beginning(&mut self, bytes: &[u8], at: usize) -> usize {
        self.open_value(Slot::Document, Shape::Object, at);
        self.enter_slot(Slot::Version2);
        self.facts.text(Slot::Version2, b"2.0", None);
        self.state = State::Key;
        self.members(bytes, at + USUAL_BEGINNING.len())
    }

    /// Reads members from `at`, where a key is due, and returns where it stopped; the state says before what.
    pub(super) fn members(&mut self, bytes: &[u8], mut at: usize) -> usize {
        loop {
            // No white space: who sends some goes the other way.
            let Some([b'"', rest @ ..]) = bytes.get(at..) else { return self.key(bytes, at) };
            let Some(key) = plain(rest) else { return self.key(bytes, at) };
            let Some(&[b':', first]) = rest.get(key.len() + 1..key.len() + 3) else {
                return self.key(bytes, at);
            };
            let slot = self.top.context.member(key);
            self.enter_slot(slot);
            at += key.len() + 3;
            let end = match first {
                b'"' if slot.is_simple() => self.whole_text(slot, bytes, at + 1),
                b'"' => self.sized_text(slot, bytes, at),
                b'{' if slot.is_read_object() && self.open < DEPTH => {
                    self.open_value(slot, Shape::Object, at);
                    at += 1;
                    continue;
                }
                b'[' if slot == Slot::Content
                    && self.open + 1 < DEPTH
                    && bytes.get(at + 1) == Some(&b'{') =>
                {
                    self.open_value(slot, Shape::Array, at);
                    self.open_value(Slot::Element, Shape::Object, at + 1);
                    at += 2;
                    if bytes[at..].starts_with(USUAL_ELEMENT) {
                        self.enter_slot(Slot::ElementType);
                        self.facts.text(Slot::ElementType, b"text", None);
                        self.state = State::Key;
                        at += USUAL_ELEMENT.len();
                    }
                    continue;
                }
                b'{' | b'[' => None,
                _ => self.whole_scalar(slot, bytes, at),
            };
            let Some(end) = end else {
                // White space up to the end of the chunk may come before it.
                self.state = State::Value;
                return self.value(bytes, at);
            };
            self.state = State::Next;
            match self.past_ends(bytes, end) {
                Ok(comma) => at = comma + 1,
                Err(stop) => return stop,
            }
            // What comes next is told already, should the chunk end here.
            self.state = State::Key;
        }
    }

    /// Closes the objects and arrays that end at `at`: where the comma is before the next member, or where this way ends.
    #[inline]
    fn past_ends(&mut self, bytes: &[u8], mut at: usize) -> Result<usize, usize> {
        loop {
            match (bytes.get(at), self.top.context.element()) {
                (Some(b','), None) => return Ok(at),
                (Some(b'}'), None) | (Some(b']'), Some(_)) => at = self.close(at),
                _ => return Err(at),
            }
            if self.state != State::Next || self.ready.is_some() {
                return Err(at);
            }
        }
    }

    /// Opens an object or array whose members are read, at its bracket.
    fn open_value(&mut self, slot: Slot, shape: Shape, at: usize) {
        self.slot = slot;
        self.start = self.offset + at as u64;
        self.shape = shape;
        self.facts.begin(slot, shape);
        self.capture.begin(slot, shape, at, &mut self.facts);
        let context = if shape == Shape::Object { slot.object() } else { slot.array() };
        if let Some(context) = context {
            self.enter(context);
        }
    }

    /// Reads a string at its quote of which the size counts; `None` when it does not end in the chunk, or is captured.
    #[inline]
    fn sized_text(&mut self, slot: Slot, bytes: &[u8], at: usize) -> Option<usize> {
        if !matches!(slot, Slot::ElementText | Slot::ResourceText) || self.capture.wants_text() {
            return None;
        }
        self.skip.start_string();
        let length = self.skip.feed(&bytes[at + 1..])?;
        let (start, end) = (self.offset + at as u64, at + 1 + length);
        self.facts.begin(slot, Shape::Text);
        self.facts.sized(slot, Shape::Text, Span { start, end: self.offset + end as u64 });
        Some(end)
    }

    /// Reads a string whose text begins at `at`; `None` when it is none that can be read at once.
    #[inline]
    fn whole_text(&mut self, slot: Slot, bytes: &[u8], at: usize) -> Option<usize> {
        let text = plain(&bytes[at..])?;
        if slot != Slot::Unread {
            if slot.begins() {
                self.facts.begin(slot, Shape::Text);
            }
            if slot.is_text() {
                self.facts.text(slot, text, None);
            }
        }
        Some(at + text.len() + 1)
    }

    /// Reads a number or word that begins at `at`; `None` as above.
    #[inline]
    fn whole_scalar(&mut self, slot: Slot, bytes: &[u8], at: usize) -> Option<usize> {
        if !slot.is_simple() {
            return None;
        }
        let (value, length) = number::plain(&bytes[at..])?;
        if slot != Slot::Unread {
            if slot.begins() {
                self.facts.begin(slot, Shape::Scalar);
            }
            self.facts.scalar(slot, value);
        }
        Some(at + length)
    }
}
