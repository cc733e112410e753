//! 2026-07-28: each POST stands alone.

use super::transcript::{check, operations};

#[test]
fn a_json_answer_ends_its_request_by_what_it_says() {
    check(&[
        (
            "result",
            r#"0 A POST /mcp version=2026-07-28 method=tools/call name=echo
               0 A > modern 1 tools/call {"name":"echo"}
               1 A < 200 json
               2 A < result 1
               2 A end complete"#,
            "tools/call echo success 0..2",
        ),
        (
            "tool error",
            r#"0 A POST /mcp
               0 A > modern 1 tools/call {"name":"echo"}
               1 A < 200 json
               2 A < result 1 {"isError":true}
               2 A end complete"#,
            "tools/call echo tool_error 0..2",
        ),
        (
            "only the boolean is an error",
            r#"0 A POST /mcp
               0 A > modern 1 tools/call {"name":"echo"}
               1 A < 200 json
               2 A < result 1 {"isError":"true"}
               2 A end complete"#,
            "tools/call echo success 0..2",
        ),
        (
            "error on 200",
            "0 A POST /mcp
             0 A > modern 1 tools/list
             1 A < 200 json
             2 A < error 1 -32603
             2 A end complete",
            "tools/list rpc -32603 on 200 0..2",
        ),
        (
            "error on 404",
            "0 A POST /mcp
             0 A > modern 1 vendor/method
             1 A < 404 json
             2 A < error 1 -32601
             2 A end complete",
            "vendor/method rpc -32601 on 404 0..2",
        ),
    ]);
}

#[test]
fn an_error_in_place_of_the_only_answer_belongs_to_the_request() {
    for error in [
        "error null -32020",
        "error 99 -32020",
        r#"error "1" -32020"#,
        r#"{"jsonrpc":"2.0","error":{"code":-32020}}"#,
    ] {
        let script = format!(
            "0 A POST /mcp
             0 A > modern 1 tools/list
             1 A < 400 json
             2 A < {error}
             2 A end complete"
        );
        check(&[(error, &script, "tools/list rpc -32020 on 400 0..2")]);
    }
}

#[test]
fn the_result_of_another_request_is_no_answer() {
    check(&[(
        "200 with the wrong id",
        "0 A POST /mcp
         0 A > modern 1 tools/list
         1 A < 200 json
         2 A < result 2
         2 A end complete",
        "unmatched
         tools/list invalid_response 0..2",
    )]);
}

#[test]
fn a_stream_brings_notifications_and_then_the_answer() {
    check(&[(
        "SSE",
        r#"0 A POST /mcp
           0 A > modern 1 tools/call {"name":"slow"}
           1 A < 200 sse
           2 A < bytes
           5 A < notify notifications/progress {"progress":1}
           6 A < result 1
           9 A end client"#,
        "tools/call slow success 0..6
         stream of 2 quiet 3",
    )]);
}

#[test]
fn an_error_on_a_stream_belongs_to_the_request_only_without_another_id() {
    check(&[
        (
            "no id",
            "0 A POST /mcp
             0 A > modern 1 tools/list
             1 A < 200 sse
             2 A < error null -32603
             2 A end complete",
            "tools/list rpc -32603 on 200 0..2
             stream of 1 quiet 1",
        ),
        (
            "other id",
            "0 A POST /mcp
             0 A > modern 1 tools/list
             1 A < 200 sse
             2 A < error 7 -32603
             3 A end complete",
            "unmatched
             tools/list stream_closed 0..3
             stream of 1 quiet 1",
        ),
    ]);
}

#[test]
fn without_an_answer_the_end_decides() {
    let cases = [
        ("1 A < 200 sse\n2 A end client", "cancelled 0..2\nstream of 0 quiet 1"),
        ("1 A < 200 sse\n2 A < id=e1\n3 A end complete", "stream_closed 0..3\nstream of 1 quiet 1"),
        ("1 A < 200 sse\n2 A end server", "stream_closed 0..2\nstream of 0 quiet 1"),
        ("1 A < 200 sse\n2 A end drained", "proxy_drain 0..2\nstream of 0 quiet 1"),
        ("1 A < 200 sse\n2 A < garbage\n3 A end complete", "invalid_response 0..3\nstream of 1 quiet 1"),
        ("1 A < 200 json\n2 A end client", "cancelled 0..2"),
        ("1 A < 200 json\n2 A end server", "stream_closed 0..2"),
        ("1 A < 200 json\n2 A < garbage\n2 A end complete", "invalid_response 0..2"),
        ("1 A < 200 json\n2 A < truncated\n2 A end server", "stream_closed 0..2"),
        ("1 A < 200 json\n2 A < truncated\n2 A end complete", "invalid_response 0..2"),
        ("1 A < 200 json\n2 A < {\"hello\":1}\n2 A end complete", "invalid_response 0..2"),
        ("1 A < 200 json\n2 A < {\"error\":\"busy\"}\n2 A end complete", "invalid_response 0..2"),
        ("1 A < 200 other\n2 A end complete", "invalid_response 0..2"),
        ("1 A < 202 other\n2 A end complete", "invalid_response 0..2"),
        ("1 A < 401 other\n2 A end complete", "http 401 0..1"),
        ("1 A < 401 json\n2 A < {\"error\":\"invalid_token\"}\n2 A end complete", "http 401 0..1"),
        ("1 A < 403 other\n2 A end client", "http 403 0..1"),
        ("1 A < 404 other\n2 A end complete", "http 404 0..1"),
        ("1 A < 429 json\n2 A < garbage\n2 A end complete", "http 429 0..1"),
        ("1 A < 502 other\n2 A end complete", "http 502 0..1"),
        ("1 A < 307 other\n2 A end complete", "redirected 0..1"),
        ("1 A fail refused\n1 A end none", "connection_refused 0..1"),
        ("1 A fail timeout\n1 A end none", "timeout 0..1"),
        ("1 A end client", "cancelled 0..1"),
        ("1 A end server", "connection_reset 0..1"),
        ("1 A end drained", "proxy_drain 0..1"),
    ];
    for (rest, expected) in cases {
        let script = format!("0 A POST /mcp\n0 A > modern 1 tools/list\n{rest}");
        // That a body could not be read is counted apart from how the request ended.
        let unread = if rest.contains("garbage") || rest.contains("truncated") {
            "not inspected: malformed\n"
        } else {
            ""
        };
        check(&[(rest, &script, &format!("{unread}tools/list {expected}"))]);
    }
}

#[test]
fn what_follows_the_answer_changes_nothing() {
    for end in ["client", "server", "drained", "complete"] {
        let script = format!(
            "0 A POST /mcp
             0 A > modern 1 tools/list
             1 A < 200 sse
             2 A < result 1
             3 A < bytes
             4 A end {end}
             5 A end complete"
        );
        check(&[(end, &script, "tools/list success 0..2\nstream of 1 quiet 1")]);
    }
}

#[test]
fn equal_ids_of_several_clients_never_meet() {
    check(&[(
        "same id, same session header, which means nothing now",
        "0 A POST /mcp version=2026-07-28 method=tools/list session=s1
         1 B POST /mcp version=2026-07-28 method=tools/list session=s1
         1 A > modern 1 tools/list
         1 B > modern 1 tools/list
         2 B < 200 json
         3 B < error 1 -32603
         4 A < 200 json
         5 A < result 1
         5 A end complete
         5 B end complete",
        "tools/list rpc -32603 on 200 1..3
         tools/list success 0..5",
    )]);
}

#[test]
fn a_body_that_is_not_read_is_known_by_its_headers() {
    check(&[
        (
            "request",
            "0 A POST /mcp version=2026-07-28 method=tools/call name==?base64?ZWNobw==?=
             0 A >! encoding
             0 A >! too_large
             1 A < 200 json
             2 A < result 17
             2 A end complete",
            "not inspected: encoding
             tools/call echo success 0..2",
        ),
        (
            "notification",
            "0 A POST /mcp version=2026-07-28 method=notifications/cancelled
             0 A > too_large
             1 A < 202 other
             1 A end complete",
            "not inspected: too_large
             notification notifications/cancelled success 0..1",
        ),
        (
            "without headers nothing is known, and its answer is no surprise",
            "0 A POST /mcp
             0 A > garbage
             1 A < 400 json
             1 A < error null -32700
             1 A end complete",
            "not inspected: malformed",
        ),
    ]);
}

#[test]
fn an_answer_that_is_not_read_is_a_guess_by_status_and_end() {
    let cases = [
        ("1 A < 200 json\n1 A <! encoding\n2 A end complete", "encoding", "success 0..2", ""),
        ("1 A < 200 json\n2 A < too_large\n2 A end complete", "too_large", "success 0..2", ""),
        ("1 A < 500 json\n1 A <! encoding\n2 A end complete", "encoding", "http 500 0..1", ""),
        ("1 A < 200 json\n1 A <! memory\n2 A end client", "memory", "cancelled 0..2", ""),
        ("1 A < 200 json\n1 A <! memory\n2 A end server", "memory", "stream_closed 0..2", ""),
        ("1 A < 200 sse\n1 A <! memory\n2 A end client", "memory", "success 0..2", "stream of 0 quiet 1"),
        (
            "1 A < 200 sse\n2 A < too_large\n3 A end complete",
            "too_large",
            "success 0..3",
            "stream of 1 quiet 1",
        ),
    ];
    for (rest, reason, ending, stream) in cases {
        let script = format!("0 A POST /mcp\n0 A > modern 1 tools/list\n{rest}");
        check(&[(rest, &script, &format!("not inspected: {reason}\ntools/list {ending}\n{stream}"))]);
    }
}

#[test]
fn input_required_is_interim_and_its_retry_a_call_of_its_own() {
    check(&[(
        "retry by requestState, and by input only",
        r#"0 A POST /mcp
           0 A > modern 1 tools/call {"name":"book","arguments":{"a":1}}
           1 A < 200 json
           1 A < result 1 {"resultType":"input_required","requestState":"s"}
           1 A end complete
           20 B POST /mcp
           20 B > modern 2 tools/call {"name":"book","arguments":{"a":1},"requestState":"s"}
           21 B < 200 json
           21 B < result 2 {"resultType":"input_required"}
           21 B end complete
           40 C POST /mcp
           40 C > modern 3 tools/call {"name":"book","arguments":{"a":1}}
           41 C < 200 json
           41 C < result 3 {"resultType":"complete"}
           41 C end complete
           50 D POST /mcp
           50 D > modern 3 tools/call {"name":"book","arguments":{"a":1}}
           51 D < 200 json
           51 D < result 3
           51 D end complete"#,
        "tools/call book input_required 0..1
         tools/call book input_required 20..21
         tools/call book success 40..41
         tools/call book success 50..51 repeated",
    )]);
}

#[test]
fn a_retry_whose_first_request_was_forgotten_as_repeatable_is_known_by_its_state() {
    check(&[(
        "another call came between",
        r#"0 A POST /mcp
           0 A > modern 1 tools/call {"name":"book"}
           1 A < 200 json
           1 A < result 1 {"resultType":"input_required","requestState":"s"}
           1 A end complete
           2 B POST /mcp
           2 B > modern 2 tools/call {"name":"book"}
           3 B < 200 json
           3 B < result 2
           3 B end complete
           4 C POST /mcp
           4 C > modern 3 tools/call {"name":"book","requestState":"s"}
           5 C < 200 json
           5 C < result 3
           5 C end complete"#,
        "tools/call book input_required 0..1
         tools/call book success 2..3
         tools/call book success 4..5",
    )]);
}

#[test]
fn a_subscription_succeeds_when_it_is_acknowledged_and_then_stands() {
    let open = "0 A POST /mcp
                0 A > modern 5 subscriptions/listen
                1 A < 200 sse\n";
    let ack = r#"2 A < notify notifications/subscriptions/acknowledged {"_meta":{"io.modelcontextprotocol/subscriptionId":5}}
                 30 A < notify notifications/tools/list_changed"#;
    check(&[
        (
            "graceful end",
            &format!("{open}{ack}\n40 A < result 5\n40 A end complete"),
            "subscriptions/listen success 0..2\nstream of 3 quiet 28 standing",
        ),
        (
            "client leaves",
            &format!("{open}{ack}\n90 A end client"),
            "subscriptions/listen success 0..2\nstream of 2 quiet 60 standing",
        ),
        (
            "dropped",
            &format!("{open}{ack}\n90 A end server"),
            "subscriptions/listen success 0..2\nstream of 2 quiet 60 standing",
        ),
        (
            "never acknowledged",
            &format!("{open}9 A end server"),
            "subscriptions/listen stream_closed 0..9\nstream of 0 quiet 8 standing",
        ),
        (
            "refused",
            &format!("{open}3 A < error 5 -32602\n3 A end complete"),
            "subscriptions/listen rpc -32602 on 200 0..3\nstream of 1 quiet 2 standing",
        ),
    ]);
}

#[test]
fn the_same_call_within_a_minute_is_repeated() {
    let call = |at: u32, id: &str, params: &str| {
        format!(
            "{at} {id} POST /mcp
             {at} {id} > modern 1 tools/call {params}
             {at} {id} < 200 json
             {at} {id} < result 1
             {at} {id} end complete\n"
        )
    };
    let script = [
        call(0, "A", r#"{"name":"echo","arguments":{"a":1}}"#),
        call(1, "B", r#"{"name":"echo","arguments":{"a":2}}"#),
        call(2, "C", r#"{"name":"echo","arguments":{"a":1}}"#),
        call(3, "D", r#"{"name":"other","arguments":{"a":1}}"#),
        call(63, "E", r#"{"name":"echo","arguments":{"a":1}}"#),
    ]
    .concat();
    let repeated: Vec<bool> = operations(&script).iter().map(|operation| operation.repeated).collect();
    assert_eq!(repeated, [false, false, true, false, false]);
}

#[test]
fn the_first_byte_of_the_answers_body_is_kept() {
    let operations = operations(
        "0 A POST /mcp
         0 A > modern 1 tools/list
         1 A < 200 sse
         2 A < bytes
         5 A < result 1
         5 A end complete",
    );
    let operation = &operations[0];
    let first = operation.first_byte.expect("there was a body");
    assert_eq!((first - operation.started).as_secs(), 2);
    assert_eq!((operation.duration().as_secs(), operation.status), (5, Some(200)));
}

#[test]
fn a_redirected_call_is_counted_where_it_ends() {
    check(&[(
        "307 to the address with a slash",
        r#"0 A POST /mcp
           0 A > modern 1 tools/call {"name":"echo"}
           1 A < 307 other
           1 A end complete
           2 B POST /mcp/
           2 B > modern 1 tools/call {"name":"echo"}
           3 B < 200 json
           3 B < result 1
           3 B end complete"#,
        "tools/call echo redirected 0..1
         tools/call echo success 2..3",
    )]);
}

#[test]
fn an_answer_without_a_content_type_is_an_answer() {
    for (answer, ending) in [
        ("1 A < 400 untyped\n2 A < error null -32601", "rpc -32601 on 400 0..2"),
        ("1 A < 200 untyped\n2 A < result 1", "success 0..2"),
        ("1 A < 400 untyped\n2 A < empty", "http 400 0..1"),
        ("1 A < 202 untyped\n2 A < empty", "invalid_response 0..2"),
    ] {
        let script = format!("0 A POST /mcp\n0 A > modern 1 tools/list\n{answer}\n2 A end complete");
        check(&[(answer, &script, &format!("tools/list {ending}"))]);
    }
}
