//! Dashboards as others read them: Grafana's own types, Prometheus' own parser; and the files that are checked in.

mod support;

use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use mcp_tap::rules::Settings;
use mcp_tap::rules::dashboards::{Dashboard, generate};
use mcp_tap::slo::{Fraction, Plan, Severity, Tier};
use serde_json::{Value, json};
use support::dashboards::queries;
use support::parts::Parts;
use support::promtool;

fn plans() -> [(Plan, Settings); 2] {
    let seconds = Duration::from_secs;
    let tier = |severity, long, short| Tier {
        severity,
        long: seconds(long),
        short: seconds(short),
        budget: Fraction::new(1, 10),
        min_bad: 1,
    };
    let trial = Plan {
        period: seconds(900),
        window: seconds(60),
        tiers: vec![tier(Severity::Page, 60, 20), tier(Severity::Ticket, 90, 30)],
        trial: true,
        ..Plan::default()
    };
    let linked = Settings {
        interval: Duration::from_millis(2500),
        runbook_url: "https://runbooks.test/{alert}".to_owned(),
        dashboard_url: "https://grafana.test/d/{dashboard}?orgId=1".to_owned(),
        ..Settings::default()
    };
    [(Plan::default(), Settings::default()), (trial, linked)]
}

fn dashboards() -> impl Iterator<Item = (String, Value)> {
    plans().into_iter().zip(["default", "trial"]).flat_map(|((plan, settings), name)| {
        Dashboard::ALL.map(|which| {
            let text = generate(which, &plan, &settings);
            (format!("{name}-{}", which.as_str()), serde_json::from_str(&text).expect("JSON"))
        })
    })
}

#[test]
fn the_files_that_are_checked_in_are_what_the_command_writes() {
    let written = tempfile::tempdir().expect("a folder");
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mcp-tap"));
        let output = command.arg("dashboards").args(arguments).env_remove("MCP_TAP_CONFIG").output();
        let output = output.expect("the command runs");
        assert!(output.status.success(), "{output:?}");
        output.stdout
    };
    run(&["--output-dir", &written.path().display().to_string()]);
    let checked_in = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/grafana/dashboards");
    for which in Dashboard::ALL {
        let file = format!("{}.json", which.as_str());
        let expected = std::fs::read(written.path().join(&file)).expect("it was written");
        let found = std::fs::read(checked_in.join(&file)).unwrap_or_default();
        assert!(found == expected, "deploy/grafana/dashboards/{file} is old: run `make generate`");
        assert!(run(&["--dashboard", which.as_str()]) == expected, "{file} on standard output");
    }
}

/// Lets the TypeScript compiler compare dashboards with Grafana's types.
fn compile(dashboards: &[(String, Value)]) -> Output {
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parts");
    let folder = tempfile::tempdir().expect("a folder");
    let modules = scripts.join("node_modules").canonicalize().expect("the parts are installed");
    std::os::unix::fs::symlink(modules, folder.path().join("node_modules")).expect("a link");
    std::fs::copy(scripts.join("dashboard-types.ts"), folder.path().join("dashboard-types.ts"))
        .expect("a copy");
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("a file");
    write("package.json", "{\"type\": \"module\"}");
    let mut command = Parts::find().package("typescript/bin/tsc");
    command.args(["--noEmit", "--skipLibCheck", "--strict", "--module", "nodenext"]);
    for (name, dashboard) in dashboards {
        let mut source = "import type { Drawn, Row, Shape } from './dashboard-types.js';\n".to_owned();
        source += &format!("export const dashboard: Shape = {dashboard};\n");
        for (place, panel) in dashboard["panels"].as_array().expect("panels").iter().enumerate() {
            let kind = if panel["type"] == "row" { "Row" } else { "Drawn" };
            source += &format!("export const panel{place}: {kind} = {panel};\n");
        }
        write(&format!("{name}.ts"), &source);
        command.arg(folder.path().join(format!("{name}.ts")));
    }
    command.output().expect("the compiler runs")
}

#[test]
fn dashboards_have_the_shape_that_grafana_says() {
    let dashboards: Vec<_> = dashboards().collect();
    let output = compile(&dashboards);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn the_check_of_shapes_finds_mistakes() {
    let (name, good) = dashboards().next().expect("a dashboard");
    let place = good["panels"].as_array().expect("panels").iter().position(|panel| panel["type"] == "stat");
    let place = place.expect("a stat panel");
    for (pointer, mistake) in [
        ("/schemaVersion".to_owned(), json!("41")),
        ("/graphTooltip".to_owned(), json!(7)),
        (format!("/panels/{place}/gridPos/w"), json!("wide")),
        (format!("/panels/{place}/options/colorMode"), json!("rainbow")),
        (format!("/panels/{place}/options/graphMode"), Value::Null),
    ] {
        let mut bad = good.clone();
        *bad.pointer_mut(&pointer).expect("it is there") = mistake;
        let output = compile(&[(name.clone(), bad)]);
        assert!(!output.status.success(), "{pointer}");
    }
}

#[test]
fn prometheus_reads_every_query() {
    let mut rules = Vec::new();
    for (name, dashboard) in dashboards() {
        let queries = queries(&dashboard);
        assert!(queries.len() > 10, "{name}");
        for (panel, expr) in queries {
            assert!(!expr.contains('$'), "{name}, {panel}: {expr}");
            rules.push(json!({"record": format!("query{}", rules.len()), "expr": expr}));
        }
    }
    let folder = tempfile::tempdir().expect("a folder");
    let groups = json!({"groups": [{"name": "queries", "rules": rules}]});
    std::fs::write(folder.path().join("rules.yml"), groups.to_string()).expect("a file");
    promtool::accepts(folder.path(), &["check", "rules", "rules.yml"]);
}

#[test]
fn a_dashboard_without_a_place_to_write_to_is_refused() {
    let run = |arguments: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_mcp-tap"))
            .arg("dashboards")
            .args(arguments)
            .output()
            .expect("it runs")
    };
    assert_eq!(run(&[]).status.code(), Some(64));
    assert_eq!(run(&["--dashboard", "weather"]).status.code(), Some(64));
    let output = run(&["--output-dir", "/dev/null/dashboards"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("cannot write /dev/null/dashboards"),
        "{output:?}"
    );
}
