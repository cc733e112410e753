//! Who calls, which revision, which session: per era.

use super::transcript::{Player, name, operations};
use crate::exchange::Settings;
use crate::exchange::event::{Event, Operation, Transport};
use crate::protocol::version::{Era, Version};

fn initialize(name: &str, session: &str, agreed: &str) -> String {
    format!(
        r#"0 I POST /mcp
           0 I > request 0 initialize {{"protocolVersion":"2025-11-25","clientInfo":{{"name":"{name}","version":"1"}}}}
           1 I < 200 json {session}
           1 I < result 0 {{"protocolVersion":"{agreed}"}}
           1 I end complete
        "#
    )
}

fn call(head: &str, request: &str) -> String {
    format!("2 A POST {head}\n2 A > {request}\n3 A < 200 json\n3 A < result 1\n3 A end complete\n")
}

fn last(script: &str) -> Operation {
    operations(script).pop().expect("an operation")
}

#[test]
fn era_and_version_are_decided_per_message() {
    use Version::{Other, V2024_11_05, V2025_03_26, V2025_06_18, V2025_11_25, V2026_07_28};
    let plain = "call 1 echo";
    let modern = r#"modern 1 tools/call {"name":"echo"}"#;
    let unknown = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call",
        "params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2030-01-01"}}}"#
        .replace('\n', "");
    let session = initialize("i", "session=s1", "2025-06-18");
    let cases = [
        ("", "/mcp", plain, Era::Legacy, V2025_03_26),
        ("", "/mcp version=2025-11-25", plain, Era::Legacy, V2025_11_25),
        ("", "/mcp version=2026-07-28", plain, Era::Modern, V2026_07_28),
        ("", "/mcp method=tools/call", plain, Era::Modern, V2026_07_28),
        ("", "/mcp version=2025-11-25 method=tools/call", plain, Era::Legacy, V2025_11_25),
        ("", "/mcp version=2030-01-01", plain, Era::Legacy, Other),
        ("", "/mcp version=2030-01-01 method=tools/call", plain, Era::Modern, Other),
        ("", "/mcp", modern, Era::Modern, V2026_07_28),
        ("", "/mcp session=s1", modern, Era::Modern, V2026_07_28),
        ("", "/mcp", &unknown, Era::Modern, Other),
        (&session, "/mcp session=s1", plain, Era::Legacy, V2025_06_18),
        (&session, "/mcp session=s1 version=2025-11-25", plain, Era::Legacy, V2025_06_18),
        (&session, "/mcp session=s2 version=2025-11-25", plain, Era::Legacy, V2025_11_25),
        (&session, "/mcp session=s2", plain, Era::Legacy, V2025_03_26),
    ];
    for (before, head, request, era, version) in cases {
        let operation = last(&format!("{before}{}", call(head, request)));
        assert_eq!((operation.era, operation.version), (era, Some(version)), "{head} {request}");
        assert_eq!(operation.transport, Transport::StreamableHttp);
        let in_session = era == Era::Legacy && head.contains("session=");
        assert_eq!(operation.session.is_some(), in_session, "{head}");
    }
    let channel = "0 G GET /sse\n0 G < 200 sse\n0 G < endpoint /m\n";
    let operation = last(&format!("{channel}{}", call("/m", plain)));
    assert_eq!((operation.version, operation.transport), (Some(V2024_11_05), Transport::HttpSse));
}

#[test]
fn initialize_has_the_version_and_the_session_of_its_answer() {
    let operation = last(&initialize("i", "session=s1", "2025-06-18"));
    assert_eq!(operation.version, Some(Version::V2025_06_18));
    let later = last(&format!(
        "{}{}",
        initialize("i", "session=s1", "2025-06-18"),
        call("/mcp session=s1", "call 1 e")
    ));
    assert_eq!(operation.session, later.session);
}

#[test]
fn a_client_is_known_by_its_session_or_by_its_message_and_by_nothing_else() {
    let modern = r#"modern 1 tools/call {"name":"echo"}"#;
    let session = initialize("inspector", "session=s1", "2025-06-18");
    let sessionless = initialize("inspector", "", "2025-06-18");
    let cases = [
        (&session, "/mcp session=s1", "call 1 echo", "inspector"),
        (&session, "/mcp session=s2", "call 1 echo", "-"),
        (&session, "/mcp", "call 1 echo", "-"),
        (&session, "/mcp session=s1", modern, "agent"),
        (&sessionless, "/mcp", "call 1 echo", "-"),
        (&sessionless, "/mcp version=2026-07-28", "call 1 echo", "-"),
    ];
    for (before, head, request, client) in cases {
        let operation = last(&format!("{before}{}", call(head, request)));
        assert_eq!(name(&operation.client), client, "{head} {request}");
    }
}

#[test]
fn the_callers_identity_belongs_to_each_request() {
    let session = initialize("i", "session=s1", "2025-06-18");
    let of = |head: &str| last(&format!("{session}{}", call(head, "call 1 echo"))).client;
    let (a, b) = (of("/mcp session=s1 caller=a"), of("/mcp session=s1 caller=b"));
    assert_eq!((name(&a).as_str(), name(&b).as_str()), ("i", "i"));
    assert!(a.caller.is_some() && a.caller != b.caller);
    assert_eq!(of("/mcp session=s1").caller, None);
    assert_eq!(of("/mcp caller=a").caller, a.caller);
}

#[test]
fn a_connection_tells_who_speaks_on_it_now() {
    let mut player = Player::new(Settings::default());
    player.run(&initialize("inspector", "session=s1", "2025-06-18"));
    // A caller that is not known changes nothing, nor does the same one.
    player.run(&call("/mcp", "call 1 echo"));
    player.run(&call("/mcp session=s1", "call 1 echo"));
    player.run(&call("/mcp", r#"modern 1 tools/call {"name":"echo"}"#));
    let seen: Vec<String> = player
        .events()
        .iter()
        .filter_map(|event| match event {
            Event::ConnectionOpened => Some("opened".to_owned()),
            Event::ConnectionIdentified { before, client } => {
                Some(format!("{} is {}", name(before), name(client)))
            }
            _ => None,
        })
        .collect();
    assert_eq!(seen, ["opened", "- is inspector", "inspector is agent"]);
    player.finish();
}

#[test]
fn the_server_is_told_once_until_it_changes() {
    let answer = |server: &str| {
        format!(
            r#"0 A POST /mcp
               0 A > modern 1 tools/list
               0 A < 200 json
               0 A < result 1 {{"_meta":{{"io.modelcontextprotocol/serverInfo":{{"name":"{server}","version":"1"}}}}}}
               0 A end complete
            "#
        )
    };
    let mut player = Player::new(Settings::default());
    for server in ["a", "a", "b", "b"] {
        player.run(&answer(server));
    }
    let events = player.events();
    let servers = events.iter().filter_map(|event| match event {
        Event::Server { server, .. } => Some(server.name.as_str()),
        _ => None,
    });
    assert_eq!(servers.collect::<Vec<_>>(), ["a", "b"]);
    player.finish();
}

#[test]
fn unknown_callers_are_not_one_caller_that_repeats_itself() {
    let repeated = |script: &str| operations(script).iter().filter(|operation| operation.repeated).count();
    let twice = |head: &str| format!("{0}{0}", call(head, "call 1 echo"));
    assert_eq!(repeated(&twice("/mcp")), 0, "nothing known");
    assert_eq!(repeated(&twice("/mcp session=s1")), 1, "one session");
    assert_eq!(repeated(&twice("/mcp caller=a")), 1, "one identity");
    let two = format!("{}{}", call("/mcp session=s1", "call 1 echo"), call("/mcp session=s2", "call 1 echo"));
    assert_eq!(repeated(&two), 0, "two sessions");
}

#[test]
fn clients_of_one_name_in_several_sessions_do_not_repeat_each_other() {
    let session = |id: &str| {
        let head = format!("/mcp session={id}");
        format!(
            "{}{}",
            initialize("claude", &format!("session={id}"), "2025-06-18"),
            call(&head, "call 1 echo")
        )
    };
    let repeated = |script: &str| operations(script).iter().filter(|operation| operation.repeated).count();
    assert_eq!(repeated(&format!("{}{}", session("s1"), session("s2"))), 0, "two sessions of one program");
    let again = call("/mcp session=s1", "call 2 echo");
    assert_eq!(repeated(&format!("{}{again}", session("s1"))), 1, "one session");
    let same = |id: &str| call(&format!("/mcp session={id} caller=a"), "call 1 echo");
    assert_eq!(repeated(&format!("{}{}", same("s1"), same("s2"))), 1, "one identity in two sessions");
}

#[test]
fn a_call_that_the_server_did_not_look_at_is_not_repeated_by_its_retry() {
    let repeated = |refusal: &str| {
        let refused = format!("0 A POST /mcp caller=a\n0 A > call 1 echo\n{refusal}\n1 A end complete\n");
        let script = format!("{refused}{}", call("/mcp caller=a", "call 1 echo"));
        operations(&script).iter().filter(|operation| operation.repeated).count()
    };
    for refusal in [
        "1 A < 401 other",
        "1 A < 403 other",
        "1 A < 307 other",
        "1 A < 404 json\n1 A < error null -32001",
        "1 A < 400 json\n1 A < error null -32022",
    ] {
        assert_eq!(repeated(refusal), 0, "{refusal}");
    }
    for refusal in ["1 A < 503 other", "1 A < 429 other", "1 A < 200 json\n1 A < error 1 -32602"] {
        assert_eq!(repeated(refusal), 1, "{refusal}");
    }
}

#[test]
fn initialize_in_the_name_of_an_old_session_opens_the_new_one() {
    let again = r#"0 I POST /mcp session=old
        0 I > request 0 initialize {"clientInfo":{"name":"inspector","version":"1"}}
        1 I < 200 json session=new
        1 I < result 0 {"protocolVersion":"2025-06-18"}
        1 I end complete
    "#;
    let operation = last(&format!("{again}{}", call("/mcp session=new", "call 1 echo")));
    assert_eq!(name(&operation.client), "inspector");
    assert_eq!(operation.version, Some(Version::V2025_06_18));
}

#[test]
fn a_stream_of_a_known_session_tells_who_is_connected() {
    let identified = |script: &str| {
        let mut player = Player::new(Settings::default());
        player.run(&initialize("inspector", "session=s1", "2025-06-18"));
        player.events();
        player.reconnect();
        player.run(script);
        let events = player.events();
        let seen = events.iter().filter(|event| matches!(event, Event::ConnectionIdentified { .. })).count();
        player.finish();
        seen
    };
    assert_eq!(identified("2 G GET /mcp session=s1\n2 G < 200 sse\n3 G end client"), 1, "Streamable HTTP");
    assert_eq!(identified("2 G GET /mcp session=s2\n2 G < 200 sse\n3 G end client"), 0, "unknown session");
}

#[test]
fn the_stream_of_a_channel_tells_who_is_connected_once_it_is_known() {
    let mut player = Player::new(Settings::default());
    player.run("0 G GET /sse\n0 G < 200 sse\n0 G < endpoint /m");
    player.reconnect();
    player.run(
        r#"1 I POST /m
           1 I > request 0 initialize {"clientInfo":{"name":"inspector","version":"1"}}
           1 I < 202 other
           1 I end complete
           2 G < result 0 {"protocolVersion":"2024-11-05"}
           3 G end client"#,
    );
    let events = player.events();
    let seen = events.iter().filter(|event| matches!(event, Event::ConnectionIdentified { .. })).count();
    assert_eq!(seen, 2, "the connection of the POST and that of the stream");
    player.finish();
}

#[test]
fn the_first_byte_of_an_answer_is_never_before_its_request() {
    let script = r#"0 G GET /sse
        0 G < 200 sse
        0 G < endpoint /m
        5 A POST /m
        5 A > call 1 echo
        5 A < 202 other
        5 A end complete
        6 G < result 1
        7 G end client"#;
    let operation = last(script);
    assert!(operation.first_byte.is_none_or(|at| at >= operation.started));
}
