//! Lines of logs: timestamp, level, patterns and templates. Pure.

mod entry;
mod group;
mod level;
mod line;
mod pattern;
mod template;

pub use entry::{Entry, entries};
pub use group::{Group, Groups, group};
pub use level::Level;
pub use line::{Line, parse_line, parse_text};
pub use pattern::{PATTERNS, Pattern, find_pattern};
pub use template::template;
