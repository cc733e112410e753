//! Wrapping and unwrapping one server: which bytes of the text give way to which.
//!
//! ```text
//! "command": "npx",                     "args": ["-y", "some-server"]
//! "command": "/usr/bin/mcp-tap",        "args": ["stdio", "--admin", "auto", "--name", "some", "--", "npx", "-y", "some-server"]
//! ```
//!
//! The command moves behind `--` as it was written, so it can move back as it was written: nothing but the file itself
//! is needed to undo this, and a formatter in between changes white space only. Where there was no `args`, the member
//! is made, and the word [`BARE`] before `--` remembers that it goes when the command moves back.

use std::ops::Range;

use super::entry::{Entry, Start};
use super::tree::{Member, Syntax, Value};

/// The word of a wrapped command that had no member for arguments. `mcp-tap stdio` takes it, and it means nothing there.
pub const BARE: &str = "--bare";

/// The command of the wrapper, and what stands between it and the wrapped command.
const STDIO: &str = "stdio";
const END: &str = "--";
/// Base name of the wrapper.
const TAP: &str = "mcp-tap";
/// Longest name that the wrapper takes.
const LONGEST_NAME: usize = 128;

/// One change: a range of the text gives way to another text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Edit {
    pub(super) range: Range<usize>,
    pub(super) insert: String,
}

/// The command that servers are wrapped with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrapper {
    /// Absolute path of the executable.
    pub tap: String,
    /// Options of the user, before the wrapped command.
    pub options: Vec<String>,
}

/// What is to be done with one server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    /// These edits.
    Edits(Vec<Edit>),
    /// Nothing: it is as it should be.
    Done,
    /// Nothing, since it cannot be, and why.
    Impossible(&'static str),
}

/// A wrapped command, taken apart.
struct Wrapped<'a> {
    /// The executable of the wrapper.
    tap: &'a Value,
    /// From `stdio` to `--`, then the command and its arguments.
    words: &'a [Value],
    /// Where `--` is.
    end: usize,
}

impl Wrapper {
    /// All words from `stdio` to `--`.
    fn words(&self, name: &str, bare: bool) -> Vec<String> {
        let given = |flag: &str| {
            self.options.iter().any(|word| word == flag || word.starts_with(&format!("{flag}=")))
        };
        let mut words = vec![STDIO.to_owned()];
        if !given("--admin") {
            words.extend(["--admin", "auto"].map(str::to_owned));
        }
        let fits =
            !name.is_empty() && name.chars().count() <= LONGEST_NAME && !name.chars().any(char::is_control);
        if !given("--name") && fits {
            // As a word of its own it could be taken for an option, or for the end of them.
            match name.starts_with('-') {
                true => words.push(format!("--name={name}")),
                false => words.extend(["--name".to_owned(), name.to_owned()]),
            }
        }
        words.extend(self.options.iter().cloned());
        if bare {
            words.push(BARE.to_owned());
        }
        words.push(END.to_owned());
        words
    }
}

/// The wrapped command of an entry, if it is one. `tap` is a wrapper by another name.
fn wrapped<'a>(entry: &'a Entry<'_>, tap: Option<&str>) -> Option<Wrapped<'a>> {
    let (first, words) = match &entry.start {
        Start::Command { command, args, .. } => (&command.value, args.as_ref()?.value.list()?),
        Start::Line(words) => words.split_first()?,
        Start::None(_) => return None,
    };
    let is_tap = first.text().is_some_and(|text| is_tap(text) || Some(text) == tap);
    if !is_tap || words.first()?.text() != Some(STDIO) {
        return None;
    }
    let end = words.iter().position(|word| word.text() == Some(END))?;
    (words.len() > end + 1).then_some(Wrapped { tap: first, words, end })
}

/// Whether a command is `mcp-tap`, wherever it is, also with a version behind its name; `mcp-tap-server` is somebody
/// else's.
fn is_tap(command: &str) -> bool {
    let base = command.rsplit(['/', '\\']).next().unwrap_or(command);
    let base = base.strip_suffix(".exe").unwrap_or(base);
    let Some(rest) = base.strip_prefix(TAP) else { return false };
    let version = rest.strip_prefix(['-', '_']).map(|rest| rest.strip_prefix('v').unwrap_or(rest));
    rest.is_empty() || version.is_some_and(|version| version.starts_with(|c: char| c.is_ascii_digit()))
}

/// Whether a server is wrapped.
pub(super) fn is_wrapped(entry: &Entry<'_>, tap: Option<&str>) -> bool {
    wrapped(entry, tap).is_some()
}

/// Wraps a server, or brings the options of its wrapper up to date.
pub(super) fn wrap(text: &str, syntax: Syntax, entry: &Entry<'_>, wrapper: &Wrapper) -> Change {
    if let Some(found) = wrapped(entry, Some(&wrapper.tap)) {
        return update(syntax, entry, &found, wrapper);
    }
    let list = |words: &[String]| words.iter().map(|word| syntax.quote(word)).collect::<Vec<_>>().join(", ");
    let edits = match &entry.start {
        Start::None(why) => return Change::Impossible(why),
        Start::Command { command, .. } if command.value.text().is_some_and(is_tap) => {
            return Change::Impossible("it is mcp-tap already, in a way that was not made here");
        }
        Start::Command { command, args, .. } => {
            let moved = &text[command.value.span.clone()];
            let words = format!("{}, {moved}", list(&wrapper.words(entry.name, args.is_none())));
            let arguments = match args {
                Some(args) => first(args, &words),
                None => member(text, syntax, command, &format!("[{words}]")),
            };
            vec![Edit { range: command.value.span.clone(), insert: syntax.quote(&wrapper.tap) }, arguments]
        }
        Start::Line(words) => {
            let before = list(&wrapper.words(entry.name, false));
            let at = words.first().map_or(0, |first| first.span.start);
            vec![Edit { range: at..at, insert: format!("{}, {before}, ", syntax.quote(&wrapper.tap)) }]
        }
    };
    Change::Edits(edits)
}

fn update(syntax: Syntax, entry: &Entry<'_>, found: &Wrapped<'_>, wrapper: &Wrapper) -> Change {
    let words = &found.words[..=found.end];
    let wanted = wrapper.words(entry.name, found.is_bare());
    let mut edits = Vec::new();
    if found.tap.text() != Some(&wrapper.tap) {
        edits.push(Edit { range: found.tap.span.clone(), insert: syntax.quote(&wrapper.tap) });
    }
    if !words.iter().map(Value::text).eq(wanted.iter().map(|word| Some(word.as_str()))) {
        let insert = wanted.iter().map(|word| syntax.quote(word)).collect::<Vec<_>>().join(", ");
        edits.push(Edit { range: words[0].span.start..words[found.end].span.end, insert });
    }
    if edits.is_empty() { Change::Done } else { Change::Edits(edits) }
}

/// Puts words before all others of a list.
fn first(args: &Member, words: &str) -> Edit {
    let span = &args.value.span;
    match args.value.list().and_then(<[_]>::first) {
        Some(first) => Edit { range: first.span.start..first.span.start, insert: format!("{words}, ") },
        None => Edit { range: span.start + 1..span.start + 1, insert: words.to_owned() },
    }
}

/// Makes the member `args` behind the command, written as that is.
fn member(text: &str, syntax: Syntax, command: &Member, list: &str) -> Edit {
    let dotted = &text[command.start..command.name.start];
    // With the blanks around the sign between key and value, but no comment there.
    let between = &text[command.name.end..command.value.span.start];
    let sign = if syntax == Syntax::Json { ':' } else { '=' };
    let plain = between.chars().all(|c| c == ' ' || c == '\t' || c == sign);
    let between = if plain {
        between
    } else if syntax == Syntax::Json {
        ": "
    } else {
        " = "
    };
    let written = format!("{dotted}{}{between}{list}", syntax.key("args"));

    let line = text[..command.start].rfind('\n').map_or(0, |newline| newline + 1);
    let indent =
        Some(&text[line..command.start]).filter(|indent| indent.chars().all(|c| c == ' ' || c == '\t'));
    let end = command.value.span.end;
    if command.inline {
        // On a line of its own, if the command has one.
        let newline = indent.filter(|_| line > 0).map(|indent| {
            let crlf = text[..line].ends_with("\r\n");
            format!("{}{indent}", if crlf { "\r\n" } else { "\n" })
        });
        let gap = newline.unwrap_or_else(|| " ".to_owned());
        return Edit { range: end..end, insert: format!(",{gap}{written}") };
    }
    // Behind the comment that the line may end with.
    let rest = text[end..].find('\n').unwrap_or(text.len() - end);
    let crlf = text[end..end + rest].ends_with('\r') || (end + rest == text.len() && text.contains("\r\n"));
    let at = end + text[end..end + rest].trim_end_matches('\r').len();
    let newline = if crlf { "\r\n" } else { "\n" };
    Edit { range: at..at, insert: format!("{newline}{}{written}", indent.unwrap_or_default()) }
}

/// Puts a server back as it was.
pub(super) fn unwrap(text: &str, syntax: Syntax, entry: &Entry<'_>, tap: Option<&str>) -> Change {
    let Some(found) = wrapped(entry, tap) else {
        return match entry.start {
            Start::None(why) => Change::Impossible(why),
            _ => Change::Done,
        };
    };
    let (words, inner) = (found.words, found.end + 1);
    let behind = words.get(inner + 1).map(|next| next.span.start);
    let edits = match &entry.start {
        Start::Command { table, command, args: Some(args) } => {
            let moved = text[words[inner].span.clone()].to_owned();
            let range = match behind {
                Some(behind) => words[0].span.start..behind,
                None if found.is_bare() => whole(text, table, args),
                None => words[0].span.start..comma(text, syntax, words[inner].span.end, args.value.span.end),
            };
            let insert = kept(text, syntax, range.clone());
            vec![Edit { range: command.value.span.clone(), insert: moved }, Edit { range, insert }]
        }
        _ => {
            let range = found.tap.span.start..words[inner].span.start;
            vec![Edit { insert: kept(text, syntax, range.clone()), range }]
        }
    };
    Change::Edits(edits)
}

impl Wrapped<'_> {
    fn is_bare(&self) -> bool {
        self.words[self.end - 1].text() == Some(BARE)
    }
}

/// All of a member, with what divides it from its neighbours.
fn whole(text: &str, table: &[Member], args: &Member) -> Range<usize> {
    let end = args.value.span.end;
    if !args.inline {
        let line = text[..args.start].rfind('\n');
        // The line end before it, with its line feed's companion.
        return match line {
            Some(newline) => text[..newline].trim_end_matches('\r').len()..end,
            None => args.start..text[end..].find('\n').map_or(text.len(), |newline| end + newline + 1),
        };
    }
    let index = table.iter().position(|member| member.start == args.start).unwrap_or(0);
    let before = index.checked_sub(1).map(|before| table[before].value.span.end);
    match (before, table.get(index + 1)) {
        (Some(before), _) => before..end,
        (None, Some(next)) => args.start..next.start,
        (None, None) => args.start..end,
    }
}

/// Behind the comma that follows the last word of a list, if a formatter put one there.
fn comma(text: &str, syntax: Syntax, end: usize, list: usize) -> usize {
    let mut at = end;
    while at < list {
        let rest = &text[at..list];
        if rest.starts_with(',') {
            return at + 1;
        }
        let comment = syntax.comments(rest).first().copied().filter(|comment| rest.starts_with(*comment));
        let blank = rest.chars().next().filter(|c| c.is_whitespace()).map(char::len_utf8);
        match comment.map(str::len).or(blank) {
            Some(length) => at += length,
            None => return end,
        }
    }
    end
}

/// The comments that somebody wrote into what goes: they stay.
fn kept(text: &str, syntax: Syntax, range: Range<usize>) -> String {
    let comments = syntax.comments(&text[range]);
    comments.iter().fold(String::new(), |kept, comment| {
        kept + comment + if comment.ends_with("*/") && comment.starts_with("/*") { " " } else { "\n" }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wrapper_is_known_by_its_name() {
        for command in
            ["mcp-tap", "/usr/bin/mcp-tap", "C:\\x\\mcp-tap.exe", "/opt/mcp-tap-0.2.0", "mcp-tap_v1"]
        {
            assert!(is_tap(command), "{command}");
        }
        for command in ["npx", "mcp-tap-server", "mcp-taps", "/mcp-tap/npx", "mcp-tap-", "my-mcp-tap"] {
            assert!(!is_tap(command), "{command}");
        }
    }
}
