//! JSON within a given size: what does not fit is left out with a mark, and the rest stays valid JSON.

use serde_json::{Map, Value};

use super::mask::MORE;

/// The mark as a value: a text of one character.
const MARK: &str = "\"…\"";

/// The mark as a member.
const MARK_MEMBER: &str = "\"…\":\"…\"";

/// Longest key that is shown, in bytes before it is escaped.
const LONGEST_KEY: usize = 128;

/// Compact JSON of at most `most` bytes, in which no text has more than `longest` bytes before it is escaped.
pub(super) fn render(value: &Value, longest: usize, most: usize) -> String {
    let mut writer = Writer { out: String::new(), longest, most };
    if most >= MARK.len() {
        writer.value(value, 0);
    }
    writer.out
}

/// Each method leaves `reserve` bytes free, in which all that is open can be closed.
struct Writer {
    out: String,
    longest: usize,
    most: usize,
}

impl Writer {
    fn room(&self, reserve: usize) -> usize {
        self.most.saturating_sub(self.out.len() + reserve)
    }

    /// Writes a value, for which there is room for [`MARK`] at least.
    fn value(&mut self, value: &Value, reserve: usize) {
        let room = self.room(reserve);
        match value {
            Value::String(text) => self.out.push_str(&quoted(text, self.longest, room)),
            Value::Array(elements) if !elements.is_empty() && room >= MARK.len() + 2 => {
                self.array(elements, reserve);
            }
            Value::Object(members) if !members.is_empty() && room >= MARK_MEMBER.len() + 2 => {
                self.object(members, reserve);
            }
            Value::Array(elements) if !elements.is_empty() => self.out.push_str(MARK),
            Value::Object(members) if !members.is_empty() => self.out.push_str(MARK),
            other => {
                let text = other.to_string();
                self.out.push_str(if text.len() <= room { &text } else { MARK });
            }
        }
    }

    fn array(&mut self, elements: &[Value], reserve: usize) {
        // Behind an element there may follow a comma, the mark and the bracket.
        let reserve = reserve + 1 + MARK.len() + 1;
        let mut separator = '[';
        for element in elements {
            if self.room(reserve) < 1 + MARK.len() {
                self.out.push(separator);
                self.out.push_str(MARK);
                break;
            }
            self.out.push(separator);
            self.value(element, reserve);
            separator = ',';
        }
        self.out.push(']');
    }

    fn object(&mut self, members: &Map<String, Value>, reserve: usize) {
        let reserve = reserve + 1 + MARK_MEMBER.len() + 1;
        let mut separator = '{';
        for (key, value) in members {
            let key = quoted(key, LONGEST_KEY, usize::MAX);
            if self.room(reserve) < 1 + key.len() + 1 + MARK.len() {
                self.out.push(separator);
                self.out.push_str(MARK_MEMBER);
                break;
            }
            self.out.push(separator);
            self.out.push_str(&key);
            self.out.push(':');
            self.value(value, reserve);
            separator = ',';
        }
        self.out.push('}');
    }
}

/// A text as JSON, cut to `longest` bytes of its own and `room` bytes of JSON; the latter has at least those of
/// [`MARK`].
fn quoted(text: &str, longest: usize, room: usize) -> String {
    let mut out = String::from("\"");
    // Up to here the mark and the quote fit behind it.
    let mut safe = out.len();
    for (at, char) in text.char_indices() {
        let before = out.len();
        push_escaped(&mut out, char);
        if before + MORE.len() < room {
            safe = before;
        }
        if at + char.len_utf8() > longest || out.len() + 1 > room {
            out.truncate(safe);
            out.push_str(MORE);
            break;
        }
    }
    out.push('"');
    out
}

fn push_escaped(out: &mut String, char: char) {
    match char {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        control if control < ' ' => {
            const HEX: &[u8; 16] = b"0123456789abcdef";
            let code = control as usize;
            out.push_str("\\u00");
            out.push(HEX[code >> 4].into());
            out.push(HEX[code & 15].into());
        }
        other => out.push(other),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_fits_is_compact_json() {
        let value = json!({"a": [1, null, true, "x\u{1}\"\\\n…"], "b": {}, "c": []});
        assert_eq!(render(&value, 100, 100), value.to_string());
    }

    #[test]
    fn what_does_not_fit_is_marked() {
        for (value, longest, most, expected) in [
            (json!("abcdefgh"), 8, 100, r#""abcdefgh""#),
            (json!("abcdefgh"), 7, 100, r#""abcdefg…""#),
            (json!("abcdefgh"), 99, 9, r#""abcd…""#),
            (json!("äbcdefgh"), 1, 100, r#""…""#),
            (json!("\u{1}\u{1}"), 99, 13, r#""\u0001…""#),
            (json!([1, 2, 3, 4]), 99, 20, "[1,2,3,4]"),
            (json!([1, 222, 333_333_333]), 99, 15, r#"[1,222,"…"]"#),
            (json!({"a": 1, "b": 2, "c": 3}), 99, 25, r#"{"a":1,"…":"…"}"#),
            (json!([[[[1]]]]), 99, 8, r#"["…"]"#),
            (json!(12_345_678), 99, 7, r#""…""#),
            (json!({"a": 1}), 99, 4, ""),
        ] {
            assert_eq!(render(&value, longest, most), expected, "{value}");
        }
        let key = |length: usize| "k".repeat(length);
        let shown = render(&json!({ key(LONGEST_KEY + 1): 1 }), 1000, 1000);
        assert_eq!(shown, format!("{{\"{}…\":1}}", key(LONGEST_KEY)));
    }

    proptest! {
        #[test]
        fn every_size_is_kept_and_gives_json(
            texts in prop::collection::vec(any::<String>(), 0..8), longest in 0..64_usize, most in 0..200_usize,
        ) {
            let value = json!({"list": texts, "map": {"inner": texts.iter().map(|text| (text.clone(), text.clone()))
                .collect::<std::collections::BTreeMap<_, _>>()}, "n": 1.5});
            let out = render(&value, longest, most);
            prop_assert!(out.len() <= most, "{out}");
            prop_assert!(out.is_empty() || serde_json::from_str::<Value>(&out).is_ok(), "{out}");
        }
    }
}
