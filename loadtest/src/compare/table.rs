//! The comparison as text.

use std::fmt::{self, Display};

use super::figures::{Ratio, TargetFigures};
use super::{Comparison, Figures, IdleFigures};

impl Display for Comparison {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Figures { scenario, rounds, targets } in &self.scenarios {
            writeln!(
                out,
                "{scenario}: {} connections, {rounds} rounds of {} s, bare on {} workers",
                self.connections, self.turn_seconds, self.workers
            )?;
            let mut rows = vec![row([
                "target",
                "calls/s",
                "CPU us/call (user + sys)",
                "p50 us",
                "p99 us",
                "RSS MiB",
                "CPU to bare",
                "CPU to mcp-tap",
                "calls/s to bare",
            ])];
            rows.extend(targets.iter().map(target_row));
            write_rows(out, &rows)?;
        }
        if !self.idle.is_empty() {
            writeln!(out, "idle event streams")?;
            let mut rows =
                vec![row(["target", "streams", "KiB/stream", "RSS MiB before", "RSS MiB with", "opened/s"])];
            rows.extend(self.idle.iter().map(idle_row));
            write_rows(out, &rows)?;
        }
        Ok(())
    }
}

fn row<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.map(str::to_owned).to_vec()
}

fn target_row(figures: &TargetFigures) -> Vec<String> {
    let cpu = match (figures.cpu_micros, figures.user_micros, figures.system_micros) {
        (Some(cpu), Some(user), Some(system)) => format!("{cpu:.1} ({user:.1} + {system:.1})"),
        _ => "-".to_owned(),
    };
    vec![
        figures.name.clone(),
        format!("{:.0}", figures.requests_per_second),
        cpu,
        format!("{:.0}", figures.p50_micros),
        format!("{:.0}", figures.p99_micros),
        figures.resident_kib.map_or_else(|| "-".to_owned(), |kib| format!("{:.1}", kib / 1024.0)),
        ratio(figures.cpu_ratio),
        ratio(figures.cpu_to_tap),
        ratio(figures.throughput_ratio),
    ]
}

fn ratio(ratio: Option<Ratio>) -> String {
    ratio.map_or_else(
        || "-".to_owned(),
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

/// The first column is a name and stands left, the others are figures and stand right.
fn write_rows(out: &mut fmt::Formatter<'_>, rows: &[Vec<String>]) -> fmt::Result {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(String::len).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    for cells in rows {
        for (column, (cell, width)) in cells.iter().zip(&widths).enumerate() {
            match column {
                0 => write!(out, "  {cell:<width$}")?,
                _ => write!(out, "  {cell:>width$}")?,
            }
        }
        writeln!(out)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let idle = |name: &str, streams| IdleFigures {
            name: name.to_owned(),
            streams,
            before_kib: 1024,
            after_kib: 3072,
            kib_per_stream: 2.0,
            opened_per_second: 1000.0,
        };
        let comparison = Comparison {
            connections: 1,
            workers: 1,
            turn_seconds: 1.0,
            scenarios: Vec::new(),
            idle: vec![idle("bare", 1000), idle("a-long-name", 10)],
        };
        let text = comparison.to_string();
        let lines: Vec<&str> = text.lines().skip(1).collect();
        assert_eq!(lines.len(), 3);
        assert!(lines.iter().all(|line| line.len() == lines[0].len()), "{text}");
        assert!(lines[2].starts_with("  a-long-name       10         2.0"), "{text}");
    }
}
