//! What is asked and what is answered, byte for byte. Server and load build it with the same code, so that every
//! answer can be compared whole, at the price of a `memcmp`, without parsing. Only the time stamps of events vary;
//! they stand at known places and have one form.
//!
//! [`Scenario`] says what is called, [`Answers`] holds what comes back, [`Answers::call`] makes one call of both.

mod answers;
mod call;
mod events;
mod mix;
mod scenario;

pub(crate) use answers::lines_of;
pub use answers::{Answer, Answers};
pub(crate) use call::envelope;
pub use call::{Call, Client, Era, MODERN, Routing};
pub use events::{EVENT_SIZE, MAX_EVENTS, MAX_INTERVAL, STAMP_AT, STAMP_SIZE, read_digit, write_stamp};
pub use scenario::{MAX_BATCH, MAX_TOOLS, Scenario, Tool, is_numbered_tool, numbered_tool};

/// Name of the fixture server and of the load's plain client.
pub const NAME: &str = "mcp-loadtest";
