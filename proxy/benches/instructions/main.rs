//! Instructions and allocations per operation, counted by valgrind: the same on a busy machine as on an idle one.
//!
//! Run: `cargo bench -p mcp-tap --bench instructions`, with a word after `--` for the cases that contain it. Each case
//! runs in two processes with N and 2N iterations; the difference over N is the cost of one iteration in steady state,
//! without start, set-up or first-time allocations, and it needs neither symbols nor a tool besides valgrind.
//! Instructions do not tell all: a reading of the clock (23 ns), an atomic change and a missed cache cost more than they
//! count.
//!
//! `-- --save FILE` writes the counts, `-- --against FILE` shows them beside those of such a file and the change in percent.
//! `baseline.txt` is the one of the last change that was about speed (the machine is told in its first line); whoever
//! changes a count on purpose renews it: `-- --save $PWD/proxy/benches/instructions/baseline.txt`.
//!
//! A new file here has a `pub(crate) fn cases() -> Vec<Case>` and a line in [`cases`].

#![expect(clippy::print_stdout, reason = "the table is what this program is for")]

mod call;
mod harness;
mod outcome;
mod path;
mod quality;
mod scan;
mod traces;

use std::process::ExitCode;

use harness::Case;

fn cases() -> Vec<Case> {
    [scan::cases(), call::cases(), path::cases(), outcome::cases(), quality::cases(), traces::cases()]
        .into_iter()
        .flatten()
        .collect()
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
