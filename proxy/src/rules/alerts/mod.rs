//! The alerts.

mod names;

pub use names::*;
