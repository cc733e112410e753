//! A configuration text as a tree that remembers where everything stands, so that edits can be splices.

use std::fmt;
use std::ops::Range;

use super::{json, toml};

/// Deepest nesting that is read: more than any configuration has, and less than a thread's stack.
pub(super) const DEEPEST: usize = 100;

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Syntax {
    /// JSON, with the comments and trailing commas that many clients allow.
    Json,
    /// TOML.
    Toml,
}

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Value {
    /// From its first byte to behind its last. Tables that TOML spreads over the file have none.
    pub(super) span: Range<usize>,
    pub(super) kind: Kind,
}

/// What is told apart.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    /// The text that is meant, escapes undone.
    String(String),
    List(Vec<Value>),
    /// In the order of the text. Where a key stands twice, clients take the last one.
    Table(Vec<Member>),
    /// Numbers, dates and the like, which nobody asks for.
    Other,
}

/// A key with its value.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Member {
    pub(super) key: String,
    /// The key as written: of a dotted one (TOML) the last part.
    pub(super) name: Range<usize>,
    /// Where the key begins, with the parts of a dotted one.
    pub(super) start: usize,
    /// Whether it stands between braces, divided by commas; else it has a line of its own.
    pub(super) inline: bool,
    pub(super) value: Value,
}

impl Value {
    pub(super) fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::String(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn members(&self) -> Option<&[Member]> {
        match &self.kind {
            Kind::Table(members) => Some(members),
            _ => None,
        }
    }

    pub(super) fn list(&self) -> Option<&[Self]> {
        match &self.kind {
            Kind::List(values) => Some(values),
            _ => None,
        }
    }
}

/// The member that counts.
pub(super) fn member<'a>(members: &'a [Member], key: &str) -> Option<&'a Member> {
    members.iter().rfind(|member| member.key == key)
}

/// Why a text cannot be read, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    what: String,
}

impl Malformed {
    pub(super) fn new(text: &str, at: usize, what: impl Into<String>) -> Self {
        // An offset may lie behind a text that breaks off.
        let before = text.get(..at).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let column = before[start..].trim_start_matches('\u{feff}').chars().count() + 1;
        Self { line, column, what: what.into() }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.what)
    }
}

impl Syntax {
    /// Reads a text. A blank one is an empty table: some clients make such files.
    pub(super) fn parse(self, text: &str) -> Result<Value, Malformed> {
        match self {
            Self::Json => json::parse(text),
            Self::Toml => toml::parse(text),
        }
    }

    /// A string as this syntax writes it.
    pub(super) fn quote(self, text: &str) -> String {
        // What JSON writes is a basic string of TOML, but for DEL, which TOML wants escaped.
        let quoted = serde_json::to_string(text).expect("every string has a form in JSON");
        match self {
            Self::Json => quoted,
            Self::Toml => quoted.replace('\u{7f}', "\\u007f"),
        }
    }

    /// A key as this syntax writes it.
    pub(super) fn key(self, name: &str) -> String {
        match self {
            Self::Json => self.quote(name),
            Self::Toml => name.to_owned(),
        }
    }

    /// The comments of a part of a text that begins and ends between tokens.
    pub(super) fn comments(self, part: &str) -> Vec<&str> {
        let mut found = Vec::new();
        let mut at = 0;
        while at < part.len() {
            let rest = &part[at..];
            let length = match self {
                Self::Json => json::comment(rest),
                Self::Toml => toml::comment(rest),
            };
            if let Some(length) = length {
                found.push(&rest[..length]);
                at += length;
                continue;
            }
            let string = match self {
                Self::Json => json::string_length(rest),
                Self::Toml => toml::string_length(rest),
            };
            at += string.unwrap_or_else(|| rest.chars().next().map_or(1, char::len_utf8));
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_are_found_between_strings_and_not_in_them() {
        let cases: &[(Syntax, &str, &[&str])] = &[
            (Syntax::Json, r#""//no", /* yes */ "a\"/*no*/" // end"#, &["/* yes */", "// end"]),
            (Syntax::Json, "// a\r\n, // b\n", &["// a", "// b"]),
            (Syntax::Json, "/ 1", &[]),
            (Syntax::Toml, "\"#no\" # yes\n'#no' \"\"\"#no\n#no\"\"\" '''#no''' # end", &["# yes", "# end"]),
        ];
        for (syntax, part, expected) in cases {
            assert_eq!(syntax.comments(part), *expected, "{part}");
        }
    }

    #[test]
    fn quoted_text_is_read_back_as_it_was() {
        for syntax in [Syntax::Json, Syntax::Toml] {
            for text in ["", "a", "\"\\", "\u{7f}\u{1}\n\r\t", "名前 🦀", "C:\\x\\y.exe", "'''"] {
                let (open, close) = if syntax == Syntax::Json { ("{\"k\":", "}") } else { ("k=", "") };
                let tree = syntax.parse(&format!("{open}{}{close}", syntax.quote(text))).unwrap();
                let value = &member(tree.members().unwrap(), "k").unwrap().value;
                assert_eq!(value.text(), Some(text), "{syntax:?}");
            }
        }
    }

    #[test]
    fn places_are_counted_in_lines_and_characters() {
        for (at, expected) in [(0, (1, 1)), (3, (1, 1)), (6, (1, 3)), (8, (2, 2)), (99, (2, 3))] {
            let found = Malformed::new("\u{feff}aé\nbc", at, "");
            assert_eq!((found.line, found.column), expected, "{at}");
        }
    }
}
