//! Service level objectives: what counts as good, how much may fail, and how fast that is used up.
//!
//! Pure: no I/O, no clock, no labels of metrics. Time is an argument ([`Time`]); counts are integers, and budgets are
//! computed from them exactly (slo-and-alerts.md §1). Words:
//! - An *event* is one request that counts for an objective; it is good or bad. Excluded ones are no events.
//! - `sli = good / total`, `budget = 1 - target`, `burn = (bad / total) / budget`,
//!   `remaining = 1 - burn over the period`. Remaining is never clamped: it may be negative.
//! - A window without events has no SLI: not 1, not 0.
//!
//! Reading order: [`outcome`] (what a request's end means), [`objective`] (which requests, good when, target), [`tier`]
//! (when burning is an alert), [`plan`] (all of it together), [`report`] (what is shown); then [`window`] (rings of counts),
//! [`burn`] (what counts mean), [`coverage`] (for which time), [`engine`] (all objectives), [`state`] (what outlasts the
//! process).

pub mod burn;
pub mod coverage;
pub mod engine;
pub mod objective;
pub mod outcome;
pub mod pattern;
pub mod plan;
pub mod report;
pub mod state;
pub mod target;
pub mod tier;
pub mod time;
pub mod window;

pub use engine::Engine;
pub use objective::{Objective, Sample, Sli};
pub use outcome::{Outcome, Outcomes, Verdict};
pub use pattern::Pattern;
pub use plan::Plan;
pub use report::Report;
pub use state::{Restored, StateError};
pub use target::{Fraction, Target};
pub use tier::{Severity, Tier};
pub use time::Time;
