//! A program that ends with the demo, however the demo ends.
//!
//! The demo starts its children as `mcp-loadtest guarded --parent PID -- PROGRAM …`: that asks the kernel for a signal
//! at the death of the parent, then becomes the program. So nothing is left even when the demo is killed and can stop
//! nothing any more. On systems other than Linux this is not to be had; there only a demo that ends by itself, by a
//! signal or by a panic ends its children.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

use clap::Args;

/// Flags of `guarded`.
#[derive(Debug, Args)]
pub struct GuardedArgs {
    /// The process with which the program ends.
    #[arg(long, value_name = "PID")]
    parent: u32,
    /// The program and its arguments.
    #[arg(last = true, required = true)]
    program: Vec<OsString>,
}

impl GuardedArgs {
    /// Becomes the program.
    ///
    /// # Errors
    /// Always, if it returns: the program could not be started.
    pub fn become_program(self) -> io::Error {
        let [program, arguments @ ..] = &self.program[..] else {
            return io::Error::other("no program was named");
        };
        if let Err(error) = end_with_parent(self.parent) {
            return error;
        }
        let error = Command::new(program).args(arguments).exec();
        io::Error::new(error.kind(), format!("{}: {error}", program.to_string_lossy()))
    }
}

#[cfg(target_os = "linux")]
fn end_with_parent(parent: u32) -> io::Result<()> {
    use rustix::process::{Signal, getppid, set_parent_process_death_signal};

    set_parent_process_death_signal(Some(Signal::KILL))?;
    // It may have died before the kernel was asked.
    let current = getppid().map(|pid| pid.as_raw_nonzero().get().unsigned_abs());
    if current == Some(parent) { Ok(()) } else { Err(io::Error::other("the demo has ended")) }
}

#[cfg(not(target_os = "linux"))]
fn end_with_parent(_parent: u32) -> io::Result<()> {
    Ok(())
}
