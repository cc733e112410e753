//! Values of `Mcp-Method` and `Mcp-Name` (mcp-wire.md §7).

use compact_str::CompactString;

use crate::protocol::message::{cut, limits};
use crate::protocol::method::Method;

/// The method that an `Mcp-Method` header names.
pub(super) fn method(value: &[u8]) -> Option<Method> {
    std::str::from_utf8(value).ok().map(|name| Method::parse(cut(name, limits::NAME)))
}

/// The name that an `Mcp-Name` header gives, plain or as base64 of UTF-8 between the sentinels, cut at [`limits::NAME`]; `None` when it is neither plain text nor valid
/// base64 of UTF-8.
pub(super) fn name(value: &str) -> Option<CompactString> {
    let value = value.trim_ascii();
    let encoded = value.strip_prefix("=?base64?").and_then(|rest| rest.strip_suffix("?="));
    match encoded {
        Some(encoded) => {
            // Four signs are three bytes: enough of them for the limit and a cut character.
            let bytes = decode(encoded.as_bytes(), limits::NAME + 4)?;
            let text = match std::str::from_utf8(&bytes) {
                Ok(text) => text,
                // Cut by our own limit inside a character.
                Err(error) if error.error_len().is_none() && bytes.len() >= limits::NAME => {
                    std::str::from_utf8(&bytes[..error.valid_up_to()]).ok()?
                }
                Err(_) => return None,
            };
            Some(cut(text, limits::NAME).into())
        }
        None => Some(cut(value, limits::NAME).into()),
    }
}

/// Standard base64, padded or not; at most `limit` bytes (and up to two more) are decoded.
fn decode(encoded: &[u8], limit: usize) -> Option<Vec<u8>> {
    let signs = encoded.iter().rposition(|&sign| sign != b'=').map_or(0, |last| last + 1);
    if encoded.len() - signs > 2 || signs % 4 == 1 {
        return None;
    }
    let mut bytes = Vec::with_capacity(limit.min(signs));
    for group in encoded[..signs].chunks(4) {
        if bytes.len() >= limit {
            break;
        }
        let mut bits = 0_u32;
        for place in 0..4 {
            bits = bits << 6 | group.get(place).map_or(Some(0), |&sign| value_of(sign))?;
        }
        bytes.extend_from_slice(&bits.to_be_bytes()[1..group.len()]);
    }
    Some(bytes)
}

fn value_of(sign: u8) -> Option<u32> {
    Some(u32::from(match sign {
        b'A'..=b'Z' => sign - b'A',
        b'a'..=b'z' => sign - b'a' + 26,
        b'0'..=b'9' => sign - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_plain_and_encoded() {
        let cases: [(&str, Option<&str>); 10] = [
            ("echo", Some("echo")),
            (" spaced name ", Some("spaced name")),
            ("=?base64?d2V0dGVyIMO8YmVy?=", Some("wetter über")),
            ("=?base64?YQ==?=", Some("a")),
            ("=?base64?YWI?=", Some("ab")),
            ("=?base64??=", Some("")),
            ("=?base64?YQ===?=", None),
            ("=?base64?Y?=", None),
            ("=?base64?Y*==?=", None),
            ("=?base64?/w==?=", None),
        ];
        for (value, expected) in cases {
            assert_eq!(name(value).as_deref(), expected, "{value}");
        }
    }

    #[test]
    fn long_names_are_cut_at_a_character() {
        let plain = "x".repeat(300);
        assert_eq!(name(&plain).map(|name| name.len()), Some(limits::NAME));
        // "€" is `4oKs`, three bytes: 256 is no multiple of three.
        let encoded = format!("=?base64?{}?=", "4oKs".repeat(1000));
        assert_eq!(name(&encoded).map(|name| name.len()), Some(255));
    }
}
