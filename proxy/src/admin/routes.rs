//! From path and method to answer.

use bytes::Bytes;
use http::header::{ACCEPT, ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, ORIGIN};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::Full;
use serde::Serialize;

use crate::clock;
use crate::registry::About;
use crate::telemetry::{RECENT, SummaryView};

use super::AdminState;

type Answer = Response<Full<Bytes>>;

const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";
const LISTING: &str = "no such page; there are:
GET /metrics
GET /operations?limit=1…512
GET /catalogue
GET /slo
GET /summary
GET /livez
GET /readyz
POST /drain
";

/// Answers one request. A request body is not looked at.
pub(super) fn respond<B>(state: &AdminState, request: &Request<B>) -> Answer {
    let page: fn(&AdminState, &Request<B>) -> Answer = match request.uri().path() {
        "/metrics" => metrics,
        "/operations" => operations,
        "/catalogue" => catalogue,
        "/slo" => slo,
        "/summary" => summary,
        "/livez" => |_, _| answer(StatusCode::OK, TEXT, "ok\n"),
        "/readyz" => ready,
        // Browsers name the page that posts; no page has a say in this process' life.
        "/drain" if request.method() == Method::POST && request.headers().contains_key(ORIGIN) => {
            return answer(StatusCode::FORBIDDEN, TEXT, "not from a web page\n");
        }
        "/drain" if request.method() == Method::POST => {
            let Some(drain) = &state.drain else {
                return answer(StatusCode::NOT_FOUND, TEXT, "a wrapped command ends with its client\n");
            };
            drain();
            return answer(StatusCode::ACCEPTED, TEXT, "draining\n");
        }
        "/drain" => return not_allowed("POST"),
        _ => return answer(StatusCode::NOT_FOUND, TEXT, LISTING),
    };
    // hyper leaves the body of an answer to HEAD away and keeps its length.
    match *request.method() {
        Method::GET | Method::HEAD => page(state, request),
        _ => not_allowed("GET, HEAD"),
    }
}

fn metrics<B>(state: &AdminState, request: &Request<B>) -> Answer {
    let accept = accept(request.headers());
    let (content_type, body) = state.telemetry.render(accept.as_deref(), clock::now());
    answer(StatusCode::OK, content_type, body)
}

/// Several `Accept` lines are one list; what is no text is as if it were not there.
fn accept(headers: &HeaderMap) -> Option<String> {
    let lines: Vec<_> = headers.get_all(ACCEPT).iter().filter_map(|line| line.to_str().ok()).collect();
    (!lines.is_empty()).then(|| lines.join(","))
}

fn operations<B>(state: &AdminState, request: &Request<B>) -> Answer {
    #[derive(Serialize)]
    struct Body {
        operations: Vec<crate::telemetry::OperationView>,
    }

    let query = request.uri().query().unwrap_or_default();
    match limit(query) {
        Ok(limit) => {
            json(&Body { operations: state.telemetry.operations(limit, clock::now(), clock::wall()) })
        }
        Err(value) => {
            let message = format!("limit must be a whole number from 1 to {RECENT}, not `{value}`\n");
            answer(StatusCode::BAD_REQUEST, TEXT, message)
        }
    }
}

/// The value of `limit`, or what stands there instead of a number.
fn limit(query: &str) -> Result<usize, &str> {
    match query.split('&').find_map(|pair| pair.strip_prefix("limit=")) {
        None => Ok(RECENT),
        Some(value) => value.parse().ok().filter(|limit| (1..=RECENT).contains(limit)).ok_or(value),
    }
}

fn catalogue<B>(state: &AdminState, _: &Request<B>) -> Answer {
    json(&state.telemetry.catalogue(clock::now(), clock::wall()))
}

fn slo<B>(state: &AdminState, _: &Request<B>) -> Answer {
    json(&state.telemetry.slo(clock::now(), clock::wall()))
}

fn summary<B>(state: &AdminState, _: &Request<B>) -> Answer {
    #[derive(Serialize)]
    struct Body<'a> {
        pid: u32,
        #[serde(flatten)]
        about: &'a About,
        version: &'static str,
        ready: bool,
        #[serde(flatten)]
        summary: SummaryView,
    }

    json(&Body {
        pid: std::process::id(),
        about: &state.about,
        version: env!("CARGO_PKG_VERSION"),
        ready: state.readiness.is_ready(),
        summary: state.telemetry.summary(clock::now(), clock::wall()),
    })
}

fn ready<B>(state: &AdminState, _: &Request<B>) -> Answer {
    if state.readiness.is_ready() {
        answer(StatusCode::OK, TEXT, "ready\n")
    } else {
        answer(StatusCode::SERVICE_UNAVAILABLE, TEXT, "not ready\n")
    }
}

fn json(body: &impl Serialize) -> Answer {
    match serde_json::to_vec(body) {
        Ok(body) => answer(StatusCode::OK, JSON, body),
        Err(error) => answer(StatusCode::INTERNAL_SERVER_ERROR, TEXT, format!("{error}\n")),
    }
}

fn not_allowed(allowed: &'static str) -> Answer {
    let mut refusal = answer(StatusCode::METHOD_NOT_ALLOWED, TEXT, format!("use {allowed}\n"));
    refusal.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    refusal
}

fn answer(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_whole_numbers_in_range() {
        for (query, expected) in [
            ("", Ok(512)),
            ("limit=1", Ok(1)),
            ("a=b&limit=512&limit=9", Ok(512)),
            ("limit=0", Err("0")),
            ("limit=513", Err("513")),
            ("limit=-1", Err("-1")),
            ("limit=", Err("")),
            ("limit=99999999999999999999999", Err("99999999999999999999999")),
        ] {
            assert_eq!(limit(query), expected, "{query}");
        }
    }

    #[test]
    fn accept_lines_are_one_list() {
        let mut headers = HeaderMap::new();
        assert_eq!(accept(&headers), None);
        headers.append(ACCEPT, HeaderValue::from_static("a/b"));
        headers.append(ACCEPT, HeaderValue::from_bytes(b"\xff").expect("opaque bytes are legal"));
        headers.append(ACCEPT, HeaderValue::from_static("c/d;q=0.1"));
        assert_eq!(accept(&headers).as_deref(), Some("a/b,c/d;q=0.1"));
    }
}
