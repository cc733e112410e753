//! Who may talk to the HTTP port: against web pages that reach for local servers (DNS rebinding, foreign origins).
//!
//! rmcp checks its own endpoint too, but only the first of several headers.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{HOST, ORIGIN};
use axum::http::uri::Authority;
use axum::http::{StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// Names that stand for this machine.
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// Whose requests are answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowed {
    /// Values of `Host`: `name` (any port) or `name:port`. `*` among them: any.
    pub hosts: Vec<String>,
    /// Values of `Origin`, if there is one: `scheme://name:port`, the port a number or `*`. `*` among them: any.
    pub origins: Vec<String>,
}

impl Default for Allowed {
    /// This machine.
    fn default() -> Self {
        let origin = |host: &&str| [format!("http://{host}:*"), format!("https://{host}:*")];
        Self {
            hosts: LOOPBACK.iter().map(ToString::to_string).collect(),
            origins: LOOPBACK.iter().flat_map(origin).collect(),
        }
    }
}

impl Allowed {
    /// Whether every host is welcome.
    pub(super) fn any_host(&self) -> bool {
        self.hosts.iter().any(|host| host == "*")
    }

    /// Whether every origin is welcome.
    pub(super) fn any_origin(&self) -> bool {
        self.origins.iter().any(|origin| origin == "*")
    }

    fn host(&self, authority: &Authority) -> bool {
        // A user before the name is nothing that a client sends.
        let plain = !authority.as_str().contains('@');
        self.any_host()
            || plain
                && self.hosts.iter().filter_map(|host| host.parse::<Authority>().ok()).any(|allowed| {
                    allowed.host().eq_ignore_ascii_case(authority.host())
                        && (allowed.port().is_none() || allowed.port_u16() == authority.port_u16())
                })
    }

    fn origin(&self, origin: &str) -> bool {
        if self.any_origin() {
            return true;
        }
        let Some((scheme, host, port)) = tuple(origin) else {
            // What a page without an origin sends: it may, if that word was allowed.
            return origin == "null" && self.origins.iter().any(|allowed| allowed == "null");
        };
        self.origins.iter().any(|allowed| match allowed.strip_suffix(":*") {
            Some(any_port) => {
                tuple(any_port).is_some_and(|(s, h, _)| (s, h) == (scheme.clone(), host.clone()))
            }
            None => tuple(allowed) == Some((scheme.clone(), host.clone(), port)),
        })
    }

    fn check(&self, request: &Request) -> Result<(), &'static str> {
        // Each of them counts: whoever stands between may have gone by another one than we would.
        let named = request.headers().get_all(HOST).iter().map(|host| host.to_str().ok()?.parse().ok());
        let mut hosts = named.chain(request.uri().authority().cloned().map(Some)).peekable();
        let welcome = |host: Option<Authority>| host.is_some_and(|host| self.host(&host));
        if hosts.peek().is_none() || !hosts.all(welcome) {
            return Err("Forbidden: Host header is not allowed");
        }
        let mut origins = request.headers().get_all(ORIGIN).iter();
        if !origins.all(|origin| origin.to_str().is_ok_and(|origin| self.origin(origin))) {
            return Err("Forbidden: Origin header is not allowed");
        }
        Ok(())
    }
}

/// Scheme, host and port of an origin; the port of the scheme if none is named.
pub(crate) fn tuple(origin: &str) -> Option<(String, String, u16)> {
    let uri: Uri = origin.parse().ok()?;
    let scheme = uri.scheme_str()?.to_ascii_lowercase();
    let port = match (uri.port_u16(), scheme.as_str()) {
        (Some(port), _) => port,
        (None, "http") => 80,
        (None, "https") => 443,
        (None, _) => 0,
    };
    Some((scheme, uri.host()?.to_ascii_lowercase(), port))
}

/// The check as a layer.
pub(super) async fn guard(State(allowed): State<Arc<Allowed>>, request: Request, next: Next) -> Response {
    match allowed.check(&request) {
        Ok(()) => next.run(request).await,
        Err(refusal) => (StatusCode::FORBIDDEN, refusal).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn answer(allowed: &Allowed, host: &str, origin: Option<&str>) -> bool {
        let mut request = Request::builder().header(HOST, host);
        if let Some(origin) = origin {
            request = request.header(ORIGIN, origin);
        }
        allowed.check(&request.body(Body::empty()).unwrap()).is_ok()
    }

    #[test]
    fn this_machine_is_welcome_and_nobody_else() {
        let allowed = Allowed::default();
        for (host, origin, welcome) in [
            ("127.0.0.1:3001", None, true),
            ("localhost", None, true),
            ("LOCALHOST:1", None, true),
            ("[::1]:3001", None, true),
            ("evil.example", None, false),
            ("localhost.evil.example", None, false),
            ("127.0.0.1.evil.example:3001", None, false),
            ("not a host", None, false),
            ("localhost", Some("http://localhost:6274"), true),
            ("localhost", Some("https://127.0.0.1"), true),
            ("localhost", Some("http://evil.example"), false),
            ("localhost", Some("http://localhost.evil.example"), false),
            ("localhost", Some("null"), false),
            ("localhost", Some("file://"), false),
            ("localhost", Some(""), false),
        ] {
            assert_eq!(answer(&allowed, host, origin), welcome, "{host} {origin:?}");
        }
    }

    #[test]
    fn every_name_that_a_request_carries_has_to_be_welcome() {
        let allowed = Allowed::default();
        let hosts = |uri: &str, hosts: &[&str]| {
            let request = hosts.iter().fold(Request::builder().uri(uri), |all, host| all.header(HOST, *host));
            allowed.check(&request.body(Body::empty()).unwrap()).is_ok()
        };
        for (uri, headers, welcome) in [
            ("/", &[] as &[_], false),
            ("/", &[""], false),
            ("/", &["localhost", "localhost:1"], true),
            ("/", &["localhost", "evil.example"], false),
            ("/", &["evil.example@localhost"], false),
            ("/", &["localhost."], false),
            ("/", &["[::1%25lo]"], false),
            ("/", &["[::ffff:127.0.0.1]"], false),
            ("/", &["0.0.0.0"], false),
            ("/", &["localhost:"], true),
            ("http://localhost:1/", &[], true),
            ("http://localhost/", &["LocalHost:3001"], true),
            ("http://evil.example/", &["localhost"], false),
            ("http://localhost/", &["evil.example"], false),
        ] {
            assert_eq!(hosts(uri, headers), welcome, "{uri} {headers:?}");
        }
        let request = Request::builder().header(HOST, "localhost").header(ORIGIN, "http://localhost");
        let request = request.header(ORIGIN, "http://evil.example").body(Body::empty()).unwrap();
        assert!(allowed.check(&request).is_err());
    }

    #[test]
    fn lists_replace_the_defaults() {
        let list = |texts: &[&str]| texts.iter().map(ToString::to_string).collect::<Vec<_>>();
        let named =
            Allowed { hosts: list(&["tools:3001", "other"]), origins: list(&["https://app.example:443"]) };
        for (host, origin, welcome) in [
            ("tools:3001", None, true),
            ("tools:3002", None, false),
            ("other:9", None, true),
            ("localhost", None, false),
            ("other", Some("https://app.example"), true),
            ("other", Some("https://app.example:8443"), false),
            ("other", Some("http://app.example:443"), false),
        ] {
            assert_eq!(answer(&named, host, origin), welcome, "{host} {origin:?}");
        }
        let sandboxed = Allowed { hosts: list(&["other"]), origins: list(&["null"]) };
        assert!(answer(&sandboxed, "other", Some("null")));
        assert!(!answer(&sandboxed, "other", Some("nothing")));
        let any = Allowed { hosts: list(&["*"]), origins: list(&["*"]) };
        assert!(answer(&any, "evil.example", Some("null")));
    }
}
