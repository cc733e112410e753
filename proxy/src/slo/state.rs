//! What outlasts the process: the counts of the engine as bytes, and back.
//!
//! ```text
//!   magic, format, server, moment, books, SHA-256 of all before
//!   book: name, retired, spans of coverage, rings
//!   ring: length and number of slots, newest slot, filled slots (distance from the one before, good, bad)
//! ```
//!
//! Numbers are LEB128; empty slots are left out, so a quiet service takes little. Whatever the bytes are, reading them
//! gives the same counts or an error, never a panic, and takes no more memory than the bounds of the engine allow.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use super::coverage::{Coverage, MAX_SPANS};
use super::engine::{Book, MAX_RETIRED};
use super::plan::MAX_OBJECTIVES;
use super::time::Time;
use super::window::{Counts, MAX_SLOTS, Ring, Rings, Shape};

const MAGIC: &[u8; 8] = b"mcp-slo\n";
const FORMAT: u64 = 1;
const CHECKSUM: usize = 32;
/// How far a saved moment may be ahead: clocks of machines differ a little. Windows stand still until it has passed.
const AHEAD: u64 = 60_000;
/// Most rings of an objective.
const MAX_RINGS: u64 = 3;
/// Longest text. Names of objectives have 63 bytes, those of servers 128 characters or a path.
const MAX_TEXT: u64 = 8192;
/// Twice the longest state there can be: all slots of all objectives filled with the largest numbers.
pub const MAX_BYTES: u64 = 64 << 20;

/// What came back from a saved state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Restored {
    /// When it was saved.
    pub at: Time,
    /// Objectives in force that have counts from it.
    pub objectives: usize,
    /// Objectives that are kept although they are not in force.
    pub retired: usize,
}

/// Why a saved state is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// Truncated or changed.
    #[error("it is truncated or damaged: {0}")]
    Damaged(&'static str),
    /// Something else.
    #[error("it is no saved state of error budgets")]
    Foreign,
    /// From another version of this program.
    #[error("its format is {0}, and this version reads format {FORMAT}")]
    Format(u64),
    /// Of another server.
    #[error("it is the state of the server {saved:?}, and this one is {own:?}")]
    OtherServer {
        /// Whose it is.
        saved: String,
        /// Whose it should be.
        own: String,
    },
    /// Saved later than now.
    #[error("it was saved {seconds} s later than now: a clock is wrong")]
    Future {
        /// How much later.
        seconds: u64,
    },
}

/// A state that was read.
#[derive(Debug)]
pub(super) struct Saved {
    pub(super) at: Time,
    pub(super) books: Vec<(String, Book)>,
}

/// The bytes of a state.
pub(super) fn encode(server: &str, books: &BTreeMap<String, Book>, now: Time) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    put(&mut bytes, FORMAT);
    put_text(&mut bytes, server);
    put(&mut bytes, now.0);
    put(&mut bytes, books.len() as u64);
    for (name, book) in books {
        put_text(&mut bytes, name);
        put(&mut bytes, book.retired.map_or(0, |at| at.0.saturating_add(1)));
        let spans = book.coverage.spans(now);
        put(&mut bytes, spans.len() as u64);
        for (from, to) in spans {
            put(&mut bytes, from);
            put(&mut bytes, to - from);
        }
        put(&mut bytes, book.rings.each().len() as u64);
        book.rings.each().iter().for_each(|ring| put_ring(&mut bytes, ring, now));
    }
    let checksum = Sha256::digest(&bytes);
    bytes.extend_from_slice(&checksum);
    bytes
}

fn put_ring(bytes: &mut Vec<u8>, ring: &Ring, now: Time) {
    put(bytes, ring.shape().slot);
    put(bytes, ring.shape().slots as u64);
    put(bytes, ring.last());
    put(bytes, ring.filled(now).count() as u64);
    let mut before = 0;
    for (number, counts) in ring.filled(now) {
        put(bytes, number - before);
        put(bytes, counts.good);
        put(bytes, counts.bad);
        before = number;
    }
}

fn put(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn put_text(bytes: &mut Vec<u8>, text: &str) {
    put(bytes, text.len() as u64);
    bytes.extend_from_slice(text.as_bytes());
}

/// Reads a state, if it is one of this server's and not from the future.
pub(super) fn decode(bytes: &[u8], server: &str, now: Time) -> Result<Saved, StateError> {
    let rest = bytes.strip_prefix(MAGIC).ok_or_else(|| {
        let begun = !bytes.is_empty() && MAGIC.starts_with(bytes);
        if begun || bytes.is_empty() { StateError::Damaged("it ends too early") } else { StateError::Foreign }
    })?;
    let format = Reader(rest).number()?;
    if format != FORMAT {
        return Err(StateError::Format(format));
    }
    let (content, checksum) =
        bytes.split_last_chunk::<CHECKSUM>().ok_or(StateError::Damaged("it ends too early"))?;
    if Sha256::digest(content).as_slice() != checksum {
        return Err(StateError::Damaged("its checksum is wrong"));
    }
    let mut reader = Reader(content.strip_prefix(MAGIC).ok_or(StateError::Damaged("it ends too early"))?);
    reader.number()?;
    let saved = reader.text()?;
    if saved != server {
        return Err(StateError::OtherServer { saved: saved.to_owned(), own: server.to_owned() });
    }
    let at = reader.number()?;
    let ahead = at.saturating_sub(now.0);
    if ahead > AHEAD {
        return Err(StateError::Future { seconds: ahead / 1000 });
    }
    let number = reader.at_most((MAX_OBJECTIVES + MAX_RETIRED) as u64)?;
    let books = (0..number).map(|_| reader.book(at)).collect::<Result<_, _>>()?;
    if reader.0.is_empty() { Ok(Saved { at: Time(at), books }) } else { Err(CONTRADICTS) }
}

const CONTRADICTS: StateError = StateError::Damaged("its numbers contradict each other");

/// The bytes that are still to be read.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn number(&mut self) -> Result<u64, StateError> {
        let mut number = 0;
        for shift in (0..u64::BITS).step_by(7) {
            let (byte, rest) = self.0.split_first().ok_or(StateError::Damaged("it ends too early"))?;
            self.0 = rest;
            let part = u64::from(byte & 0x7f);
            if part << shift >> shift != part {
                return Err(CONTRADICTS);
            }
            number |= part << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(CONTRADICTS)
    }

    fn at_most(&mut self, most: u64) -> Result<u64, StateError> {
        let number = self.number()?;
        if number <= most { Ok(number) } else { Err(CONTRADICTS) }
    }

    fn text(&mut self) -> Result<&'a str, StateError> {
        let length = self.at_most(MAX_TEXT)? as usize;
        let (text, rest) = self.0.split_at_checked(length).ok_or(StateError::Damaged("it ends too early"))?;
        self.0 = rest;
        std::str::from_utf8(text).map_err(|_| CONTRADICTS)
    }

    /// A book that was saved at this moment.
    fn book(&mut self, at: u64) -> Result<(String, Book), StateError> {
        let name = self.text()?.to_owned();
        let retired = self.number()?.checked_sub(1).map(Time);
        if retired.is_some_and(|retired| retired.0 > at) {
            return Err(CONTRADICTS);
        }
        let mut coverage = Coverage::default();
        for _ in 0..self.at_most(MAX_SPANS as u64)? {
            let from = self.at_most(at)?;
            let length = self.at_most(at - from)?;
            coverage.add(from, from + length);
        }
        let rings = self.at_most(MAX_RINGS)?;
        let rings = (0..rings).map(|_| self.ring(at)).collect::<Result<_, _>>()?;
        Ok((name, Book { rings: Rings::restored(rings), coverage, retired }))
    }

    fn ring(&mut self, at: u64) -> Result<Ring, StateError> {
        let slot = self.number()?;
        let slots = self.at_most(MAX_SLOTS as u64)?;
        if slot == 0 || slots == 0 {
            return Err(CONTRADICTS);
        }
        let last = self.at_most(at / slot)?;
        let mut ring = Ring::new(Shape { slot, slots: slots as usize });
        ring.put(last, Counts::ZERO);
        let mut number: u64 = 0;
        for _ in 0..self.at_most(slots)? {
            let distance = self.number()?;
            number = number.checked_add(distance).filter(|number| *number <= last).ok_or(CONTRADICTS)?;
            let counts = Counts::new(self.number()?, self.number()?);
            ring.put(number, counts);
        }
        Ok(ring)
    }
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
