//! What of a resource's URI may be shown.

use compact_str::CompactString;

use crate::protocol::message::{Message, limits};
use crate::protocol::method::Method;

/// What may be shown of the resource that a request is about; a `uri` in the parameters of other methods is payload.
pub(in super::super) fn of(message: &Message) -> Option<CompactString> {
    match message.method {
        Some(Method::ResourcesRead | Method::ResourcesSubscribe | Method::ResourcesUnsubscribe) => {
            public(message.params.uri.as_deref()?)
        }
        _ => None,
    }
}

/// The URI up to its query, without user and password: which resource it is, and no key to it. Of one that is a
/// document itself (`data:`) only the scheme. `None` when nothing is left, or when it was cut where a password may
/// stand.
fn public(uri: &str) -> Option<CompactString> {
    // A cut at a character border takes up to three bytes more.
    let cut = uri.len() + 3 >= limits::TEXT;
    let is_data = |(scheme, _): (&str, &str)| scheme.trim_start().eq_ignore_ascii_case("data");
    if uri.split_once(':').is_some_and(is_data) {
        return Some("data:".into());
    }
    let bare = uri.split(['?', '#']).next().unwrap_or_default();
    // Many readers take backslashes for slashes.
    let slashes = ["//", "\\\\"].into_iter().find_map(|slashes| bare.split_once(slashes));
    let shown = match slashes {
        // Only an authority follows a scheme at once, or stands first.
        Some((before, rest)) if before.is_empty() || before.ends_with(':') => {
            let end = rest.find(['/', '\\']);
            if end.is_none() && cut && bare.len() == uri.len() {
                return None;
            }
            let (authority, path) = rest.split_at(end.unwrap_or(rest.len()));
            let host = authority.rsplit('@').next().unwrap_or_default();
            let mut shown = CompactString::new(before);
            for part in ["//", host, path] {
                shown.push_str(part);
            }
            shown
        }
        _ => bare.into(),
    };
    Some(shown).filter(|shown| !shown.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_of_a_uri_are_left_out() {
        let long = format!("https://user:{}", "x".repeat(limits::TEXT));
        let path = format!("https://user:pass@host/{}", "x".repeat(limits::TEXT));
        for (uri, expected) in [
            ("file:///etc/hosts", Some("file:///etc/hosts")),
            ("test://static/resource/1", Some("test://static/resource/1")),
            ("postgres://user:pass@host:5432/db/table", Some("postgres://host:5432/db/table")),
            ("https://token@host", Some("https://host")),
            ("https://a:b@c@host/x@y", Some("https://host/x@y")),
            ("//user:pass@host/x", Some("//host/x")),
            ("https:\\\\user:pass@host", Some("https://host")),
            ("https://host/a?token=x", Some("https://host/a")),
            ("https://user:pass@host?token=x#y", Some("https://host")),
            ("https://host/#token", Some("https://host/")),
            ("https://host/a//user:pass@b", Some("https://host/a//user:pass@b")),
            ("mailto:somebody@example.com?body=x", Some("mailto:somebody@example.com")),
            ("npm:@scope/name", Some("npm:@scope/name")),
            ("DATA:text/plain;base64,c2VjcmV0", Some("data:")),
            ("data", Some("data")),
            ("notes", Some("notes")),
            ("?query", None),
            ("", None),
            (long.as_str(), None),
            (&long[..limits::TEXT], None),
            (&path[..limits::TEXT], Some(&path[.."https://".len()])),
        ] {
            let shown = public(uri);
            match expected {
                Some("https://") => assert!(shown.is_some_and(|shown| shown.starts_with("https://host/x"))),
                expected => assert_eq!(shown.as_deref(), expected, "{uri}"),
            }
        }
    }
}
