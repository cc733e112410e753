//! The report for people: one line per objective, at most 100 columns wide.

use std::time::Duration;

use crate::rules::duration;
use crate::slo::Report;
use crate::slo::report::{ObjectiveReport, State};

/// The widest line.
const WIDTH: usize = 100;
const GAP: usize = 2;
/// Room that each of the two columns of names has at least.
const NAME: usize = 12;

const COLUMNS: usize = 10;

/// One line: a cell per column.
type Row = [String; COLUMNS];

/// Objectives that are shown over the same windows stand under the same heading.
#[derive(PartialEq, Clone)]
struct Shape {
    shown: f64,
    next: Option<f64>,
    period: f64,
}

/// Writes the table; `colours` only for terminals.
#[must_use]
pub fn text(report: &Report, colours: bool) -> String {
    let mut tables: Vec<(Shape, Vec<&ObjectiveReport>)> = Vec::new();
    for objective in &report.objectives {
        let shape = shape(objective);
        match tables.iter_mut().find(|(known, _)| *known == shape) {
            Some((_, rows)) => rows.push(objective),
            None => tables.push((shape, vec![objective])),
        }
    }
    let tables = tables.iter().map(|(shape, rows)| table(shape, rows, colours));
    tables.collect::<Vec<_>>().join("\n")
}

/// Beside the shown window the next one that is much longer, six hours beside one, or else the longest there is.
fn shape(objective: &ObjectiveReport) -> Shape {
    let (shown, period) = (objective.window.seconds, objective.budget.events.seconds);
    let longer = objective.burn.iter().map(|window| window.seconds);
    let longer: Vec<f64> = longer.filter(|seconds| *seconds > shown && *seconds < period).collect();
    let much_longer = longer.iter().copied().filter(|seconds| *seconds >= shown * 4.0).reduce(f64::min);
    let next = much_longer.or_else(|| longer.iter().copied().reduce(f64::max));
    Shape { shown, next, period }
}

fn table(shape: &Shape, objectives: &[&ObjectiveReport], colours: bool) -> String {
    let mut rows: Vec<Row> = headings(shape).into();
    rows.extend(objectives.iter().map(|objective| row(shape, objective)));
    let mut widths = widths(&rows);
    fit(&mut widths);
    let mut text = String::new();
    for (at, row) in rows.iter().enumerate() {
        let state = at.checked_sub(2).map(|at| objectives[at].state);
        text.push_str(&line(row, &widths, state.filter(|_| colours)));
        text.push('\n');
    }
    text
}

fn headings(shape: &Shape) -> [Row; 2] {
    let shown = length(shape.shown);
    let next = shape.next.map(length).unwrap_or_default();
    let period = format!("{} BUDGET", length(shape.period));
    [
        ["", "", "", "SLI", "BURN", "BURN", "BUDGET", "USED UP", "", ""].map(str::to_owned),
        ["SLO", "SERVER", "TARGET", &shown, &shown, &next, "LEFT", "IN", "STATE", "HISTORY"]
            .map(str::to_owned),
    ]
    .map(|mut row| {
        if row[6] == "BUDGET" && shape.period != 2_592_000.0 {
            row[6].clone_from(&period);
        }
        row
    })
}

fn row(shape: &Shape, objective: &ObjectiveReport) -> Row {
    let burn = |seconds: Option<f64>| {
        let window = objective.burn.iter().find(|window| Some(window.seconds) == seconds);
        window.and_then(|window| window.burn)
    };
    let shown = objective.window.burn.or_else(|| burn(Some(shape.shown)));
    let server = match &objective.namespace {
        Some(namespace) => format!("{namespace}/{}", objective.mcp_server),
        None => objective.mcp_server.clone(),
    };
    let nothing = || "-".to_owned();
    let period = objective.budget.events.seconds;
    [
        clean(&objective.slo),
        clean(&server),
        if objective.target.is_empty() { "?".to_owned() } else { clean(&objective.target) + "%" },
        match objective.window.sli {
            Some(sli) => floored(sli) + "%",
            None if objective.state == State::Invalid => "?".to_owned(),
            None => "idle".to_owned(),
        },
        shown.map_or_else(nothing, short),
        burn(shape.next).map_or_else(nothing, short),
        objective.budget.remaining.map_or_else(nothing, left),
        objective.budget.exhausted_in_seconds.map_or_else(nothing, until),
        state(objective.state).to_owned(),
        left((objective.budget.coverage_seconds / period).clamp(0.0, 1.0)),
    ]
}

/// The word for a state.
pub(crate) const fn state(state: State) -> &'static str {
    match state {
        State::Ok => "ok",
        State::Burning => "burning",
        State::Exhausted => "exhausted",
        State::Idle => "idle",
        State::Invalid => "invalid",
    }
}

/// The colour of a state on terminals.
pub(crate) const fn colour(state: State) -> &'static str {
    match state {
        State::Ok => "\x1b[32m",
        State::Burning => "\x1b[33m",
        State::Exhausted | State::Invalid => "\x1b[31m",
        State::Idle => "\x1b[2m",
    }
}

/// A ratio in percent, never rounded up: 99.99996 % is not all.
fn floored(ratio: f64) -> String {
    if !ratio.is_finite() {
        return "?".to_owned();
    }
    // Four decimals; what a float lacks to its decimal number is less than the part that is added.
    let scaled = (ratio * 1e6 + 1e-4).floor();
    let scaled = if ratio < 1.0 { scaled.min(999_999.0) } else { scaled };
    trimmed(format!("{:.4}", scaled / 1e4))
}

/// A number in at most six characters: `14.4`, `1000`, `52.1k`.
fn short(number: f64) -> String {
    let size = number.abs();
    match size {
        _ if !number.is_finite() => "?".to_owned(),
        0.0 => "0".to_owned(),
        _ if size < 0.01 => if number < 0.0 { "-0.01" } else { "<0.01" }.to_owned(),
        _ if size < 9.995 => trimmed(format!("{number:.2}")),
        _ if size < 99.95 => trimmed(format!("{number:.1}")),
        _ if size < 9999.5 => format!("{number:.0}"),
        _ if size < 999_500.0 => format!("{:.0}k", number / 1e3),
        _ if size < 999_500_000.0 => format!("{:.0}M", number / 1e6),
        _ => if number < 0.0 { "<-1G" } else { ">1G" }.to_owned(),
    }
}

/// A window as the rules write it. Reports come from others: whatever the number is, there is a text.
fn length(seconds: f64) -> String {
    duration::text(Duration::from_millis((seconds * 1000.0).round() as u64))
}

/// A time to come, or one that went by, in its two greatest units: `2d 2h`; under a second `<1s`, beyond a century `>100y`.
pub(crate) fn until(seconds: f64) -> String {
    const YEAR: u64 = 365 * 86_400;
    if seconds < 1.0 {
        return "<1s".to_owned();
    }
    if seconds > 100.0 * YEAR as f64 {
        return ">100y".to_owned();
    }
    let mut rest = seconds as u64;
    let mut words = Vec::new();
    for (length, unit) in [(YEAR, "y"), (86_400, "d"), (3600, "h"), (60, "m"), (1, "s")] {
        if rest >= length {
            words.push(format!("{}{unit}", rest / length));
            rest %= length;
        } else if !words.is_empty() {
            // The neighbour only: `1d`, and not `1d 3s`.
            break;
        }
    }
    words.truncate(2);
    words.join(" ")
}

/// A part in percent. What is not nothing is not shown as nothing, and what is not all not as all.
pub(crate) fn left(part: f64) -> String {
    let percent = part * 100.0;
    let text = match percent {
        _ if percent > 0.0 && percent < 0.1 => "<0.1".to_owned(),
        _ if percent < 0.0 && percent > -0.1 => "-0.1".to_owned(),
        _ if percent > 99.9 && percent < 100.0 => "99.9".to_owned(),
        _ if percent.abs() < 100.0 => trimmed(format!("{percent:.1}")),
        _ => short(percent),
    };
    text + "%"
}

/// A decimal number without the zeros at its end.
fn trimmed(text: String) -> String {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// Names come from others: nothing in them moves the cursor or turns the line around.
pub(crate) fn clean(text: &str) -> String {
    let turns = |letter| matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
    text.chars().map(|letter| if letter.is_control() || turns(letter) { '?' } else { letter }).collect()
}

fn widths(rows: &[Row]) -> [usize; COLUMNS] {
    let mut widths = [0; COLUMNS];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    widths
}

/// Makes the columns of names narrower, the wider one first, until the line fits.
fn fit(widths: &mut [usize; COLUMNS]) {
    let total = |widths: &[usize; COLUMNS]| widths.iter().sum::<usize>() + GAP * (COLUMNS - 1);
    while total(widths) > WIDTH {
        let widest = usize::from(widths[1] > widths[0]);
        if widths[widest] <= NAME {
            break;
        }
        widths[widest] -= 1;
    }
}

fn line(row: &Row, widths: &[usize; COLUMNS], state: Option<State>) -> String {
    const STATE: usize = 8;
    const LEFT_ALIGNED: [usize; 3] = [0, 1, STATE];
    let cells = row.iter().zip(widths).enumerate().map(|(at, (cell, width))| {
        let cell = cut(cell, *width);
        let padding = " ".repeat(width.saturating_sub(cell.chars().count()));
        match state {
            Some(state) if at == STATE => format!("{}{cell}\x1b[0m{padding}", colour(state)),
            _ if LEFT_ALIGNED.contains(&at) => cell + &padding,
            _ => padding + &cell,
        }
    });
    cells.collect::<Vec<_>>().join(&" ".repeat(GAP)).trim_end().to_owned()
}

/// At most so many characters.
pub(crate) fn cut(cell: &str, width: usize) -> String {
    if cell.chars().count() <= width {
        return cell.to_owned();
    }
    cell.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_read_two_units() {
        for (seconds, expected) in [
            (180_000.0, "2d 2h"),
            (86_403.0, "1d"),
            (2592.4, "43m 12s"),
            (0.2, "<1s"),
            (1e12, ">100y"),
            (40_000_000.0, "1y 97d"),
        ] {
            assert_eq!(until(seconds), expected);
        }
    }

    #[test]
    fn every_number_is_some_length() {
        for (seconds, expected) in
            [(300.0, "5m"), (0.5, "500ms"), (5400.0, "90m"), (0.0, "0s"), (-1.0, "0s"), (f64::NAN, "0s")]
        {
            assert_eq!(length(seconds), expected);
        }
        assert!(!length(f64::INFINITY).is_empty());
    }
}
