//! Which spans every exchange has, and what the server is told of them.

use super::spans::traced;
use super::transcript::check_with;
use crate::exchange::trace::{Propagate, Trust};

/// Plays transcripts with the defaults of tracing: (title, script, events).
pub(super) fn check(cases: &[(&str, &str, &str)]) {
    for (title, script, expected) in cases {
        check_with(traced(Propagate::Header, Trust::Continue), title, script, expected);
    }
}

/// The usual call with a JSON answer: what its head holds besides, and its message.
fn call(head: &str, message: &str) -> String {
    format!(
        "0 A POST /mcp {head}
         0 A > {message}
         1 A forward
         2 A < 200 json
         2 A < result 1
         3 A end complete"
    )
}

/// Checks what one call gives with each of these contexts: (head, message, events).
fn check_calls(trust: Trust, cases: &[(&str, &str, &str)]) {
    for (head, message, expected) in cases {
        let settings = traced(Propagate::Header, trust);
        check_with(settings, &format!("{trust:?} [{head}] {message}"), &call(head, message), expected);
    }
}

#[test]
fn trusted_contexts_are_parent_and_link() {
    check_calls(
        Trust::Continue,
        &[
            (
                "",
                "call 1 a",
                "A sends 1.3.02
             tools/call a success 0..2 | 1: 2 > 3 flags 02 forwarded 1",
            ),
            (
                "traceparent=70.50.01",
                "call 1 a",
                "A sends 70.2.01
             tools/call a success 0..2 | 70: 50 remote sampled > 1 > 2 flags 01 forwarded 1",
            ),
            (
                "traceparent=70.50.00 tracestate=x=1",
                "call 1 a",
                "A sends 70.2.00 state x=1
             tools/call a success 0..2 | 70: 50 remote > 1 > 2 flags 00 state x=1 forwarded 1",
            ),
            (
                "traceparent=70.50.03 tracestate=x=1 tracestate=y=2",
                "call 1 a",
                "A sends 70.2.03 state x=1,y=2
             tools/call a success 0..2 | 70: 50 remote sampled > 1 > 2 flags 03 state x=1,y=2 forwarded 1",
            ),
            (
                "",
                "call 1 a @80.60.01,z=3",
                "A sends 80.2.01 state z=3
             tools/call a success 0..2 | 80: 60 remote sampled > 1 > 2 flags 01 state z=3 forwarded 1",
            ),
            (
                "traceparent=70.50.01 tracestate=x=1",
                "call 1 a @80.60.00,z=3",
                "A sends 80.2.00 state z=3
             tools/call a success 0..2 | 80: 60 remote > 1 > 2 flags 00 state z=3 \
                 link 70.50.01 state x=1 HttpRequest forwarded 1",
            ),
            (
                "traceparent=70.50.01",
                "call 1 a @70.50.01",
                "A sends 70.2.01
             tools/call a success 0..2 | 70: 50 remote sampled > 1 > 2 flags 01 forwarded 1",
            ),
            (
                "traceparent=70.50.01",
                "call 1 a @70.60.01",
                "A sends 70.2.01
             tools/call a success 0..2 | 70: 60 remote sampled > 1 > 2 flags 01 \
                 link 70.50.01 HttpRequest forwarded 1",
            ),
        ],
    );
}

#[test]
fn contexts_that_are_not_trusted_are_links() {
    check_calls(
        Trust::Link,
        &[
            (
                "",
                "call 1 a",
                "A sends 1.3.02
             tools/call a success 0..2 | 1: 2 > 3 flags 02 forwarded 1",
            ),
            (
                "traceparent=70.50.01 tracestate=x=1",
                "call 1 a",
                "A sends 1.3.02
             tools/call a success 0..2 | 1: 2 > 3 flags 02 link 70.50.01 state x=1 NotTrusted forwarded 1",
            ),
            (
                "traceparent=70.50.01",
                "call 1 a @80.60.01,z=3",
                "A sends 1.3.02
             tools/call a success 0..2 | 1: 2 > 3 flags 02 link 80.60.01 state z=3 NotTrusted \
                 link 70.50.01 NotTrusted forwarded 1",
            ),
            (
                "traceparent=bad",
                "call 1 a @80.60.01",
                "malformed context in header
             A sends 1.3.02
             tools/call a success 0..2 | 1: 2 > 3 flags 02 link 80.60.01 NotTrusted forwarded 1",
            ),
            (
                "traceparent=70.50.01",
                "batch call 1 a @80.60.01",
                "A sends 1.2.02
             tools/call a success 0..2 | 1: 3 > 4 flags 02 link 80.60.01 NotTrusted \
                 link 70.50.01 NotTrusted link 1.2.02 UnsampledParent forwarded 1
             http POST 200 | 1: 2 flags 02 link 70.50.01 NotTrusted forwarded 1",
            ),
        ],
    );
}

#[test]
fn contexts_that_are_ignored_are_not_even_counted() {
    check_calls(
        Trust::Ignore,
        &[
            (
                "traceparent=70.50.01 tracestate=x=1",
                "call 1 a @80.60.01,z=3",
                "A sends 1.3.02
             tools/call a success 0..2 | 1: 2 > 3 flags 02 forwarded 1",
            ),
            (
                "traceparent=bad",
                "call 1 a @bad",
                "A sends 1.3.02
             tools/call a success 0..2 | 1: 2 > 3 flags 02 forwarded 1",
            ),
            (
                "traceparent=70.50.01",
                "batch call 1 a @80.60.01",
                "A sends 1.2.02
             tools/call a success 0..2 | 1: 3 > 4 flags 02 link 1.2.02 UnsampledParent forwarded 1
             http POST 200 | 1: 2 flags 02 forwarded 1",
            ),
        ],
    );
}

#[test]
fn malformed_contexts_are_counted_and_begin_no_trace_of_their_own() {
    check_calls(
        Trust::Continue,
        &[
            (
                "traceparent=70.50.1",
                "call 1 a",
                "malformed context in header
             A sends 1.3.02
             tools/call a success 0..2 | 1: 2 > 3 flags 02 forwarded 1",
            ),
            (
                "traceparent=70.50.01 traceparent=70.50.01",
                "call 1 a",
                "malformed context in header
             A sends 1.3.02
             tools/call a success 0..2 | 1: 2 > 3 flags 02 forwarded 1",
            ),
            (
                "traceparent=bad tracestate=x=1",
                "call 1 a @80.60.01",
                "malformed context in header
             A sends 80.2.01
             tools/call a success 0..2 | 80: 60 remote sampled > 1 > 2 flags 01 forwarded 1",
            ),
            (
                "traceparent=70.50.01",
                "call 1 a @bad,z=3",
                "malformed context in meta
             A sends 70.2.01
             tools/call a success 0..2 | 70: 50 remote sampled > 1 > 2 flags 01 forwarded 1",
            ),
            (
                "traceparent=70.50.01",
                "call 1 a @null",
                "malformed context in meta
             A sends 70.2.01
             tools/call a success 0..2 | 70: 50 remote sampled > 1 > 2 flags 01 forwarded 1",
            ),
            (
                "traceparent=bad",
                "batch call 1 a @bad ; call 2 b @bad ; call 3 c",
                "malformed context in header
             malformed context in meta
             malformed context in meta
             A sends 1.2.02
             tools/call a success 0..2 | 1: 3 > 4 flags 02 link 1.2.02 UnsampledParent forwarded 1
             tools/call b stream_closed 0..2 | 1: 5 > 6 flags 02 link 1.2.02 UnsampledParent forwarded 1
             tools/call c stream_closed 0..2 | 1: 7 > 8 flags 02 link 1.2.02 UnsampledParent forwarded 1
             http POST 200 | 1: 2 flags 02 forwarded 1",
            ),
        ],
    );
}

#[test]
fn list_that_is_none_or_stands_alone_is_dropped() {
    check_calls(
        Trust::Continue,
        &[
            (
                "traceparent=70.50.01 tracestate=X",
                "call 1 a",
                "A sends 70.2.01
             tools/call a success 0..2 | 70: 50 remote sampled > 1 > 2 flags 01 forwarded 1",
            ),
            (
                "tracestate=x=1",
                "call 1 a",
                "A sends 1.3.02
             tools/call a success 0..2 | 1: 2 > 3 flags 02 forwarded 1",
            ),
        ],
    );
}

#[test]
fn call_has_its_instants_however_it_ends() {
    let begin = "0 A POST /mcp
                 0 A > call 1 a
                 1 A forward\n";
    let cases = [
        (
            "events before the answer",
            "2 A < 200 sse\n3 A < notify notifications/progress\n4 A < result 1",
            "A sends 1.3.02
             tools/call a success 0..4 | 1: 2 > 3 flags 02 forwarded 1 first event 3
             stream of 2 quiet 1",
        ),
        (
            "the answer is the first event",
            "2 A < 200 sse\n3 A < result 1",
            "A sends 1.3.02
         tools/call a success 0..3 | 1: 2 > 3 flags 02 forwarded 1 first event 3
         stream of 1 quiet 2",
        ),
        (
            "error",
            "2 A < 200 json\n3 A < error 1 -32603",
            "A sends 1.3.02
         tools/call a rpc -32603 on 200 0..3 | 1: 2 > 3 flags 02 forwarded 1",
        ),
        (
            "status",
            "2 A < 503 other",
            "A sends 1.3.02
         tools/call a http 503 0..2 | 1: 2 > 3 flags 02 forwarded 1",
        ),
        (
            "broken stream",
            "2 A < 200 sse\n3 A < bytes\n3 A end server",
            "A sends 1.3.02
         tools/call a stream_closed 0..3 | 1: 2 > 3 flags 02 forwarded 1
         stream of 0 quiet 1",
        ),
        (
            "no answer",
            "2 A fail timeout\n2 A end none",
            "A sends 1.3.02
         tools/call a timeout 0..2 | 1: 2 > 3 flags 02 forwarded 1",
        ),
        (
            "drained",
            "2 A < 200 sse\n3 A end drained",
            "A sends 1.3.02
         tools/call a proxy_drain 0..3 | 1: 2 > 3 flags 02 forwarded 1
         stream of 0 quiet 1",
        ),
    ];
    for (title, script, expected) in cases {
        check(&[(title, &format!("{begin}{script}\n5 A end complete"), expected)]);
    }
}

#[test]
fn call_that_the_client_gives_up_ends_its_spans() {
    check(&[
        (
            "modern, by leaving",
            r#"0 A POST /mcp traceparent=70.50.01
               0 A > modern 1 tools/call {"name":"a"}
               1 A forward
               2 A < 200 sse
               3 A end client"#,
            "A sends 70.2.01
             tools/call a cancelled 0..3 | 70: 50 remote sampled > 1 > 2 flags 01 forwarded 1
             stream of 0 quiet 1",
        ),
        (
            "legacy, by notification",
            r#"0 A POST /mcp session=s traceparent=70.50.01
               0 A > call 1 a
               1 A forward
               2 B POST /mcp session=s
               2 B > notify notifications/cancelled {"requestId":1} @70.60.01
               2 B forward
               3 B < 202 other
               3 B end complete
               9 expire
               9 A end complete"#,
            "A sends 70.2.01
             B sends 70.4.01
             notification notifications/cancelled success 2..3 \
                 | 70: 60 remote sampled > 3 > 4 flags 01 forwarded 2
             tools/call a cancelled 0..2 | 70: 50 remote sampled > 1 > 2 flags 01 forwarded 1",
        ),
        (
            "before it went on",
            "0 A POST /mcp
             0 A > call 1 a
             1 A end client",
            "tools/call a abandoned 0..1 | 1: 2 > 3 flags 02",
        ),
        (
            "before it was read",
            "0 A POST /mcp
             1 A end client
             2 A > call 1 a",
            "http POST - /mcp | 1: 2 flags 02
             tools/call a abandoned 0..2 | 1: 3 > 4 flags 02 link 1.2.02 UnsampledParent",
        ),
    ]);
}

#[test]
fn notification_has_both_spans() {
    check(&[(
        "accepted",
        "0 A POST /mcp traceparent=70.50.01
         0 A > notify notifications/initialized @70.60.01
         1 A forward
         2 A < 202 other
         3 A end complete",
        "A sends 70.2.01
         notification notifications/initialized success 0..2 \
             | 70: 60 remote sampled > 1 > 2 flags 01 link 70.50.01 HttpRequest forwarded 1",
    )]);
}
