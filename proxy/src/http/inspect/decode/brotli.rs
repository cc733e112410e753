//! Brotli (RFC 7932), without the large windows that HTTP does not allow.

use std::sync::Arc;

use brotli::{
    Allocator, BrotliDecompressStream, BrotliResult, BrotliState, HuffmanCode, SliceWrapper, SliceWrapperMut,
};

use super::super::budget::{Budget, Reservation};
use super::{Output, PIECE};
use crate::exchange::event::NotInspected;

/// Decodes brotli. Its window grows with the body, up to 16 MiB, so memory is counted where it is allocated.
pub(super) struct Brotli {
    /// `None` behind the end of the data.
    state: Option<Box<State>>,
    _own: Reservation,
}

type State = BrotliState<Metered, Metered, Metered>;

impl Brotli {
    pub(super) fn new(budget: &Arc<Budget>) -> Result<Self, NotInspected> {
        let mut own = Reservation::empty(budget);
        if !own.resize(size_of::<State>()) {
            return Err(NotInspected::Memory);
        }
        let metered = || Metered { memory: Reservation::empty(budget), refused: false };
        let state = Box::new(BrotliState::new_strict(metered(), metered(), metered()));
        Ok(Self { state: Some(state), _own: own })
    }

    pub(super) fn feed(&mut self, input: &[u8], output: Output<'_>) -> Result<(), NotInspected> {
        let Some(state) = &mut self.state else { return Ok(()) };
        let (mut left, mut at, mut total) = (input.len(), 0, 0);
        let mut piece = [0; PIECE];
        loop {
            let (mut room, mut made) = (PIECE, 0);
            let result = BrotliDecompressStream(
                &mut left, &mut at, input, &mut room, &mut made, &mut piece, &mut total, state,
            );
            let made = piece.get(..made).unwrap_or_default();
            if !made.is_empty() {
                output(made)?;
            }
            match result {
                BrotliResult::NeedsMoreInput => return Ok(()),
                BrotliResult::NeedsMoreOutput => {}
                BrotliResult::ResultSuccess => {
                    self.state = None;
                    return Ok(());
                }
                BrotliResult::ResultFailure if refused(state) => return Err(NotInspected::Memory),
                BrotliResult::ResultFailure => return Err(NotInspected::Encoding),
            }
        }
    }
}

fn refused(state: &State) -> bool {
    state.alloc_u8.refused || state.alloc_u32.refused || state.alloc_hc.refused
}

/// Allocates from the heap what the budget allows.
struct Metered {
    memory: Reservation,
    refused: bool,
}

/// A piece of memory in the decoder's terms.
#[derive(Default)]
struct Cells<T>(Vec<T>);

impl<T> SliceWrapper<T> for Cells<T> {
    fn slice(&self) -> &[T] {
        &self.0
    }
}

impl<T> SliceWrapperMut<T> for Cells<T> {
    fn slice_mut(&mut self) -> &mut [T] {
        &mut self.0
    }
}

macro_rules! allocates {
    ($($cell:ty),*) => {$(
        impl Allocator<$cell> for Metered {
            type AllocatedMemory = Cells<$cell>;

            /// An empty piece says that there is no room; the decoder then fails in good order.
            fn alloc_cell(&mut self, len: usize) -> Cells<$cell> {
                let bytes = len.saturating_mul(size_of::<$cell>());
                if !self.memory.resize(self.memory.bytes().saturating_add(bytes)) {
                    self.refused = true;
                    return Cells::default();
                }
                Cells(vec![<$cell>::default(); len])
            }

            fn free_cell(&mut self, cells: Cells<$cell>) {
                let bytes = cells.0.len() * size_of::<$cell>();
                self.memory.resize(self.memory.bytes().saturating_sub(bytes));
            }
        }
    )*};
}

allocates!(u8, u32, HuffmanCode);
