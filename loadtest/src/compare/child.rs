//! A process that is started here, says where it listens, and ends with its guard.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child as Process, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::clock;

/// How long a process may take until it listens.
const START: Duration = Duration::from_secs(10);
/// Bytes of output that are quoted when a process fails to start.
const QUOTE: usize = 4 << 10;

/// Where a program writes the line that names its address.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Speaks {
    Stdout,
    Stderr,
}

/// How a process is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    Killed,
    /// Asked, and killed only if that does not help.
    Asked,
}

/// How long a process may take to end when it is asked to.
const END: Duration = Duration::from_secs(3);
/// Time between two looks at a process.
const LOOK: Duration = Duration::from_millis(5);

/// The running process; it is ended when this is dropped.
#[derive(Debug)]
pub(crate) struct Child(Process, Ending);

impl Child {
    /// Starts a program and waits for the first line in which `find` finds what is looked for.
    pub(crate) fn start<T: Send + 'static>(
        program: &OsStr,
        arguments: &[String],
        speaks: Speaks,
        find: fn(&str) -> Option<T>,
    ) -> io::Result<(Self, T)> {
        let (stdout, stderr) = match speaks {
            Speaks::Stdout => (Stdio::piped(), Stdio::inherit()),
            Speaks::Stderr => (Stdio::null(), Stdio::piped()),
        };
        let mut command = Command::new(program);
        without_settings(&mut command);
        let mut process =
            command.args(arguments).stdin(Stdio::null()).stdout(stdout).stderr(stderr).spawn()?;
        let output: Option<Box<dyn Read + Send>> = match speaks {
            Speaks::Stdout => process.stdout.take().map(|pipe| Box::new(pipe) as _),
            Speaks::Stderr => process.stderr.take().map(|pipe| Box::new(pipe) as _),
        };
        let child = Self(process, Ending::Killed);
        let output = output.ok_or_else(|| io::Error::other("its output is not a pipe"))?;
        let (found, wait) = mpsc::sync_channel(1);
        std::thread::Builder::new().name("output".to_owned()).spawn(move || read(output, find, &found))?;
        match wait.recv_timeout(START) {
            Ok(Ok(found)) => Ok((child, found)),
            Ok(Err(said)) => Err(io::Error::other(format!("ended before it listened; it said:\n{said}"))),
            Err(_) => {
                Err(io::Error::new(io::ErrorKind::TimedOut, format!("does not listen after {START:?}")))
            }
        }
    }

    /// Starts an HTTP proxy that does not say when it listens at `address`; what it prints goes into the file
    /// `output`.
    pub(crate) fn start_silent(
        mut command: Command,
        address: SocketAddr,
        output: &Path,
        ending: Ending,
    ) -> io::Result<Self> {
        let file = File::create(output)?;
        let process = command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file).spawn()?;
        let mut child = Self(process, ending);
        let started = clock::now();
        loop {
            if answers(address) {
                return Ok(child);
            }
            let ended = child.0.try_wait()?.is_some();
            if ended || clock::now() - started > START {
                let what = if ended { "ended before it listened" } else { "does not listen" };
                let said = std::fs::read(output).unwrap_or_default();
                let said = String::from_utf8_lossy(&said[..said.len().min(QUOTE)]).into_owned();
                return Err(io::Error::other(format!("{what} at {address}; it said:\n{said}")));
            }
            std::thread::sleep(LOOK);
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // All of it fails only when it has ended by itself, which is what is wanted.
        if self.1 == Ending::Asked {
            if let Some(pid) = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw) {
                let _ = kill_process(pid, Signal::TERM);
            }
            let asked = clock::now();
            while clock::now() - asked < END && matches!(self.0.try_wait(), Ok(None)) {
                std::thread::sleep(LOOK);
            }
        }
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Takes away what would change a program under test without being seen in the command.
pub(crate) fn without_settings(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        if ["MCP_TAP_", "OTEL_"].iter().any(|prefix| name.as_encoded_bytes().starts_with(prefix.as_bytes())) {
            command.env_remove(name);
        }
    }
}

/// Whether a request gets any answer: a master listens before its workers are there, and a connection alone does not
/// show them.
fn answers(address: SocketAddr) -> bool {
    let ask = || -> io::Result<usize> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(START))?;
        stream.write_all(b"OPTIONS / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
        stream.read(&mut [0; 16])
    };
    ask().is_ok_and(|bytes| bytes > 0)
}

/// Reads lines until `find` is satisfied, then drains the pipe: a process must not stop because nobody reads its log.
fn read<T>(
    output: Box<dyn Read + Send>,
    find: fn(&str) -> Option<T>,
    found: &mpsc::SyncSender<Result<T, String>>,
) {
    let mut output = BufReader::new(output);
    let (mut line, mut said) = (String::new(), String::new());
    while output.read_line(&mut line).is_ok_and(|bytes| bytes > 0) {
        if let Some(value) = find(&line) {
            // Nobody waits any more when it came after the time limit.
            drop(found.send(Ok(value)));
            drop(io::copy(&mut output, &mut io::sink()));
            return;
        }
        if said.len() < QUOTE {
            said.push_str(&line);
        }
        line.clear();
    }
    drop(found.send(Err(said)));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, speaks: Speaks) -> io::Result<(Child, String)> {
        let find = |line: &str| line.strip_prefix("at ").map(|rest| rest.trim().to_owned());
        Child::start(OsStr::new("sh"), &["-c".to_owned(), script.to_owned()], speaks, find)
    }

    #[test]
    fn the_line_looked_for_is_found_after_others() {
        let (_child, found) = shell("echo hello; echo at home; exec sleep 60", Speaks::Stdout).unwrap();
        assert_eq!(found, "home");
        let (_child, found) = shell("echo at work >&2; exec sleep 60", Speaks::Stderr).unwrap();
        assert_eq!(found, "work");
    }

    #[test]
    fn a_silent_process_that_ends_first_is_quoted() {
        let output = tempfile::NamedTempFile::new().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", "echo no such option >&2; exit 1"]);
        // Port 1 is not one that a program of this test listens on.
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 1));
        let error = Child::start_silent(command, nowhere, output.path(), Ending::Asked).unwrap_err();
        assert!(error.to_string().contains("no such option"), "{error}");
    }

    #[test]
    fn a_process_that_ends_first_is_an_error_with_its_words() {
        let error = shell("echo bad flag >&2; exit 64", Speaks::Stderr).unwrap_err();
        assert!(error.to_string().contains("bad flag"), "{error}");
    }
}
