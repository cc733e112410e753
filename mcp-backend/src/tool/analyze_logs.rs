//! `analyze_logs`: what goes wrong by a container's log, counted.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::log::{Groups, PATTERNS, entries, group};
use crate::report::{Truncated, clean, clip};

use super::pod_log::{PodLog, Which, read};
use super::{Context, Name, Namespace, Number, Tool, ToolError};

/// How many kinds of errors are shown.
const ERRORS: usize = 20;

/// How many characters of a message are shown.
const MESSAGE_CHARACTERS: usize = 300;

/// How many recommendations are given.
const RECOMMENDATIONS: usize = 5;

/// The tool.
pub(super) struct AnalyzeLogs;

/// Which log.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    namespace: Namespace,
    pod_name: Name,
    /// Default: the pod's default container.
    container: Option<Name>,
    /// Of the instance before the last restart.
    #[serde(default)]
    previous: bool,
    /// How many of the newest lines are read.
    #[serde(default)]
    tail_lines: Number<1, 5000, 500>,
    /// Only lines of the last so many seconds.
    since_seconds: Option<Number<1, 31_536_000, 3600>>,
}

/// What goes wrong.
#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    container: String,
    total_lines: usize,
    errors: Vec<Failure>,
    error_patterns: BTreeMap<&'static str, u64>,
    recommendations: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    truncated: Option<Truncated>,
}

/// Errors that differ only in numbers and ids.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Failure {
    /// Of the newest.
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp: Option<Timestamp>,
    level: &'static str,
    message: String,
    pattern: &'static str,
    count: u64,
}

impl Tool for AnalyzeLogs {
    const NAME: &'static str = "analyze_logs";
    const TITLE: &'static str = "Find errors in logs";
    const DESCRIPTION: &'static str = "Groups the errors in a container's newest log lines by message and by kind \
        (connection, DNS, memory, …) with counts and advice.";
    type Arguments = Arguments;
    type Output = Output;

    async fn run(context: Context, arguments: Arguments) -> Result<Output, ToolError> {
        let which = Which {
            namespace: &arguments.namespace,
            pod: &arguments.pod_name,
            container: arguments.container.as_ref(),
            previous: arguments.previous,
            tail_lines: arguments.tail_lines.get(),
            since_seconds: arguments.since_seconds.map(Number::get),
        };
        let log = read(&context.reader, &which).await?;
        Ok(output(log, arguments.previous))
    }
}

fn output(log: PodLog, previous: bool) -> Output {
    let found = group(&entries(log.text.lines()));
    let recommendations = recommendations(&found, log.restarts, previous);
    let kinds = found.groups.len();
    let truncated = (kinds > ERRORS || found.ungrouped > 0).then(|| Truncated {
        what: "errors".to_owned(),
        shown: ERRORS as u64,
        // Those that are in no group are counted one by one: no fewer kinds are known.
        total: kinds as u64 + found.ungrouped,
        hint: "the most frequent are shown: ask by since_seconds or fewer tail_lines".to_owned(),
    });
    let errors = found.groups.into_iter().take(ERRORS).map(|group| Failure {
        timestamp: group.last,
        level: group.level.as_str(),
        message: clip(&clean(&group.message), MESSAGE_CHARACTERS).into_owned(),
        pattern: group.pattern.as_str(),
        count: group.count,
    });
    Output {
        container: log.container,
        total_lines: log.text.lines().count(),
        errors: errors.collect(),
        error_patterns: found.patterns,
        recommendations,
        truncated: truncated.or(log.truncated),
    }
}

/// One for each kind, the most frequent first.
fn recommendations(found: &Groups, restarts: i32, previous: bool) -> Vec<String> {
    let count = |name: &str| found.patterns.get(name).copied().unwrap_or(0);
    let mut kinds: Vec<_> = PATTERNS.into_iter().filter(|pattern| count(pattern.as_str()) > 0).collect();
    kinds.sort_by_key(|pattern| std::cmp::Reverse(count(pattern.as_str())));
    let mut all: Vec<String> = kinds
        .into_iter()
        .take(RECOMMENDATIONS)
        .map(|pattern| format!("{} ({}): {}", pattern.as_str(), count(pattern.as_str()), pattern.advice()))
        .collect();
    if restarts > 0 && !previous {
        all.push(format!(
            "the container restarted {restarts} times: previous=true shows the log before the last restart"
        ));
    }
    all
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::tool::tests::fake::{Fake, assert_valid};

    async fn analyze(lines: Vec<String>, mut arguments: Value) -> Value {
        let pod = json!({
            "metadata": { "name": "web", "namespace": "shop" },
            "spec": { "containers": [{ "name": "app" }] },
            "status": {
                "containerStatuses": [
                    { "name": "app", "ready": true, "restartCount": 4, "image": "", "imageID": "" },
                ],
            },
        });
        let fake = Fake::default()
            .json("/api/v1/namespaces/shop/pods/web", &pod)
            .log("/api/v1/namespaces/shop/pods/web/log", lines);
        arguments["namespace"] = json!("shop");
        arguments["pod_name"] = json!("web");
        let answer = fake.call("analyze_logs", arguments).await.unwrap();
        assert_valid("analyze_logs", &answer);
        answer
    }

    fn line(at: usize, text: &str) -> String {
        format!("2026-11-22T11:{:02}:{:02}.000000000Z {text}", at / 60 % 60, at % 60)
    }

    #[tokio::test]
    async fn errors_are_grouped_and_counted_by_kind() {
        let lines = vec![
            line(0, "dial tcp 10.0.0.1:6379: connection refused"),
            line(1, "0 errors, failover ok"),
            line(2, "dial tcp 10.0.0.2:6379: connection refused"),
            line(3, r#"{"level":"error","msg":"order 17 lost"}"#),
        ];
        let answer = analyze(lines, json!({})).await;
        assert_eq!(
            answer["errors"],
            json!([
                {
                    "timestamp": "2026-11-22T11:00:02Z", "level": "error", "count": 2, "pattern": "connection_error",
                    "message": "dial tcp 10.0.0.2:6379: connection refused",
                },
                {
                    "timestamp": "2026-11-22T11:00:03Z", "level": "error", "count": 1, "pattern": "error",
                    "message": "order 17 lost",
                },
            ])
        );
        assert_eq!(answer["error_patterns"], json!({ "connection_error": 2, "error": 1 }));
        let advice = answer["recommendations"].as_array().unwrap();
        assert!(advice[0].as_str().unwrap().starts_with("connection_error (2): "));
        assert!(advice.last().unwrap().as_str().unwrap().contains("previous=true"));
        let calm = analyze(vec![line(0, "INFO up")], json!({ "previous": true })).await;
        assert_eq!((&calm["errors"], &calm["recommendations"]), (&json!([]), &json!([])));
    }

    #[tokio::test]
    async fn a_long_log_stays_within_bounds() {
        let word = |at: usize| char::from(b'a' + u8::try_from(at % 26).unwrap());
        let lines: Vec<String> = (0..200_000)
            .map(|at| {
                line(at, &format!("ERROR {}{}{} broke", word(at), word(at / 26), "\u{1}\"".repeat(at % 300)))
            })
            .collect();
        let answer = analyze(lines, json!({ "tail_lines": 5000 })).await;
        assert_eq!(answer["errors"].as_array().unwrap().len(), ERRORS);
        assert!(answer.get("truncated").is_some());
        assert!(answer.to_string().len() < 24_000);
    }
}
