//! Random JSON documents in the shape of JSON-RPC: members that are read, in any order, twice, with other values than
//! they should have, with escapes and white space anywhere.

use proptest::prelude::*;

/// What normally stands under a key.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Text,
    Number,
    Word,
    Any,
    Object(Context),
    /// An array of these objects.
    Array(Context),
}

/// The members that are read of one kind of object.
pub(crate) type Context = &'static [(&'static str, Kind)];

pub(crate) const MESSAGE: Context = &[
    ("jsonrpc", Kind::Text),
    ("id", Kind::Number),
    ("method", Kind::Text),
    ("params", Kind::Object(PARAMS)),
    ("result", Kind::Object(RESULT)),
    ("error", Kind::Object(ERROR)),
];
const PARAMS: Context = &[
    ("name", Kind::Text),
    ("uri", Kind::Text),
    ("arguments", Kind::Any),
    ("protocolVersion", Kind::Text),
    ("clientInfo", Kind::Object(IMPLEMENTATION)),
    ("requestId", Kind::Number),
    ("taskId", Kind::Text),
    ("status", Kind::Text),
    ("task", Kind::Any),
    ("requestState", Kind::Text),
    ("cursor", Kind::Text),
    ("_meta", Kind::Object(PARAMS_META)),
    ("result", Kind::Object(INNER_RESULT)),
    ("error", Kind::Object(ERROR)),
];
const PARAMS_META: Context = &[
    ("io.modelcontextprotocol/protocolVersion", Kind::Text),
    ("io.modelcontextprotocol/clientInfo", Kind::Object(IMPLEMENTATION)),
    ("io.modelcontextprotocol/subscriptionId", Kind::Number),
    ("io.modelcontextprotocol/related-task", Kind::Object(RELATED_TASK)),
    ("traceparent", Kind::Text),
    ("tracestate", Kind::Text),
];
const RELATED_TASK: Context = &[("taskId", Kind::Text)];
const IMPLEMENTATION: Context = &[("name", Kind::Text), ("version", Kind::Text)];
const RESULT: Context = &[
    ("isError", Kind::Word),
    ("resultType", Kind::Text),
    ("requestState", Kind::Text),
    ("content", Kind::Array(ELEMENT)),
    ("structuredContent", Kind::Any),
    ("task", Kind::Object(TASK)),
    ("taskId", Kind::Text),
    ("status", Kind::Text),
    ("ttl", Kind::Number),
    ("ttlMs", Kind::Number),
    ("result", Kind::Object(INNER_RESULT)),
    ("error", Kind::Object(ERROR)),
    ("tools", Kind::Array(&[])),
    ("nextCursor", Kind::Text),
    ("protocolVersion", Kind::Text),
    ("serverInfo", Kind::Object(IMPLEMENTATION)),
    ("_meta", Kind::Object(RESULT_META)),
];
const RESULT_META: Context = &[("io.modelcontextprotocol/serverInfo", Kind::Object(IMPLEMENTATION))];
const TASK: Context =
    &[("taskId", Kind::Text), ("status", Kind::Text), ("ttl", Kind::Number), ("ttlMs", Kind::Number)];
const INNER_RESULT: Context = &[("isError", Kind::Word)];
const ERROR: Context = &[("code", Kind::Number)];
const ELEMENT: Context = &[
    ("type", Kind::Text),
    ("text", Kind::Text),
    ("resource", Kind::Object(RESOURCE)),
    ("data", Kind::Text),
    ("mimeType", Kind::Text),
    ("uri", Kind::Text),
    ("name", Kind::Text),
];
const RESOURCE: Context = &[("text", Kind::Text)];

/// The text of one document.
pub(crate) fn document() -> BoxedStrategy<String> {
    let message = prop_oneof![2 => value(Kind::Object(MESSAGE)), 1 => request()].boxed();
    let batch = prop::collection::vec(joined([space(), message.clone(), space()]), 0..4)
        .prop_map(|elements| format!("[{}]", elements.join(",")));
    let empty_batch = space().prop_map(|space| format!("[{space}]"));
    let outer = prop_oneof![12 => message, 4 => batch, 1 => empty_batch, 1 => any_value()];
    let mark = prop_oneof![8 => Just(String::new()), 1 => Just("\u{feff}".to_owned())];
    joined([mark.boxed(), space(), outer.boxed(), space()])
}

/// A message that most likely has trace context, or a place for it.
fn request() -> BoxedStrategy<String> {
    let named = |key: &'static str, value| member(Just(key.to_owned()).boxed(), value);
    let context = members(vec![
        (4, named("traceparent", prop_oneof![3 => trace_parent(), 1 => any_value()].boxed())),
        (4, named("tracestate", prop_oneof![3 => trace_state(), 1 => any_value()].boxed())),
        (2, member("[a-z/]{0,12}".boxed(), any_value())),
    ]);
    let params = members(vec![
        (4, named("_meta", prop_oneof![8 => context, 1 => any_value()].boxed())),
        (2, named("name", text())),
        (2, named("arguments", any_value())),
    ]);
    let others = vec![
        (4, named("params", prop_oneof![8 => params, 1 => any_value()].boxed())),
        (3, named("id", number())),
        (1, named("result", any_value())),
    ];
    let method = named("method", text());
    (
        prop::collection::vec(prop::strategy::Union::new_weighted(others), 0..3),
        method,
        any::<prop::sample::Index>(),
    )
        .prop_map(|(mut members, method, at)| {
            members.insert(at.index(members.len() + 1), method);
            format!("{{{}}}", members.join(","))
        })
        .boxed()
}

/// An object with up to three of these members.
fn members(members: Vec<(u32, BoxedStrategy<String>)>) -> BoxedStrategy<String> {
    let members = prop::collection::vec(prop::strategy::Union::new_weighted(members), 0..4);
    (space(), members).prop_map(|(space, members)| format!("{{{space}{}}}", members.join(","))).boxed()
}

fn trace_parent() -> BoxedStrategy<String> {
    let escaped = prop_oneof![4 => Just(None), 1 => (0_usize..60).prop_map(Some)];
    ("0[01]-[0-9a-f]{32}-[0-9a-f]{16}-0[0-3]", escaped)
        .prop_map(|(text, escaped)| spelled(&text, escaped))
        .boxed()
}

fn trace_state() -> BoxedStrategy<String> {
    let escaped = prop_oneof![4 => Just(None), 1 => (0_usize..30).prop_map(Some)];
    let list = prop_oneof!["(a=1)?", "([a-d]=[\\\\\"a-z ;:]{0,5}[\\\\\"x],){0,3}z=1", "ot=th:[0-9a-f]{1,4}"];
    (list, escaped).prop_map(|(text, escaped)| spelled(&text, escaped)).boxed()
}

fn joined<const N: usize>(parts: [BoxedStrategy<String>; N]) -> BoxedStrategy<String> {
    parts.to_vec().prop_map(|parts| parts.concat()).boxed()
}

fn space() -> BoxedStrategy<String> {
    prop_oneof![6 => Just(""), 1 => Just(" "), 1 => Just("\r\n\t"), 1 => Just("          ")]
        .prop_map(String::from)
        .boxed()
}

/// Mostly what should be there, now and then anything.
fn value(kind: Kind) -> BoxedStrategy<String> {
    let proper = match kind {
        Kind::Text => text(),
        Kind::Number => prop_oneof![3 => number(), 1 => text()].boxed(),
        Kind::Word => word(),
        Kind::Any => any_value(),
        Kind::Object(context) => object(context),
        Kind::Array(context) => {
            prop::collection::vec(joined([space(), value(Kind::Object(context)), space()]), 0..4)
                .prop_map(|elements| format!("[{}]", elements.join(",")))
                .boxed()
        }
    };
    prop_oneof![9 => proper, 1 => any_value()].boxed()
}

fn object(context: Context) -> BoxedStrategy<String> {
    let known = context.iter().map(|(key, kind)| member(Just((*key).to_owned()).boxed(), value(*kind)));
    let unknown = member(prop_oneof!["[a-z]{0,3}", "[A-Za-z ]{0,60}"].boxed(), any_value());
    let members = prop::strategy::Union::new(known.chain([unknown]));
    prop::collection::vec(members, 0..(context.len() + 4).min(10))
        .prop_map(|members| format!("{{{}}}", members.join(",")))
        .boxed()
}

fn member(key: BoxedStrategy<String>, value: BoxedStrategy<String>) -> BoxedStrategy<String> {
    let key = (key, prop_oneof![5 => Just(None), 1 => (0_usize..50).prop_map(Some)])
        .prop_map(|(key, escaped)| spelled(&key, escaped));
    joined([space(), key.boxed(), space(), Just(":".to_owned()).boxed(), space(), value, space()])
}

/// The text as a JSON string, with the character at `escaped` as a `\u` escape.
fn spelled(text: &str, escaped: Option<usize>) -> String {
    let mut json = String::from("\"");
    for (at, character) in text.chars().enumerate() {
        if Some(at) == escaped {
            for unit in character.encode_utf16(&mut [0; 2]) {
                json.push_str(&format!("\\u{unit:04x}"));
            }
        } else if matches!(character, '"' | '\\') || character < ' ' {
            let quoted = serde_json::to_string(&character).expect("a character");
            json.push_str(&quoted[1..quoted.len() - 1]);
        } else {
            json.push(character);
        }
    }
    json.push('"');
    json
}

fn text() -> BoxedStrategy<String> {
    let words = prop::sample::select(vec![
        "2.0",
        "2.0",
        "tools/call",
        "tools/list",
        "notifications/tasks",
        "vendor/thing",
        "2025-11-25",
        "2026-07-28",
        "3000-01-01",
        "complete",
        "input_required",
        "task",
        "working",
        "completed",
        "failed",
        "text",
        "text",
        "image",
        "audio",
        "resource",
        "resource_link",
        "search",
        "",
        "}]\"\\",
        "{[\\\\\"",
    ]);
    let text = prop_oneof![
        8 => words.prop_map(String::from),
        2 => "[a-z\"\\\\/\n\t{}é€😀]{0,20}",
        1 => "[a-zé😀]{50,80}",
        1 => "[a-zé😀]{240,300}",
    ];
    let escaped = prop_oneof![4 => Just(None), 1 => (0_usize..20).prop_map(Some)];
    (text, escaped).prop_map(|(text, escaped)| spelled(&text, escaped)).boxed()
}

fn number() -> BoxedStrategy<String> {
    prop_oneof![
        4 => (-40000_i64..40000).prop_map(|number| number.to_string()),
        1 => any::<i64>().prop_map(|number| number.to_string()),
        2 => "-?(0|[1-9][0-9]{0,3})(\\.[0-9]{1,3})?([eE][+-]?[0-3])?",
        1 => "-?[1-9][0-9]{15,25}(\\.0{1,3})?",
        1 => "-?[1-9]0{0,30}e-?[0-9]{1,2}",
    ]
    .boxed()
}

fn word() -> BoxedStrategy<String> {
    prop::sample::select(vec!["true", "true", "false", "null"]).prop_map(String::from).boxed()
}

fn any_value() -> BoxedStrategy<String> {
    let leaf = prop_oneof![text(), number(), word()];
    leaf.prop_recursive(6, 24, 4, |inner| {
        let member =
            (prop_oneof![Just("\"a\"".to_owned()), Just("\"taskId\"".to_owned()), text()], inner.clone());
        prop_oneof![
            (prop::collection::vec(inner, 0..4), space())
                .prop_map(|(elements, space)| format!("[{space}{}]", elements.join(&format!("{space},")))),
            (prop::collection::vec(member.prop_map(|(key, value)| format!("{key}:{value}")), 0..4), space())
                .prop_map(|(members, space)| format!("{{{space}{}}}", members.join(&format!(",{space}")))),
        ]
    })
    .boxed()
}
