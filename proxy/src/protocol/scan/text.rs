//! Strings that are read: decoded as they pass, kept up to a cap.

use compact_str::CompactString;
use memchr::memchr2;

use super::number::Step;
use crate::protocol::fingerprint::Fingerprint;

/// What stands for a surrogate without its partner, and for bytes that are no UTF-8.
const REPLACEMENT: char = char::REPLACEMENT_CHARACTER;

/// A text cut to `cap` bytes at a character border, and whether that took something away.
///
/// Looks at no more than the first `cap + 1` bytes, so a longer beginning gives the same.
pub(super) fn capped(bytes: &[u8], cap: usize) -> (CompactString, bool) {
    if bytes.len() <= cap
        && let Ok(text) = std::str::from_utf8(bytes)
    {
        return (CompactString::new(text), false);
    }
    let kept = if bytes.len() > cap { &bytes[..floor(bytes, cap)] } else { bytes };
    let mut text = CompactString::from_utf8_lossy(kept);
    let mut cut = kept.len() < bytes.len();
    if text.len() > cap {
        // Only where replacement characters took more room than what they stand for.
        text.truncate(floor(text.as_bytes(), cap));
        cut = true;
    }
    (text, cut)
}

/// The text up to the next quote, if that is there and nothing before it is escaped.
#[inline]
pub(super) fn plain(bytes: &[u8]) -> Option<&[u8]> {
    let end = quote_or_backslash(bytes)?;
    (bytes[end] == b'"').then(|| &bytes[..end])
}

/// Where the next quote or backslash is. Most keys and names are short: looking at a few words first is cheaper than
/// calling `memchr2`.
#[inline]
pub(super) fn quote_or_backslash(bytes: &[u8]) -> Option<usize> {
    // Half of all keys end in the first word: that much is worth having in place.
    match bytes.first_chunk().map(marks) {
        Some(found) if found != 0 => Some(found.trailing_zeros() as usize / 8),
        _ => quote_or_backslash_behind(bytes),
    }
}

/// The same, where none is in the first word, if there is a whole one.
fn quote_or_backslash_behind(bytes: &[u8]) -> Option<usize> {
    let (words, _) = bytes.as_chunks();
    let words = &words[..words.len().min(5)];
    for (index, word) in words.iter().enumerate().skip(1) {
        let found = marks(word);
        if found != 0 {
            return Some(index * 8 + found.trailing_zeros() as usize / 8);
        }
    }
    let looked_at = words.len() * 8;
    memchr2(b'"', b'\\', &bytes[looked_at..]).map(|found| looked_at + found)
}

/// The high bit of each byte that is a quote or a backslash; only the lowest one set is sure.
#[inline]
const fn marks(word: &[u8; 8]) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const fn zeros(word: u64) -> u64 {
        word.wrapping_sub(ONES) & !word
    }
    let word = u64::from_le_bytes(*word);
    (zeros(word ^ (ONES * b'"' as u64)) | zeros(word ^ (ONES * b'\\' as u64))) & (ONES << 7)
}

/// The last character border at or before `at`, which is inside `bytes`.
fn floor(bytes: &[u8], at: usize) -> usize {
    let is_border = |at: &usize| bytes.get(*at).is_none_or(|byte| byte & 0xc0 != 0x80);
    // UTF-8 has at most three bytes after the first; a longer run is no UTF-8 and may be cut anywhere.
    (at.saturating_sub(3)..=at).rev().find(is_border).unwrap_or(at)
}

/// Decodes one string that has escapes or does not lie in one chunk.
#[derive(Debug, Default)]
pub(super) struct TextReader {
    /// The first `cap + 1` decoded bytes.
    bytes: Vec<u8>,
    cap: usize,
    /// Hash of all decoded bytes; `None` when nobody asked.
    hash: Option<Fingerprint>,
    escape: Escape,
    /// A first surrogate half whose second has not come yet; 0 for none.
    high: u16,
}

#[derive(Debug, Default)]
enum Escape {
    #[default]
    None,
    Backslash,
    /// After `\u`: digits still to come, and the value so far.
    Hex(u8, u16),
}

impl TextReader {
    /// Starts a string; its opening quote is already consumed.
    pub(super) fn start(&mut self, cap: usize, hashed: bool) {
        self.bytes.clear();
        self.cap = cap;
        self.hash = hashed.then(Fingerprint::new);
        self.escape = Escape::None;
        self.high = 0;
    }

    /// Reads on, up to and with the closing quote.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Step {
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            match self.escape {
                Escape::None => {
                    let found = memchr2(b'"', b'\\', &bytes[at..]);
                    let end = found.map_or(bytes.len(), |found| at + found);
                    if end > at {
                        self.push(&bytes[at..end]);
                    }
                    at = end;
                    if found.is_some() {
                        at += 1;
                        if bytes[end] == b'"' {
                            self.settle();
                            return Step::Ended(at);
                        }
                        self.escape = Escape::Backslash;
                    }
                    continue;
                }
                Escape::Backslash => {
                    self.escape = Escape::None;
                    match byte {
                        b'"' | b'\\' | b'/' => self.push(&[byte]),
                        b'b' => self.push(b"\x08"),
                        b'f' => self.push(b"\x0c"),
                        b'n' => self.push(b"\n"),
                        b'r' => self.push(b"\r"),
                        b't' => self.push(b"\t"),
                        b'u' => self.escape = Escape::Hex(4, 0),
                        _ => return Step::Malformed,
                    }
                }
                Escape::Hex(left, value) => {
                    let Some(digit) = char::from(byte).to_digit(16) else { return Step::Malformed };
                    let value = value << 4 | digit as u16;
                    if left > 1 {
                        self.escape = Escape::Hex(left - 1, value);
                    } else {
                        self.escape = Escape::None;
                        self.unit(value);
                    }
                }
            }
            at += 1;
        }
        Step::More
    }

    /// The first `cap + 1` bytes of the text.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The hash of the whole text, if it was asked for.
    pub(super) fn hash(&self) -> Option<u64> {
        self.hash.as_ref().map(Fingerprint::finish)
    }

    /// Bytes of memory in use.
    pub(super) fn held(&self) -> usize {
        self.bytes.capacity()
    }

    /// Takes one UTF-16 unit of a `\u` escape.
    fn unit(&mut self, unit: u16) {
        let high = std::mem::take(&mut self.high);
        if high != 0 {
            if let Some(Ok(whole)) = char::decode_utf16([high, unit]).next() {
                return self.char(whole);
            }
            self.char(REPLACEMENT);
        }
        match char::from_u32(u32::from(unit)) {
            Some(whole) => self.char(whole),
            None if unit < 0xdc00 => self.high = unit,
            None => self.char(REPLACEMENT),
        }
    }

    /// Ends the wait for the second half of a surrogate pair.
    fn settle(&mut self) {
        if self.high != 0 {
            self.high = 0;
            self.char(REPLACEMENT);
        }
    }

    fn char(&mut self, whole: char) {
        self.append(whole.encode_utf8(&mut [0; 4]).as_bytes());
    }

    fn push(&mut self, bytes: &[u8]) {
        self.settle();
        self.append(bytes);
    }

    fn append(&mut self, bytes: &[u8]) {
        if let Some(hash) = &mut self.hash {
            hash.write(bytes);
        }
        let room = (self.cap + 1).saturating_sub(self.bytes.len());
        self.bytes.extend_from_slice(&bytes[..room.min(bytes.len())]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::fingerprint::fingerprint;

    /// The text that `json` (without its opening quote) decodes to, the same for every cut.
    fn read(json: &[u8], cap: usize) -> Option<Vec<u8>> {
        let mut answers = (0..=json.len()).map(|cut| {
            let mut reader = TextReader::default();
            reader.start(cap, true);
            let mut last = reader.feed(&json[..cut]);
            if last == Step::More {
                last = reader.feed(&json[cut..]);
            }
            let hash = reader.hash();
            matches!(last, Step::Ended(_)).then(|| (reader.bytes().to_vec(), hash))
        });
        let first = answers.next().expect("at least one cut");
        assert!(answers.all(|answer| answer == first), "cuts differ for {}", json.escape_ascii());
        first.map(|(bytes, hash)| {
            if bytes.len() <= cap {
                assert_eq!(hash, Some(fingerprint(&bytes)));
            }
            bytes
        })
    }

    #[test]
    fn escapes_are_decoded_over_any_cut() {
        let cases: &[(&[u8], &str)] = &[
            (br#"plain""#, "plain"),
            (br#"""#, ""),
            (br#"\u006dethod""#, "method"),
            (br#"\"\\\/\b\f\n\r\t""#, "\"\\/\x08\x0c\n\r\t"),
            (br#"\u00e9\u20AC""#, "é€"),
            (br#"\ud83d\ude00!""#, "😀!"),
            ("grüße 😀\"".as_bytes(), "grüße 😀"),
            // Halves without their partner.
            (br#"\ud83d""#, "\u{fffd}"),
            (br#"\ude00""#, "\u{fffd}"),
            (br#"\ud83dx""#, "\u{fffd}x"),
            (br#"\ud83d\n""#, "\u{fffd}\n"),
            (br#"\ud83d\u0041""#, "\u{fffd}A"),
            (br#"\ud83d\ud83d\ude00""#, "\u{fffd}😀"),
            (br#"\ude00\ud83d""#, "\u{fffd}\u{fffd}"),
            (br#"\u0000""#, "\0"),
        ];
        for (json, text) in cases {
            assert_eq!(read(json, 64).as_deref(), Some(text.as_bytes()), "{}", json.escape_ascii());
        }
    }

    #[test]
    fn bad_escapes_are_no_json() {
        for json in [&br#"\x""#[..], br#"\u00g0""#, br#"\u12"34""#, br#"\'""#] {
            assert_eq!(read(json, 64), None, "{}", json.escape_ascii());
        }
    }

    #[test]
    fn long_text_is_cut_at_a_character_border() {
        let cases: &[(&[u8], usize, &str, bool)] = &[
            (b"abcd", 4, "abcd", false),
            (b"abcde", 4, "abcd", true),
            ("abé".as_bytes(), 3, "ab", true),
            ("abé".as_bytes(), 4, "abé", false),
            ("😀😀".as_bytes(), 7, "😀", true),
            ("😀😀".as_bytes(), 4, "😀", true),
            // Bytes that are no UTF-8 become replacement characters of three bytes, and the cap still holds.
            (b"a\xff\xff", 4, "a\u{fffd}", true),
            (b"\xff\xff\xff\xff", 2, "", true),
            (b"\x80\x80\x80\x80\x80\x80", 5, "\u{fffd}", true),
        ];
        for (bytes, cap, text, cut) in cases {
            assert_eq!(capped(bytes, *cap), (CompactString::new(text), *cut), "{}", bytes.escape_ascii());
            let beginning = &bytes[..bytes.len().min(cap + 1)];
            assert_eq!(capped(beginning, *cap), capped(bytes, *cap));
        }
    }

    #[test]
    fn memory_stays_at_the_cap() {
        let mut reader = TextReader::default();
        reader.start(64, true);
        for _ in 0..10_000 {
            assert_eq!(reader.feed(br"some text \u20ac"), Step::More);
        }
        assert!(reader.held() <= 2 * 64 + 16, "{}", reader.held());
        assert_eq!(reader.bytes().len(), 65);
    }
}
