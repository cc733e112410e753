//! W3C Trace Context, Level 2: the `tracestate` that goes with a `traceparent`, and OpenTelemetry's member `ot` of it,
//! which tells how a trace was sampled (otel-mcp.md §9, slo-and-alerts.md §13).

use std::fmt;
use std::sync::Arc;

use super::sampling::{Randomness, Threshold};

/// A `tracestate` that keeps the grammar: its members, in order, without empty ones. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TraceState(Arc<str>);

impl TraceState {
    /// Members that a list may have.
    pub const MEMBERS: usize = 32;
    /// Bytes of a list that must be passed on, if it is that long.
    pub const LENGTH: usize = 512;
    /// Bytes that a member's value may have.
    const VALUE: usize = 256;
    /// Bytes from which a member is the first to go when a list is too long.
    const LARGE: usize = 128;

    /// Reads the values of all `tracestate` headers (or of the one member) in order; `None` when any of it breaks the
    /// grammar or has too many members: then all of it must be dropped. Of members with equal keys the first, which is
    /// the latest, stays.
    ///
    /// ```
    /// use mcp_tap::protocol::traceparent::TraceState;
    ///
    /// let state = TraceState::parse([&b"congo=t61, ot=rv:6e6d1a75832a2f"[..], b"rojo=00f0"]).unwrap();
    /// assert_eq!(state.to_string(), "congo=t61,ot=rv:6e6d1a75832a2f,rojo=00f0");
    /// assert!(state.randomness().is_some());
    /// ```
    #[must_use]
    pub fn parse<'a>(values: impl IntoIterator<Item = &'a [u8]>) -> Option<Self> {
        let mut list = String::new();
        let mut count = 0;
        for member in values.into_iter().flat_map(|value| value.split(|byte| *byte == b',')) {
            let member = trimmed(member);
            if member.is_empty() {
                continue;
            }
            let key = std::str::from_utf8(key_of(member)?).ok()?;
            count += 1;
            if count > Self::MEMBERS {
                return None;
            }
            if value_of(&list, key).is_none() {
                push(&mut list, std::str::from_utf8(member).ok()?);
            }
        }
        Some(Self(list.into()))
    }

    /// The list as it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it has no member: such a list is not written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// `rv` of the `ot` member: the random bits of the trace, where they are not those of its id.
    #[must_use]
    pub fn randomness(&self) -> Option<Randomness> {
        Randomness::parse(self.sub_value("rv")?)
    }

    /// `th` of the `ot` member: how the trace was sampled before it came here.
    #[must_use]
    pub fn threshold(&self) -> Option<Threshold> {
        Threshold::parse(self.sub_value("th")?)
    }

    /// The list that says that the trace was sampled by this threshold: `ot` with that `th` and its other sub-keys, and
    /// behind it the other members, as many as there may be. [`TraceState::default`] is the list to begin with.
    ///
    /// What is too long for a value is not said; neither is [`Threshold::NEVER`], which has no spelling.
    #[must_use]
    pub fn with_threshold(&self, threshold: Threshold) -> Self {
        let mut value = format!("th:{threshold}");
        self.push_others(&mut value);
        if threshold == Threshold::NEVER || value.len() > Self::VALUE {
            return self.without_threshold();
        }
        self.with_ot(&value)
    }

    /// The list that does not say by what threshold the trace was sampled. An `ot` member that changes moves to the
    /// front, and goes if nothing is left in it.
    #[must_use]
    pub fn without_threshold(&self) -> Self {
        if !self.sub_keys().any(|sub_key| name_of(sub_key) == "th") {
            return self.clone();
        }
        let mut value = String::new();
        self.push_others(&mut value);
        self.with_ot(&value)
    }

    /// Cuts whole members until the list has at most `length` bytes: first large ones, then from the right.
    pub fn shorten(&mut self, length: usize) {
        let mut size = self.0.len();
        if size <= length {
            return;
        }
        let mut members: Vec<&str> = self.members().collect();
        for only_large in [true, false] {
            for at in (0..members.len()).rev() {
                let member = members[at].len();
                if size > length && (!only_large || member > Self::LARGE) {
                    members.remove(at);
                    size -= member + usize::from(!members.is_empty());
                }
            }
        }
        self.0 = members.join(",").into();
    }

    fn members(&self) -> impl Iterator<Item = &str> {
        self.0.split(',').filter(|member| !member.is_empty())
    }

    /// The parts of the `ot` member's value.
    fn sub_keys(&self) -> impl Iterator<Item = &str> {
        value_of(&self.0, "ot").unwrap_or_default().split(';').filter(|sub_key| !sub_key.is_empty())
    }

    fn sub_value(&self, name: &str) -> Option<&str> {
        self.sub_keys().find_map(|sub_key| sub_key.strip_prefix(name)?.strip_prefix(':'))
    }

    /// Adds all sub-keys of the `ot` member but `th`.
    fn push_others(&self, value: &mut String) {
        for sub_key in self.sub_keys().filter(|sub_key| name_of(sub_key) != "th") {
            if !value.is_empty() {
                value.push(';');
            }
            value.push_str(sub_key);
        }
    }

    /// The list with this value of `ot`, at the front; without it when there is none.
    fn with_ot(&self, value: &str) -> Self {
        // A value may not end in a space, a sub-key inside of it may.
        let value = value.trim_end_matches(' ');
        let mut list = String::with_capacity(self.0.len() + value.len() + 4);
        let mut room = Self::MEMBERS;
        if !value.is_empty() {
            list.push_str("ot=");
            list.push_str(value);
            room -= 1;
        }
        let others = self.members().filter(|member| !member.starts_with("ot="));
        others.take(room).for_each(|member| push(&mut list, member));
        Self(list.into())
    }
}

impl fmt::Display for TraceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Adds a member to a list.
fn push(list: &mut String, member: &str) {
    if !list.is_empty() {
        list.push(',');
    }
    list.push_str(member);
}

/// The value under `key` in a list of valid members.
fn value_of<'a>(list: &'a str, key: &str) -> Option<&'a str> {
    list.split(',').find_map(|member| member.strip_prefix(key)?.strip_prefix('='))
}

/// The name of a sub-key of `ot`.
fn name_of(sub_key: &str) -> &str {
    sub_key.split_once(':').map_or(sub_key, |(name, _)| name)
}

/// Without the spaces and tabs around it.
fn trimmed(member: &[u8]) -> &[u8] {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let start = member.iter().position(|byte| !blank(byte)).unwrap_or(member.len());
    let end = member.iter().rposition(|byte| !blank(byte)).map_or(start, |last| last + 1);
    &member[start..end]
}

/// The key of a valid member.
fn key_of(member: &[u8]) -> Option<&[u8]> {
    let equals = member.iter().position(|byte| *byte == b'=')?;
    let (key, value) = (&member[..equals], &member[equals + 1..]);
    let first = matches!(key.first(), Some(b'a'..=b'z' | b'0'..=b'9'));
    let others =
        key.iter().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'*' | b'/' | b'@'));
    let printable = value.iter().all(|byte| matches!(byte, b' '..=b'~') && *byte != b'=');
    let ends = value.last().is_some_and(|byte| *byte != b' ');
    let fits = key.len() <= 256 && value.len() <= TraceState::VALUE;
    (first && others && printable && ends && fits).then_some(key)
}

#[cfg(test)]
#[path = "tests/tracestate.rs"]
mod tests;
