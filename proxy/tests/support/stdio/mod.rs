//! A server that is started as a command, by itself or wrapped by the real program: what a client can do with it, and
//! what came of that, to be compared.

mod outcome;
mod stream;

use std::cell::RefCell;
use std::ffi::{OsStr, OsString};
use std::io::pipe;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use mcp_tap::clock;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, ioctl_fionbio, write};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, kill_process_group, waitid};
use tempfile::TempDir;

use super::PATIENCE;
use super::process::{fail, without_variables};
use super::scrape::Scrape;
use super::tap::EXECUTABLE;

pub(crate) use self::outcome::Outcome;
pub(crate) use self::stream::Stream;

/// How often a condition is looked at that cannot be waited for.
const POLL: Duration = Duration::from_millis(5);

/// Our server that does what it should not.
const SERVER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/parts/odd_server.py");

/// A collector that nobody is.
pub(crate) const NOBODY: &str = "http://127.0.0.1:9";

/// One way to start a server.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Start {
    /// Stands in failure messages.
    pub(crate) name: &'static str,
    /// Those of the wrapper; without one: `None`.
    flags: Option<Vec<String>>,
    /// Its input and output are sockets, as Node makes them.
    sockets: bool,
}

impl Start {
    /// As it is.
    pub(crate) const DIRECT: Self = Self { name: "direct", flags: None, sockets: false };

    /// Behind `mcp-tap stdio` with these flags.
    pub(crate) fn wrapped(name: &'static str, flags: &[&str]) -> Self {
        Self { name, flags: Some(flags.iter().map(ToString::to_string).collect()), sockets: false }
    }

    /// By sockets instead of pipes.
    pub(crate) fn by_sockets(self) -> Self {
        Self { sockets: true, ..self }
    }

    /// The same with more flags, if it is wrapped.
    fn with(&self, more: &[String]) -> Self {
        let flags = self.flags.as_ref().map(|flags| [flags.as_slice(), more].concat());
        Self { flags, ..self.clone() }
    }

    pub(crate) fn is_wrapped(&self) -> bool {
        self.flags.is_some()
    }

    fn has(&self, flag: &str) -> bool {
        self.flags.iter().flatten().any(|given| given == flag)
    }

    /// Whether context is written into messages.
    pub(crate) fn writes(&self) -> bool {
        self.has("full")
    }

    /// Whether messages are looked at.
    pub(crate) fn inspects(&self) -> bool {
        self.is_wrapped() && !self.has("off")
    }

    /// Whether it may say that a collector does not answer.
    fn exports(&self) -> bool {
        self.has("--otlp-endpoint")
    }
}

/// All ways that must come to the same.
pub(crate) fn all_starts() -> Vec<Start> {
    vec![
        Start::DIRECT,
        Start::wrapped("defaults", &[]),
        Start::wrapped("full", &["--propagate", "full", "--otlp-endpoint", NOBODY]),
        Start::wrapped("blind", &["--inspect", "off"]),
    ]
}

/// Plays a scenario with each of these starts at the same time. All must come to the same as the first one; that is given
/// back.
pub(crate) fn same_among(starts: &[Start], scenario: impl Fn(&Play) -> Outcome + Sync) -> Outcome {
    let mut outcomes: Vec<_> = thread::scope(|scope| {
        let scenario = &scenario;
        let threads = starts.iter().map(|start| {
            let play = move || scenario(&Play::new(start));
            let thread = thread::Builder::new().name(start.name.to_owned());
            thread.spawn_scoped(scope, play).expect("a thread")
        });
        // All of them are started before one is waited for.
        let threads: Vec<_> = threads.collect();
        threads.into_iter().map(|thread| thread.join().ok()).collect()
    });
    let failed: Vec<_> = starts.iter().zip(&outcomes).filter(|(_, outcome)| outcome.is_none()).collect();
    assert!(
        failed.is_empty(),
        "failed: {:?}",
        failed.iter().map(|(start, _)| start.name).collect::<Vec<_>>()
    );
    let first = outcomes.remove(0).expect("none failed");
    for (start, outcome) in starts[1..].iter().zip(outcomes.into_iter().flatten()) {
        outcome.must_be(&first, start.name);
    }
    first
}

/// The same among all starts.
pub(crate) fn same(scenario: impl Fn(&Play) -> Outcome + Sync) -> Outcome {
    same_among(&all_starts(), scenario)
}

/// A scenario that is played once.
pub(crate) struct Play {
    pub(crate) start: Start,
    folder: TempDir,
    /// More variables for the command.
    pub(crate) variables: RefCell<Vec<(OsString, OsString)>>,
}

impl Play {
    pub(crate) fn new(start: &Start) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self { start: start.clone(), folder, variables: RefCell::default() }
    }

    /// Once more, with the metrics in a file.
    pub(crate) fn counted(start: &Start) -> Self {
        let mut play = Self::new(start);
        let file = play.path("metrics.prom").display().to_string();
        play.start = start.with(&["--metrics-file".to_owned(), file]);
        play
    }

    /// What the wrapper counted until its end.
    pub(crate) fn metrics(&self) -> Scrape {
        let text = std::fs::read_to_string(self.path("metrics.prom")).expect("the wrapper wrote its metrics");
        Scrape::parse(&text)
    }

    /// A file in the folder of this play.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Tells the server to go on, where it waits for a file of this name.
    pub(crate) fn tell(&self, name: &str) {
        std::fs::write(self.path(name), "").expect("the folder is ours");
    }

    /// A process that the server left a note about.
    pub(crate) fn noted(&self, name: &str) -> Other {
        let read = || std::fs::read_to_string(self.path(name)).ok()?.parse().ok();
        Other::find(wait_until(&format!("a note about {name}"), read))
    }

    /// What starts this server, or the wrapper of it.
    fn line<S: AsRef<OsStr>>(&self, server: &[S]) -> Vec<OsString> {
        let server = server.iter().map(|part| part.as_ref().to_owned());
        match &self.start.flags {
            None => server.collect(),
            Some(flags) => {
                let wrapper = ["stdio"].into_iter().chain(flags.iter().map(String::as_str)).chain(["--"]);
                [EXECUTABLE].into_iter().chain(wrapper).map(OsString::from).chain(server).collect()
            }
        }
    }

    /// The command that starts this server, or the wrapper of it.
    pub(crate) fn command<S: AsRef<OsStr>>(&self, server: &[S]) -> Command {
        self.command_through(&[], server)
    }

    /// The same, started by another command, to which the line is added.
    pub(crate) fn command_through<S: AsRef<OsStr>>(&self, outer: &[&str], server: &[S]) -> Command {
        let mut line = outer.iter().map(OsString::from).chain(self.line(server));
        let mut command = Command::new(line.next().expect("a server is a command"));
        command.args(line);
        without_variables(&mut command, &["OTEL_", "MCP_TAP_"]);
        command.env("NOTES", self.folder.path()).envs(self.variables.borrow().iter().cloned());
        command
    }

    /// The command of our odd server.
    pub(crate) fn odd<'a>(mode: &[&'a str]) -> Vec<&'a str> {
        [&["python3", "-IS", SERVER], mode].concat()
    }

    /// Starts the odd server.
    pub(crate) fn begin(&self, mode: &[&str]) -> Client {
        Client::start(self.command(&Self::odd(mode)), self.start.sockets)
    }

    /// Starts any server.
    pub(crate) fn run<S: AsRef<OsStr>>(&self, server: &[S]) -> Client {
        Client::start(self.command(server), self.start.sockets)
    }

    /// Starts any server by another command.
    pub(crate) fn run_through<S: AsRef<OsStr>>(&self, outer: &[&str], server: &[S]) -> Client {
        Client::start(self.command_through(outer, server), self.start.sockets)
    }

    /// Waits for the end, and says what came of it all. `notes` are what the scenario saw itself.
    pub(crate) fn end(&self, client: Client, notes: Vec<String>) -> Outcome {
        let ended = client.ended(PATIENCE);
        client.stdout.wait_for_end();
        client.stderr.wait_for_end();
        self.outcome(&client, ended, notes)
    }

    /// What came of it so far.
    pub(crate) fn outcome(&self, client: &Client, end: String, notes: Vec<String>) -> Outcome {
        let (stdout, stderr) = (client.stdout.bytes(), client.stderr.bytes());
        Outcome::new(&self.start, (stdout, stderr), end, notes)
    }
}

impl Drop for Play {
    fn drop(&mut self) {
        for name in ["server", "grandchild"] {
            let noted = std::fs::read_to_string(self.path(name)).ok().and_then(|pid| pid.parse::<i32>().ok());
            let Some(pid) = noted else { continue };
            // Its number may be another one's by now.
            let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            let folder = self.folder.path().as_os_str().as_encoded_bytes();
            if memchr::memmem::find(&environment, folder).is_some() {
                Pid::from_raw(pid).map(|pid| kill_process(pid, Signal::KILL));
            }
        }
    }
}

/// The client's side of a running command, which has a process group of its own.
pub(crate) struct Client {
    child: Child,
    input: Option<OwnedFd>,
    pub(crate) stdout: Stream,
    pub(crate) stderr: Stream,
}

impl Client {
    fn start(mut command: Command, sockets: bool) -> Self {
        let ((stdin, input), (output, stdout)) = (files(sockets), files(sockets));
        let (errors, stderr) = pipe().expect("a pipe");
        command.stdin(stdin).stdout(stdout).stderr(stderr);
        let child = spawn(&mut command);
        // Only the child has its ends of the files now.
        drop(command);
        ioctl_fionbio(&input, true).expect("it does not block");
        Self { child, input: Some(input), stdout: Stream::of(output), stderr: Stream::of(errors.into()) }
    }

    /// Starts a command whose input and output are what it was given; only its standard error is read.
    pub(crate) fn with_files(mut command: Command, stdin: Stdio, stdout: Stdio) -> Self {
        let (errors, stderr) = pipe().expect("a pipe");
        command.stdin(stdin).stdout(stdout).stderr(stderr);
        let child = spawn(&mut command);
        drop(command);
        let (nothing, _) = pipe().expect("a pipe");
        Self { child, input: None, stdout: Stream::of(nothing.into()), stderr: Stream::of(errors.into()) }
    }

    /// Sends all of it, within [`PATIENCE`].
    pub(crate) fn send(&self, bytes: &[u8]) -> Result<(), Errno> {
        match self.push(bytes, PATIENCE) {
            Ok(sent) if sent == bytes.len() => Ok(()),
            Ok(sent) => fail(&format!("{sent} of {} bytes were taken in {PATIENCE:?}", bytes.len())),
            Err(error) => Err(error),
        }
    }

    /// Sends until nothing was taken for as long as `quiet`; how many bytes were.
    pub(crate) fn push(&self, bytes: &[u8], quiet: Duration) -> Result<usize, Errno> {
        let Some(input) = &self.input else { fail("the input is closed") };
        let quiet = Timespec::try_from(quiet).expect("a short time");
        let mut sent = 0;
        while sent < bytes.len() {
            match write(input, &bytes[sent..]) {
                Ok(count) => sent += count,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => match poll(&mut [PollFd::new(input, PollFlags::OUT)], Some(&quiet)) {
                    Ok(0) => break,
                    Ok(_) | Err(Errno::INTR) => {}
                    Err(error) => return Err(error),
                },
                Err(error) => return Err(error),
            }
        }
        Ok(sent)
    }

    /// Sends no more.
    pub(crate) fn close_input(&mut self) {
        self.input = None;
    }

    /// Goes away without a word.
    pub(crate) fn leave(&mut self) {
        self.close_input();
        self.stdout.close();
    }

    /// Signals the process that it started.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("it was not waited for yet");
    }

    /// Signals the group of that process.
    pub(crate) fn signal_group(&self, signal: Signal) {
        kill_process_group(self.pid(), signal).expect("it was not waited for yet");
    }

    /// The process that it started: the server or the wrapper.
    pub(crate) fn process(&self) -> Other {
        Other::find(self.child.id())
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().cast_signed()).expect("a child has a number")
    }

    /// Waits for its end, as a parent sees it.
    pub(crate) fn ended(&self, limit: Duration) -> String {
        // Its number stays its own until this is dropped.
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        let look = || {
            let status = waitid(WaitId::Pid(self.pid()), options).ok()??;
            let code = status.exit_status().map(|code| format!("status {code}"));
            code.or_else(|| status.terminating_signal().map(|signal| format!("signal {signal}")))
        };
        wait_within(limit, "the end of the process", look)
    }

    /// Whether it goes on.
    pub(crate) fn goes_on(&self) -> bool {
        self.process().is_there()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        kill_process_group(self.pid(), Signal::KILL).ok();
        self.child.wait().ok();
    }
}

/// A reading and a writing end.
fn files(sockets: bool) -> (OwnedFd, OwnedFd) {
    if sockets {
        let (reader, writer) = UnixStream::pair().expect("sockets");
        return (reader.into(), writer.into());
    }
    let (reader, writer) = pipe().expect("a pipe");
    (reader.into(), writer.into())
}

fn spawn(command: &mut Command) -> Child {
    command.process_group(0).spawn().unwrap_or_else(|error| fail(&format!("{command:?}: {error}")))
}

/// A process that is not our child, or not only.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Other {
    pid: u32,
    /// When it began, in ticks: another one with its number began later.
    began: String,
}

impl Other {
    fn find(pid: u32) -> Self {
        let (_, began) = stat(pid).unwrap_or_default();
        Self { pid, began }
    }

    /// Whether it runs: who ended and was not waited for does not.
    pub(crate) fn is_there(&self) -> bool {
        stat(self.pid).is_some_and(|(state, began)| began == self.began && !matches!(state, 'Z' | 'X'))
    }

    /// Whether it is gone in time.
    pub(crate) fn is_gone_within(&self, limit: Duration) -> bool {
        let deadline = clock::now() + limit;
        while self.is_there() {
            if clock::now() > deadline {
                return false;
            }
            thread::sleep(POLL);
        }
        true
    }

    /// A line of its status (proc(5)) that counts kB, as `VmRSS`.
    pub(crate) fn kib(&self, line: &str) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid)).unwrap_or_default();
        let value = status.lines().find_map(|text| text.strip_prefix(line)?.strip_prefix(':'));
        let value = value.and_then(|value| value.strip_suffix("kB")?.trim().parse().ok());
        value.unwrap_or_else(|| fail(&format!("{} has no {line}", self.pid)))
    }
}

/// State and beginning of a process.
fn stat(pid: u32) -> Option<(char, String)> {
    let line = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = line[line.rfind(')')? + 1..].split_ascii_whitespace();
    let state = fields.next()?.chars().next()?;
    Some((state, fields.nth(18)?.to_owned()))
}

/// Looks again and again until there is an answer.
pub(crate) fn wait_until<T>(what: &str, look: impl Fn() -> Option<T>) -> T {
    wait_within(PATIENCE, what, look)
}

/// The same with a limit of its own.
pub(crate) fn wait_within<T>(limit: Duration, what: &str, look: impl Fn() -> Option<T>) -> T {
    let deadline = clock::now() + limit;
    loop {
        if let Some(found) = look() {
            return found;
        }
        if clock::now() > deadline {
            fail(&format!("no {what} in {limit:?}"));
        }
        thread::sleep(POLL);
    }
}
