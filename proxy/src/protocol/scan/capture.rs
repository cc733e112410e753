//! The values of which more than their size is kept while their raw text passes: arguments, tools, and on demand the
//! whole result.

use super::facts::{Facts, Shape};
use super::path::Slot;
use crate::protocol::fingerprint::Fingerprint;
use crate::protocol::message::{Arguments, Finding, limits};

/// How many bytes of payload are kept on demand, as raw JSON text: of what is larger, nothing. 0 is the default and
/// costs nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Captures {
    /// `params.arguments`.
    pub arguments: usize,
    /// `result`.
    pub result: usize,
    /// `result.structuredContent`.
    pub structured: usize,
    /// `text` of the first element of `result.content`.
    pub text: usize,
}

impl Captures {
    /// Nothing.
    pub const NONE: Self = Self { arguments: 0, result: 0, structured: 0, text: 0 };
}

/// Takes the raw JSON text of a value that is otherwise skipped, and that of `result`, whose members are read.
#[derive(Debug)]
pub(super) struct Capture {
    raw: Raw,
    result: Option<Passing>,
    wanted: Captures,
    keep: bool,
}

#[derive(Debug)]
enum Raw {
    /// Nobody wants the text of this value.
    Nothing,
    Arguments(Fingerprint),
    KeptArguments(Fingerprint, Kept),
    Tools(Kept),
    Structured(Kept),
    Text(Kept),
}

/// A text that is kept up to its limit.
#[derive(Debug)]
struct Kept {
    text: Vec<u8>,
    limit: usize,
}

/// A value that is kept while its members are read one by one.
#[derive(Debug)]
struct Passing {
    kept: Kept,
    /// Where in the chunk at hand the part begins that is not kept yet.
    from: usize,
    /// Where in the chunk at hand the value ended.
    until: Option<usize>,
}

impl Kept {
    const fn new(limit: usize) -> Self {
        Self { text: Vec::new(), limit }
    }

    /// Adds a piece; false when it is too much.
    fn write(&mut self, bytes: &[u8]) -> bool {
        let needed = self.text.len() + bytes.len();
        if needed > self.limit {
            return false;
        }
        if needed > self.text.capacity() {
            // Doubles, as `Vec` would, but never over the limit.
            let capacity = needed.next_power_of_two().min(self.limit);
            self.text.reserve_exact(capacity - self.text.len());
        }
        self.text.extend_from_slice(bytes);
        true
    }

    fn finish(self) -> Box<[u8]> {
        self.text.into_boxed_slice()
    }
}

impl Capture {
    pub(super) const fn new() -> Self {
        Self { raw: Raw::Nothing, result: None, wanted: Captures::NONE, keep: true }
    }

    /// From the next value on keeps as much of the payload.
    pub(super) fn want(&mut self, wanted: Captures) {
        self.wanted = wanted;
    }

    /// Whether the text of elements is kept.
    pub(super) const fn wants_text(&self) -> bool {
        self.wanted.text > 0
    }

    /// A value begins in the slot, at this byte of the chunk.
    #[inline]
    pub(super) fn begin(&mut self, slot: Slot, shape: Shape, at: usize, facts: &mut Facts) {
        if matches!(slot, Slot::Arguments | Slot::Tools | Slot::Result | Slot::Structured | Slot::ElementText)
        {
            self.start(slot, shape, at, facts);
        }
    }

    fn start(&mut self, slot: Slot, shape: Shape, at: usize, facts: &mut Facts) {
        match slot {
            Slot::Arguments => {
                let hash = Fingerprint::new();
                self.raw = match self.wanted.arguments {
                    limit if limit > 0 && self.keep => Raw::KeptArguments(hash, Kept::new(limit)),
                    _ => Raw::Arguments(hash),
                };
            }
            Slot::Tools if shape == Shape::Array => {
                if self.keep {
                    self.raw = Raw::Tools(Kept::new(limits::TOOLS));
                } else {
                    facts.find(Finding::ToolsTooLarge);
                }
            }
            Slot::Structured if self.wanted.structured > 0 && self.keep => {
                self.raw = Raw::Structured(Kept::new(self.wanted.structured));
            }
            Slot::ElementText if self.wanted.text > 0 && self.keep && facts.answer().content.items == 0 => {
                self.raw = Raw::Text(Kept::new(self.wanted.text));
            }
            Slot::Result if self.wanted.result > 0 && self.keep => {
                // An earlier one of the same key may have come to its chunk's end only after its successor's key.
                facts.captured().as_mut().map(|captured| captured.result.take());
                self.result = Some(Passing { kept: Kept::new(self.wanted.result), from: at, until: None });
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
            Raw::KeptArguments(hash, kept) => {
                hash.write(bytes);
                if !kept.write(bytes) {
                    self.drop_arguments();
                }
            }
            Raw::Tools(kept) => {
                if !kept.write(bytes) {
                    self.raw = Raw::Nothing;
                    facts.find(Finding::ToolsTooLarge);
                }
            }
            Raw::Structured(kept) | Raw::Text(kept) => {
                if !kept.write(bytes) {
                    self.raw = Raw::Nothing;
                }
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
        let (hash, kept) = match std::mem::replace(&mut self.raw, Raw::Nothing) {
            Raw::Nothing => return,
            Raw::Tools(kept) => {
                facts.answer().tools = Some(kept.finish());
                return;
            }
            Raw::Structured(kept) => {
                facts.captured().get_or_insert_default().structured = Some(kept.finish());
                return;
            }
            Raw::Text(kept) => {
                facts.captured().get_or_insert_default().text = Some(kept.finish());
                return;
            }
            Raw::Arguments(hash) => (hash, None),
            Raw::KeptArguments(hash, kept) => (hash, Some(kept)),
        };
        let depth = u32::try_from(depth).unwrap_or(u32::MAX);
        facts.params().arguments = Some(Arguments { size, depth, hash: hash.finish() });
        if let Some(kept) = kept {
            facts.captured().get_or_insert_default().arguments = Some(kept.finish());
        }
    }

    /// `result` ended before this byte of the chunk.
    pub(super) fn end_result(&mut self, end: usize) {
        if let Some(result) = &mut self.result {
            result.until = Some(end);
        }
    }

    /// Takes what there is of `result` in the chunk: before the message is given away, and at the end of each chunk.
    #[inline]
    pub(super) fn settle(&mut self, chunk: &[u8], facts: &mut Facts) {
        if self.result.is_some() {
            self.take_result(chunk, facts);
        }
    }

    fn take_result(&mut self, chunk: &[u8], facts: &mut Facts) {
        let Some(mut result) = self.result.take() else { return };
        let piece = chunk.get(result.from..result.until.unwrap_or(chunk.len())).unwrap_or_default();
        if !result.kept.write(piece) {
            return;
        }
        if result.until.is_some() {
            facts.captured().get_or_insert_default().result = Some(result.kept.finish());
        } else {
            result.from = 0;
            self.result = Some(result);
        }
    }

    /// From now on keeps texts, or does not; what is already kept goes too.
    pub(super) fn keep_captures(&mut self, keep: bool, facts: &mut Facts) {
        self.keep = keep;
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
        if matches!(self.raw, Raw::Structured(_) | Raw::Text(_)) {
            self.raw = Raw::Nothing;
        }
        self.drop_arguments();
        self.result = None;
        *facts.captured() = None;
    }

    /// The same after the message: its tools are complete, and stay.
    pub(super) fn keep_later(&mut self, keep: bool, facts: &mut Facts) {
        self.keep = keep;
        if !keep {
            *facts.captured() = None;
        }
    }

    /// Goes on without the text of arguments.
    fn drop_arguments(&mut self) {
        self.raw = match std::mem::replace(&mut self.raw, Raw::Nothing) {
            Raw::KeptArguments(hash, _) => Raw::Arguments(hash),
            other => other,
        };
    }

    /// Drops what was kept of an unfinished value.
    pub(super) fn reset(&mut self) {
        self.raw = Raw::Nothing;
        self.result = None;
    }

    /// Bytes of memory in use.
    pub(super) fn held(&self) -> usize {
        let raw = match &self.raw {
            Raw::Nothing | Raw::Arguments(_) => 0,
            Raw::KeptArguments(_, kept) | Raw::Tools(kept) | Raw::Structured(kept) | Raw::Text(kept) => {
                kept.text.capacity()
            }
        };
        raw + self.result.as_ref().map_or(0, |result| result.kept.text.capacity())
    }
}
