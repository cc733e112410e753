//! What came of a scenario: bytes, end, and what the client saw. Two of them are compared.

use std::fmt::Write as _;

use memchr::memmem;

use super::super::process::fail;
use super::Start;

/// How far two texts are shown from where they differ.
const SHOWN: usize = 200;

/// What came of one play, without what the wrapper may add: context in messages, and its own lines on standard error.
pub(crate) struct Outcome {
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
    /// Status or signal.
    pub(crate) end: String,
    /// What the scenario says of it.
    pub(crate) notes: Vec<String>,
    /// The lines of the wrapper.
    pub(crate) warnings: Vec<String>,
    /// How many contexts were written.
    pub(crate) contexts: usize,
}

impl Outcome {
    pub(crate) fn new(
        start: &Start,
        (mut stdout, mut stderr): (Vec<u8>, Vec<u8>),
        end: String,
        notes: Vec<String>,
    ) -> Self {
        let mut contexts = 0;
        if start.writes() {
            for text in [&mut stdout, &mut stderr] {
                let (without, found) = without_contexts(text);
                (*text, contexts) = (without, contexts + found);
            }
        }
        let mut warnings = Vec::new();
        if start.is_wrapped() {
            (stderr, warnings) = without_own_lines(&stderr);
        }
        if !start.inspects() {
            warnings.retain(|line| !line.ends_with("--inspect: nothing is counted, and there are no traces"));
        }
        if start.exports() {
            warnings.retain(|line| {
                !line.contains("spans cannot be exported") && !line.contains("spans are not exported")
            });
        }
        Self { stdout, stderr, end, notes, warnings, contexts }
    }

    /// What it says on standard error.
    pub(crate) fn errors(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    /// Takes out the warnings that are expected here; there is at least one.
    pub(crate) fn take_warnings(&mut self, text: &str) {
        let before = self.warnings.len();
        self.warnings.retain(|warning| !warning.contains(text));
        if self.warnings.len() == before {
            fail(&format!("no warning of {text:?} in {:#?}", self.warnings));
        }
    }

    /// Fails with all that is different.
    pub(super) fn must_be(&self, other: &Self, name: &str) {
        let mut wrong = String::new();
        for (what, ours, theirs) in
            [("stdout", &self.stdout, &other.stdout), ("stderr", &self.stderr, &other.stderr)]
        {
            if ours != theirs {
                write!(wrong, "\n{what}: {}", difference(ours, theirs)).ok();
            }
        }
        if (&self.end, &self.notes) != (&other.end, &other.notes) {
            let of = |outcome: &Self| format!("{}; {:#?}", outcome.end, outcome.notes);
            write!(wrong, "\nend: {}\ninstead of {}", of(self), of(other)).ok();
        }
        if !self.warnings.is_empty() {
            write!(wrong, "\nwarnings: {:#?}", self.warnings).ok();
        }
        if !wrong.is_empty() {
            fail(&format!("{name}, compared with the server itself:{wrong}"));
        }
    }
}

/// Where two texts begin to differ.
fn difference(ours: &[u8], theirs: &[u8]) -> String {
    let at = ours.iter().zip(theirs).take_while(|(one, other)| one == other).count();
    let show = |text: &[u8]| {
        let from = at.saturating_sub(SHOWN / 2);
        let part = &text[from.min(text.len())..(at + SHOWN).min(text.len())];
        format!("{:?} ({} bytes)", String::from_utf8_lossy(part), text.len())
    };
    format!("from byte {at}: {}\ninstead of {}", show(ours), show(theirs))
}

/// The text without the trace contexts that were inserted, and how many there were. Where `params` or `_meta` were empty
/// before this cannot be told.
fn without_contexts(text: &[u8]) -> (Vec<u8>, usize) {
    const MEMBER: &[u8] = br#""traceparent":"00-"#;
    const LENGTH: usize = br#""traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01""#.len();
    let (mut out, mut rest, mut count) = (Vec::with_capacity(text.len()), text, 0);
    while let Some(at) = memmem::find(rest, MEMBER).filter(|at| rest.len() >= at + LENGTH) {
        out.extend_from_slice(&rest[..at]);
        rest = &rest[at + LENGTH..];
        if let Some(state) = rest.strip_prefix(br#","tracestate":"ot=th:"#) {
            rest = memmem::find(state, b"\"").map_or(rest, |end| &state[end + 1..]);
        }
        for (opening, closing) in [(&br#""params":{"_meta":{"#[..], &b"}}"[..]), (br#""_meta":{"#, b"}")] {
            if out.ends_with(opening) && rest.starts_with(closing) {
                out.truncate(out.len() - opening.len());
                rest = &rest[closing.len()..];
                break;
            }
        }
        rest = rest.strip_prefix(b",").unwrap_or(rest);
        count += 1;
    }
    out.extend_from_slice(rest);
    (out, count)
}

/// The text without the lines of our log, and these.
fn without_own_lines(text: &[u8]) -> (Vec<u8>, Vec<String>) {
    let (mut rest, mut own) = (Vec::new(), Vec::new());
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        let shown = String::from_utf8_lossy(line);
        let mut words = shown.split_ascii_whitespace();
        let is_moment = |word: &str| word.starts_with("20") && word.contains('T') && word.ends_with('Z');
        let is_log = words.next().is_some_and(is_moment) && matches!(words.next(), Some("WARN" | "ERROR"));
        if is_log || shown.starts_with("mcp-tap: ") {
            own.push(shown.trim_end().to_owned());
        } else {
            rest.extend_from_slice(line);
        }
    }
    (rest, own)
}

#[test]
fn what_the_wrapper_adds_is_taken_out_and_nothing_else() {
    let context = r#""traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01""#;
    for (with, without) in [
        (r#"{"params":{"_meta":{CONTEXT}},"id":1}"#, r#"{"id":1}"#),
        (r#"{"params":{"_meta":{CONTEXT},"name":"x"}}"#, r#"{"params":{"name":"x"}}"#),
        (
            r#"{"params":{"_meta":{CONTEXT,"tracestate":"ot=th:e666"},"name":"x"}}"#,
            r#"{"params":{"name":"x"}}"#,
        ),
        (
            r#"{"params":{"_meta":{CONTEXT,"progressToken":1}}}"#,
            r#"{"params":{"_meta":{"progressToken":1}}}"#,
        ),
        (r#"{"params":{"_meta":{"progressToken":1}}}"#, r#"{"params":{"_meta":{"progressToken":1}}}"#),
    ] {
        let count = usize::from(with.contains("CONTEXT"));
        let found = without_contexts(with.replace("CONTEXT", context).as_bytes());
        assert_eq!(found, (without.as_bytes().to_vec(), count));
    }
    let text = b"a log\n2026-01-01T00:00:00.000000Z  WARN ours\n2026 theirs\nmcp-tap: ours\nno end";
    let (rest, own) = without_own_lines(text);
    assert_eq!(rest, b"a log\n2026 theirs\nno end");
    assert_eq!(own, ["2026-01-01T00:00:00.000000Z  WARN ours", "mcp-tap: ours"]);
}
