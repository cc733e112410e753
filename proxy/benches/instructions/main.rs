//! Instructions per operation, counted by valgrind: the same on a busy machine as on an idle one.
//!
//! Run: `cargo bench -p mcp-tap --bench instructions`, with a word after `--` for the cases that contain it. Each case
//! runs in two processes with N and 2N iterations; the difference over N is the cost of one iteration in steady state,
//! without start, set-up or first-time allocations, and it needs neither symbols nor a tool besides valgrind.
//!
//! A new file here has a `pub(crate) fn cases() -> Vec<Case>` and a line in [`cases`].

#![expect(clippy::print_stdout, reason = "the table is what this program is for")]

mod call;
mod harness;
mod outcome;
mod quality;
mod traces;

use std::process::ExitCode;

use harness::Case;

fn cases() -> Vec<Case> {
    [call::cases(), outcome::cases(), quality::cases(), traces::cases()].into_iter().flatten().collect()
}

fn main() -> ExitCode {
    match harness::run(&cases(), std::env::args().skip(1), |line| println!("{line}")) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("{error}");
            ExitCode::FAILURE
        }
    }
}
