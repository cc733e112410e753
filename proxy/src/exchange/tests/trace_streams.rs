//! Spans of what goes on beyond one exchange: resumed streams, retries, tasks, requests of the server.

use super::trace_context::check;

#[test]
fn answer_on_another_stream_ends_the_spans_of_the_call() {
    let parked = "0 A POST /mcp session=s traceparent=70.50.01
                  0 A > call 1 a
                  1 A forward
                  2 A < 200 sse
                  2 A < id=e1
                  3 A end complete\n";
    let cases = [
        (
            "resumed",
            "5 G GET /mcp session=s last=e1 traceparent=70.90.01
             5 G forward
             6 G < 200 sse
             7 G < id=e2 notify notifications/progress
             8 G < id=e3 result 1
             9 G end complete",
            "A sends 70.2.01
             stream of 1 quiet 1
             G sends 70.3.01
             tools/call a success 0..8 | 70: 50 remote sampled > 1 > 2 flags 01 forwarded 1 first event 7
             stream of 2 quiet 1 standing
             http GET 200 | 70: 90 remote sampled > 3 flags 01 forwarded 5",
        ),
        (
            "never resumed",
            "400 expire",
            "A sends 70.2.01
         stream of 1 quiet 1
         tools/call a stream_closed 0..303 | 70: 50 remote sampled > 1 > 2 flags 01 forwarded 1",
        ),
        (
            "the process ends",
            "9 close",
            "A sends 70.2.01
         stream of 1 quiet 1
         tools/call a stream_closed 0..9 | 70: 50 remote sampled > 1 > 2 flags 01 forwarded 1",
        ),
    ];
    for (title, script, expected) in cases {
        check(&[(title, &format!("{parked}{script}"), expected)]);
    }
}

#[test]
fn first_event_before_the_call_began_is_not_that_of_its_answer() {
    check(&[(
        "HTTP+SSE",
        "0 G GET /sse
         0 G forward
         0 G < 200 sse
         1 G < endpoint /messages?id=1
         2 A POST /messages?id=1 traceparent=70.50.01
         2 A > call 1 a
         3 A forward
         4 A < 202 other
         4 A end complete
         5 G < result 1
         6 G end client",
        "G sends 1.2.02
         session of - starts
         A sends 70.4.01
         tools/call a success 2..5 | 70: 50 remote sampled > 3 > 4 flags 01 forwarded 3
         session of - ends after 5 - sse
         stream of 2 quiet 4 standing
         http GET 200 | 1: 2 flags 02 forwarded 0",
    )]);
}

#[test]
fn retry_with_more_input_is_a_call_of_its_own() {
    check(&[(
        "each has its own parent",
        r#"0 A POST /mcp
           0 A > modern 1 tools/call {"name":"a"} @70.50.01
           1 A forward
           2 A < 200 json
           2 A < result 1 {"resultType":"input_required","requestState":"s"}
           2 A end complete
           5 B POST /mcp
           5 B > modern 2 tools/call {"name":"a","requestState":"s"} @70.60.01
           6 B forward
           7 B < 200 json
           7 B < result 2
           7 B end complete"#,
        "A sends 70.2.01
         tools/call a input_required 0..2 | 70: 50 remote sampled > 1 > 2 flags 01 forwarded 1
         B sends 70.4.01
         tools/call a success 5..7 | 70: 60 remote sampled > 3 > 4 flags 01 forwarded 6",
    )]);
}

#[test]
fn task_is_a_child_of_its_request() {
    let accepted = r#"0 A POST /mcp
        0 A > modern 1 tools/call {"name":"a"} @70.50.01,x=1
        1 A forward
        2 A < 200 json
        2 A < result 1 {"resultType":"task","taskId":"t","status":"working","ttlMs":60000}
        2 A end complete
    "#;
    let cases = [
        (
            "asked for",
            r#"5 B POST /mcp
               5 B > modern 2 tasks/get {"taskId":"t"}
               5 B forward
               6 B < 200 json
               6 B < result 2 {"taskId":"t","status":"completed"}
               6 B end complete"#,
            "A sends 70.2.01 state x=1
             tools/call a task_accepted 0..2 | 70: 50 remote sampled > 1 > 2 flags 01 state x=1 forwarded 1
             B sends 4.6.02
             task tools/call a success 0..6 | 70: 1 sampled > 3 flags 01 state x=1
             tasks/get success 5..6 | 4: 5 > 6 flags 02 forwarded 5",
        ),
        (
            "never seen again",
            "70 expire",
            "A sends 70.2.01 state x=1
         tools/call a task_accepted 0..2 | 70: 50 remote sampled > 1 > 2 flags 01 state x=1 forwarded 1
         task tools/call a task_unseen 0..62 | 70: 1 sampled > 3 flags 01 state x=1",
        ),
        (
            "process ends",
            "9 close",
            "A sends 70.2.01 state x=1
         tools/call a task_accepted 0..2 | 70: 50 remote sampled > 1 > 2 flags 01 state x=1 forwarded 1
         task tools/call a task_unseen 0..9 | 70: 1 sampled > 3 flags 01 state x=1",
        ),
    ];
    for (title, script, expected) in cases {
        check(&[(title, &format!("{accepted}{script}"), expected)]);
    }
}

#[test]
fn task_of_a_request_that_may_not_be_exported_takes_the_place_of_it() {
    let script = |context: &str| {
        format!(
            r#"0 A POST /mcp
               0 A > modern 1 tools/call {{"name":"a"}}{context}
               1 A forward
               2 A < 200 json
               2 A < result 1 {{"resultType":"task","taskId":"t","status":"working"}}
               2 A end complete
               9 close"#
        )
    };
    let cases = [
        ("", "1.3.02", "1: 2 > 3 flags 02 forwarded 1", "1: 4 flags 02 link 1.2.02 UnsampledParent"),
        (
            " @70.50.00,x=1",
            "70.2.00 state x=1",
            "70: 50 remote > 1 > 2 flags 00 state x=1 forwarded 1",
            "70: 50 remote > 3 flags 00 state x=1 link 70.1.00 state x=1 UnsampledParent",
        ),
    ];
    for (context, sent, request, task) in cases {
        let expected = format!(
            "A sends {sent}
             tools/call a task_accepted 0..2 | {request}
             task tools/call a task_unseen 0..9 | {task}"
        );
        check(&[(context, &script(context), &expected)]);
    }
}

/// The client answers request 1 of the server.
const ANSWER: &str = "6 R POST /mcp session=s
                      6 R > result 1
                      6 R forward
                      6 R < 202 other
                      6 R end complete\n";

/// The client calls in a session, and the server asks it something before it answers.
fn check_asked(calls: &str, ask: &str, answers: &str, expected: &str) {
    let script = format!(
        "0 S POST /mcp
         0 S > request 0 initialize
         0 S forward
         0 S < 200 json session=s
         0 S < result 0
         0 S end complete
         1 A POST /mcp session=s traceparent=70.50.01
         1 A > {calls}
         2 A forward
         3 A < 200 sse
         4 A < {ask}
         {ANSWER}7 A < {answers}
         7 A end complete"
    );
    let begin = "S sends 1.3.02
                 session of - starts
                 initialize success 0..0 | 1: 2 > 3 flags 02 forwarded 0\n";
    check(&[(ask, &script, &format!("{begin}{expected}"))]);
}

#[test]
fn what_the_server_asks_is_a_child_of_the_call_that_it_asks_for() {
    let cases = [
        ("request 1 elicitation/create", "70: 5 sampled > 6"),
        ("request 1 elicitation/create @70.99.01", "70: 99 remote sampled > 6"),
    ];
    for (ask, spans) in cases {
        let expected = format!(
            "A sends 70.5.01
             to client elicitation/create success 4..6 | {spans} flags 01
             R sends 7.8.02
             http POST 202 | 7: 8 flags 02 forwarded 6
             tools/call a success 1..7 waited | 70: 50 remote sampled > 4 > 5 flags 01 \
                 forwarded 2 first event 4
             stream of 2 quiet 3"
        );
        check_asked("call 1 a", ask, "result 1", &expected);
    }
}

#[test]
fn what_the_server_asks_takes_the_place_of_a_call_that_may_not_be_exported() {
    check_asked(
        "call 1 a @80.60.00",
        "request 1 elicitation/create",
        "result 1",
        "A sends 80.5.00
         to client elicitation/create success 4..6 | 80: 60 remote > 6 flags 00 \
             link 70.50.01 HttpRequest link 80.5.00 UnsampledParent
         R sends 7.8.02
         http POST 202 | 7: 8 flags 02 forwarded 6
         tools/call a success 1..7 waited | 80: 60 remote > 4 > 5 flags 00 link 70.50.01 HttpRequest \
             forwarded 2 first event 4
         stream of 2 quiet 3",
    );
}

#[test]
fn what_the_server_asks_with_a_malformed_context_is_as_without() {
    check_asked(
        "call 1 a",
        "request 1 elicitation/create @bad",
        "result 1",
        "A sends 70.5.01
         malformed context in meta
         to client elicitation/create success 4..6 | 70: 5 sampled > 6 flags 01
         R sends 7.8.02
         http POST 202 | 7: 8 flags 02 forwarded 6
         tools/call a success 1..7 waited | 70: 50 remote sampled > 4 > 5 flags 01 forwarded 2 first event 4
         stream of 2 quiet 3",
    );
}

#[test]
fn what_the_server_asks_for_one_of_several_calls_is_a_root() {
    check_asked(
        "call 1 a ; call 2 b",
        "request 1 elicitation/create",
        "result 1 ; result 2",
        "A sends 70.4.01
         to client elicitation/create success 4..6 | 9: 10 flags 02
         R sends 11.12.02
         http POST 202 | 11: 12 flags 02 forwarded 6
         tools/call a success 1..7 waited | 70: 4 sampled > 5 > 6 flags 01 forwarded 2 first event 4
         tools/call b success 1..7 waited | 70: 4 sampled > 7 > 8 flags 01 forwarded 2 first event 4
         stream of 2 quiet 3
         http POST 200 | 70: 50 remote sampled > 4 flags 01 forwarded 2",
    );
}

#[test]
fn what_the_server_asks_on_a_standing_stream_is_a_root() {
    check(&[(
        "standing stream",
        &format!(
            "1 G GET /mcp session=s
             1 G forward
             1 G < 200 sse
             4 G < request 1 roots/list
             4 G < request 2 roots/list @70.99.01
             {ANSWER}8 G end client
             9 close"
        ),
        "G sends 1.2.02
         to client roots/list success 4..6 | 1: 3 flags 02
         R sends 5.6.02
         http POST 202 | 5: 6 flags 02 forwarded 6
         stream of 2 quiet 4 standing
         http GET 200 | 1: 2 flags 02 forwarded 1
         to client roots/list proxy_drain 4..9 | 70: 99 remote sampled > 4 flags 01",
    )]);
}
