//! The two values of which more than their size is kept while their raw text passes: arguments and tools.

use super::facts::{Facts, Shape};
use super::path::Slot;
use crate::protocol::fingerprint::Fingerprint;
use crate::protocol::message::{Arguments, Finding, limits};

/// Takes the raw JSON text of a value that is otherwise skipped.
#[derive(Debug)]
pub(super) struct Capture {
    raw: Raw,
    keep_tools: bool,
}

#[derive(Debug)]
enum Raw {
    /// Nobody wants the text of this value.
    Nothing,
    Arguments(Fingerprint),
    Tools(Vec<u8>),
}

impl Capture {
    pub(super) const fn new() -> Self {
        Self { raw: Raw::Nothing, keep_tools: true }
    }

    /// A value begins in the slot.
    pub(super) fn begin(&mut self, slot: Slot, shape: Shape, facts: &mut Facts) {
        match slot {
            Slot::Arguments => self.raw = Raw::Arguments(Fingerprint::new()),
            Slot::Tools if shape == Shape::Array => {
                if self.keep_tools {
                    self.raw = Raw::Tools(Vec::new());
                } else {
                    facts.find(Finding::ToolsTooLarge);
                }
            }
            _ => {}
        }
    }

    /// A piece of the value's text.
    #[inline]
    pub(super) fn write(&mut self, bytes: &[u8], facts: &mut Facts) {
        if !matches!(self.raw, Raw::Nothing) {
            self.take(bytes, facts);
        }
    }

    fn take(&mut self, bytes: &[u8], facts: &mut Facts) {
        match &mut self.raw {
            Raw::Nothing => {}
            Raw::Arguments(hash) => hash.write(bytes),
            Raw::Tools(text) if text.len() + bytes.len() <= limits::TOOLS => {
                let needed = text.len() + bytes.len();
                if needed > text.capacity() {
                    // Doubles, as `Vec` would, but never over the limit.
                    let capacity = needed.next_power_of_two().min(limits::TOOLS);
                    text.reserve_exact(capacity - text.len());
                }
                text.extend_from_slice(bytes);
            }
            Raw::Tools(_) => {
                self.raw = Raw::Nothing;
                facts.find(Finding::ToolsTooLarge);
            }
        }
    }

    /// The value is over: `size` bytes, nested so deep.
    #[inline]
    pub(super) fn end(&mut self, size: u64, depth: u64, facts: &mut Facts) {
        if !matches!(self.raw, Raw::Nothing) {
            self.keep(size, depth, facts);
        }
    }

    fn keep(&mut self, size: u64, depth: u64, facts: &mut Facts) {
        match std::mem::replace(&mut self.raw, Raw::Nothing) {
            Raw::Nothing => {}
            Raw::Arguments(hash) => {
                let depth = u32::try_from(depth).unwrap_or(u32::MAX);
                facts.params().arguments = Some(Arguments { size, depth, hash: hash.finish() });
            }
            Raw::Tools(text) => facts.answer().tools = Some(text.into_boxed_slice()),
        }
    }

    /// From now on keeps the text of tools, or does not; what is already kept goes too.
    pub(super) fn keep_tools(&mut self, keep: bool, facts: &mut Facts) {
        self.keep_tools = keep;
        if keep {
            return;
        }
        let unfinished = matches!(self.raw, Raw::Tools(_));
        if unfinished {
            self.raw = Raw::Nothing;
        }
        if facts.answer().tools.take().is_some() || unfinished {
            facts.find(Finding::ToolsTooLarge);
        }
    }

    /// Drops what was kept of an unfinished value.
    pub(super) fn reset(&mut self) {
        self.raw = Raw::Nothing;
    }

    /// Bytes of memory in use.
    pub(super) fn held(&self) -> usize {
        if let Raw::Tools(text) = &self.raw { text.capacity() } else { 0 }
    }
}
