//! The page.

use std::fmt::Write;

use super::scale::{digits, escaped, time};
use super::{connections, cpu, idle, latency};
use crate::compare::{Comparison, Figures, IdleFigures, Ratio, TargetFigures};
use crate::goals::Goal;
use crate::machine::Setting;
use crate::rows::{NOTHING, without_empty_columns};

const STYLE: &str = include_str!("page.css");

/// What stands on the page before the figures, to say how to read them.
const INTRODUCTION: &str = "Every target was called in turn, round by round, by the same client, and every answer was \
     compared with the expected one. Bars are medians of the rounds, whiskers the lowest and the highest round, curves \
     all rounds together. Figures depend on the machine; ratios of one run say more.";

/// The whole comparison as one HTML file.
#[must_use]
pub fn page(comparison: &Comparison) -> String {
    let mut body = header(&comparison.setting);
    if !comparison.goals.is_empty() {
        body.push_str(&section("Targets", "ratios of this run", &goals(&comparison.goals)));
    }
    for figures in &comparison.scenarios {
        body.push_str(&scenario(figures, comparison));
    }
    if !comparison.idle.is_empty() {
        let content = format!(
            r#"<div class="pair"><div>{}</div><div class="wide">{}</div></div>"#,
            idle(&comparison.idle),
            idle_table(&comparison.idle)
        );
        let streams = comparison.idle.first().map_or(0, |idle| idle.streams);
        body.push_str(&section(
            "Idle event streams",
            &format!("{streams} streams on which nothing comes"),
            &content,
        ));
    }
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width\">\n<title>mcp-tap and other proxies under the same load</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n{body}</main>\n</body>\n</html>\n"
    )
}

fn section(title: &str, below: &str, content: &str) -> String {
    format!(
        "<section>\n<h2>{}</h2>\n<p class=\"quiet\">{}</p>\n{content}\n</section>\n",
        escaped(title),
        escaped(below)
    )
}

fn header(setting: &Setting) -> String {
    let cores = if setting.cores == 1 { "1 core".to_owned() } else { format!("{} cores", setting.cores) };
    let rows = [
        ("Date", escaped(&setting.date)),
        ("Machine", escaped(&format!("{}, {cores}, {}", setting.cpu, setting.kernel))),
        ("Programs", escaped(&setting.versions.join(", "))),
        ("Command", format!("<code>{}</code>", escaped(&setting.command))),
    ];
    let rows: String =
        rows.iter().map(|(name, value)| format!("<dt>{name}</dt><dd>{value}</dd>\n")).collect();
    format!(
        "<h1>mcp-tap and other proxies under the same load</h1>\n<p class=\"quiet\">{INTRODUCTION}</p>\n<dl>\n{rows}</dl>\n"
    )
}

fn scenario(figures: &Figures, comparison: &Comparison) -> String {
    let rounds =
        if figures.rounds == 1 { "1 round".to_owned() } else { format!("{} rounds", figures.rounds) };
    let below =
        format!("{}, {rounds} of {} s", connections(figures.connections), digits(comparison.turn_seconds));
    let content = format!(
        "<div class=\"pair\"><div>{}</div><div>{}</div></div>\n<details><summary>All figures</summary><div class=\"wide\">{}</div></details>",
        latency(figures),
        cpu(figures),
        figures_table(figures)
    );
    section(&figures.scenario, &below, &content)
}

/// A column: its head, and its cell for a target.
type Column = (&'static str, fn(&TargetFigures) -> String);

const COLUMNS: [Column; 14] = [
    ("target", |of| of.name.clone()),
    ("calls/s", |of| format!("{:.0}", of.requests_per_second)),
    ("CPU µs", |of| number(of.cpu_micros.map(|cpu| cpu.median))),
    ("user", |of| number(of.user_micros)),
    ("system", |of| number(of.system_micros)),
    ("p50", |of| time(of.p50_micros)),
    ("p99", |of| time(of.p99_micros)),
    ("first byte p50", |of| time(of.first_byte_p50_micros)),
    ("event delay p99", |of| of.event_delay_p99_micros.map_or_else(nothing, time)),
    ("RSS MiB", |of| number(of.resident_kib.map(|kib| kib / 1024.0))),
    ("CPU to bare", |of| ratio(of.cpu_ratio)),
    ("calls/s to bare", |of| ratio(of.throughput_ratio)),
    ("added p50 to bare", |of| ratio(of.added_p50_ratio)),
    ("CPU to nginx with log", |of| ratio(of.cpu_to_nginx)),
];

fn figures_table(figures: &Figures) -> String {
    let head = COLUMNS.map(|(head, _)| head.to_owned()).to_vec();
    let rows = figures.targets.iter().map(|of| COLUMNS.iter().map(|(_, cell)| cell(of)).collect());
    let mut rows = without_empty_columns(&std::iter::once(head).chain(rows).collect::<Vec<Vec<String>>>());
    let head = rows.remove(0);
    table(&head, rows.into_iter())
}

fn idle_table(idle: &[IdleFigures]) -> String {
    let head = ["target", "KiB per stream", "RSS MiB before", "RSS MiB with", "opened/s"].map(str::to_owned);
    let mib = |kib: u64| digits(kib as f64 / 1024.0);
    let rows = idle.iter().map(|of| {
        vec![
            of.name.clone(),
            digits(of.kib_per_stream),
            mib(of.before_kib),
            mib(of.after_kib),
            format!("{:.0}", of.opened_per_second),
        ]
    });
    table(&head, rows)
}

fn table(head: &[String], rows: impl Iterator<Item = Vec<String>>) -> String {
    let cells = |tag: &str, row: &[String]| -> String {
        row.iter().map(|cell| format!("<{tag}>{}</{tag}>", escaped(cell))).collect()
    };
    let mut html = format!("<table><tr>{}</tr>\n", cells("th", head));
    for row in rows {
        // Writing into a String cannot fail.
        let _ = writeln!(html, "<tr>{}</tr>", cells("td", &row));
    }
    html + "</table>"
}

fn goals(goals: &[Goal]) -> String {
    let mut html = "<div class=\"wide\"><table><tr><th>what</th><th>measured</th><th>rounds</th><th>target</th><th></th></tr>\n".to_owned();
    for goal in goals {
        let (class, word) = if goal.is_met() { ("met", "met") } else { ("missed", "missed") };
        let sign = if goal.at_most { "≤" } else { "≥" };
        let spread = goal.spread.map_or_else(nothing, |(low, high)| format!("{low:.2} … {high:.2}"));
        let _ = writeln!(
            html,
            "<tr><td>{}</td><td>{}</td><td>{spread}</td><td>{sign} {}</td><td><span class=\"{class}\">{word}</span></td></tr>",
            escaped(&goal.what),
            goal.measured.map_or_else(nothing, |measured| format!("{measured:.2}")),
            digits(goal.target)
        );
    }
    html + "</table></div>"
}

fn number(value: Option<f64>) -> String {
    value.map_or_else(nothing, digits)
}

fn ratio(ratio: Option<Ratio>) -> String {
    ratio.map_or_else(nothing, |ratio| {
        format!("{:.2} ({:.2} … {:.2})", ratio.median, ratio.lowest, ratio.highest)
    })
}

fn nothing() -> String {
    NOTHING.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_needs_nothing_from_elsewhere_and_escapes_what_it_shows() {
        let comparison = Comparison {
            setting: Setting {
                date: "2026-11-30 10:00 UTC".to_owned(),
                command: "compare --peer a<b=http://127.0.0.1:1/@1".to_owned(),
                cpu: "CPU".to_owned(),
                cores: 2,
                kernel: "Linux 6".to_owned(),
                versions: vec!["mcp-tap 1".to_owned()],
            },
            workers: 1,
            turn_seconds: 2.0,
            scenarios: vec![Figures {
                scenario: "small@1".to_owned(),
                connections: 1,
                rounds: 3,
                targets: Vec::new(),
            }],
            idle: vec![IdleFigures {
                name: "bare".to_owned(),
                streams: 10,
                before_kib: 1024,
                after_kib: 2048,
                kib_per_stream: 102.4,
                opened_per_second: 5.0,
            }],
            goals: vec![Goal::at_most("CPU", Some(1.2), 1.15, "").with_spread(1.1, 1.3)],
        };
        let html = page(&comparison);
        for expected in
            ["a&lt;b=", "2 cores", "1 connection, 3 rounds of 2 s", "class=\"missed\"", "102", "1.10 … 1.30"]
        {
            assert!(html.contains(expected), "{expected}");
        }
        // The only addresses are names of XML and what the command said.
        let addresses: Vec<&str> = html.split("http").skip(1).collect();
        assert!(
            addresses
                .iter()
                .all(|rest| rest.starts_with("://www.w3.org/2000/svg") || rest.starts_with("://127.0.0.1"))
        );
        assert!(!html.contains("<script") && !html.contains("<link"));
        assert_eq!(super::super::pictures(&comparison).len(), 3);
    }
}
