//! Whatever the cluster holds, no answer is larger than clients take.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::fake::{Fake, assert_valid, now};

/// Text that is cheap to write and costly to show.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("\"".to_owned()),
        Just("\\".to_owned()),
        Just("\u{1}".to_owned()),
        Just("\u{2028}".to_owned()),
        Just("ERROR ".to_owned()),
        Just("panic: ".to_owned()),
        Just("\t".to_owned()),
        Just("🦀".to_owned()),
        Just("{\"level\":\"error\",\"msg\":\"".to_owned()),
        "[a-zA-Z0-9 =:./-]{0,40}",
    ];
    (proptest::collection::vec(piece, 0..8), 1_usize..30)
        .prop_map(|(pieces, times)| pieces.concat().repeat(times))
}

fn texts() -> impl Strategy<Value = Vec<String>> {
    (proptest::collection::vec(text(), 1..8), 1_usize..60)
        .prop_map(|(texts, times)| (0..times).flat_map(|_| texts.clone()).collect())
}

/// A pod that says the text wherever a pod may say something.
fn pod(at: usize, text: &str) -> Value {
    json!({
        "metadata": {
            "name": format!("web-{at}"), "namespace": "shop", "annotations": { "a": text }, "labels": { "a": text },
        },
        "spec": {
            "nodeName": text.chars().take(200).collect::<String>(),
            "containers": [{ "name": "app", "args": [text], "env": [{ "name": "A", "value": text }] }],
        },
        "status": { "phase": "Running", "reason": text, "message": text },
    })
}

fn event(at: usize, text: &str) -> Value {
    json!({
        "metadata": {},
        "involvedObject": { "kind": text, "namespace": "shop", "name": format!("web-{at}"), "fieldPath": text },
        "reason": text, "message": text, "type": text,
        "lastTimestamp": now().to_string(),
    })
}

fn cluster(texts: &[String]) -> Fake {
    let each = |make: fn(usize, &str) -> Value| -> Vec<Value> {
        texts.iter().take(300).enumerate().map(|(at, text)| make(at, text)).collect()
    };
    let lines = texts.iter().map(|text| format!("{} {}", now(), text)).collect();
    Fake::default()
        .list("/api/v1/namespaces/shop/pods", &each(pod))
        .list("/api/v1/namespaces/shop/events", &each(event))
        .json("/api/v1/namespaces/shop/pods/web", &pod(0, &texts.concat()))
        .log("/api/v1/namespaces/shop/pods/web/log", lines)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, max_shrink_iters: 4, failure_persistence: None, ..Default::default() })]

    #[test]
    fn no_answer_is_larger_than_clients_take(texts in texts()) {
        let fake = cluster(&texts);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for (tool, arguments, most) in [
            ("list_pods", json!({ "namespace": "shop", "limit": 200 }), 45_000),
            ("get_pod_logs", json!({ "namespace": "shop", "pod_name": "web", "tail_lines": 1000 }), 24_000),
            ("analyze_logs", json!({ "namespace": "shop", "pod_name": "web", "tail_lines": 5000 }), 24_000),
            ("get_events", json!({ "namespace": "shop", "limit": 200 }), 45_000),
            ("check_resource_usage", json!({ "namespace": "shop", "limit": 100 }), 45_000),
            ("get_resource", json!({ "kind": "Pod", "namespace": "shop", "name": "web" }), 25_000),
        ] {
            let answer = runtime.block_on(fake.call(tool, arguments)).unwrap();
            assert_valid(tool, &answer);
            let characters = answer.to_string().chars().count();
            prop_assert!(characters <= most, "{tool}: {characters}");
        }
    }
}
