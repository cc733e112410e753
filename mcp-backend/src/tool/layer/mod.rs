//! The layers around calls of tools: each is one concern, and can be used around any service of calls.

mod meter;
mod time_limit;
mod trace;

pub use meter::{Meter, MeterLayer};
pub use time_limit::{TimeLimit, TimeLimitLayer};
pub use trace::{Trace, TraceLayer};
