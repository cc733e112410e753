//! What lines have in common: the message with everything that changes taken out.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::{Captures, Regex};

use crate::report::{clip, compile};

/// How much of a message makes its template.
const CHARACTERS: usize = 300;

/// The message with numbers, ids, addresses, times and quoted strings replaced by `<n>`, `<hex>`, `<uuid>`, `<ip>`,
/// `<time>` and `<str>`. Messages of one template are one error that happened often.
pub fn template(message: &str) -> String {
    static VARIABLE: LazyLock<Regex> = LazyLock::new(|| {
        compile(concat!(
            r#"(?P<str>"(?:[^"\\]|\\.)*"|\B'[^']*'\B|`[^`]*`)"#,
            r"|(?P<uuid>\b(?i:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\b)",
            r"|(?P<time>\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?)",
            r"|(?P<ip>\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b|\[?\b(?i:[0-9a-f]{1,4}(?::[0-9a-f]{0,4}){3,7})\b\]?(?::\d+)?)",
            r"|(?P<hex>\b0[xX][0-9a-fA-F]+\b|\b[0-9a-fA-F]{8,}\b)",
            r"|(?P<n>\d+(?:[.,]\d+)*)",
        ))
    });
    let message = clip(message.trim(), CHARACTERS);
    let replaced = VARIABLE.replace_all(&message, |found: &Captures<'_>| {
        let name =
            ["str", "uuid", "time", "ip", "hex", "n"].into_iter().find(|name| found.name(name).is_some());
        let all = &found[0];
        match name {
            // "deadbeef" is an id, "facade" and "defaced" are words; "20261122" is a number.
            Some("hex") if all.bytes().all(|byte| byte.is_ascii_digit()) => Cow::Borrowed("<n>"),
            Some("hex") if !all.bytes().any(|byte| byte.is_ascii_digit()) => Cow::Owned(all.to_owned()),
            Some("str") => Cow::Borrowed("<str>"),
            Some("uuid") => Cow::Borrowed("<uuid>"),
            Some("time") => Cow::Borrowed("<time>"),
            Some("ip") => Cow::Borrowed("<ip>"),
            Some("hex") => Cow::Borrowed("<hex>"),
            _ => Cow::Borrowed("<n>"),
        }
    });
    replaced.into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_is_replaced() {
        for (message, expected) in [
            ("took 12 ms", "took <n> ms"),
            ("took 1.5s, limit 1,000", "took <n>s, limit <n>"),
            ("worker-12 died", "worker-<n> died"),
            ("dial tcp 10.0.0.12:6379: connection refused", "dial tcp <ip>: connection refused"),
            ("from fe80:0:0:1::1 in", "from <ip> in"),
            ("order 123e4567-e89b-12d3-a456-426614174000 lost", "order <uuid> lost"),
            ("at 0xc000123abc", "at <hex>"),
            ("trace 4bf92f3577b34da6a3ce929d0e0e4736", "trace <hex>"),
            ("day 20261122", "day <n>"),
            ("deadline exceeded", "deadline exceeded"),
            ("effaced acceded", "effaced acceded"),
            (r#"user "a \" b" unknown"#, "user <str> unknown"),
            ("key 'x y' missing", "key <str> missing"),
            ("can't open the user's file", "can't open the user's file"),
            ("until 2026-11-22T10:00:00.5Z only", "until <time> only"),
            ("", ""),
        ] {
            assert_eq!(template(message), expected, "{message:?}");
        }
    }

    #[test]
    fn a_template_is_bounded() {
        assert!(template(&"word ".repeat(10_000)).chars().count() <= CHARACTERS);
        assert!(template(&"\"".repeat(10_001)).len() <= CHARACTERS * 5);
    }
}
