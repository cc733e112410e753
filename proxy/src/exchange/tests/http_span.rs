//! Exchanges that no single operation stands for: they have an HTTP span.

use super::trace_context::check;

#[test]
fn elements_of_a_batch_hang_below_the_http_span() {
    check(&[
        (
            "two calls and a notification",
            "0 A POST /mcp
             0 A > call 1 a ; notify notifications/progress ; call 2 b
             1 A forward
             2 A < 200 json
             3 A < result 2 ; result 1
             4 A end complete",
            "A sends 1.2.02
             notification notifications/progress success 0..2 | 1: 5 > 6 flags 02 \
                 link 1.2.02 UnsampledParent forwarded 1
             tools/call b success 0..3 | 1: 7 > 8 flags 02 link 1.2.02 UnsampledParent forwarded 1
             tools/call a success 0..3 | 1: 3 > 4 flags 02 link 1.2.02 UnsampledParent forwarded 1
             http POST 200 | 1: 2 flags 02 forwarded 1",
        ),
        (
            "contexts everywhere",
            "0 A POST /mcp traceparent=70.50.01 tracestate=x=1
             0 A > call 1 a @80.60.01,z=3 ; call 2 b
             1 A forward
             2 A < 200 sse
             3 A < result 2
             4 A < result 1
             5 A end complete",
            "A sends 70.1.01 state x=1
             tools/call b success 0..3 | 70: 1 sampled > 4 > 5 flags 01 state x=1 forwarded 1 first event 3
             tools/call a success 0..4 | 80: 60 remote sampled > 2 > 3 flags 01 state z=3 \
                 link 70.1.01 state x=1 HttpRequest forwarded 1 first event 3
             stream of 2 quiet 1
             http POST 200 | 70: 50 remote sampled > 1 flags 01 state x=1 forwarded 1",
        ),
        (
            "batch of one",
            "0 A POST /mcp
             0 A > batch call 1 a
             1 A forward
             2 A < 200 json
             3 A < result 1
             4 A end complete",
            "A sends 1.2.02
             tools/call a success 0..3 | 1: 3 > 4 flags 02 link 1.2.02 UnsampledParent forwarded 1
             http POST 200 | 1: 2 flags 02 forwarded 1",
        ),
    ]);
}

#[test]
fn head_that_went_before_the_message_carries_the_http_span() {
    check(&[
        (
            "slow body",
            "0 A POST /mcp traceparent=70.50.01
             1 A forward
             2 A > call 1 a
             3 A < 200 json
             3 A < result 1
             4 A end complete",
            "A sends 70.1.01
             tools/call a success 0..3 | 70: 1 sampled > 2 > 3 flags 01 forwarded 1
             http POST 200 | 70: 50 remote sampled > 1 flags 01 forwarded 1",
        ),
        (
            "slow body with a context of its own",
            "0 A POST /mcp traceparent=70.50.01
             1 A forward
             2 A > call 1 a @80.60.01
             3 A < 200 json
             3 A < result 1
             4 A end complete",
            "A sends 70.1.01
             tools/call a success 0..3 | 80: 60 remote sampled > 2 > 3 flags 01 \
                 link 70.1.01 HttpRequest forwarded 1
             http POST 200 | 70: 50 remote sampled > 1 flags 01 forwarded 1",
        ),
        (
            "body that cannot be read, known by its head",
            "0 A POST /mcp version=2026-07-28 method=tools/call name=a traceparent=70.50.01
             0 A forward
             1 A >! too_large
             2 A < 200 json
             3 A < result 1
             4 A end complete",
            "A sends 70.1.01
             not inspected: too_large
             tools/call a success 0..3 | 70: 1 sampled > 2 > 3 flags 01 forwarded 0
             http POST 200 | 70: 50 remote sampled > 1 flags 01 forwarded 0",
        ),
        (
            "known by its head at once",
            "0 A POST /mcp version=2026-07-28 method=tools/call name=a traceparent=70.50.01
             0 A >! encoding
             1 A forward
             2 A < 200 json
             3 A < result 1
             4 A end complete",
            "not inspected: encoding
             A sends 70.2.01
             tools/call a success 0..3 | 70: 50 remote sampled > 1 > 2 flags 01 forwarded 1",
        ),
    ]);
}

#[test]
fn exchange_without_an_operation_has_an_http_span() {
    check(&[
        (
            "no MCP at all: the path, without the query",
            "0 A GET /health?token=1 traceparent=70.50.01
             0 A forward
             1 A < 404 other
             2 A end complete",
            "A sends 70.1.01
             http GET 404 /health | 70: 50 remote sampled > 1 flags 01 forwarded 0",
        ),
        (
            "no context",
            "0 A POST /login
             0 A > {\"user\":1}
             0 A forward
             1 A fail refused
             1 A end none",
            "A sends 1.2.02
             http POST - /login | 1: 2 flags 02 forwarded 0",
        ),
        (
            "standing stream",
            "0 A GET /mcp session=s version=2025-11-25
             0 A forward
             1 A < 200 sse
             2 A < notify notifications/message
             9 A end client",
            "A sends 1.2.02
             stream of 1 quiet 7 standing
             http GET 200 | 1: 2 flags 02 forwarded 0",
        ),
        (
            "only an answer",
            "0 A POST /mcp session=s traceparent=70.50.01
             0 A > result 1
             0 A forward
             1 A < 202 other
             1 A end complete",
            "unmatched
             A sends 70.1.01
             http POST 202 | 70: 50 remote sampled > 1 flags 01 forwarded 0",
        ),
        (
            "end of a session",
            "0 A DELETE /mcp session=s
             0 A forward
             1 A < 200 other
             1 A end complete",
            "A sends 1.2.02
             http DELETE 200 | 1: 2 flags 02 forwarded 0",
        ),
    ]);
}
