//! The processes for people: a line each.

use crate::slo::report::State;
use crate::slo_client::table::{clean, colour, cut, left, state, until};

use super::{Process, Summary};

const GAP: &str = "  ";
/// The widest name that is shown whole.
const NAME: usize = 32;
const COLUMNS: usize = 9;
/// The columns that are words; the others are numbers.
const WORDS: [usize; 4] = [1, 2, SLO, 8];
const SLO: usize = 7;

type Row = [String; COLUMNS];

/// Writes the table; `colours` only for terminals. The last column is as long as it is, so that it can be copied.
#[must_use]
pub fn text(processes: &[Process], colours: bool) -> String {
    let headings = ["PID", "NAME", "KIND", "UPTIME", "CALLS", "ERRORS", "P95", "SLO", "ADMIN"];
    let mut rows: Vec<Row> = vec![headings.map(str::to_owned)];
    rows.extend(processes.iter().map(row));
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; COLUMNS] = std::array::from_fn(width);
    let mut text = String::new();
    for (at, row) in rows.iter().enumerate() {
        let shown = at.checked_sub(1).and_then(|at| worst(&processes[at]));
        text.push_str(&line(row, &widths, shown.filter(|_| colours)));
        text.push('\n');
    }
    text
}

fn row(process: &Process) -> Row {
    let entry = &process.entry;
    let figure = |text: fn(&Summary) -> Option<String>| {
        process.summary.as_ref().and_then(text).unwrap_or_else(|| "-".to_owned())
    };
    [
        entry.pid.to_string(),
        name(process),
        entry.about.kind.as_str().to_owned(),
        until(process.uptime_seconds),
        figure(|summary| Some(summary.calls?.to_string())),
        figure(failed),
        figure(|summary| Some(duration(summary.latency_seconds.as_ref()?.p95?))),
        figure(|summary| {
            let worst = summary.slo.as_ref()?;
            let left = worst.budget_remaining.map(|part| format!(" {}", left(part)));
            Some(state(worst.state).to_owned() + &left.unwrap_or_default())
        }),
        clean(&entry.admin),
    ]
}

/// Its name as it may stand on a terminal.
#[must_use]
pub fn name(process: &Process) -> String {
    cut(&clean(&process.entry.about.name), NAME)
}

fn worst(process: &Process) -> Option<State> {
    Some(process.summary.as_ref()?.slo.as_ref()?.state)
}

/// The share of calls that did not succeed; of no call there is none.
fn failed(summary: &Summary) -> Option<String> {
    let (calls, failures) = (summary.calls?, summary.failures?);
    (calls > 0).then(|| left(failures as f64 / calls as f64))
}

/// Seconds in three digits and a unit.
fn duration(seconds: f64) -> String {
    let (number, unit) = match seconds {
        _ if !seconds.is_finite() || seconds < 0.0 => return "?".to_owned(),
        _ if seconds < 999.5e-6 => (seconds * 1e6, "µs"),
        _ if seconds < 0.9995 => (seconds * 1e3, "ms"),
        _ => (seconds, "s"),
    };
    let decimals = match number {
        _ if number < 9.95 => 1,
        _ => 0,
    };
    format!("{number:.decimals$}{unit}")
}

fn line(row: &Row, widths: &[usize; COLUMNS], shown: Option<State>) -> String {
    let cells = row.iter().zip(widths).enumerate().map(|(at, (cell, width))| {
        let padding = " ".repeat(width.saturating_sub(cell.chars().count()));
        match shown {
            Some(state) if at == SLO => format!("{}{cell}\x1b[0m{padding}", colour(state)),
            _ if WORDS.contains(&at) => format!("{cell}{padding}"),
            _ => padding + cell,
        }
    });
    cells.collect::<Vec<_>>().join(GAP).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ps::{Latency, Worst};
    use crate::registry::{About, Entry, Kind};

    fn process(pid: u32, name: &str, kind: Kind, uptime_seconds: f64, summary: Option<Summary>) -> Process {
        let about = About { name: name.to_owned(), kind, serves: "a".to_owned() };
        let entry = Entry {
            pid,
            start_ticks: None,
            pid_namespace: None,
            about,
            version: "1".to_owned(),
            started_unix_ms: 0,
            admin: format!("unix:/run/user/1000/mcp-tap/{pid}.sock"),
        };
        Process { entry, uptime_seconds, summary, problem: None }
    }

    fn summary(
        calls: u64,
        failures: u64,
        p95: Option<f64>,
        state: State,
        remaining: Option<f64>,
    ) -> Option<Summary> {
        Some(Summary {
            calls: Some(calls),
            failures: Some(failures),
            latency_seconds: Some(Latency { p95, ..Latency::default() }),
            slo: Some(Worst { objective: "availability".to_owned(), state, budget_remaining: remaining }),
            ..Summary::default()
        })
    }

    fn every_kind() -> Vec<Process> {
        vec![
            process(
                7,
                "search",
                Kind::Http,
                93_784.0,
                summary(12_345, 247, Some(0.0421), State::Ok, Some(0.87)),
            ),
            process(4711, "files", Kind::Stdio, 61.0, summary(3, 3, Some(2.5), State::Exhausted, Some(-0.4))),
            process(4_000_000, "idle", Kind::Stdio, 0.5, summary(0, 0, None, State::Idle, None)),
            process(12, "hangs", Kind::Http, 3600.0, None),
            process(
                13,
                &format!("evil\x1b[2J\u{202e}{}", "x".repeat(99)),
                Kind::Http,
                1.0,
                Some(Summary::default()),
            ),
        ]
    }

    #[test]
    fn each_process_is_a_line() {
        insta::assert_snapshot!(text(&every_kind(), false));
    }

    #[test]
    fn names_hold_no_control_characters_and_no_line_ends_with_spaces() {
        for line in text(&every_kind(), false).lines() {
            assert!(!line.contains(char::is_control) && !line.ends_with(' '), "{line:?}");
        }
    }

    #[test]
    fn colours_change_no_column() {
        let coloured = text(&every_kind(), true);
        assert!(coloured.contains("\x1b[31mexhausted -40%\x1b[0m"), "{coloured}");
        let mut plain = coloured;
        for state in [State::Ok, State::Burning, State::Exhausted, State::Idle, State::Invalid] {
            plain = plain.replace(colour(state), "");
        }
        assert_eq!(plain.replace("\x1b[0m", ""), text(&every_kind(), false));
    }

    #[test]
    fn durations_have_up_to_three_digits_and_a_unit() {
        for (seconds, expected) in [
            (0.0, "0.0µs"),
            (0.000_012, "12µs"),
            (0.001_04, "1.0ms"),
            (0.042, "42ms"),
            (0.9996, "1.0s"),
            (12.34, "12s"),
            (f64::NAN, "?"),
        ] {
            assert_eq!(duration(seconds), expected);
        }
    }
}
