//! What is shown, and that no secret is.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn capture(rules: &str) -> Capture {
    let rules = rules.split(';').map(|rule| CaptureRule::parse(rule).expect("a rule")).collect();
    Capture { rules, ..Capture::default() }
}

#[test]
fn rules_are_tools_with_keys_and_the_word_result() {
    let rule = |tool: &str, arguments: &[&str], result| CaptureRule {
        tool: tool.to_owned(),
        arguments: arguments.iter().map(|key| (*key).to_owned()).collect(),
        result,
    };
    for (text, expected) in [
        ("search:query, limit", Some(rule("search", &["query", "limit"], false))),
        ("search:query,result", Some(rule("search", &["query"], true))),
        ("search:result", Some(rule("search", &[], true))),
        ("ns:search:*", Some(rule("ns:search", &["*"], false))),
        (" *:a", Some(rule("*", &["a"], false))),
        ("search", None),
        ("search:", None),
        ("search:,", None),
        (":query", None),
    ] {
        assert_eq!(CaptureRule::parse(text), expected, "{text}");
    }
}

#[test]
fn only_what_was_asked_for_is_shown() {
    let raw = br#"{"query": "q", "limit": 5, "other": {"a": [1]}}"#;
    for (rules, tool, expected) in [
        ("search:query", "search", Some(r#"{"query":"q"}"#)),
        ("search:query;*:limit", "search", Some(r#"{"limit":5,"query":"q"}"#)),
        ("search:query;*:limit", "echo", Some(r#"{"limit":5}"#)),
        ("search:*", "search", Some(r#"{"limit":5,"other":{"a":[1]},"query":"q"}"#)),
        ("search:missing", "search", None),
        ("search:query", "echo", None),
        ("search:result", "search", None),
    ] {
        assert_eq!(capture(rules).arguments(tool, raw).as_deref(), expected, "{rules} {tool}");
        let result = capture(rules).result(tool, raw);
        assert_eq!(result.is_some(), rules.contains("result"), "{rules} {tool}");
    }
    assert_eq!(Capture::default().arguments("search", raw), None);
    assert_eq!(Capture::default().result("search", raw), None);
    assert_eq!(capture("*:*").arguments("search", b"[1]"), None);
}

#[test]
fn only_what_may_be_shown_is_kept() {
    for (rules, arguments, result) in [
        ("search:query", 65_536, 0),
        ("search:result", 0, 65_536),
        ("search:query;echo:result", 65_536, 65_536),
    ] {
        assert_eq!(capture(rules).kept(), Captures { arguments, result, ..Captures::NONE }, "{rules}");
    }
    assert_eq!(Capture::default().kept(), Captures::default());
}

#[test]
fn a_chosen_key_is_masked_like_any_other() {
    let shown = capture("login:*,result").arguments("login", br#"{"user":"u","password":"p"}"#);
    assert_eq!(shown.as_deref(), Some(r#"{"password":"[redacted]","user":"u"}"#));
    let more = Capture { redact: vec!["user".to_owned()], ..capture("login:user") };
    assert_eq!(
        more.arguments("login", br#"{"User":"u","user":"v"}"#).as_deref(),
        Some(r#"{"user":"[redacted]"}"#)
    );
}

#[test]
fn what_is_too_big_or_no_json_is_not_shown() {
    let capture = Capture { limit: 64, ..capture("*:*") };
    for raw in [&b""[..], b"{", b"nonsense", b"{\"a\":\"\xff\"}", &[b'['; 1000], br#"{"a":"\ud800"}"#] {
        assert_eq!(capture.arguments("a", raw), None);
    }
    let big = |length| json!({"a": "x".repeat(length)}).to_string();
    assert_eq!(capture.arguments("a", big(2000).as_bytes()), None);
    let shown = capture.arguments("a", big(1000).as_bytes()).expect("it is read");
    assert_eq!(shown, format!(r#"{{"a":"{}…"}}"#, "x".repeat(64)));
}

/// Stands in each secret that the properties plant.
const CANARY: &str = "Canary0Canary0Canary0";

/// Texts that are secrets by their look.
fn secrets() -> impl Strategy<Value = String> {
    let templates = [
        "Bearer %",
        "bearer  %.x",
        "ghp_%",
        "github_pat_%",
        "glpat-%",
        "xoxb-1-%",
        "sk-%",
        "sk-ant-api03-%",
        "sk-proj-%",
        "AKIA0000000000000000%",
        "eyJhbGciOiJub25lIn0.%.%",
        "https://u:%@host/",
        "postgres://%@host:5432/db",
        "-----BEGIN EC PRIVATE KEY-----\n%\n-----END EC PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\n%",
        "password=%",
        "api_key: %",
        "?access_token=%&a=b",
        "Authorization: Digest %",
        "Set-Cookie: a=%; b=%",
        "{\"client_secret\": \"%\"",
        "--password %",
        "<token>%</token>",
        "X-Api-Key:%",
    ];
    let template = prop::sample::select(templates.to_vec());
    ("[ -~äöü\n]{0,12}", template, "[ -~äöü\n]{0,12}")
        .prop_map(|(before, template, after)| format!("{before} {} {after}", template.replace('%', CANARY)))
}

/// Values with secrets at any depth: texts that look like some, and anything under keys that say so.
fn values() -> impl Strategy<Value = Value> {
    let keys =
        prop::sample::select(vec!["password", "API-Key", "sessionId", "client_secret", "extra", "Cookie"]);
    let leaf = prop_oneof![
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        secrets().prop_map(Value::from),
        secrets().prop_map(|secret| json!({ secret: 1 })),
        keys.clone().prop_map(|key| json!({ key: [{"a": CANARY}] })),
        keys.prop_map(|key| json!({"name": key, "value": CANARY})),
    ];
    leaf.prop_recursive(5, 48, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map("[a-z]{1,8}", inner.clone(), 0..6).prop_map(|map| json!(map)),
            // As texts, and as texts of texts.
            inner.clone().prop_map(|value| value.to_string().into()),
            secrets()
                .prop_map(|secret| format!("see {}", json!({"b": [secret], "token": {"c": CANARY}})).into()),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_secret_is_ever_shown(value in values(), limit in prop::sample::select(vec![16_usize, 64, 500, 4096])) {
        let capture = Capture { limit, redact: vec!["Extra".to_owned()], ..capture("*:*,result") };
        let raw = json!({"a": value}).to_string();
        for shown in [capture.arguments("any", raw.as_bytes()), capture.result("any", raw.as_bytes())] {
            prop_assert_eq!(shown.is_some(), raw.len() <= capture.most_raw());
            let shown = shown.unwrap_or_default();
            prop_assert!(!shown.contains("anary0"), "{}\n{}", raw, shown);
            prop_assert!(shown.len() <= capture.most_shown());
            prop_assert!(shown.is_empty() || serde_json::from_str::<Value>(&shown).is_ok(), "{}", shown);
        }
    }

    #[test]
    fn no_bytes_are_too_odd(raw in prop::collection::vec(any::<u8>(), 0..300), text in ".{0,200}", limit in 0..50_usize) {
        let capture = Capture { limit, ..capture("*:*,result") };
        for raw in [raw, json!({"a": text}).to_string().into_bytes()] {
            for shown in [capture.arguments("any", &raw), capture.result("any", &raw)] {
                prop_assert!(shown.unwrap_or_default().len() <= capture.most_shown());
            }
        }
    }
}

#[test]
fn only_tools_with_a_rule_are_kept_unless_one_is_about_all() {
    for (rules, expected) in
        [("", Some(vec![])), ("a:x;b:result", Some(vec!["a".to_owned(), "b".to_owned()])), ("a:x;*:y", None)]
    {
        let rules = rules.split(';').filter_map(CaptureRule::parse).collect();
        let tools = Capture { rules, ..Capture::default() }.tools();
        assert_eq!(tools.map(|tools| tools.to_vec()), expected);
    }
}
