//! The client against a server that remembers what it was sent.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use http::Request;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use super::super::persona::PERSONAS;
use super::*;

/// A request as the server saw it.
#[derive(Debug, Clone)]
struct Seen {
    http: Method,
    headers: HeaderMap,
    body: Value,
}

impl Seen {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn method(&self) -> &str {
        self.body["method"].as_str().unwrap_or_default()
    }
}

type Log = Arc<Mutex<Vec<Seen>>>;
/// Status, content type and body of an answer; no answer at all when there is none.
type Answer = Option<(u16, &'static str, String)>;

const JSON: &str = "application/json";

fn result(seen: &Seen, result: &Value) -> Answer {
    Some((200, JSON, json!({"jsonrpc": "2.0", "id": seen.body["id"], "result": result}).to_string()))
}

/// A server with sessions for those who initialize; `answer` decides on everything else.
async fn serve(answer: fn(&Seen, &Log) -> Answer) -> (LoopbackUrl, Log) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = LoopbackUrl::at(listener.local_addr().unwrap()).unwrap();
    let log = Log::default();
    let seen = log.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let seen = seen.clone();
            let service = service_fn(move |request| respond(request, seen.clone(), answer));
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    (url, log)
}

async fn respond(
    request: Request<Incoming>,
    log: Log,
    answer: fn(&Seen, &Log) -> Answer,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let body = serde_json::from_slice(&body).unwrap_or_default();
    let seen = Seen { http: head.method, headers: head.headers, body };
    log.lock().unwrap().push(seen.clone());
    let response = Response::builder();
    if seen.method() == "initialize" {
        let agreed = json!({"protocolVersion": seen.body["params"]["protocolVersion"], "capabilities": {}});
        let session = format!("s{}", log.lock().unwrap().len());
        let (_, kind, body) = result(&seen, &agreed).unwrap();
        let response = response.header("mcp-session-id", session).header(CONTENT_TYPE, kind);
        return Ok(response.body(body.into()).unwrap());
    }
    if seen.body["id"].is_null() || seen.body.get("result").is_some() {
        return Ok(response.status(202).body(Full::default()).unwrap());
    }
    match answer(&seen, &log) {
        Some((status, kind, body)) => {
            Ok(response.status(status).header(CONTENT_TYPE, kind).body(body.into()).unwrap())
        }
        None => std::future::pending().await,
    }
}

fn client(url: &LoopbackUrl, era: Era) -> Client {
    let persona = PERSONAS.iter().find(|persona| persona.era == era).unwrap();
    Client::new(url.clone(), persona).unwrap()
}

fn methods(log: &Log) -> Vec<String> {
    log.lock().unwrap().iter().map(|seen| format!("{} {}", seen.http, seen.method())).collect()
}

async fn pods(client: &mut Client, patience: Patience) -> Result<Reply, ClientError> {
    client.prepare().await?;
    let tool = Tool {
        name: "list_pods".to_owned(),
        arguments: json!({}),
        headers: vec![("namespace".to_owned(), "Namespace".to_owned())],
        read_only: true,
    };
    client.call("list_pods", &json!({"namespace": "shop"}), Some(&tool), patience).await
}

const SOON: Patience = Patience::Wait;

#[tokio::test]
async fn the_newest_revision_says_everything_in_every_request() {
    let (url, log) = serve(|seen, _| result(seen, &json!({}))).await;
    let mut client = client(&url, Era::Modern);
    assert!(matches!(pods(&mut client, SOON).await, Ok(Reply::Result(_))));
    client.close().await;
    assert_eq!(methods(&log), ["POST server/discover", "POST tools/call"]);
    let call = log.lock().unwrap()[1].clone();
    for (header, expected) in [
        ("mcp-protocol-version", MODERN),
        ("mcp-method", "tools/call"),
        ("mcp-name", "list_pods"),
        ("mcp-param-namespace", "shop"),
        ("mcp-session-id", ""),
    ] {
        assert_eq!(call.header(header), expected, "{header}");
    }
    let meta = &call.body["params"]["_meta"];
    assert_eq!(meta["io.modelcontextprotocol/protocolVersion"], MODERN);
    assert_eq!(meta["io.modelcontextprotocol/clientInfo"]["name"], client.persona.name);
}

#[tokio::test]
async fn an_older_revision_shakes_hands_keeps_its_session_and_ends_it() {
    for (version, named) in [("2025-03-26", ""), ("2025-06-18", "2025-06-18"), ("2025-11-25", "2025-11-25")] {
        let (url, log) = serve(|seen, _| result(seen, &json!({}))).await;
        let mut client = client(&url, Era::Legacy(version));
        assert!(matches!(pods(&mut client, SOON).await, Ok(Reply::Result(_))));
        client.close().await;
        let expected = ["POST initialize", "POST notifications/initialized", "POST tools/call", "DELETE "];
        assert_eq!(methods(&log), expected);
        for seen in &log.lock().unwrap()[1..] {
            assert_eq!((seen.header("mcp-session-id"), seen.header("mcp-protocol-version")), ("s1", named));
            assert_eq!(seen.header("mcp-method"), "");
        }
    }
}

#[tokio::test]
async fn a_modern_client_falls_back_at_a_server_of_an_older_revision() {
    let (url, log) = serve(|seen, _| match seen.method() {
        "server/discover" => Some((400, "text/plain", "no session".to_owned())),
        _ => result(seen, &json!({})),
    })
    .await;
    let mut client = client(&url, Era::Modern);
    assert!(matches!(pods(&mut client, SOON).await, Ok(Reply::Result(_))));
    assert_eq!(methods(&log)[1..3], ["POST initialize", "POST notifications/initialized"]);
}

#[tokio::test]
async fn giving_up_is_said_in_older_revisions_and_is_a_closed_connection_in_the_newest() {
    fn silent(seen: &Seen, _: &Log) -> Answer {
        if seen.method() == "tools/call" { None } else { result(seen, &json!({})) }
    }
    let after = Duration::from_millis(50);
    for (era, patience, said) in [
        (FALLBACK, Patience::Cancel(after), true),
        (FALLBACK, Patience::Leave(after), false),
        (Era::Modern, Patience::Cancel(after), false),
    ] {
        let (url, log) = serve(silent).await;
        let mut client = client(&url, era);
        assert!(matches!(pods(&mut client, patience).await, Ok(Reply::GivenUp)));
        let log = log.lock().unwrap();
        let last = log.last().unwrap();
        assert_eq!(last.method() == "notifications/cancelled", said, "{era:?} {patience:?}");
        let called = log.iter().find(|seen| seen.method() == "tools/call").unwrap();
        assert!(!said || last.body["params"]["requestId"] == called.body["id"]);
    }
}

#[tokio::test]
async fn an_event_stream_is_read_to_the_answer_and_pings_in_it_are_answered() {
    let (url, log) = serve(|seen, _| {
        let id = &seen.body["id"];
        let events = format!(
            ": hello\n\nid: 1\ndata:\n\ndata: {{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"ping\"}}\n\n\
             data: {{\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\"}}\n\n\
             data: {{\"jsonrpc\":\"2.0\",\"id\":{id},\ndata: \"result\":{{\"isError\":true}}}}\n\n"
        );
        Some((200, "text/event-stream", events))
    })
    .await;
    let mut client = client(&url, FALLBACK);
    let Ok(Reply::Result(result)) = pods(&mut client, SOON).await else { panic!("no result") };
    assert_eq!(result["isError"], true);
    assert!(log.lock().unwrap().iter().any(|seen| seen.body["result"] == json!({})), "{:?}", methods(&log));
}

#[tokio::test]
async fn a_session_that_the_server_forgot_is_replaced() {
    let (url, log) = serve(|seen, _| match seen.header("mcp-session-id") {
        "s1" => Some((404, JSON, r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32001}}"#.to_owned())),
        _ => result(seen, &json!({})),
    })
    .await;
    let mut client = client(&url, FALLBACK);
    assert!(matches!(pods(&mut client, SOON).await, Err(ClientError::Status(StatusCode::NOT_FOUND))));
    assert!(matches!(pods(&mut client, SOON).await, Ok(Reply::Result(_))));
    assert_eq!(methods(&log).iter().filter(|method| *method == "POST initialize").count(), 2);
}

#[tokio::test]
async fn answers_that_are_none_are_errors() {
    for (answer, expected) in [
        (
            (|_, _| Some((502, "text/plain", "bad gateway".to_owned()))) as fn(&Seen, &Log) -> Answer,
            "status 502",
        ),
        (|_, _| Some((200, JSON, "<html>".to_owned())), "not an answer: <html>"),
        (|_, _| Some((200, "text/event-stream", "data: {}\n\n".to_owned())), "the stream ended"),
        (|_, _| Some((200, "text/event-stream", "data: {\n\n".to_owned())), "not an answer: {"),
    ] {
        let (url, _log) = serve(answer).await;
        let error = pods(&mut client(&url, FALLBACK), SOON).await.unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }
}

#[test]
fn names_are_sent_as_the_newest_revision_spells_them() {
    for (name, expected) in [
        ("diagnose_pod", "diagnose_pod"),
        ("größe", "=?base64?Z3LDtsOfZQ==?="),
        (" edge", "=?base64?IGVkZ2U=?="),
        ("=?base64?eA==?=", "=?base64?PT9iYXNlNjQ/ZUE9PT89?="),
    ] {
        assert_eq!(header_value(name).unwrap(), expected, "{name}");
    }
}
