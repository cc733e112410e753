//! Lines that belong together: a failure and the trace of calls beneath it.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::Regex;

use crate::report::compile;

use super::{Line, parse_line};

/// A line, and how many continue it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The head. Of a trace whose head names no cause, the message has the cause too.
    pub line: Line<'a>,
    /// How many lines continue it.
    pub more: usize,
}

/// The lines as entries: frames of calls are joined to the line above them.
pub fn entries<'a>(lines: impl IntoIterator<Item = &'a str>) -> Vec<Entry<'a>> {
    let mut entries: Vec<Entry<'a>> = Vec::new();
    // The head waits for a line that names the cause: Python puts it after the frames, Rust beneath the head.
    let mut waits = false;
    for raw in lines {
        let line = parse_line(raw);
        let Some(head) = entries.last_mut() else {
            waits = names_no_cause(&line);
            entries.push(Entry { line, more: 0 });
            continue;
        };
        let of_trace = waits || head.more > 0 || head.line.is_error();
        if of_trace && continues(line.text, head.more > 0) {
            head.more += 1;
        } else if waits && line.level.is_none() && !line.text.is_empty() {
            head.line.message = Cow::Owned(format!("{} {}", head.line.message, line.text.trim()));
            head.more += 1;
            waits = false;
        } else {
            waits = names_no_cause(&line);
            entries.push(Entry { line, more: 0 });
        }
    }
    entries
}

fn names_no_cause(line: &Line<'_>) -> bool {
    line.text.contains("Traceback (most recent call last)")
        || line.text.contains("panicked at") && line.text.ends_with(':')
}

/// Whether the line is a frame. `within`: the line above is one, so weaker signs do.
fn continues(text: &str, within: bool) -> bool {
    static SIGN: LazyLock<Regex> = LazyLock::new(|| {
        compile(
            r"^(?:\s+\S|at \S+|Caused by: |\.\.\. \d+ more|goroutine \d+ \[|stack backtrace:|note: |created by |exit status \d+$|\[signal )",
        )
    });
    // A function of Go stands without indentation above the line with its file.
    static CALL: LazyLock<Regex> = LazyLock::new(|| compile(r"^[\w./*\-]+(?:\.\(\*?\w+\))?[\w./]*\(.*\)$"));
    SIGN.is_match(text) || within && (text.is_empty() || CALL.is_match(text)) || text.trim().is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(lines: &[&str], expected: &[(&str, usize)]) {
        let found = entries(lines.iter().copied());
        let found: Vec<(&str, usize)> =
            found.iter().map(|entry| (entry.line.message.as_ref(), entry.more)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn frames_of_java_are_joined() {
        check(
            &[
                "ERROR java.io.IOException: gone",
                "\tat com.example.Db.open(Db.java:12)",
                "Caused by: java.net.ConnectException: connection refused",
                "\t... 12 more",
                "INFO next",
            ],
            &[("java.io.IOException: gone", 3), ("next", 0)],
        );
    }

    #[test]
    fn the_cause_of_a_traceback_is_in_its_message() {
        check(
            &[
                "2026-11-22T10:00:00Z Traceback (most recent call last):",
                "2026-11-22T10:00:00Z   File \"/app/main.py\", line 3, in <module>",
                "2026-11-22T10:00:00Z     os.environ['DATABASE_URL']",
                "2026-11-22T10:00:00Z KeyError: 'DATABASE_URL'",
                "2026-11-22T10:00:01Z bye",
            ],
            &[("Traceback (most recent call last): KeyError: 'DATABASE_URL'", 3), ("bye", 0)],
        );
    }

    #[test]
    fn a_panic_of_go_is_one_entry() {
        check(
            &[
                "panic: assignment to entry in nil map",
                "",
                "goroutine 1 [running]:",
                "main.main()",
                "\t/app/main.go:12 +0x1d",
                "main.(*Server).Run(0xc000)",
                "\t/app/server.go:40",
                "exit status 2",
            ],
            &[("panic: assignment to entry in nil map", 7)],
        );
    }

    #[test]
    fn plain_lines_stay_alone() {
        check(
            &["listening", "  indented table", "call(x)", ""],
            &[("listening", 0), ("  indented table", 0), ("call(x)", 0), ("", 0)],
        );
    }
}
