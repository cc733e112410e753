//! One line: when, how serious, and what it says.

use std::borrow::Cow;
use std::sync::LazyLock;

use jiff::Timestamp;
use regex::Regex;

use crate::report::compile;
use serde_json::{Map, Value};

use super::{Level, Pattern, find_pattern};

/// One line of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// When it was written, if a timestamp stands before it.
    pub at: Option<Timestamp>,
    /// How serious the program says it is.
    pub level: Option<Level>,
    /// What it says: without the program's own timestamp and level.
    pub message: Cow<'a, str>,
    /// The whole line without the timestamp of the API.
    pub text: &'a str,
}

impl Line<'_> {
    /// What kind of failure it tells of. A program that calls the line information or less is believed.
    pub fn pattern(&self) -> Option<Pattern> {
        match self.level {
            Some(level) if level < Level::Warn => None,
            level => find_pattern(&self.message, level),
        }
    }

    /// Whether it tells of a failure: by its level, or by a pattern.
    pub fn is_error(&self) -> bool {
        self.level >= Some(Level::Error) || self.pattern().is_some()
    }

    /// Whether it is a warning, and not a failure.
    pub fn is_warning(&self) -> bool {
        self.level == Some(Level::Warn) && !self.is_error()
    }
}

/// A line as the API gives it with `timestamps=true`. Without the timestamp, the line is understood all the same.
pub fn parse_line(line: &str) -> Line<'_> {
    let line = line.trim_end_matches(['\r', '\n']);
    let (head, rest) = line.split_once(' ').unwrap_or((line, ""));
    match timestamp(head) {
        Some(at) => Line { at: Some(at), ..parse_text(rest) },
        None => parse_text(line),
    }
}

/// A line as the program wrote it, without the timestamp of the API.
pub fn parse_text(text: &str) -> Line<'_> {
    // Colours of terminals stand right before levels.
    static COLOUR: LazyLock<Regex> = LazyLock::new(|| compile("\u{1b}\\[[0-9;]*[A-Za-z]"));
    if !text.contains('\u{1b}') {
        return parse_plain(text);
    }
    let plain = COLOUR.replace_all(text, "");
    let line = parse_plain(&plain);
    Line { at: None, level: line.level, message: Cow::Owned(line.message.into_owned()), text }
}

fn parse_plain(text: &str) -> Line<'_> {
    let line = |level, message| Line { at: None, level, message, text };
    if text.starts_with('{')
        && let Some((level, message)) = of_json(text)
    {
        return line(level, Cow::Owned(message));
    }
    let body = &text[own_time(text)..];
    if let Some((level, message)) = of_klog(body) {
        return line(Some(level), Cow::Borrowed(message));
    }
    if let Some((level, message)) = of_logfmt(body) {
        return line(Some(level), message);
    }
    match of_word(body) {
        Some((level, message)) => line(Some(level), Cow::Borrowed(message)),
        None => line(None, Cow::Borrowed(body)),
    }
}

/// RFC 3339 as the API writes it; the length is looked at first, for most words are none.
fn timestamp(word: &str) -> Option<Timestamp> {
    let likely = (20..=35).contains(&word.len()) && word.as_bytes()[4] == b'-' && word.as_bytes()[10] == b'T';
    if likely { word.parse().ok() } else { None }
}

/// How long the timestamp is that the program put before the line itself.
fn own_time(text: &str) -> usize {
    static TIME: LazyLock<Regex> = LazyLock::new(|| {
        compile(
            r"^\s*\[?(?:\d{4}[-/]\d\d[-/]\d\d[T ])?\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z| ?[+-]\d\d:?\d\d| UTC)?\]?[\s:|-]*",
        )
    });
    TIME.find(text).map_or(0, |found| found.end())
}

fn of_json(text: &str) -> Option<(Option<Level>, String)> {
    let object: Map<String, Value> = serde_json::from_str(text).ok()?;
    let level = ["level", "severity", "lvl", "log.level", "levelname"]
        .iter()
        .find_map(|key| object.get(*key))
        .and_then(|level| match level {
            Value::String(word) => Level::of_word(word),
            Value::Number(number) => number.as_u64().and_then(Level::of_number),
            _ => None,
        });
    let member = |keys: &[&str]| {
        keys.iter().filter_map(|key| object.get(*key)).find_map(Value::as_str).filter(|text| !text.is_empty())
    };
    let says = member(&["message", "msg", "event"]);
    let error = member(&["error", "err", "exception"]);
    Some((level, joined(says, error).unwrap_or_else(|| text.to_owned())))
}

/// What a structured line says, with the error that it names.
fn joined(says: Option<&str>, error: Option<&str>) -> Option<String> {
    match (says, error) {
        (Some(says), Some(error)) => Some(format!("{says}: {error}")),
        (one, other) => one.or(other).map(str::to_owned),
    }
}

/// As `E0102 15:04:05.000000       1 reflector.go:138] failed to list`.
fn of_klog(text: &str) -> Option<(Level, &str)> {
    static HEAD: LazyLock<Regex> =
        LazyLock::new(|| compile(r"^([IWEF])\d{4} \d\d:\d\d:\d\d\.\d+\s+\d+ [^\]\s]+:\d+\] "));
    let head = HEAD.find(text)?;
    let level = match text.as_bytes()[0] {
        b'I' => Level::Info,
        b'W' => Level::Warn,
        b'E' => Level::Error,
        _ => Level::Fatal,
    };
    Some((level, &text[head.end()..]))
}

/// As `ts=… level=error msg="cannot start" err="no such host"`.
fn of_logfmt(text: &str) -> Option<(Level, Cow<'_, str>)> {
    static LEVEL: LazyLock<Regex> =
        LazyLock::new(|| compile(r#"(?:^|\s)(?:level|lvl|severity)="?([A-Za-z]+)"?(?:\s|$)"#));
    static SAYS: LazyLock<Regex> =
        LazyLock::new(|| compile(r#"(?:^|\s)(?:message|msg)=(?:"((?:[^"\\]|\\.)*)"|(\S+))"#));
    static ERROR: LazyLock<Regex> =
        LazyLock::new(|| compile(r#"(?:^|\s)(?:error|err)=(?:"((?:[^"\\]|\\.)*)"|(\S+))"#));
    // Three expressions on every line would be slow; most lines have no such member at all.
    if !text.contains('=') {
        return None;
    }
    let level = Level::of_word(LEVEL.captures(text)?.get(1)?.as_str())?;
    let value = |expression: &Regex| {
        let found = expression.captures(text)?;
        found.get(1).or_else(|| found.get(2)).map(|value| value.as_str())
    };
    Some((level, joined(value(&SAYS), value(&ERROR)).map_or(Cow::Borrowed(text), Cow::Owned)))
}

/// A level as a word near the beginning: `[error] …`, `ERROR: …`, `main ERROR …`, `Error: …`, `panic: …`.
fn of_word(text: &str) -> Option<(Level, &str)> {
    static FIRST: LazyLock<Regex> = LazyLock::new(|| {
        compile(
            r"(?i)^(?:\[(trace|debug|info|notice|warn|warning|error|err|severe|crit|critical|alert|emerg|fatal|panic)\]|(debug|info|notice|warn|warning|error|severe|critical|fatal|fatal error|panic)(?:\[\w+\])?:)\s*",
        )
    });
    // Capitals only, and set off by blanks or brackets: otherwise "no error" would be one.
    static NEAR: LazyLock<Regex> = LazyLock::new(|| {
        compile(
            r"(?:^|[\s\[|<])(TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|ERR|SEVERE|CRIT|CRITICAL|ALERT|EMERG|FATAL|PANIC|WRN|INF|DBG)(?:[\s\]|>:]|$)",
        )
    });
    if let Some(found) = FIRST.captures(text) {
        let word = found.get(1).or_else(|| found.get(2))?.as_str();
        let level = Level::of_word(word.split(' ').next()?)?;
        // These words are the failure itself, not only its level.
        let tells = word.eq_ignore_ascii_case("panic") || word.eq_ignore_ascii_case("fatal error");
        return Some((level, if tells { text } else { said(text, found.get(0)?.end()) }));
    }
    let near = text.char_indices().nth(NEAR_CHARACTERS).map_or(text.len(), |(at, _)| at);
    let word = NEAR.captures(&text[..near])?.get(1)?;
    if is_sum(&text[..word.start()], &text[word.end()..]) {
        return None;
    }
    Some((Level::of_word(word.as_str())?, said(text, word.end())))
}

/// Whether the word is counted rather than meant, as in "3 ERROR lines". A number before it alone may be a process.
fn is_sum(before: &str, after: &str) -> bool {
    static COUNTED: LazyLock<Regex> = LazyLock::new(|| {
        compile(r"^\s*(?:$|[,.;)]|(?:lines?|messages?|entry|entries|events?|records?|found|in|and|or)\b)")
    });
    before.trim_end().ends_with(|c: char| c.is_ascii_digit()) && COUNTED.is_match(after)
}

/// How far from the beginning of a line a level is looked for.
const NEAR_CHARACTERS: usize = 80;

/// What comes after the level; the whole line if that is nothing.
fn said(text: &str, from: usize) -> &str {
    let rest = text[from..].trim_start_matches([']', '>', ':', '|', '-', ' ', '\t']);
    if rest.is_empty() { text } else { rest }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn any_line_can_be_read(
            head in "(2026-11-22T10:00:00Z )?",
            word in "(ERROR|\\[error\\]|level=error |\\{\"level\":|E0102 15:04:05.0 1 a:1\\] |\u{1b}\\[|panic:)?",
            rest in "\\PC{0,120}",
        ) {
            let text = format!("{head}{word}{rest}");
            let line = parse_line(&text);
            proptest::prop_assert!(line.message.len() <= text.len() + 2);
            let _ = (line.is_error(), line.is_warning(), super::super::template(&line.message));
        }
    }

    fn check(line: &str, level: Option<Level>, message: &str) {
        let parsed = parse_line(line);
        assert_eq!((parsed.level, parsed.message.as_ref()), (level, message), "{line:?}");
    }

    #[test]
    fn the_timestamp_of_the_api_is_taken_off() {
        let line = parse_line("2026-11-22T10:00:00.123456789Z hello world");
        assert_eq!(line.at, "2026-11-22T10:00:00.123456789Z".parse().ok());
        assert_eq!((line.text, line.level), ("hello world", None));
        for (line, text) in [
            ("2026-11-22T10:00:00.1Z ", ""),
            ("2026-11-22T10:00:00.1Z", ""),
            ("2026-11-22T10:00:00.1Z   indented\r", "  indented"),
            ("no timestamp", "no timestamp"),
            ("", ""),
        ] {
            assert_eq!(parse_line(line).text, text, "{line:?}");
        }
        assert_eq!(parse_line("aaaaäaaaaaaaaaaaaaaaaaaa b").at, None);
    }

    #[test]
    fn levels_are_found_where_loggers_put_them() {
        use Level::{Debug, Error, Fatal, Info, Warn};
        for (line, level, message) in [
            (r#"{"level":"error","msg":"cannot start"}"#, Some(Error), "cannot start"),
            (r#"{"severity":"WARNING","message":"slow"}"#, Some(Warn), "slow"),
            (r#"{"lvl":"dbug","message":"x"}"#, None, "x"),
            (r#"{"level":50,"msg":"a","err":"ECONNREFUSED"}"#, Some(Error), "a: ECONNREFUSED"),
            (r#"{"level":{"x":1},"msg":7}"#, None, r#"{"level":{"x":1},"msg":7}"#),
            (r#"{"level":"info""#, None, r#"{"level":"info""#),
            ("E0102 15:04:05.000000       1 reflector.go:138] failed to list", Some(Error), "failed to list"),
            ("I0102 15:04:05.000000       1 main.go:1] started", Some(Info), "started"),
            ("F0102 15:04:05.000000       1 main.go:1] gone", Some(Fatal), "gone"),
            (r#"ts=1 level=error msg="no \"x\"" err=EOF"#, Some(Error), r#"no \"x\": EOF"#),
            ("level=warn component=db", Some(Warn), "level=warn component=db"),
            ("time=\"2026-11-22\" lvl=info msg=up", Some(Info), "up"),
            ("2026/11/22 10:00:00 [error] 29#29: *1 open() failed", Some(Error), "29#29: *1 open() failed"),
            ("2026-11-22 10:00:00,123 ERROR db - lost", Some(Error), "db - lost"),
            ("[2026-11-22 10:00:00 +0000] [7] [INFO] Booting worker", Some(Info), "Booting worker"),
            ("2026-11-22 10:00:00.1 UTC [12] FATAL:  no password", Some(Fatal), "no password"),
            ("10:00:00.123 [main] WARN  c.e.Foo - slow", Some(Warn), "c.e.Foo - slow"),
            ("ERROR:root:no", Some(Error), "root:no"),
            ("Error: Cannot find module 'x'", Some(Error), "Cannot find module 'x'"),
            ("panic: runtime error", Some(Fatal), "panic: runtime error"),
            ("fatal error: all asleep", Some(Fatal), "fatal error: all asleep"),
            ("DEBUG x", Some(Debug), "x"),
            ("ERROR", Some(Error), "ERROR"),
            ("no error here", None, "no error here"),
            ("finished with 0 ERROR lines", None, "finished with 0 ERROR lines"),
            ("found 3 ERROR", None, "found 3 ERROR"),
            ("2026-11-22 10:00:00.123 17 ERROR api lost", Some(Error), "api lost"),
            ("\u{1b}[31mERROR\u{1b}[0m lost", Some(Error), "lost"),
            ("\u{1b}[2m10:00:00\u{1b}[0m \u{1b}[33m WARN\u{1b}[0m slow", Some(Warn), "slow"),
            ("INFO 0 errors", Some(Info), "0 errors"),
            ("failover ok", None, "failover ok"),
            ("GET /ERROR 200", None, "GET /ERROR 200"),
        ] {
            check(line, level, message);
        }
    }

    #[test]
    fn a_failure_is_a_level_or_a_pattern() {
        for (line, error, warning) in [
            ("ERROR odd", true, false),
            ("dial tcp: connection refused", true, false),
            ("WARN dial tcp: connection refused", true, false),
            ("WARN slow", false, true),
            ("INFO certificate renewed", false, false),
            ("0 errors", false, false),
            ("failover ok", false, false),
            ("Traceback (most recent call last):", true, false),
        ] {
            let line = parse_line(line);
            assert_eq!((line.is_error(), line.is_warning()), (error, warning), "{line:?}");
        }
    }
}
