//! `mcp-tap slo` as its users start it, before servers that answer well, badly and not at all.

mod support;

use std::process::Command;
use std::time::Duration;

use support::process::{Process, free_port, without_variables};
use support::server::ScriptedServer;
use support::tap::EXECUTABLE;

/// What was printed, and the status.
fn slo(flags: &[&str]) -> (i32, String) {
    let mut command = Command::new(EXECUTABLE);
    without_variables(&mut command, &["MCP_TAP_"]);
    let process = Process::start("mcp-tap slo", command.arg("slo").args(flags));
    let (status, lines) = process.finish(Duration::from_secs(30));
    (status.code().expect("it ended by itself"), lines.join("\n"))
}

fn answer(status: &str, kind: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

/// A report of one process with one objective in this state.
fn report(state: &str) -> String {
    let window = |seconds: u64| {
        format!(
            r#"{{"seconds":{seconds},"good":99,"bad":1,"sli":0.99,"error_ratio":0.01,"burn":10,"coverage":1}}"#
        )
    };
    format!(
        r#"{{"source":"process","unix_ms":1,"period_seconds":2592000,"objectives":[{{"slo":"availability",
        "mcp_server":"files","sli":"availability","target":"99.9","state":"{state}","window":{},"budget":{{
        "events":{},"allowed_bad":0.1,"remaining":0.5,"exhausted_in_seconds":129600,"coverage_seconds":2592000}},
        "burn":[{},{}],"tiers":[]}}]}}"#,
        window(3600),
        window(2_592_000),
        window(3600),
        window(21_600)
    )
}

#[test]
fn a_process_is_shown_as_a_table_or_as_json_and_checked_on_demand() {
    let server = ScriptedServer::answering(answer("200 OK", "application/json", &report("burning")));
    let url = format!("http://{}", server.address);
    let (status, text) = slo(&["--admin", &url]);
    assert_eq!(status, 0, "{text}");
    let last = text.lines().last().expect("a row").split_whitespace().collect::<Vec<_>>();
    assert_eq!(
        last,
        ["availability", "files", "99.9%", "99%", "10", "10", "50%", "1d", "12h", "burning", "100%"],
        "{text}"
    );
    assert_eq!(slo(&["--admin", &url, "--check"]).0, 2);
    let (status, text) = slo(&["--admin", &url, "--json"]);
    let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!((status, &json["objectives"][0]["state"]), (0, &serde_json::json!("burning")));
    let paths: Vec<_> = server.seen().iter().map(|message| message.start.clone()).collect();
    assert!(paths.iter().all(|line| line == "GET /slo HTTP/1.1"), "{paths:?}");
    let calm = ScriptedServer::answering(answer("200 OK", "application/json", &report("ok")));
    assert_eq!(slo(&["--admin", &format!("http://{}", calm.address), "--check"]).0, 0);
}

#[test]
fn filters_that_nothing_matches_are_an_error_and_not_an_empty_success() {
    let server = ScriptedServer::answering(answer("200 OK", "application/json", &report("ok")));
    let url = format!("http://{}", server.address);
    assert_eq!(slo(&["--admin", &url, "--slo", "availability", "--server", "files"]).0, 0);
    let (status, text) = slo(&["--admin", &url, "--slo", "availabilty", "--check"]);
    assert_eq!((status, text.contains("no objective matches")), (1, true), "{text}");
}

#[test]
fn what_cannot_be_read_is_named_with_cause_and_remedy() {
    for (bytes, expected) in [
        (
            answer("404 Not Found", "text/plain", "no such page"),
            "/slo: answered 404; this is not the admin port",
        ),
        (
            answer("401 Unauthorized", "text/plain", ""),
            "answered 401; it wants to know who asks: give --bearer",
        ),
        (answer("200 OK", "text/html", "<html>"), "the answer (`text/html`) cannot be read"),
        (answer("302 Found\r\nlocation: /login", "text/html", ""), "answered 302 and points to /login"),
        ("SSH-2.0-OpenSSH\r\n".to_owned(), "the answer is not HTTP/1.1"),
    ] {
        let server = ScriptedServer::answering(bytes);
        let (status, text) = slo(&["--admin", &format!("http://{}", server.address)]);
        assert_eq!((status, text.contains(expected)), (1, true), "expected `{expected}`: {text}");
        assert!(text.starts_with("mcp-tap: cannot read http://127.0.0.1:"), "{text}");
    }
    let (status, text) = slo(&["--admin", &format!("http://127.0.0.1:{}", free_port())]);
    assert_eq!((status, text.contains("is mcp-tap running")), (1, true), "{text}");
}

#[test]
fn an_answer_that_breaks_off_or_never_ends_is_an_error() {
    let server = ScriptedServer::start(|connection| {
        if connection.request().is_some() {
            connection.send(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{\"source\":");
            connection.finish_sending();
        }
    });
    let (status, text) = slo(&["--admin", &format!("http://{}", server.address)]);
    assert_eq!((status, text.contains("broke off")), (1, true), "{text}");
    let endless = ScriptedServer::start(|connection| {
        if connection.request().is_some() {
            connection.send(b"HTTP/1.1 200 OK\r\n\r\n");
            for _ in 0..17 {
                connection.send(&vec![b' '; 1 << 20]);
            }
        }
    });
    let (status, text) = slo(&["--admin", &format!("http://{}", endless.address)]);
    assert_eq!((status, text.contains("longer than 16")), (1, true), "{text}");
}

#[test]
fn the_token_of_a_file_is_sent_and_a_bad_file_is_a_wrong_command_line() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("token");
    std::fs::write(&file, "abc\n").expect("it is written");
    let server = ScriptedServer::answering(answer("200 OK", "application/json", &report("ok")));
    let url = format!("http://{}", server.address);
    let path = file.display().to_string();
    assert_eq!(slo(&["--admin", &url, "--bearer-token-file", &path]).0, 0);
    let sent = server.seen().remove(0).header("authorization").map(str::to_owned);
    assert_eq!(sent.as_deref(), Some("Bearer abc"));
    for (flags, expected) in [
        (vec!["--bearer-token-file", "/nowhere/token"], "cannot be read"),
        (vec!["--admin", "127.0.0.1:9464"], "is not a"),
        (vec!["--admin", &url, "--prometheus", &url], "cannot be used with"),
        (vec!["--frobnicate"], "unexpected argument"),
    ] {
        let (status, text) = slo(&flags);
        assert_eq!((status, text.contains(expected)), (64, true), "{flags:?}: {text}");
    }
}
