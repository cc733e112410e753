//! Edits as a unified diff, for people: only what changes, with secrets of the lines around it left out.

use std::fmt::Write;
use std::ops::Range;

use super::edit::Edit;

/// Lines shown around a change.
const CONTEXT: usize = 3;
/// Longest line that is shown whole, in characters; of a longer one, so much around what changes.
const LONGEST: usize = 400;
const AROUND: usize = 120;

/// A change with the whole lines it is in: lines from `lines.start` to before `lines.end`.
struct Block<'a> {
    lines: Range<usize>,
    edits: &'a [Edit],
}

/// The diff of a text and its edits, which are sorted and do not overlap. Empty without edits.
pub(super) fn unified(text: &str, edits: &[Edit], secrets: &[Range<usize>], name: &str) -> String {
    if edits.is_empty() {
        return String::new();
    }
    let shown = Shown { text, secrets, starts: starts(text) };
    let blocks = shown.blocks(edits);
    let mut diff = format!("--- {name}\n+++ {name}\n");
    let mut added = 0_isize;
    let mut rest = blocks.as_slice();
    while let Some(first) = rest.first() {
        // Blocks whose contexts touch are one hunk.
        let near = rest.windows(2).take_while(|pair| pair[1].lines.start <= pair[0].lines.end + 2 * CONTEXT);
        let (hunk, later) = rest.split_at(near.count() + 1);
        let last = hunk.last().unwrap_or(first);
        let lines =
            first.lines.start.saturating_sub(CONTEXT)..(last.lines.end + CONTEXT).min(shown.starts.len());
        let mut body = String::new();
        let mut grown = 0_isize;
        let mut at = lines.start;
        for block in hunk {
            shown.context(&mut body, at..block.lines.start);
            grown += shown.block(&mut body, block);
            at = block.lines.end;
        }
        shown.context(&mut body, at..lines.end);
        let (start, count) = (lines.start + 1, lines.len());
        let (new_start, new_count) = (start.saturating_add_signed(added), count.saturating_add_signed(grown));
        // A String takes everything.
        let _ = writeln!(diff, "@@ -{start},{count} +{new_start},{new_count} @@");
        diff.push_str(&body);
        added += grown;
        rest = later;
    }
    diff
}

/// Where every line begins.
fn starts(text: &str) -> Vec<usize> {
    let after = text.match_indices('\n').map(|(at, _)| at + 1).filter(|at| *at < text.len());
    std::iter::once(0).chain(after).collect()
}

struct Shown<'a> {
    text: &'a str,
    secrets: &'a [Range<usize>],
    starts: Vec<usize>,
}

impl Shown<'_> {
    fn line_of(&self, at: usize) -> usize {
        self.starts.partition_point(|start| *start <= at).saturating_sub(1)
    }

    fn line_end(&self, line: usize) -> usize {
        self.starts.get(line + 1).copied().unwrap_or(self.text.len())
    }

    /// Edits by the lines they are in.
    fn blocks<'a>(&self, edits: &'a [Edit]) -> Vec<Block<'a>> {
        let lines = |edit: &Edit| {
            let start = self.line_of(edit.range.start);
            start..self.line_of(edit.range.end.max(edit.range.start)) + 1
        };
        let mut blocks = Vec::new();
        let mut from = 0;
        while from < edits.len() {
            let mut all = lines(&edits[from]);
            let mut to = from + 1;
            while to < edits.len() && lines(&edits[to]).start <= all.end {
                all.end = all.end.max(lines(&edits[to]).end);
                to += 1;
            }
            blocks.push(Block { lines: all, edits: &edits[from..to] });
            from = to;
        }
        blocks
    }

    fn context(&self, out: &mut String, lines: Range<usize>) {
        for line in lines {
            let text = self.masked(self.starts[line]..self.line_end(line));
            push(out, ' ', &text, None);
        }
    }

    /// The lines before and after, and by how many there are more.
    fn block(&self, out: &mut String, block: &Block<'_>) -> isize {
        let (start, end) = (self.starts[block.lines.start], self.line_end(block.lines.end - 1));
        let mut after = String::new();
        let mut at = start;
        for edit in block.edits {
            after.push_str(&self.masked(at..edit.range.start));
            after.push_str(&edit.insert);
            at = edit.range.end;
        }
        after.push_str(&self.masked(at..end));
        let before = self.masked(start..end);
        let column = block.edits.first().map(|edit| self.masked(start..edit.range.start).chars().count());
        let old: Vec<_> = before.split_inclusive('\n').collect();
        let new: Vec<_> = after.split_inclusive('\n').collect();
        // An edit may begin at the end of a line, or end at the beginning of one.
        let same =
            |pairs: &mut dyn Iterator<Item = (&&str, &&str)>| pairs.take_while(|(a, b)| a == b).count();
        let head = same(&mut old.iter().zip(&new));
        let tail = same(&mut old[head..].iter().rev().zip(new[head..].iter().rev()));
        old[..head].iter().for_each(|line| push(out, ' ', line, column));
        old[head..old.len() - tail].iter().for_each(|line| push(out, '-', line, column));
        new[head..new.len() - tail].iter().for_each(|line| push(out, '+', line, column));
        old[old.len() - tail..].iter().for_each(|line| push(out, ' ', line, column));
        new.len().cast_signed() - old.len().cast_signed()
    }

    /// A part of the text, with dots for secrets.
    fn masked(&self, range: Range<usize>) -> String {
        let mut text = String::new();
        let mut at = range.start;
        let from = self.secrets.partition_point(|secret| secret.end <= range.start);
        for secret in self.secrets[from..].iter().take_while(|secret| secret.start < range.end) {
            text.push_str(&self.text[at..secret.start.max(at)]);
            text.push_str("\"…\"");
            at = secret.end.min(range.end).max(at);
            if secret.end > range.end && self.text[..range.end].ends_with('\n') {
                text.push('\n');
            }
        }
        text.push_str(&self.text[at..range.end]);
        text
    }
}

/// One line of the diff. Control characters are made visible: they could be commands to a terminal.
fn push(out: &mut String, sign: char, line: &str, column: Option<usize>) {
    let (body, ended) = match line.strip_suffix('\n') {
        Some(body) => (body, true),
        None => (line, false),
    };
    out.push(sign);
    let count = body.chars().count();
    let from = if count > LONGEST { column.unwrap_or(0).saturating_sub(AROUND) } else { 0 };
    let take = if count > LONGEST { LONGEST } else { count };
    if from > 0 {
        out.push('…');
    }
    for c in body.trim_end_matches('\r').chars().skip(from).take(take) {
        if c.is_control() && c != '\t' {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    if from + take < count {
        out.push('…');
    }
    out.push('\n');
    if !ended {
        out.push_str("\\ No newline at end of file\n");
    }
}

/// The diff in colours.
#[must_use]
pub fn coloured(diff: &str) -> String {
    let mut text = String::new();
    for line in diff.lines() {
        let colour = match line.as_bytes().first() {
            Some(b'+') => "\u{1b}[32m",
            Some(b'-') => "\u{1b}[31m",
            Some(b'@') => "\u{1b}[36m",
            _ => "",
        };
        text.push_str(colour);
        text.push_str(line);
        text.push_str(if colour.is_empty() { "\n" } else { "\u{1b}[0m\n" });
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edit(text: &str, old: &str, new: &str) -> Edit {
        let at = text.find(old).unwrap();
        Edit { range: at..at + old.len(), insert: new.to_owned() }
    }

    #[test]
    fn changes_are_shown_with_three_lines_around_them() {
        let text: String = (1..=20).map(|number| format!("line {number}\n")).collect();
        let edits =
            [edit(&text, "line 5", "l 5\nl 5a"), edit(&text, "line 9", "l 9"), edit(&text, "line 19\n", "")];
        let diff = unified(&text, &edits, &[], "f");
        let expected = "--- f\n+++ f\n@@ -2,11 +2,12 @@\n line 2\n line 3\n line 4\n-line 5\n+l 5\n+l 5a\n line 6\n \
            line 7\n line 8\n-line 9\n+l 9\n line 10\n line 11\n line 12\n@@ -16,5 +17,4 @@\n line 16\n line 17\n line \
            18\n-line 19\n line 20\n";
        assert_eq!(diff, expected);
        assert_eq!(unified(&text, &[], &[], "f"), "");
    }

    #[test]
    fn ends_without_a_newline_and_terminal_commands_are_visible() {
        let diff = unified("a\u{1b}[2J\r\nb", &[edit("a\u{1b}[2J\r\nb", "b", "c")], &[], "f");
        let expected = "--- f\n+++ f\n@@ -1,2 +1,2 @@\n a\\u{1b}[2J\n-b\n\\ No newline at end of file\n+c\n\\ No \
            newline at end of file\n";
        assert_eq!(diff, expected);
    }

    #[test]
    fn secrets_are_not_shown_and_long_lines_are_cut_around_the_change() {
        let text = "x \"secret\"\ny\n\"\"\"sec\nret\"\"\"\n";
        let secrets = [2..10, 13..26];
        let diff = unified(text, &[edit(text, "y", "z")], &secrets, "f");
        assert!(
            !diff.contains("sec") && !diff.contains("ret") && diff.contains(" x \"…\"\n-y\n+z\n"),
            "{diff}"
        );
        assert!(diff.contains("@@ -1,4 +1,4 @@"), "{diff}");
        let long = format!("{}HERE{}", "a".repeat(5000), "b".repeat(5000));
        let diff = unified(&long, &[edit(&long, "HERE", "there")], &[], "f");
        assert!(diff.len() < 1200 && diff.contains("aaHEREbb") && diff.contains("aatherebb"), "{diff}");
    }

    #[test]
    fn colours_are_of_whole_lines() {
        assert_eq!(coloured("-a\n b\n"), "\u{1b}[31m-a\u{1b}[0m\n b\n");
    }
}
