//! The comparison as text.

use std::fmt::{self, Display};

use super::figures::{Ratio, TargetFigures};
use super::{Comparison, Figures, IdleFigures};
use crate::rows::{NOTHING, figure, without_empty_columns, write_rows};

impl Display for Comparison {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let setting = &self.setting;
        writeln!(out, "{}, {} cores, {}, {}", setting.cpu, setting.cores, setting.kernel, setting.date)?;
        writeln!(out, "{}", setting.versions.join(", "))?;
        for figures in &self.scenarios {
            write_scenario(out, figures, self.turn_seconds, self.workers)?;
        }
        if !self.idle.is_empty() {
            writeln!(out, "\nidle event streams")?;
            let head = ["target", "streams", "KiB/stream", "RSS MiB before", "RSS MiB with", "opened/s"];
            let mut rows = vec![head.map(str::to_owned).to_vec()];
            rows.extend(self.idle.iter().map(idle_row));
            write_rows(out, &rows)?;
        }
        Ok(())
    }
}

/// A column: its head, and its cell for a target.
type Column = (&'static str, fn(&TargetFigures) -> String);

const FIGURES: [Column; 10] = [
    ("target", |of| of.name.clone()),
    ("calls/s", |of| figure(Some(of.requests_per_second), 0)),
    ("CPU us/call (user + sys)", cpu),
    ("p50 us", |of| figure(Some(of.p50_micros), 0)),
    ("p99 us", |of| figure(Some(of.p99_micros), 0)),
    ("first byte p50", |of| figure(Some(of.first_byte_p50_micros), 0)),
    ("first byte p99", |of| figure(Some(of.first_byte_p99_micros), 0)),
    ("event delay p99", |of| figure(of.event_delay_p99_micros, 0)),
    ("RSS MiB", |of| figure(of.resident_kib.map(|kib| kib / 1024.0), 1)),
    ("CPU to mcp-tap", |of| ratio(of.cpu_to_tap)),
];

const RATIOS: [Column; 8] = [
    ("ratio to bare, round by round", |of| of.name.clone()),
    ("CPU", |of| ratio(of.cpu_ratio)),
    ("calls/s", |of| ratio(of.throughput_ratio)),
    ("added p50", |of| ratio(of.added_p50_ratio)),
    ("added p99", |of| ratio(of.added_p99_ratio)),
    ("first byte p50", |of| ratio(of.first_byte_ratio)),
    ("event delay p99", |of| ratio(of.event_delay_ratio)),
    ("CPU to nginx with log", |of| ratio(of.cpu_to_nginx)),
];

fn write_scenario(
    out: &mut fmt::Formatter<'_>,
    figures: &Figures,
    turn_seconds: f64,
    workers: usize,
) -> fmt::Result {
    let Figures { scenario, connections, rounds, targets } = figures;
    let plural = if *connections == 1 { "" } else { "s" };
    writeln!(
        out,
        "\n{scenario}: {connections} connection{plural}, rounds of {turn_seconds} s: {rounds}, workers of bare: {workers}"
    )?;
    for columns in [&FIGURES[..], &RATIOS[..]] {
        let head = columns.iter().map(|(head, _)| (*head).to_owned()).collect();
        let row = |target| columns.iter().map(|(_, cell)| cell(target)).collect();
        let rows: Vec<Vec<String>> = std::iter::once(head).chain(targets.iter().map(row)).collect();
        write_rows(out, &without_empty_columns(&rows))?;
    }
    Ok(())
}

fn cpu(of: &TargetFigures) -> String {
    match (of.cpu_micros, of.user_micros, of.system_micros) {
        (Some(cpu), Some(user), Some(system)) => format!("{:.1} ({user:.1} + {system:.1})", cpu.median),
        _ => NOTHING.to_owned(),
    }
}

fn ratio(ratio: Option<Ratio>) -> String {
    ratio.map_or_else(
        || NOTHING.to_owned(),
        |Ratio { median, lowest, highest }| format!("{median:.2} ({lowest:.2}..{highest:.2})"),
    )
}

fn idle_row(figures: &IdleFigures) -> Vec<String> {
    vec![
        figures.name.clone(),
        figures.streams.to_string(),
        format!("{:.1}", figures.kib_per_stream),
        format!("{:.1}", figures.before_kib as f64 / 1024.0),
        format!("{:.1}", figures.after_kib as f64 / 1024.0),
        format!("{:.0}", figures.opened_per_second),
    ]
}
