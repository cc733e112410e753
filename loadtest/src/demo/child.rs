//! A server that the demo starts: its log, the address it says, its end.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child as Process, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// How long a server may take until it listens.
const START: Duration = Duration::from_secs(20);
/// How long it may take to end when asked to.
const END: Duration = Duration::from_secs(6);
/// Time between two looks at a log or a process.
const LOOK: Duration = Duration::from_millis(20);
/// Bytes of the log that are quoted when something goes wrong.
const QUOTE: usize = 2 << 10;

/// Why a server does not run.
#[derive(Debug, thiserror::Error)]
pub enum ChildError {
    /// It could not be started.
    #[error("{name} cannot be started: {source}")]
    Start {
        /// Which one.
        name: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// It has ended.
    #[error("{name} ended by itself ({status}); it said:\n{said}")]
    Ended {
        /// Which one.
        name: &'static str,
        /// How.
        status: ExitStatus,
        /// The end of its log.
        said: String,
    },
    /// It does not say where it listens.
    #[error("{name} does not listen after {START:?}; it said:\n{said}")]
    Late {
        /// Which one.
        name: &'static str,
        /// The end of its log.
        said: String,
    },
}

/// The running server; it is killed when this is dropped.
#[derive(Debug)]
pub(super) struct Child {
    name: &'static str,
    process: Process,
    log: PathBuf,
}

impl Child {
    /// Starts a program whose log goes to `folder/NAME.log`, and waits for the line in which `find` finds something.
    ///
    /// It gets a process group of its own, so that Ctrl-C in a terminal reaches the demo alone, which then ends its
    /// children in the right order.
    pub(super) async fn start<T>(
        name: &'static str,
        program: &Path,
        arguments: &[OsString],
        folder: &Path,
        find: impl Fn(&str) -> Option<T>,
    ) -> Result<(Self, T), ChildError> {
        let log = folder.join(format!("{name}.log"));
        let process = spawn(program, arguments, &log).map_err(|source| ChildError::Start { name, source })?;
        let mut child = Self { name, process, log };
        let looks = START.as_millis() / LOOK.as_millis();
        for _ in 0..looks {
            // A line that is not complete yet is found at the next look.
            let said = fs::read_to_string(&child.log).unwrap_or_default();
            let complete = said.rfind('\n').map_or("", |end| &said[..end]);
            if let Some(found) = complete.lines().find_map(&find) {
                return Ok((child, found));
            }
            child.check()?;
            tokio::time::sleep(LOOK).await;
        }
        Err(ChildError::Late { name, said: child.said() })
    }

    /// Fails when it has ended.
    pub(super) fn check(&mut self) -> Result<(), ChildError> {
        match self.process.try_wait() {
            Ok(Some(status)) => Err(ChildError::Ended { name: self.name, status, said: self.said() }),
            Ok(None) => Ok(()),
            Err(source) => Err(ChildError::Start { name: self.name, source }),
        }
    }

    /// Its process.
    pub(super) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Asks it to end, and kills it when it does not.
    pub(super) async fn stop(mut self) {
        // It fails only when it has ended by itself.
        kill_process(Pid::from_child(&self.process), Signal::TERM).ok();
        for _ in 0..END.as_millis() / LOOK.as_millis() {
            if !matches!(self.process.try_wait(), Ok(None)) {
                return;
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// The end of its log.
    fn said(&self) -> String {
        let bytes = fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&bytes[bytes.len().saturating_sub(QUOTE)..]).trim_end().to_owned()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // Both fail only when it has ended by itself, which is what is wanted.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

fn spawn(program: &Path, arguments: &[OsString], log: &Path) -> io::Result<Process> {
    // What stands in for the program would start in any case; say it here when there is none.
    fs::metadata(program)
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", program.display())))?;
    let log = File::create(log)?;
    let guard = std::env::current_exe()?;
    Command::new(guard)
        .args([OsStr::new("guarded"), OsStr::new("--parent"), OsStr::new(&std::process::id().to_string())])
        .arg("--")
        .arg(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .process_group(0)
        .spawn()
}
