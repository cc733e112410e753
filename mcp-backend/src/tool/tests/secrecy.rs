//! What stands in variables, annotations and configuration maps never comes out, whichever tool is asked.

use serde_json::{Value, json};

use super::fake::{Fake, now};

/// Stands in every place of which no value may come out.
const PLANTED: &str = "pl4nted";

fn pod() -> Value {
    let container = |name: &str| {
        json!({
            "name": name,
            "env": [{ "name": "DB_PASSWORD", "value": PLANTED }],
            "args": ["--api-token", PLANTED, format!("--password={PLANTED}")],
        })
    };
    json!({
        "metadata": {
            "name": "web", "namespace": "shop",
            "annotations": {
                "kubectl.kubernetes.io/default-container": PLANTED,
                "kubectl.kubernetes.io/last-applied-configuration": PLANTED,
            },
            "managedFields": [{ "manager": PLANTED }],
        },
        "spec": { "containers": [container("app")], "initContainers": [container("first")] },
        "status": { "phase": "Running" },
    })
}

#[tokio::test]
async fn planted_values_come_out_of_no_tool() {
    let map = json!({
        "metadata": { "name": "settings", "annotations": { "a": PLANTED } },
        "data": { "settings.yaml": PLANTED },
        "binaryData": { "key": PLANTED },
    });
    let fake = Fake::default()
        .list("/api/v1/namespaces/shop/pods", &[pod()])
        .json("/api/v1/namespaces/shop/pods/web", &pod())
        .json("/api/v1/namespaces/shop/configmaps/settings", &map)
        .list("/api/v1/namespaces/shop/events", &[])
        .log("/api/v1/namespaces/shop/pods/web/log", vec![format!("{} up", now())]);
    let pod = json!({ "namespace": "shop", "pod_name": "web" });
    let object = |kind: &str, name: &str| json!({ "namespace": "shop", "kind": kind, "name": name });
    let fields = |kind: &str, name: &str, field: &str| json!({ "namespace": "shop", "kind": kind, "name": name, "fields": [field] });
    for (tool, arguments) in [
        ("list_pods", json!({ "namespace": "shop" })),
        ("get_pod_logs", pod.clone()),
        ("analyze_logs", pod.clone()),
        ("get_events", json!({ "namespace": "shop" })),
        ("check_resource_usage", json!({ "namespace": "shop" })),
        ("check_resource_usage", pod),
        ("get_resource", object("Pod", "web")),
        ("get_resource", object("ConfigMap", "settings")),
        ("get_resource", fields("Pod", "web", "spec.containers.env.value")),
        ("get_resource", fields("Pod", "web", "metadata.annotations")),
        ("get_resource", fields("Pod", "web", "metadata.managedFields")),
        ("get_resource", fields("ConfigMap", "settings", "data.settings.yaml")),
    ] {
        let answer = fake.call(tool, arguments.clone()).await.expect(tool).to_string();
        assert!(!answer.contains(PLANTED), "{tool} {arguments}: {answer}");
    }
}
