//! What heads say: which bodies to look at and how they are coded, and the fields the exchange asks for.

use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, request};

use super::decode::{Coding, Codings};
use crate::exchange::event::NotInspected;
use crate::exchange::trace::ContextHeaders;
use crate::exchange::{HttpMethod, RequestHead};

const SESSION: &str = "mcp-session-id";

/// What a body is taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Media {
    /// JSON by its content type.
    Json,
    /// A stream of events.
    Events,
    /// Nothing says what it is.
    Unknown,
    /// Nothing that carries MCP.
    Other,
}

impl Media {
    /// Reads `Content-Type`: `application/json` and any `+json`, and `text/event-stream`, whatever the parameters.
    fn of(value: &[u8]) -> Self {
        // What nearly all send needs no look at its parts.
        match value {
            b"application/json" => return Self::Json,
            b"text/event-stream" => return Self::Events,
            _ => {}
        }
        let essence = value.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
        let is = |name: &[u8]| essence.eq_ignore_ascii_case(name);
        let suffix = essence.len().checked_sub(5).and_then(|at| essence.get(at..)).unwrap_or_default();
        if is(b"application/json") || suffix.eq_ignore_ascii_case(b"+json") {
            Self::Json
        } else if is(b"text/event-stream") {
            Self::Events
        } else if essence.is_empty() {
            Self::Unknown
        } else {
            Self::Other
        }
    }
}

/// What a head says of its body.
pub(super) struct BodyHead<'a> {
    /// `Content-Type`.
    pub(super) media: Media,
    /// `Content-Encoding`: at most two codings, over however many header lines.
    pub(super) codings: Result<Codings, NotInspected>,
    /// Whether there is a `Content-Encoding` at all.
    pub(super) coded: bool,
    /// `Mcp-Session-Id`, which counts in responses.
    pub(super) session: Option<&'a [u8]>,
}

impl<'a> BodyHead<'a> {
    /// Reads a head, in one walk as [`request`].
    pub(super) fn of(headers: &'a HeaderMap) -> Self {
        let (mut media, mut session) = (None, None);
        let (mut codings, mut coded) = (Ok(Codings::default()), false);
        for (name, value) in headers {
            if name == CONTENT_TYPE {
                media.get_or_insert_with(|| Media::of(value.as_bytes()));
            } else if name == CONTENT_ENCODING {
                coded = true;
                codings = codings.and_then(|codings| more_codings(codings, value.as_bytes()));
            } else if name.as_str() == SESSION {
                session.get_or_insert(value.as_bytes());
            }
        }
        Self { media: media.unwrap_or(Media::Unknown), codings, coded, session }
    }
}

/// Adds the codings of one line.
fn more_codings(mut codings: Codings, value: &[u8]) -> Result<Codings, NotInspected> {
    for name in value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
        let is = |known: &[u8]| name.eq_ignore_ascii_case(known);
        let coding = if name.is_empty() || is(b"identity") {
            continue;
        } else if is(b"gzip") || is(b"x-gzip") {
            Coding::Gzip
        } else if is(b"deflate") {
            Coding::Deflate
        } else if is(b"br") {
            Coding::Brotli
        } else if is(b"zstd") {
            Coding::Zstd
        } else {
            return Err(NotInspected::Encoding);
        };
        if !codings.push(coding) {
            return Err(NotInspected::Encoding);
        }
    }
    Ok(codings)
}

/// What the exchange wants to know of a request's head, but for trace context ([`super::context`]). `identity`: the
/// header that names the caller.
///
/// One walk over all fields costs less than a look-up for each: most requests have few fields and most of these are
/// not among them. Of several lines of a field the first counts.
pub(super) fn request<'a>(parts: &'a request::Parts, identity: Option<&HeaderName>) -> RequestHead<'a> {
    let mut head = RequestHead {
        context: ContextHeaders::default(),
        method: method(&parts.method),
        target: parts.uri.path_and_query().map_or("", |target| target.as_str()),
        session: None,
        protocol_version: None,
        mcp_method: None,
        mcp_name: None,
        last_event_id: None,
        caller: identity.and_then(|name| parts.headers.get(name)).map(HeaderValue::as_bytes),
    };
    for (name, value) in &parts.headers {
        let field = match name.as_str() {
            SESSION => &mut head.session,
            "mcp-protocol-version" => &mut head.protocol_version,
            "mcp-method" => &mut head.mcp_method,
            "mcp-name" => &mut head.mcp_name,
            "last-event-id" => &mut head.last_event_id,
            _ => continue,
        };
        field.get_or_insert(value.as_bytes());
    }
    head
}

/// The method, from the closed set of the HTTP semantic conventions.
fn method(method: &Method) -> HttpMethod {
    match method.as_str() {
        "GET" => HttpMethod::Get,
        "POST" => HttpMethod::Post,
        "DELETE" => HttpMethod::Delete,
        "HEAD" => HttpMethod::Other("HEAD"),
        "OPTIONS" => HttpMethod::Other("OPTIONS"),
        "PUT" => HttpMethod::Other("PUT"),
        "PATCH" => HttpMethod::Other("PATCH"),
        "CONNECT" => HttpMethod::Other("CONNECT"),
        "TRACE" => HttpMethod::Other("TRACE"),
        _ => HttpMethod::Other("_OTHER"),
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn with(name: HeaderName, values: &[&str]) -> HeaderMap {
        let value = |value: &&str| (name.clone(), HeaderValue::from_str(value).expect("a header value"));
        values.iter().map(value).collect()
    }

    #[test]
    fn content_type_decides_what_a_body_is() {
        let cases: &[(&[&str], Media)] = &[
            (&["application/json"], Media::Json),
            (&["Application/JSON ; charset=utf-8"], Media::Json),
            (&["application/problem+json"], Media::Json),
            (&["application/vnd.api+JSON;x=1"], Media::Json),
            (&["text/event-stream"], Media::Events),
            (&["text/event-stream;charset=UTF-8"], Media::Events),
            (&[], Media::Unknown),
            (&[""], Media::Unknown),
            (&["text/html"], Media::Other),
            (&["application/x-www-form-urlencoded"], Media::Other),
            (&["application/jsonp"], Media::Other),
            (&["json"], Media::Other),
        ];
        for (values, expected) in cases {
            assert_eq!(BodyHead::of(&with(CONTENT_TYPE, values)).media, *expected, "{values:?}");
        }
    }

    #[test]
    fn content_encoding_gives_at_most_two_known_codings() {
        let list = |codings: &[Coding]| {
            let mut all = Codings::default();
            assert!(codings.iter().all(|coding| all.push(*coding)));
            Ok(all)
        };
        let cases: &[(&[&str], Result<Codings, NotInspected>)] = &[
            (&[], list(&[])),
            (&["identity"], list(&[])),
            (&["GZIP"], list(&[Coding::Gzip])),
            (&["x-gzip"], list(&[Coding::Gzip])),
            (&["deflate, br"], list(&[Coding::Deflate, Coding::Brotli])),
            (&["zstd", "identity,gzip"], list(&[Coding::Zstd, Coding::Gzip])),
            (&["gzip,gzip,gzip"], Err(NotInspected::Encoding)),
            (&["compress"], Err(NotInspected::Encoding)),
            (&["gzip, aws-chunked"], Err(NotInspected::Encoding)),
        ];
        for (values, expected) in cases {
            assert_eq!(BodyHead::of(&with(CONTENT_ENCODING, values)).codings, *expected, "{values:?}");
        }
    }

    #[test]
    fn request_head_carries_the_mcp_fields_and_the_identity() {
        let identity = HeaderName::from_static("x-caller");
        let (parts, ()) = Request::post("http://host/mcp?a=1")
            .header("Mcp-Session-Id", "s")
            .header("MCP-Protocol-Version", "2026-07-28")
            .header("Mcp-Method", "tools/call")
            .header("Mcp-Name", "echo")
            .header("Last-Event-ID", "7")
            .header("X-Caller", "me")
            .body(())
            .expect("a request")
            .into_parts();
        let head = request(&parts, Some(&identity));
        assert_eq!((head.method, head.target), (HttpMethod::Post, "/mcp?a=1"));
        let fields = [head.session, head.protocol_version, head.mcp_method, head.mcp_name];
        assert_eq!(fields, [Some(&b"s"[..]), Some(b"2026-07-28"), Some(b"tools/call"), Some(b"echo")]);
        assert_eq!((head.last_event_id, head.caller), (Some(&b"7"[..]), Some(&b"me"[..])));
        assert_eq!(request(&parts, None).caller, None);
    }

    #[test]
    fn methods_outside_the_closed_set_share_one_label() {
        let custom = Method::from_bytes(b"BREW").expect("a token");
        assert_eq!(method(&custom), HttpMethod::Other("_OTHER"));
        assert_eq!(method(&Method::HEAD), HttpMethod::Other("HEAD"));
        assert_eq!(method(&Method::DELETE), HttpMethod::Delete);
    }
}
