//! Tools over answers from a table, and over the simulated cluster.

pub(super) mod fake;

mod diagnose_pod;
mod flows;
mod secrecy;
mod simulated;
mod sizes;
