//! What operators read is true: links lead somewhere, queries parse, names exist, and every alert has its runbook.

#![expect(clippy::panic, reason = "this is how a test fails")]

mod alerts;
#[path = "docs/markdown.rs"]
mod markdown;
#[path = "docs/promql.rs"]
mod promql;
#[path = "support/promtool.rs"]
mod promtool;
#[path = "docs/samples.rs"]
mod samples;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};

use alerts::{repository, text};
use markdown::{anchors, files, headings, links, queries, without_fences};
use mcp_tap::rules::alerts::runbook_name;
use mcp_tap::telemetry::names::{Kind, Metric};
use serde_json::{Value, json};

/// Where the runbooks are.
const RUNBOOKS: &str = "deploy/docs/runbooks";
/// The generated rules.
const RULES: &str = "deploy/prometheus/mcp-tap.rules.yml";
/// Metrics that are not ours.
const FOREIGN: [&str; 4] =
    ["up", "ALERTS", "prometheus_rule_evaluation_failures_total", "prometheus_notifications_errors_total"];
/// Labels that scraping and rules add.
const ADDED_LABELS: [&str; 9] =
    ["namespace", "pod", "job", "instance", "le", "sli", "alertname", "severity", "category"];

/// Every alert with its severities, in the order of the rules.
fn severities() -> BTreeMap<&'static str, Vec<&'static str>> {
    let mut found: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for alert in alerts::all() {
        found.entry(alert.name).or_default().push(alert.severity);
    }
    found
}

/// All rules of the generated file.
fn rules() -> Vec<Value> {
    let file: Value = serde_saphyr::from_str(&text(RULES)).expect("YAML");
    let groups = file["groups"].as_array().expect("groups");
    groups.iter().flat_map(|group| group["rules"].as_array().cloned().unwrap_or_default()).collect()
}

/// The names of recorded series.
fn recorded() -> BTreeSet<String> {
    let names: BTreeSet<_> =
        rules().iter().filter_map(|rule| rule["record"].as_str().map(str::to_owned)).collect();
    assert!(names.len() > 20, "{RULES} records {names:?}");
    names
}

/// The names of all series that can be asked for.
fn series() -> BTreeSet<String> {
    let mut names = recorded();
    names.extend(FOREIGN.map(str::to_owned));
    for metric in Metric::ALL {
        let name = metric.name();
        match metric.kind() {
            Kind::Histogram(_) => {
                names.extend(["_bucket", "_sum", "_count"].map(|end| format!("{name}{end}")));
            }
            Kind::Summary => names.extend(["", "_sum", "_count"].map(|end| format!("{name}{end}"))),
            _ => {
                names.insert(name.to_owned());
            }
        }
    }
    names
}

/// The names of all labels of metrics, as the one list of them has them, and those that are added.
fn labels() -> BTreeSet<String> {
    let source = text("proxy/src/telemetry/names.rs");
    let (list, _) = source.split_once("pub mod attribute").expect("the labels stand before the attributes");
    let value = |line: &str| Some(line.trim().strip_prefix("pub const ")?.split('"').nth(1)?.to_owned());
    let mut labels: BTreeSet<String> = list.lines().filter_map(value).collect();
    assert!(labels.contains("mcp_server") && labels.len() > 20, "{labels:?}");
    labels.extend(ADDED_LABELS.map(str::to_owned));
    labels
}

/// Every query of the documents, with its file.
fn all_queries() -> Vec<(PathBuf, String)> {
    let of = |file: PathBuf| {
        let text = std::fs::read_to_string(&file).expect("it is there");
        queries(&text).into_iter().map(move |query| (file.clone(), query))
    };
    files("deploy").into_iter().flat_map(of).collect()
}

#[test]
fn every_link_leads_to_a_file_and_a_heading() {
    let mut documents = files("deploy");
    documents.push(repository("README.md"));
    for document in documents {
        let text = std::fs::read_to_string(&document).expect("it is there");
        for link in links(&text) {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            let (path, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let folder = document.parent().expect("a file is in a folder");
            let target = if path.is_empty() { document.clone() } else { folder.join(path) };
            assert!(target.exists(), "{}: {link} leads nowhere", document.display());
            if !anchor.is_empty() {
                let found = anchors(&std::fs::read_to_string(&target).expect("it is text"));
                assert!(found.contains(anchor), "{}: {link}: only {found:?}", document.display());
            }
        }
    }
}

#[test]
fn the_index_leads_to_every_document_beside_it() {
    let index = links(&text("deploy/docs/README.md"));
    for document in files("deploy/docs") {
        let path =
            document.strip_prefix(repository("deploy/docs")).expect("it is below").display().to_string();
        assert!(
            path == "README.md" || index.contains(&path),
            "deploy/docs/README.md does not lead to {path}"
        );
    }
}

#[test]
fn every_query_parses() {
    let queries = all_queries();
    assert!(queries.len() > 50, "only {} queries are found", queries.len());
    let mut file = "groups:\n- name: queries\n  rules:\n".to_owned();
    for (place, (_, query)) in queries.iter().enumerate() {
        let indented = query.replace('\n', "\n      ");
        writeln!(file, "  - record: query:{place}\n    expr: |\n      {indented}").expect("memory");
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("rules.yml"), file).expect("it is written");
    let Some(complaint) = promtool::complaint(folder.path(), &["check", "rules", "rules.yml"]) else {
        return;
    };
    let which = |line: &str| {
        let place: usize = line.split("\"query:").nth(1)?.split('"').next()?.parse().ok()?;
        queries.get(place)
    };
    let failed: Vec<_> = complaint.lines().filter_map(which).collect();
    panic!("{complaint}\n{failed:#?}");
}

#[test]
fn every_query_names_series_and_labels_that_exist() {
    let (series, labels) = (series(), labels());
    for (file, query) in all_queries() {
        let names = promql::names(&query);
        assert!(!names.selectors.is_empty(), "{}: {query}", file.display());
        let strange: Vec<_> =
            names.selectors.iter().filter(|selector| !series.contains(&selector.series)).collect();
        assert!(strange.is_empty(), "{}: {strange:?} in {query}", file.display());
        let strange: Vec<_> = names.labels.difference(&labels).collect();
        assert!(strange.is_empty(), "{}: {strange:?} in {query}", file.display());
    }
}

#[test]
fn every_query_finds_something_in_a_fleet_that_has_its_series() {
    let test = |(place, (_, query)): (usize, &(PathBuf, String))| {
        let series = samples::series(&promql::names(query));
        let values = |series: &String| if series.starts_with("up{") { "0x150" } else { "0+1x150" };
        let inputs: Vec<_> =
            series.iter().map(|series| json!({"series": series, "values": values(series)})).collect();
        json!({"name": place.to_string(), "interval": "1m", "input_series": inputs, "promql_expr_test": [{
            "expr": format!("count(\n{query}\n) > bool 0"), "eval_time": "130m",
            "exp_samples": [{"labels": "{}", "value": 1}],
        }]})
    };
    let queries = all_queries();
    let tests: Vec<_> = queries.iter().enumerate().map(test).collect();
    // JSON is YAML.
    let file = json!({"rule_files": [], "evaluation_interval": "1m", "tests": tests}).to_string();
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("tests.yml"), file).expect("it is written");
    promtool::accepts(folder.path(), &["test", "rules", "tests.yml"]);
}

#[test]
fn every_metric_that_prose_names_exists() {
    let mut known = series();
    known.extend(labels());
    known.extend(Metric::ALL.iter().map(|metric| metric.name().to_owned()));
    for file in files("deploy/docs") {
        let text = std::fs::read_to_string(&file).expect("it is there");
        let words = text.split(|sign: char| !(sign.is_ascii_alphanumeric() || sign == '_' || sign == ':'));
        let ours = |word: &&str| word.starts_with("mcp_") || word.starts_with("sli_");
        for word in words.filter(ours).map(|word| word.trim_end_matches(':')) {
            // `sli_*` means them all.
            assert!(known.contains(word) || word.ends_with('_'), "{}: {word}", file.display());
        }
    }
}

#[test]
fn every_alert_has_a_runbook_and_every_runbook_an_alert() {
    let expected: BTreeSet<_> = severities().keys().map(|alert| runbook_name(alert) + ".md").collect();
    let name = |file: &Path| file.file_name().expect("a name").to_string_lossy().into_owned();
    let found: BTreeSet<_> = files(RUNBOOKS).iter().map(|file| name(file)).collect();
    assert_eq!(found, expected);
}

#[test]
fn the_alerts_of_the_rules_are_those_that_are_described() {
    let known: BTreeSet<_> = alerts::all()
        .iter()
        .map(|alert| [alert.name, alert.category, alert.severity].map(str::to_owned))
        .collect();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    for rule in rules().iter().filter(|rule| rule["alert"].is_string()) {
        let labels = &rule["labels"];
        let alert = [text(&rule["alert"]), text(&labels["category"]), text(&labels["severity"])];
        assert!(known.contains(&alert), "{alert:?} is not in rules::alerts::NAMES");
        let runbook = text(&rule["annotations"]["runbook_url"]);
        assert!(runbook.ends_with(&format!("{}.md", runbook_name(&alert[0]))), "{runbook}");
    }
}

#[test]
fn every_runbook_says_how_urgent_it_is_where_to_look_why_and_when_it_is_over() {
    for (alert, severities) in severities() {
        let text = text(&format!("{RUNBOOKS}/{}.md", runbook_name(alert)));
        let found = headings(&text);
        assert_eq!(found, [alert, "First look", "Causes", "Silence", "Over"], "{alert}");
        let (before, _) = text.split_once("\n## ").expect("sections");
        for severity in severities {
            let urgency = match severity {
                "page" => "act now",
                "ticket" => "icket",
                "info" => "**Info",
                _ => "Act now",
            };
            assert!(before.contains(urgency), "{alert} does not say what {severity} means:\n{before}");
        }
        assert!(!queries(&text).is_empty(), "{alert} has nothing to paste");
        assert!(text.contains("/d/mcp-tap-"), "{alert} names no dashboard");
        for silenced in text.split("alertname=").skip(1) {
            assert!(
                silenced.trim_start_matches('"').starts_with(alert),
                "{alert} silences another: {silenced}"
            );
        }
        assert!(text.lines().count() < 90, "{alert} is too long for three in the morning");
    }
}

#[test]
fn the_index_lists_every_alert_with_its_severities() {
    let index = text("deploy/docs/README.md");
    for (alert, severities) in severities() {
        let row = format!("| [{alert}](runbooks/{}.md) | {} |", runbook_name(alert), severities.join(", "));
        assert!(index.contains(&row), "{row}");
    }
}

#[test]
fn prose_without_code_has_no_lines_that_nobody_can_read() {
    for file in files("deploy") {
        let text = std::fs::read_to_string(&file).expect("it is there");
        for line in without_fences(&text).lines().filter(|line| !line.starts_with('|')) {
            assert!(line.chars().count() <= 130, "{}: {line}", file.display());
        }
    }
}

#[test]
fn prometheus_takes_the_example_configuration() {
    promtool::accepts(&repository("deploy/prometheus"), &["check", "config", "prometheus.yml"]);
}
