//! Messages as they pass on the wire, and what the scanner makes of them: one case per decision.

use mcp_tap::protocol::fingerprint::fingerprint;
use mcp_tap::protocol::message::{
    Answer, Content, Document, Finding, Message, MessageKind, RequestId, ResultType, TaskStatus, limits,
};
use mcp_tap::protocol::method::Method;
use mcp_tap::protocol::scan::{Captures, Scanner};
use mcp_tap::protocol::version::Version;

/// The messages of a document, the same whole and byte by byte.
fn scan(text: impl AsRef<[u8]>) -> (Vec<Message>, Document) {
    let text = text.as_ref();
    let run = |size: usize| {
        let mut scanner = Scanner::new(u64::MAX);
        let mut messages = Vec::new();
        for chunk in text.chunks(size) {
            scanner.feed(chunk, &mut |message| messages.push(message));
        }
        let document = scanner.finish();
        (messages, document)
    };
    let whole = run(text.len().max(1));
    assert_eq!(whole, run(1), "{}", text.escape_ascii());
    whole
}

/// The only message of a document.
fn one(text: impl AsRef<[u8]>) -> Message {
    let (mut messages, document) = scan(text);
    assert_eq!((messages.len(), document), (1, Document::Single));
    messages.remove(0)
}

fn result(members: &str) -> Answer {
    one(format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{{members}}}}}"#)).answer
}

#[test]
fn members_decide_what_a_message_is() {
    use MessageKind::{Error, Foreign, Notification, Request, Result};
    let cases = [
        (r#""method":"ping","id":1"#, Request),
        (r#""method":"ping","id":null"#, Request),
        (r#""id":1,"params":{},"method":"ping""#, Request),
        (r#""method":"notifications/initialized""#, Notification),
        (r#""method":"ping","id":1,"result":{},"error":{}"#, Request),
        (r#""id":1,"result":{}"#, Result),
        (r#""id":1,"result":null"#, Result),
        (r#""id":1,"error":{"code":1}"#, Error),
        (r#""id":1,"error":{"code":1},"result":{}"#, Error),
        (r#""error":"as some gateways write it""#, Error),
        // As some servers write both members.
        (r#""id":1,"result":{},"error":null"#, Result),
        (r#""id":1,"error":null,"result":{}"#, Result),
        (r#""id":1,"error":null"#, Foreign),
        (r#""id":1"#, Foreign),
        (r#""method":7,"id":1"#, Foreign),
        ("", Foreign),
    ];
    for (members, kind) in cases {
        assert_eq!(one(format!("{{{members}}}")).kind, kind, "{members}");
    }
}

#[test]
fn ids_keep_their_type() {
    let long = "x".repeat(limits::ID + 1);
    let cases = [
        ("1".to_owned(), RequestId::Number(1)),
        ("1.0".to_owned(), RequestId::Number(1)),
        ("1e0".to_owned(), RequestId::Number(1)),
        ("9007199254740993".to_owned(), RequestId::Number(9_007_199_254_740_993)),
        ("1e400".to_owned(), RequestId::Hash(fingerprint(b"1e400"))),
        ("1.5".to_owned(), RequestId::Hash(fingerprint(b"1.5"))),
        (r#""1""#.to_owned(), RequestId::Text("1".into())),
        (r#""\u0031""#.to_owned(), RequestId::Text("1".into())),
        (r#""""#.to_owned(), RequestId::Text("".into())),
        (format!(r#""{}""#, &long[1..]), RequestId::Text(long[1..].into())),
        (format!(r#""{long}""#), RequestId::Hash(fingerprint(long.as_bytes()))),
        ("null".to_owned(), RequestId::Null),
        ("true".to_owned(), RequestId::Invalid),
        ("[1]".to_owned(), RequestId::Invalid),
        ("{}".to_owned(), RequestId::Invalid),
    ];
    for (text, id) in cases {
        assert_eq!(one(format!(r#"{{"id":{text}}}"#)).id, Some(id.clone()), "{text}");
        let params = one(format!(r#"{{"params":{{"requestId":{text}}}}}"#)).params;
        assert_eq!(params.cancelled, Some(id), "{text}");
    }
    assert_eq!(one("{}").id, None);
}

#[test]
fn tool_call_of_2026_07_28() {
    let text = r#"{"jsonrpc":"2.0","id":"a-1","method":"tools/call","params":{"name":"search","arguments":{"q":[1,{"x":"}"}]},
        "requestState":"s\/1","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",
        "io.modelcontextprotocol/clientInfo":{"name":"inspector","version":"1.2"},"traceparent":"00-a","tracestate":"k=v",
        "io.modelcontextprotocol/related-task":{"taskId":"t"},"io.modelcontextprotocol/subscriptionId":"7"}}}"#;
    let message = one(text);
    assert_eq!(message.size, text.len() as u64);
    assert_eq!(message.method, Some(Method::ToolsCall));
    let params = message.params;
    assert_eq!(params.name.as_deref(), Some("search"));
    assert_eq!(params.request_state, Some(fingerprint(b"s/1")));
    let arguments = params.arguments.expect("arguments");
    assert_eq!((arguments.size, arguments.depth), (19, 3));
    assert_eq!(arguments.hash, fingerprint(br#"{"q":[1,{"x":"}"}]}"#));
    assert_eq!(params.meta.protocol_version, Some(Version::V2026_07_28));
    let client = params.meta.client.expect("client");
    assert_eq!((client.name.as_str(), client.version.as_str()), ("inspector", "1.2"));
    assert_eq!(params.meta.traceparent.as_deref(), Some("00-a"));
    assert_eq!(params.meta.tracestate.as_deref(), Some("k=v"));
    assert_eq!(params.meta.related_task.as_deref(), Some("t"));
    assert_eq!(params.meta.subscription, Some(RequestId::Text("7".into())));
    assert!(message.findings.is_empty());
}

#[test]
fn arguments_of_any_form_have_size_and_depth() {
    for (text, depth) in [("{}", 1), ("[[]]", 2), (r#""a\"b""#, 0), ("-1.5e3", 0), ("17", 0), ("null", 0)] {
        let params = one(format!(r#"{{"params":{{"arguments" : {text} }}}}"#)).params;
        let arguments = params.arguments.expect("arguments");
        let expected = (text.len() as u64, depth, fingerprint(text.as_bytes()));
        assert_eq!((arguments.size, arguments.depth, arguments.hash), expected, "{text}");
    }
}

#[test]
fn initialize_tells_who_is_there() {
    let params =
        one(r#"{"params":{"protocolVersion":"2025-06-18","clientInfo":{"version":"2","name":"claude"}}}"#)
            .params;
    assert_eq!(params.protocol_version, Some(Version::V2025_06_18));
    assert_eq!(params.client.expect("client").name, "claude");

    let answer = result(r#""protocolVersion":"2031-01-01","serverInfo":{"name":"fs"}"#);
    assert_eq!(answer.protocol_version, Some(Version::Other));
    assert_eq!(answer.server.expect("server").name, "fs");

    let meta = r#""_meta":{"io.modelcontextprotocol/serverInfo":{"name":"meta"}}"#;
    assert_eq!(result(meta).server.expect("server").name, "meta");
    let both = result(&format!(r#"{meta},"serverInfo":{{"name":"own"}}"#));
    assert_eq!(both.server.expect("server").name, "own");
}

#[test]
fn content_is_measured_by_type() {
    let elements = [
        r#"{"type":"text","text":"a\nb"}"#,
        r#"{"data":"AAAA","type":"image"}"#,
        r#"{"type":"audio"}"#,
        r#"{"text":"not read","type":"resource_link"}"#,
        r#"{"resource":{"uri":"x","text":"read"},"type":"resource"}"#,
        r#"{"type":"hologram","text":"not read"}"#,
        "17",
    ];
    let answer = result(&format!(r#""content":[ {} ],"structuredContent":null"#, elements.join(" , ")));
    let size = |at: usize| elements[at].len() as u64;
    let expected = Content {
        items: 7,
        listed: true,
        malformed: true,
        hollow: false,
        text: size(0),
        image: size(1),
        audio: size(2),
        resource: size(3) + size(4),
        other: size(5) + size(6),
        structured: Some(4),
        // As spelled: the escape is two bytes.
        readable: 4 + 4,
    };
    assert_eq!(answer.content, expected);
    let odd = Content { malformed: true, ..Content::default() };
    assert_eq!(result(r#""content":{"type":"text"}"#).content, odd);
}

#[test]
fn elements_without_what_their_type_must_have_are_malformed() {
    let sound = [
        r#"{"type":"text","text":""}"#,
        r#"{"text":5,"type":"text","text":"a"}"#,
        r#"{"type":"image","data":"AAAA","mimeType":"image/png"}"#,
        r#"{"type":"audio","mimeType":"audio/wav","data":""}"#,
        r#"{"type":"resource","resource":{"uri":"a:b","text":""}}"#,
        r#"{"type":"resource_link","uri":"a:b","name":"b"}"#,
    ];
    let malformed = [
        r#"{"type":"text"}"#,
        r#"{"type":"text","text":null}"#,
        r#"{"type":"text","text":"a","text":5}"#,
        r#"{"type":"image","data":"AAAA"}"#,
        r#"{"type":"image","mimeType":"image/png","data":[]}"#,
        r#"{"type":"audio","data":"AAAA","mimeType":5}"#,
        r#"{"type":"resource","resource":"a:b"}"#,
        r#"{"type":"resource"}"#,
        r#"{"type":"resource_link","uri":"a:b"}"#,
        r#"{"type":"resource_link","name":"b","uri":{}}"#,
        r#"{"type":"hologram","text":"a"}"#,
        r#"{"text":"a"}"#,
        r#""a""#,
        "null",
    ];
    for (elements, expected) in [(&sound[..], false), (&malformed[..], true)] {
        for element in elements {
            for content in [format!("[{element}]"), format!(r#"[{}, {element},{}]"#, sound[0], sound[0])] {
                let facts = result(&format!(r#""content":{content}"#)).content;
                assert_eq!((facts.listed, facts.malformed), (true, expected), "{content}");
            }
        }
    }
    for (members, listed, malformed) in [
        (r#""content":[]"#, true, false),
        (r#""content":null"#, false, true),
        (r#""content":"a""#, false, true),
        (r#""a":1"#, false, false),
        (r#""content":5,"content":[]"#, true, false),
        (r#""content":[],"content":5"#, false, true),
    ] {
        let facts = result(members).content;
        assert_eq!((facts.listed, facts.malformed), (listed, malformed), "{members}");
    }
}

#[test]
fn structured_content_without_content_is_hollow() {
    for (value, hollow) in [
        ("{}", true),
        ("[]", true),
        (r#""""#, true),
        ("42", false),
        ("null", false),
        (r#"{"a":1}"#, false),
        (r#"{}, "structuredContent":{"a":1}"#, false),
    ] {
        let facts = result(&format!(r#""structuredContent":{value},"content":1,"content":[]"#)).content;
        assert_eq!((facts.hollow, facts.structured.is_some()), (hollow, true), "{value}");
    }
}

#[test]
fn structured_content_and_the_first_text_are_kept_on_demand() {
    let text = r#"{"id":1,"result":{"content":[{"text":17,"text":"a\"b"},{"text":"c"}],"structuredContent":{"a" : [1]}}}"#;
    let run = |structured, text_limit| {
        let mut scanner = Scanner::new(u64::MAX);
        scanner.capture(Captures { structured, text: text_limit, ..Captures::NONE });
        let mut kept = Vec::new();
        for chunk in text.as_bytes().chunks(3) {
            scanner.feed(chunk, &mut |message| {
                kept.push(message.captured.map(|kept| *kept).unwrap_or_default())
            });
        }
        let kept = kept.remove(0);
        [kept.structured, kept.text].map(|text| text.map(|text| String::from_utf8_lossy(&text).into_owned()))
    };
    let both = [Some(r#"{"a" : [1]}"#.to_owned()), Some(r#""a\"b""#.to_owned())];
    assert_eq!(run(11, 6), both);
    assert_eq!(run(10, 6), [None, both[1].clone()]);
    assert_eq!(run(11, 5), [both[0].clone(), None]);
    assert_eq!(run(0, 0), [None, None]);
}

#[test]
fn only_boolean_true_is_an_error() {
    for (value, is_error) in
        [("true", true), ("false", false), (r#""true""#, false), ("1", false), ("{}", false)]
    {
        assert_eq!(result(&format!(r#""isError":{value}"#)).is_error, is_error, "{value}");
    }
    let cases = [
        (r#""complete""#, Some(ResultType::Complete)),
        (r#""input_required""#, Some(ResultType::InputRequired)),
        (r#""task""#, Some(ResultType::Task)),
        (r#""partial""#, Some(ResultType::Other)),
        ("5", Some(ResultType::Other)),
        ("null", None),
    ];
    for (value, result_type) in cases {
        assert_eq!(result(&format!(r#""resultType":{value}"#)).result_type, result_type, "{value}");
    }
}

#[test]
fn error_codes_are_integers() {
    for (code, expected) in
        [("-32601", Some(-32601)), ("-32601.0", Some(-32601)), ("1.5", None), (r#""1""#, None)]
    {
        let message =
            one(format!(r#"{{"id":1,"error":{{"message":"no","code":{code},"data":{{"code":9}}}}}}"#));
        assert_eq!(message.answer.code, expected, "{code}");
    }
}

#[test]
fn tasks_of_both_kinds() {
    let legacy = result(r#""task":{"taskId":"t1","status":"working","ttl":60000,"pollInterval":5}"#)
        .task
        .expect("task");
    assert_eq!(
        (legacy.id.as_str(), legacy.status, legacy.ttl_ms),
        ("t1", Some(TaskStatus::Working), Some(60_000))
    );

    let finished = r#""resultType":"complete","taskId":"t2","status":"completed","ttlMs":5,"ttl":null,"result":{"isError":true}"#;
    let task = result(finished).task.expect("task");
    assert_eq!((task.id.as_str(), task.status, task.ttl_ms), ("t2", Some(TaskStatus::Completed), Some(5)));
    assert!(task.is_error);

    let failed = result(r#""error":{"code":-32603},"taskId":"t3","status":"failed""#).task.expect("task");
    assert_eq!((failed.status, failed.code), (Some(TaskStatus::Failed), Some(-32603)));

    assert_eq!(result(r#""status":"working""#).task, None);

    let notice = r#"{"method":"notifications/tasks","params":{"taskId":"t4","status":"completed","result":{"isError":true}}}"#;
    let params = one(notice).params;
    assert_eq!((params.task_id.as_deref(), params.task_status), (Some("t4"), Some(TaskStatus::Completed)));
    assert!(params.task_is_error);
    let notice = r#"{"method":"notifications/tasks","params":{"status":"failed","error":{"code":-1}}}"#;
    assert_eq!(one(notice).params.task_code, Some(-1));
    assert!(one(r#"{"params":{"task":{"ttl":1}}}"#).params.wants_task);
    assert!(!one(r#"{"params":{"task":true}}"#).params.wants_task);
}

#[test]
fn lists_have_pages() {
    for (cursor, expected) in [(r#""""#, true), (r#""c""#, true), ("null", false)] {
        assert_eq!(one(format!(r#"{{"params":{{"cursor":{cursor}}}}}"#)).params.cursor, expected, "{cursor}");
        assert_eq!(result(&format!(r#""nextCursor":{cursor}"#)).next_cursor, expected, "{cursor}");
    }
    let tools = r#"[ {"name":"a","inputSchema":{"x":"]"}} ]"#;
    assert_eq!(result(&format!(r#""tools":{tools}"#)).tools.as_deref(), Some(tools.as_bytes()));
    assert_eq!(result(r#""tools":{}"#).tools, None);
}

#[test]
fn last_of_equal_keys_counts() {
    let cases: &[(&str, &str)] = &[
        (r#""id":2,"id":1"#, r#""id":1"#),
        (r#""\u0069d":2,"id":1"#, r#""id":1"#),
        (r#""id":1,"method":"ping","method":5"#, r#""id":1"#),
        (
            r#""params":{"name":"a","_meta":{"traceparent":"x"}},"params":{"uri":"u"}"#,
            r#""params":{"uri":"u"}"#,
        ),
        (r#""result":{"isError":true,"content":[{"type":"text"}]},"result":{}"#, r#""result":{}"#),
        (r#""result":{"isError":true,"isError":"no"}"#, r#""result":{}"#),
        (
            r#""result":{"content":[1,2],"content":[{"type":"a","type":"text"}]}"#,
            r#""result":{"content":[{           "type":"text"}]}"#,
        ),
        (r#""error":{"code":1},"error":{}"#, r#""error":{}"#),
    ];
    for (twice, once) in cases {
        let twice = one(format!(r#"{{"jsonrpc":"2.0",{twice}}}"#));
        let once = one(format!(r#"{{"jsonrpc":"2.0",{once}}}"#));
        assert!(twice.findings.contains(Finding::DuplicateKey));
        let findings = once.findings;
        assert_eq!(Message { size: once.size, findings, ..twice.clone() }, once, "{twice:?}");
    }
    // A key that nobody reads may stand as often as it likes.
    assert!(one(r#"{"jsonrpc":"2.0","x":1,"x":2,"params":{"y":1,"y":2}}"#).findings.is_empty());
}

#[test]
fn long_texts_are_cut_and_said_to_be() {
    let name = "é".repeat(limits::NAME);
    let message = one(format!(r#"{{"jsonrpc":"2.0","params":{{"name":"{name}"}}}}"#));
    assert_eq!(message.params.name.map(|name| name.len()), Some(limits::NAME));
    assert!(message.findings.contains(Finding::TextCut));
    let message = one(format!(r#"{{"jsonrpc":"2.0","method":"{}"}}"#, "m".repeat(limits::NAME)));
    assert_eq!(message.method.map(|method| method.as_str().len()), Some(limits::NAME));
    assert!(message.findings.is_empty());
}

#[test]
fn bytes_that_are_no_utf_8_do_not_hide_the_rest() {
    let message =
        one(b"{\"params\":{\"name\":\"a\xff\",\"arguments\":\"\xff\"},\"method\":\"tools/call\",\"id\":1}");
    assert_eq!(message.params.name.as_deref(), Some("a\u{fffd}"));
    assert_eq!(message.kind, MessageKind::Request);
}

#[test]
fn deep_messages_are_read_to_their_end() {
    let nested = |levels: usize| {
        let (open, close) = ("[".repeat(levels), "]".repeat(levels));
        one(format!(
            r#"{{"params":{{"arguments":{open}{close},"name":"n"}},"x":[{{}}],"method":"tools/call","id":1}}"#
        ))
    };
    for (levels, is_deep) in [(1022, false), (1023, true), (100_000, true)] {
        let message = nested(levels);
        assert_eq!(message.findings.contains(Finding::Deep), is_deep, "{levels}");
        assert_eq!(message.params.arguments.map(|arguments| arguments.depth as usize), Some(levels));
        assert_eq!(message.params.name.as_deref(), Some("n"));
        assert_eq!(message.kind, MessageKind::Request);
    }
    for (levels, is_deep) in [(1023, false), (1024, true)] {
        let message = one(format!(r#"{{"x":{}{}}}"#, "[".repeat(levels), "]".repeat(levels)));
        assert_eq!(message.findings.contains(Finding::Deep), is_deep, "{levels}");
    }
}

#[test]
fn batch_elements_are_messages_of_their_own() {
    let (messages, document) =
        scan(r#" [ {"jsonrpc":"2.0","id":1,"method":"ping"} , {"id":2,"result":{}},17,[[]],"x" ] "#);
    assert_eq!(document, Document::Batch(5));
    let kinds: Vec<_> = messages.iter().map(|message| (message.kind, message.size)).collect();
    let foreign = |size| (MessageKind::Foreign, size);
    assert_eq!(
        kinds,
        [(MessageKind::Request, 40), (MessageKind::Result, 20), foreign(2), foreign(4), foreign(3)]
    );
    // What one element had says nothing about the next.
    assert!(messages[0].findings.is_empty());
    assert!(messages[1].findings.contains(Finding::NotVersion2));
    assert_eq!(scan("[]"), (vec![], Document::Batch(0)));
}

#[test]
fn documents_by_what_they_are() {
    use Document::{Empty, Malformed, Scalar, Single, Truncated};
    let cases = [
        ("", Empty),
        (" \r\n\t", Empty),
        ("\u{feff}", Empty),
        ("\u{feff} {}", Single),
        ("{}", Single),
        (" {} \n", Single),
        ("17", Scalar),
        ("null", Scalar),
        ("1e5 ", Scalar),
        (r#""{}""#, Scalar),
        ("{", Truncated),
        (r#"{"id""#, Truncated),
        (r#"{"id":1"#, Truncated),
        (r#"{"id":1,"#, Truncated),
        (r#"{"a":"\"#, Truncated),
        (r#"{"a":[{}"#, Truncated),
        ("[{}", Truncated),
        ("tru", Truncated),
        ("1e", Truncated),
        ("<html>", Malformed),
        ("OK", Malformed),
        ("\u{feff}\u{feff}{}", Malformed),
        (" \u{feff}{}", Malformed),
        ("{,}", Malformed),
        ("{\"a\"}", Malformed),
        ("{\"a\":}", Malformed),
        ("{\"a\":1,}", Malformed),
        ("{\"a\" 1}", Malformed),
        ("{a:1}", Malformed),
        ("{'a':1}", Malformed),
        ("{]", Malformed),
        ("[}", Malformed),
        ("[1,]", Malformed),
        ("[1 2]", Malformed),
        ("{\"id\":01}", Malformed),
        ("{\"id\":tru}", Malformed),
        ("{\"method\":\"\\x\"}", Malformed),
    ];
    for (text, document) in cases {
        assert_eq!(scan(text).1, document, "{text}");
    }
    for text in ["{}{}", "{} x", "{}]", "{},"] {
        let (messages, document) = scan(text);
        assert_eq!((messages.len(), document), (1, Malformed), "{text}");
    }
    // Both messages before the damage count.
    assert_eq!(scan("[{},{},x").0.len(), 2);
}

#[test]
fn what_is_over_the_limit_is_not_read() {
    let text = r#"[{"id":1},{"id":2}]"#;
    for limit in 0..=text.len() {
        for size in [1, 3, text.len()] {
            let mut scanner = Scanner::new(limit as u64);
            let mut count = 0;
            for chunk in text.as_bytes().chunks(size) {
                scanner.feed(chunk, &mut |_| count += 1);
            }
            let document = if limit < text.len() { Document::TooLarge } else { Document::Batch(2) };
            assert_eq!(scanner.finish(), document, "{limit}");
            assert_eq!(count, usize::from(limit >= 9) + usize::from(limit >= 18), "{limit}");
            // The next document is read afresh.
            scanner.feed(b" ", &mut |_| {});
            assert_eq!(scanner.finish(), if limit == 0 { Document::TooLarge } else { Document::Empty });
        }
    }
}

#[test]
fn tools_are_kept_up_to_the_limit_and_only_if_allowed() {
    let document = |size: usize| {
        let tools = format!("[\"{}\"]", "x".repeat(size - 4));
        format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"tools":{tools},"nextCursor":"c"}}}}"#)
    };
    let run = |size: usize, keep: bool, late: bool| {
        let mut scanner = Scanner::new(u64::MAX);
        scanner.keep_captures(keep);
        let mut messages = Vec::new();
        for chunk in document(size).as_bytes().chunks(10_000) {
            scanner.feed(chunk, &mut |message| messages.push(message));
            assert!(scanner.held() <= limits::TOOLS);
            if late {
                scanner.keep_captures(false);
                assert_eq!(scanner.held(), 0);
            }
        }
        assert_eq!(scanner.finish(), Document::Single);
        let message = messages.remove(0);
        assert!(message.answer.next_cursor);
        (message.answer.tools.map(|tools| tools.len()), message.findings.contains(Finding::ToolsTooLarge))
    };
    assert_eq!(run(limits::TOOLS, true, false), (Some(limits::TOOLS), false));
    assert_eq!(run(limits::TOOLS + 1, true, false), (None, true));
    assert_eq!(run(100, false, false), (None, true));
    assert_eq!(run(20_000, true, true), (None, true));
}

#[test]
fn payload_is_kept_up_to_the_limit_and_only_on_demand() {
    let text = r#"[{"method":"m","params":{"arguments" : {"a":[1,"}"]} }},{"result": {"content":[{"text":"x"}],"a":1} ,"id":1},{"result":17}]"#;
    let (arguments, result) = (r#"{"a":[1,"}"]}"#, r#"{"content":[{"text":"x"}],"a":1}"#);
    let run = |captures: Captures, size: usize, late: bool| {
        let mut scanner = Scanner::new(u64::MAX);
        scanner.capture(captures);
        let mut captured = Vec::new();
        for chunk in text.as_bytes().chunks(size) {
            scanner.feed(chunk, &mut |message| {
                assert_eq!(message.params.arguments.is_some(), message.method.is_some());
                let kept = message.captured.map(|kept| *kept).unwrap_or_default();
                let captured_now = [kept.arguments, kept.result];
                captured.extend(
                    captured_now.map(|text| text.map(|text| String::from_utf8_lossy(&text).into_owned())),
                );
            });
            // Beside the captures only the text of a key that was cut.
            assert!(scanner.held() <= captures.arguments + captures.result + 64);
            if late {
                scanner.keep_captures(false);
                assert!(scanner.held() <= 64);
            }
        }
        assert_eq!(scanner.finish(), Document::Batch(3));
        captured
    };
    let all = [Some(arguments), None, None, Some(result), None, Some("17")];
    let nothing = [None; 6];
    let cases = [
        (Captures::default(), false, nothing),
        (Captures { arguments: arguments.len(), result: result.len(), ..Captures::NONE }, false, all),
        (
            Captures { arguments: arguments.len(), result: 0, ..Captures::NONE },
            false,
            [all[0], None, None, None, None, None],
        ),
        (
            Captures { arguments: 0, result: result.len(), ..Captures::NONE },
            false,
            [None, None, None, all[3], None, all[5]],
        ),
        (
            Captures { arguments: arguments.len() - 1, result: 2, ..Captures::NONE },
            false,
            [None, None, None, None, None, all[5]],
        ),
        (Captures { arguments: 1, result: 1, ..Captures::NONE }, false, nothing),
        (Captures { arguments: 100, result: 100, ..Captures::NONE }, true, nothing),
    ];
    for (captures, late, expected) in cases {
        for size in [1, 7, 30] {
            let captured = run(captures, size, late);
            let captured: Vec<_> = captured.iter().map(Option::as_deref).collect();
            assert_eq!(captured, expected, "{captures:?} by {size}");
        }
    }
}

#[test]
fn unfinished_message_leaves_nothing_to_the_next() {
    let mut scanner = Scanner::new(u64::MAX);
    scanner.capture(Captures { arguments: 100, result: 100, ..Captures::NONE });
    let mut messages = Vec::new();
    for text in
        [r#"{"id":5,"result":{"isError":true,"tools":[1"#, r#"{"id":5,"params":{"name":"a\u"#, r#"{"id":5,x"#]
    {
        scanner.feed(text.as_bytes(), &mut |message| messages.push(message));
        assert_ne!(scanner.finish(), Document::Single);
        assert_eq!(scanner.held(), 0);
    }
    scanner.feed(br#"{"jsonrpc":"2.0","id":1}"#, &mut |message| messages.push(message));
    assert_eq!(scanner.finish(), Document::Single);
    assert_eq!(messages, [one(r#"{"jsonrpc":"2.0","id":1}"#)]);
}
