//! What is recorded of HTTP exchanges, streams and the tool catalogue.

use std::time::Duration;

use super::transcript::{Player, check, http_records};
use crate::exchange::Settings;
use crate::exchange::event::{EndReason, Event};
use crate::protocol::message::Document;

#[test]
fn what_is_not_mcp_is_only_http() {
    let cases = [
        (
            "other JSON",
            r#"0 A POST /register
               0 A > {"client_name":"x"}
               1 A < 201 json
               2 A < {"client_id":"y"}
               2 A end complete"#,
        ),
        (
            "JSON with a method and an id",
            r#"0 A POST /api
               0 A > {"id":1,"method":"email"}
               1 A < 200 json
               2 A < {"id":1,"result":true}
               2 A end complete"#,
        ),
        (
            "an OAuth error",
            r#"0 A POST /token
               0 A > empty
               1 A < 400 json
               2 A < {"error":"invalid_grant"}
               2 A end complete"#,
        ),
        (
            "another protocol's events",
            "0 A GET /events
             1 A < 200 sse
             2 A < id=1 garbage
             2 A end complete",
        ),
        (
            "metadata",
            "0 A GET /.well-known/oauth-protected-resource version=2025-06-18
             1 A < 200 json
             2 A < {\"resource\":\"x\"}
             2 A end complete",
        ),
        (
            "messages in a GET",
            "0 A GET /mcp
             0 A > call 1 echo
             0 A > garbage
             1 A < 405 other
             2 A end complete",
        ),
        ("broken JSON", "0 A GET /x\n1 A < 200 json\n2 A < garbage\n2 A end complete"),
        ("empty", "0 A POST /x\n1 A < 200 other\n2 A end complete"),
    ];
    for (title, script) in cases {
        let script = script.replace("0 A > empty", "");
        check(&[(title, &script, "")]);
        assert!(!http_records(&script)[0].mcp, "{title}");
    }
}

#[test]
fn a_stream_that_is_resumed_need_not_be_mcp() {
    let resumed = "0 A GET /events last=1\n1 A < 200 sse\n2 A < id=2 garbage\n2 A end complete";
    check(&[("events of another protocol", resumed, "")]);
    assert!(!http_records(resumed)[0].mcp);
}

#[test]
fn an_http_exchange_is_recorded_with_its_times() {
    let json = &http_records("0 A POST /x\n1 A < 201 other\n2 A end client\n3 A end complete")[0];
    assert_eq!((json.method, json.status, json.end), ("POST", Some(201), EndReason::ClientGone));
    assert_eq!((json.duration, json.first_byte), (Duration::from_secs(2), Some(Duration::from_secs(1))));
    let stream = &http_records("0 A GET /mcp session=s\n1 A < 200 sse\n9 A end complete")[0];
    assert_eq!((stream.method, stream.duration, stream.mcp), ("GET", Duration::from_secs(1), true));
    let failed = &http_records("0 A DELETE /x\n1 A fail refused\n1 A end none")[0];
    assert_eq!((failed.method, failed.status, failed.first_byte), ("DELETE", None, None));
}

#[test]
fn a_handle_that_is_dropped_is_a_client_that_left() {
    // The script ends nothing: the handle goes with the player.
    let mut player = Player::new(Settings::default());
    player.run("0 A POST /mcp\n0 A > modern 1 tools/list\n0 A < 200 sse");
    assert_eq!(player.events().len(), 3, "connection opened, client known, request started");
    let balance = player.finish();
    assert_eq!((balance.requests, balance.http), (1, 1));
}

#[test]
fn pages_of_the_catalogue_come_from_json_and_streams() {
    check(&[
        (
            "two pages",
            r#"0 A POST /mcp
               0 A > modern 1 tools/list
               0 A < 200 json
               0 A < result 1 {"tools":[{"name":"a"}],"nextCursor":""}
               0 A end complete
               1 B POST /mcp
               1 B > modern 2 tools/list {"cursor":""}
               1 B < 200 sse
               1 B < result 2 {"tools":[]}
               1 B end complete"#,
            r#"tools first [{"name":"a"}]
               tools/list success 0..0
               tools last []
               tools/list success 1..1
               stream of 1 quiet 0"#,
        ),
        (
            "an error, or a result without tools, is no page",
            "0 A POST /mcp
             0 A > modern 1 tools/list
             0 A < 200 json
             0 A < error 1 -32602
             0 A end complete
             0 B POST /mcp
             0 B > modern 1 tools/list
             0 B < 200 json
             0 B < result 1
             0 B end complete",
            "tools/list rpc -32602 on 200 0..0
             tools/list success 0..0",
        ),
    ]);
}

#[test]
fn listings_are_told_apart_by_client_and_session() {
    let list = |head: &str| {
        format!(
            r#"0 A POST /mcp {head}
               0 A > request 1 tools/list
               0 A < 200 json
               0 A < result 1 {{"tools":[]}}
               0 A end complete
            "#
        )
    };
    let mut player = Player::new(Settings::default());
    for head in ["session=s1", "session=s1", "session=s2", "caller=a"] {
        player.run(&list(head));
    }
    let listings: Vec<u64> = player
        .events()
        .iter()
        .filter_map(|event| match event {
            Event::Catalogue(page) => Some(page.listing),
            _ => None,
        })
        .collect();
    assert_eq!(listings[0], listings[1]);
    assert!(listings[1] != listings[2] && listings[2] != listings[3]);
    player.finish();
}

#[test]
fn what_is_odd_about_a_message_is_told() {
    check(&[(
        "jsonrpc is missing",
        r#"0 A POST /mcp
           0 A > {"id":1,"method":"tools/list"}
           0 A < 200 json
           0 A < {"id":1,"result":{}}
           0 A end complete"#,
        "finding not_jsonrpc_2
         finding not_jsonrpc_2
         tools/list success 0..0",
    )]);
}

#[test]
fn time_inside_the_proxy_adds_up() {
    let mut player = Player::new(Settings::default());
    player.run("0 A POST /mcp");
    let handle = player.handle("A");
    handle.overhead(Duration::from_micros(2));
    handle.overhead(Duration::from_micros(3));
    handle.request_end(Document::Empty, player.start);
    handle.end(EndReason::Complete, player.start);
    drop(handle);
    let overhead = player.events().iter().find_map(|event| match event {
        Event::HttpEnded(record) => Some(record.overhead),
        _ => None,
    });
    assert_eq!(overhead, Some(Duration::from_micros(5)));
    player.finish();
}

#[test]
fn a_request_that_is_read_after_the_response_is_counted_all_the_same() {
    check(&[
        (
            "after the head",
            "0 A POST /mcp
             1 A < 401 other
             2 A > call 1 echo ; notify notifications/progress
             3 A end complete",
            "tools/call echo http 401 0..1
             notification notifications/progress http 401 0..1",
        ),
        (
            "after the end",
            "0 A POST /mcp
             1 A < 413 other
             2 A end complete
             3 A > call 1 echo ; notify notifications/progress",
            "tools/call echo http 413 0..1
             notification notifications/progress http 413 0..1",
        ),
        (
            "after the end, by its headers",
            "0 A POST /mcp version=2026-07-28 method=tools/call name=echo
             2 A end client
             3 A >! memory",
            "not inspected: memory
             tools/call echo cancelled 0..3",
        ),
    ]);
}

#[test]
fn an_error_of_another_protocol_in_place_of_an_answer_is_an_http_error() {
    for body in [
        r#"{"error":{"code":401,"message":"no","status":"UNAUTHENTICATED"}}"#,
        r#"{"error":{"code":"Unauthorized"}}"#,
        r#"{"error":"invalid_token"}"#,
    ] {
        let script = format!(
            "0 A POST /mcp
             0 A > modern 1 tools/list
             1 A < 401 json
             2 A < {body}
             2 A end complete"
        );
        check(&[(body, &script, "tools/list http 401 0..1")]);
    }
    check(&[(
        "a code of JSON-RPC",
        r#"0 A POST /mcp
           0 A > modern 1 tools/list
           1 A < 400 json
           2 A < {"error":{"code":-32602}}
           2 A end complete"#,
        "finding not_jsonrpc_2
         tools/list rpc -32602 on 400 0..2",
    )]);
}

#[test]
fn a_refused_standing_stream_is_mcp_and_no_http_error() {
    for (head, mcp) in [("session=s1", true), ("version=2025-06-18", true), ("", false)] {
        let script = format!("0 A GET /mcp {head}\n1 A < 405 other\n1 A end complete");
        assert_eq!(http_records(script.trim())[0].mcp, mcp, "{head}");
    }
}

#[test]
fn only_tools_and_prompts_are_targets() {
    for (method, target) in
        [("tools/call", " x"), ("prompts/get", " x"), ("vendor/person", ""), ("resources/read", "")]
    {
        let script = format!(
            r#"0 A POST /mcp
               0 A > modern 1 {method} {{"name":"x"}}
               1 A < 200 json
               1 A < result 1
               1 A end complete"#
        );
        check(&[(method, &script, &format!("{method}{target} success 0..1"))]);
    }
}
