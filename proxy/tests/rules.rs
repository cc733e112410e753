//! The rules as promtool sees them: they load, their tests pass, and what is checked in is what the generator writes.

#[path = "rules/firing.rs"]
mod firing;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use mcp_tap::rules::alerts::{self, NAMES, runbook_name};
use mcp_tap::rules::model::{Alert, Kind, Rule};
use mcp_tap::rules::{self, Expected, Format, Options, Settings};
use mcp_tap::slo::{Objective, Pattern, Plan, Severity, Sli, tier};
use serde_json::Value;

const HOUR: u64 = 60 * 60;
const DAY: u64 = 24 * HOUR;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn objective(name: &str, sli: Sli, target: &str) -> Objective {
    let mut objective = Plan::default().objectives.remove(0);
    objective.name = name.to_owned();
    objective.sli = sli;
    objective.target = target.parse().expect("a target");
    objective
}

fn with_period(days: u64) -> Plan {
    let period = Duration::from_secs(days * DAY);
    Plan { period, tiers: tier::defaults(period), ..Plan::default() }
}

/// Objectives of tools and of servers with names that need escaping, one of which no page tier suits.
fn special() -> (Plan, Settings) {
    let mut plan = with_period(30);
    let mut tools = objective("search-fast", Sli::Latency { threshold: Duration::from_millis(250) }, "99.5");
    tools.tools = vec![Pattern::new("search_*")];
    tools.servers = vec![Pattern::new("a.b\"c\\d"), Pattern::new("team-*")];
    let mut lenient = objective("answers", Sli::Quality, "60");
    lenient.description = "Notes: \"odd\" # signs".to_owned();
    plan.objectives = vec![objective("availability", Sli::Availability, "99.99"), tools, lenient];
    let settings = Settings {
        runbook_url: "https://runbooks.example/{alert}?a=b#c".to_owned(),
        labels: vec![("team".to_owned(), "on: call".to_owned()), ("severity".to_owned(), "mine".to_owned())],
        expected: vec![
            Expected { server: "team-x".to_owned(), namespace: "prod".to_owned() },
            Expected { server: "a.b\"c\\d".to_owned(), namespace: String::new() },
        ],
        ..Settings::default()
    };
    (plan, settings)
}

/// Windows of seconds, as for a demonstration.
fn trial() -> (Plan, Settings) {
    let seconds = Duration::from_secs;
    let mut plan = Plan { trial: true, period: seconds(1800), window: seconds(60), ..Plan::default() };
    let windows = [(120, 20), (240, 60), (600, 120), (900, 240)];
    for (tier, (long, short)) in plan.tiers.iter_mut().zip(windows) {
        (tier.long, tier.short) = (seconds(long), seconds(short));
        tier.budget = mcp_tap::slo::Fraction::new(60, 100);
    }
    let settings = Settings { interval: seconds(5), scrape_interval: seconds(5), ..Settings::default() };
    (plan, settings)
}

/// Runs promtool on files of a folder; fails with what it says.
fn promtool(folder: &Path, arguments: &[&str]) {
    let ran = Command::new("promtool").args(arguments).current_dir(folder).output();
    let ran = ran.expect("promtool is installed: run `make parts`");
    assert!(
        ran.status.success(),
        "promtool {arguments:?}: {}{}",
        String::from_utf8_lossy(&ran.stdout),
        String::from_utf8_lossy(&ran.stderr)
    );
}

/// Has promtool check and test the rules of a plan.
fn passes(plan: &Plan, settings: &Settings) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let options = Options::default();
    let write = |name: &str, format| {
        let (text, _) = rules::write(plan, settings, format, &options);
        std::fs::write(folder.path().join(name), text).expect("it is written");
    };
    write(&options.rule_file, Format::Prometheus);
    write("tests.yml", Format::Tests);
    promtool(folder.path(), &["check", "rules", "--lint-fatal", &options.rule_file]);
    promtool(folder.path(), &["test", "rules", "tests.yml"]);
}

fn all_alerts(plan: &Plan, settings: &Settings) -> Vec<(Rule, Alert)> {
    let groups = rules::generate(plan, settings).groups;
    let alerts = groups.into_iter().flat_map(|group| group.rules).filter_map(|rule| match &rule.kind {
        Kind::Alert(alert) => Some((rule.clone(), alert.clone())),
        Kind::Record(_) => None,
    });
    alerts.collect()
}

#[test]
fn rules_of_the_default_plan_pass_the_worked_examples() {
    let (tests, warnings) =
        rules::write(&Plan::default(), &Settings::default(), Format::Tests, &Options::default());
    for example in 1..=10 {
        assert!(tests.contains(&format!("W{example}: ")), "W{example} is missing");
    }
    assert!(warnings.is_empty(), "{warnings:?}");
    passes(&Plan::default(), &Settings::default());
}

#[test]
fn rules_of_other_periods_pass_their_tests() {
    for days in [7, 28, 90] {
        passes(&with_period(days), &Settings::default());
    }
}

/// Few evaluations are enough to see budgets alert when a tenth of the period has history.
#[test]
fn rules_that_are_evaluated_rarely_pass_their_tests() {
    let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
    let settings = Settings { interval: minutes(5), scrape_interval: minutes(1), ..Settings::default() };
    let (tests, _) = rules::write(&with_period(7), &settings, Format::Tests, &Options::default());
    assert!(tests.contains(alerts::BUDGET_EXHAUSTED) && tests.contains(alerts::BUDGET_LOW));
    passes(&with_period(7), &settings);
}

#[test]
fn rules_for_tools_and_servers_with_special_names_pass_their_tests() {
    let (plan, settings) = special();
    passes(&plan, &settings);
}

#[test]
fn rules_of_a_trial_pass_their_tests() {
    let (plan, settings) = trial();
    passes(&plan, &settings);
}

#[test]
fn an_objective_that_wakes_nobody_up_is_said_loudly() {
    let (plan, settings) = special();
    let warnings = rules::generate(&plan, &settings).warnings;
    let loud: Vec<_> = warnings.iter().filter(|warning| warning.contains("NO PAGE TIER IS LEFT")).collect();
    assert_eq!(loud.len(), 1, "{warnings:?}");
    assert!(loud[0].starts_with("objective answers: "));
}

#[test]
fn the_same_plan_gives_the_same_bytes() {
    let (plan, settings) = special();
    for format in Format::ALL {
        let write = || rules::write(&plan, &settings, format, &Options::default());
        assert_eq!(write(), write());
    }
}

#[test]
fn every_alert_is_in_the_list_with_its_category_and_severity_and_links() {
    let mut seen: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (plan, settings) in [(Plan::default(), Settings::default()), special()] {
        for (rule, alert) in all_alerts(&plan, &settings) {
            let named = NAMES.iter().find(|named| named.name == alert.name).expect(alert.name);
            let label = |name: &str| {
                let found = rule.labels.iter().find(|(key, _)| key == name);
                found.map(|(_, value)| value.clone()).unwrap_or_default()
            };
            assert_eq!(label("category"), named.category, "{}", alert.name);
            assert!(named.severities.contains(&label("severity").as_str()), "{}", alert.name);
            seen.entry(named.name).or_default().push(label("severity"));
            let keys: Vec<_> = alert.annotations.iter().map(|(key, _)| *key).collect();
            assert_eq!(keys, ["summary", "description", "runbook_url", "dashboard_url"], "{}", alert.name);
            assert!(alert.annotations[2].1.contains(&runbook_name(alert.name)), "{}", alert.name);
        }
    }
    for named in NAMES {
        assert!(seen.contains_key(named.name), "{} is never generated", named.name);
    }
    assert!(seen[alerts::LATENCY].contains(&Severity::Ticket.as_str().to_owned()));
}

/// The template texts, as Prometheus expands them.
#[test]
fn an_alert_says_how_bad_it_is_and_how_long_the_budget_lasts() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let options = Options::default();
    let (text, _) = rules::write(&Plan::default(), &Settings::default(), Format::Prometheus, &options);
    std::fs::write(folder.path().join(&options.rule_file), text).expect("it is written");
    let test = r#"
rule_files: [mcp-tap.rules.yml]
evaluation_interval: 1m
tests:
- interval: 30s
  input_series:
  - {series: 'mcp_proxy_slo_events_total{namespace="n",mcp_server="m",slo="availability",verdict="good"}', values: '0+30x240 7200x20'}
  - {series: 'mcp_proxy_slo_events_total{namespace="n",mcp_server="m",slo="availability",verdict="bad"}', values: '0x240 30+30x20'}
  alert_rule_test:
  - eval_time: 121m
    alertname: SLOAvailabilityBurnRateFast
    exp_alerts:
    - exp_labels: {namespace: n, mcp_server: m, slo: availability, severity: page, category: burn_rate, long_window: 1h, short_window: 5m, burn_factor: "14.4"}
      exp_annotations: &texts
        summary: "m: the error budget of availability burns more than 14.4 times as fast as it may"
        description: "1.667% of the events of the last 1h were bad; 99.9 % of them must be good, counted over 30d. Nothing of the budget is left."
        runbook_url: deploy/docs/runbooks/slo-availability-burn-rate-fast.md
        dashboard_url: /d/mcp-tap-slo
    - exp_labels: {namespace: n, mcp_server: m, slo: availability, severity: page, category: burn_rate, long_window: 6h, short_window: 30m, burn_factor: "6"}
      exp_annotations:
        summary: "m: the error budget of availability burns more than 6 times as fast as it may"
        description: "0.8264% of the events of the last 6h were bad; 99.9 % of them must be good, counted over 30d. Nothing of the budget is left."
        runbook_url: deploy/docs/runbooks/slo-availability-burn-rate-fast.md
        dashboard_url: /d/mcp-tap-slo
"#;
    std::fs::write(folder.path().join("texts.yml"), test).expect("it is written");
    promtool(folder.path(), &["test", "rules", "texts.yml"]);
}

/// W3 of slo-and-alerts.md §11: what a single window of a minute would do, which is why there are two.
#[test]
fn a_lone_rule_of_a_minute_cries_for_a_burst_that_the_tiers_let_pass() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let rules = r#"
groups:
- name: lone
  interval: 1m
  rules:
  - alert: Lone
    expr: sum(rate(mcp_proxy_slo_events_total{verdict="bad"}[1m])) / sum(rate(mcp_proxy_slo_events_total[1m])) > 0.0144
    for: 2m
"#;
    let (ours, _) =
        rules::write(&Plan::default(), &Settings::default(), Format::Prometheus, &Options::default());
    let test = r#"
rule_files: [lone.yml, mcp-tap.rules.yml]
evaluation_interval: 1m
tests:
- interval: 30s
  input_series:
  - {series: 'mcp_proxy_slo_events_total{namespace="n",mcp_server="m",slo="availability",verdict="good"}', values: '0+30x240 7229.4+29.4x7 7465.2+30x40'}
  - {series: 'mcp_proxy_slo_events_total{namespace="n",mcp_server="m",slo="availability",verdict="bad"}', values: '0x240 0.6+0.6x7 4.8x40'}
  promql_expr_test:
  - {expr: 'ALERTS{alertstate="firing",severity!~"none|info"}', eval_time: 122m}
  - expr: 'ALERTS{alertstate="firing",severity!~"none|info"}'
    eval_time: 123m
    exp_samples: [{labels: 'ALERTS{alertname="Lone",alertstate="firing"}', value: 1}]
"#;
    for (name, text) in [("lone.yml", rules), ("mcp-tap.rules.yml", &ours), ("test.yml", test)] {
        std::fs::write(folder.path().join(name), text).expect("it is written");
    }
    promtool(folder.path(), &["test", "rules", "test.yml"]);
}

#[test]
fn policies_of_objectives_with_long_names_that_begin_alike_have_names_of_their_own() {
    let mut plan = with_period(30);
    let names = ["a", "b", "a-page"].map(|end| format!("{}{end}", "x".repeat(57)));
    plan.objectives = names.iter().map(|name| objective(name, Sli::Availability, "99.9")).collect();
    // Tiers that differ in their short windows only.
    let mut tier = plan.tiers[0];
    tier.short *= 2;
    plan.tiers.push(tier);
    let (openslo, _) = rules::write(&plan, &Settings::default(), Format::OpenSlo, &Options::default());
    let documents: Vec<Value> = serde_saphyr::from_multiple(&openslo).expect("it is YAML");
    let name = |document: &Value| document["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    let policies: Vec<_> =
        documents.iter().filter(|document| document["kind"] == "AlertPolicy").map(name).collect();
    let unique: std::collections::BTreeSet<_> = policies.iter().collect();
    assert_eq!((policies.len(), unique.len()), (15, 15), "{policies:#?}");
    assert!(policies.iter().all(|name| name.len() <= 63), "{policies:#?}");
    for slo in documents.iter().filter(|document| document["kind"] == "SLO") {
        let referred = slo["spec"]["alertPolicies"].as_array().expect("policies");
        let known = |policy: &Value| policies.iter().any(|name| policy["alertPolicyRef"] == name.as_str());
        assert!(referred.len() == 5 && referred.iter().all(known), "{referred:#?}");
    }
}

#[test]
fn a_prometheus_rule_has_the_shape_of_the_operators_model() {
    let (plan, settings) = special();
    let options = Options {
        namespace: "monitoring".to_owned(),
        labels: vec![("release".to_owned(), "stack".to_owned())],
        ..Options::default()
    };
    let (text, _) = rules::write(&plan, &settings, Format::PrometheusRule, &options);
    let resource: Value = serde_saphyr::from_str(&text).expect("it is YAML");
    assert_eq!(resource["apiVersion"], "monitoring.coreos.com/v1");
    assert_eq!(resource["kind"], "PrometheusRule");
    assert_eq!(
        resource["metadata"],
        serde_json::json!({"name": "mcp-tap", "namespace": "monitoring", "labels": {"release": "stack"}})
    );
    let known = ["alert", "record", "expr", "for", "keep_firing_for", "labels", "annotations"];
    for group in resource["spec"]["groups"].as_array().expect("groups") {
        assert!(group["name"].is_string() && group["interval"].is_string());
        for rule in group["rules"].as_array().expect("rules") {
            let rule = rule.as_object().expect("a mapping");
            assert!(rule.keys().all(|key| known.contains(&key.as_str())), "{rule:?}");
            assert!(rule.contains_key("alert") != rule.contains_key("record"), "{rule:?}");
            let texts = ["labels", "annotations"].into_iter().filter_map(|key| rule.get(key)?.as_object());
            assert!(texts.flat_map(|texts| texts.values()).all(Value::is_string), "{rule:?}");
        }
    }
    // It holds the rules of the rule file, whatever else it holds.
    let (file, _) = rules::write(&plan, &settings, Format::Prometheus, &options);
    let file: Value = serde_saphyr::from_str(&file).expect("it is YAML");
    assert_eq!(resource["spec"], file);
}

#[test]
fn documents_of_other_tools_hold_every_objective() {
    let (plan, settings) = special();
    let (openslo, _) = rules::write(&plan, &settings, Format::OpenSlo, &Options::default());
    let documents: Vec<Value> = serde_saphyr::from_multiple(&openslo).expect("it is YAML");
    let of_kind = |kind: &'static str| documents.iter().filter(move |document| document["kind"] == kind);
    let names: Vec<_> = of_kind("SLO").map(|slo| slo["metadata"]["name"].clone()).collect();
    assert_eq!(names, ["availability", "search-fast", "answers"]);
    let policies: Vec<_> = of_kind("AlertPolicy").map(|policy| policy["metadata"]["name"].clone()).collect();
    for slo in of_kind("SLO") {
        assert!(slo["spec"]["objectives"][0]["target"].is_number());
        for policy in slo["spec"]["alertPolicies"].as_array().expect("policies") {
            assert!(policies.contains(&policy["alertPolicyRef"]), "{policy}");
        }
    }
    assert!(of_kind("AlertPolicy").all(|policy| {
        let count = |key: &str| policy["spec"][key].as_array().map_or(0, Vec::len);
        count("conditions") == 1 && count("notificationTargets") == 1
    }));
    let (sloth, _) = rules::write(&plan, &settings, Format::Sloth, &Options::default());
    let sloth: Value = serde_saphyr::from_str(&sloth).expect("it is YAML");
    assert_eq!(sloth["version"], "prometheus/v1");
    assert_eq!(sloth["slos"][0]["objective"], 99.99);
    assert!(sloth["slos"].as_array().expect("objectives").iter().all(|slo| {
        let query =
            |key: &str| slo["sli"]["events"][key].as_str().is_some_and(|q| q.contains("[{{.window}}]"));
        query("error_query") && query("total_query")
    }));
}

#[test]
fn files_that_are_checked_in_are_those_that_the_command_writes() {
    let labels = vec![("release".to_owned(), "kube-prometheus-stack".to_owned())];
    let resource = Options { labels, ..Options::default() };
    for (file, format, options) in [
        ("mcp-tap.rules.yml", Format::Prometheus, Options::default()),
        ("mcp-tap.rules.test.yml", Format::Tests, Options::default()),
        ("prometheusrule.yaml", Format::PrometheusRule, resource),
        ("openslo.yaml", Format::OpenSlo, Options::default()),
        ("sloth.yaml", Format::Sloth, Options::default()),
    ] {
        let path = repository().join("deploy/prometheus").join(file);
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        let (written, _) = rules::write(&Plan::default(), &Settings::default(), format, &options);
        assert!(
            found == written,
            "deploy/prometheus/{file} is not what the generator writes: run `make generate`"
        );
    }
}

#[test]
fn the_command_writes_what_the_library_writes_and_refuses_what_it_does_not_know() {
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mcp-tap"));
        command.env_remove("MCP_TAP_CONFIG").arg("rules").args(arguments).output().expect("it runs")
    };
    for format in Format::ALL {
        let ran = run(&["--format", format.as_str()]);
        let options = Options::default();
        let (written, warnings) = rules::write(&Plan::default(), &Settings::default(), format, &options);
        assert!(ran.status.success());
        assert!(String::from_utf8_lossy(&ran.stdout) == written, "{format:?}");
        let said = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert!(warnings.iter().all(|warning| said.contains(warning.as_str())), "{said}");
    }
    for wrong in [&["--format", "nonsense"][..], &["--label", "novalue"], &["--unknown"]] {
        assert_eq!(run(wrong).status.code(), Some(64), "{wrong:?}");
    }
}

#[test]
fn every_alert_has_a_runbook() {
    let folder = repository().join("deploy/docs/runbooks");
    let names = NAMES.iter().map(|named| runbook_name(named.name));
    let missing: Vec<_> = names.filter(|name| !folder.join(format!("{name}.md")).is_file()).collect();
    assert!(missing.is_empty(), "deploy/docs/runbooks lacks {missing:?}");
}
