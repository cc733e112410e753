//! Texts to values: each function gives the value, or what is allowed in its place.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use http::Uri;

use super::LogFormat;
use crate::admin::Address;
use crate::http::forward::{UpstreamAddress, UpstreamProtocol};
use crate::telemetry::{ClientIdMode, Complexity};

/// Workers of `auto`: a sidecar that needs more is told so by hand.
const MOST_AUTO_WORKERS: usize = 4;

/// What was expected, as the end of the sentence "… is not ".
pub(super) type Expected = &'static str;

/// A socket address.
pub(super) fn address(text: &str) -> Result<SocketAddr, Expected> {
    text.parse().map_err(|_| "an address; write IP:PORT, for example 127.0.0.1:8080 or [::1]:8080")
}

/// Where the admin port is.
pub(super) fn admin(text: &str) -> Result<Address, Expected> {
    text.parse()
}

/// A duration above zero, with its unit.
pub(super) fn duration(text: &str) -> Result<Duration, Expected> {
    const EXPECTED: Expected =
        "a duration above zero; write a number and its unit, for example 500ms, 25s or 5m";
    humantime::parse_duration(text).ok().filter(|duration| !duration.is_zero()).ok_or(EXPECTED)
}

/// A duration above zero, or `off`.
pub(super) fn optional_duration(text: &str) -> Result<Option<Duration>, Expected> {
    if text == "off" {
        return Ok(None);
    }
    duration(text).map(Some).map_err(
        |_| "off or a duration above zero; write a number and its unit, for example 500ms, 25s or 5m",
    )
}

/// A size in bytes from 1 KiB to 1 TiB.
pub(super) fn size(text: &str) -> Result<u64, Expected> {
    const EXPECTED: Expected =
        "a size from 1KiB to 1TiB; write a number and its unit, for example 512KiB or 16MiB";
    let bytes = text.parse::<bytesize::ByteSize>().map_err(|_| EXPECTED)?.as_u64();
    if (1 << 10..=1 << 40).contains(&bytes) { Ok(bytes) } else { Err(EXPECTED) }
}

/// A count of labels.
pub(super) fn count(text: &str) -> Result<usize, Expected> {
    text.parse().ok().filter(|count| (1..=10_000).contains(count)).ok_or("a whole number from 1 to 10000")
}

/// A file that exists.
pub(super) fn file(text: &str) -> Result<PathBuf, Expected> {
    let path = PathBuf::from(text);
    if path.is_file() { Ok(path) } else { Err("a file that is there") }
}

/// A directory, whether it is there or not.
pub(super) fn directory(text: &str) -> Result<PathBuf, Expected> {
    if text.is_empty() { Err("a directory; leave it out to save nothing") } else { Ok(text.into()) }
}

/// A directory that all processes of a user find, wherever they were started.
pub(super) fn runtime_dir(text: &str) -> Result<PathBuf, Expected> {
    let path = PathBuf::from(text);
    if path.is_absolute() {
        Ok(path)
    } else {
        Err("the path of a directory from the root, like /run/mcp-tap")
    }
}

/// How often something is written or sent that is not for nothing.
pub(super) fn interval(text: &str) -> Result<Duration, Expected> {
    const EXPECTED: Expected = "a duration of 100ms or more; write a number and its unit, for example 10s";
    duration(text).ok().filter(|interval| *interval >= Duration::from_millis(100)).ok_or(EXPECTED)
}

/// A label value: not empty, at most 128 characters, none of them a control character.
pub(super) fn label(text: &str) -> Result<String, Expected> {
    let fits = !text.is_empty() && text.chars().count() <= 128 && !text.chars().any(char::is_control);
    if fits { Ok(text.to_owned()) } else { Err("a name of 1 to 128 characters without control characters") }
}

/// The server's URL: scheme and authority, or the path of a Unix socket.
pub(super) fn upstream(text: &str) -> Result<UpstreamAddress, Expected> {
    const EXPECTED: Expected = "a server's URL; write http://HOST:PORT, https://HOST[:PORT] or unix:/PATH, without a \
        path behind the port: clients choose the path";
    if let Some(path) = text.strip_prefix("unix:") {
        return if path.starts_with('/') { Ok(UpstreamAddress::Unix(path.into())) } else { Err(EXPECTED) };
    }
    let uri: Uri = text.parse().map_err(|_| EXPECTED)?;
    let authority = uri.authority().ok_or(EXPECTED)?;
    if !matches!(uri.path(), "" | "/") || uri.query().is_some() || authority.as_str().contains('@') {
        return Err(EXPECTED);
    }
    let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
    match (uri.scheme_str(), authority.port_u16()) {
        (_, Some(0)) => Err(EXPECTED),
        (Some("http"), port) => Ok(UpstreamAddress::Tcp { host, port: port.unwrap_or(80) }),
        (Some("https"), port) => Ok(UpstreamAddress::Tls { host, port: port.unwrap_or(443) }),
        _ => Err(EXPECTED),
    }
}

/// HTTP version towards the server.
pub(super) fn upstream_protocol(text: &str) -> Result<UpstreamProtocol, Expected> {
    match text {
        "http1" => Ok(UpstreamProtocol::Http1),
        "http2" => Ok(UpstreamProtocol::Http2),
        _ => Err("http1 or http2"),
    }
}

/// Yes or no.
pub(super) fn switch(text: &str) -> Result<bool, Expected> {
    match text {
        "on" | "true" => Ok(true),
        "off" | "false" => Ok(false),
        _ => Err("on or off"),
    }
}

/// Number of workers; `auto` is one per core, at most [`MOST_AUTO_WORKERS`].
pub(super) fn workers(text: &str) -> Result<usize, Expected> {
    if text == "auto" {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        return Ok(cores.min(MOST_AUTO_WORKERS));
    }
    text.parse()
        .ok()
        .filter(|workers| (1..=64).contains(workers))
        .ok_or("auto or a whole number from 1 to 64")
}

/// What `client_id` shows.
pub(super) fn client_id(text: &str) -> Result<ClientIdMode, Expected> {
    match text {
        "hash" => Ok(ClientIdMode::Hash),
        "name" => Ok(ClientIdMode::Name),
        "off" => Ok(ClientIdMode::Off),
        _ => Err("hash, name or off"),
    }
}

/// A fixed complexity.
pub(super) fn complexity(text: &str) -> Result<Complexity, Expected> {
    match text {
        "low" => Ok(Complexity::Low),
        "medium" => Ok(Complexity::Medium),
        "high" => Ok(Complexity::High),
        _ => Err("low, medium or high"),
    }
}

/// How log lines look.
pub(super) fn log_format(text: &str) -> Result<LogFormat, Expected> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err("text or json"),
    }
}

/// The least severe lines shown.
pub(super) fn log_level(text: &str) -> Result<tracing::Level, Expected> {
    match text {
        "error" => Ok(tracing::Level::ERROR),
        "warn" => Ok(tracing::Level::WARN),
        "info" => Ok(tracing::Level::INFO),
        "debug" => Ok(tracing::Level::DEBUG),
        "trace" => Ok(tracing::Level::TRACE),
        _ => Err("error, warn, info, debug or trace"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_need_a_unit_and_are_not_zero() {
        assert_eq!(duration("25s"), Ok(Duration::from_secs(25)));
        assert_eq!(duration("1m 30s"), Ok(Duration::from_secs(90)));
        for wrong in ["25", "0s", "", "-1s", "soon"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
        assert_eq!(optional_duration("off"), Ok(None));
    }

    #[test]
    fn sizes_are_binary_and_bounded() {
        assert_eq!(size("16MiB"), Ok(16 << 20));
        for wrong in ["10", "2TiB", "big", "-1MiB"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }
}
