//! Every fault that is seeded in the simulated cluster is diagnosed first by the check that stands for it, whatever the
//! seed and however long the cluster runs, and the controls stay quiet.

#[expect(dead_code, reason = "each test file uses its own part")]
#[path = "support/cluster.rs"]
mod cluster;
#[expect(dead_code, reason = "each test file uses its own part")]
#[path = "support/questions.rs"]
mod questions;

use std::time::Duration;

use serde_json::{Value, json};

use cluster::Cluster;

const SEEDS: [u64; 3] = [1, 2, 4711];

const MOMENTS: [Duration; 3] = [Duration::ZERO, Duration::from_secs(20 * 60), Duration::from_secs(6 * 3600)];

/// For one of the seeds: between two crashes, between two restarts, and a day later.
const MORE: [Duration; 3] =
    [Duration::from_secs(45), Duration::from_secs(3 * 60), Duration::from_secs(24 * 3600)];

/// What is asked, and which check must be the first to answer.
struct Fault {
    tool: &'static str,
    namespace: &'static str,
    /// The name, for pods its beginning.
    object: &'static str,
    kind: &'static str,
    first: &'static str,
    /// Further checks that must be named in the answer.
    also: &'static [&'static str],
    /// What the message of the first issue must name, so that an agent knows the cause.
    says: &'static [&'static str],
    /// What its evidence must show.
    shows: &'static [&'static str],
}

const fn pod(
    namespace: &'static str,
    object: &'static str,
    first: &'static str,
    says: &'static [&'static str],
    shows: &'static [&'static str],
) -> Fault {
    Fault { tool: "diagnose_pod", namespace, object, kind: "Pod", first, also: &[], says, shows }
}

const fn workload(
    kind: &'static str,
    namespace: &'static str,
    object: &'static str,
    first: &'static str,
    says: &'static [&'static str],
    shows: &'static [&'static str],
) -> Fault {
    Fault { tool: "diagnose_deployment", namespace, object, kind, first, also: &[], says, shows }
}

const FAULTS: &[Fault] = &[
    pod("payments", "api-", "POD-001", &["exit code 1"], &["last run", "back-off"]),
    pod("shop", "recommender-", "POD-004", &["memory", "limit 512Mi"], &["OOMKilled", "heap"]),
    pod("shop", "frontend-canary-", "POD-002", &["no such image or tag"], &["2.41.0-rc9", "NotFound"]),
    pod("batch", "report-", "POD-007", &["2× \"insufficient memory\""], &["memory 96Gi"]),
    pod("batch", "train-", "POD-007", &["taint"], &["dedicated"]),
    Fault {
        also: &["redis.shop:6379: connect: connection refused"],
        ..pod("shop", "cart-", "POD-010", &["readiness probe", "/ready"], &["503"])
    },
    pod("shop", "search-", "POD-011", &["liveness probe"], &["connection refused"]),
    pod(
        "payments",
        "worker-",
        "POD-003",
        &["configmap \"worker-settings\" not found"],
        &["CreateContainerConfigError"],
    ),
    Fault {
        also: &["PVC-001"],
        ..pod("payments", "ledger-db-1", "POD-018", &["data-ledger-db-1"], &["fast-ssd"])
    },
    workload("Job", "batch", "migrate", "WRK-007", &["BackoffLimitExceeded"], &["backoff limit"]),
    workload("Deployment", "shop", "checkout", "WRK-002", &["600"], &["ProgressDeadlineExceeded"]),
    Fault {
        tool: "diagnose_service",
        kind: "Service",
        ..workload("", "shop", "catalog", "SVC-001", &["selector", "catlog"], &["app=catalog"])
    },
    workload("Deployment", "payments", "fraud", "WRK-009", &["no requests"], &["missing request for cpu"]),
    Fault {
        tool: "diagnose_node",
        kind: "Node",
        ..workload("", "", "worker-3", "NOD-002", &["DiskPressure"], &["DiskPressure=True"])
    },
    pod("platform", "agent-", "POD-015", &["was to be gone", "still there"], &["platform.example.com/drain"]),
    pod("shop", "import-", "POD-009", &["init container", "wait-for-legacy"], &["legacy-db.internal"]),
];

/// The clusters that everything is asked of, each with its name for failures.
fn clusters() -> impl Iterator<Item = (String, Cluster)> {
    let times = SEEDS.into_iter().flat_map(|seed| MOMENTS.map(|after| (seed, after)));
    let times = times.chain(MORE.map(|after| (SEEDS[0], after)));
    times.map(|(seed, after)| (format!("seed {seed} after {after:?}"), Cluster::at(seed, after)))
}

fn questions(cluster: &Cluster, fault: &Fault) -> Vec<Value> {
    let (namespace, object) = (fault.namespace, fault.object);
    match fault.tool {
        "diagnose_pod" => questions::pods(&cluster.world)
            .into_iter()
            .filter(|(of, name)| of == namespace && name.starts_with(object))
            .map(|(of, name)| json!({"namespace": of, "pod_name": name}))
            .collect(),
        "diagnose_deployment" => {
            vec![json!({"namespace": namespace, "deployment_name": object, "kind": fault.kind})]
        }
        "diagnose_service" => vec![json!({"namespace": namespace, "service_name": object})],
        _ => vec![json!({"node_name": object})],
    }
}

fn issues(answer: &Value) -> &[Value] {
    answer["issues"].as_array().expect("issues")
}

/// Checks, and those that they explain on the same container: one cause, one issue.
const EXPLAINED: &[(&str, &[&str])] =
    &[("POD-001", &["POD-005", "POD-006", "POD-010", "POD-023"]), ("POD-004", &["POD-005"])];

/// An issue that another one of the answer explains.
fn told_twice(answer: &Value) -> Option<String> {
    let found = issues(answer);
    let explains = |(cause, explained): &(&str, &[&str])| {
        let cause = found.iter().find(|issue| issue["check"] == *cause)?;
        let same = |issue: &&Value| {
            issue["object"] == cause["object"] && explained.iter().any(|check| issue["check"] == *check)
        };
        found.iter().find(same).map(|issue| format!("{} is told beside its cause", issue["check"]))
    };
    EXPLAINED.iter().find_map(explains)
}

/// What is wrong with an answer, if anything is.
fn wrong(fault: &Fault, answer: &Value) -> Option<String> {
    let Some(first) = issues(answer).first() else { return Some("no issue".to_owned()) };
    if first["check"] != fault.first {
        return Some(format!("first is {}", first["check"]));
    }
    let message = first["message"].as_str().unwrap_or_default().to_lowercase();
    if let Some(unsaid) = fault.says.iter().find(|word| !message.contains(&word.to_lowercase())) {
        return Some(format!("the message does not say {unsaid:?}"));
    }
    let evidence = first["evidence"].to_string();
    if let Some(hidden) = fault.shows.iter().find(|word| !evidence.contains(**word)) {
        return Some(format!("the evidence does not show {hidden:?}"));
    }
    if first["recommendation"].as_str().is_none_or(str::is_empty) {
        return Some("no recommendation".to_owned());
    }
    if let Some(twice) = told_twice(answer) {
        return Some(twice);
    }
    let text = answer.to_string();
    fault
        .also
        .iter()
        .find(|check| !text.contains(**check))
        .map(|check| format!("{check:?} is not in the answer"))
}

#[tokio::test]
async fn each_seeded_fault_shows_its_cause_first() {
    let mut failures = Vec::new();
    for (name, cluster) in clusters() {
        for fault in FAULTS {
            let questions = questions(&cluster, fault);
            if questions.is_empty() {
                failures.push(format!("{name}: there is no {}/{}", fault.namespace, fault.object));
            }
            for arguments in questions {
                let answer = cluster.ok(fault.tool, arguments.clone()).await;
                if let Some(wrong) = wrong(fault, &answer) {
                    failures.push(format!("{name}: {arguments}: {wrong}: {:#}", answer["issues"]));
                }
            }
        }
    }
    assert!(failures.is_empty(), "{} failures\n{}", failures.len(), failures.join("\n"));
}

#[tokio::test]
async fn the_evicted_pod_is_told_from_its_node() {
    for (name, cluster) in clusters() {
        let node = cluster.ok("diagnose_node", json!({"node_name": "worker-3"})).await;
        let evicted = cluster.ok("list_pods", json!({"all_namespaces": true, "phase": "Failed"})).await;
        let pods = evicted["pods"].as_array().expect("pods");
        let pod = pods.iter().find(|pod| pod["reason"] == "Evicted").expect("an evicted pod");
        let rows = node["pods_with_issues"].as_array().expect("rows");
        assert!(
            rows.iter().any(|row| row.to_string().contains(pod["name"].as_str().expect("a name"))),
            "{name}: {node:#}"
        );
        let arguments = json!({"namespace": pod["namespace"], "pod_name": pod["name"]});
        let answer = cluster.ok("diagnose_pod", arguments).await;
        let first = &issues(&answer)[0];
        assert_eq!(first["check"], "POD-014", "{name}: {answer:#}");
        assert!(
            first.to_string().contains("worker-3") && first.to_string().contains("ephemeral-storage"),
            "{name}: {first:#}"
        );
    }
}

#[tokio::test]
async fn what_pods_share_is_told_once_for_their_workload() {
    for (name, cluster) in clusters() {
        let arguments = json!({"namespace": "payments", "deployment_name": "api"});
        let answer = cluster.ok("diagnose_deployment", arguments).await;
        let causes = answer["root_causes"].as_array().expect("causes");
        let crashing = causes.iter().filter(|issue| issue["check"] == "POD-001");
        assert!(causes[0]["check"] == "POD-001" && crashing.count() == 1, "{name}: {causes:#?}");
        assert_eq!(answer["pods"].as_array().map(Vec::len), Some(2), "{name}");
    }
}

/// Whether the list has an issue of this check about this object.
fn lists(issues: &[Value], check: &str, namespace: &str, object: &str) -> bool {
    issues.iter().any(|issue| {
        let of = &issue["object"];
        issue["check"] == check
            && of["namespace"].as_str().unwrap_or_default() == namespace
            && of["name"].as_str().is_some_and(|name| name.starts_with(object))
    })
}

#[tokio::test]
async fn the_health_of_the_cluster_lists_every_seeded_fault() {
    for (name, cluster) in clusters() {
        let answer = cluster.ok("cluster_health", json!({"limit": 100})).await;
        let found = issues(&answer);
        assert!(answer.get("truncated").is_none(), "{name}: {}", answer["truncated"]);
        assert_eq!(answer["partial"], json!([]), "{name}");
        assert_eq!(answer["overall"], "critical", "{name}");
        let missing: Vec<String> = FAULTS
            .iter()
            .map(|fault| (fault.first, fault.namespace, fault.object))
            .chain([("POD-014", "", ""), ("PVC-001", "payments", "data-ledger-db-1")])
            .filter(|(check, namespace, object)| {
                let anywhere = object.is_empty() && found.iter().any(|issue| issue["check"] == *check);
                !anywhere && !lists(found, check, namespace, object)
            })
            .map(|(check, namespace, object)| format!("{check} {namespace}/{object}"))
            .collect();
        let told: Vec<String> =
            found.iter().map(|issue| format!("{} {}", issue["check"], issue["object"])).collect();
        assert!(missing.is_empty(), "{name}: {missing:?} in {told:#?}");
        for (namespace, control) in
            [("shop", "web"), ("batch", "nightly"), ("payments", "archive"), ("platform", "chatty")]
        {
            let about = found.iter().find(|issue| {
                issue["object"]["namespace"] == namespace
                    && issue["object"]["name"].as_str().is_some_and(|name| name.starts_with(control))
            });
            assert_eq!(about, None, "{name}");
        }
    }
}

fn above_low(answer: &Value) -> bool {
    issues(answer).iter().any(|issue| issue["severity"] != "low")
}

#[tokio::test]
async fn most_pods_have_no_issue_above_low() {
    for (name, cluster) in clusters() {
        let (mut quiet, mut loud) = (0, Vec::new());
        for (namespace, pod) in questions::pods(&cluster.world) {
            let answer = cluster.ok("diagnose_pod", json!({"namespace": namespace, "pod_name": pod})).await;
            // A pod that does not run has no usage; nothing else is missing.
            let partial = answer["partial"].as_array().expect("a list");
            assert!(partial.iter().all(|input| input["input"] == "usage"), "{name}: {pod}: {partial:?}");
            let seeded = FAULTS.iter().any(|fault| {
                fault.kind == "Pod" && namespace == fault.namespace && pod.starts_with(fault.object)
            });
            match above_low(&answer) {
                false => quiet += 1,
                true if !seeded => {
                    let checks = issues(&answer).iter().filter_map(|issue| issue["check"].as_str());
                    loud.push(format!("{namespace}/{pod}: [{}]", checks.collect::<Vec<_>>().join(", ")));
                }
                true => {}
            }
        }
        assert!(quiet >= 25, "{name}: {quiet}");
        // What is loud without a row in the table is part of another fault.
        let known = ["batch/migrate-", "shop/checkout-", "shop/thumbnailer-"];
        // The node under pressure is told with every pod on it.
        loud.retain(|pod| !known.iter().any(|prefix| pod.starts_with(prefix)) && !pod.contains(": [POD-020"));
        assert_eq!(loud, Vec::<String>::new(), "{name}");
    }
}

#[tokio::test]
async fn controls_stay_quiet() {
    for (name, cluster) in clusters() {
        let mut restarts = 0;
        for (namespace, pod) in questions::pods(&cluster.world) {
            let control = ["web-", "nightly-", "chatty-"].iter().any(|control| pod.starts_with(control));
            if !control {
                continue;
            }
            let arguments = json!({"namespace": namespace, "pod_name": pod});
            let answer = cluster.ok("diagnose_pod", arguments.clone()).await;
            assert!(answer["overall"] == "healthy" && !above_low(&answer), "{name}: {pod}: {answer:#}");
            restarts += issues(&answer).iter().filter(|issue| issue["check"] == "POD-006").count();
            if pod.starts_with("nightly-") {
                assert_eq!(answer["issues"], json!([]), "{name}: {pod}");
            }
            if pod.starts_with("chatty-") {
                let lines = json!({"namespace": namespace, "pod_name": pod, "tail_lines": 1000});
                let log = cluster.ok("get_pod_logs", lines).await;
                let cut = &log["truncated"];
                let shown = log["lines"].as_array().map_or(0, Vec::len);
                assert!(
                    cut["shown"] == shown && cut["total"].as_u64() > cut["shown"].as_u64(),
                    "{name}: {cut}"
                );
                assert!(cut["hint"].as_str().is_some_and(|hint| hint.contains("filter")), "{name}: {cut}");
            }
        }
        assert_eq!(restarts, 1, "{name}: one pod of web was restarted long ago");
        for (kind, namespace, object, checks) in [
            ("Deployment", "shop", "web", &[] as &[&str]),
            ("Deployment", "platform", "chatty", &[]),
            ("CronJob", "batch", "nightly", &[]),
            ("CronJob", "payments", "archive", &["WRK-008"]),
        ] {
            let arguments = json!({"namespace": namespace, "deployment_name": object, "kind": kind});
            let answer = cluster.ok("diagnose_deployment", arguments).await;
            assert!(answer["overall"] == "healthy" && !above_low(&answer), "{name}: {object}: {answer:#}");
            let found: Vec<&str> =
                issues(&answer).iter().filter_map(|issue| issue["check"].as_str()).collect();
            assert_eq!(found, checks, "{name}: {object}");
        }
    }
}
