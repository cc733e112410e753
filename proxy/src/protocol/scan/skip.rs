//! Objects, arrays and strings that nobody reads: only their end is looked for.
//!
//! Almost all bytes of large messages pass through here, so this file is about speed. Objects and arrays are read in
//! blocks of 64 bytes: one bit mask per kind of byte, from which strings and brackets follow by arithmetic. What does
//! not fill a block, and the beginning, goes byte by byte, with a search in strings; both ways see the same automaton
//! (`block_wise_and_byte_wise_agree`).
//!
//! The inside is not validated, kinds of brackets are not paired, and depth costs a counter only.

use memchr::memchr;

use super::text::quote_or_backslash;

/// Bytes per block: one bit each in a `u64`.
const BLOCK: usize = 64;

/// Looks for the end of one object, array or string.
#[derive(Debug, Default)]
pub(super) struct Skip {
    /// Open brackets; 0 when a string is skipped.
    depth: u64,
    /// The largest depth seen, or the floor given at the start if that is more.
    deepest: u64,
    in_string: bool,
    /// Whether the byte before was a backslash that is not itself escaped.
    escaped: bool,
    /// Whether nothing of a container was read yet.
    fresh: bool,
}

impl Skip {
    /// Starts an object or array whose opening bracket was just consumed. Depths up to `floor` are of no interest: a
    /// higher one costs less.
    pub(super) fn start_container(&mut self, floor: u64) {
        *self = Self { depth: 1, deepest: floor.max(1), in_string: false, escaped: false, fresh: true };
    }

    /// Starts a string whose opening quote was just consumed.
    pub(super) fn start_string(&mut self) {
        *self = Self { depth: 0, deepest: 0, in_string: true, escaped: false, fresh: false };
    }

    /// The largest depth seen, or the floor.
    pub(super) const fn deepest(&self) -> u64 {
        self.deepest
    }

    /// Reads on: where in `bytes` the value ended (behind its last byte), or `None` when it goes on.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Option<usize> {
        if self.depth == 0 {
            return self.string(bytes);
        }
        // Most containers are small. Their strings are passed as wholes, which costs less than a block.
        let begun = if std::mem::take(&mut self.fresh) { bytes.len().min(2 * BLOCK) } else { 0 };
        let (first, others) = bytes.split_at(begun);
        if let Some(end) = self.bytes(first) {
            return Some(end);
        }
        let (blocks, rest) = others.as_chunks::<BLOCK>();
        for (index, block) in blocks.iter().enumerate() {
            if let Some(end) = self.block(block) {
                return Some(begun + index * BLOCK + end);
            }
        }
        self.bytes(rest).map(|end| bytes.len() - rest.len() + end)
    }

    /// Looks for quotes only: whether one is escaped tells the run of backslashes before it, each of which is counted once.
    fn string(&mut self, bytes: &[u8]) -> Option<usize> {
        if bytes.is_empty() {
            return None;
        }
        // What stands before `start` escapes nothing behind it.
        let start = usize::from(std::mem::take(&mut self.escaped));
        let escapes = |end: usize| {
            let before = bytes.get(start..end).unwrap_or_default();
            before.iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1
        };
        let mut at = start;
        while let Some(found) = memchr(b'"', bytes.get(at..).unwrap_or_default()) {
            at += found;
            if !escapes(at) {
                return Some(at + 1);
            }
            // A text that has one has many, and a search from each to the next would cost more than it finds.
            at = past_escaped_quotes(bytes, at + 1, start);
        }
        self.escaped = escapes(bytes.len());
        None
    }

    fn bytes(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = usize::from(self.escaped && !bytes.is_empty());
        self.escaped &= bytes.is_empty();
        loop {
            if self.in_string {
                at += quote_or_backslash(bytes.get(at..)?)?;
                if bytes[at] == b'"' {
                    self.in_string = false;
                } else {
                    self.escaped = at + 1 == bytes.len();
                    at += 1;
                }
                at += 1;
                continue;
            }
            match bytes.get(at)? {
                b'"' => self.in_string = true,
                b'{' | b'[' => self.open(),
                b'}' | b']' => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        return Some(at + 1);
                    }
                }
                b'\\' => {
                    self.escaped = at + 1 == bytes.len();
                    at += 1;
                }
                _ => {}
            }
            at += 1;
        }
    }

    fn open(&mut self) {
        self.depth += 1;
        self.deepest = self.deepest.max(self.depth);
    }

    #[inline]
    fn block(&mut self, block: &[u8; BLOCK]) -> Option<usize> {
        if self.in_string && !self.escaped && !has_quote_or_backslash(block) {
            return None;
        }
        let backslashes = mask(block, b'\\', 0);
        let escapes = if backslashes != 0 || self.escaped { self.take_escapes(backslashes) } else { 0 };
        let quotes = mask(block, b'"', 0) & !escapes;
        let strings = parity(quotes) ^ if self.in_string { u64::MAX } else { 0 };
        self.in_string = strings >> (BLOCK - 1) != 0;
        // Setting bit 5 turns `[` into `{` and `]` into `}`, and nothing else into them. Outside of strings a backslash
        // is no JSON; it is taken there too, so that the answer does not depend on where blocks begin.
        let opens = mask(block, b'{', 0x20) & !(strings | escapes);
        let closes = mask(block, b'}', 0x20) & !(strings | escapes);
        let (opened, closed) = (u64::from(opens.count_ones()), u64::from(closes.count_ones()));
        if closed < self.depth && self.depth + opened <= self.deepest {
            self.depth = self.depth + opened - closed;
            return None;
        }
        self.walk(opens, closes)
    }

    /// Takes the brackets of a block one by one, where the end or a new depth may be among them.
    #[cold]
    fn walk(&mut self, opens: u64, closes: u64) -> Option<usize> {
        let mut brackets = opens | closes;
        while brackets != 0 {
            let at = brackets.trailing_zeros();
            if opens >> at & 1 != 0 {
                self.open();
            } else {
                self.depth -= 1;
                if self.depth == 0 {
                    return Some(at as usize + 1);
                }
            }
            brackets &= brackets - 1;
        }
        None
    }

    /// The bytes of a block that stand after a backslash and so for themselves.
    fn take_escapes(&mut self, backslashes: u64) -> u64 {
        let mut escapes = u64::from(self.escaped);
        // A backslash in the first place may itself be escaped by the block before.
        let mut rest = backslashes & !escapes;
        self.escaped = false;
        while rest != 0 {
            let at = rest.trailing_zeros();
            if at as usize == BLOCK - 1 {
                self.escaped = true;
                break;
            }
            escapes |= 2 << at;
            rest &= !(3 << at);
        }
        escapes
    }
}

/// One bit per byte of the block that, with the bits of `fold` set, is `wanted`.
///
/// Written so that the compiler makes vector code of it on any target: the compare gives each byte its own bit, the
/// product moves the eight bits of eight bytes into one byte (no two of them meet, so nothing carries).
#[inline]
fn mask(block: &[u8; BLOCK], wanted: u8, fold: u8) -> u64 {
    let mut bits = [0_u8; BLOCK];
    for (index, (bit, &byte)) in bits.iter_mut().zip(block).enumerate() {
        *bit = if byte | fold == wanted { 1 << (index % 8) } else { 0 };
    }
    let (words, _) = bits.as_chunks::<8>();
    words
        .iter()
        .rev()
        .fold(0, |mask, word| mask << 8 | u64::from_le_bytes(*word).wrapping_mul(0x0101_0101_0101_0101) >> 56)
}

/// Skips blocks from `at` in which every quote stands behind a single backslash. Nothing before `start` is looked at.
fn past_escaped_quotes(bytes: &[u8], mut at: usize, start: usize) -> usize {
    if at < start + 2 {
        return at;
    }
    // The byte before each, and the one before that, are the same block shifted.
    let block = |from: usize| bytes.get(from..).and_then(<[u8]>::first_chunk::<BLOCK>);
    while let (Some(block), Some(before), Some(second)) = (block(at), block(at - 1), block(at - 2)) {
        let mut other = false;
        for index in 0..BLOCK {
            let escaped = (before[index] == b'\\') & (second[index] != b'\\');
            other |= (block[index] == b'"') & !escaped;
        }
        if other {
            break;
        }
        at += BLOCK;
    }
    at
}

#[inline]
fn has_quote_or_backslash(block: &[u8; BLOCK]) -> bool {
    block.iter().fold(0, |any, &byte| any | u8::from(byte == b'"') | u8::from(byte == b'\\')) != 0
}

/// Bit n is the parity of bits 0 to n: set from each opening quote up to the byte before its closing one.
const fn parity(mut bits: u64) -> u64 {
    bits ^= bits << 1;
    bits ^= bits << 2;
    bits ^= bits << 4;
    bits ^= bits << 8;
    bits ^= bits << 16;
    bits ^ bits << 32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Feeds a container that begins with the bracket already consumed, in pieces of this size.
    fn run(bytes: &[u8], piece: usize, floor: u64) -> (Option<usize>, u64) {
        let mut skip = Skip::default();
        skip.start_container(floor);
        let mut at = 0;
        for chunk in bytes.chunks(piece) {
            if let Some(end) = skip.feed(chunk) {
                return (Some(at + end), skip.deepest());
            }
            at += chunk.len();
        }
        (None, skip.deepest())
    }

    #[test]
    fn container_ends_at_its_own_bracket() {
        let cases: &[(&str, Option<usize>, u64)] = &[
            ("}", Some(1), 1),
            ("},", Some(1), 1),
            (r#""a":"}]","b":[]} "#, Some(16), 2),
            (r#""a\"}":"\\"}"#, Some(12), 1),
            (r#""a\\\"}":1}"#, Some(11), 1),
            (r#"[[[]],{}]}"#, Some(10), 4),
            (r#"[[[]],{}]"#, None, 4),
        ];
        for (text, end, deepest) in cases {
            for padding in [0, 1, 31, 62, 63, 64, 65, 127, 130] {
                let text = format!("{}{text}{}", " ".repeat(padding), "x".repeat(70));
                let end = end.map(|end| end + padding);
                for piece in [1, 2, 63, 64, 65, 1000] {
                    assert_eq!(run(text.as_bytes(), piece, 0), (end, *deepest), "{text:?} by {piece}");
                }
            }
        }
    }

    #[test]
    fn string_ends_at_its_own_quote() {
        for (text, end) in [(r#"""#, 1), (r#"a\"b" "#, 5), (r#"\\" "#, 3), (r#"\\\"" "#, 5), ("{[\"", 3)] {
            for cut in 0..text.len() {
                let mut skip = Skip::default();
                skip.start_string();
                let (first, second) = text.as_bytes().split_at(cut);
                let found = skip.feed(first).or_else(|| skip.feed(second).map(|end| cut + end));
                assert_eq!(found, Some(end), "{text} cut at {cut}");
            }
        }
    }

    #[test]
    fn strings_end_where_they_end_however_many_backslashes_there_are() {
        for slashes in 0..5 {
            for before in [0, 1, 2, 30, 61, 62, 63, 64, 65, 126, 127, 128, 200] {
                let text =
                    [r#"a\"b"#, &"x".repeat(before), &"\\".repeat(slashes), r#"" \\" "#, &"y".repeat(100)]
                        .concat();
                let end = by_the_rule(text.as_bytes());
                for piece in [1, 2, 63, 64, 65, 1000] {
                    let mut skip = Skip::default();
                    skip.start_string();
                    let mut at = 0;
                    let found = text.as_bytes().chunks(piece).find_map(|chunk| {
                        let end = skip.feed(chunk).map(|end| at + end);
                        at += chunk.len();
                        end
                    });
                    assert_eq!(found, end, "{text} by {piece}");
                }
            }
        }
    }

    /// Behind the first quote that is not escaped.
    fn by_the_rule(bytes: &[u8]) -> Option<usize> {
        let mut escaped = false;
        for (at, byte) in bytes.iter().enumerate() {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => return Some(at + 1),
                _ => {}
            }
        }
        None
    }

    #[test]
    fn depth_costs_no_memory() {
        let mut text = "[".repeat(1_000_000);
        text.push_str(&"]".repeat(1_000_001));
        for piece in [100, 1_000_000] {
            assert_eq!(run(text.as_bytes(), piece, 1024), (Some(2_000_001), 1_000_001));
        }
    }

    proptest! {
        #[test]
        fn block_wise_and_byte_wise_agree(
            bytes in prop::collection::vec(prop::sample::select(br#"{}[]"""\\\\ab :;"#.to_vec()), 0..400),
            piece in 60_usize..200,
            floor in 0_u64..4,
        ) {
            prop_assert_eq!(run(&bytes, 1, floor), run(&bytes, piece, floor));
        }

        #[test]
        fn masks_are_right(block: [u8; BLOCK]) {
            let naive = |fold: u8, wanted: u8| {
                (0..BLOCK).filter(|&at| block[at] | fold == wanted).fold(0_u64, |mask, at| mask | 1 << at)
            };
            prop_assert_eq!(mask(&block, b'"', 0), naive(0, b'"'));
            prop_assert_eq!(mask(&block, b'{', 0x20), naive(0x20, b'{'));
        }
    }
}
