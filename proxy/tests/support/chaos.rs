//! A server whose every answer is ordered by the request: `arguments.plan` says what happens, `arguments.at` at
//! which byte. So a test knows for each call what must be counted.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What the server does with one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Plan {
    Ok,
    OkStream,
    ToolError,
    ToolErrorStream,
    InvalidParams,
    InternalError,
    InternalErrorStream,
    Status500,
    Status403,
    Status429,
    ForeignBody,
    Accepted,
    ResetBeforeHead,
    TruncatedBody,
    ResetInBody,
    StreamEndsEarly,
    StreamResets,
    InputRequired,
}

impl Plan {
    pub(crate) const ALL: [Self; 18] = [
        Self::Ok,
        Self::OkStream,
        Self::ToolError,
        Self::ToolErrorStream,
        Self::InvalidParams,
        Self::InternalError,
        Self::InternalErrorStream,
        Self::Status500,
        Self::Status403,
        Self::Status429,
        Self::ForeignBody,
        Self::Accepted,
        Self::ResetBeforeHead,
        Self::TruncatedBody,
        Self::ResetInBody,
        Self::StreamEndsEarly,
        Self::StreamResets,
        Self::InputRequired,
    ];

    pub(crate) fn name(self) -> String {
        format!("{self:?}")
    }

    fn named(name: &str) -> Self {
        Self::ALL.into_iter().find(|plan| plan.name() == name).expect("the request names a plan")
    }

    /// `(result, error_type, fault)` that must be counted; `None` for an interim answer.
    pub(crate) fn expected(self) -> Option<(&'static str, &'static str, &'static str)> {
        Some(match self {
            Self::Ok | Self::OkStream => ("success", "", ""),
            Self::ToolError | Self::ToolErrorStream => ("error", "tool_error", "tool"),
            Self::InvalidParams => ("error", "-32602", "caller"),
            Self::InternalError | Self::InternalErrorStream => ("error", "-32603", "server_protocol"),
            Self::Status500 => ("error", "500", "server_transport"),
            Self::Status403 => ("error", "403", "caller"),
            Self::Status429 => ("error", "429", "server_transport"),
            Self::ForeignBody | Self::Accepted => ("error", "invalid_response", "server_protocol"),
            Self::ResetBeforeHead => ("error", "connection_reset", "server_transport"),
            Self::TruncatedBody | Self::ResetInBody | Self::StreamEndsEarly | Self::StreamResets => {
                ("error", "stream_closed", "server_transport")
            }
            Self::InputRequired => return None,
        })
    }
}

/// Starts the server on a free port of the loopback interface.
pub(crate) async fn start() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    address
}

/// Answers the requests of one connection until an answer breaks it or the peer leaves.
async fn serve(mut stream: TcpStream) {
    let mut input = Vec::new();
    while let Some(body) = next_body(&mut stream, &mut input).await {
        let Ok(request) = serde_json::from_slice::<Value>(&body) else { return };
        if !answer(&mut stream, &request).await {
            return;
        }
    }
}

/// Reads one request and gives its body.
async fn next_body(stream: &mut TcpStream, input: &mut Vec<u8>) -> Option<Vec<u8>> {
    loop {
        if let Some(end) = input.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&input[..end]).to_ascii_lowercase();
            let length: usize = head.split("content-length:").nth(1)?.lines().next()?.trim().parse().ok()?;
            if input.len() >= end + 4 + length {
                let body = input[end + 4..end + 4 + length].to_vec();
                input.drain(..end + 4 + length);
                return Some(body);
            }
        }
        if stream.read_buf(input).await.ok()? == 0 {
            return None;
        }
    }
}

/// Carries out the plan; `false` when the connection is not to be used again.
async fn answer(stream: &mut TcpStream, request: &Value) -> bool {
    let arguments = &request["params"]["arguments"];
    let plan = Plan::named(arguments["plan"].as_str().expect("a plan"));
    let at = usize::try_from(arguments["at"].as_u64().unwrap_or_default()).expect("a small number");
    let body = match plan {
        Plan::ToolError | Plan::ToolErrorStream => {
            json!({"content": [{"type": "text", "text": "no"}], "isError": true})
        }
        Plan::InputRequired => json!({"resultType": "input_required", "requestState": "later"}),
        _ => json!({"content": [{"type": "text", "text": "x".repeat(200)}]}),
    };
    let message = match plan {
        Plan::InvalidParams => {
            json!({"jsonrpc": "2.0", "id": request["id"], "error": {"code": -32602, "message": "no"}})
        }
        Plan::InternalError | Plan::InternalErrorStream => {
            json!({"jsonrpc": "2.0", "id": request["id"], "error": {"code": -32603, "message": "no"}})
        }
        _ => json!({"jsonrpc": "2.0", "id": request["id"], "result": body}),
    }
    .to_string();
    let json_type = "content-type: application/json\r\n";
    let full = format!("HTTP/1.1 200 OK\r\n{json_type}content-length: {}\r\n\r\n{message}", message.len());
    match plan {
        Plan::Status500 => send(stream, "HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n").await,
        Plan::Status403 => send(stream, "HTTP/1.1 403 No\r\ncontent-length: 0\r\n\r\n").await,
        Plan::Status429 => send(stream, "HTTP/1.1 429 No\r\ncontent-length: 0\r\n\r\n").await,
        Plan::Accepted => send(stream, "HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n").await,
        Plan::ForeignBody => {
            send(
                stream,
                &format!("HTTP/1.1 200 OK\r\n{json_type}content-length: 14\r\n\r\n{{\"hello\":\"no\"}}"),
            )
            .await
        }
        Plan::ResetBeforeHead => reset(stream, "").await,
        // At most everything but the last brace: then the message was never complete.
        Plan::TruncatedBody | Plan::ResetInBody => {
            let head = full.len() - message.len();
            let part = &full[..head + at % message.len()];
            if plan == Plan::ResetInBody { reset(stream, part).await } else { close(stream, part).await }
        }
        Plan::OkStream | Plan::ToolErrorStream | Plan::InternalErrorStream => {
            send(stream, &event_stream(&format!("data: {message}\n\n"), true)).await
        }
        Plan::StreamEndsEarly => send(stream, &event_stream(": ping\n\n", true)).await,
        Plan::StreamResets => {
            let events = format!("data: {message}\n\n");
            reset(stream, &event_stream(&events[..at % (events.len() - 2)], false)).await
        }
        _ => send(stream, &full).await,
    }
}

/// A chunked event stream, with its last chunk or without.
fn event_stream(events: &str, ended: bool) -> String {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    let chunk = if events.is_empty() { String::new() } else { format!("{:x}\r\n{events}\r\n", events.len()) };
    format!("{head}{chunk}{}", if ended { "0\r\n\r\n" } else { "" })
}

async fn send(stream: &mut TcpStream, text: &str) -> bool {
    stream.write_all(text.as_bytes()).await.is_ok()
}

async fn close(stream: &mut TcpStream, text: &str) -> bool {
    send(stream, text).await;
    stream.shutdown().await.ok();
    false
}

/// Sends the text, lets it arrive, and resets the connection.
async fn reset(stream: &mut TcpStream, text: &str) -> bool {
    if !text.is_empty() {
        send(stream, text).await;
        // A reset overtakes bytes that the peer has not read yet: the pause lets them be read, and no expectation
        // hangs on whether they were.
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    stream.set_zero_linger().ok();
    false
}
