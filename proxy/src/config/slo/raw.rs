//! The file as it was written: every value with its line, every number as its text. A number that went through a float
//! is not what somebody wrote: 99.99 percent is exact here.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, Spanned};

/// One value and its line, from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) line: u64,
    pub(super) value: Value,
}

/// What stands there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    /// Nothing: the default is meant.
    Null,
    /// A scalar, as it was written but for quotes.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A mapping in the order of the file.
    Mapping(Vec<Entry>),
}

/// A key of a mapping and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) key: String,
    /// The line of the key.
    pub(super) line: u64,
    pub(super) node: Node,
}

/// Reads a document; an empty one is nothing.
pub(super) fn read(text: &str) -> Result<Node, serde_saphyr::Error> {
    if text.trim().is_empty() {
        return Ok(Node { line: 1, value: Value::Null });
    }
    // `off` is a word here, not `false` as in YAML 1.1.
    let options = serde_saphyr::options! { strict_booleans: true };
    let tree: Spanned<Tree> = serde_saphyr::from_str_with_options(text, options)?;
    Ok(node(tree, text))
}

/// The document before texts of numbers are looked up in it.
enum Tree {
    Null,
    Text(String),
    /// A number or a boolean: its text is that of its place.
    Plain(String),
    List(Vec<Spanned<Tree>>),
    Mapping(Vec<(Spanned<String>, Spanned<Tree>)>),
}

fn node(tree: Spanned<Tree>, text: &str) -> Node {
    let line = tree.referenced.line();
    let value = match tree.value {
        Tree::Null => Value::Null,
        Tree::Text(text) => Value::Text(text),
        // A reference has the text of what it refers to.
        Tree::Plain(value) => Value::Text(written(tree.defined, text).map_or(value, str::to_owned)),
        Tree::List(list) => Value::List(list.into_iter().map(|tree| node(tree, text)).collect()),
        Tree::Mapping(entries) => {
            let entry = |(key, value): (Spanned<String>, Spanned<Tree>)| Entry {
                line: key.referenced.line(),
                key: key.value,
                node: node(value, text),
            };
            Value::Mapping(entries.into_iter().map(entry).collect())
        }
    };
    Node { line, value }
}

/// The bytes of a place. A tag before the value would be part of it: then it is not taken.
fn written(place: Location, text: &str) -> Option<&str> {
    let span = place.span();
    let start = usize::try_from(span.byte_offset()?).ok()?;
    let end = start.checked_add(usize::try_from(span.byte_len()?).ok()?)?;
    let written = text.get(start..end)?.trim();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'+' | b'-' | b'_');
    (!written.is_empty() && written.bytes().all(plain)).then_some(written)
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TreeVisitor)
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value, a list or a mapping")
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }

    fn visit_none<E>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Tree, D::Error> {
        Tree::deserialize(deserializer)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
        // However it is capitalised.
        Ok(Tree::Text(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Tree, E> {
        Ok(Tree::Plain(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Tree, E> {
        Ok(Tree::Plain(value.to_string()))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Tree, E> {
        Ok(Tree::Plain(value.to_string()))
    }

    fn visit_u128<E>(self, value: u128) -> Result<Tree, E> {
        Ok(Tree::Plain(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Tree, E> {
        Ok(Tree::Plain(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Tree, E> {
        Ok(Tree::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Tree, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = sequence.next_element()? {
            list.push(item);
        }
        Ok(Tree::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Tree::Mapping(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat(node: &Node, path: &str, lines: &mut Vec<String>) {
        match &node.value {
            Value::Null => lines.push(format!("{}: {path} is nothing", node.line)),
            Value::Text(text) => lines.push(format!("{}: {path} is {text:?}", node.line)),
            Value::List(list) => {
                for (place, node) in list.iter().enumerate() {
                    flat(node, &format!("{path}[{place}]"), lines);
                }
            }
            Value::Mapping(entries) => {
                for entry in entries {
                    flat(&entry.node, &format!("{path}.{}({})", entry.key, entry.line), lines);
                }
            }
        }
    }

    #[test]
    fn values_are_what_was_written_with_their_lines() {
        let text = "a: 99.90\nb:\n  - 1e3\n  - '099.5'\n  - 0x10\n  # é: a character of two bytes\nc: {d: yes, e: True,\n  f: 2%}\n\
            g:\nh: &x 99.990\ni: *x\nj: 00.50 # half\nk: -1\nl: 123456789012345678901234567890123456789012\n5: |\n  two\n  lines\n";
        let mut lines = Vec::new();
        flat(&read(text).unwrap(), "", &mut lines);
        insta::assert_snapshot!(lines.join("\n"), @r#"
1: .a(1) is "99.90"
3: .b(2)[0] is "1e3"
4: .b(2)[1] is "099.5"
5: .b(2)[2] is "0x10"
7: .c(7).d(7) is "yes"
7: .c(7).e(7) is "true"
8: .c(7).f(8) is "2%"
9: .g(9) is nothing
10: .h(10) is "99.990"
11: .i(11) is "99.990"
12: .j(12) is "00.50"
13: .k(13) is "-1"
14: .l(14) is "123456789012345678901234567890123456789012"
16: .5(15) is "two\nlines\n"
"#);
    }

    #[test]
    fn nothing_is_a_document_too() {
        for text in ["", "\n\n", "# only words\n", "---\n"] {
            let node = read(text).unwrap();
            assert!(matches!(node.value, Value::Null), "{text:?}: {node:?}");
        }
    }
}
