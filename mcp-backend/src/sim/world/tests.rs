//! What the simulated cluster promises to those who read it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::serde::Serialize;
use k8s_openapi::serde::de::DeserializeOwned;
use serde_json::Value;

use super::{KINDS, World};

const MINUTE: i64 = 60;

fn start() -> Timestamp {
    "2026-11-20T10:00:00Z".parse().unwrap()
}

fn later(seconds: i64) -> Timestamp {
    start() + SignedDuration::from_secs(seconds)
}

fn world(seconds: i64) -> World {
    World::at(1, start(), later(seconds))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("")
}

/// The object whose name is this, or is made of this and generated letters.
fn find<'a>(world: &'a World, plural: &str, namespace: &str, name: &str) -> &'a Value {
    let prefix = KINDS.iter().find(|kind| kind.1 == plural).unwrap().0;
    let mut found = world.objects(prefix, plural).iter().filter(|object| {
        let meta = &object["metadata"];
        let own = text(&meta["name"]);
        text(&meta["namespace"]) == namespace && (own == name || meta["labels"]["app"] == name)
    });
    found.next().unwrap_or_else(|| panic!("no {plural} {namespace}/{name}"))
}

fn pods(world: &World) -> &[Value] {
    world.objects("/api/v1", "pods")
}

fn events<'a>(world: &'a World, object: &'a Value) -> impl Iterator<Item = &'a Value> {
    let events = world.objects("/api/v1", "events").iter();
    events.filter(|event| event["involvedObject"]["uid"] == object["metadata"]["uid"])
}

/// What stands at this place, as JSON; words of a text without quotation marks.
fn at(object: &Value, place: &str) -> String {
    let value = object.pointer(place).unwrap_or(&Value::Null);
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[test]
fn every_fault_has_the_evidence_of_its_check() {
    let world = world(90);
    let state = "/status/containerStatuses/0/state";
    let last = "/status/containerStatuses/0/lastState/terminated";
    let scheduled = "/status/conditions/0/message";
    for (plural, namespace, name, place, expected) in [
        ("pods", "payments", "api", &*format!("{state}/waiting/reason"), "CrashLoopBackOff"),
        ("pods", "payments", "api", &*format!("{last}/exitCode"), "1"),
        ("pods", "shop", "recommender", &*format!("{last}/reason"), "OOMKilled"),
        ("pods", "shop", "recommender", "/status/containerStatuses/0/ready", "true"),
        ("pods", "shop", "frontend-canary", &*format!("{state}/waiting/reason"), "ImagePullBackOff"),
        ("pods", "shop", "frontend-canary", &*format!("{state}/waiting/message"), "not found"),
        ("pods", "batch", "report", scheduled, "Insufficient memory"),
        ("pods", "batch", "train", scheduled, "untolerated taint {dedicated: gpu}"),
        ("pods", "shop", "cart", "/status/containerStatuses/0/ready", "false"),
        ("pods", "shop", "cart", "/status/containerStatuses/0/started", "true"),
        ("pods", "shop", "search", &*format!("{last}/exitCode"), "137"),
        ("pods", "payments", "worker", &*format!("{state}/waiting/reason"), "CreateContainerConfigError"),
        ("pods", "payments", "worker", "/spec/containers/0/envFrom/0/configMapRef/name", "worker-settings"),
        ("persistentvolumeclaims", "payments", "data-ledger-db-1", "/status/phase", "Pending"),
        (
            "pods",
            "payments",
            "ledger-db-1",
            "/spec/volumes/0/persistentVolumeClaim/claimName",
            "data-ledger-db-1",
        ),
        ("jobs", "batch", "migrate", "/status/conditions/0/reason", "BackoffLimitExceeded"),
        ("deployments", "shop", "checkout", "/status/conditions/1/reason", "ProgressDeadlineExceeded"),
        ("deployments", "shop", "checkout", "/status/readyReplicas", "3"),
        ("deployments", "shop", "checkout", "/status/updatedReplicas", "1"),
        ("services", "shop", "catalog", "/spec/selector/app", "catlog"),
        (
            "horizontalpodautoscalers",
            "payments",
            "fraud",
            "/status/conditions/1/reason",
            "FailedGetResourceMetric",
        ),
        ("nodes", "", "worker-3", "/status/conditions/1/status", "True"),
        ("pods", "platform", "agent", "/metadata/finalizers/0", "drain"),
        ("pods", "platform", "agent", "/status/phase", "Running"),
        ("pods", "shop", "import", "/status/initContainerStatuses/0/state/running/startedAt", "2026"),
        ("pods", "shop", "web", "/status/containerStatuses/0/state/running/startedAt", "2026"),
        ("cronjobs", "payments", "archive", "/spec/suspend", "true"),
        ("pods", "batch", "nightly", "/status/phase", "Succeeded"),
        ("statefulsets", "payments", "ledger-db", "/status/readyReplicas", "1"),
        ("deployments", "payments", "api", "/status/unavailableReplicas", "2"),
    ] {
        let object = find(&world, plural, namespace, name);
        let found = at(object, place);
        assert!(found.contains(expected), "{plural} {namespace}/{name} {place}: {found}, not {expected}");
    }
    let evicted: Vec<_> = pods(&world).iter().filter(|pod| pod["status"]["reason"] == "Evicted").collect();
    assert_eq!(evicted.len(), 1);
    assert_eq!(evicted[0]["spec"]["nodeName"], "worker-3");
    let twelve = |pod: &&Value| pod["status"]["containerStatuses"][0]["restartCount"] == 12;
    assert!(pods(&world).iter().filter(twelve).any(|pod| pod["metadata"]["labels"]["app"] == "web"));
}

#[test]
fn events_tell_of_the_faults() {
    let world = world(90);
    for (plural, namespace, name, reason, words) in [
        ("pods", "payments", "api", "BackOff", "restarting failed container"),
        ("pods", "shop", "frontend-canary", "Failed", "not found"),
        ("pods", "shop", "cart", "Unhealthy", "Readiness probe failed"),
        ("pods", "shop", "search", "Unhealthy", "Liveness probe failed"),
        ("pods", "shop", "search", "Killing", "failed liveness probe"),
        ("pods", "payments", "worker", "Failed", "worker-settings"),
        ("pods", "batch", "report", "FailedScheduling", "Insufficient memory"),
        ("pods", "platform", "agent", "FailedKillPod", "KillContainer"),
        ("persistentvolumeclaims", "payments", "data-ledger-db-1", "ProvisioningFailed", "fast-ssd"),
        ("jobs", "batch", "migrate", "BackoffLimitExceeded", "limit"),
        (
            "horizontalpodautoscalers",
            "payments",
            "fraud",
            "FailedGetResourceMetric",
            "missing request for cpu",
        ),
    ] {
        let object = find(&world, plural, namespace, name);
        let found = events(&world, object)
            .any(|event| event["reason"] == reason && text(&event["message"]).contains(words));
        assert!(found, "{namespace}/{name} {reason} {words}");
    }
    let three = world.objects("/api/v1", "events").iter().filter(|event| {
        event["involvedObject"]["name"] == "worker-3" && event["involvedObject"]["kind"] == "Node"
    });
    assert_eq!(three.count(), 3);
}

/// Pods that nothing can be said against: they run and are ready or are done, on a node that is well, no warning is
/// about them, and nothing restarted today.
fn well(world: &World) -> usize {
    let quiet = |pod: &Value| {
        let status = &pod["status"];
        let statuses = status["containerStatuses"].as_array().cloned().unwrap_or_default();
        let done = status["phase"] == "Succeeded";
        let ready = statuses.iter().all(|status| status["ready"] == true);
        let restarted = statuses.iter().any(|status| {
            let at = status["lastState"]["terminated"]["finishedAt"].as_str();
            at.is_some_and(|at| at.parse::<Timestamp>().unwrap() > later(-24 * 60 * MINUTE))
        });
        (done || status["phase"] == "Running" && ready && !restarted)
            && pod["spec"]["nodeName"] != "worker-3"
            && pod["metadata"]["deletionTimestamp"].is_null()
            && pod["metadata"]["ownerReferences"][0]["controller"] == true
            && !events(world, pod).any(|event| event["type"] == "Warning")
    };
    pods(world).iter().filter(|pod| quiet(pod)).count()
}

#[test]
fn there_are_four_nodes_five_namespaces_and_some_fifty_pods_most_of_them_well() {
    let world = world(0);
    assert_eq!(world.objects("/api/v1", "nodes").len(), 4);
    assert_eq!(world.objects("/api/v1", "namespaces").len(), 5);
    let count = pods(&world).len();
    assert!((45..=52).contains(&count), "{count} pods");
    assert!(well(&world) >= 25, "{} pods are well", well(&world));
    assert!(world.objects("/apis/metrics.k8s.io/v1beta1", "pods").len() >= 30);
    assert!(world.objects("/api/v1", "secrets").is_empty());
}

/// Every object by uid, and how often.
fn uids(world: &World) -> BTreeMap<String, usize> {
    let mut uids = BTreeMap::new();
    for (prefix, plural, _) in KINDS {
        for object in world.objects(prefix, plural).iter().filter(|_| !prefix.contains("metrics")) {
            *uids.entry(text(&object["metadata"]["uid"]).to_owned()).or_default() += 1;
        }
    }
    uids
}

#[test]
fn references_lead_somewhere_at_any_time() {
    for seconds in [0, 1, 299, 601, 3_600, 10_007, 58_600, 58_700, 260_003] {
        let world = world(seconds);
        let uids = uids(&world);
        assert!(uids.values().all(|count| *count == 1), "a uid is there twice");
        let nodes: BTreeSet<&str> =
            world.objects("/api/v1", "nodes").iter().map(|node| text(&node["metadata"]["name"])).collect();
        for (prefix, plural, _) in KINDS {
            for object in world.objects(prefix, plural) {
                let name = &object["metadata"]["name"];
                for owner in object["metadata"]["ownerReferences"].as_array().into_iter().flatten() {
                    assert!(uids.contains_key(text(&owner["uid"])), "{plural} {name}: owner {owner}");
                }
                for endpoint in object["endpoints"].as_array().into_iter().flatten() {
                    assert!(uids.contains_key(text(&endpoint["targetRef"]["uid"])), "{name}: {endpoint}");
                }
                if let Some(node) = object["spec"]["nodeName"].as_str() {
                    assert!(nodes.contains(node), "{plural} {name}: node {node}");
                }
                let involved = &object["involvedObject"];
                let known = involved.is_null()
                    || uids.contains_key(text(&involved["uid"]))
                    || nodes.contains(text(&involved["name"]));
                assert!(known, "event about {involved}");
                for at in ["creationTimestamp", "deletionTimestamp"] {
                    let at = object["metadata"][at].as_str().map(|at| at.parse::<Timestamp>().unwrap());
                    assert!(at.is_none_or(|at| at <= later(seconds)), "{plural} {name} is of the future");
                }
            }
        }
    }
}

#[test]
fn only_the_seeded_services_have_no_ready_endpoint() {
    let world = world(0);
    let none = |slice: &&Value| {
        let endpoints = slice["endpoints"].as_array().unwrap();
        !endpoints.iter().any(|endpoint| endpoint["conditions"]["ready"] == true)
    };
    let slices = world.objects("/apis/discovery.k8s.io/v1", "endpointslices").iter();
    let empty: BTreeSet<&str> = slices
        .filter(none)
        .map(|slice| text(&slice["metadata"]["labels"]["kubernetes.io/service-name"]))
        .collect();
    assert_eq!(empty, BTreeSet::from(["agent", "api", "cart", "catalog", "redis"]));
}

fn all(world: &World) -> String {
    let kinds = KINDS.iter().flat_map(|(prefix, plural, _)| world.objects(prefix, plural));
    kinds.map(Value::to_string).collect()
}

#[test]
fn the_same_seed_and_times_make_the_same_cluster() {
    let (started, now) = (start(), later(777));
    assert_eq!(all(&World::at(7, started, now)), all(&World::at(7, started, now)));
    assert_ne!(all(&World::at(7, started, now)), all(&World::at(8, started, now)));
    let backwards = World::at(7, started, later(-500));
    assert_eq!(all(&backwards), all(&World::at(7, started, started)), "a clock set back shows the start");
}

#[test]
fn time_brings_restarts_events_and_runs() {
    let (early, late) = (world(0), world(3_700));
    let restarts = |world: &World, name: &str, namespace: &str| {
        find(world, "pods", namespace, name)["status"]["containerStatuses"][0]["restartCount"]
            .as_u64()
            .unwrap()
    };
    for (namespace, name, more) in
        [("shop", "recommender", 3), ("payments", "api", 12), ("shop", "search", 5)]
    {
        let (before, after) = (restarts(&early, name, namespace), restarts(&late, name, namespace));
        assert_eq!(
            (after - before).abs_diff(more).min(2),
            (after - before).abs_diff(more),
            "{name}: {before} {after}"
        );
        assert!(after > before, "{name}");
    }
    let failures = |world: &World| {
        let cart = find(world, "pods", "shop", "cart");
        let event = events(world, cart).find(|event| event["reason"] == "Unhealthy").unwrap();
        (event["count"].as_u64().unwrap(), text(&event["lastTimestamp"]).to_owned())
    };
    assert_eq!(failures(&late).0 - failures(&early).0, 370);
    assert!(failures(&late).1 > failures(&early).1);
    let last = |world: &World| {
        text(&find(world, "cronjobs", "batch", "rates")["status"]["lastScheduleTime"]).to_owned()
    };
    assert!(last(&late) > last(&early));
    let node_events = |world: &World| {
        let events = world.objects("/api/v1", "events").iter();
        events
            .filter(|event| {
                event["involvedObject"]["name"] == "worker-2" && event["reason"] == "ImageGCSucceeded"
            })
            .count()
    };
    assert_eq!((node_events(&early), node_events(&world(9 * MINUTE))), (0, 1));
    let usage = |world: &World| world.objects("/apis/metrics.k8s.io/v1beta1", "nodes")[1]["usage"].clone();
    assert_ne!(usage(&early), usage(&late));
}

#[test]
fn the_nightly_job_runs_at_its_time() {
    let started: Timestamp = "2026-11-20T02:14:00Z".parse().unwrap();
    for (now, phase) in [
        ("2026-11-20T02:14:59Z", "Succeeded"),
        ("2026-11-20T02:16:00Z", "Running"),
        ("2026-11-20T02:20:00Z", "Succeeded"),
    ] {
        let world = World::at(1, started, now.parse().unwrap());
        let runs = pods(&world).iter().filter(|pod| pod["metadata"]["labels"]["app"] == "nightly");
        let newest = runs.max_by_key(|pod| text(&pod["metadata"]["creationTimestamp"])).unwrap();
        assert_eq!(newest["status"]["phase"], phase, "{now}");
    }
}

#[test]
fn logs_tell_of_the_faults_in_the_order_of_time() {
    let world = world(400);
    for (namespace, name, container, previous, words) in [
        ("payments", "api", "api", true, "missing required environment variable"),
        ("payments", "api", "api", false, "missing required environment variable"),
        ("shop", "cart", "cart", false, "connection refused"),
        ("shop", "import", "wait-for-legacy", false, "bad address"),
        ("shop", "search", "search", false, "loading index"),
        ("shop", "recommender", "recommender", true, "almost at the limit"),
        ("batch", "migrate", "migrate", false, "deadlock"),
        ("platform", "chatty", "chatty", false, "committed"),
    ] {
        let pod = text(&find(&world, "pods", namespace, name)["metadata"]["name"]);
        let log = world.log(namespace, pod, container, previous).unwrap();
        let lines: Vec<_> = (log.len.saturating_sub(2_000)..log.len).map(|index| (log.line)(index)).collect();
        assert!(lines.iter().any(|line| line.text.contains(words)), "{name}: {words}");
        assert!(lines.is_sorted_by_key(|line| line.at), "{name}");
        assert!(lines.iter().all(|line| line.at <= later(400)), "{name}");
        assert!(!lines.iter().any(
            |line| line.text.contains("PLANTED") || line.text.contains('{') && line.text.contains("{n}")
        ));
    }
    let name = |app: &str| text(&find(&world, "pods", "platform", app)["metadata"]["name"]);
    assert_eq!(world.log("platform", name("chatty"), "chatty", false).unwrap().len, 200_000);
    assert!(world.log("platform", name("chatty"), "chatty", true).is_none());
    let canary = text(&find(&world, "pods", "shop", "frontend-canary")["metadata"]["name"]);
    assert!(world.log("shop", canary, "frontend", false).is_none());
    assert!(world.log("shop", "nobody", "web", false).is_none());
}

#[test]
fn a_log_grows_at_its_end_only() {
    let line = |seconds: i64, index: usize| {
        let world = world(seconds);
        let pod = text(&find(&world, "pods", "shop", "cart")["metadata"]["name"]).to_owned();
        let log = world.log("shop", &pod, "cart", false).unwrap();
        (log.len, (log.line)(log.len - 1 - index))
    };
    let (_, newest) = line(100, 0);
    // Twenty lines of five seconds later.
    assert_eq!(line(200, 20).1, newest);
}

#[test]
fn secrets_are_planted_where_no_tool_may_look() {
    let world = world(0);
    let count = |plural: &str, place: &str| {
        let prefix = KINDS.iter().find(|kind| kind.1 == plural).unwrap().0;
        let objects = world.objects(prefix, plural).iter();
        objects.filter(|object| at(object, place).contains("PLANTED-SECRET")).count()
    };
    assert!(count("pods", "/spec/containers") >= 4);
    assert!(count("pods", "/metadata/annotations") >= 4);
    assert!(count("deployments", "/metadata/annotations") >= 2);
    assert!(count("configmaps", "/data") >= 2);
}

fn covers(typed: &Value, written: &Value, path: &str) {
    match (typed, written) {
        (Value::Object(typed), Value::Object(written)) => {
            for (name, value) in written {
                let empty = value.is_null()
                    || value.as_array().is_some_and(Vec::is_empty)
                    || value.as_object().is_some_and(serde_json::Map::is_empty);
                match typed.get(name) {
                    Some(found) => covers(found, value, &format!("{path}.{name}")),
                    None => assert!(empty, "{path}.{name} is lost: {value}"),
                }
            }
        }
        (Value::Array(typed), Value::Array(written)) => {
            assert_eq!(typed.len(), written.len(), "{path}");
            for (typed, written) in typed.iter().zip(written) {
                covers(typed, written, path);
            }
        }
        _ => assert_eq!(typed, written, "{path}"),
    }
}

fn typed<T: DeserializeOwned + Serialize>(world: &World, prefix: &str, plural: &str) {
    let objects = world.objects(prefix, plural);
    assert!(!objects.is_empty(), "no {plural}");
    for object in objects {
        let value: T =
            serde_json::from_value(object.clone()).unwrap_or_else(|error| panic!("{error}: {object}"));
        covers(&serde_json::to_value(&value).unwrap(), object, plural);
    }
}

#[test]
fn the_types_of_the_api_read_every_object_without_loss() {
    use k8s_openapi::api::{apps, autoscaling, batch, core, discovery, networking, policy, storage};
    for seconds in [0, 700] {
        let world = &world(seconds);
        typed::<core::v1::Pod>(world, "/api/v1", "pods");
        typed::<core::v1::Node>(world, "/api/v1", "nodes");
        typed::<core::v1::Service>(world, "/api/v1", "services");
        typed::<core::v1::Event>(world, "/api/v1", "events");
        typed::<core::v1::ResourceQuota>(world, "/api/v1", "resourcequotas");
        typed::<core::v1::Namespace>(world, "/api/v1", "namespaces");
        typed::<core::v1::ConfigMap>(world, "/api/v1", "configmaps");
        typed::<core::v1::PersistentVolumeClaim>(world, "/api/v1", "persistentvolumeclaims");
        typed::<apps::v1::Deployment>(world, "/apis/apps/v1", "deployments");
        typed::<apps::v1::ReplicaSet>(world, "/apis/apps/v1", "replicasets");
        typed::<apps::v1::StatefulSet>(world, "/apis/apps/v1", "statefulsets");
        typed::<apps::v1::DaemonSet>(world, "/apis/apps/v1", "daemonsets");
        typed::<batch::v1::Job>(world, "/apis/batch/v1", "jobs");
        typed::<batch::v1::CronJob>(world, "/apis/batch/v1", "cronjobs");
        let autoscaling = "/apis/autoscaling/v2";
        typed::<autoscaling::v2::HorizontalPodAutoscaler>(world, autoscaling, "horizontalpodautoscalers");
        typed::<policy::v1::PodDisruptionBudget>(world, "/apis/policy/v1", "poddisruptionbudgets");
        let networking = "/apis/networking.k8s.io/v1";
        typed::<networking::v1::Ingress>(world, networking, "ingresses");
        typed::<networking::v1::IngressClass>(world, networking, "ingressclasses");
        typed::<networking::v1::NetworkPolicy>(world, networking, "networkpolicies");
        typed::<discovery::v1::EndpointSlice>(world, "/apis/discovery.k8s.io/v1", "endpointslices");
        typed::<storage::v1::StorageClass>(world, "/apis/storage.k8s.io/v1", "storageclasses");
    }
}

#[test]
fn every_kind_that_is_read_is_there() {
    let world = world(0);
    for kind in crate::cluster::KINDS {
        assert!(!world.objects(kind.prefix, kind.plural).is_empty(), "no {}", kind.name);
    }
    for pod in world.objects("/apis/metrics.k8s.io/v1beta1", "pods") {
        let metrics: crate::cluster::PodMetrics = serde_json::from_value(pod.clone()).unwrap();
        assert!(!metrics.containers.is_empty());
    }
}
