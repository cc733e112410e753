//! A wrapped server: the process, and the two pipes between it and the client that started us.
//!
//! ```text
//!             stdin  ┌──────────── input thread ────────────┐  stdin
//!   client ─────────►│ reader ┈► exchange::Pipe (and edits) │─────────► process
//!      ▲             └──────────────────────────────────────┘             │  │
//!      │      stdout ┌──────────── output thread ───────────┐  stdout     │  │
//!      └─────────────│ reader ┈► exchange::Pipe             │◄────────────┘  │
//!                    └──────────────────────────────────────┘                │
//!   stderr ◄───────────── the same file, untouched ──────────────────────────┘
//! ```
//!
//! What holds:
//! * Bytes go on as they came and when they came: no line is merged, split, ended or held back, whatever is in it. Only
//!   where context is written into messages ([`Propagate::Full`]) a line of the client is held until its end, until
//!   [`HOLD_SIZE`] bytes of it came, or for [`HOLD_TIME`], whichever is first.
//! * The two directions share no lock and never wait for each other: each is a thread that reads, looks, writes. What
//!   telemetry makes of a server's message is made after its bytes were written (`later`).
//! * When one side closes, the other one sees it: the end of the client's input, a client that reads no more, a server
//!   that reads no more or ends its output (`pump`).
//! * Nothing of ours is ever written to standard output.
//! * The process gets our environment, directory and standard error, and a process group of its own. Signals are passed
//!   on to that group, the exit status is passed back, and the process is not left behind, whatever becomes of us
//!   (`child`, `ending`, `guard`).
//! * A panic in looking costs telemetry, and nothing else.
//!
//! [`Propagate::Full`]: crate::exchange::trace::Propagate::Full

mod asked;
mod child;
mod ending;
mod guard;
mod later;
mod look;
mod processes;
mod pump;
mod reader;
mod usage;

use std::ffi::OsString;
use std::time::Duration;

use crate::protocol::scan::Captures;

pub use asked::Asked;
pub use child::{Exit, StartError, Started, Watched, leave};
pub use later::Later;
pub use usage::{Account, Meter, Usage};

/// Bytes of a line after which it is held no longer.
pub const HOLD_SIZE: usize = 64 * 1024;

/// Longest time that a line is held.
pub const HOLD_TIME: Duration = Duration::from_millis(50);

/// Which server is wrapped, and how.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The command and its arguments; never empty.
    pub command: Vec<OsString>,
    /// How long the process may go on after the client closed its input, without output and without a request to answer,
    /// before it is sent SIGTERM; `None`: as long as it likes.
    pub exit_wait: Option<Duration>,
    /// How long it may go on after SIGTERM before it is killed; `None`: as long as it likes.
    pub kill_wait: Option<Duration>,
    /// Bytes of one line; longer ones are not read to their end.
    pub message_limit: u64,
    /// Bytes that what is kept of messages may take, in each direction.
    pub memory: usize,
    /// What is kept of arguments and results, for spans.
    pub captures: Captures,
    /// Whether trace context is written into messages.
    pub writes: bool,
}
