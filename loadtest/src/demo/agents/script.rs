//! What agents do, as lists of steps: pure, random by the generator that is handed in.
//!
//! Mistakes belong to it. Agents invent tool names, forget arguments, ask for the same thing again and again, and give
//! up before the answer is there; an operator sees all of that at the server and wants to know whose fault it was.

use std::time::Duration;

use rand::Rng;
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;
use serde_json::{Value, json};

use super::knowledge::{Knowledge, Pod};

/// How a request ends if the answer takes its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Patience {
    /// The answer is waited for.
    Wait,
    /// The client says that it does not want the answer any more.
    Cancel(Duration),
    /// The client closes its connection.
    Leave(Duration),
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Step {
    /// Call a tool.
    Call {
        /// Its name, or what the agent believes to be one.
        tool: String,
        /// The arguments.
        arguments: Value,
        /// How long it waits.
        patience: Patience,
    },
    /// Another request.
    Ask {
        /// The method.
        method: &'static str,
        /// Its parameters.
        params: Value,
    },
    /// Think for a moment that is this part of the usual time.
    Think(f64),
}

/// A way of working.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Habit {
    /// From the cluster's health to the reason why a pod fails.
    Incident,
    /// The same call again and again.
    Loop,
    /// Looking around: usage, objects, resources.
    Browse,
    /// Tools that do not exist, arguments that are wrong.
    Confused,
    /// Long logs.
    Logs,
    /// Services, nodes and workloads.
    Network,
    /// What a developer's inspector asks for.
    Inspect,
    /// A job that looks at everything in turn.
    Watch,
    /// Calls that are given up.
    Impatient,
}

/// Workloads with a fault in the simulated cluster, and how to ask for each.
const WORKLOADS: [(&str, &str, &str); 8] = [
    ("payments", "api", "Deployment"),
    ("shop", "recommender", "Deployment"),
    ("shop", "checkout", "Deployment"),
    ("shop", "frontend-canary", "Deployment"),
    ("payments", "worker", "Deployment"),
    ("payments", "ledger-db", "StatefulSet"),
    ("batch", "migrate", "Job"),
    ("payments", "archive", "CronJob"),
];
const SERVICES: [(&str, &str); 3] = [("shop", "catalog"), ("shop", "web"), ("payments", "api")];
const NAMESPACES: [&str; 5] = ["shop", "payments", "batch", "platform", "kube-system"];
/// Names that models make up.
const INVENTED: [&str; 5] =
    ["get_pods", "kubectl_get", "describe_pod", "list_namespaces", "restart_deployment"];

/// The first steps of every agent at a diagnostics server.
pub(super) fn opening() -> Vec<Step> {
    vec![Step::Think(0.3), call("list_pods", json!({"all_namespaces": true, "limit": 200}))]
}

/// The steps of one piece of work.
pub(super) fn write(habit: Habit, known: &Knowledge, random: &mut SmallRng) -> Vec<Step> {
    let steps = match habit {
        Habit::Incident => incident(known, random),
        Habit::Loop => again(known, random),
        Habit::Browse => browse(known, random),
        Habit::Confused => confused(known, random),
        Habit::Logs => logs(known, random),
        Habit::Network => network(known, random),
        Habit::Inspect => inspect(known, random),
        Habit::Watch => watch(known, random),
        Habit::Impatient => impatient(known, random),
    };
    spaced(steps)
}

/// The steps at a server of which nothing is known but its tools: those that say they change nothing, or that the user
/// named.
pub(super) fn write_generic(known: &Knowledge, named: &[String], random: &mut SmallRng) -> Vec<Step> {
    let usable: Vec<_> = known
        .tools
        .iter()
        .filter(|tool| if named.is_empty() { tool.read_only } else { named.contains(&tool.name) })
        .collect();
    let mut steps = vec![ask("tools/list", json!({}))];
    for _ in 0..random.random_range(3..8) {
        let Some(tool) = usable.choose(random) else { break };
        steps.push(call(&tool.name, tool.arguments.clone()));
    }
    if random.random_bool(0.3) {
        steps.push(call(INVENTED[random.random_range(0..INVENTED.len())], json!({})));
    }
    spaced(steps)
}

fn incident(known: &Knowledge, random: &mut SmallRng) -> Vec<Step> {
    let namespace = NAMESPACES[random.random_range(0..NAMESPACES.len())];
    let mut steps = if random.random_bool(0.4) {
        let limit = [10, 20, 50][random.random_range(0..3)];
        let unhealthy = json!({"all_namespaces": true, "only_unhealthy": true, "limit": limit});
        vec![call("cluster_health", json!({"limit": limit})), call("list_pods", unhealthy)]
    } else {
        let limit = [5, 10, 20][random.random_range(0..3)];
        let unhealthy = json!({"namespace": namespace, "only_unhealthy": true, "limit": limit});
        vec![
            call("cluster_health", json!({"namespace": namespace, "limit": limit})),
            call("list_pods", unhealthy),
        ]
    };
    for _ in 0..random.random_range(1..=3) {
        let Some(pod) = suspect(known, random) else { break };
        steps.push(call("diagnose_pod", named(&pod, json!({}))));
        // Now and then somebody asks for the log of what never ran.
        if random.random_bool(if pod.ran { 0.8 } else { 0.1 }) {
            let previous = pod.restarted && random.random_bool(0.5);
            steps.push(call("get_pod_logs", named(&pod, json!({"previous": previous, "tail_lines": 50}))));
        }
        if random.random_bool(0.5) {
            steps.push(call("get_events", json!({"namespace": pod.namespace, "name": pod.name})));
        }
    }
    let (namespace, name, kind) = WORKLOADS[random.random_range(0..WORKLOADS.len())];
    steps.push(call(
        "diagnose_deployment",
        json!({"namespace": namespace, "deployment_name": name, "kind": kind}),
    ));
    steps
}

fn again(known: &Knowledge, random: &mut SmallRng) -> Vec<Step> {
    let step = match suspect(known, random) {
        Some(pod) => call("diagnose_pod", named(&pod, json!({}))),
        None => call("cluster_health", json!({})),
    };
    let times = random.random_range(3..8);
    std::iter::repeat_n([step, Step::Think(0.2)], times).flatten().collect()
}

fn browse(known: &Knowledge, random: &mut SmallRng) -> Vec<Step> {
    let namespace = NAMESPACES[random.random_range(0..NAMESPACES.len())];
    let mut steps = vec![
        call("list_pods", json!({"namespace": namespace})),
        call("check_resource_usage", json!({"namespace": namespace})),
        call("get_events", json!({"namespace": namespace, "type": "Warning"})),
    ];
    if let Some(pod) = known.pods.choose(random) {
        let fields = ["status.phase", "spec.nodeName"];
        let about = json!({"kind": "Pod", "namespace": pod.namespace, "name": pod.name, "fields": fields});
        steps.push(call("get_resource", about));
    }
    steps.push(call("get_resource", json!({"kind": "Namespace", "name": namespace})));
    steps
}

fn confused(known: &Knowledge, random: &mut SmallRng) -> Vec<Step> {
    let pod = suspect(known, random);
    let (namespace, name) =
        pod.as_ref().map_or(("shop", "web"), |pod| (pod.namespace.as_str(), pod.name.as_str()));
    let wrong = match random.random_range(0..5) {
        0 => call("diagnose_pod", json!({"pod_name": name})),
        1 => call("get_pod_logs", json!({"namespace": namespace, "pod_name": name, "tail_lines": "all"})),
        2 => call("diagnose_pod", json!({"namespace": namespace, "name": name})),
        3 => call("list_pods", json!({"namespace": "Shop Production"})),
        // A pod that a deployment replaced long ago.
        _ => call("diagnose_pod", json!({"namespace": namespace, "pod_name": "web-5d9c7b6f4-gone1"})),
    };
    let invented = INVENTED[random.random_range(0..INVENTED.len())];
    let mut steps = vec![wrong, ask("tools/list", json!({}))];
    if random.random_bool(0.8) {
        steps.insert(0, call(invented, json!({"namespace": namespace})));
    }
    if let Some(pod) = &pod {
        steps.push(call("diagnose_pod", named(pod, json!({}))));
    }
    steps
}

fn logs(known: &Knowledge, random: &mut SmallRng) -> Vec<Step> {
    let chatty = known.pods.iter().find(|pod| pod.name.starts_with("chatty")).cloned();
    let with_log = |pod: &Pod| pod.ran;
    let any = suspect(known, random).filter(with_log).or_else(|| suspect(known, random));
    let Some(pod) = chatty.filter(|_| random.random_bool(0.4)).or(any) else {
        return vec![call("list_pods", json!({"namespace": "shop"}))];
    };
    let mut steps = vec![
        call("analyze_logs", named(&pod, json!({"tail_lines": random.random_range(4..=10) * 100}))),
        call("get_pod_logs", named(&pod, json!({"tail_lines": 1000, "filter": "(?i)error|warn|timeout"}))),
    ];
    if random.random_bool(0.5) {
        steps.push(call("get_pod_logs", named(&pod, json!({"tail_lines": random.random_range(50..1000)}))));
    }
    steps
}

fn network(known: &Knowledge, random: &mut SmallRng) -> Vec<Step> {
    let (namespace, service) = SERVICES[random.random_range(0..SERVICES.len())];
    let node = known.pods.iter().filter_map(|pod| pod.node.clone()).collect::<Vec<_>>();
    let node = node.choose(random).map_or("worker-3", String::as_str);
    let (of, name, kind) = WORKLOADS[random.random_range(0..WORKLOADS.len())];
    vec![
        call("diagnose_service", json!({"namespace": namespace, "service_name": service})),
        call("diagnose_node", json!({"node_name": node})),
        call("diagnose_deployment", json!({"namespace": of, "deployment_name": name, "kind": kind})),
    ]
}

fn inspect(known: &Knowledge, random: &mut SmallRng) -> Vec<Step> {
    let mut steps = vec![
        ask("tools/list", json!({})),
        ask("prompts/list", json!({})),
        ask("resources/list", json!({})),
        ask("resources/read", json!({"uri": "checks://list"})),
    ];
    if let Some(pod) = suspect(known, random) {
        let arguments = named(&pod, json!({}));
        steps.push(ask("prompts/get", json!({"name": "troubleshoot_pod", "arguments": arguments})));
        steps.push(call("diagnose_pod", named(&pod, json!({"deep_analysis": true}))));
    }
    steps.push(call("cluster_health", json!({"min_severity": "low", "limit": 100})));
    steps
}

fn watch(known: &Knowledge, random: &mut SmallRng) -> Vec<Step> {
    let mut steps = vec![call("cluster_health", json!({"namespace": NAMESPACES[random.random_range(0..3)]}))];
    for namespace in NAMESPACES.choose_multiple(random, 2) {
        let phase = ["Running", "Pending", "Failed"][random.random_range(0..3)];
        let sort_by = ["cpu", "memory", "restarts"][random.random_range(0..3)];
        steps.push(call("list_pods", json!({"namespace": namespace, "phase": phase})));
        steps.push(call("check_resource_usage", json!({"namespace": namespace, "sort_by": sort_by})));
    }
    if let Some(pod) = suspect(known, random) {
        steps.push(call("diagnose_pod", named(&pod, json!({"check_logs": false}))));
    }
    // A job waits for its next turn.
    steps.push(Step::Think(6.0));
    steps
}

fn impatient(known: &Knowledge, random: &mut SmallRng) -> Vec<Step> {
    let after = Duration::from_millis(random.random_range(1..25));
    let patience = if random.random_bool(0.5) { Patience::Cancel(after) } else { Patience::Leave(after) };
    let (tool, arguments) = match suspect(known, random) {
        Some(pod) => ("analyze_logs", named(&pod, json!({"tail_lines": 1000}))),
        None => ("cluster_health", json!({})),
    };
    vec![
        Step::Call { tool: tool.to_owned(), arguments, patience },
        Step::Think(1.0),
        call("cluster_health", json!({"limit": 5})),
    ]
}

/// Mostly a pod with something wrong, now and then a healthy one.
fn suspect(known: &Knowledge, random: &mut SmallRng) -> Option<Pod> {
    let suspects: Vec<&Pod> = known.pods.iter().filter(|pod| pod.suspect).collect();
    if suspects.is_empty() || random.random_bool(0.15) {
        return known.pods.choose(random).cloned();
    }
    suspects.choose(random).copied().cloned()
}

fn call(tool: &str, arguments: Value) -> Step {
    Step::Call { tool: tool.to_owned(), arguments, patience: Patience::Wait }
}

fn ask(method: &'static str, params: Value) -> Step {
    Step::Ask { method, params }
}

/// Arguments that name a pod, and more.
fn named(pod: &Pod, mut more: Value) -> Value {
    more["namespace"] = json!(pod.namespace);
    more["pod_name"] = json!(pod.name);
    more
}

/// Puts a pause after every request that has none.
fn spaced(steps: Vec<Step>) -> Vec<Step> {
    let mut spaced = Vec::with_capacity(steps.len() * 2);
    for step in steps {
        let pause = matches!(step, Step::Think(_));
        if pause && matches!(spaced.last(), Some(Step::Think(_))) {
            spaced.pop();
        }
        spaced.push(step);
        if !pause {
            spaced.push(Step::Think(1.0));
        }
    }
    spaced
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::super::persona::PERSONAS;
    use super::*;

    fn known() -> Knowledge {
        let mut known = Knowledge::default();
        let pods = [("payments", "api-1", "CrashLoopBackOff"), ("shop", "web-1", "Running")]
            .map(|(namespace, name, reason)| json!({"namespace": namespace, "name": name, "reason": reason}));
        known.learn("list_pods", &json!({"structuredContent": {"pods": pods}}));
        known
    }

    fn work(seed: u64) -> Vec<Step> {
        let mut random = SmallRng::seed_from_u64(seed);
        let habits = PERSONAS.iter().flat_map(|persona| persona.habits);
        habits.flat_map(|(habit, _)| write(*habit, &known(), &mut random)).collect()
    }

    #[test]
    fn the_same_seed_gives_the_same_work_and_another_seed_other_work() {
        assert_eq!(work(1), work(1));
        assert_ne!(work(1), work(2));
    }

    #[test]
    fn every_request_is_followed_by_a_pause() {
        for pair in work(3).windows(2) {
            assert!(matches!(pair[0], Step::Think(_)) != matches!(pair[1], Step::Think(_)), "{pair:?}");
        }
    }

    #[test]
    fn an_agent_that_knows_no_pod_still_has_work() {
        let mut random = SmallRng::seed_from_u64(1);
        for (habit, _) in PERSONAS.iter().flat_map(|persona| persona.habits) {
            let steps = write(*habit, &Knowledge::default(), &mut random);
            assert!(steps.iter().any(|step| !matches!(step, Step::Think(_))), "{habit:?}");
        }
    }

    #[test]
    fn an_unknown_server_is_only_asked_for_what_changes_nothing_or_was_named() {
        let mut known = Knowledge::default();
        known.learn_tools(&json!({"tools": [
            {"name": "read", "annotations": {"readOnlyHint": true}}, {"name": "delete_all"}, {"name": "extra"},
        ]}));
        let called = |named: &[String]| -> Vec<String> {
            let mut random = SmallRng::seed_from_u64(7);
            let steps = (0..20).flat_map(|_| write_generic(&known, named, &mut random));
            let mut names: Vec<String> = steps
                .filter_map(|step| match step {
                    Step::Call { tool, .. } if !INVENTED.contains(&tool.as_str()) => Some(tool),
                    _ => None,
                })
                .collect();
            names.sort_unstable();
            names.dedup();
            names
        };
        assert_eq!(called(&[]), ["read"]);
        assert_eq!(called(&["extra".to_owned()]), ["extra"]);
    }
}
