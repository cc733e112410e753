//! Tools over answers from a table; tests/ has them over the simulated cluster.

pub(super) mod fake;

mod diagnose_pod;
mod flows;
mod mutated;
mod secrecy;
mod sizes;
