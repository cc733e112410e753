//! What the API tells about itself.

use http::StatusCode;
use serde_json::{Value, json};

use super::route::group;
use super::status::{self, Response};
use crate::cluster::KINDS;

pub(super) fn version() -> Response {
    object(&json!({
        "major": "1", "minor": "33", "gitVersion": "v1.33.0", "gitCommit": "simulated", "gitTreeState": "clean",
        "buildDate": "2025-04-23T13:09:42Z", "goVersion": "none", "compiler": "rustc", "platform": "linux/amd64",
    }))
}

pub(super) fn core_versions() -> Response {
    object(&json!({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}))
}

pub(super) fn groups() -> Response {
    let mut prefixes: Vec<_> = KINDS.iter().map(|kind| kind.prefix).collect();
    prefixes.sort_unstable();
    prefixes.dedup();
    let named = prefixes.iter().filter_map(|prefix| prefix.strip_prefix("/apis/"));
    let groups: Vec<Value> = named
        .filter_map(|version| version.split_once('/'))
        .map(|(group, version)| {
            let version = json!({"groupVersion": format!("{group}/{version}"), "version": version});
            json!({"name": group, "versions": [version], "preferredVersion": version})
        })
        .collect();
    object(&json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}))
}

pub(super) fn kinds(prefix: &'static str) -> Response {
    let version = prefix.trim_start_matches("/apis/").trim_start_matches("/api/");
    let mut resources: Vec<Value> = KINDS
        .iter()
        .filter(|kind| kind.prefix == prefix)
        .map(|kind| {
            json!({
                "name": kind.plural, "singularName": kind.name.to_lowercase(), "namespaced": kind.namespaced,
                "kind": kind.name, "verbs": ["get", "list"],
            })
        })
        .collect();
    if group(prefix).is_empty() {
        resources.push(json!({
            "name": "pods/log", "singularName": "", "namespaced": true, "kind": "Pod", "verbs": ["get"],
        }));
    }
    object(&json!({
        "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": resources,
    }))
}

fn object(body: &Value) -> Response {
    status::json(StatusCode::OK, body.to_string().into_bytes())
}
