//! TOML, as far as it takes to know where every table, key, string and list stands.
//!
//! Numbers, dates and the rule that no table is defined twice are left to the client.

use std::ops::Range;

use super::cursor::Cursor;
use super::tree::{DEEPEST, Kind, Malformed, Member, Value};

/// Reads a text.
pub(super) fn parse(text: &str) -> Result<Value, Malformed> {
    let mut reader = Reader(Cursor { text, at: 0 });
    if text.starts_with('\u{feff}') {
        reader.0.at = '\u{feff}'.len_utf8();
    }
    let mut root = Vec::new();
    let mut header: Vec<Key> = Vec::new();
    loop {
        reader.skip(true);
        if reader.0.rest().is_empty() {
            return Ok(Value { span: 0..text.len(), kind: Kind::Table(root) });
        }
        if reader.0.rest().starts_with('[') {
            header = reader.header(&mut root)?;
        } else {
            let (path, value) = reader.assignment(0)?;
            put(open(&mut root, &header), &path, value, false);
        }
        reader.skip(false);
        if !reader.0.rest().is_empty() && !reader.0.rest().starts_with(['\n', '\r']) {
            return Err(reader.0.unexpected("the end of the line"));
        }
    }
}

/// The length of the comment that `rest` begins with.
pub(super) fn comment(rest: &str) -> Option<usize> {
    let line = rest.starts_with('#').then(|| rest.find('\n').unwrap_or(rest.len()))?;
    Some(rest[..line].trim_end_matches('\r').len())
}

/// The length of the string that `rest` begins with, quotes included.
pub(super) fn string_length(rest: &str) -> Option<usize> {
    let quote = rest.chars().next().filter(|first| ['"', '\''].contains(first))?;
    let long = rest[1..].chars().take(2).filter(|next| *next == quote).count() == 2;
    let bytes = rest.as_bytes();
    let mut at = if long { 3 } else { 1 };
    loop {
        match *bytes.get(at)? {
            b'\\' if quote == '"' => at += 2,
            b'\n' if !long => return None,
            byte if char::from(byte) != quote => at += 1,
            _ if !long => return Some(at + 1),
            _ => {
                let run = bytes[at..].iter().take_while(|byte| char::from(**byte) == quote).count();
                at += run;
                // Up to two quotes may stand before the three that end it.
                if run >= 3 {
                    return Some(at - run + run.min(5));
                }
            }
        }
    }
}

/// A part of a dotted key.
#[derive(Debug, Clone)]
struct Key {
    text: String,
    span: Range<usize>,
}

/// The table that a path leads to, made where it is missing. Of a list of tables it is the last one.
fn open<'a>(table: &'a mut Vec<Member>, path: &[Key]) -> &'a mut Vec<Member> {
    let Some((first, rest)) = path.split_first() else { return table };
    let holds = |member: &mut Member| member.key == first.text && descend(&mut member.value).is_some();
    let found = table.iter_mut().rposition(holds);
    let at = found.unwrap_or_else(|| {
        table.push(spread(first, Kind::Table(Vec::new())));
        table.len() - 1
    });
    // What was found holds tables, and what was made is one.
    open(descend(&mut table[at].value).expect("a table, or a list with one"), rest)
}

/// The members below a value, if it is a table or a list of tables.
fn descend(value: &mut Value) -> Option<&mut Vec<Member>> {
    match &mut value.kind {
        Kind::Table(members) => Some(members),
        Kind::List(values) => match &mut values.last_mut()?.kind {
            Kind::Table(members) => Some(members),
            _ => None,
        },
        _ => None,
    }
}

/// A member for what has no place of its own.
fn spread(key: &Key, kind: Kind) -> Member {
    Member {
        key: key.text.clone(),
        name: key.span.clone(),
        start: key.span.start,
        inline: false,
        value: Value { span: key.span.clone(), kind },
    }
}

fn put(table: &mut Vec<Member>, path: &[Key], value: Value, inline: bool) {
    let Some((last, parents)) = path.split_last() else { return };
    let start = path.first().map_or(last.span.start, |first| first.span.start);
    let member = Member { key: last.text.clone(), name: last.span.clone(), start, inline, value };
    open(table, parents).push(member);
}

struct Reader<'a>(Cursor<'a>);

impl<'a> Reader<'a> {
    /// Skips blanks and comments, and on demand line ends.
    fn skip(&mut self, lines: bool) {
        loop {
            let rest = self.0.rest();
            let blank = |c: char| c == ' ' || c == '\t' || (lines && (c == '\n' || c == '\r'));
            self.0.at += rest.len() - rest.trim_start_matches(blank).len();
            match comment(self.0.rest()) {
                Some(length) => self.0.at += length,
                None => return,
            }
        }
    }

    /// `[a.b]` or `[[a.b]]`: the path that following keys are below.
    fn header(&mut self, root: &mut Vec<Member>) -> Result<Vec<Key>, Malformed> {
        self.0.take("[");
        let list = self.0.take("[");
        let path = self.path()?;
        let close = if list { "]]" } else { "]" };
        if !self.0.take(close) {
            return Err(self.0.unexpected(&format!("`{close}`")));
        }
        if list && let Some((last, parents)) = path.split_last() {
            let table = Value { span: last.span.clone(), kind: Kind::Table(Vec::new()) };
            let parent = open(root, parents);
            match parent.iter_mut().rfind(|member| member.key == last.text).map(|found| &mut found.value.kind)
            {
                Some(Kind::List(values)) => values.push(table),
                _ => parent.push(spread(last, Kind::List(vec![table]))),
            }
        } else {
            open(root, &path);
        }
        Ok(path)
    }

    /// A key, dotted or not, with the blanks around it.
    fn path(&mut self) -> Result<Vec<Key>, Malformed> {
        let mut path = Vec::new();
        loop {
            self.blanks();
            let start = self.0.at;
            let rest = self.0.rest();
            let text = if rest.starts_with(['"', '\'']) {
                self.string()?
            } else {
                let bare = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
                let name = &rest[..rest.find(|c| !bare(c)).unwrap_or(rest.len())];
                if name.is_empty() {
                    return Err(self.0.unexpected("a key"));
                }
                self.0.at += name.len();
                name.to_owned()
            };
            path.push(Key { text, span: start..self.0.at });
            if path.len() > DEEPEST {
                return Err(self.0.error(format!("nested deeper than {DEEPEST}")));
            }
            self.blanks();
            if !self.0.take(".") {
                return Ok(path);
            }
        }
    }

    fn blanks(&mut self) {
        let rest = self.0.rest();
        self.0.at += rest.len() - rest.trim_start_matches([' ', '\t']).len();
    }

    fn assignment(&mut self, depth: usize) -> Result<(Vec<Key>, Value), Malformed> {
        let path = self.path()?;
        if !self.0.take("=") {
            return Err(self.0.unexpected("`=`"));
        }
        self.blanks();
        Ok((path, self.value(depth)?))
    }

    fn value(&mut self, depth: usize) -> Result<Value, Malformed> {
        if depth > DEEPEST {
            return Err(self.0.error(format!("nested deeper than {DEEPEST}")));
        }
        let start = self.0.at;
        let kind = match self.0.rest().chars().next() {
            Some('{') => self.table(depth)?,
            Some('[') => self.list(depth)?,
            Some('"' | '\'') => Kind::String(self.string()?),
            _ => self.word()?,
        };
        Ok(Value { span: start..self.0.at, kind })
    }

    fn table(&mut self, depth: usize) -> Result<Kind, Malformed> {
        self.0.take("{");
        let mut members = Vec::new();
        loop {
            self.skip(true);
            if self.0.take("}") {
                return Ok(Kind::Table(members));
            }
            let (path, value) = self.assignment(depth + 1)?;
            put(&mut members, &path, value, true);
            self.skip(true);
            if !self.0.take(",") && !self.0.rest().starts_with('}') {
                return Err(self.0.unexpected("`,` or `}`"));
            }
        }
    }

    fn list(&mut self, depth: usize) -> Result<Kind, Malformed> {
        self.0.take("[");
        let mut values = Vec::new();
        loop {
            self.skip(true);
            if self.0.take("]") {
                return Ok(Kind::List(values));
            }
            values.push(self.value(depth + 1)?);
            self.skip(true);
            if !self.0.take(",") && !self.0.rest().starts_with(']') {
                return Err(self.0.unexpected("`,` or `]`"));
            }
        }
    }

    fn string(&mut self) -> Result<String, Malformed> {
        let Some(length) = string_length(self.0.rest()) else {
            return Err(self.0.error("this string does not end"));
        };
        let token = &self.0.rest()[..length];
        let text = meant(token).map_err(|at| {
            Malformed::new(self.0.text, self.0.at + at, "this is no escape that TOML knows".to_owned())
        })?;
        self.0.at += length;
        Ok(text)
    }

    /// Anything without quotes, up to what can follow a value.
    fn word(&mut self) -> Result<Kind, Malformed> {
        let rest = self.0.rest();
        let word = &rest[..rest.find([',', ']', '}', '#', '\n', '\r']).unwrap_or(rest.len())];
        let word = word.trim_end_matches([' ', '\t']);
        // `1979-05-27 07:32:00` has a blank inside.
        let known = |c: char| c.is_ascii_alphanumeric() || "+-_.: ".contains(c);
        if word.is_empty() || !word.chars().all(known) {
            return Err(self.0.unexpected("a value"));
        }
        self.0.at += word.len();
        Ok(Kind::Other)
    }
}

/// What a string means, or the offset of an escape that there is not.
fn meant(token: &str) -> Result<String, usize> {
    let long = token.len() >= 6 && (token.starts_with("\"\"\"") || token.starts_with("'''"));
    let quotes = if long { 3 } else { 1 };
    let mut body = &token[quotes..token.len() - quotes];
    if long {
        body = body.strip_prefix("\r\n").or_else(|| body.strip_prefix('\n')).unwrap_or(body);
    }
    if token.starts_with('\'') {
        return Ok(body.to_owned());
    }
    let mut text = String::new();
    while let Some(escape) = body.find('\\') {
        text.push_str(&body[..escape]);
        let wrong = token.len() - quotes - body.len() + escape;
        let rest = &body[escape + 1..];
        let sign = rest.chars().next().ok_or(wrong)?;
        let after = &rest[sign.len_utf8()..];
        body = match sign {
            'u' => unicode(after, 4, &mut text).ok_or(wrong)?,
            'U' => unicode(after, 8, &mut text).ok_or(wrong)?,
            'x' => unicode(after, 2, &mut text).ok_or(wrong)?,
            ' ' | '\t' | '\r' | '\n' if long => rest.trim_start_matches([' ', '\t', '\r', '\n']),
            _ => {
                let known = [
                    ('b', '\u{8}'),
                    ('t', '\t'),
                    ('n', '\n'),
                    ('f', '\u{c}'),
                    ('r', '\r'),
                    ('e', '\u{1b}'),
                    ('"', '"'),
                    ('\\', '\\'),
                ];
                text.push(known.iter().find(|(name, _)| *name == sign).ok_or(wrong)?.1);
                after
            }
        };
    }
    text.push_str(body);
    Ok(text)
}

/// Reads so many hexadecimal digits, and gives what follows them.
fn unicode<'a>(rest: &'a str, digits: usize, text: &mut String) -> Option<&'a str> {
    let (number, after) = rest.split_at_checked(digits)?;
    let hex = number.bytes().all(|byte| byte.is_ascii_hexdigit());
    text.push(hex.then(|| u32::from_str_radix(number, 16).ok().and_then(char::from_u32))??);
    Some(after)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::install::tree::member;

    /// What stands at a path, as written.
    fn at<'a>(text: &'a str, path: &[&str]) -> &'a str {
        let tree = parse(text).unwrap();
        let mut value = &tree;
        for key in path {
            value = &member(value.members().unwrap(), key).unwrap().value;
        }
        &text[value.span.clone()]
    }

    #[test]
    fn values_are_found_however_their_tables_are_written() {
        for (text, path) in [
            ("[a.b]\nc = 'x'", ["a", "b", "c"]),
            ("[a]\nb.c = 'x'", ["a", "b", "c"]),
            ("a.b.c = 'x' # end", ["a", "b", "c"]),
            ("a = { b = { c = 'x' } }", ["a", "b", "c"]),
            ("a.b = { c = 'x', }", ["a", "b", "c"]),
            ("[ \"a\" . 'b' ]\r\nc='x'\r\n", ["a", "b", "c"]),
            ("d = \"\"\"\n[a.b]\nc = 'y'\"\"\"\n[a.b]\nc = 'x'", ["a", "b", "c"]),
            ("[[l]]\nc = 1\n[[l]]\n[l.x]\n[a.b]\nc = 'x'", ["a", "b", "c"]),
            ("[a.b.c.d]\n[a.b]\n[x]\n[a.b]\nc = 'x'", ["a", "b", "c"]),
            ("[a.b]\nn = 1979-05-27 07:32:00 # date\nf = [ 1, # one\n 2,\n]\nc = 'x'", ["a", "b", "c"]),
            ("\u{feff}# top\n[a.\"b\"]\nc = 'x'", ["a", "b", "c"]),
        ] {
            assert_eq!(at(text, &path), "'x'", "{text}");
        }
        let text = "[[mcp.list]]\nname = 'one'\n[[mcp.list]]\nname = 'two'\n[mcp.list.env]\nK = 'v'";
        let tree = parse(text).unwrap();
        let list = &member(member(tree.members().unwrap(), "mcp").unwrap().value.members().unwrap(), "list")
            .unwrap();
        let last = list.value.list().unwrap().last().unwrap();
        assert!(member(last.members().unwrap(), "env").is_some_and(|env| env.value.members().is_some()));
    }

    #[test]
    fn strings_of_all_four_kinds_mean_what_they_say() {
        for (token, expected) in [
            (r#""a\"\\\u00e9\U0001F980\x41\e""#, "a\"\\é🦀A\u{1b}"),
            (r"'C:\npx'", r"C:\npx"),
            ("\"\"\"\nx\\\n   y\"\"\"", "xy"),
            ("\"\"\"a\"\"b\"\"\"\"\"", "a\"\"b\"\""),
            ("'''\r\nx\\n'''", "x\\n"),
            ("''''x'''", "'x"),
            ("\"\"", ""),
            ("''''''", ""),
        ] {
            let text = format!("k = {token} # c\n");
            let tree = parse(&text).unwrap();
            let value = &member(tree.members().unwrap(), "k").unwrap().value;
            assert_eq!((value.text(), &text[value.span.clone()]), (Some(expected), token));
        }
    }

    #[test]
    fn malformed_texts_are_refused_where_they_are_wrong() {
        let deep = format!("a = {}", "[".repeat(DEEPEST + 2));
        for (text, line, column, what) in [
            ("a = 1\nb", 2, 2, "expected `=`"),
            ("[a\nb = 1", 1, 3, "expected `]`"),
            ("[[a]\n", 1, 4, "expected `]]`"),
            ("a = \n", 1, 5, "expected a value"),
            ("a = 'x' y", 1, 9, "the end of the line"),
            ("a = 'x\n'", 1, 5, "string does not end"),
            ("a = \"\"\"x", 1, 5, "string does not end"),
            ("a = \"x\\q\"", 1, 7, "no escape"),
            ("a = \"\\uD800\"", 1, 6, "no escape"),
            ("a = [1 2", 1, 9, "expected `,` or `]`"),
            ("a = { b = 1", 1, 12, "expected `,` or `}`"),
            ("= 1", 1, 1, "expected a key"),
            ("a = @", 1, 5, "expected a value"),
            (deep.as_str(), 1, 106, "nested deeper"),
        ] {
            let found = parse(text).unwrap_err();
            assert_eq!((found.line, found.column), (line, column), "{text}: {found}");
            assert!(found.to_string().contains(what), "{text}: {found}");
        }
    }
}
