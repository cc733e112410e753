//! Documents that claim to be JSON-RPC.

use super::support::random::Random;

const OLD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";

fn pick<'a>(random: &mut Random, of: &[&'a str]) -> &'a str {
    of[random.below(of.len())]
}

/// One, of any kind: a message, a batch, a broken one, none.
pub(crate) fn document(random: &mut Random) -> Vec<u8> {
    let mut text = match random.below(10) {
        0..=4 => message(random),
        5..=7 => batch(random),
        8 => garbage(random),
        _ => value(random, 3),
    }
    .into_bytes();
    match random.below(12) {
        0 => drop(text.splice(0..0, *b"\xef\xbb\xbf")),
        1 => text.truncate(random.below(text.len() + 1)),
        2 => text.extend_from_slice(pick(random, &["\n", "}", ",", " {}", "\0"]).as_bytes()),
        3 if !text.is_empty() => {
            let at = random.below(text.len());
            text[at] = b"\"\\{}[],:\xff\0 0"[random.below(12)];
        }
        _ => {}
    }
    text
}

fn batch(random: &mut Random) -> String {
    let (count, blank) = (random.below(6), blank(random));
    let messages: Vec<String> = (0..count).map(|_| message(random)).collect();
    format!("{blank}[{blank}{}]{blank}", messages.join(&format!("{blank},")))
}

fn blank(random: &mut Random) -> &'static str {
    pick(random, &["", "", " ", "\n", "\r\n\t", "  "])
}

fn message(random: &mut Random) -> String {
    let method = pick(
        random,
        &["ping", "tools/call", "tools/list", "initialize", "notifications/initialized", "x/y", "\\u0070ing"],
    );
    let mut members = vec![r#""jsonrpc":"2.0""#.to_owned()];
    if random.below(4) > 0 {
        members
            .push(format!(r#""id":{}"#, pick(random, &["1", "\"a\"", "1e3", "null", "\"\\u0031\"", "-7"])));
    }
    match random.below(8) {
        0 => members.push(format!(r#""result":{}"#, params(random))),
        1 => members.push(format!(r#""error":{{"code":1,"message":"","data":{}}}"#, params(random))),
        _ => members.push(format!(r#""method":"{method}""#)),
    }
    if random.below(5) > 0 {
        let key = pick(random, &["params", "params", "params", "par\\u0061ms", "Params"]);
        members.push(format!(r#""{key}":{}"#, params(random)));
    }
    if random.below(16) == 0 {
        members.push(format!(r#""params":{}"#, params(random)));
    }
    object(random, members)
}

fn params(random: &mut Random) -> String {
    if random.below(10) == 0 {
        return value(random, 2);
    }
    let mut members = Vec::new();
    if random.below(2) == 0 {
        members.push(r#""name":"echo""#.to_owned());
    }
    if random.below(2) == 0 {
        members.push(format!(r#""arguments":{}"#, value(random, 3)));
    }
    for _ in 0..[0, 1, 1, 1, 2][random.below(5)] {
        let key = pick(random, &["_meta", "_meta", "_meta", "_met\\u0061", "meta"]);
        members.push(format!(r#""{key}":{}"#, meta(random)));
    }
    object(random, members)
}

fn meta(random: &mut Random) -> String {
    if random.below(10) == 0 {
        return value(random, 1);
    }
    let mut members = Vec::new();
    for _ in 0..[0, 1, 1, 2][random.below(4)] {
        let old = format!(r#""{OLD}""#);
        let given = pick(random, &[&old, "\"00-\"", "null", "{\"traceparent\":[1]}", "[]", "\"\\u0030\""]);
        members.push(format!(r#""traceparent":{given}"#));
    }
    if random.below(3) == 0 {
        members.push(format!(r#""tracestate":{}"#, pick(random, &["\"c=3\"", "\"\"", "7", "\"\\u0063=3\""])));
    }
    if random.below(3) == 0 {
        members.push(format!(r#""progressToken":{}"#, value(random, 1)));
    }
    object(random, members)
}

fn object(random: &mut Random, mut members: Vec<String>) -> String {
    for at in (1..members.len()).rev() {
        members.swap(at, random.below(at + 1));
    }
    let blank = blank(random);
    format!("{{{blank}{}{blank}}}", members.join(&format!(",{blank}")))
}

fn value(random: &mut Random, depth: usize) -> String {
    match random.below(if depth == 0 { 6 } else { 9 }) {
        0 => "0.10e1".to_owned(),
        1 => "null".to_owned(),
        2 => format!(r#""{}""#, "é\\ud800\\\"".repeat(random.below(40))),
        3 => format!(r#""{OLD}""#),
        4 => format!(r#""{}""#, "x".repeat([0, 9, 3_000, 30_000, 90_000][random.below(5)])),
        5 => format!("{}{}", "[".repeat(random.below(300)), "]".repeat(random.below(300))),
        6 => format!("[{},{}]", value(random, depth - 1), value(random, depth - 1)),
        _ => {
            let key = pick(random, &["params", "_meta", "traceparent", "method", "a\\u0000"]);
            format!(r#"{{"{key}":{},"b":{}}}"#, value(random, depth - 1), value(random, depth - 1))
        }
    }
}

fn garbage(random: &mut Random) -> String {
    let piece = ["{", "\"", "[[", "{\"params\":{", "\\", "<xml/>", "a=b&", "\u{1}"][random.below(8)];
    piece.repeat(random.below(400))
}
