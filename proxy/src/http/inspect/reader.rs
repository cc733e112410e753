//! Reads one body: undoes its codings and takes JSON-RPC out of JSON or of events.

use std::sync::Arc;

use super::budget::{Budget, Reservation};
use super::decode::{Codings, Decoding};
use super::parse::{Found, Parse};
use crate::exchange::event::NotInspected;
use crate::protocol::message::Document;

/// A parser, with what it takes to feed it from a body as it is on the wire.
pub(super) struct Reader<P> {
    parser: P,
    /// What only some bodies need: a decoder, a share of the budget.
    extra: Option<Box<Extra>>,
}

struct Extra {
    decoding: Option<Decoding>,
    /// For captures; decoders reserve their own memory.
    captures: Reservation,
}

impl<P: Parse> Reader<P> {
    /// A reader of a body with these codings. `allowance`: decoded bytes free of the amplification rule.
    pub(super) fn new(
        parser: P,
        codings: Codings,
        allowance: u64,
        budget: &Arc<Budget>,
    ) -> Result<Self, NotInspected> {
        let extra = match Decoding::new(codings, allowance, budget)? {
            None => None,
            decoding => Some(Box::new(Extra { decoding, captures: Reservation::empty(budget) })),
        };
        Ok(Self { parser, extra })
    }

    /// Reads the next bytes and tells what they complete. After an error the reader is of no more use.
    pub(super) fn read(
        &mut self,
        data: &[u8],
        budget: &Arc<Budget>,
        found: &mut impl FnMut(Found<'_>),
    ) -> Result<(), NotInspected> {
        let parser = &mut self.parser;
        match self.extra.as_mut().and_then(|extra| extra.decoding.as_mut()) {
            None => parser.feed(data, found),
            Some(decoding) => decoding.feed(data, &mut |piece| {
                parser.feed(piece, found);
                // Uncoded, the peer pays for each byte it sends, and the next event may be small again. Decoded, the
                // work is ours: enough of it.
                if parser.over_limit() { Err(NotInspected::TooLarge) } else { Ok(()) }
            })?,
        }
        self.settle(budget);
        Ok(())
    }

    /// The document that the body was.
    pub(super) fn finish(&mut self) -> Document {
        self.parser.finish()
    }

    /// Pays for what the parser holds. Without room the parser goes on, but keeps no captures.
    fn settle(&mut self, budget: &Arc<Budget>) {
        let held = self.parser.held();
        if held == 0 && self.extra.is_none() {
            return;
        }
        let extra = self
            .extra
            .get_or_insert_with(|| Box::new(Extra { decoding: None, captures: Reservation::empty(budget) }));
        if !extra.captures.resize(held) {
            self.parser.keep_captures(false);
            // What it held until now may be gone already; if not, it goes with the message.
            extra.captures.resize(self.parser.held());
        }
    }
}
