//! Takes what was written into a body out again, by its look alone and without any help from the code under test.

use serde::de::IgnoredAny;

/// Length of a `traceparent`.
const PARENT: usize = 55;
/// How the other member begins.
const STATE: &[u8] = br#""tracestate":"#;

/// How many contexts were written, if `got` is `sent` with nothing but contexts written into it.
pub(crate) fn written(sent: &[u8], got: &[u8]) -> Option<usize> {
    // Where nothing was written, nothing is looked for.
    if sent == got { Some(0) } else { same(sent, got) }
}

/// Both are followed from one context of `got` to the next; what stands between them must be the same.
fn same(sent: &[u8], got: &[u8]) -> Option<usize> {
    let mut from = 0;
    loop {
        let state = got[from..].windows(STATE.len()).position(|part| part == STATE).map(|at| from + at);
        let parent = next(got, from);
        let Some(at) = state.into_iter().chain(parent).min() else { return (sent == got).then_some(0) };
        let found = if parent == Some(at) {
            inserted(sent, got, at).or_else(|| replaced(sent, got, at)).map(|rest| rest + 1)
        } else {
            state_written(sent, got, at)
        };
        if found.is_some() {
            return found;
        }
        // It came with the client.
        from = at + 1;
    }
}

/// A `tracestate` stands there alone: a new member, or a new value.
fn state_written(sent: &[u8], got: &[u8], at: usize) -> Option<usize> {
    let value = at + STATE.len();
    let end = value + json_value(&got[value..])?;
    let rest = sent.strip_prefix(&got[..at])?;
    let inserted = got[end..].strip_prefix(b",").and_then(|got| same(rest, got));
    inserted.or_else(|| {
        let old = rest.strip_prefix(STATE)?;
        let length = json_value(old)?;
        let changed = old[..length] != got[value..end];
        if changed { same(&old[length..], &got[end..]) } else { None }
    })
}

/// How long the value at the beginning is.
fn json_value(text: &[u8]) -> Option<usize> {
    let mut values = serde_json::Deserializer::from_slice(text).into_iter::<IgnoredAny>();
    values.next()?.ok()?;
    Some(values.byte_offset())
}

/// The next value, with its quotes, that may be a `traceparent`.
fn next(got: &[u8], from: usize) -> Option<usize> {
    let is_parent = |value: &[u8]| {
        let fits = |(at, byte): (usize, &u8)| match at {
            0 | 56 => *byte == b'"',
            3 | 36 | 53 => *byte == b'-',
            _ => byte.is_ascii_digit() || (b'a'..=b'f').contains(byte),
        };
        value.iter().enumerate().all(fits)
    };
    (from..got.len().saturating_sub(PARENT + 1)).find(|at| is_parent(&got[*at..at + PARENT + 2]))
}

/// It stands in a member that was not there.
fn inserted(sent: &[u8], got: &[u8], at: usize) -> Option<usize> {
    let mut start = got[..at].strip_suffix(br#""traceparent":"#)?.len();
    let mut end = at + PARENT + 2;
    let mut tries = vec![(start, end)];
    if let Some(rest) = got[end..].strip_prefix(br#","tracestate":"#) {
        end += 1 + STATE.len() + json_value(rest)?;
        tries.push((start, end));
    }
    for wrapping in [&br#""_meta":{"#[..], br#""params":{"#] {
        let (Some(before), Some(b"}")) = (got[..start].strip_suffix(wrapping), got.get(end..=end)) else {
            break;
        };
        (start, end) = (before.len(), end + 1);
        tries.push((start, end));
    }
    tries.into_iter().find_map(|(start, end)| {
        let rest = sent.strip_prefix(&got[..start])?;
        let with_comma = got[end..].strip_prefix(b",").and_then(|got| same(rest, got));
        with_comma.or_else(|| same(rest, &got[end..]))
    })
}

/// It stands where another value stood.
fn replaced(sent: &[u8], got: &[u8], at: usize) -> Option<usize> {
    let rest = sent.strip_prefix(&got[..at])?;
    let behind = &rest[json_value(rest)?..];
    // The client's own.
    if rest.starts_with(&got[at..at + PARENT + 2]) {
        return None;
    }
    same(behind, &got[at + PARENT + 2..])
}
