//! What the clients do, and what follows from it for the metrics. The two stand side by side: a step says how each of
//! its calls must end.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// Series and their values; absent means zero.
pub(crate) type Expected = BTreeMap<String, f64>;

/// How a server words its answers: where the SDKs and eras differ, these differences are theirs, not the proxy's.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Dialect {
    TypeScriptLegacy,
    TypeScriptModern,
    PythonLegacy,
    PythonModern,
}

/// How a call of a tool ends.
#[derive(Clone, Copy)]
pub(crate) enum End {
    Success,
    ToolError,
    InvalidParams,
    Cancelled,
    /// The server asked for input first; the client answered, and then it succeeded.
    SuccessAfterInput,
}

/// The steps of a client in their order; the first lists the tools.
#[derive(Default)]
pub(crate) struct Plan {
    /// As the client scripts take them (steps.mjs, client.py).
    pub(crate) steps: Vec<Value>,
    calls: Vec<(&'static str, End)>,
    /// Methods whose requests the server refuses, with the code.
    errors: Vec<(&'static str, &'static str)>,
    /// Tools called again with the same arguments.
    repeated: Vec<&'static str>,
}

/// The label of tools that the server does not have.
const UNKNOWN: &str = "_other";

impl Plan {
    /// For the two servers of ours, which offer the same tools under the same names.
    pub(crate) fn common(dialect: Dialect) -> Self {
        use Dialect::{PythonLegacy, PythonModern, TypeScriptLegacy, TypeScriptModern};
        let typescript = matches!(dialect, TypeScriptLegacy | TypeScriptModern);
        let legacy = matches!(dialect, TypeScriptLegacy | PythonLegacy);
        let mut plan = Self::new();
        plan.call("add", json!({"a": 2, "b": 3}), End::Success);
        plan.call("repeat", json!({"text": "é€𝄞\n", "times": 1000}), End::Success);
        plan.call("repeat", json!({"text": "", "times": 1}), End::Success);
        plan.call("test_error_handling", json!({}), End::ToolError);
        plan.call("add", json!({"a": "x"}), End::ToolError);
        plan.call_again("add", json!({"a": 2, "b": 3}), End::Success);
        plan.unknown_tool(if typescript { End::InvalidParams } else { End::ToolError });
        plan.together("add", [json!({"a": 1, "b": 1}), json!({"a": 1, "b": 2}), json!({"a": 1, "b": 3})]);
        plan.progress("slow", json!({"steps": 4, "millis": 100}), false);
        plan.cancel("slow", json!({"steps": 1000, "millis": 20}));
        if typescript {
            let end = if legacy { End::Success } else { End::SuccessAfterInput };
            plan.call("test_elicitation", json!({"message": "Who?"}), end);
        }
        plan.step(json!({"do": "list_prompts"}));
        let arguments = json!({"arg1": "a", "arg2": "b"});
        plan.step(json!({"do": "prompt", "name": "test_prompt_with_arguments", "arguments": arguments}));
        plan.step(json!({"do": "prompt", "name": "nope", "arguments": {}}));
        plan.errors.push((
            "prompts/get",
            match dialect {
                TypeScriptLegacy | TypeScriptModern => "-32602",
                // Code 0 is no code that MCP knows.
                PythonLegacy => "_OTHER",
                PythonModern => "-32603",
            },
        ));
        plan.step(json!({"do": "list_resources"}));
        plan.step(json!({"do": "read", "uri": "test://static-text"}));
        plan.step(json!({"do": "read", "uri": "test://nope"}));
        plan.errors.push(("resources/read", "-32602"));
        if legacy {
            plan.step(json!({"do": "ping"}));
        }
        plan
    }

    /// For server-everything.
    pub(crate) fn everything() -> Self {
        let mut plan = Self::new();
        plan.call("echo", json!({"message": "é€𝄞"}), End::Success);
        plan.call("get-sum", json!({"a": 2, "b": 3}), End::Success);
        plan.call("get-sum", json!({"a": "x"}), End::ToolError);
        plan.unknown_tool(End::ToolError);
        plan.call("get-structured-content", json!({"location": "Chicago"}), End::Success);
        plan.call("get-tiny-image", json!({}), End::Success);
        plan.call("get-resource-links", json!({"count": 3}), End::Success);
        plan.call_again("echo", json!({"message": "é€𝄞"}), End::Success);
        plan.together("get-sum", [json!({"a": 1, "b": 1}), json!({"a": 1, "b": 2}), json!({"a": 1, "b": 3})]);
        // It does not hear of the cancellation: the second call lasts until the first has fallen silent.
        plan.cancel("trigger-long-running-operation", json!({"duration": 0.6, "steps": 4}));
        plan.progress("trigger-long-running-operation", json!({"duration": 0.8, "steps": 4}), true);
        plan.step(json!({"do": "list_prompts"}));
        plan.step(json!({"do": "prompt", "name": "simple-prompt", "arguments": {}}));
        plan.step(json!({"do": "prompt", "name": "args-prompt", "arguments": {"city": "Kyoto"}}));
        plan.step(json!({"do": "prompt", "name": "nope", "arguments": {}}));
        plan.errors.push(("prompts/get", "-32602"));
        plan.step(json!({"do": "list_resources"}));
        plan.step(json!({"do": "read", "uri": "demo://resource/static/document/features.md"}));
        plan.step(json!({"do": "read", "uri": "demo://nope"}));
        plan.errors.push(("resources/read", "-32602"));
        plan.step(json!({"do": "ping"}));
        plan
    }

    /// Lists the tools.
    pub(crate) fn new() -> Self {
        let mut plan = Self::default();
        plan.step(json!({"do": "list_tools"}));
        plan
    }

    pub(crate) fn step(&mut self, step: Value) {
        self.steps.push(step);
    }

    pub(crate) fn call(&mut self, name: &'static str, arguments: Value, end: End) {
        self.step(json!({"do": "call", "name": name, "arguments": arguments}));
        self.calls.push((name, end));
    }

    pub(crate) fn unknown_tool(&mut self, end: End) {
        self.step(json!({"do": "call", "name": "nope", "arguments": {}}));
        self.calls.push((UNKNOWN, end));
    }

    pub(crate) fn together<const N: usize>(&mut self, name: &'static str, arguments: [Value; N]) {
        let calls = arguments.map(|arguments| json!({"name": name, "arguments": arguments}));
        self.step(json!({"do": "together", "calls": calls.as_slice()}));
        self.calls.extend([(name, End::Success); N]);
    }

    /// `loose`: the reports travel on another stream than the answer, and their order against it is chance.
    pub(crate) fn progress(&mut self, name: &'static str, arguments: Value, loose: bool) {
        self.step(json!({"do": "progress", "name": name, "arguments": arguments, "loose": loose}));
        self.calls.push((name, End::Success));
    }

    pub(crate) fn call_again(&mut self, name: &'static str, arguments: Value, end: End) {
        self.call(name, arguments, end);
        self.repeated.push(name);
    }

    pub(crate) fn cancel(&mut self, name: &'static str, arguments: Value) {
        self.step(json!({"do": "cancel", "name": name, "arguments": arguments}));
        self.calls.push((name, End::Cancelled));
    }

    /// What the metrics must say of a client with this `client_id` when it has followed the plan.
    pub(crate) fn expected(&self, client: &str) -> Expected {
        let mut expected = Expected::new();
        let mut count = |series: String| *expected.entry(series).or_default() += 1.0;
        for &(tool, end) in &self.calls {
            let (result, error, fault) = match end {
                End::Success | End::SuccessAfterInput => ("success", "", ""),
                End::ToolError => ("error", "tool_error", "tool"),
                End::InvalidParams => ("error", "-32602", "caller"),
                End::Cancelled => ("cancelled", "", "cancelled"),
            };
            count(format!("requests {tool} {client} {result} {error}"));
            count(format!("durations {tool}"));
            if !fault.is_empty() {
                count(format!("faults {tool} {fault}"));
            }
            if tool == UNKNOWN {
                count("unknown".to_owned());
            }
            match end {
                End::SuccessAfterInput => count("interim input_required".to_owned()),
                End::InvalidParams => count("errors tools/call -32602".to_owned()),
                _ => {}
            }
        }
        for (method, code) in &self.errors {
            count(format!("errors {method} {code}"));
        }
        for tool in &self.repeated {
            count(format!("repeated {tool}"));
        }
        expected
    }
}
