//! Finds secrets in texts by their look. No regular expressions: each byte is looked at a bounded number of times.

use std::collections::VecDeque;
use std::ops::Range;

use super::keys::Keys;
use super::mask::REDACTED;

/// Longest name of a value that is looked for before a `=` or `:`.
const LONGEST_KEY: usize = 64;

/// Most blanks, quotes or backslashes between a name and its value that are looked over.
const GAP: usize = 8;

/// Longest user and password in a URL that hold a slash or so, which they must not.
const LONGEST_USERINFO: usize = 256;

/// How well-known credentials begin, and how many characters of theirs must follow.
const PREFIXES: &[(&str, usize)] = &[
    ("AKIA", 16),
    ("ASIA", 16),
    ("ABIA", 16),
    ("ACCA", 16),
    ("ghp_", 16),
    ("gho_", 16),
    ("ghu_", 16),
    ("ghs_", 16),
    ("ghr_", 16),
    ("github_pat_", 16),
    ("glpat-", 16),
    ("gldt-", 16),
    ("glrt-", 16),
    ("glptt-", 16),
    ("glft-", 16),
    ("glcbt-", 16),
    ("glsoat-", 16),
    ("glimt-", 16),
    ("glagent-", 16),
    ("xoxa-", 10),
    ("xoxb-", 10),
    ("xoxc-", 10),
    ("xoxd-", 10),
    ("xoxe-", 10),
    ("xoxe.", 10),
    ("xoxp-", 10),
    ("xoxr-", 10),
    ("xoxs-", 10),
    ("xapp-", 10),
    ("hooks.slack.com/services/", 10),
    ("sk-", 16),
    ("sk_live_", 10),
    ("sk_test_", 10),
    ("rk_live_", 10),
    ("rk_test_", 10),
    ("whsec_", 16),
    ("AIza", 30),
    ("ya29.", 16),
    ("hf_", 20),
    ("npm_", 30),
    ("pypi-", 30),
    ("dckr_pat_", 16),
    ("dop_v1_", 16),
    ("hvs.", 20),
    ("shpat_", 16),
    ("xai-", 20),
    ("gsk_", 20),
    ("SG.", 30),
    ("AGE-SECRET-KEY-", 16),
];

/// The text without its secrets, if it has any.
pub(super) fn masked(text: &str, keys: &Keys) -> Option<String> {
    let bytes = text.as_bytes();
    let mut tokens = json_web_tokens(bytes);
    let (mut out, mut copied, mut at) = (String::new(), 0, 0);
    while at < bytes.len() {
        while tokens.front().is_some_and(|token| token.end <= at) {
            tokens.pop_front();
        }
        let token = tokens.front().filter(|token| token.start <= at).map(|token| at..token.end);
        match token.or_else(|| secret_at(bytes, at, keys)).filter(|secret| secret.end > secret.start) {
            Some(secret) => {
                out.push_str(text.get(copied..secret.start).unwrap_or_default());
                out.push_str(REDACTED);
                copied = secret.end;
                at = secret.end;
            }
            None => at += 1,
        }
    }
    (copied > 0).then(|| out + text.get(copied..).unwrap_or_default())
}

/// The secret that begins or is announced here. It does not begin before `at`.
fn secret_at(bytes: &[u8], at: usize, keys: &Keys) -> Option<Range<usize>> {
    match bytes[at] {
        b':' if bytes[at..].starts_with(b"://") => userinfo(bytes, at + 3).or_else(|| keyed(bytes, at, keys)),
        b':' | b'=' => keyed(bytes, at, keys),
        b'>' => tagged(bytes, at, keys),
        b'-' => private_key(bytes, at).or_else(|| flagged(bytes, at, keys)),
        b'b' | b'B' => scheme(bytes, at),
        _ => prefixed(bytes, at),
    }
}

/// Three parts in base64, of which the first is the beginning of a JSON object. Found in advance: a word is long, and
/// many places within it look like a beginning.
fn json_web_tokens(bytes: &[u8]) -> VecDeque<Range<usize>> {
    const BEGINNING: &[u8] = b"eyJ";
    const SHORTEST: usize = 8;
    let mut found = VecDeque::new();
    let mut start = 0;
    while start < bytes.len() {
        let end = start + run(&bytes[start..], |byte| is_base64url(byte) || byte == b'.');
        let mut part = start;
        // Where a token began in the part before, if it did.
        let mut begun = None;
        while part < end {
            let length = run(&bytes[part..end], is_base64url);
            if let Some(begin) = begun.filter(|_| length >= SHORTEST) {
                found.push_back(begin..end);
                break;
            }
            let beginning = memchr::memmem::find(&bytes[part..part + length], BEGINNING);
            begun = beginning.filter(|offset| length - offset >= SHORTEST).map(|offset| part + offset);
            part += length + 1;
        }
        start = end + 1;
    }
    found
}

/// User and password of a URL whose authority begins at `start`.
fn userinfo(bytes: &[u8], start: usize) -> Option<Range<usize>> {
    let rest = &bytes[start..];
    let authority =
        &rest[..run(rest, |byte| !ends_word(byte) && !matches!(byte, b'/' | b'?' | b'#' | b'\\'))];
    if let Some(length) = memchr::memrchr(b'@', authority) {
        return Some(start..start + length);
    }
    // A password with a slash, which should have been escaped: then the port is no number.
    let colon = memchr::memchr(b':', authority)?;
    if authority[colon + 1..].iter().all(u8::is_ascii_digit) {
        return None;
    }
    let word = &rest[..run(&rest[..rest.len().min(LONGEST_USERINFO)], |byte| !ends_word(byte))];
    memchr::memrchr(b'@', word).map(|length| start..start + length)
}

/// The value behind a `=` or `:` at `at` whose name says that it is a secret.
fn keyed(bytes: &[u8], at: usize, keys: &Keys) -> Option<Range<usize>> {
    if !is_named_secret(&bytes[..at], keys) {
        return None;
    }
    let gap = run(&bytes[at + 1..], |byte| matches!(byte, b' ' | b'\t' | b'=' | b'>' | b':'));
    let mut start = at + 1 + gap;
    let backslashes = run(&bytes[start..], |byte| byte == b'\\');
    let rest = match bytes.get(start + backslashes) {
        Some(quote @ (b'"' | b'\'' | b'`')) => {
            start += backslashes + 1;
            return Some(start..start + quoted(&bytes[start..], *quote, backslashes));
        }
        Some(b'{' | b'[') => return Some(start..start + bracketed(&bytes[start..])),
        _ => &bytes[start..],
    };
    let length = if bytes[at] == b'=' {
        run(rest, |byte| !byte.is_ascii_whitespace() && !matches!(byte, b'&' | b';'))
    } else {
        // Headers and YAML: blanks belong to the value.
        run(rest, |byte| !matches!(byte, b'\n' | b'\r'))
    };
    Some(start..start + length)
}

/// Whether the name at the end of this is that of a secret.
fn is_named_secret(before: &[u8], keys: &Keys) -> bool {
    let back = |text: &[u8], most: usize, belongs: fn(u8) -> bool| {
        let length = text.iter().rev().take(most).take_while(|byte| belongs(**byte)).count();
        text.len() - length
    };
    let is_name = |byte: u8| {
        byte.is_ascii_alphanumeric()
            || matches!(byte, b'_' | b'-' | b'.' | b'[' | b']' | b'$')
            || byte >= 0x80
    };
    let end = back(before, GAP, |byte| matches!(byte, b' ' | b'\t' | b'"' | b'\'' | b'`' | b'\\'));
    let start = back(&before[..end], LONGEST_KEY, is_name);
    let name = String::from_utf8_lossy(&before[start..end]);
    if keys.is_secret(&name) {
        return true;
    }
    // Two words make a name only where the second one says little: "API key", "private key".
    let gap = back(&before[..start], 1, |byte| byte == b' ');
    let first = back(&before[..gap], LONGEST_KEY, is_name);
    name.eq_ignore_ascii_case("key")
        && gap < start
        && keys.is_secret(&String::from_utf8_lossy(&before[first..end]))
}

/// How long a text is that began with a quote behind so many backslashes.
fn quoted(rest: &[u8], quote: u8, backslashes: usize) -> usize {
    let mut run = 0;
    for (at, byte) in rest.iter().enumerate() {
        if *byte == quote && run <= backslashes {
            return at - run;
        }
        run = if *byte == b'\\' { run + 1 } else { 0 };
    }
    rest.len()
}

/// How long an array or an object is, by its brackets alone.
fn bracketed(rest: &[u8]) -> usize {
    let mut depth = 0_usize;
    for (at, byte) in rest.iter().enumerate() {
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    rest.len()
}

/// The text of an XML element whose tag ends at `at`.
fn tagged(bytes: &[u8], at: usize, keys: &Keys) -> Option<Range<usize>> {
    let before = &bytes[..at];
    let open = memchr::memrchr(b'<', &before[before.len().saturating_sub(LONGEST_KEY)..])?;
    let name = std::str::from_utf8(&before[before.len().saturating_sub(LONGEST_KEY) + open + 1..]).ok()?;
    // Attributes are behind the first blank, a prefix of the name space before the last colon.
    let name = name.split_ascii_whitespace().next()?.rsplit(':').next()?;
    let secret = !name.starts_with('/') && keys.is_secret(name);
    secret.then(|| at + 1..at + 1 + run(&bytes[at + 1..], |byte| byte != b'<'))
}

/// The word behind a flag of a command line.
fn flagged(bytes: &[u8], at: usize, keys: &Keys) -> Option<Range<usize>> {
    if at > 0 && !ends_word(bytes[at - 1]) {
        return None;
    }
    let rest = &bytes[at..bytes.len().min(at + LONGEST_KEY)];
    let name = run(rest, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    let blanks = run(&bytes[at + name..], |byte| byte == b' ');
    let secret = blanks > 0 && keys.is_secret(std::str::from_utf8(&rest[..name]).ok()?);
    let start = at + name + blanks;
    secret.then(|| match bytes.get(start) {
        Some(quote @ (b'"' | b'\'')) => start + 1..start + 1 + quoted(&bytes[start + 1..], *quote, 0),
        _ => start..start + run(&bytes[start..], |byte| !byte.is_ascii_whitespace()),
    })
}

/// A private key in PEM, with its borders; to the end if there is none.
fn private_key(bytes: &[u8], at: usize) -> Option<Range<usize>> {
    const BEGIN: &[u8] = b"-----BEGIN ";
    const END: &[u8] = b"-----END ";
    const BORDER: &[u8] = b"-----";
    let rest = bytes[at..].strip_prefix(BEGIN)?;
    let label = &rest[..rest.len().min(LONGEST_KEY)];
    let label = &label[..memchr::memmem::find(label, BORDER)?];
    memchr::memmem::find(label, b"PRIVATE KEY")?;
    let end = memchr::memmem::find(rest, END).and_then(|end| {
        let behind = end + END.len();
        memchr::memmem::find(&rest[behind..rest.len().min(behind + LONGEST_KEY)], BORDER)
            .map(|border| behind + border + BORDER.len())
    });
    Some(at..end.map_or(bytes.len(), |end| at + BEGIN.len() + end))
}

/// The credentials behind `Bearer` or `Basic`.
fn scheme(bytes: &[u8], at: usize) -> Option<Range<usize>> {
    const SHORTEST: usize = 8;
    let rest = &bytes[at..];
    let is =
        |name: &str| rest.get(..name.len()).is_some_and(|word| word.eq_ignore_ascii_case(name.as_bytes()));
    let basic = is("basic");
    let name = if basic {
        "basic".len()
    } else if is("bearer") {
        "bearer".len()
    } else {
        return None;
    };
    let blanks = run(&rest[name..], |byte| byte.is_ascii_whitespace());
    if blanks == 0 {
        return None;
    }
    let value = &rest[name + blanks..];
    let length = run(value, |byte| is_base64url(byte) || matches!(byte, b'.' | b'~' | b'+' | b'/' | b'='));
    // Many a sentence has "basic" and a long word.
    let secret = if basic { holds_colon(&value[..length]) } else { length >= SHORTEST };
    secret.then(|| at + name + blanks..at + name + blanks + length)
}

/// Whether this is base64 of something with a colon, as user and password are.
fn holds_colon(base64: &[u8]) -> bool {
    let digits = &base64[..run(base64, |byte| byte != b'=')];
    let (mut bits, mut held) = (0_u32, 0);
    for digit in digits {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return false,
        };
        bits = bits << 6 | u32::from(value);
        held += 6;
        if held >= 8 {
            held -= 8;
            if (bits >> held) & 0xff == u32::from(b':') {
                return true;
            }
        }
    }
    false
}

/// A credential with a well-known beginning.
fn prefixed(bytes: &[u8], at: usize) -> Option<Range<usize>> {
    if at > 0 && bytes[at - 1].is_ascii_alphanumeric() {
        return None;
    }
    let rest = &bytes[at..];
    let (prefix, _) = PREFIXES.iter().find(|(prefix, least)| {
        let behind = rest.strip_prefix(prefix.as_bytes());
        behind.is_some_and(|behind| run(&behind[..behind.len().min(*least)], is_credential) == *least)
    })?;
    Some(at..at + prefix.len() + run(&rest[prefix.len()..], is_credential))
}

fn is_base64url(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

fn is_credential(byte: u8) -> bool {
    is_base64url(byte) || matches!(byte, b'.' | b'/' | b'+' | b'=')
}

/// Blanks and what stands around words, but not in them.
fn ends_word(byte: u8) -> bool {
    byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'' | b'`' | b'<' | b'>' | b'(' | b')' | b',')
}

/// How many bytes at the beginning belong.
fn run(bytes: &[u8], belongs: impl Fn(u8) -> bool) -> usize {
    bytes.iter().position(|byte| !belongs(*byte)).unwrap_or(bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let keys = Keys::new(&["iban".to_owned()]);
        assert_eq!(masked(text, &keys).as_deref().unwrap_or(text), expected);
    }

    #[test]
    fn harmless_texts_stay_as_they_are() {
        for text in [
            "",
            "Basic arithmetic operations with basic understanding",
            "see https://example.com:8080/a@b?c=d#e and mailto:someone@example.com",
            "max_tokens: 512, author: Ann, a=b",
            "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
            "task-management-for-everyone disk-usage-of-all-users",
            "eyJ alone, eyJhbGciOiJIUzI1NiJ9 and a.b.c are no tokens yet",
            "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "ünïcödé <b>bold</b> -v --verbose yes",
        ] {
            check(text, text);
        }
    }

    #[test]
    fn credentials_are_known_by_their_look() {
        for (text, expected) in [
            ("Bearer abcdef.123-456 ok", "Bearer [redacted] ok"),
            ("x BASIC  dXNlcjpwYXNz.", "x BASIC  [redacted]"),
            ("x BASIC  dXNlcjpwYXNz, y", "x BASIC  [redacted], y"),
            ("a eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.c2ln b", "a [redacted] b"),
            ("id=eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.", "id=[redacted]"),
            ("AKIAIOSFODNN7EXAMPLE", "[redacted]"),
            ("(ghp_0123456789abcdefghij)", "([redacted])"),
            ("use sk-ant-api03-abcdefghijklmnop now", "use [redacted] now"),
            ("xoxb-123456789012-abcdef", "[redacted]"),
            ("glpat-abcdefghijklmnopqrst", "[redacted]"),
            ("ghp_short", "ghp_short"),
            ("postgres://user:pw@host/db", "postgres://[redacted]@host/db"),
            ("redis://:p/w@host:1/0 x", "redis://[redacted]@host:1/0 x"),
            ("https://token@host/a://b@c", "https://[redacted]@host/a://[redacted]@c"),
        ] {
            check(text, expected);
        }
    }

    #[test]
    fn private_keys_are_masked_with_their_borders() {
        let key = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----";
        check(&format!("a {key} b"), "a [redacted] b");
        check(&format!("{key}{key}"), "[redacted][redacted]");
        check("-----BEGIN PRIVATE KEY-----\nMIIEow", "[redacted]");
    }

    #[test]
    fn values_are_masked_by_the_names_before_them() {
        for (text, expected) in [
            ("/a?q=1&access_token=abc&r=2", "/a?q=1&access_token=[redacted]&r=2"),
            ("PASSWORD=abc;User=x", "PASSWORD=[redacted];User=x"),
            ("password: correct horse\nuser: x", "password: [redacted]\nuser: x"),
            ("Authorization: Token abc", "Authorization: [redacted]"),
            ("API key: abc", "API key: [redacted]"),
            ("key: abc", "key: abc"),
            ("my iban = DE00", "my iban = [redacted]"),
            (r#"so {"password": "a\"b", "user": "x"}"#, r#"so {"password": "[redacted]", "user": "x"}"#),
            (r#"so {\"token\":\"a\",\"user\":\"x\"}"#, r#"so {\"token\":\"[redacted]\",\"user\":\"x\"}"#),
            (r#"so {"token": ["a", {"b": 1}], "u": 1}"#, r#"so {"token": [redacted], "u": 1}"#),
            ("'secret' => 'a b', 'c'", "'secret' => '[redacted]', 'c'"),
            ("<Password x='1'>abc</Password>", "<Password x='1'>[redacted]</Password>"),
            ("run --password abc --token=x -v", "run --password [redacted] --token=[redacted] -v"),
            ("password=", "password="),
        ] {
            check(text, expected);
        }
    }

    #[test]
    fn time_grows_with_the_length_and_not_faster() {
        // Each of these would take minutes if a place were looked at again from each place before it.
        for part in [
            "basic",
            "basic ",
            "eyJ",
            "eyJ-",
            "eyJaaaaaaaa",
            "://a:b",
            "://a:b@",
            "-----BEGIN PRIVATE",
            "--token ",
            "=",
            "password=",
            "password:\\",
            "password={",
            "<password>",
            "sk-",
            "a.",
            "'",
            "\\\"",
            "key: ",
            " ",
        ] {
            let text = part.repeat(200_000 / part.len());
            masked(&text, &Keys::new(&[]));
        }
    }
}
