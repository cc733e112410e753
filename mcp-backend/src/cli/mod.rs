//! The command line: flags and variables in, checked [`Settings`] out.

mod flags;
mod settings;

pub use flags::Flags;
pub use settings::{Cluster, Problems, Settings, Way};
