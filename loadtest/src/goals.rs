//! What a figure should be, and whether it is.

use std::fmt::{self, Display};

use serde::{Deserialize, Serialize};

use crate::rows::write_rows;

/// A figure that was measured, and its target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Goal {
    /// What was measured.
    pub what: String,
    /// The figure; absent when it could not be measured.
    pub measured: Option<f64>,
    /// The lowest and highest of several.
    pub spread: Option<(f64, f64)>,
    /// What it should be.
    pub target: f64,
    /// Whether less is better.
    pub at_most: bool,
    /// Its unit; empty for a ratio.
    pub unit: String,
    /// What a reader should know about it.
    pub note: String,
}

impl Goal {
    /// A figure that should be at most so much.
    pub(crate) fn at_most(what: &str, measured: Option<f64>, target: f64, unit: &str) -> Self {
        Self {
            what: what.to_owned(),
            measured,
            spread: None,
            target,
            at_most: true,
            unit: unit.to_owned(),
            note: String::new(),
        }
    }

    /// A figure that should be at least so much.
    pub(crate) fn at_least(what: &str, measured: Option<f64>, target: f64, unit: &str) -> Self {
        Self { at_most: false, ..Self::at_most(what, measured, target, unit) }
    }

    pub(crate) fn with_note(self, note: impl Into<String>) -> Self {
        Self { note: note.into(), ..self }
    }

    pub(crate) fn with_spread(self, lowest: f64, highest: f64) -> Self {
        Self { spread: Some((lowest, highest)), ..self }
    }

    /// Whether the target is met; a figure that is missing meets none.
    #[must_use]
    pub fn is_met(&self) -> bool {
        self.measured.is_some_and(|measured| {
            if self.at_most { measured <= self.target } else { measured >= self.target }
        })
    }

    fn row(&self) -> Vec<String> {
        let number =
            |value: f64| if value.abs() < 100.0 { format!("{value:.2}") } else { format!("{value:.0}") };
        let measured = match (self.measured, self.spread) {
            (None, _) => "not measured".to_owned(),
            (Some(measured), None) => number(measured),
            (Some(measured), Some((lowest, highest))) => {
                format!("{} ({}..{})", number(measured), number(lowest), number(highest))
            }
        };
        let sign = if self.at_most { "<=" } else { ">=" };
        vec![
            self.what.clone(),
            measured,
            format!("{sign} {}", number(self.target)),
            self.unit.clone(),
            if self.is_met() { "yes" } else { "NO" }.to_owned(),
            self.note.clone(),
        ]
    }
}

/// Figures and targets, in a file or to be shown.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Goals {
    /// All of them.
    pub goals: Vec<Goal>,
}

impl Goals {
    /// How many targets are missed.
    #[must_use]
    pub fn missed(&self) -> usize {
        self.goals.iter().filter(|goal| !goal.is_met()).count()
    }
}

impl Display for Goals {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.goals.is_empty() {
            return Ok(());
        }
        let head = ["what", "measured", "target", "unit", "met"].map(str::to_owned).to_vec();
        let mut rows = vec![head];
        // Notes stand below each other only if they do not widen the columns of figures.
        rows.extend(self.goals.iter().map(|goal| goal.row()[..5].to_vec()));
        let mut table = String::new();
        write_rows(&mut table, &rows)?;
        for (line, note) in
            table.lines().zip(std::iter::once("").chain(self.goals.iter().map(|goal| &goal.note[..])))
        {
            writeln!(out, "{}", format!("{line}  {note}").trim_end())?;
        }
        let met = self.goals.len() - self.missed();
        writeln!(out, "{met} of {} targets met", self.goals.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_met_from_the_right_side_only() {
        for (goal, met) in [
            (Goal::at_most("a", Some(1.0), 1.0, ""), true),
            (Goal::at_most("a", Some(1.01), 1.0, ""), false),
            (Goal::at_least("a", Some(1.0), 1.0, ""), true),
            (Goal::at_least("a", Some(0.99), 1.0, ""), false),
            (Goal::at_most("a", None, 1.0, ""), false),
        ] {
            assert_eq!(goal.is_met(), met, "{goal:?}");
        }
    }

    #[test]
    fn goals_are_shown_with_their_spread_and_counted() {
        let goals = Goals {
            goals: vec![
                Goal::at_most("CPU", Some(1.1), 1.15, "").with_spread(1.0, 1.2),
                Goal::at_least("streams", Some(1500.0), 2000.0, "/s").with_note("busy machine"),
                Goal::at_most("none", None, 3.0, "MiB"),
            ],
        };
        let text = goals.to_string();
        assert!(text.contains("1.10 (1.00..1.20)  <= 1.15"), "{text}");
        assert!(text.contains("1500  >= 2000    /s   NO  busy machine"), "{text}");
        assert!(text.ends_with("1 of 3 targets met\n"), "{text}");
        let json = serde_json::to_string(&goals).unwrap();
        assert_eq!(serde_json::from_str::<Goals>(&json).unwrap(), goals);
    }
}
