//! What `kubectl get pods` prints of a pod: `STATUS` and `READY`. People know pods by these words.

use k8s_openapi::api::core::v1::{ContainerState, ContainerStateTerminated, ContainerStatus, Pod};

use crate::check::look::{self, is_restartable};

/// The column `STATUS`, as `CrashLoopBackOff`, `Init:0/2` or `Terminating`.
pub fn status_reason(pod: &Pod) -> String {
    let status = pod.status.as_ref();
    let phase = look::phase(pod);
    let own = status.and_then(|status| status.reason.as_deref()).filter(|reason| !reason.is_empty());
    if pod.metadata.deletion_timestamp.is_some() {
        if own == Some("NodeLost") {
            return "Unknown".to_owned();
        }
        if !matches!(phase, "Succeeded" | "Failed") {
            return "Terminating".to_owned();
        }
    }
    let mut reason = own.unwrap_or(phase).to_owned();
    let gated = |condition: &&k8s_openapi::api::core::v1::PodCondition| {
        condition.type_ == "PodScheduled" && condition.reason.as_deref() == Some("SchedulingGated")
    };
    if conditions(pod).iter().any(|condition| gated(&condition)) {
        reason = "SchedulingGated".to_owned();
    }
    match of_init_containers(pod) {
        Some(init) if !is_true(pod, "Initialized") => init,
        init => of_containers(pod, init.unwrap_or(reason)),
    }
}

/// The column `READY`: how many containers are ready, and how many there are. Init containers that keep running count.
pub fn ready_count(pod: &Pod) -> (usize, usize) {
    let Some(spec) = &pod.spec else { return (0, 0) };
    let sidecars = spec.init_containers.iter().flatten().filter(|container| is_restartable(container));
    let names: Vec<&str> =
        spec.containers.iter().chain(sidecars).map(|container| container.name.as_str()).collect();
    let status = pod.status.as_ref();
    let main = status.and_then(|status| status.container_statuses.as_deref()).unwrap_or_default();
    let init = status.and_then(|status| status.init_container_statuses.as_deref()).unwrap_or_default();
    let running = |status: &ContainerStatus| state(status).is_some_and(|state| state.running.is_some());
    let ready = main.iter().filter(|status| status.ready && running(status)).count()
        + init
            .iter()
            .filter(|status| {
                status.ready && status.started == Some(true) && names.contains(&status.name.as_str())
            })
            .count();
    (ready, names.len())
}

fn state(status: &ContainerStatus) -> Option<&ContainerState> {
    status.state.as_ref()
}

fn conditions(pod: &Pod) -> &[k8s_openapi::api::core::v1::PodCondition] {
    pod.status.as_ref().and_then(|status| status.conditions.as_deref()).unwrap_or_default()
}

fn is_true(pod: &Pod, kind: &str) -> bool {
    conditions(pod).iter().any(|condition| condition.type_ == kind && condition.status == "True")
}

fn ended(terminated: &ContainerStateTerminated) -> String {
    match (terminated.reason.as_deref().unwrap_or_default(), terminated.signal.unwrap_or(0)) {
        ("", 0) => format!("ExitCode:{}", terminated.exit_code),
        ("", signal) => format!("Signal:{signal}"),
        (reason, _) => reason.to_owned(),
    }
}

/// The first init container that is not done yet.
fn of_init_containers(pod: &Pod) -> Option<String> {
    let specs = pod.spec.as_ref()?.init_containers.as_deref().unwrap_or_default();
    let statuses = pod.status.as_ref()?.init_container_statuses.as_deref().unwrap_or_default();
    for (at, status) in statuses.iter().enumerate() {
        let spec = specs.iter().find(|spec| spec.name == status.name);
        let terminated = state(status).and_then(|state| state.terminated.as_ref());
        let waiting = state(status)
            .and_then(|state| state.waiting.as_ref())
            .and_then(|waiting| waiting.reason.as_deref())
            .filter(|reason| !reason.is_empty() && *reason != "PodInitializing");
        if terminated.is_some_and(|terminated| terminated.exit_code == 0)
            || spec.is_some_and(is_restartable) && status.started == Some(true)
        {
            continue;
        }
        return Some(match (terminated, waiting) {
            (Some(terminated), _) => format!("Init:{}", ended(terminated)),
            (None, Some(reason)) => format!("Init:{reason}"),
            (None, None) => format!("Init:{at}/{}", specs.len()),
        });
    }
    None
}

/// The first container that has something to say wins over the pod and over later ones.
fn of_containers(pod: &Pod, otherwise: String) -> String {
    let statuses = pod.status.as_ref().and_then(|status| status.container_statuses.as_deref());
    let mut reason = otherwise;
    let mut runs = false;
    for status in statuses.unwrap_or_default().iter().rev() {
        let waiting = state(status)
            .and_then(|state| state.waiting.as_ref())
            .and_then(|waiting| waiting.reason.as_deref())
            .filter(|reason| !reason.is_empty());
        let terminated = state(status).and_then(|state| state.terminated.as_ref());
        match (waiting, terminated) {
            (Some(waiting), _) => reason = waiting.to_owned(),
            (None, Some(terminated)) => reason = ended(terminated),
            (None, None) => {
                runs |= status.ready && state(status).is_some_and(|state| state.running.is_some());
            }
        }
    }
    if reason == "Completed" && runs {
        reason = if is_true(pod, "Ready") { "Running" } else { "NotReady" }.to_owned();
    }
    reason
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn pod(value: Value) -> Pod {
        serde_json::from_value(value).unwrap()
    }

    #[track_caller]
    fn check(value: Value, reason: &str, ready: (usize, usize)) {
        let pod = pod(value);
        assert_eq!((status_reason(&pod).as_str(), ready_count(&pod)), (reason, ready));
    }

    fn two(first: Value, second: Value, ready: bool) -> Value {
        json!({
            "spec": { "containers": [{ "name": "a" }, { "name": "b" }] },
            "status": {
                "phase": "Running",
                "conditions": [{ "type": "Ready", "status": if ready { "True" } else { "False" } }],
                "containerStatuses": [
                    { "name": "a", "ready": first.get("running").is_some(), "state": first },
                    { "name": "b", "ready": second.get("running").is_some(), "state": second },
                ],
            },
        })
    }

    #[test]
    fn the_state_of_a_container_is_the_status_of_the_pod() {
        check(two(json!({ "running": {} }), json!({ "running": {} }), true), "Running", (2, 2));
        let waiting = json!({ "waiting": { "reason": "CrashLoopBackOff" } });
        check(two(json!({ "running": {} }), waiting.clone(), false), "CrashLoopBackOff", (1, 2));
        let error = json!({ "terminated": { "exitCode": 1, "reason": "Error" } });
        check(two(error, waiting, false), "Error", (0, 2));
        let killed = json!({ "terminated": { "exitCode": 137, "signal": 9 } });
        check(two(json!({ "running": {} }), killed, false), "Signal:9", (1, 2));
        let code = json!({ "terminated": { "exitCode": 3 } });
        check(two(json!({ "running": {} }), code, false), "ExitCode:3", (1, 2));
        let done = json!({ "terminated": { "exitCode": 0, "reason": "Completed" } });
        check(two(json!({ "running": {} }), done.clone(), true), "Running", (1, 2));
        check(two(json!({ "running": {} }), done.clone(), false), "NotReady", (1, 2));
        check(two(done.clone(), done, false), "Completed", (0, 2));
    }

    #[test]
    fn init_containers_speak_until_they_are_done() {
        let init = |statuses: Value| {
            json!({
                "spec": {
                    "initContainers": [{ "name": "i" }, { "name": "j" }],
                    "containers": [{ "name": "a" }],
                },
                "status": {
                    "phase": "Pending",
                    "initContainerStatuses": statuses,
                    "containerStatuses": [
                        { "name": "a", "state": { "waiting": { "reason": "PodInitializing" } } },
                    ],
                },
            })
        };
        let done = json!({ "name": "i", "state": { "terminated": { "exitCode": 0 } } });
        let of = |state: Value| json!({ "name": "j", "state": state });
        check(init(json!([done, of(json!({ "running": {} }))])), "Init:1/2", (0, 1));
        check(
            init(json!([done, of(json!({ "terminated": { "exitCode": 2, "reason": "Error" } }))])),
            "Init:Error",
            (0, 1),
        );
        check(init(json!([done, of(json!({ "terminated": { "exitCode": 2 } }))])), "Init:ExitCode:2", (0, 1));
        check(
            init(json!([done, of(json!({ "waiting": { "reason": "ErrImagePull" } }))])),
            "Init:ErrImagePull",
            (0, 1),
        );
        check(init(json!([done, done])), "PodInitializing", (0, 1));
    }

    #[test]
    fn an_init_container_that_keeps_running_counts_as_a_container() {
        check(
            json!({
                "spec": {
                    "initContainers": [{ "name": "proxy", "restartPolicy": "Always" }, { "name": "once" }],
                    "containers": [{ "name": "a" }],
                },
                "status": {
                    "phase": "Running",
                    "initContainerStatuses": [
                        { "name": "proxy", "ready": true, "started": true, "state": { "running": {} } },
                        { "name": "once", "ready": true, "state": { "terminated": { "exitCode": 0 } } },
                    ],
                    "containerStatuses": [{ "name": "a", "ready": true, "state": { "running": {} } }],
                },
            }),
            "Running",
            (2, 2),
        );
    }

    #[test]
    fn the_pod_itself_has_words_too() {
        let plain = json!({ "containers": [{ "name": "a" }] });
        let gate = json!([{ "type": "PodScheduled", "status": "False", "reason": "SchedulingGated" }]);
        check(
            json!({ "spec": plain, "status": { "phase": "Failed", "reason": "Evicted" } }),
            "Evicted",
            (0, 1),
        );
        check(json!({ "spec": plain, "status": { "phase": "Pending" } }), "Pending", (0, 1));
        check(
            json!({ "spec": plain, "status": { "phase": "Pending", "conditions": gate } }),
            "SchedulingGated",
            (0, 1),
        );
        let deleted = json!({ "deletionTimestamp": "2026-11-22T12:00:00Z" });
        let of = |phase: &str, reason: &str| json!({ "metadata": deleted, "spec": plain, "status": { "phase": phase, "reason": reason } });
        check(of("Running", ""), "Terminating", (0, 1));
        check(of("Running", "NodeLost"), "Unknown", (0, 1));
        check(of("Succeeded", ""), "Succeeded", (0, 1));
        check(json!({}), "Unknown", (0, 0));
    }
}
