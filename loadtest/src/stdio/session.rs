//! A client of one server: starts it, calls it over its pipes with plain blocking calls, compares every answer whole, and
//! ends it by closing its input, as the protocol says.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::time::Duration;

use super::serve::CHUNK;
use super::talk::{Call, INITIALIZED};
use super::watchdog::{Watchdog, kill};
use crate::clock;
use crate::compare::child::without_settings;
use crate::load::Latency;

/// How long a server may take to end once its input is closed.
const END: Duration = Duration::from_secs(10);
/// Time between two looks whether it has.
const LOOK: Duration = Duration::from_millis(2);
/// Bytes of a wrong answer that are shown, from shortly before it goes wrong.
const SHOWN: usize = 60;
/// Bytes of standard error that are quoted.
const QUOTE: u64 = 4 << 10;

/// What went wrong with a call.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The system refused.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// There was no further answer.
    #[error("the output ended before the answer to call {id}")]
    Ended {
        /// The call.
        id: u64,
    },
    /// There was none in time.
    #[error("no answer to call {id} for 20 s, so it was killed")]
    Silent {
        /// The call.
        id: u64,
    },
    /// Another answer came than the right one.
    #[error("the answer to call {id} differs from byte {at} on: `{got}` instead of `{expected}`")]
    Wrong {
        /// The call.
        id: u64,
        /// Where it begins to differ.
        at: usize,
        /// What came there.
        got: String,
        /// What should have come.
        expected: String,
    },
    /// It went on after the end of its input.
    #[error("goes on for {END:?} after its input was closed")]
    GoesOn,
    /// It ended, but not well.
    #[error("ended with {0} after its input was closed")]
    Status(ExitStatus),
}

/// A server that was started, and the client of it.
#[derive(Debug)]
pub struct Session {
    watchdog: Option<Watchdog>,
    process: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    /// What it writes to standard error.
    said: File,
    last_id: u64,
    question: Vec<u8>,
    answer: Vec<u8>,
    expected: Vec<u8>,
}

impl Session {
    /// Starts a server.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start(mut command: Command) -> io::Result<Self> {
        let said = tempfile::tempfile()?;
        without_settings(&mut command);
        // A group of its own: whatever it starts can be ended with it.
        command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(said.try_clone()?);
        let mut process = command.spawn()?;
        let (Some(input), Some(output)) = (process.stdin.take(), process.stdout.take()) else {
            return Err(io::Error::other("a process without pipes"));
        };
        Ok(Self {
            watchdog: Some(Watchdog::new(process.id())?),
            process,
            input: Some(input),
            output: BufReader::with_capacity(CHUNK, output),
            said,
            last_id: 0,
            question: Vec::new(),
            answer: Vec::new(),
            expected: Vec::new(),
        })
    }

    /// Number of the process that was started.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// What follows the answer to `initialize`: the notification, and the list of tools.
    ///
    /// # Errors
    /// The call failed.
    pub fn finish_handshake(&mut self) -> Result<(), SessionError> {
        send(&mut self.input, INITIALIZED)?;
        self.call(&Call::tools()).map(drop)
    }

    /// One call; how long it took from before its first byte was written until the last byte of its answer was read.
    ///
    /// # Errors
    /// It failed.
    pub fn call(&mut self, call: &Call) -> Result<Duration, SessionError> {
        let id = self.write_question(call);
        let sent = clock::now();
        send(&mut self.input, &self.question)?;
        self.read_answer(id)?;
        let took = clock::now() - sent;
        self.check_answer(call, id)?;
        Ok(took)
    }

    /// So many calls, one at a time.
    ///
    /// # Errors
    /// The first one that failed.
    pub fn call_one_by_one(&mut self, call: &Call, calls: u64) -> Result<Latency, SessionError> {
        let mut latency = Latency::new();
        for _ in 0..calls {
            latency.record(self.call(call)?);
        }
        Ok(latency)
    }

    /// So many calls of which up to `window` are under way, each written on its own; how long all of them took. What is
    /// under way must have room in a pipe: nobody reads answers while calls are written.
    ///
    /// # Errors
    /// The first one that failed.
    pub fn call_pipelined(
        &mut self,
        call: &Call,
        calls: u64,
        window: usize,
    ) -> Result<Duration, SessionError> {
        let (first, began) = (self.last_id + 1, clock::now());
        for answered in 0..calls {
            while self.last_id + 1 < first + calls && self.last_id + 1 < first + answered + window as u64 {
                self.write_question(call);
                send(&mut self.input, &self.question)?;
            }
            self.read_answer(first + answered)?;
            self.check_answer(call, first + answered)?;
        }
        Ok(clock::now() - began)
    }

    /// Closes its input and waits for its end.
    ///
    /// # Errors
    /// It goes on, or does not end well.
    pub fn end(mut self) -> Result<(), SessionError> {
        drop(self.input.take());
        let closed = clock::now();
        // What it writes now is nobody's, but it must be able to write it.
        io::copy(&mut self.output, &mut io::sink())?;
        self.watchdog = None;
        loop {
            match self.process.try_wait()? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => return Err(SessionError::Status(status)),
                None if clock::now() - closed > END => return Err(SessionError::GoesOn),
                None => std::thread::sleep(LOOK),
            }
        }
    }

    /// A handle of what is written to standard error, which outlives the session.
    ///
    /// # Errors
    /// The system has none.
    pub(super) fn said(&self) -> io::Result<File> {
        self.said.try_clone()
    }

    fn write_question(&mut self, call: &Call) -> u64 {
        self.last_id += 1;
        self.question.clear();
        call.write(&self.last_id.to_string(), &mut self.question);
        self.last_id
    }

    fn read_answer(&mut self, id: u64) -> Result<(), SessionError> {
        self.answer.clear();
        self.output.read_until(b'\n', &mut self.answer)?;
        if self.answer.last() == Some(&b'\n') {
            self.watchdog.iter().for_each(Watchdog::answered);
            return Ok(());
        }
        let killed = self.watchdog.as_ref().is_some_and(Watchdog::has_killed);
        Err(if killed { SessionError::Silent { id } } else { SessionError::Ended { id } })
    }

    fn check_answer(&mut self, call: &Call, id: u64) -> Result<(), SessionError> {
        self.expected.clear();
        call.answer.write(&id.to_string(), &mut self.expected);
        self.expected.push(b'\n');
        if self.answer == self.expected {
            return Ok(());
        }
        let pairs = self.answer.iter().zip(&self.expected);
        let at = pairs.take_while(|(got, expected)| got == expected).count();
        let shown = |text: &[u8]| {
            let from = at.saturating_sub(SHOWN / 4).min(text.len());
            String::from_utf8_lossy(&text[from..text.len().min(from + SHOWN)]).trim_end().to_owned()
        };
        Err(SessionError::Wrong { id, at, got: shown(&self.answer), expected: shown(&self.expected) })
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.watchdog = None;
        drop(self.input.take());
        if matches!(self.process.try_wait(), Ok(None)) {
            kill(self.process.id());
        }
        drop(self.process.wait());
    }
}

/// Writes a line; there is an input until the end.
fn send(input: &mut Option<ChildStdin>, line: &[u8]) -> io::Result<()> {
    match input.as_mut().map_or(Ok(()), |input| input.write_all(line)) {
        // It is gone; what it answered before, if anything, says more.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        done => done,
    }
}

/// The beginning of what was written to standard error.
pub(super) fn quoted(mut said: File) -> io::Result<String> {
    said.seek(SeekFrom::Start(0))?;
    let mut text = Vec::new();
    said.take(QUOTE).read_to_end(&mut text)?;
    Ok(String::from_utf8_lossy(&text).trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Session {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Session::start(command).unwrap()
    }

    #[test]
    fn a_wrong_answer_is_shown_where_it_goes_wrong() {
        let right = r#"{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"there is a trace"}],"isError":false}}"#;
        let answering = |line: &str| shell(&format!("read -r question; echo '{line}'; cat"));
        let mut session = answering(right);
        session.call(&Call::context(true)).unwrap();
        session.end().unwrap();
        for (line, expected) in [
            (right.replace("id\":1", "id\":2"), "call 1 differs from byte 22 on: `"),
            (right.replace("a trace", "no trace"), "there is no trace"),
            (String::new(), "differs from byte 0 on: `` instead of `{\"jsonrpc\""),
        ] {
            let error = answering(&line).call(&Call::context(true)).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn a_server_that_ends_badly_or_early_is_an_error() {
        let error = shell("read -r question; printf half").call(&Call::tools()).unwrap_err();
        assert_eq!(error.to_string(), "the output ended before the answer to call 1");
        let error = shell("cat >/dev/null; exit 3").end().unwrap_err();
        assert!(error.to_string().contains("exit status: 3"), "{error}");
    }

    #[test]
    fn what_is_said_meanwhile_can_be_quoted() {
        let session = shell("echo no such option >&2");
        let said = session.said().unwrap();
        session.end().unwrap();
        assert_eq!(quoted(said).unwrap(), "no such option");
    }
}
