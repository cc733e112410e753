//! From a request to its answer.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::body::Body;
use crate::payload::{Answer, Answers, MAX_EVENTS, MAX_INTERVAL, Scenario, Tool};

/// Longest request body; the load's are 200 bytes.
const REQUEST_LIMIT: usize = 1 << 20;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const EVENT_STREAM: HeaderValue = HeaderValue::from_static("text/event-stream");
const NO_CACHE: HeaderValue = HeaderValue::from_static("no-cache");

const INITIALIZED: &str = concat!(
    r#","result":{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"#,
    r#""serverInfo":{"name":"mcp-loadtest","version":""#,
    env!("CARGO_PKG_VERSION"),
    r#""}}}"#
);
const PONG: &str = r#","result":{}}"#;
const UNKNOWN_METHOD: &str = r#","error":{"code":-32601,"message":"Method not found"}}"#;
const UNKNOWN_TOOL: &str = r#","error":{"code":-32602,"message":"Unknown tool"}}"#;

/// What is read of a request; everything is borrowed from its body.
#[derive(Deserialize)]
struct Call<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    method: &'a str,
    #[serde(borrow)]
    params: Option<Params<'a>>,
}

#[derive(Deserialize)]
struct Params<'a> {
    name: Option<&'a str>,
    arguments: Option<Arguments>,
}

#[derive(Deserialize, Default)]
struct Arguments {
    count: Option<u32>,
    interval_ms: Option<u64>,
}

/// The answers, and the counter behind session ids.
#[derive(Debug)]
pub(super) struct Fixture {
    answers: Answers,
    tools: Answer,
    sessions: AtomicU64,
}

impl Fixture {
    pub(super) fn new() -> Self {
        Self {
            answers: Answers::new(),
            tools: Answer::json(Bytes::from(tools_list())),
            sessions: AtomicU64::new(1),
        }
    }

    pub(super) async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        match *request.method() {
            Method::POST => {}
            Method::GET => return stream(Body::silent()),
            Method::DELETE => return plain(StatusCode::OK, "session ended\n"),
            _ => {
                let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "GET, POST or DELETE\n");
                response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, POST, DELETE"));
                return response;
            }
        }
        let Ok(body) = Limited::new(request.into_body(), REQUEST_LIMIT).collect().await else {
            return plain(StatusCode::PAYLOAD_TOO_LARGE, "the body broke off or is over 1 MiB\n");
        };
        let body = body.to_bytes();
        let Ok(call) = serde_json::from_slice::<Call<'_>>(&body) else {
            return plain(StatusCode::BAD_REQUEST, "not a JSON-RPC request that this fixture reads\n");
        };
        let Some(id) = call.id else { return empty(StatusCode::ACCEPTED) };
        self.reply(id.get(), call.method, call.params)
    }

    fn reply(&self, id: &str, method: &str, params: Option<Params<'_>>) -> Response<Body> {
        match method {
            "tools/call" => self.call(id, params),
            "tools/list" => json(id, &self.tools),
            "ping" => json(id, &Answer::json(Bytes::from_static(PONG.as_bytes()))),
            "initialize" => {
                let mut response = json(id, &Answer::json(Bytes::from_static(INITIALIZED.as_bytes())));
                let session = format!("loadtest-{:08}", self.sessions.fetch_add(1, Ordering::Relaxed));
                if let Ok(session) = HeaderValue::try_from(session) {
                    response.headers_mut().insert("mcp-session-id", session);
                }
                response
            }
            _ => json(id, &Answer::json(Bytes::from_static(UNKNOWN_METHOD.as_bytes()))),
        }
    }

    fn call(&self, id: &str, params: Option<Params<'_>>) -> Response<Body> {
        let (tool, arguments) = match params {
            Some(params) => (params.name.and_then(Tool::named), params.arguments.unwrap_or_default()),
            None => (None, Arguments::default()),
        };
        match tool {
            None => json(id, &Answer::json(Bytes::from_static(UNKNOWN_TOOL.as_bytes()))),
            Some(Tool::Events) => {
                let count = arguments.count.unwrap_or(1).clamp(1, MAX_EVENTS);
                let interval = Duration::from_millis(arguments.interval_ms.unwrap_or(0)).min(MAX_INTERVAL);
                let answer = self.answers.of(Scenario::Events { count, interval });
                stream(Body::events(id, &answer, interval))
            }
            Some(tool) => json(id, &self.answers.of(Scenario::Json(tool))),
        }
    }
}

fn tools_list() -> String {
    let tools: Vec<String> = Tool::ALL
        .iter()
        .map(|tool| {
            let name = tool.name();
            format!(
                r#"{{"name":"{name}","description":"Returns the {name} payload.","inputSchema":{{"type":"object"}}}}"#
            )
        })
        .collect();
    format!(r#","result":{{"tools":[{}]}}}}"#, tools.join(","))
}

fn json(id: &str, answer: &Answer) -> Response<Body> {
    let mut response = Response::new(Body::whole(id, answer));
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    response
}

fn stream(body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, EVENT_STREAM);
    response.headers_mut().insert(CACHE_CONTROL, NO_CACHE);
    response
}

fn plain(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::text(text));
    *response.status_mut() = status;
    response
}

fn empty(status: StatusCode) -> Response<Body> {
    plain(status, "")
}
