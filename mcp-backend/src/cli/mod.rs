//! The command line: flags and variables in, checked [`Settings`] out.

mod flags;
mod settings;

pub use flags::Flags;
pub use settings::{Cluster, LogFormat, Otlp, Problems, Protocol, Settings, Way};
