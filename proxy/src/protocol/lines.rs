//! Chunks of a pipe to lines, as the stdio transport frames messages (mcp-wire.md §4): one JSON text per line, ended by
//! a line feed.
//!
//! The decoder keeps nothing of the lines: it hands out the pieces as they come, and says where a line ends. A carriage
//! return before the line feed belongs to the line; to JSON it is white space.

/// What a chunk holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineItem<'a> {
    /// More of the present line, never empty, without its line feed.
    Piece(&'a [u8]),
    /// The line feed: the line is over.
    End,
}

/// Splits chunks of any size into lines.
///
/// ```
/// use mcp_tap::protocol::lines::{LineDecoder, LineItem};
///
/// let mut decoder = LineDecoder::default();
/// let mut lines = vec![String::new()];
/// for chunk in ["{\"a\":", "1}\n{\"b\"", ":2}\n"] {
///     decoder.feed(chunk.as_bytes(), &mut |item| match item {
///         LineItem::Piece(piece) => lines.last_mut().unwrap().push_str(std::str::from_utf8(piece).unwrap()),
///         LineItem::End => lines.push(String::new()),
///     });
/// }
/// assert_eq!(lines, ["{\"a\":1}", "{\"b\":2}", ""]);
/// assert!(!decoder.is_within());
/// ```
#[derive(Debug, Default)]
pub struct LineDecoder {
    within: bool,
}

impl LineDecoder {
    /// Reads the next bytes.
    pub fn feed<'a>(&mut self, chunk: &'a [u8], found: &mut impl FnMut(LineItem<'a>)) {
        let mut rest = chunk;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            if end > 0 {
                found(LineItem::Piece(&rest[..end]));
            }
            found(LineItem::End);
            rest = &rest[end + 1..];
            self.within = false;
        }
        if !rest.is_empty() {
            self.within = true;
            found(LineItem::Piece(rest));
        }
    }

    /// Whether a line has begun and did not end.
    #[must_use]
    pub const fn is_within(&self) -> bool {
        self.within
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// All lines, the last one without its end.
    fn lines(chunks: &[&[u8]]) -> (Vec<Vec<u8>>, bool) {
        let (mut decoder, mut lines) = (LineDecoder::default(), vec![Vec::new()]);
        for chunk in chunks {
            decoder.feed(chunk, &mut |item| match item {
                LineItem::Piece(piece) => {
                    assert!(!piece.is_empty());
                    lines.last_mut().expect("never empty").extend_from_slice(piece);
                }
                LineItem::End => lines.push(Vec::new()),
            });
        }
        (lines, decoder.is_within())
    }

    #[test]
    fn lines_end_at_line_feeds_and_nowhere_else() {
        let cases: [(&str, &[&str], bool); 6] = [
            ("", &[""], false),
            ("a", &["a"], true),
            ("a\n", &["a", ""], false),
            ("\n\na\r\nb\rc\u{2028}d", &["", "", "a\r", "b\rc\u{2028}d"], true),
            ("\n", &["", ""], false),
            ("a\0b\n", &["a\0b", ""], false),
        ];
        for (text, expected, within) in cases {
            let expected: Vec<_> = expected.iter().map(|line| line.as_bytes().to_vec()).collect();
            assert_eq!(lines(&[text.as_bytes()]), (expected, within), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn lines_are_the_same_for_every_chunking(
            bytes in proptest::collection::vec(prop_oneof![Just(b'\n'), any::<u8>()], 0..200),
            cuts in proptest::collection::vec(0usize..200, 0..8),
        ) {
            let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let chunks: Vec<_> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
            let expected: Vec<_> = bytes.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
            let (found, within) = lines(&chunks);
            prop_assert_eq!(&found, &expected);
            prop_assert_eq!(within, expected.last().is_some_and(|last| !last.is_empty()));
        }
    }
}
