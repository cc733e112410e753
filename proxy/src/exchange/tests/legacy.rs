//! Streamable HTTP of 2025-03-26 … 2025-11-25: sessions, batches, requests of the server.

use super::transcript::check;

/// Opens session s1 for "inspector" and ends its `initialize` at second 1.
const INITIALIZE: &str = r#"0 I POST /mcp
    0 I > request 0 initialize {"protocolVersion":"2025-11-25","clientInfo":{"name":"inspector","version":"1"}}
    1 I < 200 json session=s1
    1 I < result 0 {"protocolVersion":"2025-06-18","serverInfo":{"name":"files","version":"2"}}
    1 I end complete
"#;
const INITIALIZED: &str = "server files 2025-06-18
    session of inspector starts
    initialize success 0..1
";

/// Plays transcripts after the session began.
pub(super) fn check_in_session(cases: &[(&str, &str, &str)]) {
    for (title, script, expected) in cases {
        check(&[(title, &format!("{INITIALIZE}{script}"), &format!("{INITIALIZED}{expected}"))]);
    }
}

#[test]
fn a_session_begins_with_the_answer_and_ends_with_delete() {
    check_in_session(&[
        (
            "agreed",
            "10 D DELETE /mcp session=s1
             11 D < 200 other
             11 D end complete",
            "session of inspector ends after 10 2025-06-18 http",
        ),
        (
            "refused",
            "10 D DELETE /mcp session=s1
             11 D < 405 other
             11 D end complete",
            "",
        ),
        (
            "with a request open",
            "5 A POST /mcp session=s1
             5 A > call 1 slow
             6 A < 200 sse
             10 D DELETE /mcp session=s1
             11 D < 200 other
             11 D end complete
             12 A end complete",
            "session of inspector ends after 10 2025-06-18 http
             tools/call slow session closed by client 5..11
             stream of 0 quiet 6",
        ),
    ]);
}

#[test]
fn a_lost_session_is_told_by_404() {
    check_in_session(&[
        (
            "without body",
            "5 A POST /mcp session=s1
             5 A > call 1 echo
             6 A < 404 other
             6 A end complete",
            "session of inspector ends after 5 2025-06-18 http 404
             tools/call echo http 404 session lost 5..6",
        ),
        (
            "with a JSON-RPC error",
            "5 A POST /mcp session=s1
             5 A > call 1 echo
             6 A < 404 json
             7 A < error null -32001
             7 A end complete",
            "session of inspector ends after 5 2025-06-18 http 404
             tools/call echo rpc -32001 on 404 5..7",
        ),
        (
            "a notification finds out, and nobody will bring the parked answer",
            "2 A POST /mcp session=s1
             2 A > call 1 echo
             3 A end client
             5 B POST /mcp session=s1
             5 B > notify notifications/roots/list_changed
             6 B < 404 other
             6 B end complete",
            "notification notifications/roots/list_changed http 404 session lost 5..6
             session of inspector ends after 5 2025-06-18 http 404
             tools/call echo session closed by server 2..6",
        ),
    ]);
}

#[test]
fn an_idle_session_ends_with_its_last_sign_of_life() {
    check_in_session(&[
        (
            "idle",
            "100 A POST /mcp session=s1
             100 A > call 1 echo
             101 A < 200 json
             101 A < result 1
             101 A end complete
             3700 expire
             3701 expire",
            "tools/call echo success 100..101
             session of inspector ends after 100 2025-06-18 http",
        ),
        (
            "an open stream is no idleness",
            "100 G GET /mcp session=s1
             100 G < 200 sse
             9000 expire
             9001 G end client
             9002 expire",
            "stream of 0 quiet 8901 standing",
        ),
    ]);
}

#[test]
fn each_element_of_a_batch_ends_on_its_own() {
    check_in_session(&[
        (
            "array, other order",
            "2 A POST /mcp session=s1
             2 A > call 1 a ; call 2 b ; notify notifications/progress ; request 3 ping
             3 A < 200 json
             4 A < result 3 ; error 2 -32603 ; result 1
             4 A end complete",
            "notification notifications/progress success 2..3
             ping success 2..4
             tools/call b rpc -32603 on 200 2..4
             tools/call a success 2..4",
        ),
        (
            "single events, and an array inside an event",
            "2 A POST /mcp session=s1
             2 A > call 1 a ; call 2 b ; call 3 c
             3 A < 200 sse
             4 A < result 2
             5 A < result 1 ; result 3
             6 A end complete",
            "tools/call b success 2..4
             tools/call a success 2..5
             tools/call c success 2..5
             stream of 2 quiet 1",
        ),
        (
            "without a reply",
            "2 A POST /mcp session=s1
             2 A > call 1 a ; call 2 b
             3 A < 200 json
             4 A < result 2
             4 A end complete",
            "tools/call b success 2..4
             tools/call a stream_closed 2..4",
        ),
        (
            "refused as a whole",
            "2 A POST /mcp session=s1
             2 A > call 1 a ; call 2 b
             3 A < 400 json
             4 A < error null -32600
             4 A end complete",
            "tools/call a rpc -32600 on 400 2..4
             tools/call b rpc -32600 on 400 2..4",
        ),
        (
            "foreign body",
            "2 A POST /mcp session=s1
             2 A > call 1 a ; call 2 b
             3 A < 200 json
             4 A < garbage
             4 A end complete",
            "not inspected: malformed
             tools/call a invalid_response 2..4
             tools/call b invalid_response 2..4",
        ),
    ]);
}

#[test]
fn what_the_server_asks_is_an_operation_of_its_own() {
    let answer = "6 R POST /mcp session=s1
                  6 R > result 1
                  6 R < 202 other
                  6 R end complete\n";
    check_in_session(&[
        (
            "on the stream of the call; ids of the two directions are apart",
            &format!(
                "2 A POST /mcp session=s1
                 2 A > call 1 book
                 3 A < 200 sse
                 4 A < request 1 elicitation/create
                 {answer}7 A < result 1
                 7 A end complete"
            ),
            "to client elicitation/create success 4..6
             tools/call book success 2..7 waited
             stream of 2 quiet 3",
        ),
        (
            "on the standing stream",
            &format!(
                "1 G GET /mcp session=s1
                 1 G < 200 sse
                 2 A POST /mcp session=s1
                 2 A > call 1 book
                 3 A < 200 sse
                 4 G < request 1 sampling/createMessage
                 {answer}7 A < result 1
                 7 A end complete
                 8 G end client"
            ),
            "to client sampling/createMessage success 4..6
             tools/call book success 2..7 waited
             stream of 1 quiet 4
             stream of 1 quiet 4 standing",
        ),
    ]);
}

#[test]
fn the_client_may_refuse_what_the_server_asks() {
    let answer = "6 R POST /mcp session=s1
                  6 R > result 1
                  6 R < 202 other
                  6 R end complete\n";
    check_in_session(&[
        (
            "the client refuses",
            "2 G GET /mcp session=s1
             2 G < 200 sse
             4 G < request 1 roots/list
             6 R POST /mcp session=s1
             6 R > error 1 -32601
             6 R < 202 other
             6 R end complete
             7 G end client",
            "to client roots/list rpc -32601 on 0 4..6
             stream of 1 quiet 3 standing",
        ),
        (
            "a ping holds no human time",
            &format!(
                "2 A POST /mcp session=s1
                 2 A > call 1 book
                 3 A < 200 sse
                 4 A < request 1 ping
                 {answer}7 A < result 1
                 7 A end complete"
            ),
            "to client ping success 4..6
             tools/call book success 2..7
             stream of 2 quiet 3",
        ),
        (
            "nor do the roots",
            &format!(
                "1 G GET /mcp session=s1
                 1 G < 200 sse
                 2 A POST /mcp session=s1
                 2 A > call 1 book
                 3 A < 200 sse
                 4 G < request 1 roots/list
                 {answer}7 A < result 1
                 7 A end complete
                 8 G end client"
            ),
            "to client roots/list success 4..6
             tools/call book success 2..7
             stream of 1 quiet 4
             stream of 1 quiet 4 standing",
        ),
    ]);
}

#[test]
fn what_the_server_asks_may_stay_without_an_answer() {
    check_in_session(&[
        (
            "the server takes it back",
            r#"2 G GET /mcp session=s1
               2 G < 200 sse
               4 G < request 1 elicitation/create
               5 G < notify notifications/cancelled {"requestId":1}
               7 expire
               8 G end client"#,
            "to client elicitation/create cancelled 4..5
             stream of 2 quiet 3 standing",
        ),
        (
            "repeated by a resumed stream, never answered",
            "2 G GET /mcp session=s1
             2 G < 200 sse
             4 G < id=e1 request 1 elicitation/create
             5 G end client
             6 H GET /mcp session=s1 last=e0
             6 H < 200 sse
             7 H < id=e1 request 1 elicitation/create
             3604 expire
             3605 H end client",
            "stream of 1 quiet 2 standing
             to client elicitation/create timeout 4..3604
             stream of 1 quiet 3598 standing",
        ),
        (
            "an answer to nothing",
            "2 R POST /mcp session=s1
             2 R > result 9
             2 R < 202 other
             2 R end complete",
            "unmatched",
        ),
    ]);
}

#[test]
fn without_a_session_what_the_server_asks_cannot_be_followed() {
    check(&[(
        "the call waited all the same",
        "0 A POST /mcp
         0 A > call 1 book
         1 A < 200 sse
         2 A < request 1 elicitation/create
         3 A < result 1
         3 A end complete",
        "unmatched
         tools/call book success 0..3 waited
         stream of 2 quiet 1",
    )]);
}

#[test]
fn url_elicitation_is_flow_control() {
    check_in_session(&[(
        "-32042, then the same call again",
        "2 A POST /mcp session=s1
         2 A > call 1 pay
         3 A < 200 json
         3 A < error 1 -32042
         3 A end complete
         9 B POST /mcp session=s1
         9 B > call 2 pay
         10 B < 200 json
         10 B < result 2
         10 B end complete",
        "tools/call pay url_elicitation 2..3
         tools/call pay success 9..10",
    )]);
}

#[test]
fn a_notification_is_over_when_it_is_accepted_or_refused() {
    for (answer, ending) in [
        ("1 A < 202 other\n9 A end complete", "success 0..1"),
        ("1 A < 200 json\n9 A < garbage\n9 A end complete", "success 0..1"),
        ("1 A < 400 json\n2 A < error null -32000\n9 A end complete", "http 400 0..1"),
        ("1 A < 503 other\n9 A end complete", "http 503 0..1"),
        ("1 A fail refused\n1 A end none", "connection_refused 0..1"),
        ("1 A end client", "cancelled 0..1"),
        ("1 A end drained", "proxy_drain 0..1"),
    ] {
        let script = format!("0 A POST /mcp\n0 A > notify notifications/initialized\n{answer}");
        let unread = if answer.contains("garbage") { "\nnot inspected: malformed" } else { "" };
        check(&[(answer, &script, &format!("notification notifications/initialized {ending}{unread}"))]);
    }
}

#[test]
fn a_refused_answer_of_the_client_does_not_end_a_call_of_the_same_id() {
    check_in_session(&[(
        "ids of the two directions are apart",
        "2 A POST /mcp session=s1
         2 A > call 1 book
         3 A < 200 sse
         4 R POST /mcp session=s1
         4 R > result 1
         5 R < 400 json
         5 R < error 1 -32600
         5 R end complete
         6 A < result 1
         6 A end complete",
        "unmatched
         tools/call book success 2..6
         stream of 1 quiet 3",
    )]);
}

#[test]
fn what_a_client_answers_says_nothing_about_the_server() {
    check_in_session(&[(
        "serverInfo and tools from the client",
        r#"2 G GET /mcp session=s1
           2 G < 200 sse
           4 G < request 1 tools/list
           6 R POST /mcp session=s1
           6 R > result 1 {"serverInfo":{"name":"forged","version":"1"},"tools":[{"name":"forged"}]}
           6 R < 202 other
           6 R end complete
           7 G end client"#,
        "to client tools/list success 4..6
         stream of 1 quiet 3 standing",
    )]);
}
