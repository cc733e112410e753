//! The line of `/proc/PID/stat` (proc(5)), which only Linux has.

use std::str::SplitAsciiWhitespace;

/// Clock ticks per second in `/proc`: `USER_HZ`, 100 on every Linux that Rust is built for.
pub(crate) const TICKS: f64 = 100.0;

/// The fields from the third on, the state: field N is the (N - 3)th of them. The name of the command before them may hold
/// spaces and brackets.
pub(crate) fn fields(line: &str) -> Option<SplitAsciiWhitespace<'_>> {
    Some(line.rsplit_once(')')?.1.split_ascii_whitespace())
}
