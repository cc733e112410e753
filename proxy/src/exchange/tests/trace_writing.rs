//! What goes towards the server besides the head, and what an operation knows only for its spans.

use super::spans::{contexts_of, traced};
use super::transcript::{Player, check_with, same};
use crate::exchange::event::Event;
use crate::exchange::trace::{Peer, Propagate, Trust};
use crate::exchange::{AnswerShape, HttpMethod, RequestHead, Settings};
use crate::protocol::message::{Captured, Message, MessageKind, RequestId};
use crate::protocol::method::Method;
use crate::protocol::sampling::Threshold;

/// Plays transcripts: (title, script, events).
fn check(propagate: Propagate, cases: &[(&str, &str, &str)]) {
    for (title, script, expected) in cases {
        check_with(traced(propagate, Trust::Continue), title, script, expected);
    }
}

#[test]
fn nothing_is_written_if_nothing_is_to_be() {
    let call = |head: &str, message: &str| {
        format!(
            "0 A POST /mcp {head}
             0 A forward
             0 A > {message}
             1 A < 200 json
             1 A < result 1
             1 A end complete"
        )
    };
    check(
        Propagate::Off,
        &[
            (
                "the head alone has no span",
                &call("traceparent=70.50.01", "call 1 a"),
                "A sends nothing
             tools/call a success 0..1 | 70: 50 remote sampled > 1 > 2 flags 01 forwarded 0",
            ),
            (
                "but a batch has",
                &call("traceparent=70.50.01", "batch call 1 a"),
                "A sends nothing
             tools/call a success 0..1 | 70: 1 sampled > 2 > 3 flags 01 forwarded 0
             http POST 200 | 70: 50 remote sampled > 1 flags 01 forwarded 0",
            ),
        ],
    );
}

#[test]
fn only_the_first_forward_says_something() {
    check(
        Propagate::Header,
        &[(
            "twice",
            "0 A POST /mcp
             0 A > call 1 a
             0 A forward
             0 A forward
             1 A < 200 json
             1 A < result 1
             1 A end complete",
            "A sends 1.3.02
             A sends nothing
             tools/call a success 0..1 | 1: 2 > 3 flags 02 forwarded 0",
        )],
    );
}

#[test]
fn every_message_carries_the_context_of_its_own_span_to_the_server() {
    check(
        Propagate::Full,
        &[
            (
                "inserted",
                "0 A POST /mcp
                 0 A > call 1 a
                 0 A forward
                 1 A end client",
                "A sends 1.3.02, 56-0 _meta:{traceparent:1.3.02},
                 tools/call a abandoned 0..1 | 1: 2 > 3 flags 02 forwarded 0",
            ),
            (
                "in the place of the client's",
                "0 A POST /mcp traceparent=70.50.01
                 0 A > notify notifications/progress @80.60.01,z=3
                 0 A forward
                 1 A < 202 other
                 1 A end complete",
                "A sends 80.2.01 state z=3, 84-57 80.2.01
                 notification notifications/progress success 0..1 \
                     | 80: 60 remote sampled > 1 > 2 flags 01 state z=3 \
                         link 70.50.01 HttpRequest forwarded 0",
            ),
            (
                "batch: each its own, answers none",
                "0 A POST /mcp
                 0 A > request 1 ping ; result 7 ; request 2 ping
                 0 A forward
                 1 A end client",
                "unmatched
                 A sends 1.2.02, 51-0 _meta:{traceparent:1.4.02}, 141-0 _meta:{traceparent:1.6.02}
                 ping abandoned 0..1 | 1: 3 > 4 flags 02 link 1.2.02 UnsampledParent forwarded 0
                 ping abandoned 0..1 | 1: 5 > 6 flags 02 link 1.2.02 UnsampledParent forwarded 0
                 http POST - | 1: 2 flags 02 forwarded 0",
            ),
            (
                "one that cannot: the head has it all the same",
                r#"0 A POST /mcp
                   0 A > {"jsonrpc":"2.0","id":1,"method":"ping","params":[]}
                   0 A forward
                   1 A end client"#,
                "not written: no_object
                 A sends 1.3.02
                 ping abandoned 0..1 | 1: 2 > 3 flags 02 forwarded 0",
            ),
            (
                "no MCP",
                r#"0 A POST /login
                   0 A > {"user":1}
                   0 A forward
                   1 A < 200 json
                   1 A end complete"#,
                "A sends 1.2.02
                 http POST 200 /login | 1: 2 flags 02 forwarded 0",
            ),
        ],
    );
}

#[test]
fn messages_that_cannot_carry_a_context_are_counted() {
    check(
        Propagate::Full,
        &[
            (
                "sealed: each message counts",
                "0 A POST /mcp sealed=signed
                 0 A > call 1 a ; notify notifications/progress ; result 7
                 0 A forward
                 1 A < 200 json
                 1 A < result 1
                 1 A end complete",
                "not written: signed
                 not written: signed
                 unmatched
                 A sends 1.2.02
                 notification notifications/progress success 0..1 | 1: 5 > 6 flags 02 \
                     link 1.2.02 UnsampledParent forwarded 0
                 tools/call a success 0..1 | 1: 3 > 4 flags 02 link 1.2.02 UnsampledParent forwarded 0
                 http POST 200 | 1: 2 flags 02 forwarded 0",
            ),
            (
                "not complete in time",
                "0 A POST /mcp
                 0 A forward
                 0 A > call 1 a
                 1 A < 200 json
                 1 A < result 1
                 1 A end complete",
                "A sends 1.2.02
                 not written: too_large
                 tools/call a success 0..1 | 1: 3 > 4 flags 02 link 1.2.02 UnsampledParent forwarded 0
                 http POST 200 | 1: 2 flags 02 forwarded 0",
            ),
        ],
    );
}

#[test]
fn body_that_is_not_read_counts_as_one_message_that_cannot() {
    check(
        Propagate::Full,
        &[
            (
                "not read",
                "0 A POST /mcp sealed=encoded
                 0 A >! encoding
                 0 A forward
                 1 A < 202 other
                 1 A end complete",
                "not inspected: encoding
                 not written: encoded
                 A sends 1.2.02
                 http POST 202 | 1: 2 flags 02 forwarded 0",
            ),
            (
                "too large to be read",
                "0 A POST /mcp
                 0 A forward
                 0 A > too_large
                 1 A < 202 other
                 1 A end complete",
                "A sends 1.2.02
                 not inspected: too_large
                 not written: too_large
                 http POST 202 | 1: 2 flags 02 forwarded 0",
            ),
            (
                "no message",
                "0 A POST /mcp
                 0 A > garbage
                 0 A forward
                 1 A < 202 other
                 1 A end complete",
                "not inspected: malformed
                 A sends 1.2.02
                 http POST 202 | 1: 2 flags 02 forwarded 0",
            ),
        ],
    );
}

#[test]
fn log_lines_name_the_only_operation_or_the_http_span() {
    check(
        Propagate::Header,
        &[
            (
                "one call",
                "0 A POST /mcp traceparent=70.50.01
                 0 A > call 1 a
                 0 A ids
                 1 A end client
                 1 A ids",
                "A is 70.1
                 tools/call a abandoned 0..1 | 70: 50 remote sampled > 1 > 2 flags 01
                 A is 70.1",
            ),
            (
                "asked before the message came: the trace stays, the span is not exported",
                "0 A POST /mcp
                 0 A ids
                 0 A > call 1 a
                 0 A ids
                 0 A forward
                 1 A end client",
                "A is 1.2
                 A is 1.3
                 A sends 1.4.02
                 tools/call a abandoned 0..1 | 1: 3 > 4 flags 02 forwarded 0",
            ),
            (
                "batch",
                "0 A POST /mcp
                 0 A > call 1 a ; call 2 b
                 0 A ids
                 0 A forward
                 1 A end client",
                "A is 1.2
                 A sends 1.2.02
                 tools/call a abandoned 0..1 | 1: 3 > 4 flags 02 link 1.2.02 UnsampledParent forwarded 0
                 tools/call b abandoned 0..1 | 1: 5 > 6 flags 02 link 1.2.02 UnsampledParent forwarded 0
                 http POST - | 1: 2 flags 02 forwarded 0",
            ),
            (
                "plain HTTP",
                "0 A GET /health
                 0 A ids
                 0 A forward
                 1 A < 200 other
                 1 A end complete
                 1 A ids",
                "A is 1.2
                 A sends 1.2.02
                 http GET 200 /health | 1: 2 flags 02 forwarded 0
                 A is 1.2",
            ),
        ],
    );
}

#[test]
fn elements_beyond_the_bound_carry_the_http_span() {
    let settings = Settings { operations_per_exchange: 1, ..traced(Propagate::Full, Trust::Continue) };
    let script = "0 A POST /mcp traceparent=70.50.01
                  0 A > call 1 a ; call 2 b ; notify notifications/progress
                  0 A forward
                  1 A < 200 json
                  1 A < result 1
                  1 A end complete";
    check_with(
        settings,
        "bound of one",
        script,
        "not inspected: table_full
     not inspected: table_full
     A sends 70.1.01, 57-0 _meta:{traceparent:70.3.01},, 126-0 _meta:{traceparent:70.1.01},, \
         200-0 _meta:{traceparent:70.1.01}
     tools/call a success 0..1 | 70: 1 sampled > 2 > 3 flags 01 forwarded 0
     http POST 200 | 70: 50 remote sampled > 1 flags 01 forwarded 0",
    );
}

/// Checks what the server is told: (title, threshold, whether parents are followed, contexts of the head, what).
fn check_told(cases: &[(&str, Threshold, bool, &str, &str)]) {
    for (title, threshold, follow_parent, head, expected) in cases {
        let mut settings = traced(Propagate::Header, Trust::Continue);
        if let Some(trace) = &mut settings.trace {
            (trace.threshold, trace.follow_parent) = (*threshold, *follow_parent);
        }
        let mut player = Player::new(settings);
        let told = player.play(&format!("0 A POST /mcp {head}\n0 A > call 1 a\n0 A forward"));
        same(&told, &format!("A sends {expected}"), title);
        player.run("1 A end client");
        player.finish();
    }
}

#[test]
fn sampled_by_the_parent_is_told_as_it_came() {
    let list = "traceparent=70.50.03 tracestate=x=1,ot=th:c;rv:00000000000001";
    let (never, always) = (Threshold::NEVER, Threshold::ALWAYS);
    check_told(&[
        ("without a list", never, true, "traceparent=70.50.01", "70.2.01"),
        ("with a list", always, true, list, "70.2.03 state x=1,ot=th:c;rv:00000000000001"),
        ("not followed", never, false, list, "70.2.02 state ot=rv:00000000000001,x=1"),
    ]);
}

#[test]
fn sampled_by_the_threshold_is_told_with_it() {
    let (never, half, always) = (Threshold::NEVER, Threshold::of(0.5), Threshold::ALWAYS);
    let kept = "traceparent=70.50.00 tracestate=x=1,ot=rv:80000000000000;a:b";
    let dropped = "traceparent=70.50.00 tracestate=ot=rv:7fffffffffffff";
    check_told(&[
        ("own trace, never", never, true, "", "1.3.02"),
        ("own trace, always", always, true, "", "1.3.03 state ot=th:0"),
        ("by the trace id", half, true, "traceparent=70.50.02", "70.2.02"),
        (
            "a threshold that is not ours",
            half,
            true,
            "traceparent=70.50.00 tracestate=x=1,ot=th:c",
            "70.2.00 state x=1",
        ),
        ("always", always, true, "traceparent=70.50.00 tracestate=x=1", "70.2.01 state ot=th:0,x=1"),
        ("by rv, kept", half, true, kept, "70.2.01 state ot=th:8;rv:80000000000000;a:b,x=1"),
        ("by rv, not kept", half, true, dropped, "70.2.00 state ot=rv:7fffffffffffff"),
    ]);
}

#[test]
fn below_an_http_span_that_is_sampled_everything_is() {
    let mut settings = traced(Propagate::Header, Trust::Continue);
    if let Some(trace) = &mut settings.trace {
        trace.threshold = Threshold::ALWAYS;
    }
    let script = "0 A POST /mcp
                  0 A > batch call 1 a
                  0 A forward
                  1 A end client";
    let expected = "A sends 1.2.03 state ot=th:0
                    tools/call a abandoned 0..1 | 1: 2 sampled > 3 > 4 flags 03 state ot=th:0 forwarded 0
                    http POST - | 1: 2 flags 03 forwarded 0";
    check_with(settings, "batch", script, expected);
}

#[test]
fn operation_knows_what_only_its_spans_need() {
    let mut settings = traced(Propagate::Header, Trust::Continue);
    let operations = |settings: Settings, method: Method| {
        let mut player = Player::new(settings);
        let peer = Peer { address: "192.0.2.1".into(), port: Some(1234) };
        let connection = player.exchange.connection_from(peer);
        let at = player.start;
        let handle = contexts_of(&[], |context| {
            let head = RequestHead {
                method: HttpMethod::Post,
                target: "/mcp",
                session: None,
                protocol_version: None,
                mcp_method: None,
                mcp_name: None,
                last_event_id: None,
                caller: None,
                context,
            };
            player.exchange.open(&connection, &head, at)
        });
        player.balance.opened = 1;
        let mut request = Message {
            kind: MessageKind::Request,
            id: Some(RequestId::Number(1)),
            method: Some(method),
            captured: Some(Box::new(Captured { arguments: Some(Box::from(*b"{}")), ..Captured::default() })),
            ..Message::default()
        };
        request.params.name = Some("a".into());
        request.params.uri = Some("file:///a".into());
        handle.request_message(request, at);
        handle.response_head(200, AnswerShape::Json, None, at);
        let captured = Some(Box::new(Captured { result: Some(Box::from(*b"[]")), ..Captured::default() }));
        let id = Some(RequestId::Number(1));
        handle
            .response_message(Message { kind: MessageKind::Result, id, captured, ..Message::default() }, at);
        drop((handle, connection));
        let trace = player.events().into_iter().find_map(|event| match event {
            Event::OperationEnded(operation) => Some(operation.trace),
            _ => None,
        });
        player.finish();
        trace.expect("an operation")
    };
    let of_tool = operations(settings.clone(), Method::ToolsCall).expect("a trace");
    let (arguments, result) = (Some(Box::from(*b"{}")), Some(Box::from(*b"[]")));
    let both = Captured { arguments, result, ..Captured::default() };
    assert_eq!((of_tool.captured, of_tool.uri.as_deref()), (both, None));
    assert_eq!(of_tool.peer.map(|peer| peer.port), Some(Some(1234)));
    assert_eq!(of_tool.http_version, "1.1");
    let little = Settings { payload: 3, ..settings.clone() };
    let without_room = operations(little, Method::ToolsCall).expect("a trace").captured;
    assert_eq!((without_room.arguments.is_some(), without_room.result), (true, None));
    let of_others = Settings { payload_of: Some(["b".to_owned()].into()), ..settings.clone() };
    let unwanted = operations(of_others, Method::ToolsCall).expect("a trace").captured;
    assert_eq!(unwanted, Captured::default());
    let of_resource = operations(settings.clone(), Method::ResourcesRead).expect("a trace");
    assert_eq!((of_resource.captured, of_resource.uri.as_deref()), (Captured::default(), Some("file:///a")));
    settings.trace = None;
    assert!(operations(settings, Method::ToolsCall).is_none());
}

#[test]
fn without_traces_contexts_pass_unread() {
    check_with(
        Settings::default(),
        "nothing is counted, made or told",
        "0 A POST /mcp traceparent=bad traceparent=bad
         0 A > batch call 1 a @bad
         0 A ids
         0 A forward
         1 A < 200 sse
         1 A < result 1
         1 A end complete
         2 B GET /health
         2 B ids
         2 B end client",
        "A is -
         A sends nothing
         tools/call a success 0..1
         stream of 1 quiet 0
         B is -",
    );
}
