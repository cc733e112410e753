//! The headers that belong to one connection and not to the message.

use http::header::{
    CONNECTION, HeaderMap, HeaderName, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER, UPGRADE,
};

/// Hop-by-hop by name. `transfer-encoding` is missing on purpose: hyper reads it to frame the body, and writes its own.
const HOP_BY_HOP: [HeaderName; 7] = [
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    UPGRADE,
];

/// Removes what must not be forwarded. A message that names nothing in `connection` pays one look-up, as all those of
/// the load do: HTTP/1.1 clients keep connections alive without saying so.
pub(super) fn remove_hop_by_hop(headers: &mut HeaderMap) {
    let Some(first) = headers.remove(CONNECTION) else { return };
    for name in first.to_str().unwrap_or_default().split(',') {
        headers.remove(name.trim());
    }
    for name in HOP_BY_HOP {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_connection_names_is_removed_with_it() {
        let mut headers = HeaderMap::new();
        for (name, value) in
            [("connection", "close, X-Hop"), ("x-hop", "1"), ("keep-alive", "5"), ("accept", "*/*")]
        {
            headers.insert(HeaderName::from_static(name), value.parse().unwrap());
        }
        remove_hop_by_hop(&mut headers);
        let left: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
        assert_eq!(left, ["accept"]);
    }
}
