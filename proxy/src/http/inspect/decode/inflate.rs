//! gzip (RFC 1952), zlib (RFC 1950) and bare deflate (RFC 1951).

use std::sync::Arc;

use flate2::{Decompress, FlushDecompress, Status};

use super::super::budget::{Budget, Reservation};
use super::{Output, PIECE};
use crate::exchange::event::NotInspected;

/// Memory of one decoder: a window of 32 KiB and its code tables (43 KiB in miniz_oxide 0.9).
const MEMORY: usize = 44 * 1024;

/// Flags of a gzip member's header.
mod flag {
    pub(super) const HEADER_CRC: u8 = 2;
    pub(super) const EXTRA: u8 = 4;
    pub(super) const NAME: u8 = 8;
    pub(super) const COMMENT: u8 = 16;
    pub(super) const RESERVED: u8 = 0xe0;
}

/// Decodes deflate data in any of its three wrappers.
pub(super) struct Inflate {
    inflate: Decompress,
    wrapper: Wrapper,
    part: Part,
    _memory: Reservation,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Wrapper {
    Gzip,
    Deflate,
}

/// Where in the wrapper the next byte belongs.
enum Part {
    /// The header of a gzip member.
    Header(Header),
    /// The second of the two bytes that tell zlib from bare deflate; the first is kept.
    Sniff(Option<u8>),
    /// Deflate data.
    Body,
    /// So many bytes of a gzip member's trailer.
    Trailer(u8),
    /// Behind the end. What may follow belongs to nobody.
    Done,
}

impl Inflate {
    pub(super) fn gzip(budget: &Arc<Budget>) -> Result<Self, NotInspected> {
        Self::new(Wrapper::Gzip, Part::Header(Header::default()), budget)
    }

    pub(super) fn deflate(budget: &Arc<Budget>) -> Result<Self, NotInspected> {
        Self::new(Wrapper::Deflate, Part::Sniff(None), budget)
    }

    fn new(wrapper: Wrapper, part: Part, budget: &Arc<Budget>) -> Result<Self, NotInspected> {
        let mut memory = Reservation::empty(budget);
        if !memory.resize(MEMORY) {
            return Err(NotInspected::Memory);
        }
        Ok(Self { inflate: Decompress::new(false), wrapper, part, _memory: memory })
    }

    pub(super) fn feed(&mut self, mut input: &[u8], output: Output<'_>) -> Result<(), NotInspected> {
        while let Some((&byte, rest)) = input.split_first() {
            match &mut self.part {
                Part::Header(header) => {
                    input = rest;
                    if header.read(byte)? {
                        self.part = Part::Body;
                    }
                }
                Part::Sniff(first) => {
                    input = rest;
                    let Some(first) = first.replace(byte) else { continue };
                    self.part = Part::Body;
                    if !is_zlib(first, byte) {
                        self.inflate(&[first, byte], output)?;
                    }
                }
                Part::Body => input = self.inflate(input, output)?,
                Part::Trailer(left @ 1..) => {
                    input = rest;
                    *left -= 1;
                }
                // Members may follow each other; anything else behind the last one is padding.
                Part::Trailer(0) if byte == Header::MAGIC[0] => {
                    self.inflate.reset(false);
                    self.part = Part::Header(Header::default());
                }
                Part::Trailer(0) => self.part = Part::Done,
                Part::Done => return Ok(()),
            }
        }
        Ok(())
    }

    /// Inflates until the input is used up or the deflate data ends; gives back what is behind the end.
    fn inflate<'a>(&mut self, mut input: &'a [u8], output: Output<'_>) -> Result<&'a [u8], NotInspected> {
        let mut piece = [0; PIECE];
        loop {
            let (read_before, made_before) = (self.inflate.total_in(), self.inflate.total_out());
            let status = self
                .inflate
                .decompress(input, &mut piece, FlushDecompress::None)
                .map_err(|_| NotInspected::Encoding)?;
            let read = usize::try_from(self.inflate.total_in() - read_before).unwrap_or(usize::MAX);
            let made = usize::try_from(self.inflate.total_out() - made_before).unwrap_or(usize::MAX);
            input = input.get(read..).unwrap_or_default();
            let made = piece.get(..made).unwrap_or_default();
            if !made.is_empty() {
                output(made)?;
            }
            match status {
                Status::StreamEnd => {
                    self.part = match self.wrapper {
                        Wrapper::Gzip => Part::Trailer(8),
                        Wrapper::Deflate => Part::Done,
                    };
                    return Ok(input);
                }
                // A full piece may leave decoded bytes behind in the window.
                _ if made.len() == PIECE => {}
                _ if input.is_empty() => return Ok(input),
                _ if read == 0 && made.is_empty() => return Err(NotInspected::Encoding),
                _ => {}
            }
        }
    }
}

/// Whether two bytes are a zlib header (without a preset dictionary, which nobody could know). Bare deflate cannot
/// begin like this unless its encoder fills the padding of a stored block with ones; none does.
const fn is_zlib(first: u8, second: u8) -> bool {
    first & 0x0f == 8 && second & 0x20 == 0 && u16::from_be_bytes([first, second]).is_multiple_of(31)
}

/// Reads over the header of a gzip member, byte by byte.
#[derive(Default)]
struct Header {
    flags: u8,
    field: Field,
}

#[derive(Default, Clone, Copy)]
enum Field {
    #[default]
    Magic,
    /// Byte 1 to 9 of the fixed part.
    Fixed(u8),
    ExtraLength,
    ExtraLengthHigh(u8),
    Extra(u16),
    Name,
    Comment,
    Crc(u8),
}

impl Header {
    const MAGIC: [u8; 2] = [0x1f, 0x8b];
    const METHOD_DEFLATE: u8 = 8;

    /// Takes the next byte; true when the header is over.
    fn read(&mut self, byte: u8) -> Result<bool, NotInspected> {
        let next = match self.field {
            Field::Magic if byte == Self::MAGIC[0] => Some(Field::Fixed(1)),
            Field::Fixed(1) if byte == Self::MAGIC[1] => Some(Field::Fixed(2)),
            Field::Fixed(2) if byte == Self::METHOD_DEFLATE => Some(Field::Fixed(3)),
            Field::Fixed(3) if byte & flag::RESERVED == 0 => {
                self.flags = byte;
                Some(Field::Fixed(4))
            }
            Field::Magic | Field::Fixed(..=3) => return Err(NotInspected::Encoding),
            Field::Fixed(at @ 4..=8) => Some(Field::Fixed(at + 1)),
            Field::Fixed(_) => self.optional(flag::EXTRA),
            Field::ExtraLength => Some(Field::ExtraLengthHigh(byte)),
            Field::ExtraLengthHigh(low) => match u16::from_le_bytes([low, byte]) {
                0 => self.optional(flag::NAME),
                length => Some(Field::Extra(length)),
            },
            Field::Extra(1) => self.optional(flag::NAME),
            Field::Extra(left) => Some(Field::Extra(left.saturating_sub(1))),
            Field::Name if byte == 0 => self.optional(flag::COMMENT),
            Field::Comment if byte == 0 => self.optional(flag::HEADER_CRC),
            Field::Crc(0) => Some(Field::Crc(1)),
            Field::Crc(_) => None,
            same @ (Field::Name | Field::Comment) => Some(same),
        };
        match next {
            Some(field) => self.field = field,
            None => return Ok(true),
        }
        Ok(false)
    }

    /// The first optional field that is there, beginning with that of `from`; `None` when the header ends here.
    fn optional(&self, from: u8) -> Option<Field> {
        const ORDER: [(u8, Field); 4] = [
            (flag::EXTRA, Field::ExtraLength),
            (flag::NAME, Field::Name),
            (flag::COMMENT, Field::Comment),
            (flag::HEADER_CRC, Field::Crc(0)),
        ];
        let candidates = ORDER.into_iter().skip_while(|(flag, _)| *flag != from);
        candidates.filter(|(flag, _)| self.flags & flag != 0).map(|(_, field)| field).next()
    }
}
