//! The figures as text.

use std::fmt::{self, Display};

use super::Measured;
use super::figures::{CaseFigures, Changed, WayFigures};
use crate::compare::Ratio;
use crate::rows::{NOTHING, figure, without_empty_columns, write_rows};

impl Display for Measured {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let setting = &self.setting;
        writeln!(out, "{}, {} cores, {}, {}", setting.cpu, setting.cores, setting.kernel, setting.date)?;
        writeln!(out, "{}", setting.versions.join(", "))?;
        writeln!(
            out,
            "medians (lowest..highest) of {} rounds{}; what is added, and ratios, to direct in the same round",
            self.rounds,
            if self.pinned { ", all on one CPU" } else { "" }
        )?;
        writeln!(
            out,
            "\none call at a time: {} bytes there and back, {} calls a turn",
            self.size, self.calls
        )?;
        self.write(out, &LATENCY, |way| &way.single)?;
        writeln!(out, "\none call at a time: answers of 1 MiB, {} calls a turn", self.large_calls)?;
        self.write(out, &LATENCY, |way| &way.large)?;
        writeln!(
            out,
            "\nseveral calls under way: {}, of {} bytes there and back, {} calls a turn",
            self.window, self.size, self.pipelined_calls
        )?;
        self.write(out, &THROUGHPUT, |way| &way.pipelined)?;
        writeln!(out, "\nstart, and memory of the wrapper")?;
        let head = START.iter().map(|(head, _)| (*head).to_owned()).collect();
        let row = |way| START.iter().map(|(_, cell)| cell(way)).collect();
        write_rows(out, &rows(head, self.ways.iter().map(row)))
    }
}

impl Measured {
    fn write(
        &self,
        out: &mut fmt::Formatter<'_>,
        columns: &[CaseColumn],
        case: fn(&WayFigures) -> &CaseFigures,
    ) -> fmt::Result {
        let names = std::iter::once("way");
        let head = names.chain(columns.iter().map(|(head, _)| *head)).map(str::to_owned).collect();
        let row = |way: &WayFigures| {
            let cells = columns.iter().map(|(_, cell)| cell(case(way)));
            std::iter::once(way.name.clone()).chain(cells).collect()
        };
        write_rows(out, &rows(head, self.ways.iter().map(row)))
    }
}

fn rows(head: Vec<String>, rows: impl Iterator<Item = Vec<String>>) -> Vec<Vec<String>> {
    without_empty_columns(&std::iter::once(head).chain(rows).collect::<Vec<_>>())
}

/// A column: its head, and its cell for calls of a kind.
type CaseColumn = (&'static str, fn(&CaseFigures) -> String);
/// The same for a way.
type WayColumn = (&'static str, fn(&WayFigures) -> String);

const LATENCY: [CaseColumn; 7] = [
    ("p50 us", |of| value(of.p50_micros, 1)),
    ("added p50 us", |of| added(of.p50_micros, 1)),
    ("ratio", |of| times(of.p50_micros)),
    ("p99 us", |of| value(of.p99_micros, 1)),
    ("added p99 us", |of| added(of.p99_micros, 1)),
    ("ratio", |of| times(of.p99_micros)),
    ("CPU us/call", |of| figure(of.cpu_micros.map(|cpu| cpu.median), 1)),
];

const THROUGHPUT: [CaseColumn; 3] = [
    ("messages/s", |of| value(Some(of.messages_per_second), 0)),
    ("ratio", |of| times(Some(of.messages_per_second))),
    ("CPU us/call", |of| figure(of.cpu_micros.map(|cpu| cpu.median), 1)),
];

const START: [WayColumn; 7] = [
    ("way", |of| of.name.clone()),
    ("first answer ms", |of| value(Some(of.first_answer_ms), 1)),
    ("added ms", |of| added(Some(of.first_answer_ms), 1)),
    ("RSS MiB started", |of| mib(of.resident_started_kib)),
    ("after small calls", |of| mib(of.resident_called_kib)),
    ("after 1 MiB answers", |of| mib(of.resident_ended_kib)),
    ("guard", |of| mib(of.guard_kib)),
];

fn value(changed: Option<Changed>, digits: usize) -> String {
    figure(changed.map(|changed| changed.value.median), digits)
}

fn added(changed: Option<Changed>, digits: usize) -> String {
    spread(changed.and_then(|changed| changed.added), digits)
}

fn times(changed: Option<Changed>) -> String {
    spread(changed.and_then(|changed| changed.times), 2)
}

fn spread(figure: Option<Ratio>, digits: usize) -> String {
    figure.map_or_else(
        || NOTHING.to_owned(),
        |Ratio { median, lowest, highest }| {
            format!("{median:.digits$} ({lowest:.digits$}..{highest:.digits$})")
        },
    )
}

fn mib(kib: Option<Ratio>) -> String {
    figure(kib.map(|kib| kib.median / 1024.0), 1)
}
