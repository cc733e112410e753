//! When alerts on sidecars and tools fire, and when they must not.

use mcp_tap::rules::{self, Format, Options, Settings, alerts};
use mcp_tap::slo::Plan;
use serde_json::{Value, json};

use super::promtool;

/// A sidecar, tools and a server with all that can be wrong.
fn wrong_series() -> Vec<(String, &'static str)> {
    let labels = r#"namespace="n",mcp_server="m""#;
    vec![
        (r#"up{namespace="n",pod="p",job="j",instance="i"}"#.to_owned(), "1x20 0x40"),
        // The same address in another namespace is another target.
        (r#"up{namespace="o",pod="p",job="j",instance="i"}"#.to_owned(), "0x60"),
        (format!(r#"mcp_proxy_build_info{{{labels},pod="p",job="j",instance="i"}}"#), "1x20 _x40"),
        (format!(r#"mcp_proxy_build_info{{{labels}}}"#), "1x60"),
        (r#"up{job="other",instance="i"}"#.to_owned(), "0x60"),
        (
            format!(
                r#"mcp_proxy_tool_definition_changes_total{{{labels},tool_name="t",part="description"}}"#
            ),
            "_x40 1x20",
        ),
        (
            format!(
                r#"mcp_proxy_tool_definition_changes_total{{{labels},tool_name="u",part="description"}}"#
            ),
            "0x60",
        ),
        (format!(r#"mcp_proxy_faults_total{{{labels},tool_name="t",fault="proxy"}}"#), "0x40 2x20"),
        (format!(r#"mcp_proxy_faults_total{{{labels},tool_name="t",fault="tool"}}"#), "0+5x60"),
        (format!(r#"mcp_proxy_repeated_calls_total{{{labels},tool_name="t"}}"#), "0+10x60"),
        (format!(r#"mcp_proxy_repeated_calls_total{{{labels},tool_name="u"}}"#), "0+1x60"),
        (format!(r#"mcp_tool_requests_total{{{labels},tool_name="t",result="success"}}"#), "0+12x60"),
        (format!(r#"mcp_tool_requests_total{{{labels},tool_name="u",result="success"}}"#), "0+8x60"),
        (format!(r#"mcp_proxy_slo_events_total{{{labels},slo="quality",verdict="good"}}"#), "0+1x20 stale"),
        (format!(r#"mcp_proxy_spans_dropped_total{{{labels},reason="failed"}}"#), "0x40 7x20"),
        (format!(r#"mcp_proxy_not_inspected_total{{{labels},reason="too_large"}}"#), "0x40 1x20"),
        (format!(r#"mcp_proxy_not_inspected_total{{{labels},reason="encoding"}}"#), "0x60"),
        (format!(r#"mcp_proxy_config_last_reload_successful{{{labels}}}"#), "1x50 0x10"),
        (format!(r#"mcp_proxy_state_saves_total{{{labels},result="failure"}}"#), "0+1x60"),
        (format!(r#"mcp_proxy_quality_unchecked_total{{{labels},reason="too_large"}}"#), "0+12x60"),
    ]
}

/// A sidecar that has run for long, and is scraped for the first time after ten minutes; and an update of another one,
/// of which the new process waits for the old one's end to save its state.
fn innocent_series() -> Vec<(String, &'static str)> {
    let labels = r#"namespace="n",mcp_server="m",pod="p",job="j",instance="i""#;
    let waiting = r#"namespace="n",mcp_server="m",pod="q",job="j",instance="k""#;
    let seen = "_x20 7x200";
    let metrics = [
        r#"mcp_proxy_tool_definition_changes_total{tool_name="t",part="description",LABELS}"#,
        r#"mcp_proxy_faults_total{tool_name="t",fault="proxy",LABELS}"#,
        r#"mcp_proxy_state_saves_total{result="failure",LABELS}"#,
        r#"mcp_proxy_not_inspected_total{reason="encoding",LABELS}"#,
        r#"mcp_proxy_spans_dropped_total{reason="failed",LABELS}"#,
        r#"mcp_proxy_quality_unchecked_total{reason="unlisted",LABELS}"#,
        r#"mcp_proxy_repeated_calls_total{tool_name="t",LABELS}"#,
        r#"mcp_proxy_slo_events_total{slo="quality",verdict="good",LABELS}"#,
        r#"mcp_proxy_build_info{version="1",LABELS}"#,
    ];
    let mut series: Vec<_> = metrics.map(|metric| (metric.replace("LABELS", labels), seen)).into();
    series.push((r#"up{namespace="n",pod="p",job="j",instance="i"}"#.to_owned(), "_x20 1x200"));
    // A few answers that could not be judged, of a server whose others were not looked at.
    let few = r#"namespace="n",mcp_server="few""#;
    series.push((
        format!(r#"mcp_proxy_quality_unchecked_total{{reason="too_large",{few}}}"#),
        "0x40 0+1x15 15x140",
    ));
    series.push((format!(r#"mcp_proxy_slo_events_total{{slo="quality",verdict="good",{few}}}"#), "0x200"));
    let saves = |result: &str| format!(r#"mcp_proxy_state_saves_total{{result="{result}",{waiting}}}"#);
    series.push((saves("failure"), "0 1 4 7 7x200"));
    series.push((saves("success"), "0x3 0+3x200"));
    // Results of tasks are never seen; nobody can do anything about that.
    series.push((format!(r#"mcp_proxy_quality_unchecked_total{{reason="task",{waiting}}}"#), "0+9x200"));
    series.push((
        format!(r#"mcp_proxy_slo_events_total{{slo="quality",verdict="good",{waiting}}}"#),
        "0+1x200",
    ));
    series
}

/// A tool that becomes ten times slower after 26 hours, and one that does so four hours after its first call.
fn slow_series() -> Vec<(String, &'static str)> {
    let labels = r#"namespace="n",mcp_server="m""#;
    let tool = |name: &str, fast: &'static str, all: &'static str| {
        [
            ("_bucket", ",le=\"0.1\"", fast),
            ("_bucket", ",le=\"1\"", all),
            ("_bucket", ",le=\"+Inf\"", all),
            ("_count", "", all),
        ]
        .map(|(end, le, values)| {
            (format!("mcp_tool_duration_seconds{end}{{{labels},tool_name=\"{name}\"{le}}}"), values)
        })
    };
    let known = tool("t", "0+30x3120 93600x80", "0+30x3200");
    let young = tool("u", "_x2640 0+30x480 14400x80", "_x2640 0+30x560");
    known.into_iter().chain(young).collect()
}

/// A test of promtool: what fires at some minutes of these series.
fn case(series: &[(String, &str)], moments: &[(u64, &[&str])]) -> Value {
    let expr = "count by (alertname, mcp_server) \
                (ALERTS{alertstate=\"firing\",severity=~\"ticket|info\",category!=\"sanity\"})";
    let sample =
        |alert: &&str| json!({"labels": format!(r#"{{alertname="{alert}",mcp_server="m"}}"#), "value": 1});
    let question = |(minute, fired): &(u64, &[&str])| {
        let samples: Vec<_> = fired.iter().map(sample).collect();
        json!({"expr": expr, "eval_time": format!("{minute}m"), "exp_samples": samples})
    };
    let series: Vec<_> =
        series.iter().map(|(series, values)| json!({"series": series, "values": values})).collect();
    let questions: Vec<_> = moments.iter().map(question).collect();
    json!({"interval": "30s", "input_series": series, "promql_expr_test": questions})
}

fn pass(cases: &[Value]) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let options = Options::default();
    let (text, _) = rules::write(&Plan::default(), &Settings::default(), Format::Prometheus, &options);
    std::fs::write(folder.path().join(&options.rule_file), text).expect("it is written");
    let file = json!({"rule_files": [options.rule_file], "evaluation_interval": "1m", "tests": cases});
    // JSON is YAML.
    std::fs::write(folder.path().join("test.yml"), file.to_string()).expect("it is written");
    promtool(folder.path(), &["test", "rules", "test.yml"]);
}

/// What the alerts beside the burn alerts look at, each as it is when it fires.
#[test]
fn alerts_on_sidecars_tools_and_absence_fire() {
    let fired = [
        alerts::DEFINITION_CHANGED,
        alerts::AGENT_LOOP,
        alerts::DOWN,
        alerts::PROXY_FAULTS,
        alerts::NOT_INSPECTED,
        alerts::SPANS_DROPPED,
        alerts::RELOAD_FAILED,
        alerts::STATE_NOT_SAVED,
        alerts::QUALITY_UNCHECKED,
        alerts::NO_TELEMETRY,
    ];
    pass(&[
        case(&wrong_series(), &[(28, &fired)]),
        case(&slow_series(), &[(1560, &[]), (1576, &[alerts::ANOMALOUS_LATENCY])]),
    ]);
}

/// Also if the file was broken before the first scrape.
#[test]
fn a_configuration_that_is_not_in_effect_is_an_alert_until_it_is_repaired() {
    let taken = |pod: &str| {
        format!(r#"mcp_proxy_config_last_reload_successful{{namespace="n",mcp_server="m",pod="{pod}"}}"#)
    };
    let series = [(taken("p"), "1x20 0x400 1x100"), (taken("q"), "1x520")];
    let failed: &[&str] = &[alerts::RELOAD_FAILED];
    let first_seen = [(taken("p"), "0x20")];
    pass(&[
        case(&series, &[(8, &[]), (12, failed), (200, failed), (220, &[])]),
        case(&first_seen, &[(2, failed)]),
    ]);
}

/// Whose scrapes fail, by instance and whether it was ever seen.
fn down(series: &[(&str, &str)], moments: &[(u64, &[&str])]) -> Value {
    let expr = "count by (instance, seen) (ALERTS{alertname=\"McpTapDown\",alertstate=\"firing\"})";
    let question = |(minute, fired): &(u64, &[&str])| {
        let samples: Vec<_> =
            fired.iter().map(|labels| json!({"labels": format!("{{{labels}}}"), "value": 1})).collect();
        json!({"expr": expr, "eval_time": format!("{minute}m"), "exp_samples": samples})
    };
    let series: Vec<_> =
        series.iter().map(|(series, values)| json!({"series": series, "values": values})).collect();
    let questions: Vec<_> = moments.iter().map(question).collect();
    json!({"interval": "1m", "input_series": series, "promql_expr_test": questions})
}

#[test]
fn a_sidecar_is_down_for_as_long_as_it_is_dead_and_so_is_one_that_never_answered() {
    let series = [
        (r#"up{namespace="n",pod="p",job="other",instance="i"}"#, "1x20 0x700"),
        (
            r#"mcp_proxy_build_info{namespace="n",mcp_server="m",pod="p",job="other",instance="i"}"#,
            "1x20 stale",
        ),
        (r#"up{namespace="n",pod="q",job="mcp-tap",instance="new"}"#, "_x60 0x90 1x600"),
        (
            r#"mcp_proxy_build_info{namespace="n",mcp_server="m",pod="q",job="mcp-tap",instance="new"}"#,
            "_x151 1x600",
        ),
        (r#"up{namespace="n",pod="r",job="monitoring/mcp-tap",instance="shut"}"#, "_x60 0x700"),
        // Of jobs that are none of ours nothing is known.
        (r#"up{namespace="n",job="their-mcp-tap",instance="foreign"}"#, "0x760"),
    ];
    let (dead, new, shut) =
        (r#"instance="i""#, r#"instance="new",seen="never""#, r#"instance="shut",seen="never""#);
    pass(&[down(
        &series,
        &[
            (22, &[]),
            (26, &[dead]),
            (64, &[dead]),
            (67, &[dead, new, shut]),
            (160, &[dead, shut]),
            (600, &[dead, shut]),
        ],
    )]);
}

#[test]
fn a_sidecar_that_is_scraped_for_the_first_time_and_one_that_is_updated_alert_nobody() {
    let moments = [5, 11, 12, 15, 20, 30, 40, 69, 71, 90].map(|minute| (minute, &[] as &[&str]));
    pass(&[case(&innocent_series(), &moments)]);
}
