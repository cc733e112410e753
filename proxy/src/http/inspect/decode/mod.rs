//! Content codings: pushes a compressed copy in, gets the decoded bytes out in small pieces.
//!
//! Each decoder gives out all that its input so far determines, so the events of a compressed stream appear at its
//! flush points. Memory is reserved from the shared [`Budget`] before it is used. Checksums are left to the client: a
//! body that decodes but fails its checksum was forwarded all the same.

mod brotli;
mod inflate;
mod zstd;

use std::sync::Arc;

use super::budget::Budget;
use crate::exchange::event::NotInspected;

/// The most decoded bytes given out at once.
const PIECE: usize = 8 * 1024;

/// Decoded bytes that each encoded byte may bring, beyond the free allowance of one message. Text compresses by 5 to
/// 50; gzip can be made to reach 1000. It bounds the work that a hostile peer gets out of the bytes it sends.
const AMPLIFICATION: u64 = 128;

/// Takes decoded pieces; an error stops the decoding.
pub(super) type Output<'a> = &'a mut dyn FnMut(&[u8]) -> Result<(), NotInspected>;

/// A content coding that can be undone here (RFC 9110 §8.4.1, RFC 7932, RFC 8878).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    /// `gzip`, `x-gzip`.
    Gzip,
    /// `deflate`: zlib by the standard, bare deflate by custom.
    Deflate,
    /// `br`.
    Brotli,
    /// `zstd`.
    Zstd,
}

/// The codings of one body, in the order in which they were applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Codings {
    first: Option<Coding>,
    second: Option<Coding>,
}

impl Codings {
    /// Adds the coding applied next; false when there is no place for it.
    pub(super) fn push(&mut self, coding: Coding) -> bool {
        let place = if self.first.is_none() { &mut self.first } else { &mut self.second };
        place.is_none() && place.replace(coding).is_none()
    }
}

/// Undoes the codings of one body.
pub(super) struct Decoding {
    outer: Stage,
    inner: Option<Stage>,
}

impl Decoding {
    /// A decoder for `codings`; `None` for the identity. `allowance`: decoded bytes that are free of the
    /// amplification rule.
    pub(super) fn new(
        codings: Codings,
        allowance: u64,
        budget: &Arc<Budget>,
    ) -> Result<Option<Self>, NotInspected> {
        let (outer, inner) = match (codings.first, codings.second) {
            (None, _) => return Ok(None),
            (Some(only), None) => (only, None),
            (Some(inner), Some(outer)) => (outer, Some(inner)),
        };
        let inner = inner.map(|coding| Stage::new(coding, allowance, budget)).transpose()?;
        Ok(Some(Self { outer: Stage::new(outer, allowance, budget)?, inner }))
    }

    /// Decodes the next bytes of the body.
    pub(super) fn feed(&mut self, input: &[u8], output: Output<'_>) -> Result<(), NotInspected> {
        match &mut self.inner {
            None => self.outer.feed(input, output),
            Some(inner) => self.outer.feed(input, &mut |piece| inner.feed(piece, output)),
        }
    }
}

/// One decoder, with the account of what it made of what it got.
struct Stage {
    decoder: Decoder,
    allowance: u64,
}

enum Decoder {
    Inflate(inflate::Inflate),
    Brotli(brotli::Brotli),
    Zstd(zstd::Zstd),
}

impl Stage {
    fn new(coding: Coding, allowance: u64, budget: &Arc<Budget>) -> Result<Self, NotInspected> {
        let decoder = match coding {
            Coding::Gzip => Decoder::Inflate(inflate::Inflate::gzip(budget)?),
            Coding::Deflate => Decoder::Inflate(inflate::Inflate::deflate(budget)?),
            Coding::Brotli => Decoder::Brotli(brotli::Brotli::new(budget)?),
            Coding::Zstd => Decoder::Zstd(zstd::Zstd::new(budget)?),
        };
        Ok(Self { decoder, allowance })
    }

    fn feed(&mut self, input: &[u8], output: Output<'_>) -> Result<(), NotInspected> {
        let Self { decoder, allowance } = self;
        *allowance = allowance.saturating_add(AMPLIFICATION * input.len() as u64);
        let metered = &mut |piece: &[u8]| {
            *allowance = allowance.checked_sub(piece.len() as u64).ok_or(NotInspected::TooLarge)?;
            output(piece)
        };
        match decoder {
            Decoder::Inflate(inflate) => inflate.feed(input, metered),
            Decoder::Brotli(brotli) => brotli.feed(input, metered),
            Decoder::Zstd(zstd) => zstd.feed(input, metered),
        }
    }
}
