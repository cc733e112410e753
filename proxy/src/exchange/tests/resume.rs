//! Streamable HTTP of 2025-03-26 … 2025-11-25: answers that come on another exchange, or never.

use super::legacy::check_in_session;
use super::transcript::{check, operations};

#[test]
fn a_stream_that_the_server_ends_early_is_resumed() {
    let polled = "2 A POST /mcp session=s1
                  2 A > call 1 slow
                  3 A < 200 sse
                  3 A < id=e1
                  4 A end complete\n";
    check_in_session(&[
        (
            "reply on the next stream",
            &format!(
                "{polled}7 G GET /mcp session=s1 last=e1
                 7 G < 200 sse
                 9 G < id=e2 result 1
                 9 G end complete"
            ),
            "stream of 1 quiet 1
             tools/call slow success 2..9
             stream of 1 quiet 2 standing",
        ),
        (
            "reply on a stream without Last-Event-ID",
            &format!(
                "{polled}7 G GET /mcp session=s1
                 7 G < 200 sse
                 9 G < result 1
                 9 G end complete"
            ),
            "stream of 1 quiet 1
             tools/call slow success 2..9
             stream of 1 quiet 2 standing",
        ),
    ]);
}

#[test]
fn a_stream_that_is_not_resumed_was_closed() {
    let polled = "2 A POST /mcp session=s1
                  2 A > call 1 slow
                  3 A < 200 sse
                  3 A < id=e1
                  4 A end complete\n";
    check_in_session(&[
        (
            "never resumed",
            &format!("{polled}303 expire\n305 expire"),
            "stream of 1 quiet 1
             tools/call slow stream_closed 2..304",
        ),
        (
            "resumed again and again, then given up",
            &format!(
                "{polled}200 G GET /mcp session=s1 last=e1
                 200 G < 200 sse
                 400 expire
                 450 G end complete
                 700 expire
                 751 expire"
            ),
            "stream of 1 quiet 1
             stream of 0 quiet 250 standing
             tools/call slow stream_closed 2..750",
        ),
        (
            "not even a client that keeps asking waits forever",
            &format!(
                "{polled}200 G GET /mcp session=s1 last=e1
                 200 G < 200 sse
                 3603 expire
                 3604 expire
                 3605 G end client"
            ),
            "stream of 1 quiet 1
             tools/call slow stream_closed 2..3604
             stream of 0 quiet 3405 standing",
        ),
    ]);
}

#[test]
fn a_stream_without_event_id_or_cut_by_the_proxy_is_not_waited_for() {
    check_in_session(&[
        (
            "drained",
            "2 A POST /mcp session=s1
             2 A > call 1 slow
             3 A < 200 sse
             3 A < id=e1
             4 A end drained",
            "tools/call slow proxy_drain 2..4
             stream of 1 quiet 1",
        ),
        (
            "no event id, nothing to resume",
            "2 A POST /mcp session=s1
             2 A > call 1 slow
             3 A < 200 sse
             4 A end complete",
            "tools/call slow stream_closed 2..4
             stream of 0 quiet 1",
        ),
    ]);
}

#[test]
fn initialize_itself_may_be_polled() {
    check(&[(
        "the session is known from the head",
        r#"0 I POST /mcp
           0 I > request 0 initialize {"clientInfo":{"name":"inspector","version":"1"}}
           1 I < 200 sse session=s1
           1 I < id=e1
           2 I end complete
           3 G GET /mcp session=s1 last=e1
           3 G < 200 sse
           4 G < result 0 {"protocolVersion":"2025-11-25"}
           4 G end complete
           5 A POST /mcp session=s1
           5 A > call 1 echo
           6 A < 200 json
           6 A < result 1
           6 A end complete"#,
        "stream of 1 quiet 1
         session of inspector starts
         initialize success 0..4
         stream of 1 quiet 1 standing
         tools/call echo success 5..6",
    )]);
}

#[test]
fn without_a_session_a_stream_is_resumed_by_its_last_event() {
    let polled = "0 A POST /mcp version=2025-11-25
                  0 A > call 1 slow
                  1 A < 200 sse
                  1 A < id=e1
                  2 A end complete\n";
    check(&[
        (
            "twice",
            &format!(
                "{polled}3 G GET /mcp last=e1
                 3 G < 200 sse
                 4 G < id=e2
                 5 G end complete
                 6 H GET /mcp last=e2
                 6 H < 200 sse
                 7 H < id=e3 result 1
                 7 H end complete"
            ),
            "stream of 1 quiet 1
             stream of 1 quiet 1 standing
             tools/call slow success 0..7
             stream of 1 quiet 1 standing",
        ),
        (
            "another stream's answer with the same id is not ours",
            &format!(
                "{polled}3 G GET /mcp last=x1
                 3 G < 200 sse
                 4 G < result 1
                 5 G end complete
                 400 expire"
            ),
            "stream of 1 quiet 1
             unmatched
             stream of 1 quiet 1 standing
             tools/call slow stream_closed 0..302",
        ),
    ]);
}

#[test]
fn a_client_that_leaves_may_come_back() {
    check_in_session(&[
        (
            "and does",
            "2 A POST /mcp session=s1
             2 A > call 1 slow
             3 A < 200 sse
             4 A end client
             7 G GET /mcp session=s1 last=e1
             7 G < 200 sse
             9 G < result 1
             9 G end complete",
            "stream of 0 quiet 1
             tools/call slow success 2..9
             stream of 1 quiet 2 standing",
        ),
        (
            "and does not",
            "2 A POST /mcp session=s1
             2 A > call 1 slow
             4 A end client
             400 expire",
            "tools/call slow abandoned 2..304",
        ),
        (
            "but says that it will not",
            "2 A POST /mcp session=s1
             2 A > call 1 slow
             4 A end client
             5 C POST /mcp session=s1
             5 C > notify notifications/cancelled {\"requestId\":1}
             5 C < 202 other
             5 C end complete
             6 expire
             7 expire",
            "notification notifications/cancelled success 5..5
             tools/call slow cancelled 2..5",
        ),
    ]);
    check(&[(
        "without a session it cannot",
        "0 A POST /mcp
         0 A > call 1 slow
         1 A end client",
        "tools/call slow abandoned 0..1",
    )]);
}

#[test]
fn a_cancelled_request_is_over_at_once_unless_the_answer_comes_soon() {
    let cancel = r#"2 A POST /mcp session=s1
                    2 A > call 1 slow
                    3 A < 200 sse
                    5 C POST /mcp session=s1
                    5 C > notify notifications/cancelled {"requestId":1}
                    5 C < 202 other
                    5 C end complete
                    "#;
    check_in_session(&[
        (
            "answer within the grace",
            &format!("{cancel}6 A < result 1\n6 A end complete"),
            "notification notifications/cancelled success 5..5
             tools/call slow success 2..6
             stream of 1 quiet 3",
        ),
        (
            "an error confirms it",
            &format!("{cancel}6 A < error 1 -32800\n6 A end complete"),
            "notification notifications/cancelled success 5..5
             tools/call slow cancelled 2..5
             stream of 1 quiet 3",
        ),
        (
            "answer too late",
            &format!("{cancel}6.5 A < result 1\n6.5 A end complete"),
            "notification notifications/cancelled success 5..5
             tools/call slow cancelled 2..5
             stream of 1 quiet 3.5",
        ),
        (
            "answer after it was counted",
            &format!("{cancel}7 expire\n8 A < result 1\n8 A end complete"),
            "notification notifications/cancelled success 5..5
             tools/call slow cancelled 2..5
             unmatched
             stream of 1 quiet 5",
        ),
        (
            "no answer",
            &format!("{cancel}5.5 A end complete"),
            "notification notifications/cancelled success 5..5
             tools/call slow cancelled 2..5
             stream of 0 quiet 2.5",
        ),
        (
            "unknown ids and initialize are ignored",
            r#"5 C POST /mcp session=s1
               5 C > notify notifications/cancelled {"requestId":77}
               5 C < 202 other
               5 C end complete"#,
            "notification notifications/cancelled success 5..5",
        ),
    ]);
}

#[test]
fn an_id_that_is_used_again_means_that_the_earlier_request_is_given_up() {
    check_in_session(&[(
        "parked, then the same id",
        "2 A POST /mcp session=s1
         2 A > call 1 slow
         3 A end client
         4 B POST /mcp session=s1
         4 B > call 1 slow
         5 B < 200 json
         6 B < result 1
         6 B end complete",
        "tools/call slow abandoned 2..4
         tools/call slow success 4..6 repeated",
    )]);
}

#[test]
fn the_status_is_that_of_the_response_that_decided() {
    let polled = "0 A POST /mcp session=s1
                  0 A > call 1 slow
                  1 A < 200 sse
                  1 A < id=e1
                  2 A end complete\n";
    let channel = "0 G GET /sse
                   0 G < 200 sse
                   0 G < endpoint /m
                   1 A POST /m
                   1 A > call 1 slow
                   1 A < 202 other
                   1 A end complete\n";
    let cases = [
        (format!("{polled}400 expire"), Some(200)),
        (format!("{channel}9 G < result 1\n9 G end client"), Some(200)),
        (format!("{channel}9 G end client"), Some(202)),
        ("0 A POST /mcp session=s1\n0 A > call 1 slow\n1 A end client\n400 expire".to_owned(), None),
    ];
    for (script, status) in cases {
        assert_eq!(operations(&script)[0].status, status, "{script}");
    }
}
