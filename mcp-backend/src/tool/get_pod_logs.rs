//! `get_pod_logs`: the newest lines of a container, filtered.

use jiff::Timestamp;
use regex::{Regex, RegexBuilder};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::log::{Line, parse_line};
use crate::report::{Truncated, clean, clip};

use super::pod_log::{PodLog, Which, read};
use super::{Context, ErrorType, Name, Namespace, Number, Tool, ToolError, limit};

/// How many bytes the lines may have as JSON: with the rest, an answer stays under 24 kB.
const LINES_BYTES: usize = 21_500;

/// How many characters of a line are shown.
const LINE_CHARACTERS: usize = 2_000;

/// How many containers are named.
const CONTAINERS: usize = 20;

/// The longest expression, and how much memory its automaton may take.
const EXPRESSION_BYTES: usize = 500;
const AUTOMATON_BYTES: usize = 1 << 20;

/// The tool.
pub(super) struct GetPodLogs;

/// Which lines.
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
    tail_lines: Number<1, 1000, 100>,
    /// Only lines of the last so many seconds.
    since_seconds: Option<Number<1, 31_536_000, 3600>>,
    /// Regular expression: only lines that match; (?i) ignores case.
    #[schemars(length(max = 500))]
    filter: Option<String>,
    /// Regular expression: no lines that match.
    #[schemars(length(max = 500))]
    exclude_filter: Option<String>,
    /// Lines shown around each match.
    #[serde(default)]
    context_lines: Number<0, 5, 0>,
}

/// The lines.
#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    container: String,
    previous: bool,
    lines: Vec<String>,
    /// How many were read.
    total_lines: usize,
    matched_lines: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    time_range: Option<TimeRange>,
    #[serde(skip_serializing_if = "Option::is_none")]
    truncated: Option<Truncated>,
    containers: Vec<String>,
}

/// From the first line shown to the last.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct TimeRange {
    first: Timestamp,
    last: Timestamp,
}

impl Tool for GetPodLogs {
    const NAME: &'static str = "get_pod_logs";
    const TITLE: &'static str = "Read logs of a pod";
    const DESCRIPTION: &'static str = "Shows the newest log lines of a container, filtered by regular expressions. \
        After a crash use previous=true; for a summary of errors use analyze_logs.";
    type Arguments = Arguments;
    type Output = Output;

    async fn run(context: Context, arguments: Arguments) -> Result<Output, ToolError> {
        let filter = Filter {
            only: arguments.filter.as_deref().map(|text| expression("filter", text)).transpose()?,
            not: arguments
                .exclude_filter
                .as_deref()
                .map(|text| expression("exclude_filter", text))
                .transpose()?,
        };
        let which = Which {
            namespace: &arguments.namespace,
            pod: &arguments.pod_name,
            container: arguments.container.as_ref(),
            previous: arguments.previous,
            tail_lines: arguments.tail_lines.get(),
            since_seconds: arguments.since_seconds.map(Number::get),
        };
        let log = read(&context.reader, &which).await?;
        Ok(output(log, &filter, arguments.context_lines.size(), arguments.previous))
    }
}

/// An expression of the caller: matched in time linear to the text, in bounded memory.
fn expression(argument: &str, text: &str) -> Result<Regex, ToolError> {
    let wrong = |why: &str| {
        ToolError::new(
            ErrorType::Validation,
            format!("{argument} is not a regular expression that can be used: {why}"),
            "simplify it; special characters are escaped by \\",
        )
    };
    if text.len() > EXPRESSION_BYTES {
        return Err(wrong("it is too long"));
    }
    RegexBuilder::new(text)
        .size_limit(AUTOMATON_BYTES)
        .dfa_size_limit(AUTOMATON_BYTES)
        .build()
        // The last line of the library's message says what is wrong, those above show where.
        .map_err(|error| wrong(&clip(error.to_string().lines().last().unwrap_or_default(), 200)))
}

struct Filter {
    only: Option<Regex>,
    not: Option<Regex>,
}

impl Filter {
    fn matches(&self, text: &str) -> bool {
        self.only.as_ref().is_none_or(|only| only.is_match(text))
            && !self.not.as_ref().is_some_and(|not| not.is_match(text))
    }
}

fn output(log: PodLog, filter: &Filter, around: usize, previous: bool) -> Output {
    let lines: Vec<Line<'_>> = log.text.lines().map(parse_line).collect();
    let matches: Vec<bool> = lines.iter().map(|line| filter.matches(line.text)).collect();
    let matched_lines = matches.iter().filter(|matched| **matched).count();
    let mut wanted = matches.clone();
    for at in (0..lines.len()).filter(|at| matches[*at]) {
        let end = (at + around + 1).min(lines.len());
        wanted[at.saturating_sub(around)..end].fill(true);
    }
    let chosen: Vec<&Line<'_>> =
        lines.iter().zip(&wanted).filter(|(_, wanted)| **wanted).map(|(line, _)| line).collect();
    let mut shown: Vec<String> =
        chosen.iter().rev().map(|line| clip(&clean(line.text), LINE_CHARACTERS).into_owned()).collect();
    shown.truncate(limit::fitting(&shown, LINES_BYTES));
    shown.reverse();
    let seen = &chosen[chosen.len() - shown.len()..];
    let mut times = seen.iter().filter_map(|line| line.at);
    let time_range = times.next().map(|first| TimeRange { first, last: times.next_back().unwrap_or(first) });
    let truncated = truncated(seen, chosen.len()).or(log.truncated);
    let containers = log.containers.into_iter().take(CONTAINERS).collect();
    Output {
        container: log.container,
        previous,
        total_lines: lines.len(),
        matched_lines,
        time_range,
        truncated,
        containers,
        lines: shown,
    }
}

/// Says what of the lines that were read is not shown.
fn truncated(seen: &[&Line<'_>], chosen: usize) -> Option<Truncated> {
    if seen.len() < chosen {
        return Some(Truncated {
            what: "lines".to_owned(),
            shown: seen.len() as u64,
            total: chosen as u64,
            hint: "the newest lines are shown: narrow by filter, exclude_filter or since_seconds".to_owned(),
        });
    }
    let longest = seen.iter().map(|line| line.text.chars().count()).max().unwrap_or(0);
    (longest > LINE_CHARACTERS).then(|| Truncated {
        what: "characters of a line".to_owned(),
        shown: LINE_CHARACTERS as u64,
        total: longest as u64,
        hint: "lines are cut at their end; exclude_filter leaves long ones out".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::tool::tests::fake::{Fake, assert_valid};

    const POD: &str = "/api/v1/namespaces/shop/pods/web";
    const LOG: &str = "/api/v1/namespaces/shop/pods/web/log";

    fn pod(containers: &[&str]) -> Value {
        let containers: Vec<Value> = containers.iter().map(|name| json!({ "name": name })).collect();
        json!({ "metadata": { "name": "web", "namespace": "shop" }, "spec": { "containers": containers } })
    }

    fn line(at: usize, text: &str) -> String {
        format!("2026-11-22T11:{:02}:{:02}.000000000Z {text}", at / 60 % 60, at % 60)
    }

    fn fake(lines: Vec<String>) -> Fake {
        Fake::default().json(POD, &pod(&["app"])).log(LOG, lines)
    }

    fn with(mut arguments: Value) -> Value {
        arguments["namespace"] = json!("shop");
        arguments["pod_name"] = json!("web");
        arguments
    }

    async fn logs(fake: &Fake, arguments: Value) -> Value {
        let answer = fake.call("get_pod_logs", with(arguments)).await.unwrap();
        assert_valid("get_pod_logs", &answer);
        assert!(answer.to_string().len() <= 24_000, "{}", answer.to_string().len());
        answer
    }

    #[tokio::test]
    async fn lines_are_shown_as_they_were_written() {
        let fake = fake(vec![line(0, "  a\tb\u{1b}[0m"), line(61, "ERROR c")]);
        assert_eq!(
            logs(&fake, json!({})).await,
            json!({
                "container": "app", "previous": false, "lines": ["  a\tb\u{FFFD}[0m", "ERROR c"],
                "total_lines": 2, "matched_lines": 2, "containers": ["app"],
                "time_range": { "first": "2026-11-22T11:00:00Z", "last": "2026-11-22T11:01:01Z" },
            })
        );
        let answer = logs(&self::fake(Vec::new()), json!({})).await;
        assert_eq!((&answer["lines"], answer.get("time_range")), (&json!([]), None));
    }

    #[tokio::test]
    async fn filters_choose_lines_and_context_shows_their_neighbours() {
        let fake = fake((0..10).map(|at| line(at, &format!("line {at}"))).collect());
        for (arguments, lines, matched) in [
            (json!({ "filter": "[37]$" }), vec![3, 7], 2),
            (json!({ "filter": "[37]$", "context_lines": 1 }), vec![2, 3, 4, 6, 7, 8], 2),
            (json!({ "filter": "[09]$", "context_lines": 1 }), vec![0, 1, 8, 9], 2),
            (json!({ "filter": "(?i)LINE", "exclude_filter": "[0-7]" }), vec![8, 9], 2),
            (json!({ "filter": "3", "tail_lines": 2 }), vec![], 0),
            (json!({ "tail_lines": 2 }), vec![8, 9], 2),
        ] {
            let answer = logs(&fake, arguments.clone()).await;
            let expected: Vec<String> = lines.iter().map(|at| format!("line {at}")).collect();
            assert_eq!(answer["lines"], json!(expected), "{arguments}");
            assert_eq!(answer["matched_lines"], matched, "{arguments}");
        }
        for (filter, why) in
            [("(", "unclosed"), ("(?:a{1000}){1000}", "size"), (&"a".repeat(501), "too long")]
        {
            let error = fake.call("get_pod_logs", with(json!({ "filter": filter }))).await.unwrap_err();
            assert!(error.kind == ErrorType::Validation && error.failed.contains(why), "{error}");
        }
    }

    #[tokio::test]
    async fn the_container_is_the_default_one_unless_it_is_named() {
        let mut pod = pod(&["app", "proxy"]);
        let tells = |query: &str| line(0, query);
        let read = |pod: &Value| Fake::default().json(POD, pod).text(LOG, tells);
        let answer = logs(&read(&pod), json!({})).await;
        assert_eq!((&answer["container"], &answer["containers"]), (&json!("app"), &json!(["app", "proxy"])));
        assert!(answer["lines"][0].as_str().unwrap().contains("container=app"));
        pod["metadata"]["annotations"] = json!({ "kubectl.kubernetes.io/default-container": "proxy" });
        assert_eq!(logs(&read(&pod), json!({})).await["container"], "proxy");
        let answer =
            logs(&read(&pod), json!({ "container": "app", "previous": true, "since_seconds": 60 })).await;
        let query = answer["lines"][0].as_str().unwrap();
        assert!(query.contains("previous=true") && query.contains("sinceSeconds=60"), "{query}");
        pod["metadata"]["annotations"] = json!({ "kubectl.kubernetes.io/default-container": "gone" });
        assert_eq!(logs(&read(&pod), json!({})).await["container"], "app");
        let error = read(&pod).call("get_pod_logs", with(json!({ "container": "x" }))).await.unwrap_err();
        assert!(error.kind == ErrorType::NotFound && error.next.contains("app, proxy"), "{error}");
    }

    #[tokio::test]
    async fn a_container_without_a_log_is_explained() {
        let mut waits = pod(&["app"]);
        waits["status"] = json!({
            "containerStatuses": [{
                "name": "app", "ready": false, "restartCount": 0, "image": "", "imageID": "",
                "state": { "waiting": { "reason": "ImagePullBackOff" } },
            }],
        });
        let fake = Fake::default().json(POD, &waits).status(LOG, 400);
        let error = fake.call("get_pod_logs", with(json!({}))).await.unwrap_err();
        assert!(error.failed.contains("ImagePullBackOff"), "{error}");
        let error = fake.call("get_pod_logs", with(json!({ "previous": true }))).await.unwrap_err();
        assert!(error.next.contains("previous=false"), "{error}");
        let error = fake.status(LOG, 403).call("get_pod_logs", with(json!({}))).await.unwrap_err();
        assert_eq!(error.kind, ErrorType::Forbidden);
    }

    #[tokio::test]
    async fn of_a_long_log_the_newest_lines_are_shown_and_the_cut_is_announced() {
        let chatty: Vec<String> = (0..200_000).map(|at| line(at, &format!("request {at} served"))).collect();
        let fake = self::fake(chatty);
        let answer = logs(&fake, json!({ "tail_lines": 1000 })).await;
        let lines = answer["lines"].as_array().unwrap();
        assert_eq!(lines.last().unwrap(), "request 199999 served");
        assert!(lines.len() < 1_000 && lines.len() > 500);
        assert_eq!(answer["truncated"]["total"], 1000);
        // Control characters, quotation marks and the like grow as JSON.
        let odd: Vec<String> =
            (0..1_000).map(|at| line(at, &format!("{}{at}", "\"\\\u{1}".repeat(20)))).collect();
        let answer = logs(&self::fake(odd), json!({ "tail_lines": 1000 })).await;
        assert!(answer["lines"].as_array().unwrap().last().unwrap().as_str().unwrap().ends_with("999"));
    }

    #[tokio::test]
    async fn lines_that_are_too_long_for_the_api_leave_the_newest() {
        let long: Vec<String> = (0..1_000).map(|at| line(at, &format!("{at} {}", "x".repeat(900)))).collect();
        let answer = logs(&fake(long), json!({ "tail_lines": 1000, "filter": "^999 " })).await;
        assert_eq!(answer["matched_lines"], 1);
        assert_eq!(
            (&answer["truncated"]["what"], &answer["truncated"]["total"]),
            (&json!("tail_lines"), &json!(1000))
        );
        assert!(answer["total_lines"].as_u64().unwrap() > 100);
        let endless = vec![line(0, &"x".repeat(600_000)), line(1, &"y".repeat(600_000))];
        let answer = logs(&fake(endless), json!({})).await;
        assert!(answer["lines"][0].as_str().unwrap().starts_with('y'), "the newest line");
        assert_eq!(answer["lines"][0].as_str().unwrap().chars().count(), LINE_CHARACTERS);
        assert!(answer.get("truncated").is_some());
    }
}
