//! Why a read failed.

use std::error::Error;
use std::io;
use std::sync::LazyLock;
use std::time::Duration;

use http::{HeaderMap, StatusCode, header};
use regex::Regex;
use serde::Deserialize;

use crate::report::{compile, quote};

/// The longest pause that is believed; the API asks for seconds.
const LONGEST_PAUSE: Duration = Duration::from_secs(3_600);

/// In a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadErrorKind {
    /// 404: the object is not there.
    NotFound,
    /// 401 or 403: the server may not read it.
    Forbidden,
    /// 504, or no answer in time.
    Timeout,
    /// 429: asked too often.
    Throttled,
    /// 410: the place in a long list is gone.
    Expired,
    /// Another status, or no connection.
    Api,
    /// The answer is not what the API promises.
    Unreadable,
}

impl ReadErrorKind {
    /// The word in metrics and spans.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::Forbidden => "forbidden",
            Self::Timeout => "timeout",
            Self::Throttled => "throttled",
            Self::Expired => "expired",
            Self::Api => "api_error",
            Self::Unreadable => "unreadable",
        }
    }
}

/// Why a read failed, fit to be shown to an agent: no address, no token, no payload.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ReadError {
    /// In a word.
    pub kind: ReadErrorKind,
    /// HTTP status of the API, if it answered.
    pub status: Option<u16>,
    /// In a sentence, with the object, as `pods "web" in namespace "shop" not found`.
    pub message: String,
    /// When the API said to come back.
    pub retry_after: Option<Duration>,
    /// Whether it came out of the cache.
    pub cached: bool,
}

impl ReadError {
    /// An error without a status of the API.
    pub fn new(kind: ReadErrorKind, message: impl Into<String>) -> Self {
        Self { kind, status: None, message: message.into(), retry_after: None, cached: false }
    }

    /// The same of what metrics.k8s.io knows of a `pod` or `node`, which must not read as if that were not there.
    #[must_use]
    pub fn of_metrics(self, what: &str) -> Self {
        if self.kind != ReadErrorKind::NotFound {
            return self;
        }
        let message =
            format!("no metrics of this {what}: it is new or does not run, or there is no metrics-server");
        Self { message, ..self }
    }

    /// No answer within this time.
    pub fn too_slow(what: &str, limit: Duration) -> Self {
        let limit = humantime::format_duration(limit);
        Self::new(ReadErrorKind::Timeout, format!("{what}: the API did not answer within {limit}"))
    }

    /// The API answered with this status. The message of a `Status` names objects and reasons, and is quoted; any other
    /// body is of something between us and the API, and is not.
    pub(super) fn of_status(what: &str, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Self {
        let said: Option<Said> =
            serde_json::from_slice(body).ok().filter(|said: &Said| said.kind == "Status");
        let kind = kind_of(status);
        let missing = said.as_ref().is_none_or(|said| said.message.contains("find the requested resource"));
        let seconds = said.as_ref().and_then(|said| said.details.retry_after_seconds);
        let words = match kind {
            ReadErrorKind::NotFound if missing => ": the cluster does not serve this API".to_owned(),
            // What the API says of it are the same words.
            ReadErrorKind::NotFound => " not found".to_owned(),
            ReadErrorKind::Forbidden if status == StatusCode::UNAUTHORIZED => {
                ": the API does not accept the credentials of this server".to_owned()
            }
            ReadErrorKind::Forbidden => ": this server may not read it".to_owned(),
            ReadErrorKind::Throttled => ": the API is asked too often".to_owned(),
            ReadErrorKind::Expired => ": the list changed while it was read".to_owned(),
            _ => format!(": the API answered {}", status.as_u16()),
        };
        let reason = said
            .filter(|said| kind != ReadErrorKind::NotFound && !said.message.is_empty())
            .map(|said| format!(" ({})", quote(&without_credentials(&said.message))))
            .unwrap_or_default();
        let header =
            headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
        let retry_after = header.or(seconds).map(Duration::from_secs).map(|pause| pause.min(LONGEST_PAUSE));
        let message = format!("{what}{words}{reason}");
        Self { kind, status: Some(status.as_u16()), message, retry_after, cached: false }
    }

    /// No answer came, or it broke off.
    pub(super) fn of_client(what: &str, error: &kube::Error) -> Self {
        let (kind, why) = match error {
            // How credentials are got may be a program whose output is in the error: nothing of it is shown.
            kube::Error::Auth(_) => {
                (ReadErrorKind::Api, "this server cannot get its credentials for the API")
            }
            error => cause(error),
        };
        Self::new(kind, format!("{what}: {why}"))
    }
}

/// The parts of a `Status` that are read; everything else may be missing or of any form.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Said {
    kind: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    details: Details,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Details {
    retry_after_seconds: Option<u64>,
}

fn kind_of(status: StatusCode) -> ReadErrorKind {
    match status.as_u16() {
        404 => ReadErrorKind::NotFound,
        401 | 403 => ReadErrorKind::Forbidden,
        408 | 504 => ReadErrorKind::Timeout,
        410 => ReadErrorKind::Expired,
        429 => ReadErrorKind::Throttled,
        _ => ReadErrorKind::Api,
    }
}

/// Why there was no answer, from the errors beneath this one. Their texts hold addresses, so words of ours are given.
fn cause(error: &(dyn Error + 'static)) -> (ReadErrorKind, &'static str) {
    use ReadErrorKind::{Api, Timeout};
    let mut why = "the API cannot be reached";
    for error in std::iter::successors(Some(error), |&error| error.source()) {
        let text = error.to_string();
        if text.contains("certificate") {
            return (Api, "the certificate of the API is not accepted");
        }
        if text.contains("dns error") || text.contains("lookup address") {
            return (Api, "the name of the API server cannot be resolved");
        }
        match error.downcast_ref::<io::Error>().map(io::Error::kind) {
            Some(io::ErrorKind::TimedOut) => return (Timeout, "the API did not answer in time"),
            Some(io::ErrorKind::ConnectionRefused) => return (Api, "the API refuses connections"),
            Some(
                io::ErrorKind::ConnectionReset
                | io::ErrorKind::ConnectionAborted
                | io::ErrorKind::BrokenPipe
                | io::ErrorKind::UnexpectedEof,
            ) => why = "the API closed the connection",
            _ if error.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_incomplete_message) => {
                why = "the API closed the connection";
            }
            _ => {}
        }
    }
    (Api, why)
}

/// The text without what looks like credentials. The API puts none into its messages; a web hook behind it may.
fn without_credentials(text: &str) -> String {
    static LOOK: LazyLock<Regex> =
        LazyLock::new(|| compile(r"(?i:\b(?:bearer|basic)\s+)\S+|\beyJ[\w-]{8,}(?:\.[\w-]*)*"));
    LOOK.replace_all(text, "[hidden]").into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHAT: &str = "pods \"web\" in namespace \"shop\"";

    fn check(status: u16, body: &str, kind: ReadErrorKind, message: &str) {
        let status = StatusCode::from_u16(status).unwrap();
        let error = ReadError::of_status(WHAT, status, &HeaderMap::new(), body.as_bytes());
        assert_eq!(
            (error.kind, error.message.as_str()),
            (kind, format!("{WHAT}{message}").as_str()),
            "{body}"
        );
        assert_eq!(error.status, Some(status.as_u16()));
    }

    fn status(message: &str) -> String {
        serde_json::json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "message": message })
            .to_string()
    }

    #[test]
    fn a_status_is_told_in_our_words_and_quoted() {
        use ReadErrorKind::*;
        check(404, &status("pods \"web\" not found"), NotFound, " not found");
        let missing = ": the cluster does not serve this API";
        check(404, &status("the server could not find the requested resource"), NotFound, missing);
        check(404, "404 page not found\n", NotFound, missing);
        let denied = ": this server may not read it (\"pods is forbidden: User \\\"a\\\"\")";
        check(403, &status("pods is forbidden:\n User \\\"a\\\""), Forbidden, denied);
        let refused = ": the API does not accept the credentials of this server (\"Unauthorized\")";
        check(401, &status("Unauthorized"), Forbidden, refused);
        check(410, &status(""), Expired, ": the list changed while it was read");
        check(429, &status(""), Throttled, ": the API is asked too often");
        check(504, &status("slow"), Timeout, ": the API answered 504 (\"slow\")");
        check(400, &status("container is waiting"), Api, ": the API answered 400 (\"container is waiting\")");
        check(302, "", Api, ": the API answered 302");
        check(502, "<html>proxy 10.0.0.1</html>", Api, ": the API answered 502");
        check(500, "{\"message\":\"not a status\"}", Api, ": the API answered 500");
    }

    #[test]
    fn a_status_is_cut_and_cleaned_of_control_characters_and_credentials() {
        let hostile = format!(
            "\u{1b}[2J Authorization: Bearer abc.def and eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.sig {}",
            "x".repeat(1_000)
        );
        let error = ReadError::of_status(
            WHAT,
            StatusCode::INTERNAL_SERVER_ERROR,
            &HeaderMap::new(),
            status(&hostile).as_bytes(),
        );
        assert!(error.message.len() < 320, "{}", error.message);
        assert!(!error.message.contains(char::is_control), "{}", error.message);
        for secret in ["abc.def", "eyJ", "sig"] {
            assert!(!error.message.contains(secret), "{}", error.message);
        }
    }

    #[test]
    fn the_pause_that_the_api_asks_for_is_kept() {
        let pause = |header: Option<&str>, body: &str| {
            let mut headers = HeaderMap::new();
            if let Some(value) = header {
                headers.insert(header::RETRY_AFTER, value.parse().unwrap());
            }
            ReadError::of_status(WHAT, StatusCode::TOO_MANY_REQUESTS, &headers, body.as_bytes()).retry_after
        };
        let body = r#"{"kind":"Status","message":"slow down","details":{"retryAfterSeconds":7}}"#;
        assert_eq!(pause(Some("3"), body), Some(Duration::from_secs(3)));
        assert_eq!(pause(None, body), Some(Duration::from_secs(7)));
        assert_eq!(pause(Some("soon"), ""), None);
        assert_eq!(pause(Some("999999999"), ""), Some(LONGEST_PAUSE));
    }

    #[test]
    fn a_lost_connection_is_told_without_its_address() {
        let service = |kind: io::ErrorKind, text: &str| {
            let error = kube::Error::Service(io::Error::new(kind, text.to_owned()).into());
            let error = ReadError::of_client("pods", &error);
            assert!(!error.message.contains("10.0.0.1"), "{}", error.message);
            (error.kind, error.message)
        };
        use io::ErrorKind::*;
        let api = |text: &str| (ReadErrorKind::Api, format!("pods: {text}"));
        let timeout = (ReadErrorKind::Timeout, "pods: the API did not answer in time".to_owned());
        assert_eq!(service(ConnectionRefused, "10.0.0.1:6443"), api("the API refuses connections"));
        assert_eq!(service(ConnectionReset, "10.0.0.1"), api("the API closed the connection"));
        assert_eq!(service(TimedOut, "deadline"), timeout);
        assert_eq!(
            service(InvalidData, "invalid peer certificate: UnknownIssuer"),
            api("the certificate of the API is not accepted")
        );
        let unknown = "failed to lookup address information: Name or service not known";
        assert_eq!(service(Other, unknown), api("the name of the API server cannot be resolved"));
        assert_eq!(service(Other, "10.0.0.1"), api("the API cannot be reached"));
    }
}
