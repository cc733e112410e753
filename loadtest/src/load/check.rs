//! Whether an answer is the expected one, byte for byte, while it comes in pieces of any size. Only the digits of time
//! stamps may be any; they are read on the way.

use crate::payload::{Call, EVENT_SIZE, STAMP_AT, STAMP_SIZE, read_digit};

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

/// What comes next in a body.
#[derive(Debug, PartialEq, Eq)]
enum Segment<'a> {
    /// These bytes.
    Same(&'a [u8]),
    /// So many more digits of a stamp.
    Stamp(usize),
    /// Nothing.
    End,
}

/// Compares one body.
#[derive(Debug)]
pub(super) struct Check<'a> {
    call: &'a Call,
    seen: usize,
    stamp: u64,
}

impl<'a> Check<'a> {
    pub(super) const fn new(call: &'a Call) -> Self {
        Self { call, seen: 0, stamp: 0 }
    }

    /// Takes a piece; `stamped` is told each stamp that it completes.
    pub(super) fn feed(&mut self, mut piece: &[u8], stamped: &mut impl FnMut(u64)) -> Result<(), Wrong> {
        while !piece.is_empty() {
            let length = match self.segment() {
                Segment::End => return Err(Wrong::Differs(self.seen)),
                Segment::Same(expected) => {
                    let length = expected.len().min(piece.len());
                    if expected[..length] != piece[..length] {
                        let same = expected.iter().zip(piece).take_while(|(a, b)| a == b).count();
                        return Err(Wrong::Differs(self.seen + same));
                    }
                    length
                }
                Segment::Stamp(left) => {
                    let length = left.min(piece.len());
                    for (index, byte) in piece[..length].iter().enumerate() {
                        let digit = read_digit(*byte).ok_or(Wrong::Differs(self.seen + index))?;
                        self.stamp = self.stamp << 4 | digit;
                    }
                    if length == left {
                        stamped(std::mem::take(&mut self.stamp));
                    }
                    length
                }
            };
            self.seen += length;
            piece = &piece[length..];
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Result<(), Wrong> {
        let expected = self.call.answer.size(self.call.id.len());
        if self.seen == expected { Ok(()) } else { Err(Wrong::Short { got: self.seen, expected }) }
    }

    fn segment(&self) -> Segment<'a> {
        let answer = &self.call.answer;
        if self.seen < answer.events.len() {
            let offset = self.seen % EVENT_SIZE;
            return around_stamp(&answer.events[self.seen - offset..][..EVENT_SIZE], offset, Some(STAMP_AT));
        }
        let mut offset = self.seen - answer.events.len();
        for part in [answer.before.as_bytes(), self.call.id.as_bytes()] {
            if offset < part.len() {
                return Segment::Same(&part[offset..]);
            }
            offset -= part.len();
        }
        around_stamp(&answer.after, offset, answer.stamp)
    }
}

/// What is at `offset` of `text`, in which a stamp may stand.
fn around_stamp(text: &[u8], offset: usize, stamp: Option<usize>) -> Segment<'_> {
    let stamp = stamp.unwrap_or(text.len());
    if offset >= text.len() {
        Segment::End
    } else if offset < stamp {
        Segment::Same(&text[offset..stamp])
    } else if offset < stamp + STAMP_SIZE {
        Segment::Stamp(stamp + STAMP_SIZE - offset)
    } else {
        Segment::Same(&text[offset..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payload::{Answer, Answers, Tool, write_stamp};
    use bytes::Bytes;

    fn plain_call() -> Call {
        let answer = Answer {
            events: Bytes::new(),
            before: "one two id=",
            after: Bytes::from_static(b" end"),
            stamp: None,
        };
        let call = Answers::new().call(crate::payload::Scenario::Json(Tool::Small), 0, 12);
        Call { answer, ..call }
    }

    fn check(call: &Call, pieces: &[&[u8]]) -> Result<Vec<u64>, Wrong> {
        let mut check = Check::new(call);
        let mut stamps = Vec::new();
        for piece in pieces {
            check.feed(piece, &mut |stamp| stamps.push(stamp))?;
        }
        check.finish().map(|()| stamps)
    }

    #[test]
    fn an_answer_cut_anywhere_is_right() {
        let whole = b"one two id=12 end";
        for cut in 0..=whole.len() {
            assert_eq!(check(&plain_call(), &[&whole[..cut], &whole[cut..]]), Ok(vec![]), "cut at {cut}");
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
            let pieces: Vec<&[u8]> = pieces.iter().map(|piece| piece.as_bytes()).collect();
            assert_eq!(check(&plain_call(), &pieces), Err(expected));
        }
    }

    #[test]
    fn stamps_are_read_wherever_a_stream_is_cut_and_nothing_else_may_differ() {
        let call = Answers::new().call("sse:3".parse().unwrap(), 0, 7);
        let mut body = Vec::new();
        call.answer.write(&call.id, &mut body);
        let last = body.len() - call.answer.after.len() + call.answer.stamp.unwrap();
        for (at, stamp) in [(STAMP_AT, 5), (EVENT_SIZE + STAMP_AT, 6), (last, u64::MAX)] {
            write_stamp(&mut body[at..], stamp);
        }
        for cut in 0..=body.len() {
            assert_eq!(check(&call, &[&body[..cut], &body[cut..]]), Ok(vec![5, 6, u64::MAX]), "cut at {cut}");
        }
        for (at, byte) in [(0, b'x'), (STAMP_AT, b'g'), (STAMP_AT + STAMP_SIZE, b'0'), (last + 3, b'A')] {
            let mut broken = body.clone();
            broken[at] = byte;
            assert_eq!(check(&call, &[&broken]), Err(Wrong::Differs(at)));
        }
    }
}
