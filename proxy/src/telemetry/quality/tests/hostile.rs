//! Schemas that are meant to hang, to overflow the stack or to eat memory; and ordinary ones that look like them.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::telemetry::quality::compile::{Compiled, Fit, STACK};
use crate::telemetry::quality::cost::Refused;

/// Far more than anything here takes in a debug build on a busy machine, far less than hanging.
const LONG: Duration = Duration::from_secs(20);

/// Compiles in a thread with a quarter of the stack that there is in earnest.
fn compile(schema: &str) -> Result<Compiled, Refused> {
    let schema = schema.to_owned();
    on_a_small_stack(move || Compiled::new(&schema))
}

fn on_a_small_stack<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let start = now();
    let thread = std::thread::Builder::new().stack_size(STACK / 4).spawn(work).expect("a thread");
    let result = thread.join().expect("no panic");
    assert!(now() - start < LONG, "{:?}", now() - start);
    result
}

/// Definitions of which each uses the next one in this way.
fn chain(length: usize, link: impl Fn(&str) -> String) -> String {
    let mut schema = String::from(r##"{"$ref":"#/$defs/d0","$defs":{"##);
    for at in 0..length {
        let next = link(&format!(r##"{{"$ref":"#/$defs/d{}"}}"##, at + 1));
        write!(schema, r#""d{at}":{next},"#).expect("strings take all");
    }
    write!(schema, r#""d{length}":{{"type":"object"}}}}}}"#).expect("strings take all");
    schema
}

#[test]
fn schemas_that_mean_harm_are_refused_at_once() {
    let nested = format!("{}true{}", r#"{"not":"#.repeat(60), "}".repeat(60));
    let deep = format!("{}true{}", r#"{"items":"#.repeat(20_000), "}".repeat(20_000));
    let long_enum = format!(r#"{{"enum":[{}0]}}"#, "0,".repeat(30_000));
    let cases = [
        ("a loop", r##"{"$ref":"#"}"##.to_owned(), Refused::Endless),
        ("a loop of two", r##"{"$ref":"#/$defs/a","$defs":{"a":{"$ref":"#/$defs/b"},"b":{"$ref":"#/$defs/a"}}}"##.into(), Refused::Endless),
        ("a loop by allOf", r##"{"allOf":[{"anyOf":[{"not":{"$ref":"#"}}]}]}"##.into(), Refused::Endless),
        // Found first from below, where it looks like recursion.
        ("a hidden loop", r##"{"properties":{"x":{"$ref":"#/$defs/b"}},"allOf":[{"$ref":"#/$defs/b"}],"$defs":{"b":{"$ref":"#"}}}"##.into(), Refused::Endless),
        ("a loop by an anchor", r##"{"$anchor":"a","allOf":[{"$ref":"#a"}]}"##.into(), Refused::Endless),
        ("doubling in place", chain(20, |next| format!(r#"{{"allOf":[{next},{next}]}}"#)), Refused::TooCostly),
        ("doubling below", chain(40, |next| format!(r#"{{"properties":{{"a":{next},"b":{next}}}}}"#)), Refused::TooCostly),
        ("doubling by asking again", chain(20, |next| format!(r#"{{"allOf":[{next}],"unevaluatedProperties":false}}"#)), Refused::TooCostly),
        ("a long chain", chain(1000, str::to_owned), Refused::TooCostly),
        ("a long path", chain(1000, |next| format!(r#"{{"items":{next}}}"#)), Refused::TooCostly),
        ("nested in place", nested, Refused::TooCostly),
        ("nested beyond JSON", deep, Refused::NoSchema),
        ("a long pattern", format!(r#"{{"pattern":"{}"}}"#, "a?".repeat(300)), Refused::Pattern),
        ("a pattern that grows", r#"{"pattern":"(((a{1,100}){1,100}){1,100}){1,100}"}"#.into(), Refused::Pattern),
        ("a pattern that is none", r#"{"pattern":"("}"#.into(), Refused::NoSchema),
        ("a pattern with a back reference", r#"{"pattern":"(a)\\1"}"#.into(), Refused::Pattern),
        ("many patterns", format!(r#"{{"allOf":[{}true]}}"#, r#"{"pattern":"^a+$"},"#.repeat(500)), Refused::TooCostly),
        ("a long list", long_enum, Refused::TooCostly),
        ("a reference to a file", r#"{"$ref":"file:///etc/passwd"}"#.into(), Refused::Reference),
        ("a reference to a host", r#"{"$ref":"http://127.0.0.1:1/schema"}"#.into(), Refused::Reference),
        ("a reference to nothing", r##"{"$ref":"#/$defs/a"}"##.into(), Refused::Reference),
        ("a base of its own", r#"{"properties":{"a":{"$id":"http://127.0.0.1:1/","items":true}}}"#.into(), Refused::Reference),
        ("a reference by place", r##"{"$dynamicRef":"#a"}"##.into(), Refused::Reference),
        ("a dialect of its own", r#"{"$schema":"http://127.0.0.1:1/meta"}"#.into(), Refused::Dialect),
        ("no schema", r#"{"properties":{"a":5}}"#.into(), Refused::NoSchema),
        ("no JSON", r#"{"type""#.into(), Refused::NoSchema),
    ];
    for (what, schema, expected) in cases {
        let refused = compile(&schema).err();
        assert!(refused.is_some(), "{what} is used");
        let pattern = matches!(expected, Refused::Pattern | Refused::NoSchema);
        let alike = pattern && matches!(refused, Some(Refused::Pattern | Refused::NoSchema));
        assert!(refused == Some(expected) || alike, "{what}: {refused:?}");
    }
}

#[test]
fn ordinary_schemas_are_used() {
    let tree = r##"{"type":"object","properties":{"left":{"$ref":"#"},"right":{"anyOf":[{"type":"null"},{"$ref":"#"}]}}}"##;
    let shared = chain(6, |next| format!(r#"{{"properties":{{"a":{next},"b":{next}}}}}"#));
    let wide = format!(
        r#"{{"properties":{{{}"z":true}},"additionalProperties":false}}"#,
        (0..500)
            .map(|at| format!(r#""p{at}":{{"type":["string","null"],"pattern":{:?}}},"#, "")
                .replace(r#","pattern":"""#, ""))
            .collect::<String>()
    );
    for schema in [tree, &shared, &wide, "true", r#"{"pattern":"^[a-z]{1,64}@[a-z.]+$"}"#] {
        let compiled = compile(schema).unwrap_or_else(|why| panic!("{why}: {schema}"));
        assert_eq!(compiled.judge(&json!({})), Fit::Satisfied, "{schema}");
    }
    let compiled = compile(tree).expect("used");
    assert_eq!(compiled.judge(&json!({"left":{"left":{"right":null}}})), Fit::Satisfied);
    assert_eq!(compiled.judge(&json!({"left":{"left":{"right":5}}})), Fit::Violated);
}

fn nested(depth: usize) -> Value {
    (0..depth).fold(json!({}), |inner, _| json!({"a": inner}))
}

#[test]
fn values_that_make_a_schema_costly_are_not_judged() {
    // Each level judges the next one twice.
    let doubling = r##"{"anyOf":[{"properties":{"a":{"$ref":"#"}},"required":["b"]},{"properties":{"a":{"$ref":"#"}}}]}"##;
    on_a_small_stack(move || {
        let compiled = Compiled::new(doubling).expect("used");
        assert_eq!(compiled.judge(&nested(5)), Fit::Satisfied);
        assert_eq!(compiled.judge(&nested(60)), Fit::TooCostly);
    });
    // Many values against many alternatives.
    let wide = format!(r#"{{"items":{{"enum":[{}0]}}}}"#, "1,".repeat(10_000));
    on_a_small_stack(move || {
        let compiled = Compiled::new(&wide).expect("used");
        assert_eq!(compiled.judge(&json!(vec![0; 1000])), Fit::Satisfied);
        assert_eq!(compiled.judge(&json!(vec![0; 100_000])), Fit::TooCostly);
    });
    // A pattern with alternatives everywhere, against a text that nearly fits.
    on_a_small_stack(|| {
        let compiled = Compiled::new(r#"{"pattern":"^(a|a|aa)*(a+)+$"}"#).expect("used");
        assert_eq!(compiled.judge(&json!(format!("{}b", "a".repeat(250_000)))), Fit::Violated);
    });
}

#[test]
fn the_deepest_judgement_that_is_made_fits_on_the_stack() {
    // As many frames as are allowed: levels of the value times nodes in place.
    for links in [1, 5, 10, 18] {
        let mut schema = String::from(r##"{"properties":{"a":{"$ref":"#/$defs/d0"}},"$defs":{"##);
        for at in 0..links {
            write!(schema, r##""d{at}":{{"allOf":[{{"$ref":"#/$defs/d{}"}}]}},"##, at + 1)
                .expect("strings take all");
        }
        write!(schema, r##""d{links}":{{"$ref":"#"}}}}}}"##).expect("strings take all");
        on_a_small_stack(move || match Compiled::new(&schema) {
            Ok(compiled) => {
                for depth in 0..=100 {
                    assert_ne!(compiled.judge(&nested(depth)), Fit::Violated, "{links} {depth}");
                }
            }
            Err(why) => assert_eq!((why, links > 10), (Refused::TooCostly, true)),
        });
    }
}

#[test]
fn wide_answers_that_make_libraries_slow_end_soon() {
    let members =
        |count: usize| Value::Object((0..count).map(|at| (format!("k{at:x}"), json!(at))).collect());
    let numbers = json!((0..60_000).collect::<Vec<_>>());
    let objects = json!((0..20_000).map(|at| json!({"a": at})).collect::<Vec<_>>());
    let deep_text = json!("[".repeat(200_000));
    let branches = |each: &str| [each; 12].join(",");
    let asks = |branch: &str| format!(r#"{{"unevaluatedProperties":false,"anyOf":[{}]}}"#, branches(branch));
    let counts = |branch: &str| format!(r#"{{"unevaluatedItems":false,"anyOf":[{}]}}"#, branches(branch));
    for (what, schema, value) in [
        ("asking branches again", asks(r#"{"propertyNames":{"maxLength":9}}"#), members(30_000)),
        ("asking a condition again", asks(r#"{"if":{"minProperties":9},"then":{"additionalProperties":{"type":"integer"}}}"#), members(30_000)),
        ("asking patterns again", asks(r#"{"patternProperties":{"^k[0-9]":{"type":"integer"}}}"#), members(30_000)),
        ("asking items again", counts(r#"{"contains":{"minimum":5}}"#), numbers.clone()),
        ("unique numbers", r#"{"uniqueItems":true}"#.to_owned(), numbers.clone()),
        ("unique objects", r#"{"uniqueItems":true}"#.to_owned(), objects),
        ("a tiny divisor", r#"{"items":{"multipleOf":1e-300}}"#.to_owned(), numbers.clone()),
        ("a huge divisor", r#"{"items":{"multipleOf":1e308,"minimum":-1e308}}"#.to_owned(), numbers),
        ("contents that are JSON", r#"{"$schema":"http://json-schema.org/draft-07/schema#","contentMediaType":"application/json","contentEncoding":"base64"}"#.to_owned(), deep_text),
        ("a pattern of many states", r#"{"pattern":"^(a|b)*a(a|b){90}c$"}"#.to_owned(), json!("ab".repeat(120_000))),
        ("a pattern of all letters", r#"{"pattern":"(\\w|\\d)*[aé]\\w{20}!$"}"#.to_owned(), json!("aé".repeat(80_000))),
    ] {
        let fit = on_a_small_stack(move || Compiled::new(&schema).map(|compiled| compiled.judge(&value)));
        assert!(fit.is_ok(), "{what}: {fit:?}");
    }
}
