//! Zstandard (RFC 8878).

use std::sync::Arc;

use zstd_safe::{DCtx, DParameter, InBuffer, OutBuffer};

use super::super::budget::{Budget, Reservation};
use super::{Output, PIECE};
use crate::exchange::event::NotInspected;

/// The largest window: 8 MiB, all that a client need support (RFC 9659).
const WINDOW_LOG: u32 = 23;

/// Decodes zstd frames, one after the other.
pub(super) struct Zstd {
    context: DCtx<'static>,
    memory: Reservation,
}

impl Zstd {
    pub(super) fn new(budget: &Arc<Budget>) -> Result<Self, NotInspected> {
        let mut context = DCtx::try_create().ok_or(NotInspected::Memory)?;
        context.set_parameter(DParameter::WindowLogMax(WINDOW_LOG)).map_err(|_| NotInspected::Internal)?;
        let mut zstd = Self { context, memory: Reservation::empty(budget) };
        zstd.account()?;
        Ok(zstd)
    }

    pub(super) fn feed(&mut self, input: &[u8], output: Output<'_>) -> Result<(), NotInspected> {
        let mut input = InBuffer::around(input);
        let mut piece = [0; PIECE];
        loop {
            let mut made = OutBuffer::around(&mut piece[..]);
            self.context.decompress_stream(&mut made, &mut input).map_err(|_| NotInspected::Encoding)?;
            let made = made.as_slice();
            self.account()?;
            if !made.is_empty() {
                output(made)?;
            }
            // A full piece may leave decoded bytes behind.
            if made.len() < PIECE && input.pos() == input.src.len() {
                return Ok(());
            }
        }
    }

    /// Brings the reservation to what the context holds. It allocates its window when it reads a frame's header, so
    /// the reservation is one step late; memory that was not written yet is address space only.
    fn account(&mut self) -> Result<(), NotInspected> {
        if self.memory.resize(self.context.sizeof()) { Ok(()) } else { Err(NotInspected::Memory) }
    }
}
