//! The walk over the tokens of a document.
//!
//! Each function reads one token that begins or goes on at `at`, sets what comes next, and returns where that is. All
//! of them leave at the end of the chunk with nothing lost.

use super::facts::Shape;
use super::members::USUAL_BEGINNING;
use super::number::{self, Scalar, Step};
use super::path::{Context, LONGEST_KEY, Slot};
use super::text::plain;
use super::{DEEP, Frame, Scanner, State};
use crate::protocol::message::{Document, Finding};
use crate::protocol::splice::{Place, Span};

/// U+FEFF in UTF-8.
const MARK: &[u8; 3] = b"\xef\xbb\xbf";

impl Scanner {
    pub(super) fn begin(&mut self, bytes: &[u8], at: usize) -> usize {
        if bytes[at] == MARK[0] && self.offset == 0 && at == 0 {
            self.state = State::Mark(1);
            return at + 1;
        }
        let at = past_space(bytes, at);
        if let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            self.slot = Slot::Document;
            self.state = State::Value;
            if rest.starts_with(USUAL_BEGINNING) {
                return self.usual_beginning(bytes, at);
            }
        }
        at
    }

    pub(super) fn mark(&mut self, bytes: &[u8], at: usize, seen: usize) -> usize {
        if MARK.get(seen) != Some(&bytes[at]) {
            return self.malformed(at);
        }
        self.state = if seen + 1 == MARK.len() { State::Begin } else { State::Mark(seen + 1) };
        at + 1
    }

    pub(super) fn done(&mut self, bytes: &[u8], at: usize) -> usize {
        let at = past_space(bytes, at);
        if at < bytes.len() { self.malformed(at) } else { at }
    }

    pub(super) fn first_element(&mut self, bytes: &[u8], at: usize) -> usize {
        let at = past_space(bytes, at);
        match bytes.get(at) {
            None => at,
            Some(b']') => self.close(at),
            Some(_) => {
                self.slot = self.top.context.element().unwrap_or(Slot::Unread);
                self.value(bytes, at)
            }
        }
    }

    #[inline]
    pub(super) fn next(&mut self, bytes: &[u8], at: usize) -> usize {
        let at = past_space(bytes, at);
        let Some(&byte) = bytes.get(at) else { return at };
        match (byte, self.top.context.element()) {
            (b',', None) => self.state = State::Key,
            (b',', Some(slot)) => {
                self.slot = slot;
                self.state = State::Value;
            }
            (b'}', None) | (b']', Some(_)) => return self.close(at),
            _ => return self.malformed(at),
        }
        at + 1
    }

    #[inline]
    pub(super) fn key(&mut self, bytes: &[u8], at: usize) -> usize {
        let at = past_space(bytes, at);
        match bytes.get(at) {
            None => return at,
            Some(b'"') => {}
            Some(b'}') if self.state == State::FirstKey => return self.close(at),
            Some(_) => return self.malformed(at),
        }
        let at = at + 1;
        if let Some(key) = plain(&bytes[at..]) {
            self.member(key);
            return self.colon(bytes, at + key.len() + 1);
        }
        self.text.start(LONGEST_KEY, false);
        self.state = State::KeyText;
        at
    }

    /// A key was read: which value follows?
    #[inline]
    fn member(&mut self, key: &[u8]) {
        self.enter_slot(self.top.context.member(key));
        self.state = State::Colon;
    }

    /// A value of this slot follows.
    #[inline]
    pub(super) fn enter_slot(&mut self, slot: Slot) {
        self.slot = slot;
        if slot != Slot::Unread {
            if self.top.seen & slot.bit() != 0 {
                self.facts.forget(slot);
            }
            self.top.seen |= slot.bit();
        }
    }

    #[inline]
    pub(super) fn colon(&mut self, bytes: &[u8], at: usize) -> usize {
        let at = past_space(bytes, at);
        match bytes.get(at) {
            None => at,
            Some(b':') => {
                self.state = State::Value;
                at + 1
            }
            Some(_) => self.malformed(at),
        }
    }

    pub(super) fn value(&mut self, bytes: &[u8], at: usize) -> usize {
        let at = past_space(bytes, at);
        let Some(&first) = bytes.get(at) else { return at };
        self.start = self.offset + at as u64;
        self.shape = match first {
            b'{' => Shape::Object,
            b'[' => Shape::Array,
            b'"' => Shape::Text,
            _ => Shape::Scalar,
        };
        if self.slot != Slot::Unread {
            self.facts.begin(self.slot, self.shape);
            self.capture.begin(self.slot, self.shape, at, &mut self.facts);
        }
        let context = match self.shape {
            Shape::Object => self.slot.object(),
            Shape::Array => self.slot.array(),
            Shape::Text => return self.begin_text(bytes, at),
            Shape::Scalar => {
                if let Some((value, length)) = number::plain(&bytes[at..]) {
                    self.capture.write(&bytes[at..at + length], &mut self.facts);
                    return self.scalar_value(value, at + length);
                }
                if !self.scalar.start(first, self.slot.is_id()) {
                    return self.malformed(at);
                }
                self.capture.write(&bytes[at..=at], &mut self.facts);
                self.state = State::Scalar;
                return self.scalar(bytes, at + 1);
            }
        };
        match context {
            Some(context) if self.open < self.outer.len() => self.enter(context),
            _ => {
                self.capture.write(&bytes[at..=at], &mut self.facts);
                // Of arguments every depth counts, of the rest only whether it is too much.
                let floor = if self.slot == Slot::Arguments { 0 } else { DEEP - self.levels() };
                self.skip.start_container(floor);
                self.state = State::Skip;
            }
        }
        at + 1
    }

    fn begin_text(&mut self, bytes: &[u8], quote: usize) -> usize {
        let at = quote + 1;
        let Some(reading) = self.slot.text() else {
            self.capture.write(&bytes[quote..at], &mut self.facts);
            self.skip.start_string();
            self.state = State::Skip;
            return self.skipped(bytes, at);
        };
        if let Some(text) = plain(&bytes[at..]) {
            self.facts.text(self.slot, text, None);
            return self.leave_text(at + text.len() + 1);
        }
        self.text.start(reading.cap, reading.hashed);
        self.state = State::Text;
        at
    }

    /// More of a key or text that has escapes or was cut by a chunk's end.
    pub(super) fn text(&mut self, bytes: &[u8], at: usize) -> usize {
        match self.text.feed(&bytes[at..]) {
            Step::More => bytes.len(),
            Step::Malformed => self.malformed(at),
            Step::Ended(length) if self.state == State::KeyText => {
                let text = std::mem::take(&mut self.text);
                self.member(text.bytes());
                self.text = text;
                at + length
            }
            Step::Ended(length) => {
                self.facts.text(self.slot, self.text.bytes(), self.text.hash());
                self.leave_text(at + length)
            }
        }
    }

    #[inline]
    pub(super) fn scalar(&mut self, bytes: &[u8], at: usize) -> usize {
        let rest = &bytes[at..];
        match self.scalar.feed(rest) {
            Step::More => {
                self.capture.write(rest, &mut self.facts);
                bytes.len()
            }
            Step::Malformed => self.malformed(at),
            Step::Ended(length) => {
                self.capture.write(&rest[..length], &mut self.facts);
                self.scalar_value(self.scalar.value(), at + length)
            }
        }
    }

    #[inline]
    fn scalar_value(&mut self, value: Scalar, end: usize) -> usize {
        if self.slot != Slot::Unread {
            self.facts.scalar(self.slot, value);
        }
        self.leave_sized(end, 0)
    }

    #[inline]
    pub(super) fn skipped(&mut self, bytes: &[u8], at: usize) -> usize {
        let rest = &bytes[at..];
        let Some(length) = self.skip.feed(rest) else {
            self.capture.write(rest, &mut self.facts);
            return bytes.len();
        };
        self.capture.write(&rest[..length], &mut self.facts);
        let depth = self.skip.deepest();
        if self.levels() + depth > DEEP {
            self.facts.find(Finding::Deep);
        }
        self.leave_sized(at + length, depth)
    }

    /// Opens a context for the value at hand.
    #[inline]
    pub(super) fn enter(&mut self, context: Context) {
        if self.slot == Slot::Document {
            self.document = if context == Context::Batch { Document::Batch(0) } else { Document::Single };
        }
        self.outer[self.open] = self.top;
        self.open += 1;
        self.top = Frame { context, seen: 0, start: self.start };
        self.state = if context.element().is_some() { State::FirstElement } else { State::FirstKey };
    }

    /// Closes the innermost context, whose last byte is at `at`.
    #[inline]
    pub(super) fn close(&mut self, at: usize) -> usize {
        let Frame { context, start, .. } = self.top;
        let span = Span { start, end: self.offset + at as u64 + 1 };
        let empty = self.state == State::FirstKey;
        self.open -= 1;
        self.top = self.outer[self.open];
        match context {
            Context::Message => self.message(span),
            Context::Element => self.facts.sized(Slot::Element, Shape::Object, span),
            Context::Params => self.facts.place(|places| places.params = Place::Object { span, empty }),
            Context::ParamsMeta => self.facts.place(|places| places.meta = Place::Object { span, empty }),
            Context::Result => self.capture.end_result(at + 1),
            _ => {}
        }
        self.leave(at + 1)
    }

    /// Ends a value without members that are read, of which size and depth may be facts.
    #[inline]
    fn leave_sized(&mut self, end: usize, depth: u64) -> usize {
        if self.slot != Slot::Unread {
            let span = self.span(end);
            self.facts.sized(self.slot, self.shape, span);
            self.capture.end(span.end - span.start, depth, &mut self.facts);
            match self.slot {
                Slot::Message => self.message(span),
                Slot::Result => self.capture.end_result(end),
                Slot::Document => self.document = Document::Scalar,
                _ => {}
            }
        }
        self.leave(end)
    }

    /// Ends a string that is read.
    #[inline]
    fn leave_text(&mut self, end: usize) -> usize {
        if self.slot.is_context() {
            let span = self.span(end);
            self.facts.place_value(self.slot, span);
        }
        self.leave(end)
    }

    /// Where the value stands that ends before `end`.
    #[inline]
    fn span(&self, end: usize) -> Span {
        Span { start: self.start, end: self.offset + end as u64 }
    }

    /// Ends a value.
    #[inline]
    fn leave(&mut self, end: usize) -> usize {
        self.state = if self.open == 0 { State::Done } else { State::Next };
        end
    }

    /// A message is complete.
    fn message(&mut self, span: Span) {
        self.ready = Some(span);
        if let Document::Batch(count) = &mut self.document {
            *count = count.saturating_add(1);
        }
    }

    /// Levels of the message that are open: the batch around it does not count.
    #[inline]
    fn levels(&self) -> u64 {
        let batch = matches!(self.document, Document::Batch(_));
        (self.open as u64).saturating_sub(u64::from(batch))
    }

    fn malformed(&mut self, at: usize) -> usize {
        self.stop(Document::Malformed);
        at
    }
}

/// Where the next byte is that is no white space.
#[inline]
fn past_space(bytes: &[u8], mut at: usize) -> usize {
    while matches!(bytes.get(at), Some(b' ' | b'\n' | b'\r' | b'\t')) {
        at += 1;
    }
    at
}
