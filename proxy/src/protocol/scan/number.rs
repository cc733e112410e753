//! Numbers and the words `true`, `false`, `null`, byte by byte.

use crate::protocol::fingerprint::Fingerprint;

/// A complete number or word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scalar {
    True,
    False,
    Null,
    /// An integer of 64 bits, however it was spelled (`1`, `1.0`, `10e-1`).
    Integer(i64),
    /// Any other number: the hash of its spelling, if that was asked for.
    Number(u64),
}

/// The value at the beginning of `bytes` and its length, if it is of the plain kind, as almost all are: a word or an
/// integer of few digits, with its end in sight. Anything else is for [`ScalarReader`].
#[inline]
pub(super) fn plain(bytes: &[u8]) -> Option<(Scalar, usize)> {
    let (value, length) = match bytes {
        [b't', b'r', b'u', b'e', ..] => (Scalar::True, 4),
        [b'f', b'a', b'l', b's', b'e', ..] => (Scalar::False, 5),
        [b'n', b'u', b'l', b'l', ..] => (Scalar::Null, 4),
        [b'-', rest @ ..] => {
            plain_integer(rest).map(|(value, length)| (Scalar::Integer(-value), length + 1))?
        }
        _ => plain_integer(bytes).map(|(value, length)| (Scalar::Integer(value), length))?,
    };
    is_end(*bytes.get(length)?).then_some((value, length))
}

#[inline]
fn plain_integer(bytes: &[u8]) -> Option<(i64, usize)> {
    let mut value = 0;
    let mut length = 0;
    // 18 digits always fit.
    while let Some(digit @ b'0'..=b'9') = bytes.get(length).filter(|_| length < 18) {
        value = value * 10 + i64::from(digit - b'0');
        length += 1;
    }
    // A leading zero must be the only digit.
    (length > 0 && (bytes[0] != b'0' || length == 1)).then_some((value, length))
}

/// Whether the byte ends a number or word.
const fn is_end(byte: u8) -> bool {
    matches!(byte, b',' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r')
}

/// Where in its grammar (RFC 8259 §6) a number or word is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// In a word; these letters are still to come.
    Word(&'static [u8], Scalar),
    Minus,
    /// After a leading zero: no further digit may follow.
    Zero,
    Digits,
    Point,
    Fraction,
    ExponentMark,
    ExponentSign,
    Exponent,
}

/// Reads one number or word.
#[derive(Debug)]
pub(super) struct ScalarReader {
    place: Place,
    negative: bool,
    /// The digits so far without trailing zeros, as one integer.
    digits: u64,
    /// Whether `digits` had no room: then the value is no 64-bit integer, whatever follows.
    overflow: bool,
    /// Zeros after `digits`.
    zeros: u64,
    /// Digits after the point.
    fraction: u64,
    exponent: i64,
    exponent_negative: bool,
    /// Hash of the spelling up to this chunk; `None` when nobody asked.
    spelling: Option<Fingerprint>,
}

/// What a piece of input did to a value in the making.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// All of the piece belongs to the value, and it may go on.
    More,
    /// The value ended before this byte of the piece (numbers and words) or with the byte before it (all others).
    Ended(usize),
    /// This is not JSON.
    Malformed,
}

impl ScalarReader {
    pub(super) const fn new() -> Self {
        Self {
            place: Place::Minus,
            negative: false,
            digits: 0,
            overflow: false,
            zeros: 0,
            fraction: 0,
            exponent: 0,
            exponent_negative: false,
            spelling: None,
        }
    }

    /// Starts the value that begins with `first`, which is consumed; false when nothing begins so.
    pub(super) fn start(&mut self, first: u8, hashed: bool) -> bool {
        *self = Self::new();
        self.place = match first {
            b't' => Place::Word(b"rue", Scalar::True),
            b'f' => Place::Word(b"alse", Scalar::False),
            b'n' => Place::Word(b"ull", Scalar::Null),
            b'-' => Place::Minus,
            b'0' => Place::Zero,
            b'1'..=b'9' => Place::Digits,
            _ => return false,
        };
        self.negative = first == b'-';
        if first.is_ascii_digit() {
            self.digits = u64::from(first - b'0');
        }
        if hashed {
            let mut spelling = Fingerprint::new();
            spelling.write(&[first]);
            self.spelling = Some(spelling);
        }
        true
    }

    /// Reads on.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Step {
        for (at, &byte) in bytes.iter().enumerate() {
            if !self.accept(byte) {
                // What follows a value is the grammar's business, not ours.
                return if matches!(byte, b',' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r') && self.is_whole()
                {
                    self.write_spelling(&bytes[..at]);
                    Step::Ended(at)
                } else {
                    Step::Malformed
                };
            }
        }
        self.write_spelling(bytes);
        Step::More
    }

    /// Whether the value may end here.
    pub(super) fn is_whole(&self) -> bool {
        match self.place {
            Place::Word(rest, _) => rest.is_empty(),
            Place::Zero | Place::Digits | Place::Fraction | Place::Exponent => true,
            Place::Minus | Place::Point | Place::ExponentMark | Place::ExponentSign => false,
        }
    }

    /// The value, once it ended.
    pub(super) fn value(&self) -> Scalar {
        if let Place::Word(_, word) = self.place {
            return word;
        }
        self.integer().map_or_else(
            || Scalar::Number(self.spelling.as_ref().map_or(0, Fingerprint::finish)),
            Scalar::Integer,
        )
    }

    /// Takes one byte; false when the value cannot go on with it.
    fn accept(&mut self, byte: u8) -> bool {
        self.place = match (self.place, byte) {
            (Place::Word([next, rest @ ..], word), _) if *next == byte => Place::Word(rest, word),
            (Place::Minus, b'0') => Place::Zero,
            (Place::Minus | Place::Digits, b'0'..=b'9') => {
                self.digit(byte);
                Place::Digits
            }
            (Place::Zero | Place::Digits, b'.') => Place::Point,
            (Place::Point | Place::Fraction, b'0'..=b'9') => {
                self.digit(byte);
                self.fraction += 1;
                Place::Fraction
            }
            (Place::Zero | Place::Digits | Place::Fraction, b'e' | b'E') => Place::ExponentMark,
            (Place::ExponentMark, b'+' | b'-') => {
                self.exponent_negative = byte == b'-';
                Place::ExponentSign
            }
            (Place::ExponentMark | Place::ExponentSign | Place::Exponent, b'0'..=b'9') => {
                self.exponent = self.exponent.saturating_mul(10).saturating_add(i64::from(byte - b'0'));
                Place::Exponent
            }
            _ => return false,
        };
        true
    }

    /// Appends a digit of the integer or fraction part.
    fn digit(&mut self, byte: u8) {
        if byte == b'0' {
            // Leading zeros mean nothing.
            self.zeros += u64::from(self.digits != 0);
            return;
        }
        let shifted = power_of_ten(self.zeros + 1).and_then(|power| self.digits.checked_mul(power));
        match shifted.and_then(|shifted| shifted.checked_add(u64::from(byte - b'0'))) {
            Some(digits) => self.digits = digits,
            None => self.overflow = true,
        }
        self.zeros = 0;
    }

    /// The value as an integer, if it is one of 64 bits.
    fn integer(&self) -> Option<i64> {
        if self.overflow {
            // More than 19 digits, the last of them not zero: too large, or with a fraction.
            return None;
        }
        if self.digits == 0 {
            return Some(0);
        }
        let exponent = if self.exponent_negative { -self.exponent } else { self.exponent };
        let places = exponent.saturating_add_unsigned(self.zeros).saturating_sub_unsigned(self.fraction);
        // The last digit kept is not zero unless it is the first: a negative shift always leaves a fraction.
        let power = u64::try_from(places).ok().and_then(power_of_ten)?;
        let magnitude = self.digits.checked_mul(power)?;
        if self.negative { 0_i64.checked_sub_unsigned(magnitude) } else { i64::try_from(magnitude).ok() }
    }

    fn write_spelling(&mut self, bytes: &[u8]) {
        if let Some(spelling) = &mut self.spelling {
            spelling.write(bytes);
        }
    }
}

/// Ten to this power, if that is a 64-bit integer.
fn power_of_ten(power: u64) -> Option<u64> {
    10_u64.checked_pow(u32::try_from(power).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::fingerprint::fingerprint;

    fn read(text: &str, cut: usize) -> Option<Scalar> {
        let bytes = text.as_bytes();
        let mut reader = ScalarReader::new();
        if !reader.start(bytes[0], true) {
            return None;
        }
        let cut = cut.clamp(1, bytes.len());
        for piece in [&bytes[1..cut], &bytes[cut..]] {
            if reader.feed(piece) == Step::Malformed {
                return None;
            }
        }
        (reader.feed(b",") == Step::Ended(0)).then(|| reader.value())
    }

    #[test]
    fn spellings_of_one_integer_are_one_value() {
        let cases: &[(&str, i64)] = &[
            ("1", 1),
            ("1.0", 1),
            ("1e0", 1),
            ("10e-1", 1),
            ("0.1E+1", 1),
            ("100000000000000000000000000000e-29", 1),
            ("0.00000000000000000000000000001e29", 1),
            ("0", 0),
            ("-0", 0),
            ("0.000e-999999999999999999999", 0),
            ("-7", -7),
            ("30", 30),
            ("3e1", 30),
            ("9007199254740993", 9_007_199_254_740_993),
            ("9223372036854775807", i64::MAX),
            ("-9223372036854775808", i64::MIN),
            ("922337203685477580.7e1", i64::MAX),
            ("-32601", -32601),
        ];
        for (text, value) in cases {
            for cut in 0..text.len() {
                assert_eq!(read(text, cut), Some(Scalar::Integer(*value)), "{text} cut at {cut}");
            }
        }
    }

    #[test]
    fn plain_values_are_those_of_the_reader() {
        let texts = [
            "0",
            "-0",
            "7",
            "-12",
            "123456789012345678",
            "1234567890123456789",
            "1.0",
            "1e0",
            "true",
            "false",
            "null",
        ];
        for text in texts {
            let end = format!("{text},");
            if let Some(plain) = plain(end.as_bytes()) {
                assert_eq!(Some(plain), read(text, 1).map(|value| (value, text.len())), "{text}");
            }
        }
        for text in ["7", "01,", "-,", "-01,", "truex,", "true", "nul,", "1x,", ""] {
            assert_eq!(plain(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn other_numbers_are_known_by_their_spelling() {
        let cases =
            ["1.5", "9223372036854775808", "-9223372036854775809", "1e19", "1e-1", "1e99999999999999999999"]
                .map(String::from)
                .into_iter()
                .chain([format!("1{}1", "0".repeat(200)), format!("0.{}1", "0".repeat(200))]);
        for text in cases {
            for cut in 0..text.len() {
                let expected = Scalar::Number(fingerprint(text.as_bytes()));
                assert_eq!(read(&text, cut), Some(expected), "{text} cut at {cut}");
            }
        }
    }

    #[test]
    fn words_and_malformed_spellings() {
        assert_eq!(read("true", 2), Some(Scalar::True));
        assert_eq!(read("false", 1), Some(Scalar::False));
        assert_eq!(read("null", 3), Some(Scalar::Null));
        for text in
            ["tru", "truee", "nul", "01", "-", "1.", ".5", "1e", "1e+", "+1", "1x", "--1", "0x1", "NaN"]
        {
            assert_eq!(read(text, 1), None, "{text}");
        }
    }
}
