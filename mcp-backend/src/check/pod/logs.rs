//! Which logs of a pod are worth reading.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;

use super::PodFacts;
use super::view::{Role, Unit, finished_at};

/// A log to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogChoice {
    /// The container.
    pub container: String,
    /// The instance before the running one tells more.
    pub previous: bool,
}

/// The logs worth reading, the most telling first: of containers that crashed (their previous instance), that are not
/// ready, that prepare the pod, and then of the others. What never ran has none.
pub fn log_choices(pod: &Pod, now: Timestamp, most: usize) -> Vec<LogChoice> {
    let facts = PodFacts::of_pod(std::sync::Arc::new(pod.clone()), now);
    let mut ranked: Vec<(u8, LogChoice)> = Vec::new();
    for unit in facts.units() {
        let Some((rank, previous)) = rank(&facts, &unit) else { continue };
        ranked.push((rank, LogChoice { container: unit.name().to_owned(), previous }));
    }
    // The sort is stable: among equals the order is that of the pod.
    ranked.sort_by_key(|(rank, _)| *rank);
    ranked.into_iter().map(|(_, choice)| choice).take(most).collect()
}

/// How telling its log is, 0 being the most, and whether the previous one is.
fn rank(facts: &PodFacts, unit: &Unit<'_>) -> Option<(u8, bool)> {
    let last = unit.last();
    let failed_lately = last
        .is_some_and(|last| last.exit_code != 0 && finished_at(last).is_none_or(|at| facts.age(at) < 3_600));
    let init = matches!(unit.role, Role::Init(..));
    match (unit.terminated(), unit.is_running(), last) {
        (Some(end), _, _) if end.exit_code != 0 => Some((0, false)),
        (Some(_), _, _) if init => None,
        (Some(_), _, _) => Some((3, false)),
        (None, true, Some(_)) if failed_lately || !unit.is_ready() && !init => Some((0, true)),
        (None, true, _) if !unit.is_ready() => Some((1, false)),
        (None, true, _) => Some((2, false)),
        (None, false, Some(_)) => Some((0, true)),
        (None, false, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn the_logs_of_what_failed_come_first() {
        let status = |name: &str, ready: bool, state: Value, last: Value| json!({ "name": name, "ready": ready, "state": state, "lastState": last });
        let failed = json!({ "terminated": { "exitCode": 1, "finishedAt": "2026-11-22T11:30:00Z" } });
        let long_ago = json!({ "terminated": { "exitCode": 1, "finishedAt": "2026-11-20T11:30:00Z" } });
        let done = json!({ "terminated": { "exitCode": 0 } });
        let waits = json!({ "waiting": { "reason": "CrashLoopBackOff" } });
        let (running, none) = (json!({ "running": {} }), json!({}));
        let containers: Vec<Value> = ["fine", "old", "unready", "again", "loop", "new", "ended"]
            .map(|name| json!({ "name": name }))
            .into();
        let pod: Pod = serde_json::from_value(json!({
            "spec": { "initContainers": [{ "name": "first" }], "containers": containers },
            "status": {
                "initContainerStatuses": [status("first", true, done, none.clone())],
                "containerStatuses": [
                    status("fine", true, running.clone(), none.clone()),
                    status("old", true, running.clone(), long_ago),
                    status("unready", false, running.clone(), none.clone()),
                    status("again", true, running, failed.clone()),
                    status("loop", false, waits, failed.clone()),
                    status("new", false, json!({ "waiting": { "reason": "ContainerCreating" } }), none.clone()),
                    status("ended", false, failed, none),
                ],
            },
        }))
        .unwrap();
        let now: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
        let names = |most: usize| -> Vec<(String, bool)> {
            let choices = log_choices(&pod, now, most);
            choices.into_iter().map(|choice| (choice.container, choice.previous)).collect()
        };
        let of = |all: &[(&str, bool)]| -> Vec<(String, bool)> {
            all.iter().map(|(name, previous)| ((*name).to_owned(), *previous)).collect()
        };
        let all = [
            ("again", true),
            ("loop", true),
            ("ended", false),
            ("unready", false),
            ("fine", false),
            ("old", false),
        ];
        assert_eq!(names(9), of(&all));
        assert_eq!(names(4), of(&all[..4]));
    }
}
