//! The real program over raw HTTP, in every revision of MCP: what goes well, what is refused, and how it ends.

#[expect(dead_code, reason = "each test file uses its own part")]
#[path = "support/backend.rs"]
mod backend;
#[expect(dead_code, reason = "shared with the tests of mcp-tap")]
#[path = "../../proxy/tests/support/process.rs"]
mod process;

use std::io::Read;

use mcp_backend::tool::catalogue;
use serde_json::{Value, json};

use backend::{Answer, Backend, END, exchange, open, program};
use process::Process;

/// The revisions that begin with `initialize`.
const OLDER: [&str; 4] = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"];
const MODERN: &str = "2026-07-28";

fn request(method: &str, params: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params})
}

fn initialize(revision: &str) -> Value {
    let client = json!({"name": "test", "version": "0"});
    request("initialize", json!({"protocolVersion": revision, "capabilities": {}, "clientInfo": client}))
}

/// A session of an older revision.
struct Session<'a> {
    backend: &'a Backend,
    revision: &'a str,
    id: String,
}

impl<'a> Session<'a> {
    fn start(backend: &'a Backend, revision: &'a str) -> Self {
        let answer = backend.post(&[], &initialize(revision));
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.message()["result"]["protocolVersion"], revision);
        assert_eq!(answer.message()["result"]["serverInfo"]["name"], "mcp-backend");
        let session =
            Self { backend, revision, id: answer.header("mcp-session-id").expect("an id").to_owned() };
        let begun = session.post(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        assert_eq!(begun.status, 202, "{begun:?}");
        session
    }

    fn headers(&self) -> [(&str, &str); 2] {
        [("mcp-session-id", &self.id), ("mcp-protocol-version", self.revision)]
    }

    fn post(&self, message: &Value) -> Answer {
        self.backend.post(&self.headers(), message)
    }

    fn ask(&self, method: &str, params: Value) -> Value {
        self.post(&request(method, params)).message()
    }
}

/// A request that stands for itself.
fn modern(backend: &Backend, method: &str, mut params: Value) -> Answer {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "0"},
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let name = params.get("name").or(params.get("uri")).and_then(Value::as_str).map(ToOwned::to_owned);
    let mut headers = vec![("mcp-protocol-version", MODERN), ("mcp-method", method)];
    headers.extend(name.as_deref().map(|name| ("mcp-name", name)));
    backend.post(&headers, &request(method, params))
}

fn names(listed: &Value) -> Vec<String> {
    let tools = listed["result"]["tools"].as_array().expect("tools");
    tools.iter().map(|tool| tool["name"].as_str().expect("a name").to_owned()).collect()
}

fn catalogue_names() -> Vec<String> {
    catalogue().iter().map(|entry| entry.name.to_owned()).collect()
}

#[test]
fn sessions_of_the_older_revisions_are_served() {
    let backend = Backend::start(&[]);
    for revision in OLDER {
        let session = Session::start(&backend, revision);
        assert_eq!(names(&session.ask("tools/list", json!({}))), catalogue_names(), "{revision}");
        assert_eq!(session.ask("ping", json!({}))["result"], json!({}), "{revision}");
        let prompts = session.ask("prompts/list", json!({}));
        assert_eq!(prompts["result"]["prompts"][0]["name"], "troubleshoot_pod", "{revision}");
        let resources = session.ask("resources/list", json!({}));
        assert_eq!(resources["result"]["resources"][0]["uri"], "checks://list", "{revision}");
        let unknown = session.ask("tools/call", json!({"name": "nope", "arguments": {}}));
        assert_eq!(unknown["error"], json!({"code": -32602, "message": "tool not found"}), "{revision}");
        let missing = session.ask("resources/read", json!({"uri": "checks://NOPE"}));
        assert_eq!(missing["error"]["code"], -32002, "{revision}");
        let method = session.ask("nope/nope", json!({}));
        assert_eq!(method["error"]["code"], -32601, "{revision}");

        let ended = backend.request("DELETE", "/mcp", &session.headers(), "");
        assert!((200..300).contains(&ended.status), "{revision}: {ended:?}");
        assert_eq!(session.post(&request("ping", json!({}))).status, 404, "{revision}");
    }
}

#[test]
fn requests_of_2026_07_28_stand_for_themselves() {
    let backend = Backend::start(&[]);
    let discovered = modern(&backend, "server/discover", json!({}));
    let versions = discovered.message()["result"]["supportedVersions"].clone();
    assert_eq!(versions, json!([OLDER[0], OLDER[1], OLDER[2], OLDER[3], MODERN]));
    assert_eq!(discovered.header("mcp-session-id"), None);
    let listed = modern(&backend, "tools/list", json!({}));
    assert_eq!(names(&listed.message()), catalogue_names());
    assert_eq!(listed.header("mcp-session-id"), None);
    let prompt = json!({"name": "troubleshoot_cluster", "arguments": {"namespace": "shop"}});
    let prompt = modern(&backend, "prompts/get", prompt).message();
    assert!(
        prompt["result"]["messages"][0]["content"]["text"].as_str().is_some_and(|text| text.contains("shop"))
    );
    let unknown = modern(&backend, "tools/call", json!({"name": "nope", "arguments": {}})).message();
    assert_eq!(unknown["error"]["code"], -32602);
    let missing = modern(&backend, "resources/read", json!({"uri": "checks://NOPE"})).message();
    assert_eq!(missing["error"]["code"], -32602);
    // A client of that revision that asks as the older ones do gets the newest of theirs.
    let asked = backend.post(&[], &initialize(MODERN)).message();
    assert_eq!(asked["result"]["protocolVersion"], "2025-11-25");
}

#[test]
fn requests_that_are_wrong_are_refused() {
    let backend = Backend::start(&[]);
    let ping = request("ping", json!({})).to_string();
    let long = request("ping", json!({"padding": "x".repeat(1024 * 1024)})).to_string();
    let accept = ("accept", "application/json, text/event-stream");
    let json = ("content-type", "application/json");
    for (headers, body, status) in [
        (vec![json, accept, ("host", "evil.example")], ping.as_str(), 403),
        (vec![json, accept, ("origin", "http://evil.example")], &ping, 403),
        (vec![json, accept, ("mcp-session-id", "no-such-session")], &ping, 404),
        (vec![json, accept, ("mcp-protocol-version", "1999-01-01")], &ping, 400),
        // What rmcp says of a body that is no JSON.
        (vec![json, accept], "{", 415),
        (vec![json, accept], &long, 413),
        (vec![("content-type", "text/plain"), accept], &ping, 415),
        (vec![json, ("accept", "text/plain")], &ping, 406),
    ] {
        let answer = backend.request("POST", "/mcp", &headers, body);
        assert_eq!(answer.status, status, "{headers:?}: {answer:?}");
    }
    let headers = [("mcp-protocol-version", MODERN), ("mcp-method", "tools/call")];
    let params = json!({"_meta": {
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "0"},
        "io.modelcontextprotocol/clientCapabilities": {},
    }});
    let differing = backend.post(&headers, &request("tools/list", params));
    assert_eq!((differing.status, &differing.message()["error"]["code"]), (400, &json!(-32020)));
}

#[test]
fn the_list_of_tools_is_small_and_complete() {
    let backend = Backend::start(&[]);
    let listed = modern(&backend, "tools/list", json!({}));
    assert!(listed.body.len() <= 16_384, "{} bytes", listed.body.len());
    for tool in listed.message()["result"]["tools"].as_array().expect("tools") {
        let hints = json!({
            "readOnlyHint": true, "destructiveHint": false, "idempotentHint": true, "openWorldHint": false,
        });
        assert_eq!(tool["annotations"], hints, "{tool}");
        for member in ["title", "description", "inputSchema", "outputSchema"] {
            assert!(!tool[member].is_null(), "{member}: {tool}");
        }
        assert_eq!(tool["inputSchema"]["additionalProperties"], false, "{tool}");
    }
}

#[test]
fn there_are_pages_for_people_scripts_and_probes() {
    let backend = Backend::start(&[]);
    let root = backend.request("GET", "/", &[], "");
    assert!(root.status == 200 && root.body.contains("POST /call-tool"), "{root:?}");
    let call = json!({"tool": "nope", "args": {}}).to_string();
    let called = backend.request("POST", "/call-tool", &[("content-type", "application/json")], &call);
    assert_eq!((called.status, &called.message()["error_type"]), (404, &json!("not_found")));
    let headers = [("content-type", "application/json"), ("host", "evil.example")];
    assert_eq!(backend.request("POST", "/call-tool", &headers, &call).status, 403);
    for (path, status) in [("/livez", 200), ("/readyz", 200), ("/metrics", 200), ("/mcp", 404)] {
        assert_eq!(exchange(backend.admin, "GET", path, &[], "").status, status, "{path}");
    }
}

#[test]
fn hosts_and_origins_are_named_by_flags() {
    let backend =
        Backend::start(&["--allowed-host", "tools.example", "--allowed-origin", "https://app.example"]);
    for (host, origin, status) in [
        ("tools.example:80", "https://app.example", 200),
        ("tools.example", "http://localhost:1", 403),
        ("localhost", "https://app.example", 403),
    ] {
        let headers = [("host", host), ("origin", origin)];
        assert_eq!(backend.post(&headers, &initialize("2025-11-25")).status, status, "{host} {origin}");
        assert_eq!(backend.request("GET", "/", &headers, "").status, status, "{host} {origin}");
    }
}

#[test]
fn it_ends_in_time_although_clients_keep_streams_open() {
    let backend = Backend::start(&[]);
    let session = Session::start(&backend, "2025-11-25");
    let mut headers = session.headers().to_vec();
    headers.push(("accept", "text/event-stream"));
    let mut stream = open(backend.address, "GET", "/mcp", &headers, "");
    let mut first = [0; 12];
    stream.read_exact(&mut first).expect("the stream begins");
    assert_eq!(&first, b"HTTP/1.1 200");
    let (status, lines) = backend.stop();
    assert_eq!(status.code(), Some(0), "{lines:?}");
    assert!(lines.iter().any(|line| line.contains("ending") && line.contains("SIGTERM")), "{lines:?}");
}

#[test]
fn exit_codes_say_what_was_wrong() {
    let run = |flags: &[&str]| {
        let (status, lines) = Process::start("mcp-backend", program().args(flags)).finish(END);
        (status.code(), lines.join("\n"))
    };
    let (code, said) = run(&["--cluster", "moon", "--cache-ttl", "soon"]);
    assert!(code == Some(64) && said.contains("--cluster: ") && said.contains("--cache-ttl: "), "{said}");
    let (code, said) = run(&["--no-such-flag"]);
    assert!(code == Some(64) && said.contains("--no-such-flag"), "{said}");
    let (code, said) = run(&["--help"]);
    assert!(code == Some(0) && said.contains("MCP_BACKEND_SIM_FAULTS"), "{said}");
    let taken = Backend::start(&[]);
    let (code, said) = run(&["--admin", "off", "--listen", &taken.address.to_string()]);
    assert!(code == Some(1) && said.contains("(--listen)"), "{said}");
}

/// Orchestrators set variables to nothing.
#[test]
fn a_variable_that_is_set_to_nothing_is_not_set() {
    let names =
        ["CLUSTER", "LOG", "LOG_FORMAT", "CACHE_TTL", "SIM_SEED", "SIM_LATENCY", "STDIO", "OTLP_ENDPOINT"];
    let names: Vec<String> = names.iter().map(|name| format!("MCP_BACKEND_{name}")).collect();
    let variables: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "")).collect();
    let backend = Backend::start_with(&variables, &[]);
    assert!(backend.url().starts_with("http://127.0.0.1:"));
}

#[test]
fn with_stdio_the_end_of_input_is_the_end() {
    let (status, lines) = Process::start("mcp-backend", program().arg("--stdio")).finish(END);
    assert_eq!(status.code(), Some(0), "{lines:?}");
}
