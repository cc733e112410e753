//! What a request's head says about trace context: the contexts themselves, and why the body must stay as it is.

use http::header::{AUTHORIZATION, CONTENT_ENCODING, EXPECT};
use http::{HeaderMap, HeaderName, Version};

use crate::exchange::trace::{ContextHeaders, NotWritten};

/// What the head says, but for [`seal`]. Only asked where traces are made.
pub(super) fn of(headers: &HeaderMap, version: Version) -> ContextHeaders<'_> {
    let mut context = ContextHeaders { http_version: version_name(version), ..ContextHeaders::default() };
    for (name, value) in headers {
        match name.as_str() {
            "traceparent" => context.traceparent.push(value.as_bytes()),
            "tracestate" => context.tracestate.push(value.as_bytes()),
            _ => {}
        }
    }
    context
}

/// What speaks against a change of the body; of several reasons the first in the order of [`NotWritten::ALL`].
/// `room` is false when there is no memory to read the body ahead. Only asked where messages are written into.
pub(super) fn seal(headers: &HeaderMap, room: bool) -> Option<NotWritten> {
    let mut seals = Seals { memory: !room, ..Seals::default() };
    for (name, value) in headers {
        seals.look_at(name, value.as_bytes());
    }
    seals.reason()
}

/// In the spelling of the semantic conventions.
const fn version_name(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "1.0",
        Version::HTTP_2 => "2",
        _ => "1.1",
    }
}

/// What speaks against a change of the body.
#[derive(Default)]
struct Seals {
    encoded: bool,
    digested: bool,
    signed: bool,
    expects: bool,
    memory: bool,
}

impl Seals {
    fn look_at(&mut self, name: &HeaderName, value: &[u8]) {
        if name == CONTENT_ENCODING {
            self.encoded |= tokens(value).any(|coding| !coding.eq_ignore_ascii_case(b"identity"));
        } else if name == EXPECT {
            self.expects = true;
        } else if name == AUTHORIZATION {
            self.signed |= is_signature(value);
        } else if name == http::header::TRAILER {
            // The digest or signature itself comes behind the body.
            for token in tokens(value) {
                let named = HeaderName::from_bytes(token);
                named.iter().for_each(|name| self.look_at_name(name.as_str()));
            }
        } else {
            self.look_at_name(name.as_str());
        }
    }

    fn look_at_name(&mut self, name: &str) {
        // `Signature` and `Signature-Input` (RFC 9421), `X-Hub-Signature-256`, `X-Signature`, `Stripe-Signature`: what
        // calls itself a signature may cover the body. So may a keyed hash.
        let signed = holds(name, "signature") || holds(name, "hmac");
        self.signed |= signed;
        self.digested |= !signed && is_digest(name);
    }

    fn reason(&self) -> Option<NotWritten> {
        let reasons = [
            (self.encoded, NotWritten::Encoded),
            (self.digested, NotWritten::Digested),
            (self.signed, NotWritten::Signed),
            (self.expects, NotWritten::Expects),
            (self.memory, NotWritten::Memory),
        ];
        reasons.into_iter().find_map(|(holds, reason)| holds.then_some(reason))
    }
}

/// Whether a header of this name holds a digest of the body: by a standard, or by a name that people give to one.
fn is_digest(name: &str) -> bool {
    const PARTS: [&str; 7] = ["sha1", "sha256", "sha512", "md5", "crc32", "checksum", "body-hash"];
    (name.ends_with("digest") && !name.starts_with("want-"))
        || matches!(name, "x-goog-hash" | "content-hash" | "x-content-hash")
        || PARTS.iter().any(|part| holds(name, part))
}

/// Whether the name has this part. The search of `str` prepares itself for long texts: names are too short for that.
fn holds(name: &str, part: &str) -> bool {
    name.as_bytes().windows(part.len()).any(|at| at == part.as_bytes())
}

/// Whether these credentials are a signature, which may cover the body (a token never does).
fn is_signature(credentials: &[u8]) -> bool {
    let scheme_end = credentials.iter().position(|byte| *byte == b' ').unwrap_or(credentials.len());
    let (scheme, rest) = credentials.split_at(scheme_end);
    let scheme = scheme.to_ascii_lowercase();
    scheme.starts_with(b"aws4-")
        || scheme == b"aws"
        || scheme == b"signature"
        || has(&scheme, b"hmac")
        // RFC 7616 with `qop=auth-int`, and OAuth 1 with a hash of the body.
        || (scheme == b"digest" && has(rest, b"auth-int"))
        || (scheme == b"oauth" && has(rest, b"oauth_body_hash"))
}

fn has(text: &[u8], part: &[u8]) -> bool {
    memchr::memmem::find(text, part).is_some()
}

fn tokens(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).filter(|token| !token.is_empty())
}

/// Whether a signature in the head covers the headers of trace context themselves: whoever checks it would find it
/// broken. What looks like it counts, for nothing is lost but the context.
pub(in crate::http) fn is_context_signed(headers: &HeaderMap) -> bool {
    // One walk over all fields costs less than a look-up of each of the three.
    headers.iter().any(|(name, value)| {
        let value = value.as_bytes();
        let is_signature = match name.as_str() {
            "authorization" => is_signature(value),
            name => matches!(name, "signature-input" | "signature"),
        };
        is_signature && {
            let value = value.to_ascii_lowercase();
            has(&value, b"traceparent") || has(&value, b"tracestate")
        }
    })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    type Lines = &'static [(&'static str, &'static str)];

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn all_lines_of_context_are_told_in_their_order() {
        let headers = headers(&[
            ("traceparent", "a"),
            ("x", "y"),
            ("tracestate", "b=1"),
            ("traceparent", "c"),
            ("tracestate", "d=2"),
        ]);
        let context = of(&headers, Version::HTTP_11);
        assert_eq!(context.traceparent, [b"a", b"c"]);
        assert_eq!(context.tracestate, [b"b=1", b"d=2"]);
        assert_eq!((context.sealed, context.http_version), (None, "1.1"));
        let versions = [Version::HTTP_10, Version::HTTP_2].map(|version| of(&headers, version).http_version);
        assert_eq!(versions, ["1.0", "2"]);
    }

    #[test]
    fn what_speaks_against_a_change_of_the_body() {
        use NotWritten::{Digested, Encoded, Expects, Memory, Signed};
        let cases: &[(Lines, Option<NotWritten>)] = &[
            (&[], None),
            (&[("content-encoding", "identity")], None),
            (&[("content-encoding", "")], None),
            (&[("content-encoding", "identity, gzip")], Some(Encoded)),
            (&[("content-encoding", "what")], Some(Encoded)),
            (&[("content-digest", "sha-256=:x:")], Some(Digested)),
            (&[("repr-digest", "sha-256=:x:")], Some(Digested)),
            (&[("digest", "sha-256=x")], Some(Digested)),
            (&[("content-md5", "x")], Some(Digested)),
            (&[("x-amz-content-sha256", "UNSIGNED-PAYLOAD")], Some(Digested)),
            (&[("x-amz-checksum-crc32", "x")], Some(Digested)),
            (&[("x-ms-blob-content-md5", "x")], Some(Digested)),
            (&[("x-goog-hash", "crc32c=x")], Some(Digested)),
            (&[("x-body-digest", "x")], Some(Digested)),
            (&[("x-content-sha256", "x")], Some(Digested)),
            (&[("x-checksum", "x")], Some(Digested)),
            (&[("x-body-hash", "x")], Some(Digested)),
            (&[("want-content-digest", "sha-256=1")], None),
            (&[("want-repr-digest", "sha-256=1")], None),
            (&[("x-cache-hash", "x")], None),
            (&[("trailer", "X-Sum, Content-Digest")], Some(Digested)),
            (&[("trailer", "X-Sum")], None),
            (&[("trailer", "Signature")], Some(Signed)),
            (&[("signature-input", "sig=(\"@method\")")], Some(Signed)),
            (&[("signature", "sig=:x:")], Some(Signed)),
            (&[("x-hub-signature-256", "sha256=x")], Some(Signed)),
            (&[("x-signature", "x")], Some(Signed)),
            (&[("stripe-signature", "x")], Some(Signed)),
            (&[("x-hmac-sha256", "x")], Some(Signed)),
            (&[("authorization", "AWS4-HMAC-SHA256 Credential=x")], Some(Signed)),
            (&[("authorization", "aws4-ecdsa-p256-sha256 x")], Some(Signed)),
            (&[("authorization", "AWS key:x")], Some(Signed)),
            (&[("authorization", "HMAC x")], Some(Signed)),
            (&[("authorization", "Signature keyId=x")], Some(Signed)),
            (&[("authorization", "Digest qop=auth-int")], Some(Signed)),
            (&[("authorization", "Digest qop=auth")], None),
            (&[("authorization", "OAuth oauth_body_hash=x")], Some(Signed)),
            (&[("authorization", "Bearer signature.hmac.aws4-")], None),
            (&[("authorization", "Basic eDp5")], None),
            (&[("expect", "100-continue")], Some(Expects)),
            (&[("expect", "100-continue"), ("signature", "x"), ("digest", "x")], Some(Digested)),
        ];
        for (lines, expected) in cases {
            let map = headers(lines);
            assert_eq!(seal(&map, true), *expected, "{lines:?}");
            assert_eq!(seal(&map, false), expected.or(Some(Memory)), "{lines:?}");
        }
    }

    #[test]
    fn signatures_that_cover_the_context_are_found() {
        let cases: &[(&'static str, &'static str, bool)] = &[
            ("signature-input", "sig=(\"@method\" \"traceparent\");created=1", true),
            ("signature-input", "sig=(\"@method\" \"tracestate\")", true),
            ("signature-input", "sig=(\"@method\" \"content-digest\")", false),
            ("signature", "keyId=\"a\",headers=\"host Traceparent\"", true),
            ("authorization", "Signature keyId=\"a\",headers=\"host traceparent\"", true),
            ("authorization", "AWS4-HMAC-SHA256 SignedHeaders=host;traceparent, Signature=x", true),
            ("authorization", "AWS4-HMAC-SHA256 SignedHeaders=host, Signature=x", false),
            ("authorization", "Bearer traceparent", false),
            ("x-note", "traceparent", false),
        ];
        for (name, value, expected) in cases {
            assert_eq!(is_context_signed(&headers(&[(name, value)])), *expected, "{name}: {value}");
        }
    }
}
