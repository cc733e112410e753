//! The objects of the simulated cluster, damaged at random: no rule panics, every text stays bounded, and every answer
//! is what its schema says.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::fake::{Fake, assert_valid, now};
use crate::cluster::KINDS;
use crate::sim::World;

/// Numbers that follow from a seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }
}

/// Members whose text may be anything, as far as a client knows.
const WORDS: [&str; 6] = ["reason", "message", "phase", "image", "schedulerName", "qosClass"];

/// Takes out about one member in so many, and puts odd words and numbers into others.
fn damage(value: &mut Value, dice: &mut Dice, rarity: u64, keep: &str) {
    match value {
        Value::Object(object) => {
            object.retain(|key, _| dice.below(rarity) != 0 || key == keep);
            for (key, value) in object.iter_mut() {
                match value {
                    Value::String(text) if WORDS.contains(&key.as_str()) && dice.below(rarity) == 0 => {
                        let odd =
                            ["", "OfTheFuture", "\u{1b}[2J\n{,\"", "ab: é, {", "0/ nodes are available: 9"];
                        let times = [1, 1, 5_000][dice.below(3) as usize];
                        *text = odd[dice.below(5) as usize].repeat(times);
                    }
                    Value::Number(_) if dice.below(rarity) == 0 => {
                        *value = [json!(-1), json!(0), json!(i32::MAX)][dice.below(3) as usize].clone();
                    }
                    _ => damage(value, dice, rarity, keep),
                }
            }
        }
        Value::Array(items) => {
            items.retain(|_| dice.below(rarity) != 0);
            for item in items {
                damage(item, dice, rarity, keep);
            }
        }
        _ => {}
    }
}

fn text<'a>(object: &'a Value, member: &str) -> &'a str {
    object["metadata"][member].as_str().unwrap_or_default()
}

/// The damaged cluster behind its paths, and what may be asked about it.
fn damaged(seed: u64) -> (Fake, Vec<(&'static str, Value)>) {
    let mut dice = Dice(seed);
    let rarity = [3, 12, 40, 150][dice.below(4) as usize];
    let world = World::at(seed, now(), now());
    let mut fake = Fake::default();
    let mut calls = vec![
        ("cluster_health", json!({ "min_severity": "low", "limit": 100 })),
        ("list_pods", json!({ "all_namespaces": true, "limit": 200 })),
        ("get_events", json!({ "limit": 200 })),
    ];
    for kind in KINDS {
        let originals = world.objects(kind.prefix, kind.plural);
        let mut objects = originals.to_vec();
        for (original, object) in originals.iter().zip(&mut objects) {
            // What the metrics lack is an error of their API, not an answer.
            if !kind.prefix.contains("metrics") {
                // The API demands this member of the conditions of all kinds but the oldest.
                let old =
                    ["Pod", "Node", "Deployment", "StatefulSet", "DaemonSet", "Job"].contains(&kind.name);
                damage(object, &mut dice, rarity, if old { "" } else { "lastTransitionTime" });
            }
            let (namespace, name) = (text(original, "namespace"), text(original, "name"));
            let path = kind.path(Some(namespace).filter(|name| !name.is_empty()));
            fake = fake.json(&format!("{path}/{name}"), object);
            calls.extend(call(kind.name, namespace, name).filter(|_| dice.below(3) == 0));
        }
        let namespaces: BTreeSet<&str> = originals.iter().map(|object| text(object, "namespace")).collect();
        for namespace in namespaces.into_iter().filter(|_| kind.namespaced) {
            let within = originals.iter().zip(&objects).filter(|(it, _)| text(it, "namespace") == namespace);
            let within: Vec<Value> = within.map(|(_, object)| object.clone()).collect();
            fake = fake.list(&kind.path(Some(namespace)), &within);
        }
        fake = fake.list(&kind.path(None), &objects);
    }
    (fake, calls)
}

fn call(kind: &str, namespace: &str, name: &str) -> Option<(&'static str, Value)> {
    Some(match kind {
        "Pod" => {
            let arguments = json!({ "namespace": namespace, "pod_name": name, "deep_analysis": true });
            ("diagnose_pod", arguments)
        }
        "Deployment" | "StatefulSet" | "DaemonSet" | "Job" | "CronJob" => {
            let arguments = json!({ "namespace": namespace, "deployment_name": name, "kind": kind });
            ("diagnose_deployment", arguments)
        }
        "Service" => ("diagnose_service", json!({ "namespace": namespace, "service_name": name })),
        "Node" => ("diagnose_node", json!({ "node_name": name })),
        "Namespace" => ("check_resource_usage", json!({ "namespace": name })),
        _ => return None,
    })
}

/// What holds for every answer.
fn is_sound(tool: &str, answer: &Value) {
    assert_valid(tool, answer);
    if tool.starts_with("diagnose") {
        assert!(answer.to_string().len() <= 8_192, "{tool}: {} bytes", answer.to_string().len());
    }
    let severities = ["critical", "high", "medium", "low"];
    for list in [&answer["issues"], &answer["root_causes"]].into_iter().filter_map(Value::as_array) {
        let order: Vec<Option<usize>> = list
            .iter()
            .map(|issue| severities.iter().position(|severity| issue["severity"] == *severity))
            .collect();
        assert!(order.is_sorted() && order.iter().all(Option::is_some), "{tool}: {order:?}");
        for issue in list {
            let within = |value: &Value, most: usize| {
                let text = value.as_str().expect("a text");
                text.chars().count() <= most && !text.chars().any(|c| c.is_control() && !"\n\t".contains(c))
            };
            assert!(within(&issue["message"], 300) && issue["message"] != "", "{tool}: {issue}");
            assert!(
                within(&issue["recommendation"], 300) && issue["recommendation"] != "",
                "{tool}: {issue}"
            );
            let evidence = issue["evidence"].as_array().expect("a list");
            assert!(evidence.len() <= 6 && evidence.iter().all(|it| within(it, 200)), "{tool}: {issue}");
        }
        let worst = order.first().copied().flatten();
        if worst == Some(0) {
            assert!(["critical", "unknown"].contains(&answer["overall"].as_str().expect("a word")), "{tool}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, max_shrink_iters: 0, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damaged_objects_break_no_rule(seed in any::<u64>()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        let (fake, calls) = damaged(seed);
        for (tool, arguments) in calls {
            let answer = runtime.block_on(fake.call(tool, arguments.clone()));
            let answer = answer.unwrap_or_else(|error| panic!("{tool} {arguments}: {error:?}"));
            is_sound(tool, &answer);
        }
    }
}
