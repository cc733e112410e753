//! What must hold for every input: the cut into chunks does not matter, the facts are those that `serde_json` finds,
//! events are those of the WHATWG rules, and nothing panics or grows.

mod json_documents;
mod json_oracle;

use mcp_tap::protocol::fingerprint::fingerprint;
use mcp_tap::protocol::message::{Captured, Document, Message, limits};
use mcp_tap::protocol::scan::{Captures, Scanner};
use mcp_tap::protocol::splice::{Place, Places, Span};
use mcp_tap::protocol::sse::{EventName, SseDecoder, SseEvent, SseItem};
use mcp_tap::protocol::traceparent::{TraceParent, TraceState};
use proptest::prelude::*;
use proptest::sample::Index;

/// Captures other than tools: one text of at most `limits::TEXT` bytes, in a buffer that doubles.
const SMALL_CAPTURES: usize = 4 * limits::TEXT;

/// The pieces of `bytes` between these cuts.
fn pieces<'a>(bytes: &'a [u8], cuts: &[Index]) -> Vec<&'a [u8]> {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    cuts.extend([0, bytes.len()]);
    cuts.sort_unstable();
    cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect()
}

fn scan<'a>(
    chunks: impl IntoIterator<Item = &'a [u8]>,
    limit: u64,
    captures: Captures,
) -> (Vec<Message>, Document) {
    let mut scanner = Scanner::new(limit);
    scanner.capture(captures);
    scanner.places(true);
    let mut messages = Vec::new();
    for chunk in chunks {
        scanner.feed(chunk, &mut |message| messages.push(message));
        let wanted = [captures.arguments, captures.result, captures.structured, captures.text]
            .into_iter()
            .fold(0_usize, usize::saturating_add);
        assert!(scanner.held() <= (SMALL_CAPTURES + limits::TOOLS).saturating_add(wanted));
    }
    let document = scanner.finish();
    assert_eq!(scanner.held(), 0);
    (messages, document)
}

const ALL: Captures =
    Captures { arguments: usize::MAX, result: usize::MAX, structured: usize::MAX, text: usize::MAX };

/// Captures so small that many values do not fit.
fn captures() -> impl Strategy<Value = Captures> {
    (0_usize..60, 0_usize..200, 0_usize..60, 0_usize..30)
        .prop_map(|(arguments, result, structured, text)| Captures { arguments, result, structured, text })
}

/// Whatever is written at these places, is written where it may be.
fn places_are_in(bytes: &[u8], places: &Places) {
    let part = |span: Span| &bytes[span.start as usize..span.end as usize];
    for place in [places.message, places.params, places.meta] {
        if let Place::Object { span, empty } = place {
            let inside = part(span).strip_prefix(b"{").and_then(|rest| rest.strip_suffix(b"}"));
            assert_eq!(empty, inside.expect("an object").trim_ascii().is_empty());
        }
    }
    for span in [places.traceparent, places.tracestate].into_iter().flatten() {
        let value = part(span);
        assert!(!value.is_empty() && value.trim_ascii() == value, "{}", value.escape_ascii());
    }
}

fn cuts() -> impl Strategy<Value = Vec<Index>> {
    prop::collection::vec(any::<Index>(), 0..6)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn facts_are_those_that_serde_json_finds(text in json_documents::document(), cuts in cuts()) {
        let expected = json_oracle::read(&text);
        let (messages, document) = scan(pieces(text.as_bytes(), &cuts), u64::MAX, ALL);
        prop_assert_eq!(document, expected.document, "{}", text);
        prop_assert_eq!(messages.len(), expected.messages.len());
        for (message, expected) in messages.iter().zip(&expected.messages) {
            prop_assert_eq!(message, expected, "{}", text);
        }
    }

    #[test]
    fn payload_is_kept_if_it_fits(
        text in json_documents::document(),
        captures in captures(),
        cuts in cuts(),
    ) {
        let (all, _) = scan([text.as_bytes()], u64::MAX, ALL);
        let (some, _) = scan(pieces(text.as_bytes(), &cuts), u64::MAX, captures);
        let fits = |length: usize, limit: usize| limit > 0 && length <= limit;
        for (mut message, kept) in all.into_iter().zip(some) {
            message.captured = message.captured.and_then(|all| {
                let some = Captured {
                    arguments: all.arguments.filter(|text| fits(text.len(), captures.arguments)),
                    result: all.result.filter(|text| fits(text.len(), captures.result)),
                    structured: all.structured.filter(|text| fits(text.len(), captures.structured)),
                    text: all.text.filter(|text| fits(text.len(), captures.text)),
                };
                (some != Captured::default()).then(|| Box::new(some))
            });
            prop_assert_eq!(message, kept, "{}", text);
        }
    }

    #[test]
    fn chunking_does_not_matter(
        text in json_documents::document(),
        damage in prop::collection::vec((any::<Index>(), any::<u8>()), 0..3),
        length in any::<Index>(),
        is_cut in any::<bool>(),
        limit in prop_oneof![Just(u64::MAX), 0_u64..600],
        captures in captures(),
        cuts in cuts(),
    ) {
        let mut bytes = text.into_bytes();
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if is_cut {
            bytes.truncate(length.index(bytes.len()));
        }
        let whole = scan([bytes.as_slice()], limit, captures);
        for message in &whole.0 {
            if let Some(places) = &message.places {
                places_are_in(&bytes, places);
            }
        }
        prop_assert_eq!(&whole, &scan(pieces(&bytes, &cuts), limit, captures), "{}", bytes.escape_ascii());
        prop_assert_eq!(&whole, &scan(bytes.chunks(1), limit, captures), "{}", bytes.escape_ascii());
    }

    #[test]
    fn arbitrary_bytes_never_panic_and_hold_little(
        bytes in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..300),
            prop::collection::vec(prop::sample::select(br#"{}[]",:\ue-.019 "id""result""tools""#.to_vec()), 0..300),
        ],
        cuts in cuts(),
        captures in captures(),
        keep in any::<bool>(),
    ) {
        let mut scanner = Scanner::new(1 << 20);
        scanner.capture(captures);
        scanner.keep_captures(keep);
        for chunk in pieces(&bytes, &cuts) {
            scanner.feed(chunk, &mut |_| {});
            let Captures { arguments, result, structured, text } = captures;
            prop_assert!(scanner.held() <= SMALL_CAPTURES + arguments + result + structured + text);
        }
        scanner.finish();
        let mut decoder = SseDecoder::new();
        for chunk in pieces(&bytes, &cuts) {
            decoder.feed(chunk, &mut |_| {});
        }
        let _ = TraceParent::parse(&bytes);
        let _ = TraceState::parse([bytes.as_slice()]);
    }

    #[test]
    fn events_are_those_of_the_whatwg_rules(
        stream in prop::collection::vec(prop::sample::select(SSE_PARTS), 0..40).prop_map(|parts| parts.concat()),
        cuts in cuts(),
    ) {
        let expected = sse_reference(stream.as_bytes());
        prop_assert_eq!(decode(&[stream.as_bytes()]), expected.clone(), "{:?}", stream);
        prop_assert_eq!(decode(&pieces(stream.as_bytes(), &cuts)), expected.clone(), "{:?}", stream);
        let single: Vec<_> = stream.as_bytes().chunks(1).collect();
        prop_assert_eq!(decode(&single), expected, "{:?}", stream);
    }
}

const SSE_PARTS: &[&str] = &[
    "\n",
    "\n",
    "\n\n",
    "\r",
    "\r\n",
    ":",
    ": ",
    " ",
    "data",
    "data: ",
    "data:",
    "data: {\"id\":1}\n",
    "event",
    "event: ",
    "message",
    "endpoint",
    "id",
    "id: ",
    "id:7\n",
    "\0",
    "retry: ",
    "retry:30\n",
    "5",
    "x",
    "é",
    "\u{feff}",
    "\u{fefe}",
    ": ping\n\n",
];

/// Events with their data, and `None` for each comment.
type Items = Vec<Option<(Vec<u8>, SseEvent)>>;

fn decode(chunks: &[&[u8]]) -> Items {
    let mut decoder = SseDecoder::new();
    let (mut items, mut data) = (Vec::new(), Vec::new());
    for chunk in chunks {
        decoder.feed(chunk, &mut |item| match item {
            SseItem::Data(piece) => data.extend_from_slice(piece),
            SseItem::Event(event) => items.push(Some((std::mem::take(&mut data), event))),
            SseItem::Comment => items.push(None),
        });
    }
    items
}

/// The rules of WHATWG HTML §9.2.6 as they are written, over the whole stream at once.
fn sse_reference(stream: &[u8]) -> Items {
    let text = stream.strip_prefix(b"\xef\xbb\xbf").unwrap_or(stream);
    let text =
        String::from_utf8(text.to_vec()).expect("parts are UTF-8").replace("\r\n", "\n").replace('\r', "\n");
    let Some((lines, _unfinished)) = text.rsplit_once('\n') else { return Vec::new() };
    let mut items = Vec::new();
    let mut data: Vec<&str> = Vec::new();
    let mut event = SseEvent::default();
    let mut known = false;
    for line in lines.split('\n') {
        if line.is_empty() {
            let joined = data.join("\n").into_bytes();
            event.has_data_field = !data.is_empty();
            event.data = !joined.is_empty();
            if known {
                items.push(Some((joined, event)));
            }
            (data, event, known) = Default::default();
            continue;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        known |= ["data", "event", "id", "retry"].contains(&field);
        match field {
            "" => items.push(None),
            "data" => data.push(value),
            "event" => {
                event.name = match value {
                    "" | "message" => EventName::Message,
                    "endpoint" => EventName::Endpoint,
                    _ => EventName::Other,
                }
            }
            "id" if !value.contains('\0') => {
                event.id_reset = value.is_empty();
                event.id = (!value.is_empty()).then(|| fingerprint(value.as_bytes()));
            }
            "retry" if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) => {
                event.retry_ms = Some(value.parse().unwrap_or(u64::MAX));
            }
            _ => {}
        }
    }
    items
}
