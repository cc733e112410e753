//! Who ends the process if we cannot: a client may kill us with a signal that nobody can catch.
//!
//! The guard is a shell that reads from a pipe whose other end is ours. It sleeps until there is a line, which says that
//! all is well, or the end, which comes when we are gone whatever the cause: then it kills the process group. It has a
//! group of its own, so that a signal to ours does not reach it, and none of the client's files.

use std::io::{PipeWriter, Write as _, pipe};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};

use tracing::debug;

/// `$1` is the process group.
const SCRIPT: &str = "read -r _ || kill -s KILL -- \"-$1\"";

/// The guard of one process group. Dropped without [`Guard::dismiss`] it acts.
pub(super) struct Guard(Option<PipeWriter>);

impl Guard {
    /// Posts it. Where there is no shell there is no guard.
    pub(super) fn post(group: u32) -> Self {
        let posted = pipe().and_then(|(reader, writer)| {
            Command::new("sh")
                .args(["-c", SCRIPT, "sh", &group.to_string()])
                .stdin(reader)
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .current_dir("/")
                .process_group(0)
                .spawn()
                .map(|_| writer)
        });
        if let Err(error) = &posted {
            debug!(%error, "no guard: if mcp-tap is killed, a server that ignores the end of its input stays");
        }
        Self(posted.ok())
    }

    /// The group is no concern any more.
    pub(super) fn dismiss(mut self) {
        if let Some(mut writer) = self.0.take() {
            // If it is gone already, so much the better.
            writer.write_all(b"\n").ok();
        }
    }
}
