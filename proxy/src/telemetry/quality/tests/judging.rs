//! Answers and what is found in them.

use super::*;
use crate::protocol::version::Version;
use crate::telemetry::quality::judge::{Answer, Finding, Judgement, Rules, Unchecked};

const OBJECT: &str = r#"{"type":"object","properties":{"n":{"type":"integer"}},"required":["n"]}"#;
const TEXT: &str = r#""content":[{"type":"text","text":"hello"}]"#;
const LIMIT: usize = 1000;

struct Case {
    result: String,
    schema: Option<&'static str>,
    version: Option<Version>,
    may_be_empty: bool,
    reports_failure: bool,
}

fn judge(case: &Case) -> Judgement {
    let message = answer(&format!("{{{}}}", case.result), LIMIT);
    let captured = message.captured.map(|captured| *captured).unwrap_or_default();
    let current = current(case.schema);
    let schemas = shared(&current);
    let answer = Answer {
        is_error: message.answer.is_error,
        content: message.answer.content,
        version: case.version,
        structured: captured.structured.as_deref(),
        text: captured.text.as_deref(),
    };
    let Case { may_be_empty, reports_failure, .. } = *case;
    answer.judge(&Rules { may_be_empty, reports_failure, size_limit: LIMIT, schemas: &schemas })
}

fn case(result: &str, schema: Option<&'static str>) -> Case {
    Case { result: result.into(), schema, version: None, may_be_empty: false, reports_failure: false }
}

const SOUND: Judgement = Ok(None);

const fn found(finding: Finding) -> Judgement {
    Ok(Some(finding))
}

#[test]
fn the_first_thing_found_is_told() {
    let with = |structured: &str| format!(r#"{TEXT},"structuredContent":{structured}"#);
    let (empty, schema, malformed) =
        (found(Finding::Empty), found(Finding::Schema), found(Finding::Malformed));
    let cases = [
        (TEXT.to_owned(), None, SOUND),
        (format!(r#"{TEXT},"isError":false"#), None, SOUND),
        (format!(r#"{TEXT},"isError":true"#), None, found(Finding::ToolError)),
        // A tool error explains itself in text; nothing else is asked of it.
        (r#""isError":true"#.into(), Some(OBJECT), found(Finding::ToolError)),
        (r#""a":1"#.into(), None, malformed),
        (r#""content":"hello""#.into(), None, malformed),
        (r#""content":[{"type":"text"}]"#.into(), None, malformed),
        (r#""content":[{"type":"hologram"}],"structuredContent":{"n":1}"#.into(), Some(OBJECT), malformed),
        (r#""content":[]"#.into(), None, empty),
        (r#""content":[{"type":"text","text":""}]"#.into(), None, empty),
        (r#""content":[{"type":"text","text":""}],"structuredContent":{}"#.into(), None, empty),
        (r#""content":[],"structuredContent":{"n":1}"#.into(), None, SOUND),
        (r#""content":[{"type":"image","data":"","mimeType":"image/png"}]"#.into(), None, SOUND),
        (with(r#"{"n":1}"#), Some(OBJECT), SOUND),
        (with(r#"{"n":"1"}"#), Some(OBJECT), schema),
        (with("{}"), Some(OBJECT), schema),
        (with("null"), Some(OBJECT), schema),
        (TEXT.to_owned(), Some(OBJECT), schema),
        // From 2026-07-28 on structured content may be any value.
        (with("[1,2]"), Some(r#"{"type":"array","items":{"type":"integer"}}"#), SOUND),
        (with("null"), Some(r#"{"type":"null"}"#), SOUND),
        // Without a schema any value is as good as another.
        (with(r#"{"n":"1"}"#), None, SOUND),
        (with(r#"{"n":1,"n":"1"}"#), Some(OBJECT), schema),
    ];
    for (result, schema, expected) in cases {
        assert_eq!(judge(&case(&result, schema)), expected, "{result} with {schema:?}");
    }
}

#[test]
fn what_cannot_be_judged_is_said_with_its_reason() {
    let with = |structured: &str| format!(r#"{TEXT},"structuredContent":{structured}"#);
    let long = with(&format!(r#"{{"n":1,"s":"{}"}}"#, "x".repeat(LIMIT)));
    assert_eq!(judge(&case(&long, Some(OBJECT))), Err(Unchecked::TooLarge));
    assert_eq!(judge(&case(&long, None)), SOUND);
    let deep = with(&format!("{}{}", "[".repeat(101), "]".repeat(101)));
    assert_eq!(judge(&case(&deep, Some(OBJECT))), Err(Unchecked::TooDeep));
    for held_by_nothing in [r#"{"n":1,"s":"\ud83d"}"#, r#"{"n":1e999}"#] {
        assert_eq!(judge(&case(&with(held_by_nothing), Some(OBJECT))), Err(Unchecked::Unreadable));
    }
    let brackets = with(&format!(r#"{{"n":1,"s":"{}\"{}"}}"#, "[".repeat(200), "{".repeat(200)));
    assert_eq!(judge(&case(&brackets, Some(OBJECT))), SOUND);
    for bad in [r#"{"type":5}"#, r##"{"$ref":"#"}"##, "17", "{"] {
        assert_eq!(judge(&case(&with("{}"), Some(bad))), Err(Unchecked::Schema), "{bad}");
    }
    let content = answer(&format!("{{{}}}", with(r#"{"n":1}"#)), LIMIT).answer.content;
    let current = current(Some(OBJECT));
    let rules =
        Rules { may_be_empty: false, reports_failure: false, size_limit: LIMIT, schemas: &shared(&current) };
    assert_eq!(Answer { content, ..Answer::default() }.judge(&rules), Err(Unchecked::NotKept));
}

#[test]
fn before_2025_06_18_structured_content_is_not_missed() {
    let versions = [
        (Some(Version::V2024_11_05), SOUND),
        (Some(Version::V2025_03_26), SOUND),
        (Some(Version::V2025_06_18), found(Finding::Schema)),
        (Some(Version::V2026_07_28), found(Finding::Schema)),
        (None, found(Finding::Schema)),
    ];
    for (version, expected) in versions {
        assert_eq!(judge(&Case { version, ..case(TEXT, Some(OBJECT)) }), expected, "{version:?}");
        let wrong = format!(r#"{TEXT},"structuredContent":{{"n":"1"}}"#);
        let judged = judge(&Case { version, ..case(&wrong, Some(OBJECT)) });
        assert_eq!(judged, found(Finding::Schema), "{version:?}");
    }
}

#[test]
fn tools_that_may_be_empty_or_report_failure_are_judged_so() {
    let nothing = r#""content":[]"#;
    assert_eq!(judge(&Case { may_be_empty: true, ..case(nothing, None) }), SOUND);
    let reporting = |result: &str, schema| judge(&Case { reports_failure: true, ..case(result, schema) });
    let failure = found(Finding::ReportedFailure);
    let text = |text: &str| format!(r#""content":[{{"type":"text","text":"{text}"}}]"#);
    let cases = [
        (format!(r#"{TEXT},"structuredContent":{{"n":1,"success":false}}"#), failure),
        (format!(r#"{TEXT},"structuredContent":{{"n":1,"success":true}}"#), SOUND),
        (format!(r#"{TEXT},"structuredContent":{{"n":1,"success":"false"}}"#), SOUND),
        (text(r#" {\"success\": false, \"error\": \"no\"}"#), failure),
        (text(r#"{\"success\": true}"#), SOUND),
        (text(r#"[{\"success\": false}]"#), SOUND),
        (text(r#"{\"success\": fal"#), SOUND),
        (text("it failed"), SOUND),
        (text(&"x".repeat(LIMIT)), Err(Unchecked::TooLarge)),
        // What is structured goes before text.
        (format!(r#"{},"structuredContent":{{"n":1}}"#, text(r#"{\"success\": false}"#)), SOUND),
    ];
    for (result, expected) in cases {
        assert_eq!(reporting(&result, None), expected, "{result}");
    }
    // The schema goes first.
    let both = format!(r#"{TEXT},"structuredContent":{{"success":false}}"#);
    assert_eq!(reporting(&both, Some(OBJECT)), found(Finding::Schema));
    // Others may say what they like.
    assert_eq!(judge(&case(&text(r#"{\"success\": false}"#), None)), SOUND);
}

#[test]
fn both_dialects_are_understood() {
    let tuple = |schema: &str| format!(r#"{{"$schema":"{schema}",{}}}"#, r#""items":[{"type":"integer"}]"#);
    let with = |structured: &str| format!(r#"{TEXT},"structuredContent":{structured}"#);
    for name in ["http://json-schema.org/draft-07/schema#", "https://json-schema.org/draft-07/schema"] {
        let schema: &'static str = tuple(name).leak();
        assert_eq!(judge(&case(&with("[1]"), Some(schema))), SOUND, "{name}");
        assert_eq!(judge(&case(&with(r#"["1"]"#), Some(schema))), found(Finding::Schema), "{name}");
    }
    let new =
        r#"{"$schema":"https://json-schema.org/draft/2020-12/schema","prefixItems":[{"type":"integer"}]}"#;
    assert_eq!(judge(&case(&with(r#"["1"]"#), Some(new))), found(Finding::Schema));
    let old = r#"{"$schema":"http://json-schema.org/draft-04/schema#"}"#;
    assert_eq!(judge(&case(&with("[1]"), Some(old))), Err(Unchecked::Schema));
}
