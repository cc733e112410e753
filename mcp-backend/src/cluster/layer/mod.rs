//! The layers around reads: each is one concern, and can be used around any service of reads.

mod cache;
mod meter;
mod span;
mod time_limit;

pub use cache::{CacheLayer, CacheSettings, Cached};
pub use meter::{Meter, MeterLayer};
pub use span::{Span, SpanLayer};
pub use time_limit::{TimeLimit, TimeLimitLayer};
