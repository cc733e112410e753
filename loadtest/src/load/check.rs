//! Whether an answer is the expected one, byte for byte, while it comes in pieces of any size.

use crate::payload::Answer;

/// How an answer differs from what the fixture server sends.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    /// Another status.
    #[error("status {0} instead of 200")]
    Status(u16),
    /// Another byte, or a byte too many.
    #[error("the answer differs from byte {0} on")]
    Differs(usize),
    /// It ended early.
    #[error("the answer has {got} of {expected} bytes")]
    Short {
        /// Bytes that came.
        got: usize,
        /// Bytes expected.
        expected: usize,
    },
}

/// Compares one body.
#[derive(Debug)]
pub(super) struct Check<'a> {
    parts: [&'a [u8]; 4],
    seen: usize,
}

impl<'a> Check<'a> {
    pub(super) fn new(answer: &'a Answer, id: &'a str) -> Self {
        Self { parts: [&answer.events, answer.before.as_bytes(), id.as_bytes(), &answer.after], seen: 0 }
    }

    pub(super) fn feed(&mut self, mut piece: &[u8]) -> Result<(), Wrong> {
        for part in &mut self.parts {
            let length = part.len().min(piece.len());
            let ((expected, rest), (got, next)) = (part.split_at(length), piece.split_at(length));
            if expected != got {
                let same = expected.iter().zip(got).take_while(|(a, b)| a == b).count();
                return Err(Wrong::Differs(self.seen + same));
            }
            self.seen += length;
            (*part, piece) = (rest, next);
        }
        if piece.is_empty() { Ok(()) } else { Err(Wrong::Differs(self.seen)) }
    }

    pub(super) fn finish(self) -> Result<(), Wrong> {
        let missing: usize = self.parts.iter().map(|part| part.len()).sum();
        if missing == 0 {
            return Ok(());
        }
        Err(Wrong::Short { got: self.seen, expected: self.seen + missing })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn check(pieces: &[&str]) -> Result<(), Wrong> {
        let answer = Answer {
            events: Bytes::from_static(b"one two "),
            before: "id=",
            after: Bytes::from_static(b" end"),
        };
        let mut check = Check::new(&answer, "12");
        for piece in pieces {
            check.feed(piece.as_bytes())?;
        }
        check.finish()
    }

    #[test]
    fn an_answer_cut_anywhere_is_right() {
        let whole = "one two id=12 end";
        for cut in 0..=whole.len() {
            assert_eq!(check(&[&whole[..cut], &whole[cut..]]), Ok(()), "cut at {cut}");
        }
    }

    #[test]
    fn every_difference_is_found_where_it_is() {
        for (pieces, expected) in [
            (&["one two id=13 end"][..], Wrong::Differs(12)),
            (&["one", " tvo id=12 end"][..], Wrong::Differs(5)),
            (&["one two id=12 end", "x"][..], Wrong::Differs(17)),
            (&["one two id=12"][..], Wrong::Short { got: 13, expected: 17 }),
            (&[][..], Wrong::Short { got: 0, expected: 17 }),
        ] {
            assert_eq!(check(pieces), Err(expected));
        }
    }
}
