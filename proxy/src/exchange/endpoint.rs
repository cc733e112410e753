//! The `endpoint` event of HTTP+SSE (mcp-wire.md §5): a URI reference that clients resolve against the GET's URL.

use crate::protocol::fingerprint::fingerprint;

/// The key that joins POSTs to their channel: the fingerprint of path and query as a client sends them in the request
/// line.
pub(super) fn key_of_target(target: &str) -> u64 {
    fingerprint(path_and_query(target).as_bytes())
}

/// The same key, from the data of an `endpoint` event that came on a GET of `base` (path and query). `None` when the
/// data is no URI reference.
pub(super) fn key_of_endpoint(data: &[u8], base: &str) -> Option<u64> {
    let reference = std::str::from_utf8(data).ok()?.trim_ascii();
    if reference.is_empty() {
        return None;
    }
    Some(fingerprint(resolve(reference, path_and_query(base)).as_bytes()))
}

/// Cuts scheme, authority and fragment off: `http://host/path?query#x` is `/path?query`.
fn path_and_query(target: &str) -> &str {
    let target = target.split_once('#').map_or(target, |(before, _)| before);
    match authority_and_rest(target) {
        Some(rest) => rest.find(['/', '?']).map_or("/", |start| &rest[start..]),
        None => target,
    }
}

/// What follows `scheme://` or `//`; `None` for a reference without authority.
fn authority_and_rest(reference: &str) -> Option<&str> {
    match reference.split_once("://") {
        Some((scheme, rest)) if is_scheme(scheme) => Some(rest),
        _ => reference.strip_prefix("//"),
    }
}

fn is_scheme(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
}

/// Resolves a reference against a path and query, as RFC 3986 §5.2 does for the parts that a request line shows.
fn resolve(reference: &str, base: &str) -> String {
    let base_path = base.split_once('?').map_or(base, |(path, _)| path);
    let absolute = authority_and_rest(reference).is_some();
    let reference = path_and_query(reference);
    let (path, query) = match reference.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (reference, None),
    };
    let path = if path.is_empty() {
        if absolute { "/".to_owned() } else { base_path.to_owned() }
    } else if path.starts_with('/') {
        without_dots(path)
    } else {
        let folder = base_path.rsplit_once('/').map_or("", |(folder, _)| folder);
        without_dots(&format!("{folder}/{path}"))
    };
    match query {
        Some(query) => format!("{path}?{query}"),
        None => path,
    }
}

/// Removes the segments `.` and `..` of an absolute path.
fn without_dots(path: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/').skip(1) {
        match segment {
            "." => {}
            ".." => {
                segments.pop();
            }
            segment => segments.push(segment),
        }
    }
    // `/a/.` and `/a/..` name folders: their slash stays.
    let folder = path.ends_with("/.") || path.ends_with("/..");
    let mut clean = format!("/{}", segments.join("/"));
    if folder && !clean.ends_with('/') {
        clean.push('/');
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_and_the_posts_to_it_have_one_key() {
        let cases = [
            // (GET target, endpoint event, POST target)
            ("/sse", "/messages?sessionId=1", "/messages?sessionId=1"),
            ("/sse", "http://127.0.0.1:3001/messages?sessionId=1", "/messages?sessionId=1"),
            ("/sse", "http://127.0.0.1:3001?sessionId=1", "/?sessionId=1"),
            ("/sse", "//host/messages", "/messages"),
            ("/sse", "http://host", "/"),
            ("/sse", "messages/?session_id=ab", "/messages/?session_id=ab"),
            ("/app/sse", "messages", "/app/messages"),
            ("/app/sse?x=/y", "./messages", "/app/messages"),
            ("/app/v1/sse", "../messages", "/app/messages"),
            ("/app/sse", "?sessionId=1", "/app/sse?sessionId=1"),
            ("/app/sse", "..", "/"),
            ("/sse", " /messages \n", "/messages"),
            ("/sse", "/messages?next=http://x/y", "/messages?next=http://x/y"),
            ("/sse", "/messages#part", "/messages"),
            ("http://host:1/sse", "messages", "http://host:1/messages"),
        ];
        for (base, endpoint, target) in cases {
            assert_eq!(
                key_of_endpoint(endpoint.as_bytes(), base),
                Some(key_of_target(target)),
                "{endpoint} on {base}"
            );
        }
    }

    #[test]
    fn what_is_no_reference_has_no_key() {
        assert_eq!(key_of_endpoint(b"", "/sse"), None);
        assert_eq!(key_of_endpoint(b" \r\n", "/sse"), None);
        assert_eq!(key_of_endpoint(b"/\xFF", "/sse"), None);
        assert_ne!(key_of_endpoint(b"/messages?a", "/sse"), Some(key_of_target("/messages")));
    }
}
