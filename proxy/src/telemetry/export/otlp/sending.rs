//! How a collector is reached, as the standard variables say it for one signal: that of the signal goes before that of
//! all signals.

use std::path::PathBuf;
use std::time::Duration;

use http::{HeaderName, HeaderValue, Uri};

use super::settings::{Compression, Endpoint, Headers, Protocol, Signal, Tls, public};
use super::variables::{Reader, Why, boolean, milliseconds, pairs};

/// What the variables say about one signal. `None` where they say nothing.
#[derive(Debug, Clone, Default)]
pub struct Sending {
    /// `OTEL_EXPORTER_OTLP_[SIGNAL_]ENDPOINT`; [`Endpoint::Default`] when there is none.
    pub endpoint: Endpoint,
    /// `OTEL_EXPORTER_OTLP_[SIGNAL_]PROTOCOL`.
    pub protocol: Option<Protocol>,
    /// `OTEL_EXPORTER_OTLP_[SIGNAL_]HEADERS`.
    pub headers: Headers,
    /// `OTEL_EXPORTER_OTLP_[SIGNAL_]TIMEOUT`.
    pub timeout: Option<Duration>,
    /// `OTEL_EXPORTER_OTLP_[SIGNAL_]COMPRESSION`.
    pub compression: Option<Compression>,
    /// `OTEL_EXPORTER_OTLP_[SIGNAL_]{CERTIFICATE,CLIENT_KEY,CLIENT_CERTIFICATE,INSECURE}`.
    pub tls: Tls,
}

/// A variable of one signal, and that of all.
type Pair = [&'static str; 2];

/// The names of all of them.
struct Names {
    protocol: Pair,
    endpoint: Pair,
    headers: Pair,
    timeout: Pair,
    compression: Pair,
    certificate: Pair,
    client_certificate: Pair,
    client_key: Pair,
    insecure: Pair,
}

macro_rules! names {
    ($signal:literal) => {
        Names {
            protocol: names!($signal, "PROTOCOL"),
            endpoint: names!($signal, "ENDPOINT"),
            headers: names!($signal, "HEADERS"),
            timeout: names!($signal, "TIMEOUT"),
            compression: names!($signal, "COMPRESSION"),
            certificate: names!($signal, "CERTIFICATE"),
            client_certificate: names!($signal, "CLIENT_CERTIFICATE"),
            client_key: names!($signal, "CLIENT_KEY"),
            insecure: names!($signal, "INSECURE"),
        }
    };
    ($signal:literal, $end:literal) => {
        [concat!("OTEL_EXPORTER_OTLP_", $signal, "_", $end), concat!("OTEL_EXPORTER_OTLP_", $end)]
    };
}

const TRACES: Names = names!("TRACES");
const METRICS: Names = names!("METRICS");

impl Sending {
    /// Reads what is said about a signal.
    pub(super) fn read<F: Fn(&str) -> Option<String>>(reader: &mut Reader<F>, signal: Signal) -> Self {
        let names = match signal {
            Signal::Traces => &TRACES,
            Signal::Metrics => &METRICS,
        };
        let protocol = reader
            .first(&names.protocol, |text| Protocol::parse(text).ok_or("is neither grpc nor http/protobuf"));
        let address = |text: &str| address(text, protocol.unwrap_or_default());
        let [own, all] = &names.endpoint;
        let file = |text: &str| Ok(PathBuf::from(text));
        Self {
            endpoint: reader
                .first_secret(&[own], address)
                .map(Endpoint::Exact)
                .or_else(|| reader.first_secret(&[all], address).map(Endpoint::Base))
                .unwrap_or_default(),
            protocol,
            headers: reader.first_secret(&names.headers, headers).unwrap_or_default(),
            timeout: reader.first(&names.timeout, milliseconds),
            compression: reader.first(&names.compression, compression),
            tls: Tls {
                ca_file: reader.first(&names.certificate, file),
                client_certificate: reader.first(&names.client_certificate, file),
                client_key: reader.first(&names.client_key, file),
                insecure: reader.first(&names.insecure, boolean).unwrap_or_default(),
            },
        }
    }
}

fn compression(text: &str) -> Result<Compression, Why> {
    match text.to_ascii_lowercase().as_str() {
        "none" => Ok(Compression::None),
        "gzip" => Ok(Compression::Gzip),
        _ => Err("is neither gzip nor none"),
    }
}

fn headers(text: &str) -> Result<Headers, Why> {
    let mut headers = Vec::new();
    for (name, value) in pairs(text)? {
        let name = HeaderName::try_from(name).map_err(|_| "has a name that is none of a header")?;
        let mut value = HeaderValue::try_from(value).map_err(|_| "has a value that is none of a header")?;
        value.set_sensitive(true);
        headers.push((name, value));
    }
    Ok(Headers(headers))
}

/// Whether something can be sent there; what is wrong in detail is told when the exporter is made.
fn address(text: &str, protocol: Protocol) -> Result<String, Why> {
    let uri: Uri = public(text).parse().map_err(|_| "is no URL")?;
    match uri.scheme_str() {
        _ if uri.host().is_none_or(str::is_empty) => Err("names no host"),
        Some("http" | "https") => Ok(text.to_owned()),
        None if protocol == Protocol::Grpc => Ok(text.to_owned()),
        _ => Err("is no URL that begins with http:// or https://"),
    }
}
