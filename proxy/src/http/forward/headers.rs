//! Hop-by-hop headers: what ends here, and only that (RFC 9110 §7.6.1), with the order of the rest untouched.

use std::collections::HashSet;
use std::time::Duration;

use http::Version;
use http::header::{
    CONNECTION, COOKIE, EXPECT, Entry, HOST, HeaderMap, HeaderName, HeaderValue, TE, UPGRADE,
};

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");

/// What of the hop-by-hop headers goes on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Keep {
    /// `Transfer-Encoding`: the next hop frames the body in the same way (HTTP/1 on both sides).
    pub(super) framing: bool,
    /// `Connection` and `Upgrade`: the connection changes its protocol, so both sides must know.
    pub(super) upgrade: bool,
}

/// Removes what ends at this hop.
pub(super) fn strip(headers: &mut HeaderMap, keep: Keep) {
    let Some(first) = headers.keys().position(|name| is_hop(name, keep) || name == TE) else { return };
    let named = named_by_connection(headers);
    let keeps_te = tokens(headers, &TE).any(|token| token.eq_ignore_ascii_case("trailers"));
    if keeps_te {
        headers.insert(TE, HeaderValue::from_static("trailers"));
    }
    let ends = |name: &HeaderName| is_hop(name, keep) || (name == TE && !keeps_te) || named.contains(name);
    // `HeaderMap::remove` moves the last header into the gap: it keeps the order only when all that follows goes too.
    if named.is_empty() && headers.keys().skip(first).all(ends) {
        let last: Vec<HeaderName> = headers.keys().skip(first).cloned().collect();
        for name in last.iter().rev() {
            headers.remove(name);
        }
    } else {
        rebuild(headers, ends);
    }
}

/// Makes the headers of an HTTP/2 request fit for HTTP/1: `Host` first, one `Cookie` line (RFC 9113 §8.2.3).
pub(super) fn for_http1(headers: &mut HeaderMap, authority: Option<&str>) {
    // What the client asks for stands in the target, whatever `Host` says (RFC 9113 §8.3.1).
    let host = authority
        .and_then(|authority| HeaderValue::from_str(authority).ok())
        .or_else(|| headers.get(HOST).cloned());
    let cookies: Vec<&[u8]> = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
    let cookie = (cookies.len() > 1).then(|| HeaderValue::from_bytes(&cookies.join(&b"; "[..])));
    if let Some(Ok(cookie)) = cookie {
        headers.insert(COOKIE, cookie);
    }
    let rest = std::mem::take(headers);
    headers.reserve(rest.len() + 1);
    if let Some(host) = host {
        headers.insert(HOST, host);
    }
    append_all(headers, rest, |name| name == HOST);
}

/// Takes `Host` out, for `:authority`.
pub(super) fn take_host(headers: &mut HeaderMap) -> Option<HeaderValue> {
    let host = headers.get(HOST).cloned()?;
    rebuild(headers, |name| name == HOST);
    Some(host)
}

/// Whether the request asks for a change of protocol that is passed on. Not where `h2c` is among those it would take: a
/// server that took it would speak through us what nobody here can read, while HTTP/1.1 serves the client as well.
pub(super) fn wants_upgrade(headers: &HeaderMap) -> bool {
    headers.contains_key(UPGRADE)
        && !tokens(headers, &UPGRADE).any(|protocol| protocol.eq_ignore_ascii_case("h2c"))
        && connection_says(headers, "upgrade")
}

/// `Keep-Alive: timeout=N` of a response: after how long without a request the server closes the connection.
pub(super) fn keep_alive_timeout(headers: &HeaderMap) -> Option<Duration> {
    headers.get(KEEP_ALIVE)?.to_str().ok()?.split([',', ';']).find_map(|part| {
        let (name, value) = part.split_once('=')?;
        let seconds = value.trim().parse().ok()?;
        name.trim().eq_ignore_ascii_case("timeout").then(|| Duration::from_secs(seconds))
    })
}

/// Whether `Connection` says this, such as `close`.
pub(in crate::http) fn connection_says(headers: &HeaderMap, what: &str) -> bool {
    tokens(headers, &CONNECTION).any(|token| token.eq_ignore_ascii_case(what))
}

/// Whether a client waits for `100 Continue` before it sends its body.
pub(in crate::http) fn expects_continue(version: Version, headers: &HeaderMap) -> bool {
    version == Version::HTTP_11
        && headers.get(EXPECT).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}

fn is_hop(name: &HeaderName, keep: Keep) -> bool {
    match name.as_str() {
        "connection" | "upgrade" => !keep.upgrade,
        "transfer-encoding" => !keep.framing,
        "keep-alive" | "proxy-connection" | "http2-settings" => true,
        _ => false,
    }
}

/// The headers that `Connection` names, but for those without which the message would be another one. Of the names only
/// those that are there: a head has room for more names than may be compared with each of its headers.
fn named_by_connection(headers: &HeaderMap) -> HashSet<HeaderName> {
    tokens(headers, &CONNECTION)
        .filter(|token| {
            ![
                "close",
                "keep-alive",
                "upgrade",
                "te",
                "content-length",
                "transfer-encoding",
                "host",
                "trailer",
            ]
            .iter()
            .any(|known| token.eq_ignore_ascii_case(known))
        })
        .filter_map(|token| HeaderName::from_bytes(token.as_bytes()).ok())
        .filter(|name| headers.contains_key(name))
        .collect()
}

fn tokens<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    headers
        .get_all(name)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .filter_map(|token| std::str::from_utf8(token.trim_ascii()).ok())
        .filter(|token| !token.is_empty())
}

/// Takes these out of what `Connection` names. To be asked by who sets them anew here: what the client wanted to end at
/// this hop is not what is set.
pub(in crate::http) fn keep_named(headers: &mut HeaderMap, kept: &[HeaderName]) {
    let is_kept = |token: &&str| kept.iter().any(|name| token.eq_ignore_ascii_case(name.as_str()));
    if tokens(headers, &CONNECTION).any(|token| is_kept(&token)) {
        let rest: Vec<&str> = tokens(headers, &CONNECTION).filter(|token| !is_kept(token)).collect();
        if let Ok(rest) = HeaderValue::from_str(&rest.join(", ")) {
            headers.insert(CONNECTION, rest);
        }
    }
}

/// Removes a header and keeps the order of the rest, as `HeaderMap::remove` does not.
pub(in crate::http) fn remove(headers: &mut HeaderMap, name: &HeaderName) {
    if headers.contains_key(name) {
        rebuild(headers, |other| other == name);
    }
}

fn rebuild(headers: &mut HeaderMap, ends: impl Fn(&HeaderName) -> bool) {
    let rest = std::mem::take(headers);
    headers.reserve(rest.len());
    append_all(headers, rest, ends);
}

fn append_all(headers: &mut HeaderMap, rest: HeaderMap, ends: impl Fn(&HeaderName) -> bool) {
    let mut current = None;
    for (name, value) in rest {
        // Further values of a header come without its name.
        if let Some(name) = name {
            current = (!ends(&name)).then_some(name);
        }
        if let Some(name) = &current {
            match headers.entry(name.clone()) {
                Entry::Occupied(mut entry) => entry.append(value),
                Entry::Vacant(entry) => drop(entry.insert(value)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Keep = Keep { framing: true, upgrade: false };

    fn parse(lines: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines.split('|').filter(|line| !line.is_empty()) {
            let (name, value) = line.split_once(": ").unwrap();
            headers.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
        }
        headers
    }

    fn print(headers: &HeaderMap) -> String {
        headers
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect::<Vec<_>>()
            .join("|")
    }

    fn check(keep: Keep, before: &str, after: &str) {
        let mut headers = parse(before);
        strip(&mut headers, keep);
        assert_eq!(print(&headers), after, "from {before}");
    }

    #[test]
    fn hop_by_hop_headers_go_and_the_order_of_the_rest_stays() {
        check(PLAIN, "a: 1|b: 2|c: 3", "a: 1|b: 2|c: 3");
        check(PLAIN, "connection: keep-alive|a: 1|b: 2|c: 3", "a: 1|b: 2|c: 3");
        check(PLAIN, "a: 1|connection: close|keep-alive: timeout=5|b: 2|c: 3", "a: 1|b: 2|c: 3");
        check(PLAIN, "a: 1|b: 2|connection: close|keep-alive: timeout=5", "a: 1|b: 2");
        check(PLAIN, "a: 1|proxy-connection: x|a: 2|upgrade: h2c|b: 3", "a: 1|a: 2|b: 3");
        check(PLAIN, "connection: close", "");
    }

    #[test]
    fn headers_named_by_connection_go_but_not_those_the_message_needs() {
        check(PLAIN, "x: 1|connection: close, X|y: 2", "y: 2");
        check(
            PLAIN,
            "host: h|connection: host, content-length|content-length: 2",
            "host: h|content-length: 2",
        );
        check(PLAIN, "b: 1|c: 2|connection: b", "c: 2");
    }

    #[test]
    fn headers_set_here_are_named_by_connection_no_more() {
        for (before, after) in [
            ("connection: X, Close|x: 1", "connection: Close|x: 1"),
            ("a: 1|connection: y, x|x: 1|connection: X", "a: 1|connection: y|x: 1"),
            ("connection: x|x: 1", "connection: |x: 1"),
            ("connection: y,xx|x: 1", "connection: y,xx|x: 1"),
            ("x: 1", "x: 1"),
        ] {
            let mut headers = parse(before);
            keep_named(&mut headers, &[HeaderName::from_static("x")]);
            assert_eq!(print(&headers), after, "from {before}");
        }
    }

    #[test]
    fn of_te_only_trailers_go_on() {
        check(PLAIN, "te: trailers|a: 1", "te: trailers|a: 1");
        check(PLAIN, "te: gzip, trailers|connection: te|a: 1", "te: trailers|a: 1");
        check(PLAIN, "te: gzip|a: 1|connection: te", "a: 1");
    }

    #[test]
    fn framing_and_upgrade_go_on_only_where_the_next_hop_shares_them() {
        check(PLAIN, "transfer-encoding: chunked|a: 1", "transfer-encoding: chunked|a: 1");
        check(Keep { framing: false, upgrade: false }, "transfer-encoding: chunked|a: 1", "a: 1");
        check(
            Keep { framing: true, upgrade: true },
            "connection: Upgrade|upgrade: echo|keep-alive: x|a: 1",
            "connection: Upgrade|upgrade: echo|a: 1",
        );
    }

    #[test]
    fn an_upgrade_needs_both_headers_and_is_never_h2c() {
        for (lines, expected) in [
            ("connection: keep-alive, Upgrade|upgrade: websocket", true),
            ("upgrade: websocket", false),
            ("connection: upgrade", false),
            ("connection: upgrade|upgrade: websocket, other", true),
            ("connection: upgrade|upgrade: websocket,H2C", false),
            ("connection: upgrade|upgrade: h2c, websocket", false),
            ("connection: upgrade|upgrade: websocket|upgrade: h2c", false),
            ("connection: Upgrade, HTTP2-Settings|upgrade: h2c|http2-settings: AAA", false),
        ] {
            assert_eq!(wants_upgrade(&parse(lines)), expected, "{lines}");
        }
    }

    #[test]
    fn keep_alive_timeout_is_read_where_it_stands() {
        for (lines, expected) in [
            ("keep-alive: timeout=5", Some(5)),
            ("keep-alive: max=100, timeout=2", Some(2)),
            ("keep-alive: Timeout = 7", Some(7)),
            ("keep-alive: timeout=x", None),
            ("a: 1", None),
        ] {
            assert_eq!(keep_alive_timeout(&parse(lines)), expected.map(Duration::from_secs), "{lines}");
        }
    }

    #[test]
    fn http2_heads_become_http1_heads() {
        let mut headers = parse("a: 1|cookie: x=1|b: 2|cookie: y=2");
        for_http1(&mut headers, Some("server:1"));
        assert_eq!(print(&headers), "host: server:1|a: 1|cookie: x=1; y=2|b: 2");
    }
}
