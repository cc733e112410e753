//! The request target where the two sides speak different versions of HTTP. Between equal ones it is not touched.

use http::header::HOST;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Request, Uri, Version};

use super::error::ForwardError;
use super::{UpstreamAddress, headers};
use crate::fault::TransportFailure;

/// Gives the request the origin form and a `Host`.
pub(super) fn http2_to_http1<B>(request: &mut Request<B>) {
    *request.version_mut() = Version::HTTP_11;
    let uri = std::mem::take(request.uri_mut());
    headers::for_http1(request.headers_mut(), uri.authority().map(Authority::as_str));
    *request.uri_mut() = uri.path_and_query().cloned().map_or_else(Uri::default, Uri::from);
}

/// Gives the request the scheme of the way to the server and an authority: the client's, from the target or `Host`.
pub(super) fn for_http2<B>(request: &mut Request<B>, address: &UpstreamAddress) -> Result<(), ForwardError> {
    *request.version_mut() = Version::HTTP_2;
    let mut parts = std::mem::take(request.uri_mut()).into_parts();
    let host =
        if request.headers().contains_key(HOST) { headers::take_host(request.headers_mut()) } else { None };
    parts.scheme = Some(match address {
        UpstreamAddress::Tls { .. } => Scheme::HTTPS,
        UpstreamAddress::Tcp { .. } | UpstreamAddress::Unix(_) => Scheme::HTTP,
    });
    if parts.authority.is_none() {
        // A request of HTTP/1.0 may have no host at all; HTTP/2 needs one.
        parts.authority = Some(match host.and_then(|host| Authority::try_from(host.as_bytes()).ok()) {
            Some(host) => host,
            None => own_authority(address)?,
        });
    }
    parts.path_and_query.get_or_insert_with(|| PathAndQuery::from_static("/"));
    *request.uri_mut() = Uri::from_parts(parts).map_err(unusable)?;
    Ok(())
}

fn own_authority(address: &UpstreamAddress) -> Result<Authority, ForwardError> {
    match address {
        UpstreamAddress::Tcp { host, port } | UpstreamAddress::Tls { host, port } => {
            Authority::try_from(format!("{host}:{port}")).map_err(unusable)
        }
        UpstreamAddress::Unix(_) => Ok(Authority::from_static("localhost")),
    }
}

fn unusable(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> ForwardError {
    ForwardError::new(TransportFailure::Local, error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp() -> UpstreamAddress {
        UpstreamAddress::Tcp { host: "server".into(), port: 3001 }
    }

    #[test]
    fn an_http2_target_becomes_origin_form_and_host() {
        let mut request =
            Request::get("http://client.example:81/a?b=%zz").version(Version::HTTP_2).body(()).unwrap();
        http2_to_http1(&mut request);
        assert_eq!(request.uri(), "/a?b=%zz");
        assert_eq!(request.headers()["host"], "client.example:81");
    }

    #[test]
    fn an_http1_target_gets_an_authority() {
        for (uri, host, expected) in [
            ("/a?b", Some("client.example"), "http://client.example/a?b"),
            ("http://other/a", Some("client.example"), "http://other/a"),
            ("/a", None, "http://server:3001/a"),
        ] {
            let mut request = Request::get(uri).body(()).unwrap();
            if let Some(host) = host {
                request.headers_mut().insert(HOST, host.parse().unwrap());
            }
            for_http2(&mut request, &tcp()).unwrap();
            assert_eq!(request.uri(), expected);
            assert!(!request.headers().contains_key(HOST));
        }
    }
}
