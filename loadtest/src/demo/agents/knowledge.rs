//! What an agent has learned from answers: the server's tools, and the pods that `list_pods` named.

use serde_json::{Map, Value, json};

/// Most tools and pods that are remembered.
const LIMIT: usize = 200;

/// A tool that may be called without knowing what it is for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tool {
    /// Its name.
    pub(super) name: String,
    /// Arguments that its schema asks for, filled with harmless values.
    pub(super) arguments: Value,
    /// Argument and header name of `x-mcp-header` properties.
    pub(super) headers: Vec<(String, String)>,
    /// It says that it changes nothing.
    pub(super) read_only: bool,
}

impl Tool {
    fn read(tool: &Value) -> Option<Self> {
        let schema = &tool["inputSchema"];
        let properties = schema["properties"].as_object();
        let headers = properties.into_iter().flatten().filter_map(|(argument, property)| {
            Some((argument.clone(), property["x-mcp-header"].as_str()?.to_owned()))
        });
        let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let arguments: Map<String, Value> =
            required.map(|name| (name.to_owned(), harmless(&schema["properties"][name]))).collect();
        Some(Self {
            name: tool["name"].as_str()?.to_owned(),
            arguments: Value::Object(arguments),
            headers: headers.collect(),
            read_only: tool["annotations"]["readOnlyHint"] == true,
        })
    }
}

/// A value that a property's schema admits, if it is a simple one.
fn harmless(schema: &Value) -> Value {
    for given in ["const", "default"] {
        if let Some(value) = schema.get(given) {
            return value.clone();
        }
    }
    if let Some(first) = schema["enum"].as_array().and_then(|values| values.first()) {
        return first.clone();
    }
    match schema["type"].as_str() {
        Some("integer" | "number") => schema.get("minimum").cloned().unwrap_or_else(|| json!(1)),
        Some("boolean") => json!(false),
        Some("array") => json!([]),
        Some("object") => json!({}),
        _ => json!("demo"),
    }
}

/// A pod as `list_pods` names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pod {
    /// Its namespace.
    pub(super) namespace: String,
    /// Its name.
    pub(super) name: String,
    /// Its node, if it has one.
    pub(super) node: Option<String>,
    /// What `kubectl` prints as its status is not `Running` or `Completed`, it is not ready, or it has restarted.
    pub(super) suspect: bool,
    /// A container has restarted, so there is a log of the instance before.
    pub(super) restarted: bool,
    /// Its containers have run, so there is a log at all.
    pub(super) ran: bool,
}

impl Pod {
    fn read(pod: &Value) -> Option<Self> {
        let reason = pod["reason"].as_str().unwrap_or_default();
        let done = matches!(reason, "Completed" | "Succeeded");
        let restarted = pod["restarts"].as_u64().unwrap_or(0) > 0;
        let ready = pod["ready"].as_str().and_then(|ready| ready.split_once('/'));
        let unready = ready.is_some_and(|(ready, all)| ready != all);
        Some(Self {
            namespace: pod["namespace"].as_str()?.to_owned(),
            name: pod["name"].as_str()?.to_owned(),
            node: pod["node"].as_str().map(str::to_owned),
            suspect: !done && (reason != "Running" || unready || restarted),
            restarted,
            ran: done || restarted || matches!(reason, "Running" | "Error" | "Terminating"),
        })
    }
}

/// Everything an agent knows.
#[derive(Debug, Default)]
pub(super) struct Knowledge {
    /// The server's tools in its order.
    pub(super) tools: Vec<Tool>,
    /// Pods, those seen last at the end.
    pub(super) pods: Vec<Pod>,
}

impl Knowledge {
    /// Reads the result of `tools/list`.
    pub(super) fn learn_tools(&mut self, result: &Value) {
        self.tools =
            result["tools"].as_array().into_iter().flatten().filter_map(Tool::read).take(LIMIT).collect();
    }

    /// Reads the result of a tool; only that of `list_pods` teaches anything.
    pub(super) fn learn(&mut self, tool: &str, result: &Value) {
        if tool != "list_pods" {
            return;
        }
        for pod in result["structuredContent"]["pods"].as_array().into_iter().flatten().filter_map(Pod::read)
        {
            self.pods.retain(|known| (&known.namespace, &known.name) != (&pod.namespace, &pod.name));
            if self.pods.len() >= LIMIT {
                self.pods.remove(0);
            }
            self.pods.push(pod);
        }
    }

    /// The server is a diagnostics server such as mcp-backend.
    pub(super) fn is_diagnostics(&self) -> bool {
        ["list_pods", "get_pod_logs"].iter().all(|name| self.tool(name).is_some())
    }

    /// The tool of this name.
    pub(super) fn tool(&self, name: &str) -> Option<&Tool> {
        self.tools.iter().find(|tool| tool.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pods_are_learned_once_and_within_a_bound() {
        let mut known = Knowledge::default();
        let pod = |name: String, reason: &str| json!({"name": name, "namespace": "shop", "reason": reason, "restarts": 0});
        for round in 0..LIMIT + 10 {
            let pods = [pod(format!("web-{round}"), "Running"), pod("cart".into(), "CrashLoopBackOff")];
            known.learn("list_pods", &json!({"structuredContent": {"pods": pods}}));
        }
        assert_eq!(known.pods.len(), LIMIT);
        assert_eq!(known.pods.iter().filter(|pod| pod.suspect).count(), 1);
        known.learn("diagnose_pod", &json!({"structuredContent": {"pods": [pod("x".into(), "Running")]}}));
        assert!(known.pods.iter().all(|pod| pod.name != "x"));
    }

    #[test]
    fn what_is_wrong_with_a_pod_is_read_as_kubectl_shows_it() {
        for (reason, ready, restarts, suspect, ran) in [
            ("Running", "1/1", 0, false, true),
            ("Running", "0/1", 0, true, true),
            ("Running", "1/1", 12, true, true),
            ("Completed", "0/1", 0, false, true),
            ("Error", "0/1", 0, true, true),
            ("CrashLoopBackOff", "0/1", 3, true, true),
            ("ImagePullBackOff", "0/1", 0, true, false),
            ("Pending", "0/1", 0, true, false),
            ("Init:0/1", "0/1", 0, true, false),
        ] {
            let pod = json!({"namespace": "shop", "name": "web", "reason": reason, "ready": ready, "restarts": restarts});
            let pod = Pod::read(&pod).unwrap();
            assert_eq!(
                (pod.suspect, pod.ran, pod.restarted),
                (suspect, ran, restarts > 0),
                "{reason} {ready}"
            );
        }
    }

    #[test]
    fn a_tool_is_learned_with_arguments_that_its_schema_admits() {
        let mut known = Knowledge::default();
        known.learn_tools(&json!({"tools": [
            {"name": "a", "annotations": {"readOnlyHint": true}, "inputSchema": {
                "type": "object", "required": ["namespace", "lines", "mode", "all"],
                "properties": {
                    "namespace": {"type": "string", "x-mcp-header": "Namespace"},
                    "lines": {"type": "integer", "minimum": 5}, "mode": {"enum": ["x", "y"]},
                    "all": {"type": "boolean"}, "more": {"type": "string"}}}},
            {"name": "b", "inputSchema": {"type": "object"}},
            {"description": "without a name"},
        ]}));
        assert_eq!(known.tools.len(), 2);
        let tool = known.tool("a").unwrap();
        assert_eq!(tool.arguments, json!({"namespace": "demo", "lines": 5, "mode": "x", "all": false}));
        assert_eq!(tool.headers, [("namespace".to_owned(), "Namespace".to_owned())]);
        assert!(tool.read_only && !known.tools[1].read_only);
    }
}
