//! From texts to service levels, and to problems with exact lines.

use super::*;
use crate::slo::{Fraction, Outcome, Pattern, Severity, Sli, Verdict};
use crate::telemetry::cost::Price;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

fn good(text: &str) -> SloConfig {
    read(Path::new("tap.yaml"), text).unwrap_or_else(|problems| panic!("{text}\n{problems}"))
}

fn problems(text: &str) -> String {
    let problems = read(Path::new("tap.yaml"), text).expect_err("something is wrong");
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_file_that_says_nothing_of_service_levels_means_the_default() {
    for text in [
        "",
        "# nothing\n",
        "upstream: http://localhost:1\n",
        "slo:\ncost:\nquality:\n",
        "slo: {}\ncost: {}\nquality: {}\n",
    ] {
        assert_eq!(good(text), SloConfig::default(), "{text:?}");
    }
    assert_eq!(load(None), Ok(SloConfig::default()));
}

#[test]
fn the_default_written_out_is_the_default() {
    let text = "
slo:
  period: 30d
  window: 1h
  tool_errors: bad
  outcomes: {rate_limited: bad, cancelled: excluded}
  trial: false
  tiers:
    - {severity: page, long: 1h, short: 5m, budget: 2%, min_bad: 3}
    - {severity: page, long: 6h, short: 30m, budget: 5%}
    - {severity: ticket, long: 1d, short: 2h, budget: 10%, min_bad: 1}
    - {severity: ticket, long: 3d, short: 6h, budget: 10.0%}
  evaluation_interval: 1m
  scrape_interval: 30s
  runbook_url: deploy/docs/runbooks/{alert}.md
  dashboard_url: /d/{dashboard}
  labels: {}
  absence: true
  expected: []
  objectives:
    - {name: availability, sli: availability, target: 99.9, description: '', servers: [], tools: []}
    - {name: latency, sli: latency, target: 95, threshold: 1s, tool_errors: bad, outcomes: {}}
    - {name: quality, sli: quality, target: 99.00%}
cost: {tools: {}}
quality: {sample: 100%, size_limit: 256KiB, may_be_empty: [], reports_failure: []}
";
    assert_eq!(good(text), SloConfig::default());
}

const EVERYTHING: &str = "
slo:
  period: 28d
  window: 30m
  tool_errors: good
  outcomes: {rate_limited: excluded}
  tiers:
    - {severity: ticket, long: 1d, short: 2h, budget: 12.5%, min_bad: 9}
    - {severity: page, long: 1h, short: 5m, budget: 2.25%}
  evaluation_interval: 30s
  scrape_interval: 15s
  runbook_url: https://wiki/{alert}
  dashboard_url: https://grafana/d/{dashboard}
  labels: {team: tools, tier: '1'}
  absence: off
  expected: [{server: payments, namespace: shop}, {server: search}]
  objectives:
    - name: fast-search
      sli: latency
      target: 99.99
      threshold: 250ms
      description: Search is quick.
      servers: [search-*, find]
      tools: [search, 'get_*']
      tool_errors: excluded
      outcomes:
        timeout: good
cost:
  per_second: 0.00002
  per_call: 0
  per_gib: 9e-2
  per_million_tokens: 3
  tools: {search: {per_call: 0.005}, 'get_*': {}}
quality: {sample: 12.5%, size_limit: 1MiB, may_be_empty: [list_*], reports_failure: [run]}
";

#[test]
fn everything_that_can_be_said_is_taken() {
    let config = good(EVERYTHING);
    assert_eq!((config.plan.period, config.plan.window), (28 * 24 * HOUR, HOUR / 2));
    let tiers: Vec<_> =
        config.plan.tiers.iter().map(|tier| (tier.severity, tier.long, tier.budget, tier.min_bad)).collect();
    let expected = [
        (Severity::Page, HOUR, Fraction::new(225, 10_000), 3),
        (Severity::Ticket, 24 * HOUR, Fraction::new(125, 1000), 9),
    ];
    assert_eq!(tiers, expected);
    let [objective] = config.plan.objectives.as_slice() else { panic!("one objective") };
    assert_eq!((objective.name.as_str(), objective.target.to_string().as_str()), ("fast-search", "99.99"));
    assert_eq!(objective.sli, Sli::Latency { threshold: SECOND / 4 });
    assert_eq!(objective.servers, ["search-*", "find"].map(Pattern::new));
    assert_eq!(objective.tools, ["search", "get_*"].map(Pattern::new));
    let verdicts = [Outcome::ToolError, Outcome::RateLimited, Outcome::Timeout, Outcome::ProxyError]
        .map(|outcome| objective.outcomes.verdict(outcome));
    assert_eq!(verdicts, [Verdict::Excluded, Verdict::Excluded, Verdict::Good, Verdict::Bad]);
}

#[test]
fn everything_that_can_be_said_beside_objectives_is_taken() {
    let config = good(EVERYTHING);
    assert_eq!(config.rules.interval, 30 * SECOND);
    assert_eq!(config.rules.labels[1], ("tier".to_owned(), "1".to_owned()));
    assert!(!config.rules.absence);
    assert_eq!(config.rules.expected[0].namespace, "shop");
    assert_eq!(config.prices.default.per_gib, Some(0.09));
    assert_eq!(config.prices.default.per_call, Some(0.0));
    let search = Price { per_call: Some(0.005), ..Price::default() };
    let tools = vec![(Pattern::new("search"), search), (Pattern::new("get_*"), Price::default())];
    assert_eq!(config.prices.tools, tools);
    assert_eq!((config.quality.sample, config.quality.size_limit), (0.125, 1 << 20));
}

#[test]
fn a_trial_may_have_windows_of_seconds() {
    let config = good(
        "slo:\n  trial: true\n  period: 1h\n  window: 1m\n  scrape_interval: 1s\n  evaluation_interval: 1s\n  tiers:\n    \
         - {severity: page, long: 1m, short: 5s, budget: 10%}\n",
    );
    assert_eq!(config.plan.windows(), [5 * SECOND, 60 * SECOND, HOUR]);
}

#[test]
fn other_periods_have_tiers_of_their_own() {
    for days in [7, 14, 28, 30, 90, 365] {
        let config = good(&format!("slo: {{period: {days}d}}"));
        assert_eq!(config.plan.tiers, crate::slo::tier::defaults(config.plan.period), "{days}");
    }
}

/// Files with mistakes, each with what they are about.
const BAD: &[(&str, &str)] = &[
    ("shapes", "slo: [1]\ncost: 5\nquality: x\n"),
    ("a document that is no mapping", "- slo\n"),
    ("no YAML", "slo: {period: 30d\n"),
    ("a key twice", "slo:\n  period: 30d\n  period: 28d\n"),
    (
        "unknown keys",
        "slos: {}\nslo:\n  perod: 30d\n  colour: red\n  tiers:\n    - {severty: page, long: 1h, short: 5m, budget: 2%}\n  objectives:\n    - nme: a\n      sli: quality\n      target: 99\ncost:\n  per_minute: 3\n  tools:\n    a: {per_cal: 1}\nquality:\n  smple: 1%\n",
    ),
    ("periods", "slo:\n  period: 6d\n"),
    ("periods of odd hours", "slo:\n  period: 7d 30m\n"),
    ("periods that are none", "slo:\n  period: 30\n"),
    (
        "periods that are too long",
        "slo:\n  period: 9000h\n  window: 5m\n  trial: true\n  tiers: [{severity: page, long: 1h, short: 2m, budget: 5%}]\n",
    ),
    ("intervals", "slo:\n  window: 1m\n  evaluation_interval: 2m\n  scrape_interval: 20s\n"),
    ("default windows in a short trial", "slo:\n  trial: true\n  period: 1h\n"),
    (
        "values",
        "slo:\n  window: soon\n  tool_errors: fine\n  trial: maybe\n  evaluation_interval: 0s\n  scrape_interval: [1s]\n  runbook_url: ''\n  dashboard_url: \"  \"\n  absence: 7\n  labels: {severity: x, 1a: y, a-b: z, ok: ''}\n  expected: [{namespace: x}, {server: a}, {server: a}, b]\n",
    ),
    (
        "windows",
        "slo:\n  tiers:\n    - severity: page\n      long: 1h\n      short: 1h\n      budget: 2%\n    - severity: page\n      long: 30d\n      short: 1d\n      budget: 100%\n    - severity: ticket\n      long: 3d\n      short: 1m\n      budget: 9.99%\n    - {severity: ticket, long: 90s, short: 5m, budget: 10%}\n",
    ),
    (
        "windows that are no multiples",
        "slo:\n  window: 61m\n  tiers:\n    - {severity: page, long: 1h, short: 5m, budget: 2%}\n    - {severity: page, long: 362m, short: 30m, budget: 6%}\n    - {severity: ticket, long: 6025m, short: 6h, budget: 20%}\n",
    ),
    (
        "tiers",
        "slo:\n  tiers:\n    - {severity: loud, long: 1h, short: 5m, budget: 2}\n    - {severity: page}\n    - {severity: page, long: 1h, short: 5m, budget: 0%, min_bad: 0}\n    - {severity: page, long: 6h, short: 30m, budget: 101%, min_bad: many}\n    - page\n",
    ),
    (
        "a tier twice",
        "slo:\n  tiers:\n    - {severity: page, long: 1h, short: 5m, budget: 2%}\n    - {severity: page, long: 1h, short: 5m, budget: 3%}\n",
    ),
    (
        "targets",
        "slo:\n  objectives:\n    - {name: a, sli: availability, target: 100}\n    - {name: b, sli: availability, target: 0}\n    - {name: c, sli: availability, target: 99.99999}\n    - {name: d, sli: availability, target: 1e1}\n    - {name: e, sli: availability, target: [99]}\n    - {name: f, sli: availability, target: 100.0%}\n    - {name: g, sli: availability, target: 0x10}\n    - {name: h, sli: availability}\n    - {name: i, sli: availability, target: 99_9}\n",
    ),
    (
        "names",
        "slo:\n  objectives:\n    - {name: good, sli: quality, target: 99}\n    - name: good\n      sli: quality\n      target: 98\n    - {name: Bad, sli: quality, target: 99}\n    - {name: -a, sli: quality, target: 99}\n    - {name: '', sli: quality, target: 99}\n    - {name: a_b, sli: quality, target: 99}\n    - {name: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa, sli: quality, target: 99}\n    - {sli: quality, target: 99}\n    -\n    - text\n",
    ),
    (
        "latency",
        "slo:\n  objectives:\n    - {name: a, sli: latency, target: 99}\n    - {name: b, sli: latency, target: 99, threshold: 0s}\n    - {name: c, sli: availability, target: 99, threshold: 1s}\n    - {name: d, sli: quality, target: 99, threshold: 1s}\n    - {name: e, sli: latncy, target: 99}\n    - {name: f, target: 99}\n",
    ),
    (
        "verdicts",
        "slo:\n  tool_errors: good\n  outcomes: {tool_error: bad, succes: good, success: bad, timeout: ugly}\n  objectives:\n    - {name: a, sli: quality, target: 99, outcomes: {timeout: good}}\n    - name: b\n      sli: availability\n      target: 99\n      tool_errors: excluded\n      outcomes:\n        cancelled: bad\n        tool_error: good\n",
    ),
    (
        "patterns",
        "slo:\n  objectives:\n    - {name: a, sli: quality, target: 99, tools: [''], servers: [a, \"b\\n\"]}\n    - {name: b, sli: quality, target: 99, tools: search}\n",
    ),
    (
        "prices",
        "cost:\n  per_second: -1\n  per_call: free\n  per_gib: 1e300\n  per_million_tokens: [1]\n  tools:\n    '': {per_call: 1}\n    search: 5\n    find: {per_call: -0.1}\n",
    ),
    ("quality", "quality: {sample: 0.5, size_limit: 1GiB, may_be_empty: all, reports_failure: ['']}\n"),
    ("quality beyond", "quality:\n  sample: 100.1%\n  size_limit: 10\n"),
];

#[test]
fn mistakes_are_told_all_at_once_with_line_path_value_and_remedy() {
    let told: Vec<_> = BAD.iter().map(|(about, text)| format!("{about}:\n{}", problems(text))).collect();
    insta::assert_snapshot!(told.join("\n\n"));
}

#[test]
fn labels_that_tell_alerts_apart_cannot_be_set_for_all() {
    for label in ["mcp_server", "slo", "pod", "instance", "tool_name", "part", "reason"] {
        let told = problems(&format!("slo:\n  labels: {{{label}: x, team: y}}\n"));
        assert!(told.contains(&format!("slo.labels.{label}: ")) && !told.contains("team"), "{told}");
    }
}

#[test]
fn there_is_a_bound_of_objectives_and_tiers() {
    let objectives = |count: usize| {
        let each: String =
            (0..count).map(|n| format!("    - {{name: o{n}, sli: quality, target: 99}}\n")).collect();
        format!("slo:\n  objectives:\n{each}")
    };
    assert_eq!(good(&objectives(64)).plan.objectives.len(), 64);
    assert_eq!(
        problems(&objectives(65)),
        "tap.yaml:2: slo.objectives: has 65 objectives; at most 64 are possible"
    );
    let tiers: String = (1..=11)
        .map(|n| format!("    - {{severity: page, long: {}h, short: 5m, budget: 99%}}\n", n + 1))
        .collect();
    let text = format!("slo:\n  tiers:\n{tiers}");
    assert_eq!(problems(&text), "tap.yaml:2: slo.tiers: has 11 tiers; at most 10 are possible");
}

#[test]
fn every_line_is_exact_whatever_stands_before_it() {
    for before in 0..20 {
        let text = format!(
            "{}slo:\n  objectives:\n\n    # two\n    - name: a\n      sli: quality\n      target: 100\n",
            "# é\n".repeat(before)
        );
        let expected = format!("tap.yaml:{}: slo.objectives[0].target: ", before + 7);
        assert!(problems(&text).starts_with(&expected), "{}", problems(&text));
    }
}

#[test]
fn what_is_allowed_and_odd_is_a_warning() {
    let text = "
slo:
  trial: true
  objectives:
    - {name: rough, sli: availability, target: 90}
    - {name: very-rough, sli: availability, target: 60, servers: [search]}
    - {name: elsewhere, sli: quality, target: 99, servers: [payments]}
";
    let shown = |text: &str, server| {
        warnings(&good(text), server).iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    insta::assert_snapshot!(shown(text, Some("search")), @r#"
slo.trial is on: windows and period may be too short for production
not measured here, for their servers do not match "search": elsewhere
objective rough: its page tier over 1h can never fire, for 14.4 times the error budget is more than all requests; the tier is left out
objective very-rough: its page tier over 1h can never fire, for 14.4 times the error budget is more than all requests; the tier is left out
objective very-rough: its page tier over 6h can never fire, for 6 times the error budget is more than all requests; the tier is left out
objective very-rough: its ticket tier over 1d can never fire, for 3 times the error budget is more than all requests; the tier is left out
objective very-rough: NOBODY WILL BE PAGED: no page tier can fire at its target; write tiers with smaller budgets or longer windows
"#);
    insta::assert_snapshot!(shown("slo: {objectives: []}", None), @"there is no objective: no service level is measured");
    assert_eq!(shown("", Some("any")), "");
    let urls: Vec<_> = about_rules(&SloConfig::default().rules).iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(urls.join("\n"), @r#"
slo.runbook_url is not set: links of alerts lead into the repository of mcp-tap, not to a place of yours
slo.dashboard_url is not set: links of alerts lead into the repository of mcp-tap, not to a place of yours
"#);
    let urls = r#"runbook_url: "https://r/{alert}", dashboard_url: "https://d/{dashboard}""#;
    let expected = "expected: [{server: payments, namespace: shop}, {server: search}, {server: stock}]";
    for (absence, said) in [(true, 1), (false, 0)] {
        let config = good(&format!("slo: {{{urls}, absence: {absence}, {expected}}}"));
        let remarks: Vec<_> = about_rules(&config.rules).iter().map(ToString::to_string).collect();
        assert_eq!(remarks.len(), said, "{remarks:?}");
        assert!(remarks.iter().all(|remark| remark.contains("of search, stock:")), "{remarks:?}");
    }
}

#[test]
fn allowed_downtimes_are_those_of_the_table() {
    for (target, expected) in
        [("99", "7h12m"), ("99.5", "3h36m"), ("99.9", "43m12s"), ("99.95", "21m36s"), ("99.99", "4m19s200ms")]
    {
        let config =
            good(&format!("slo: {{objectives: [{{name: a, sli: availability, target: {target}}}]}}"));
        assert_eq!(short(allowed_downtime(&config.plan, &config.plan.objectives[0])), expected);
    }
}

#[test]
fn durations_are_shown_in_the_units_of_people() {
    for (millis, expected) in [
        (0, "0s"),
        (5, "5ms"),
        (90_000, "1m30s"),
        (86_400_000, "1d"),
        (2_592_000_000, "30d"),
        (3_600_500, "1h500ms"),
    ] {
        assert_eq!(short(Duration::from_millis(millis)), expected);
    }
}

#[test]
fn the_example_of_the_readme_is_right() {
    let readme = include_str!("../../../../README.md");
    let example = readme.split("```yaml\n").find(|block| block.starts_with("slo:")).unwrap();
    let config = good(example.split("```").next().unwrap());
    assert_eq!(config.plan.objectives.len(), 3);
    // The tables name every key, and no others.
    for key in
        plan::KEYS.iter().chain(plan::OBJECTIVE_KEYS).chain(&costs::COST_KEYS).chain(costs::QUALITY_KEYS)
    {
        assert!(readme.contains(&format!("`{key}`")), "{key}");
    }
}

/// Reads a text that means harm; what is taken all the same must go through everything that is made of it.
fn survive(what: &str, text: &str) -> bool {
    let Ok(SloConfig { plan, rules, .. }) = read(Path::new("tap.yaml"), text) else { return false };
    let plan = std::sync::Arc::new(plan);
    let mut engine = crate::slo::Engine::new(std::sync::Arc::clone(&plan), "demo", crate::slo::Time(0));
    let now = crate::slo::Time(1_800_000_000_000);
    for objective in &plan.objectives {
        engine.observe(&objective.name, u64::MAX - 1, u64::MAX - 1, now);
    }
    for objective in engine.report(now).objectives {
        let numbers = objective.burn.iter().flat_map(|window| [window.sli, window.burn]);
        assert!(numbers.flatten().all(f64::is_finite), "{what}: {objective:?}");
    }
    assert!(engine.save(now).len() as u64 <= crate::slo::state::MAX_BYTES, "{what}");
    for format in crate::rules::Format::ALL {
        let (written, _) = crate::rules::write(&plan, &rules, format, &crate::rules::Options::default());
        let spoils = |line: &&str| ["NaN", "Inf", ".inf", ".nan"].iter().any(|number| line.contains(number));
        let spoilt = written.lines().filter(|line| !line.trim_start().starts_with('#')).find(spoils);
        assert_eq!(spoilt, None, "{what}");
    }
    true
}

#[test]
fn absurd_numbers_are_refused_or_harmless() {
    let trial = |parts: &str| {
        format!("slo:\n  trial: true\n  scrape_interval: 1ms\n  evaluation_interval: 1ms\n{parts}")
    };
    let objective = "  objectives:\n    - {name: a, sli: availability, target: 99.9999}\n    - {name: b, sli: latency, target: 0.0001, threshold: 1us}\n";
    let tiers = |long: &str, short: &str, budget: &str| {
        format!(
            "  tiers: [{{severity: page, long: {long}, short: {short}, budget: {budget}, min_bad: 1000000}}]\n{objective}"
        )
    };
    for (what, text, taken) in [
        ("a period of 100 years", "slo: {period: 36500d}".to_owned(), false),
        ("a period of all years", format!("slo: {{period: {}years}}", u64::MAX / 40_000_000), false),
        ("a scrape interval of all years", format!("slo: {{scrape_interval: {}s}}", u64::MAX), false),
        ("the longest period", trial(&format!("  period: 3650d\n{}", tiers("3649d", "1h", "100%"))), true),
        (
            "the smallest budget",
            trial(&format!("  period: 10m\n  window: 1m\n{}", tiers("10ms", "5ms", "0.0017%"))),
            true,
        ),
        ("a smaller budget", trial(&tiers("1h", "5m", "0.000001%")), false),
        ("a budget of nothing", trial(&tiers("1h", "5m", "0.000000%")), false),
        ("a budget of too many digits", trial(&tiers("1h", "5m", &format!("0.{}1%", "0".repeat(90)))), false),
        ("a budget of a huge number", trial(&tiers("1h", "5m", &format!("{}%", "9".repeat(90)))), false),
        (
            "the shortest windows",
            trial(&format!("  period: 1s\n  window: 1s\n{}", tiers("500ms", "5ms", "100%"))),
            true,
        ),
    ] {
        assert_eq!(survive(what, &text), taken, "{what}: {:?}", read(Path::new("tap.yaml"), &text).err());
    }
}

#[test]
fn files_that_mean_harm_end_soon_in_problems() {
    let bomb: String = (1..40)
        .map(|at| format!("b{at}: &b{at} [{}]\n", vec![format!("*b{}", at - 1); 10].join(",")))
        .collect();
    let keys = |count: usize| (0..count).map(|at| format!("  k{at}: {at}\n")).collect::<String>();
    let objectives = |count: usize| {
        (0..count).map(|at| format!("    - {{name: o{at}, sli: quality, target: 99}}\n")).collect::<String>()
    };
    for (what, text) in [
        ("a bomb of aliases", format!("b0: &b0 [x,x]\n{bomb}slo: {{objectives: *b39}}\n")),
        ("an alias of itself", "slo: &a {objectives: *a}\n".to_owned()),
        (
            "merges of merges",
            format!(
                "a0: &a0 {{x: 1}}\n{}slo: {{<<: *a30}}\n",
                (1..31)
                    .map(|at| format!("a{at}: &a{at} {{<<: [*a{0}, *a{0}]}}\n", at - 1))
                    .collect::<String>()
            ),
        ),
        ("deep lists", format!("slo: {}1{}\n", "[".repeat(100_000), "]".repeat(100_000))),
        ("a mebibyte of keys", format!("slo:\n{}", keys(70_000))),
        ("a mebibyte of outcomes", format!("slo:\n outcomes:\n{}", keys(70_000))),
        ("many objectives", format!("slo:\n  objectives:\n{}", objectives(20_000))),
        (
            "a mebibyte of a name",
            format!(
                "slo:\n  objectives:\n    - {{name: {}, sli: quality, target: 99}}\n",
                "aé€".repeat(1 << 17)
            ),
        ),
        (
            "a target without end",
            format!(
                "slo:\n  objectives:\n    - {{name: a, sli: quality, target: 99.{}}}\n",
                "9".repeat(1 << 20)
            ),
        ),
        ("keys that are lists", "slo: {? [a, b] : c}\n".to_owned()),
    ] {
        let start = crate::clock::now();
        assert!(!survive(what, &text), "{what} is taken");
        let told = problems(&text);
        let took = crate::clock::now() - start;
        // In a debug build on a busy machine; in earnest it is a fraction.
        assert!(took < Duration::from_secs(60), "{what}: {took:?}");
        assert!(told.len() < 300_000 && told.lines().count() < 1000, "{what}: {} bytes", told.len());
    }
}
