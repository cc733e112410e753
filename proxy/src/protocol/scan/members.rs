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

impl Scanner {
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
                b'"' => self.whole_text(slot, bytes, at + 1),
                b'{' if slot.is_plain_object() && self.open < DEPTH => {
                    self.open_object(slot, at);
                    at += 1;
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
            match self.past_objects(bytes, end) {
                Ok(comma) => at = comma + 1,
                Err(stop) => return stop,
            }
            // What comes next is told already, should the chunk end here.
            self.state = State::Key;
        }
    }

    /// Closes the objects that end at `at`: where the comma is before the next member, or where this way ends.
    #[inline]
    fn past_objects(&mut self, bytes: &[u8], mut at: usize) -> Result<usize, usize> {
        loop {
            match bytes.get(at) {
                Some(b',') => return Ok(at),
                Some(b'}') => at = self.close(at),
                _ => return Err(at),
            }
            if self.state != State::Next || self.ready.is_some() || self.top.context.element().is_some() {
                return Err(at);
            }
        }
    }

    /// Opens an object whose members are read, at its bracket.
    fn open_object(&mut self, slot: Slot, at: usize) {
        self.start = self.offset + at as u64;
        self.shape = Shape::Object;
        self.facts.begin(slot, Shape::Object);
        if let Some(context) = slot.object() {
            self.enter(context);
        }
    }

    /// Reads a string whose text begins at `at`; `None` when it is none that can be read at once.
    #[inline]
    fn whole_text(&mut self, slot: Slot, bytes: &[u8], at: usize) -> Option<usize> {
        if !slot.is_simple() {
            return None;
        }
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
