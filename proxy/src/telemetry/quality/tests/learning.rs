//! Whose wording is current.

use std::time::Duration;

use super::*;
use crate::telemetry::quality::compile::Fit;
use crate::telemetry::quality::schemas::{ALIVE, NODES, TEXT, TEXTS, TOOLS};

fn schema(text: &str) -> Declared {
    Declared::Schema(text.into())
}

/// How many wordings are current, and whether one of them is that there is no schema.
fn count(schemas: &Schemas, tool: &str, now: Instant) -> (usize, bool) {
    let current = schemas.current(tool, now);
    (current.len(), current.iter().any(Option::is_none))
}

#[test]
fn a_client_that_lists_anew_forgets_its_earlier_wording_and_others_do_not() {
    let mut schemas = Schemas::default();
    let start = now();
    let after = |minutes: u64| start + Duration::from_secs(60 * minutes);
    assert_eq!(count(&schemas, "a", start), (0, false));
    assert!(schemas.learn("a", schema("true"), 1, start));
    assert!(!schemas.learn("a", schema("true"), 1, after(1)));
    assert!(!schemas.learn("a", schema("true"), 2, after(2)));
    assert!(schemas.learn("a", schema("false"), 1, after(3)));
    assert_eq!(count(&schemas, "a", after(3)), (2, false));
    assert!(schemas.learn("a", schema("false"), 2, after(4)));
    assert_eq!(count(&schemas, "a", after(4)), (1, false));
    assert!(schemas.learn("a", Declared::Nothing, 3, after(5)));
    assert_eq!(count(&schemas, "a", after(5)), (2, true));
    // Who listed last is believed however long ago that was; others for an hour.
    assert_eq!(count(&schemas, "a", after(1000)), (1, true));
    assert!(schemas.remove("a"));
    assert!(!schemas.remove("a"));
    assert_eq!((count(&schemas, "a", after(5)), schemas.sizes()), ((0, false), (0, 0)));
}

#[test]
fn the_bounds_hold() {
    let start = now();
    let mut schemas = Schemas::default();
    for number in 0..TOOLS + 10 {
        schemas.learn(&format!("t{number}"), Declared::Nothing, 1, start);
    }
    assert_eq!(schemas.sizes(), (TOOLS, 0));

    let mut schemas = Schemas::default();
    for audience in 0..1000 {
        schemas.learn("a", schema(&format!("{audience}")), audience, start);
    }
    assert_eq!(count(&schemas, "a", start).0, 16);

    let mut schemas = Schemas::default();
    let long = format!("{{\"title\":\"{}\"}}", "x".repeat(TEXT - 13));
    for number in 0..TEXTS / TEXT + 10 {
        schemas.learn(&format!("t{number}"), schema(&long), 1, start);
    }
    let (tools, bytes) = schemas.sizes();
    assert!(tools == TEXTS / TEXT + 10 && bytes <= TEXTS, "{bytes}");
    // What found no room is a schema that is not used, not none at all.
    assert_eq!(count(&schemas, &format!("t{}", tools - 1), start), (1, false));
    let tool = serde_json::json!({"outputSchema": {"title": "x".repeat(TEXT)}});
    assert_eq!(Declared::of(&tool), Declared::TooLarge);
}

#[test]
fn wordings_that_only_waiting_answers_hold_are_bounded_too() {
    let start = now();
    let mut schemas = Schemas::default();
    let mut waiting = Vec::new();
    let long = "x".repeat(TEXT - 40);
    for number in 0..1000 {
        schemas.learn("a", schema(&format!("{{\"title\":\"{long}\",\"n\":{number}}}")), 1, start);
        waiting.push(schemas.current("a", start));
        assert!(schemas.alive() <= ALIVE, "{}", schemas.alive());
    }
    assert!(schemas.alive() > ALIVE - 2 * TEXT);
    // The list goes on to be known, and there is room again once the answers were judged.
    assert_eq!(count(&schemas, "a", start), (1, false));
    waiting.clear();
    schemas.learn("a", schema(&long), 1, start);
    assert_eq!(schemas.alive(), long.len());
    schemas.remove("a");
    assert_eq!(schemas.alive(), 0);
}

#[test]
fn compiled_schemas_are_bounded_together_and_give_their_room_back() {
    let start = now();
    let mut schemas = Schemas::default();
    let wide = format!(r#"{{"allOf":[{}true]}}"#, r#"{"type":"object"},"#.repeat(2500));
    let used = |schemas: &Schemas| {
        let tools = (0..80).flat_map(|number| schemas.current(&format!("t{number}"), start)).flatten();
        tools.filter(|schema| schema.judge(&serde_json::json!({})) == Fit::Satisfied).count() as u64
    };
    for number in 0..80 {
        schemas.learn(&format!("t{number}"), schema(&wide), 1, start);
    }
    let first = used(&schemas);
    assert!(first > 0 && first * 2500 <= NODES && (first + 2) * 2500 > NODES, "{first}");
    // Worded anew, all of them; the old ones are gone.
    for number in 0..80 {
        schemas.learn(&format!("t{number}"), schema(&format!("{wide} ")), 1, start);
    }
    assert_eq!(used(&schemas), first);
}
