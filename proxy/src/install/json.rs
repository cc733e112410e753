//! JSON as clients' files have it: with comments, trailing commas and duplicate keys.

use std::ops::Range;

use serde::de::IgnoredAny;

use super::cursor::Cursor;
use super::tree::{DEEPEST, Kind, Malformed, Member, Value};

/// Reads a text.
pub(super) fn parse(text: &str) -> Result<Value, Malformed> {
    let mut reader = Reader(Cursor { text, at: 0 });
    if text.starts_with('\u{feff}') {
        reader.0.at = '\u{feff}'.len_utf8();
    }
    reader.skip()?;
    if reader.0.rest().is_empty() {
        return Ok(Value { span: reader.0.at..reader.0.at, kind: Kind::Table(Vec::new()) });
    }
    if !reader.0.rest().starts_with('{') {
        return Err(reader.0.error("a configuration is an object, which begins with `{`"));
    }
    let value = reader.value(0)?;
    reader.skip()?;
    if reader.0.rest().is_empty() { Ok(value) } else { Err(reader.0.error("there is more behind the end")) }
}

/// The length of the comment that `rest` begins with.
pub(super) fn comment(rest: &str) -> Option<usize> {
    if rest.starts_with("//") {
        let line = rest.find('\n').unwrap_or(rest.len());
        Some(rest[..line].trim_end_matches('\r').len())
    } else {
        rest.strip_prefix("/*")?.find("*/").map(|end| end + 4)
    }
}

/// The length of the string that `rest` begins with, quotes included.
pub(super) fn string_length(rest: &str) -> Option<usize> {
    let bytes = rest.as_bytes();
    if bytes.first() != Some(&b'"') {
        return None;
    }
    let mut at = 1;
    loop {
        match bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            b'\n' => return None,
            _ => at += 1,
        }
    }
}

struct Reader<'a>(Cursor<'a>);

impl<'a> Reader<'a> {
    /// Skips white space and comments.
    fn skip(&mut self) -> Result<(), Malformed> {
        loop {
            let rest = self.0.rest();
            self.0.at += rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r']).len();
            let rest = self.0.rest();
            match comment(rest) {
                Some(length) => self.0.at += length,
                None if rest.starts_with("/*") => return Err(self.0.error("this comment does not end")),
                None => return Ok(()),
            }
        }
    }

    fn value(&mut self, depth: usize) -> Result<Value, Malformed> {
        if depth > DEEPEST {
            return Err(self.0.error(format!("nested deeper than {DEEPEST}")));
        }
        let start = self.0.at;
        let kind = match self.0.rest().chars().next() {
            Some('{') => self.table(depth)?,
            Some('[') => self.list(depth)?,
            Some('"') => Kind::String(self.string()?.1),
            _ => self.word()?,
        };
        Ok(Value { span: start..self.0.at, kind })
    }

    fn table(&mut self, depth: usize) -> Result<Kind, Malformed> {
        self.0.take("{");
        let mut members = Vec::new();
        loop {
            self.skip()?;
            if self.0.take("}") {
                return Ok(Kind::Table(members));
            }
            if !self.0.rest().starts_with('"') {
                return Err(self.0.unexpected("a key in double quotes or `}`"));
            }
            let start = self.0.at;
            let (name, key) = self.string()?;
            self.skip()?;
            if !self.0.take(":") {
                return Err(self.0.unexpected("`:`"));
            }
            self.skip()?;
            let value = self.value(depth + 1)?;
            members.push(Member { key, name, start, inline: true, value });
            self.skip()?;
            if !self.0.take(",") && !self.0.rest().starts_with('}') {
                return Err(self.0.unexpected("`,` or `}`"));
            }
        }
    }

    fn list(&mut self, depth: usize) -> Result<Kind, Malformed> {
        self.0.take("[");
        let mut values = Vec::new();
        loop {
            self.skip()?;
            if self.0.take("]") {
                return Ok(Kind::List(values));
            }
            values.push(self.value(depth + 1)?);
            self.skip()?;
            if !self.0.take(",") && !self.0.rest().starts_with(']') {
                return Err(self.0.unexpected("`,` or `]`"));
            }
        }
    }

    /// Where a string stands, and what it means.
    fn string(&mut self) -> Result<(Range<usize>, String), Malformed> {
        let Some(length) = string_length(self.0.rest()) else {
            return Err(self.0.error("this string does not end on its line"));
        };
        let token = &self.0.rest()[..length];
        if let Some(at) = wrong_escape(token) {
            let at = self.0.at + at;
            return Err(Malformed::new(self.0.text, at, "this is no escape that JSON knows"));
        }
        // Half of a surrogate pair and bare control characters are no text; some clients take them all the same. They
        // stay as they are, and are not what anybody asks for by name.
        let meant = serde_json::from_str(token).unwrap_or_else(|_| token.to_owned());
        let span = self.0.at..self.0.at + length;
        self.0.at = span.end;
        Ok((span, meant))
    }

    /// A number, `true`, `false` or `null`.
    fn word(&mut self) -> Result<Kind, Malformed> {
        let rest = self.0.rest();
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || "+-.".contains(c)));
        let word = &rest[..end.unwrap_or(rest.len())];
        if word.is_empty() || serde_json::from_str::<IgnoredAny>(word).is_err() {
            return Err(self.0.unexpected("a value"));
        }
        self.0.at += word.len();
        Ok(Kind::Other)
    }
}

/// The offset of the first escape that there is not.
fn wrong_escape(token: &str) -> Option<usize> {
    let bytes = token.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] != b'\\' {
            at += 1;
            continue;
        }
        let hex = |digits: &[u8]| digits.len() == 4 && digits.iter().all(u8::is_ascii_hexdigit);
        at += match bytes.get(at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => 2,
            Some(b'u') if bytes.get(at + 2..at + 6).is_some_and(hex) => 6,
            _ => return Some(at),
        };
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::install::tree::member;

    #[test]
    fn everything_is_found_where_it_stands() {
        let text =
            "\u{feff} // a\n{ \"k\\u0065y\" /* : */ : [ \"x\\n\", 1e3, {}, ], \"key\": true, } /* end */\r\n";
        let tree = parse(text).unwrap();
        let members = tree.members().unwrap();
        assert_eq!(members.iter().map(|member| member.key.as_str()).collect::<Vec<_>>(), ["key", "key"]);
        assert_eq!(&text[members[0].name.clone()], "\"k\\u0065y\"");
        let list = members[0].value.list().unwrap();
        assert_eq!(&text[members[0].value.span.clone()], "[ \"x\\n\", 1e3, {}, ]");
        assert_eq!((list[0].text(), &text[list[0].span.clone()]), (Some("x\n"), "\"x\\n\""));
        assert_eq!(&text[list[1].span.clone()], "1e3");
        assert_eq!(member(members, "key").map(|member| &member.value.kind), Some(&Kind::Other));
    }

    #[test]
    fn blank_texts_are_empty_and_odd_strings_are_kept() {
        for text in ["", " \r\n", "\u{feff}", "// nothing\n", "{}"] {
            assert_eq!(parse(text).unwrap().members().map(<[_]>::len), Some(0), "{text:?}");
        }
        let tree = parse("{\"a\": \"\\ud800\", \"b\": \"tab\there\"}").unwrap();
        assert_eq!(tree.members().map(<[_]>::len), Some(2));
    }

    #[test]
    fn malformed_texts_are_refused_where_they_are_wrong() {
        let deep = format!("{{\"a\": {}", "[".repeat(DEEPEST + 1));
        for (text, line, column, what) in [
            ("[]", 1, 1, "a configuration is an object"),
            ("{\n  \"a\": 1\n  \"b\": 2\n}", 3, 3, "expected `,` or `}`, found `\"`"),
            ("{\"a\": }", 1, 7, "expected a value, found `}`"),
            ("{\"a\": [1 2]}", 1, 10, "expected `,` or `]`"),
            ("{\"a\" 1}", 1, 6, "expected `:`"),
            ("{a: 1}", 1, 2, "a key in double quotes"),
            ("{'a': 1}", 1, 2, "a key in double quotes"),
            ("{\"a\": \"x\n\"}", 1, 7, "does not end on its line"),
            ("{\"é\": \"\\x\"}", 1, 8, "no escape"),
            ("{\"a\": \"\\u12g4\"}", 1, 8, "no escape"),
            ("{\"a\": tru}", 1, 7, "expected a value"),
            ("{\"a\": 01}", 1, 7, "expected a value"),
            ("{\"a\": 1", 1, 8, "but the file ends"),
            ("{} {}", 1, 4, "more behind the end"),
            ("{ /* a", 1, 3, "comment does not end"),
            ("{,}", 1, 2, "a key in double quotes"),
            ("{\"a\": [,]}", 1, 8, "expected a value"),
            (deep.as_str(), 1, 107, "nested deeper"),
        ] {
            let found = parse(text).unwrap_err();
            assert_eq!((found.line, found.column), (line, column), "{text}: {found}");
            assert!(found.to_string().contains(what), "{text}: {found}");
        }
    }
}
