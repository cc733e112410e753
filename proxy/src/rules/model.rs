//! Rules as they are, whatever they are written as.

use std::time::Duration;

/// Rules that are evaluated one after the other, at one time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its name, unique.
    pub name: String,
    /// What it is for, for people who read the file.
    pub about: String,
    /// How often it is evaluated.
    pub interval: Duration,
    /// The rules, in order.
    pub rules: Vec<Rule>,
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// What it makes.
    pub kind: Kind,
    /// The query, in lines of readable length.
    pub expr: String,
    /// Labels that are set.
    pub labels: Vec<(String, String)>,
}

/// What a rule makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A series.
    Record(String),
    /// Alerts: one for each sample of the query.
    Alert(Alert),
}

/// What is particular to an alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// Its name.
    pub name: &'static str,
    /// How long the query must have had the sample.
    pub hold: Duration,
    /// How long it goes on after the query has none.
    pub keep: Duration,
    /// Texts for people, templates.
    pub annotations: Vec<(&'static str, String)>,
}

/// All rules of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// The groups, in order.
    pub groups: Vec<Group>,
    /// What people should know about them, each a whole sentence.
    pub warnings: Vec<String>,
}

impl Rule {
    /// A recorded series.
    #[must_use]
    pub fn record(name: impl Into<String>, expr: impl Into<String>) -> Self {
        Self { kind: Kind::Record(name.into()), expr: expr.into(), labels: Vec::new() }
    }

    /// The same with a label.
    #[must_use]
    pub fn label(mut self, name: &str, value: impl Into<String>) -> Self {
        self.labels.push((name.to_owned(), value.into()));
        self
    }

    /// Sets a label unless it is set. Rules of one name must differ in labels, or promtool takes them for duplicates, even
    /// where the series that they select differ.
    pub fn say(&mut self, name: &str, value: &str) {
        if self.labels.iter().all(|(known, _)| known != name) {
            self.labels.push((name.to_owned(), value.to_owned()));
        }
    }
}
