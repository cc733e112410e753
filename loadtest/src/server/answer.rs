//! From a request to its answer.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;

use super::body::Body;
use super::call::{Call, Params};
use crate::payload::{
    Answer, Answers, MAX_EVENTS, MAX_INTERVAL, MODERN, NAME, Tool, is_numbered_tool, numbered_tool,
};

/// Longest request body; the load's are 200 bytes, a batch of a thousand calls 140 kB.
const REQUEST_LIMIT: usize = 1 << 20;
/// What the handshake agrees on when it names a revision that has none.
const DEFAULT_VERSION: &str = "2025-11-25";
/// Revisions with a handshake.
const VERSIONS: [&str; 4] = ["2024-11-05", "2025-03-26", "2025-06-18", DEFAULT_VERSION];

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const EVENT_STREAM: HeaderValue = HeaderValue::from_static("text/event-stream");
const NO_CACHE: HeaderValue = HeaderValue::from_static("no-cache");

const PONG: &str = r#","result":{}}"#;
const UNKNOWN_METHOD: &str = r#","error":{"code":-32601,"message":"Method not found"}}"#;
const HEADER_MISMATCH: &str =
    r#","error":{"code":-32020,"message":"a routing header is missing or does not agree with the body"}}"#;
const EMPTY_BATCH: &str =
    r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"the batch is empty"}}"#;

/// The answers, and the counter behind session ids.
#[derive(Debug)]
pub(super) struct Fixture {
    answers: Answers,
    tools: Answer,
    modern_tools: Answer,
    discovered: Answer,
    sessions: AtomicU64,
}

/// A JSON answer, or a stream.
enum Reply {
    Json(Answer),
    Stream(Answer, Duration),
}

impl Fixture {
    pub(super) fn new(numbered_tools: u32) -> Self {
        let tools = tools_list(numbered_tools);
        Self {
            answers: Answers::new(),
            tools: result(&format!("{{{tools}}}")),
            modern_tools: result(&format!(
                r#"{{"resultType":"complete",{tools},"ttlMs":60000,"cacheScope":"public"}}"#
            )),
            discovered: result(&format!(
                r#"{{"resultType":"complete","supportedVersions":["{MODERN}"],"capabilities":{{"tools":{{}}}},"ttlMs":60000,"cacheScope":"public","_meta":{{"io.modelcontextprotocol/serverInfo":{{"name":"{NAME}","version":"1"}}}}}}"#
            )),
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
        let (head, body) = request.into_parts();
        let Ok(body) = Limited::new(body, REQUEST_LIMIT).collect().await else {
            return plain(StatusCode::PAYLOAD_TOO_LARGE, "the body broke off or is over 1 MiB\n");
        };
        let body = body.to_bytes();
        if body.starts_with(b"[") {
            return self.batch(&body);
        }
        let Ok(call) = serde_json::from_slice::<Call<'_>>(&body) else {
            return plain(StatusCode::BAD_REQUEST, "not a JSON-RPC request that this fixture reads\n");
        };
        let Some(id) = call.id else { return empty(StatusCode::ACCEPTED) };
        if call.is_modern() && !call.agrees_with(&head.headers) {
            let mut response = json(id.get(), &constant(HEADER_MISMATCH));
            *response.status_mut() = StatusCode::BAD_REQUEST;
            return response;
        }
        match self.reply(&call) {
            Reply::Stream(answer, interval) => stream(Body::events(id.get(), &answer, interval)),
            Reply::Json(answer) => {
                let mut response = json(id.get(), &answer);
                if call.method == "initialize" {
                    self.begin_session(response.headers_mut());
                }
                response
            }
        }
    }

    /// Every call is answered in its place; streams have none in a batch, so they are not known there.
    fn batch(&self, body: &[u8]) -> Response<Body> {
        let Ok(calls) = serde_json::from_slice::<Vec<Call<'_>>>(body) else {
            return plain(StatusCode::BAD_REQUEST, "not a JSON-RPC batch that this fixture reads\n");
        };
        if calls.is_empty() {
            let mut response = typed(Body::bytes(Bytes::from_static(EMPTY_BATCH.as_bytes())), JSON);
            *response.status_mut() = StatusCode::BAD_REQUEST;
            return response;
        }
        let mut replies = Vec::new();
        for call in &calls {
            let Some(id) = call.id else { continue };
            replies.push(if replies.is_empty() { b'[' } else { b',' });
            match self.reply(call) {
                Reply::Json(answer) => answer.write(id.get(), &mut replies),
                Reply::Stream(..) => self.answers.unknown().write(id.get(), &mut replies),
            }
        }
        if replies.is_empty() {
            return empty(StatusCode::ACCEPTED);
        }
        replies.push(b']');
        typed(Body::bytes(replies.into()), JSON)
    }

    fn reply(&self, call: &Call<'_>) -> Reply {
        Reply::Json(match call.method {
            "tools/call" => return self.call_tool(call),
            "tools/list" if call.is_modern() => self.modern_tools.clone(),
            "tools/list" => self.tools.clone(),
            "server/discover" => self.discovered.clone(),
            "ping" => constant(PONG),
            "initialize" => initialized(call.params.as_ref()),
            _ => constant(UNKNOWN_METHOD),
        })
    }

    fn call_tool(&self, call: &Call<'_>) -> Reply {
        let name = call.tool().unwrap_or_default();
        Reply::Json(match Tool::named(name) {
            Some(Tool::Small) if call.is_modern() => self.answers.stateless(),
            Some(Tool::Events) => {
                let arguments = call.arguments();
                let count = arguments.count.unwrap_or(1).clamp(1, MAX_EVENTS);
                let interval = Duration::from_millis(arguments.interval_ms.unwrap_or(0)).min(MAX_INTERVAL);
                return Reply::Stream(self.answers.stream(count), interval);
            }
            Some(tool) => self.answers.of(tool),
            None if is_numbered_tool(name) => self.answers.of(Tool::Small),
            None => self.answers.unknown(),
        })
    }

    fn begin_session(&self, headers: &mut HeaderMap) {
        let session = format!("loadtest-{:08}", self.sessions.fetch_add(1, Ordering::Relaxed));
        if let Ok(session) = HeaderValue::try_from(session) {
            headers.insert("mcp-session-id", session);
        }
    }
}

fn constant(after_id: &'static str) -> Answer {
    Answer::json(Bytes::from_static(after_id.as_bytes()))
}

fn result(result: &str) -> Answer {
    Answer::json(Bytes::from(format!(r#","result":{result}}}"#)))
}

/// Agrees to the revision that the client names, if it has a handshake.
fn initialized(params: Option<&Params<'_>>) -> Answer {
    let wanted = params.and_then(|params| params.protocol_version);
    let version = VERSIONS.into_iter().find(|version| Some(*version) == wanted).unwrap_or(DEFAULT_VERSION);
    let own = env!("CARGO_PKG_VERSION");
    result(&format!(
        r#"{{"protocolVersion":"{version}","capabilities":{{"tools":{{}}}},"serverInfo":{{"name":"{NAME}","version":"{own}"}}}}"#
    ))
}

/// The member `tools` of a list.
fn tools_list(numbered: u32) -> String {
    let names = Tool::ALL.iter().map(|tool| tool.name().to_owned()).chain((0..numbered).map(numbered_tool));
    let tools: Vec<String> = names
        .map(|name| {
            format!(
                r#"{{"name":"{name}","description":"Returns the {name} payload.","inputSchema":{{"type":"object"}}}}"#
            )
        })
        .collect();
    format!(r#""tools":[{}]"#, tools.join(","))
}

fn json(id: &str, answer: &Answer) -> Response<Body> {
    typed(Body::whole(id, answer), JSON)
}

fn typed(body: Body, content_type: HeaderValue) -> Response<Body> {
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

fn stream(body: Body) -> Response<Body> {
    let mut response = typed(body, EVENT_STREAM);
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
