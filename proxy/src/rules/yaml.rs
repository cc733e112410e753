//! YAML that people read: keys in the given order, block style, queries as literal blocks, comments. The serializer of
//! the library knows neither comments nor when a block reads better, and its order of keys is that of types.

/// A piece of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Node {
    /// Text, written plainly where that is safe, as a block where it has several lines, else quoted.
    Text(String),
    /// A number or truth value, as it is.
    Literal(String),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping.
    Map(Vec<(String, Node)>),
    /// What follows a comment.
    Commented(String, Box<Node>),
}

impl Node {
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    pub(super) fn literal(value: impl ToString) -> Self {
        Self::Literal(value.to_string())
    }

    /// A mapping of texts.
    pub(super) fn texts<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self::Map(pairs.into_iter().map(|(key, value)| (key.to_owned(), Self::text(value))).collect())
    }

    /// A mapping.
    pub(super) fn map<const N: usize>(pairs: [(&str, Self); N]) -> Self {
        Self::Map(pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
    }
}

/// Writes documents, each after a separator but the first, under a comment.
pub(super) fn documents(comment: &str, documents: &[Node]) -> String {
    let mut text = String::new();
    write_comment(&mut text, comment, 0);
    for (place, document) in documents.iter().enumerate() {
        if place > 0 {
            text.push_str("---\n");
        }
        write(&mut text, document, 0);
    }
    text
}

fn write_comment(out: &mut String, comment: &str, indent: usize) {
    for line in comment.lines() {
        let line = format!("{:indent$}# {line}", "");
        out.push_str(line.trim_end());
        out.push('\n');
    }
}

/// Writes a node that starts on a line of its own.
fn write(out: &mut String, node: &Node, indent: usize) {
    match node {
        Node::List(items) if !items.is_empty() => {
            for item in items {
                write_item(out, item, indent);
            }
        }
        Node::Map(pairs) if !pairs.is_empty() => {
            for (key, value) in pairs {
                let value = match value {
                    Node::Commented(comment, value) => {
                        write_comment(out, comment, indent);
                        value
                    }
                    value => value,
                };
                out.push_str(&format!("{:indent$}{}:", "", scalar(key)));
                write_value(out, value, indent);
            }
        }
        Node::Commented(comment, node) => {
            write_comment(out, comment, indent);
            write(out, node, indent);
        }
        flat => {
            out.push_str(&format!("{:indent$}{}\n", "", inline(flat, indent)));
        }
    }
}

/// Writes an item of a list; mappings begin behind the dash.
fn write_item(out: &mut String, item: &Node, indent: usize) {
    let item = match item {
        Node::Commented(comment, item) => {
            write_comment(out, comment, indent);
            item
        }
        item => item,
    };
    match item {
        Node::Map(pairs) if !pairs.is_empty() => {
            let mut inner = String::new();
            write(&mut inner, item, indent + 2);
            out.push_str(&format!("{:indent$}- ", ""));
            out.push_str(inner.get(indent + 2..).unwrap_or_default());
        }
        item => {
            out.push_str(&format!("{:indent$}-", ""));
            write_value(out, item, indent);
        }
    }
}

/// Writes what comes after a colon or a dash.
fn write_value(out: &mut String, value: &Node, indent: usize) {
    match value {
        Node::List(items) if !items.is_empty() => {
            out.push('\n');
            write(out, value, indent + 2);
        }
        Node::Map(pairs) if !pairs.is_empty() => {
            out.push('\n');
            write(out, value, indent + 2);
        }
        flat => {
            out.push(' ');
            out.push_str(&inline(flat, indent));
            out.push('\n');
        }
    }
}

fn inline(node: &Node, indent: usize) -> String {
    match node {
        Node::Text(text) if is_block(text) => {
            let mut block = "|-".to_owned();
            for line in text.lines() {
                block.push_str(&format!("\n{:width$}{line}", "", width = indent + 2));
            }
            block
        }
        Node::Text(text) => scalar(text),
        Node::Literal(value) => value.clone(),
        Node::List(_) => "[]".to_owned(),
        Node::Map(_) => "{}".to_owned(),
        Node::Commented(_, node) => inline(node, indent),
    }
}

/// Whether text is whole as a literal block without hints: no blank at either end, no empty line, nothing to escape.
fn is_block(text: &str) -> bool {
    text.contains('\n')
        && !text.starts_with(char::is_whitespace)
        && !text.ends_with(char::is_whitespace)
        && text.split('\n').all(|line| !line.is_empty() && !line.ends_with(' '))
        && text.chars().all(|sign| sign == '\n' || !is_special(sign))
}

/// Signs that YAML wants escaped, or that editors and parsers take for ends of lines.
fn is_special(sign: char) -> bool {
    sign.is_control() || matches!(sign, '\u{feff}' | '\u{2028}' | '\u{2029}' | '\u{fffe}' | '\u{ffff}')
}

/// Text in one line: plain, else in single quotes if it holds double ones, else in double quotes.
fn scalar(text: &str) -> String {
    if is_plain(text) {
        text.to_owned()
    } else if (text.contains('"') || text.contains('\\'))
        && !text.contains('\n')
        && !text.chars().any(is_special)
    {
        format!("'{}'", text.replace('\'', "''"))
    } else {
        quoted(text)
    }
}

fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for sign in text.chars() {
        match sign {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            sign if is_special(sign) => out.push_str(&format!("\\U{:08x}", u32::from(sign))),
            sign => out.push(sign),
        }
    }
    out.push('"');
    out
}

/// Whether text without quotes is read as that text by every reader, old and new.
fn is_plain(text: &str) -> bool {
    const WORDS: [&str; 11] = ["true", "false", "yes", "no", "on", "off", "null", "y", "n", "nan", "inf"];
    let Some(first) = text.chars().next() else { return false };
    let number_like = first.is_ascii_digit()
        && !text.contains(' ')
        && !text.strip_suffix(['s', 'm', 'h', 'd']).is_some_and(|number| {
            number.trim_end_matches('m').bytes().all(|byte| byte.is_ascii_digit()) && !number.is_empty()
        });
    (first.is_ascii_alphanumeric() || first == '(' || first == '/' || first == '_')
        && !number_like
        && !text.ends_with([' ', ':'])
        && !text.contains(": ")
        && !text.contains(" #")
        && text.chars().all(|sign| sign.is_ascii_graphic() || sign == ' ')
        && !WORDS.contains(&text.to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What YAML could take for something else than text.
    const TEXTS: &[&str] = &[
        "",
        "a",
        "true",
        "No",
        "null",
        "~",
        "1",
        "1.5",
        "1e3",
        "0x1F",
        "1:30",
        "2026-01-01",
        "5m",
        "500ms",
        "30d",
        "1 - a / b",
        "a: b",
        "a:",
        "a #b",
        "#a",
        "'",
        "\"",
        "it's \"so\"",
        "a\\b",
        "a\nb",
        "a\n\nb",
        " a",
        "a ",
        "a\n",
        "\ta",
        "a\tb",
        "{a}",
        "a{b=\"c\"} > 0.1",
        "[x]",
        "- a",
        "-",
        "é",
        "\u{1}",
        "\u{2028}",
        "%a",
        "@a",
        "`a`",
        "!a",
        "&a",
        "*a",
        "|",
        ">",
        "(\n  a > 1\nand\n  b\n)",
        "a\n  b\n c",
        "a \nb",
        "=",
        "?",
        "1_000",
        ".nan",
        "nan",
        "---",
        "...",
        "{{ $labels.a }}: b",
        "a\r\nb",
        "\u{85}",
        "d",
        "s",
        "12 ",
    ];

    #[test]
    fn every_text_is_read_as_it_was() {
        for text in TEXTS {
            let document = Node::map([
                ("value", Node::text(*text)),
                ("list", Node::List(vec![Node::text(*text), Node::map([("deep", Node::text(*text))])])),
            ]);
            let written = documents("a comment", &[document]);
            let read: serde_json::Value = serde_saphyr::from_str(&written).expect(&written);
            let expected = serde_json::json!({"value": text, "list": [text, {"deep": text}]});
            assert_eq!(read, expected, "{written}");
        }
    }

    #[test]
    fn documents_are_indented_in_order_with_comments() {
        let document = Node::map([
            ("b", Node::texts([("x", "1"), ("z", "a: b")])),
            (
                "a",
                Node::List(vec![Node::Commented(
                    "why".to_owned(),
                    Box::new(Node::map([("expr", Node::text("a\nor\nb")), ("count", Node::literal(3))])),
                )]),
            ),
            ("none", Node::List(Vec::new())),
        ]);
        let expected = "# top\n#\n# end\nb:\n  x: \"1\"\n  z: \"a: b\"\na:\n  # why\n  - expr: |-\n      a\n      or\n      \
                        b\n    count: 3\nnone: []\n---\nz\n";
        assert_eq!(documents("top\n\nend", &[document, Node::text("z")]), expected);
    }
}
