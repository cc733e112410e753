//! A collector's address, taken apart.

use http::Uri;
use http::uri::PathAndQuery;

use super::error::ExportError;
use super::settings::{Protocol, Settings, public};

const SETTING: &str = "otlp_endpoint";
const EXAMPLES: &str =
    "give an address like http://collector:4318 (http/protobuf) or http://collector:4317 (grpc)";

/// Where requests go.
#[derive(Debug, Clone)]
pub(super) struct Target {
    /// All of it.
    pub(super) uri: Uri,
    /// Whether by TLS.
    pub(super) tls: bool,
    /// Name or address; of IPv6 without brackets.
    pub(super) host: String,
    /// The scheme's, if none is given.
    pub(super) port: u16,
    /// As the Host header names it.
    pub(super) authority: String,
    /// For the request line.
    pub(super) path: PathAndQuery,
    /// What everybody may see.
    pub(super) shown: String,
}

impl Target {
    pub(super) fn new(settings: &Settings) -> Result<Self, ExportError> {
        let mut url = settings.endpoint.url(settings.signal, settings.protocol);
        let shown = public(&url);
        let wrong = |why: &str, remedy| ExportError::new(SETTING, shown.clone(), why, remedy);
        if !url.contains("://") && settings.protocol == Protocol::Grpc {
            let scheme = if settings.tls.insecure { "http" } else { "https" };
            url = format!("{scheme}://{url}");
        }
        let uri: Uri = url.parse().map_err(|_| wrong("is no URL", EXAMPLES))?;
        let tls = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(wrong("does not begin with http:// or https://", EXAMPLES)),
        };
        let Some(authority) = uri.authority().filter(|authority| !authority.host().is_empty()) else {
            return Err(wrong("names no host", EXAMPLES));
        };
        if authority.as_str().contains('@') {
            let remedy = "give them as a header: OTEL_EXPORTER_OTLP_HEADERS=authorization=Basic%20…";
            return Err(wrong("holds credentials, which are not sent from there", remedy));
        }
        let host = authority.host();
        Ok(Self {
            tls,
            host: host.trim_start_matches('[').trim_end_matches(']').to_owned(),
            port: authority.port_u16().unwrap_or(if tls { 443 } else { 80 }),
            authority: authority.as_str().to_owned(),
            path: uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/")),
            shown,
            uri,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::export::otlp::settings::{Endpoint, Signal, Tls};

    fn check(endpoint: Endpoint, protocol: Protocol, insecure: bool, expected: Result<&str, &str>) {
        let tls = Tls { insecure, ..Tls::default() };
        let settings = Settings { endpoint: endpoint.clone(), protocol, tls, ..Settings::default() };
        let target = Target::new(&settings).map(|target| target.uri.to_string()).map_err(|error| error.why);
        assert_eq!(target.as_deref().map_err(String::as_str), expected, "{endpoint:?}");
    }

    #[test]
    fn a_base_gets_the_path_over_http_and_an_exact_one_is_used_as_it_is() {
        use Protocol::{Grpc, HttpProtobuf};
        let (base, exact) = (|url: &str| Endpoint::Base(url.into()), |url: &str| Endpoint::Exact(url.into()));
        check(Endpoint::Default, Grpc, false, Ok("http://localhost:4317/"));
        check(Endpoint::Default, HttpProtobuf, false, Ok("http://localhost:4318/v1/traces"));
        check(base("http://c:1"), HttpProtobuf, false, Ok("http://c:1/v1/traces"));
        check(base("http://c:1/"), HttpProtobuf, false, Ok("http://c:1/v1/traces"));
        check(base("http://c:1/otlp/"), HttpProtobuf, false, Ok("http://c:1/otlp/v1/traces"));
        check(base("http://c:1/v1/traces"), HttpProtobuf, false, Ok("http://c:1/v1/traces"));
        check(exact("https://c/in"), HttpProtobuf, false, Ok("https://c/in"));
        check(base("c:4317"), Grpc, true, Ok("http://c:4317/"));
        check(base("c:4317"), Grpc, false, Ok("https://c:4317/"));
        check(base("c:4318"), HttpProtobuf, true, Err("is no URL"));
        check(base("ftp://c"), HttpProtobuf, false, Err("does not begin with http:// or https://"));
        check(base("http://u:p@c"), Grpc, false, Err("holds credentials, which are not sent from there"));
    }

    #[test]
    fn each_signal_has_its_path_below_the_same_base() {
        for (base, expected) in [
            ("http://c:1/otlp", "http://c:1/otlp/v1/metrics"),
            ("http://c:1/v1/metrics/", "http://c:1/v1/metrics"),
            // Written for traces, before there were metrics.
            ("http://c:1/v1/traces", "http://c:1/v1/metrics"),
        ] {
            let endpoint = Endpoint::Base(base.into());
            assert_eq!(endpoint.url(Signal::Metrics, Protocol::HttpProtobuf), expected, "{base}");
            assert_eq!(endpoint.url(Signal::Metrics, Protocol::Grpc), base);
        }
        let default = Endpoint::Default.url(Signal::Metrics, Protocol::HttpProtobuf);
        assert_eq!(default, "http://localhost:4318/v1/metrics");
    }

    #[test]
    fn no_error_and_no_debug_text_shows_credentials() {
        let endpoint = Endpoint::Exact("http://user:canary@c:1/x?key=canary#canary".into());
        let settings = Settings { endpoint, ..Settings::default() };
        let told = format!("{} {:?}", Target::new(&settings).unwrap_err(), settings);
        assert!(told.contains("http://c:1/x") && !told.contains("canary"), "{told}");
    }
}
