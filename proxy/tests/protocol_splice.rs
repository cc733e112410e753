//! Writing trace context into messages: where it belongs, and that nothing else changes.

mod json_documents;

use bytes::Bytes;
use mcp_tap::protocol::message::{Message, MessageKind, limits};
use mcp_tap::protocol::scan::Scanner;
use mcp_tap::protocol::splice::{self, Edit, Place, Places, Span, Unwritable};
use mcp_tap::protocol::traceparent::{TraceParent, TraceState};
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Map, Value};

const PARENT: TraceParent = TraceParent { trace_id: [0xab; 16], span_id: [0xcd; 8], flags: 3 };
const WRITTEN: &str = "00-abababababababababababababababab-cdcdcdcdcdcdcdcd-03";

fn scan(text: impl AsRef<str>) -> Vec<Message> {
    let text = text.as_ref();
    let run = |size: usize| {
        let mut scanner = Scanner::new(u64::MAX);
        scanner.places(true);
        let mut messages = Vec::new();
        text.as_bytes()
            .chunks(size)
            .for_each(|chunk| scanner.feed(chunk, &mut |message| messages.push(message)));
        messages
    };
    let whole = run(text.len().max(1));
    assert_eq!(whole, run(1), "{text}");
    whole
}

/// The only message of a document.
fn one(text: impl AsRef<str>) -> Message {
    let text = text.as_ref();
    let mut messages = scan(text);
    assert_eq!(messages.len(), 1, "{text}");
    messages.remove(0)
}

fn list(text: &str) -> TraceState {
    TraceState::parse([text.as_bytes()]).expect("a valid list")
}

/// The pieces of `text` between these cuts.
fn pieces(text: &[u8], cuts: &[usize]) -> Vec<Bytes> {
    let mut cuts: Vec<usize> = cuts.iter().copied().chain([0, text.len()]).collect();
    cuts.sort_unstable();
    cuts.windows(2).map(|pair| Bytes::copy_from_slice(&text[pair[0]..pair[1]])).collect()
}

/// What the edits make of a text that lies in one piece, done in the plainest way.
fn spliced(text: &[u8], edits: &[Edit]) -> Vec<u8> {
    let mut bytes = text.to_vec();
    for edit in edits.iter().rev() {
        bytes.splice(edit.at as usize..(edit.at + edit.remove) as usize, edit.insert.iter().copied());
    }
    bytes
}

/// Makes the edits in these chunks; checks what must hold for all of them, and gives the text.
fn applied(edits: &[Edit], chunks: &[Bytes]) -> Vec<u8> {
    let mut after = chunks.to_vec();
    splice::apply(edits, &mut after);
    assert_eq!(after.len(), chunks.len());
    let mut start = 0;
    for (before, after) in chunks.iter().zip(&after) {
        let end = start + before.len() as u64;
        if edits.iter().all(|edit| edit.at + edit.remove < start || edit.at > end) {
            assert_eq!((after.as_ptr(), after.len()), (before.as_ptr(), before.len()));
        }
        start = end;
    }
    let length: usize = after.iter().map(Bytes::len).sum();
    assert_eq!(length as i64, start as i64 + splice::growth(edits));
    after.concat()
}

/// Writes [`PARENT`] into each message without a list, with an empty one, and with `a="\`: (message, without, with).
fn check(cases: &[(String, String, String)]) {
    let state = list(r#"a="\"#);
    for (text, without, with) in cases {
        for (state, expected) in
            [(None, &without), (Some(TraceState::default()), &without), (Some(state.clone()), &with)]
        {
            let mut edits = Vec::new();
            splice::write(&one(text), &PARENT, state.as_ref(), &mut edits).expect("a place for it");
            for cut in 0..=text.len() {
                let written = applied(&edits, &pieces(text.as_bytes(), &[cut]));
                assert_eq!(
                    written.escape_ascii().to_string(),
                    expected.as_bytes().escape_ascii().to_string(),
                    "{text}"
                );
            }
        }
    }
}

#[test]
fn context_that_is_missing_goes_to_the_front() {
    let parent = format!(r#""traceparent":"{WRITTEN}""#);
    let full = format!(r#"{parent},"tracestate":"a=\"\\""#);
    let cases = [
        (
            r#"{"method":"m"}"#.to_owned(),
            format!(r#"{{"params":{{"_meta":{{{parent}}}}},"method":"m"}}"#),
            format!(r#"{{"params":{{"_meta":{{{full}}}}},"method":"m"}}"#),
        ),
        (
            r#" { "method":"m","params":{ } }"#.to_owned(),
            format!(r#" {{ "method":"m","params":{{"_meta":{{{parent}}} }} }}"#),
            format!(r#" {{ "method":"m","params":{{"_meta":{{{full}}} }} }}"#),
        ),
        (
            r#"{"method":"m","params":{"name":"x"}}"#.to_owned(),
            format!(r#"{{"method":"m","params":{{"_meta":{{{parent}}},"name":"x"}}}}"#),
            format!(r#"{{"method":"m","params":{{"_meta":{{{full}}},"name":"x"}}}}"#),
        ),
        (
            r#"{"params":{"_meta":{}},"method":"m"}"#.to_owned(),
            format!(r#"{{"params":{{"_meta":{{{parent}}}}},"method":"m"}}"#),
            format!(r#"{{"params":{{"_meta":{{{full}}}}},"method":"m"}}"#),
        ),
        (
            r#"{"params":{"_meta":{ "a":1}},"method":"m"}"#.to_owned(),
            format!(r#"{{"params":{{"_meta":{{{parent}, "a":1}}}},"method":"m"}}"#),
            format!(r#"{{"params":{{"_meta":{{{full}, "a":1}}}},"method":"m"}}"#),
        ),
    ];
    check(&cases);
}

#[test]
fn context_that_is_there_gives_way_in_its_place() {
    let old = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let parent = format!(r#""traceparent":"{WRITTEN}""#);
    let cases = [
        // The list that came with it is not ours.
        (
            format!(r#"{{"method":"m","params":{{"_meta":{{"traceparent" : "{old}" }}}}}}"#),
            format!(r#"{{"method":"m","params":{{"_meta":{{"traceparent" : "{WRITTEN}" }}}}}}"#),
            format!(
                r#"{{"method":"m","params":{{"_meta":{{"tracestate":"a=\"\\","traceparent" : "{WRITTEN}" }}}}}}"#
            ),
        ),
        (
            r#"{"method":"m","params":{"_meta":{"trac\u0065state":null,"traceparent":[{}]}}}"#.to_owned(),
            format!(
                r#"{{"method":"m","params":{{"_meta":{{"trac\u0065state":"","traceparent":"{WRITTEN}"}}}}}}"#
            ),
            format!(
                r#"{{"method":"m","params":{{"_meta":{{"trac\u0065state":"a=\"\\","traceparent":"{WRITTEN}"}}}}}}"#
            ),
        ),
        (
            r#"{"method":"m","params":{"_meta":{"tracestate":"b=2"}}}"#.to_owned(),
            format!(r#"{{"method":"m","params":{{"_meta":{{{parent},"tracestate":""}}}}}}"#),
            format!(r#"{{"method":"m","params":{{"_meta":{{{parent},"tracestate":"a=\"\\"}}}}}}"#),
        ),
        // A list that stays as it is keeps its spelling; an empty one is none.
        (
            r#"{"method":"m","params":{"_meta":{"traceparent":"","tracestate":"\u0061=\u0022\\"}}}"#
                .to_owned(),
            format!(r#"{{"method":"m","params":{{"_meta":{{"traceparent":"{WRITTEN}","tracestate":""}}}}}}"#),
            format!(
                r#"{{"method":"m","params":{{"_meta":{{"traceparent":"{WRITTEN}","tracestate":"\u0061=\u0022\\"}}}}}}"#
            ),
        ),
    ];
    check(&cases);
}

#[test]
fn traceparent_of_the_usual_length_is_overwritten_in_place() {
    let text = r#"{"method":"m","params":{"_meta":{"traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}}}"#;
    let mut edits = Vec::new();
    splice::write(&one(text), &PARENT, None, &mut edits).expect("a place for it");
    assert_eq!(splice::growth(&edits), 0);
    assert_eq!((edits.len(), edits[0].remove, edits[0].insert.len()), (1, 57, 57));
}

#[test]
fn list_that_was_cut_when_it_was_read_is_written() {
    let value = |end: &str| (0..5).map(|at| format!("k{at}={},", "x".repeat(200))).collect::<String>() + end;
    let text =
        format!(r#"{{"method":"m","params":{{"_meta":{{"tracestate":"{}"}}}}}}"#, value("z=123456789"));
    let message = one(&text);
    let cut = message.params.meta.tracestate.as_deref().expect("a list");
    assert_eq!(cut.len(), limits::TEXT);
    let mut edits = Vec::new();
    splice::write(&message, &PARENT, Some(&list(cut)), &mut edits).expect("a place for it");
    assert_eq!(edits.len(), 2);
}

#[test]
fn messages_that_are_not_written_into() {
    use Unwritable::{DuplicateKey, NoObject};
    let cases = [
        (r#"{"id":1,"result":{"_meta":{}}}"#, NoObject),
        (r#"{"id":1,"error":{}}"#, NoObject),
        (r#"{"id":1,"params":{}}"#, NoObject),
        (r#"{"method":"m","params":[]}"#, NoObject),
        (r#"{"method":"m","params":null}"#, NoObject),
        (r#"{"method":"m","params":{"_meta":"x"}}"#, NoObject),
        (r#"{"method":"m","params":{},"params":{}}"#, DuplicateKey),
        (r#"{"method":"m","params":{"_meta":1,"_m\u0065ta":{}}}"#, DuplicateKey),
        (r#"{"method":"m","params":{"_meta":{"traceparent":1,"traceparent":1}}}"#, DuplicateKey),
        (r#"{"method":"m","params":{"_meta":{"tracestate":1,"tracestate":1}}}"#, DuplicateKey),
    ];
    let before = vec![Edit { at: 7, remove: 0, insert: Bytes::from_static(b"x") }];
    for (text, why) in cases {
        let mut edits = before.clone();
        assert_eq!(splice::write(&one(text), &PARENT, Some(&list("a=1")), &mut edits), Err(why), "{text}");
        assert_eq!(edits, before);
    }
}

#[test]
fn edits_at_the_borders_of_chunks() {
    let edit = |at, remove, insert: &'static str| Edit { at, remove, insert: insert.into() };
    let cases: &[(&[Edit], &[&str], &[&str])] = &[
        (&[], &["ab", "cd"], &["ab", "cd"]),
        (&[edit(0, 0, "x")], &["ab", "cd"], &["xab", "cd"]),
        (&[edit(2, 0, "x")], &["ab", "cd"], &["ab", "xcd"]),
        (&[edit(2, 0, "x")], &["ab", "", "cd"], &["ab", "", "xcd"]),
        (&[edit(4, 0, "x")], &["ab", "cd"], &["ab", "cdx"]),
        (&[edit(0, 0, "x")], &["", "ab"], &["", "xab"]),
        (&[edit(1, 2, "xyz")], &["ab", "cd"], &["axyz", "d"]),
        (&[edit(1, 4, "x")], &["ab", "cd", "", "ef"], &["ax", "", "", "f"]),
        (&[edit(0, 2, "")], &["ab", "cd"], &["", "cd"]),
        (&[edit(1, 2, "x"), edit(3, 1, "y"), edit(4, 0, "z")], &["ab", "cd", "ef"], &["ax", "y", "zef"]),
        (&[edit(1, 1, "x"), edit(2, 0, "y")], &["abc"], &["axyc"]),
    ];
    for (edits, before, after) in cases {
        let mut chunks: Vec<Bytes> = before.iter().map(|text| Bytes::from_static(text.as_bytes())).collect();
        applied(edits, &chunks);
        splice::apply(edits, &mut chunks);
        assert_eq!(chunks, *after, "{edits:?}");
    }
}

#[test]
fn places_are_counted_from_the_first_byte_of_the_document() {
    let cases = [
        // (document, params, _meta, traceparent, tracestate)
        (r#"{"method":"m"}"#, None, None, None, None),
        (r#"{"method":"m","params":{}}"#, Some("{}"), None, None, None),
        (
            "\u{feff} \r\n{\"method\":\"m\", \"params\" :\t{ \"_meta\" : { } , \"name\":\"é\"} }",
            Some(r#"{ "_meta" : { } , "name":"é"}"#),
            Some("{ }"),
            None,
            None,
        ),
        (
            r#"{"params":{"name":"x","_meta":{"tracest\u0061te":"a=\"","t\u0072aceparent" : "00-x" }},"method":"m"}"#,
            Some(r#"{"name":"x","_meta":{"tracest\u0061te":"a=\"","t\u0072aceparent" : "00-x" }}"#),
            Some(r#"{"tracest\u0061te":"a=\"","t\u0072aceparent" : "00-x" }"#),
            Some(r#""00-x""#),
            Some(r#""a=\"""#),
        ),
        (
            r#"{"method":"m","params":{"_meta":{"traceparent":[{"a":"}"}] ,"tracestate": 17}}}"#,
            Some(r#"{"_meta":{"traceparent":[{"a":"}"}] ,"tracestate": 17}}"#),
            Some(r#"{"traceparent":[{"a":"}"}] ,"tracestate": 17}"#),
            Some(r#"[{"a":"}"}]"#),
            Some("17"),
        ),
    ];
    for (text, params, meta, traceparent, tracestate) in cases {
        let span = |part: &str| {
            let start = text.find(part).expect("a part of the document") as u64;
            Span { start, end: start + part.len() as u64 }
        };
        let object = |part: Option<&str>| {
            part.map_or(Place::Absent, |part| Place::Object {
                span: span(part),
                empty: part.trim_matches(['{', '}']).trim().is_empty(),
            })
        };
        let places = Places {
            message: object(Some(text.trim_start_matches(['\u{feff}', ' ', '\r', '\n']))),
            params: object(params),
            meta: object(meta),
            traceparent: traceparent.map(span),
            tracestate: tracestate.map(span),
            twice: false,
        };
        let message = one(text);
        assert_eq!(message.places.as_deref(), Some(&places), "{text}");
        assert!(!message.batched);
        let messages = scan(format!("[1,{text}]").replace('\u{feff}', ""));
        assert!(messages.iter().all(|message| message.batched));
    }
}

#[test]
fn places_are_noted_only_on_demand() {
    let text = r#"{"method":"m","params":{"_meta":{"traceparent":null},"_meta":{"traceparent":[1]}},"params":{"_meta":{"traceparent":17}}}"#;
    let mut scanner = Scanner::new(u64::MAX);
    let mut places = Vec::new();
    for wanted in [false, true, false] {
        scanner.places(wanted);
        // A broken document between them changes nothing about it.
        for document in [text, "{]", text] {
            scanner.feed(document.as_bytes(), &mut |message| {
                assert!(message.params.meta.odd_traceparent);
                places.push(message.places.is_some());
                if !wanted {
                    let written = splice::write(&message, &PARENT, None, &mut Vec::new());
                    assert_eq!(written, Err(Unwritable::NoObject));
                }
            });
            scanner.finish();
        }
    }
    assert_eq!(places, [false, false, true, true, false, false]);
}

#[test]
fn values_that_hold_no_members_have_no_place_for_context() {
    for value in ["null", "[]", "\"x\"", "1", "true"] {
        let params = one(format!(r#"{{"method":"m","params":{value}}}"#)).places.expect("asked for");
        assert_eq!((params.params, params.meta), (Place::Other, Place::Absent), "{value}");
        let meta =
            one(format!(r#"{{"method":"m","params":{{"_meta":{value}}}}}"#)).places.expect("asked for");
        assert_eq!(meta.meta, Place::Other, "{value}");
    }
}

#[test]
fn answers_have_no_place_for_context() {
    for members in
        [r#""id":1,"result":{"_meta":{}}"#, r#""id":1,"error":{},"params":{"_meta":{}}"#, r#""params":{}"#]
    {
        assert_eq!(one(format!("{{{members}}}")).places, None, "{members}");
    }
}

#[test]
fn only_equal_keys_on_the_way_to_the_context_count_for_it() {
    let cases = [
        (r#""method":"m","params":{},"params":{}"#, true),
        (r#""method":"m","params":1,"par\u0061ms":{}"#, true),
        (r#""method":"m","params":{"_meta":{},"_meta":{}}"#, true),
        (r#""method":"m","params":{"_meta":{"traceparent":"a","trac\u0065parent":"b"}}"#, true),
        (r#""method":"m","params":{"_meta":{"tracestate":"a","tracestate":"b"}}"#, true),
        (r#""method":"m","params":{"_meta":{"tracestate":"a","tracestate":"b"},"_meta":1}"#, true),
        (r#""method":"m","method":"n","params":{"name":"a","name":"b"}"#, false),
        (r#""method":"m","params":{"_meta":{"other":1,"other":2},"arguments":{"_meta":1,"_meta":2}}"#, false),
    ];
    for (members, expected) in cases {
        let places = one(format!("{{{members}}}")).places.expect("asked for");
        assert_eq!(places.twice, expected, "{members}");
    }
}

/// What the message must hold afterwards, or that it must stay as it is.
fn expected(message: &mut Value, parent: &str, state: Option<&str>) -> Result<(), Unwritable> {
    let members = message.as_object_mut().ok_or(Unwritable::NoObject)?;
    let params = members.entry("params").or_insert_with(|| Value::Object(Map::new()));
    let meta = params.as_object_mut().ok_or(Unwritable::NoObject)?;
    let meta = meta.entry("_meta").or_insert_with(|| Value::Object(Map::new()));
    let meta = meta.as_object_mut().ok_or(Unwritable::NoObject)?;
    meta.insert("traceparent".to_owned(), parent.into());
    if state.is_some() || meta.contains_key("tracestate") {
        meta.insert("tracestate".to_owned(), state.unwrap_or_default().into());
    }
    Ok(())
}

fn messages_of(text: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(text).expect("UTF-8").trim_start_matches('\u{feff}');
    match serde_json::from_str(text).expect("a valid document") {
        Value::Array(elements) => elements,
        Value::Object(members) => vec![Value::Object(members)],
        _ => Vec::new(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn only_the_context_changes(
        text in json_documents::document(),
        ids in (any::<[u8; 16]>(), any::<[u8; 8]>(), 0_u8..4),
        state in prop::option::of("([a-d]=[ -+\\--<>-~]{0,8}[!-+],){0,3}z=1"),
        cuts in prop::collection::vec(any::<Index>(), 0..8),
    ) {
        let (trace_id, span_id, flags) = ids;
        let parent = TraceParent { trace_id, span_id, flags };
        let state = state.map(|text| list(&text));
        let written = state.as_ref().map(ToString::to_string);
        let mut values = messages_of(text.as_bytes());
        let mut edits = Vec::new();
        for (message, value) in scan(&text).iter().zip(&mut values) {
            let mut after = value.clone();
            let wanted = match message.kind {
                MessageKind::Request | MessageKind::Notification
                    if message.places.as_ref().is_some_and(|places| places.twice) =>
                {
                    Err(Unwritable::DuplicateKey)
                }
                MessageKind::Request | MessageKind::Notification => {
                    expected(&mut after, &parent.to_string(), written.as_deref())
                }
                _ => Err(Unwritable::NoObject),
            };
            let known = edits.len();
            prop_assert_eq!(splice::write(message, &parent, state.as_ref(), &mut edits), wanted, "{}", text);
            if wanted.is_ok() {
                *value = after;
            } else {
                prop_assert_eq!(edits.len(), known);
            }
        }
        prop_assert!(edits.windows(2).all(|pair| pair[0].at + pair[0].remove <= pair[1].at), "{:?}", edits);
        let cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
        let after = applied(&edits, &pieces(text.as_bytes(), &cuts));
        prop_assert_eq!(after.escape_ascii().to_string(), spliced(text.as_bytes(), &edits).escape_ascii().to_string());
        prop_assert_eq!(messages_of(&after), values, "{}", text);
    }

    #[test]
    fn edits_do_not_depend_on_the_chunks(
        text in prop::collection::vec(any::<u8>(), 0..60),
        places in prop::collection::vec((any::<Index>(), any::<Index>(), prop::collection::vec(any::<u8>(), 0..6)), 0..6),
        cuts in prop::collection::vec(any::<Index>(), 0..12),
    ) {
        let mut borders: Vec<u64> =
            places.iter().flat_map(|(from, to, _)| [from, to]).map(|at| at.index(text.len() + 1) as u64).collect();
        borders.sort_unstable();
        let edits: Vec<Edit> = borders
            .chunks(2)
            .zip(places)
            .map(|(range, (.., insert))| Edit { at: range[0], remove: range[1] - range[0], insert: insert.into() })
            .collect();
        let cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
        prop_assert_eq!(applied(&edits, &pieces(&text, &cuts)), spliced(&text, &edits));
    }
}
