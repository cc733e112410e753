//! What holds for every dashboard: whole, readable, nothing over anything else.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;

use super::*;
use crate::slo::{Fraction, Severity, Tier};

/// The default plan, and one whose windows are seconds.
fn plans() -> [Plan; 2] {
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
    [Plan::default(), trial]
}

fn each(mut look: impl FnMut(Dashboard, &Value)) {
    for plan in plans() {
        for which in Dashboard::ALL {
            let text = generate(which, &plan, &Settings::default());
            look(which, &serde_json::from_str(&text).expect("JSON"));
        }
    }
}

fn panels(dashboard: &Value) -> &Vec<Value> {
    dashboard["panels"].as_array().expect("panels")
}

#[test]
fn every_panel_is_on_the_grid_and_none_over_another() {
    each(|which, dashboard| {
        let mut taken = BTreeSet::new();
        for panel in panels(dashboard) {
            let of = |name: &str| panel["gridPos"][name].as_u64().expect("a place");
            assert!(of("x") + of("w") <= 24, "{which:?} {}", panel["title"]);
            for x in of("x")..of("x") + of("w") {
                for y in of("y")..of("y") + of("h") {
                    assert!(taken.insert((x, y)), "{which:?} {} at {x} {y}", panel["title"]);
                }
            }
        }
    });
}

#[test]
fn every_panel_says_what_it_shows_and_what_stands_there_when_there_is_nothing() {
    each(|which, dashboard| {
        let mut titles = BTreeSet::new();
        let mut ids = BTreeSet::new();
        for panel in panels(dashboard) {
            let title = panel["title"].as_str().expect("a title");
            assert!(titles.insert(title.to_owned()), "{which:?} {title}");
            assert!(ids.insert(panel["id"].as_u64()), "{which:?} {title}");
            if panel["type"] == "row" {
                continue;
            }
            assert!(panel["description"].as_str().is_some_and(|text| text.ends_with('.')), "{title}");
            let defaults = &panel["fieldConfig"]["defaults"];
            assert!(defaults["noValue"].as_str().is_some_and(|text| !text.is_empty()), "{title}");
            assert!(defaults["thresholds"]["steps"][0]["value"].is_null(), "{title}");
            let steps = defaults["thresholds"]["steps"].as_array().expect("steps");
            let rising: Vec<_> = steps.iter().filter_map(|step| step["value"].as_f64()).collect();
            assert!(rising.is_sorted_by(|one, other| one < other), "{title}: {rising:?}");
            assert!(panel["targets"].as_array().is_some_and(|targets| !targets.is_empty()), "{title}");
            let kinds = ["timeseries", "stat", "gauge", "table", "heatmap"];
            assert!(panel["type"].as_str().is_some_and(|kind| kinds.contains(&kind)), "{title}");
        }
    });
}

#[test]
fn a_dashboard_names_its_data_source_by_variable_and_needs_no_input_at_import() {
    each(|which, dashboard| {
        assert_eq!(dashboard["uid"], which.uid());
        assert!(dashboard["schemaVersion"].as_u64().is_some_and(|version| version >= 41));
        assert!(dashboard.get("__inputs").is_none() && dashboard.get("id").is_none());
        for panel in panels(dashboard).iter().filter(|panel| panel["type"] != "row") {
            assert_eq!(panel["datasource"]["uid"], "${datasource}");
        }
    });
}

#[test]
fn queries_take_fixed_ranges_from_the_plan_alone() {
    each(|which, dashboard| {
        for panel in panels(dashboard) {
            for target in panel["targets"].as_array().into_iter().flatten() {
                let expr = target["expr"].as_str().expect("a query");
                for range in expr.split('[').skip(1).filter_map(|rest| rest.split(']').next()) {
                    let fixed = plans().iter().any(|plan| range == crate::rules::duration::text(plan.period));
                    assert!(range.starts_with('$') || fixed, "{which:?} {}: {expr}", panel["title"]);
                }
            }
        }
    });
}

#[test]
fn runbooks_are_links_where_they_have_addresses_and_paths_in_words_otherwise() {
    let mut settings = Settings::default();
    let plain = generate(Dashboard::Slo, &Plan::default(), &settings);
    assert!(plain.contains("runbook deploy/docs/runbooks/slo-availability-burn-rate-fast.md."), "{plain}");
    settings.runbook_url = "https://example.test/{alert}".to_owned();
    let linked = generate(Dashboard::Slo, &Plan::default(), &settings);
    assert!(linked.contains("\"url\": \"https://example.test/slo-availability-burn-rate-fast\""), "{linked}");
    assert!(!linked.contains("deploy/docs"), "{linked}");
}

#[test]
fn alerts_of_others_and_of_what_is_not_chosen_are_on_no_dashboard() {
    each(|which, dashboard| {
        let marked = dashboard["annotations"]["list"][1]["expr"].as_str().expect("a query");
        let asked =
            panels(dashboard).iter().flat_map(|panel| panel["targets"].as_array().into_iter().flatten());
        let asked = asked.filter_map(|target| target["expr"].as_str()).filter(|expr| expr.contains("ALERTS"));
        for expr in asked.chain([marked]) {
            assert!(expr.contains("burn_rate|") && !expr.contains("heartbeat"), "{which:?}: {expr}");
            assert!(
                expr.contains("namespace=~\"$namespace|\",mcp_server=~\"$mcp_server|\""),
                "{which:?}: {expr}"
            );
            let chosen = dashboard["templating"]["list"].as_array().into_iter().flatten();
            let by_objective = chosen.into_iter().any(|variable| variable["name"] == "slo");
            assert_eq!(expr.contains("slo=~\"$slo|\""), by_objective, "{which:?}: {expr}");
        }
    });
}

#[test]
fn the_same_plan_makes_the_same_bytes() {
    for which in Dashboard::ALL {
        let generated = || generate(which, &Plan::default(), &Settings::default());
        assert_eq!(generated(), generated());
    }
}
