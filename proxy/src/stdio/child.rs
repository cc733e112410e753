//! The process from its start to its end.

use std::ffi::OsStr;
use std::io::{self, PipeReader, PipeWriter, pipe};
use std::os::fd::AsFd;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, ioctl_fionread};
use rustix::process::{Pid, Signal, kill_process, kill_process_group, test_kill_process_group};
use tokio::process::{Child, Command};
use tokio::sync::{Notify, oneshot};
use tokio::time::{MissedTickBehavior, interval, sleep};
use tracing::{debug, warn};

use crate::clock;
use crate::exchange::{Pipe, ProcessEnd};
use crate::proc_stat;

use super::asked::Asked;
use super::ending::{Activity, Ending, Step};
use super::guard::Guard;
use super::look::{Blind, Input, LastOutput, Output};
use super::pump::{CHUNK, Done, pump};
use super::{Later, Meter, Settings};

/// How often it is looked whether a process should be made to end.
const TICK: Duration = Duration::from_secs(1);

/// How long the output of a process that ended may be silent before it is not waited for any longer: a child of its may
/// hold the pipe.
const LINGER: Duration = Duration::from_secs(1);

/// How long what its children write is waited for at all.
const LONGEST_LINGER: Duration = Duration::from_secs(5);

/// Bytes after the end of a process that may be its own: as many as a pipe holds, and those that are read with the last
/// of them.
const OWN: u64 = 64 * 1024 + CHUNK as u64;

/// How long the children of a process that was signalled may outlive it: as long as the official Python client waits
/// before it kills the group.
const GROUP_WAIT: Duration = Duration::from_secs(2);

/// How often it is looked whether they are gone.
const GROUP_TICK: Duration = Duration::from_millis(20);

/// Bytes of the stacks of the threads that carry the messages: the scanner does not recurse.
const STACK: usize = 256 * 1024;

/// Why the process did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The system refused.
    #[error("cannot start the server `{command}`: {error}")]
    Spawn {
        /// The command, without its arguments.
        command: String,
        /// What it said.
        error: io::Error,
    },
    /// There is no pipe, no thread, or no handler to be had.
    #[error("cannot carry messages: {0}")]
    Resources(#[from] io::Error),
}

impl StartError {
    /// The status to end with: as shells do, 127 for a command that is not there, 126 for one that cannot be run.
    #[must_use]
    pub fn status(&self) -> u8 {
        match self {
            Self::Spawn { error, .. } if error.kind() == io::ErrorKind::NotFound => 127,
            Self::Spawn { .. } => 126,
            Self::Resources(_) => 1,
        }
    }
}

/// How a process ended.
#[derive(Debug, Clone, Copy)]
pub struct Exit {
    status: ExitStatus,
    /// The client closed its input, or sent a signal.
    asked: bool,
}

impl Exit {
    /// What the core is told of it.
    #[must_use]
    pub fn end(&self) -> ProcessEnd {
        match (self.asked, self.status.success()) {
            (true, _) => ProcessEnd::Asked,
            (false, true) => ProcessEnd::Finished,
            (false, false) => ProcessEnd::Failed,
        }
    }
}

/// Ends this process as that one ended: with its status, or by the same signal.
pub fn leave(exit: &Exit) -> ! {
    if let Some(signal) = exit.status.signal() {
        // The first process of a container cannot be ended by a signal of its own.
        if std::process::id() == 1 {
            std::process::exit(128 + signal);
        }
        let none = rustix::process::Rlimit { current: Some(0), maximum: Some(0) };
        // Its core is of use, ours is not.
        rustix::process::setrlimit(rustix::process::Resource::Core, none).ok();
        signal_hook::low_level::emulate_default_handler(signal).ok();
        // That one knows the usual ones. The others, those of real time above all, have no handler here.
        signal_hook::low_level::raise(signal).ok();
        std::process::exit(128 + signal);
    }
    std::process::exit(exit.status.code().unwrap_or(1))
}

/// Who is told what passes.
#[derive(Clone)]
pub struct Watched {
    /// The core.
    pub pipe: Pipe,
    /// Its events on their way to telemetry.
    pub later: Arc<Later>,
    /// What the process uses, if that is measured.
    pub meter: Option<Arc<Meter>>,
}

/// A running process whose messages are carried.
pub struct Started {
    child: Child,
    /// Of the process, and of its group.
    group: Pid,
    /// Whether a signal to us is one to a group: who made one for us signals all of it, as shells and the official Python
    /// client do. The others, as the TypeScript client, mean one process, which may pass it on itself, as `npx` does.
    to_group: bool,
    guard: Guard,
    watched: Option<Watched>,
    last_output: Arc<LastOutput>,
    input: Arc<InputOver>,
    output: oneshot::Receiver<Done>,
    /// The process's output; the thread that carries it closes it.
    from: Weak<PipeReader>,
    client_gone: Arc<AtomicBool>,
    ending: Ending,
    /// It was sent a signal that ends who has no other plans for it.
    hurried: bool,
    /// It was waited for: its number may be another's.
    gone: bool,
}

impl Started {
    /// Starts the process and carries its messages. Within a runtime.
    ///
    /// # Errors
    /// It does not start.
    pub fn start(settings: &Settings, watched: Option<Watched>) -> Result<Self, StartError> {
        let ((input_reader, input), (output, output_writer)) = (pipe()?, pipe()?);
        let child = spawn(settings, input_reader, output_writer)?;
        // A child that was waited for has none; this one was not.
        let pid = child.id().unwrap_or_default();
        let group =
            Pid::from_raw(pid.cast_signed()).ok_or_else(|| io::Error::other("a process without a number"))?;
        let guard = Guard::post(pid);
        if let Some(meter) = watched.as_ref().and_then(|watched| watched.meter.as_ref()) {
            meter.watch(pid);
        }
        let last_output = LastOutput::new(clock::now());
        let client_gone = Arc::new(AtomicBool::new(false));
        let output = Arc::new(output);
        Ok(Self {
            from: Arc::downgrade(&output),
            input: carry_input(input, settings, watched.as_ref())?,
            output: carry_output(output, settings, watched.as_ref(), &last_output, &client_gone)?,
            child,
            group,
            to_group: leads_a_group(),
            guard,
            watched,
            last_output,
            client_gone,
            ending: Ending::new(settings.exit_wait, settings.kill_wait),
            hurried: false,
            gone: false,
        })
    }

    /// Waits for its end, passes signals on meanwhile, and ends it where nobody else does.
    pub async fn run(mut self, asked: &mut Asked) -> Exit {
        asked.take_all();
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let status = loop {
            tokio::select! {
                status = self.child.wait() => break status,
                () = self.input.changed.notified() => self.ending.input_over(clock::now()),
                (signal, name) = asked.next() => self.pass_on(signal, name),
                _ = ticks.tick() => self.look_after(),
            }
        };
        let asked_for =
            self.hurried || self.input.is_so.load(Ordering::Acquire) || self.ending.is_terminated();
        self.gone = true;
        self.wait_for_output(asked).await;
        if self.hurried || self.ending.is_terminated() {
            self.end_group().await;
        }
        self.guard.dismiss();
        let status = status.unwrap_or_else(|error| {
            warn!(%error, "the server's end was not seen");
            ExitStatus::from_raw(1 << 8)
        });
        Exit { status, asked: asked_for }
    }

    fn pass_on(&mut self, signal: Signal, name: &str) {
        debug!(signal = name, "passing a signal on to the server");
        if signal == Signal::TERM {
            self.ending.terminated(clock::now());
        }
        self.hurried |= [Signal::TERM, Signal::INT, Signal::HUP, Signal::QUIT].contains(&signal);
        // A group keeps its number as long as somebody is in it.
        let send = if self.to_group || self.gone { kill_process_group } else { kill_process };
        // It may just have ended.
        send(self.group, signal).ok();
    }

    /// Makes the process end if it should and nobody sees to it.
    fn look_after(&mut self) {
        if self.is_left() {
            self.ending.input_over(clock::now());
        }
        // Where nobody looks, nobody knows.
        let waits = || self.watched.as_ref().is_none_or(|watched| watched.pipe.waiting() > 0);
        let busy = !self.client_gone.load(Ordering::Relaxed) && waits();
        let activity = Activity { last_output: self.last_output.at(), busy };
        match self.ending.due(activity, clock::now()) {
            Some(Step::Terminate) => {
                warn!("the server goes on though its input is closed: sending SIGTERM");
                kill_process_group(self.group, Signal::TERM).ok();
            }
            Some(Step::Kill) => {
                warn!("the server goes on after SIGTERM: killing it");
                kill_process_group(self.group, Signal::KILL).ok();
            }
            None => {}
        }
    }

    /// The client is gone, and the process cannot see that: it reads not at all, or not as much as was sent.
    fn is_left(&self) -> bool {
        let no_reader = self.client_gone.load(Ordering::Relaxed);
        no_reader && (self.input.is_unread.load(Ordering::Relaxed) || is_hung_up(&io::stdin()))
    }

    /// What the process wrote last goes to the client before we end, too, however slowly that reads: by itself the
    /// process could not have ended before. Nobody who was told to end waits for a client, nor does it for children that
    /// hold the output.
    async fn wait_for_output(&mut self, asked: &mut Asked) {
        let (ended, before) = (clock::now(), self.last_output.bytes());
        let mut is_through = self.ending.is_terminated();
        // What was read a moment ago may not be noted yet: so it is looked twice.
        let mut empty_at = None;
        loop {
            tokio::select! {
                _ = &mut self.output => return,
                (signal, name) = asked.next() => self.pass_on(signal, name),
                () = sleep(GROUP_TICK) => {}
            }
            // Before the moment is read, which is a new one when this ceases.
            let is_under_way = self.last_output.is_under_way();
            let now = clock::now();
            let is_quiet = now.saturating_duration_since(self.last_output.at().max(ended)) >= LINGER;
            let bytes = self.last_output.bytes();
            let is_empty = !is_under_way && self.from.upgrade().is_none_or(|from| is_empty(&from));
            is_through |= self.hurried || bytes - before > OWN || (is_empty && empty_at == Some(bytes));
            empty_at = is_empty.then_some(bytes);
            if is_through && (is_quiet || now.saturating_duration_since(ended) >= LONGEST_LINGER) {
                return debug!("the server ended, and a child of it holds its output");
            }
        }
    }

    /// The process was told to end, and did; its children are told too, and made to.
    async fn end_group(&self) {
        if !self.to_group {
            kill_process_group(self.group, Signal::TERM).ok();
        }
        let deadline = clock::now() + GROUP_WAIT;
        while test_kill_process_group(self.group).is_ok() {
            if clock::now() >= deadline {
                warn!("children of the server go on after SIGTERM: killing them");
                kill_process_group(self.group, Signal::KILL).ok();
                return;
            }
            sleep(GROUP_TICK).await;
        }
    }
}

fn spawn(settings: &Settings, input: PipeReader, output: PipeWriter) -> Result<Child, StartError> {
    let (command, arguments) =
        settings.command.split_first().ok_or_else(|| io::Error::other("no command"))?;
    let (input_again, output_again) = (input.try_clone()?, output.try_clone()?);
    let start = |mut process: Command, input: PipeReader, output: PipeWriter| {
        process.args(arguments).stdin(input).stdout(output).process_group(0).spawn()
    };
    let started = match start(Command::new(command), input, output) {
        // A script that does not say of what: a shell's, as for whoever starts commands by execvp(3).
        Err(error) if error.raw_os_error() == Some(Errno::NOEXEC.raw_os_error()) => {
            let mut shell = Command::new("/bin/sh");
            shell.arg(found(command));
            start(shell, input_again, output_again)
        }
        started => started,
    };
    started.map_err(|error| StartError::Spawn { command: command.display().to_string(), error })
}

/// Where the command is: a name is looked for in the directories of `PATH`.
fn found(command: &OsStr) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places = std::env::split_paths(&path).map(|directory| directory.join(command));
    let named = !command.as_encoded_bytes().contains(&b'/');
    places.find(|place| named && place.is_file()).unwrap_or_else(|| command.into())
}

/// Whether this process leads a process group: proc(5), field 5. One that lies outside of our namespace has the number 0.
fn leads_a_group() -> bool {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let group = proc_stat::fields(&stat).and_then(|mut fields| fields.nth(2));
    group.and_then(|group| group.parse().ok()) == Some(std::process::id())
}

/// Whether there is nothing to read at the moment.
fn is_empty(pipe: &PipeReader) -> bool {
    ioctl_fionread(pipe).is_ok_and(|waiting| waiting == 0)
}

/// Whether nobody is there who could write to a file, though there may be something to read.
fn is_hung_up(file: &impl AsFd) -> bool {
    let mut files = [PollFd::new(file, PollFlags::empty())];
    poll(&mut files, Some(&Timespec::default())).is_ok() && files[0].revents().contains(PollFlags::HUP)
}

/// The client closed the process's input.
#[derive(Default)]
struct InputOver {
    is_so: AtomicBool,
    /// The process itself closed it.
    is_unread: AtomicBool,
    changed: Notify,
}

/// Carries what the client sends; says when the client sends no more.
fn carry_input(to: PipeWriter, settings: &Settings, watched: Option<&Watched>) -> io::Result<Arc<InputOver>> {
    let over = Arc::new(InputOver::default());
    let is_over = Arc::clone(&over);
    let input = watched.map(|watched| Input::new(watched.pipe.clone(), settings, watched.meter.clone()));
    let carry = move || {
        let done = match input {
            Some(mut input) => pump(io::stdin(), &to, &mut input),
            None => pump(io::stdin(), &to, &mut Blind(None)),
        };
        if done == Done::Gone {
            // The client is to see that nobody reads any more.
            over.is_unread.store(true, Ordering::Relaxed);
            return close(|null| rustix::stdio::dup2_stdin(null));
        }
        // Said before the process can see it: an end that follows was asked for.
        over.is_so.store(true, Ordering::Release);
        drop(to);
        over.changed.notify_one();
    };
    std::thread::Builder::new().name("input".to_owned()).stack_size(STACK).spawn(carry)?;
    Ok(is_over)
}

/// Carries what the server sends; says when that is over.
fn carry_output(
    from: Arc<PipeReader>,
    settings: &Settings,
    watched: Option<&Watched>,
    last: &Arc<LastOutput>,
    client_gone: &Arc<AtomicBool>,
) -> io::Result<oneshot::Receiver<Done>> {
    let (over, is_over) = oneshot::channel();
    let (settings, watched) = (settings.clone(), watched.cloned());
    let (last, client_gone) = (Arc::clone(last), Arc::clone(client_gone));
    let carry = move || {
        let done = match watched {
            Some(Watched { pipe, later, .. }) => {
                pump(&from, io::stdout(), &mut Output::new(pipe, &settings, later, last))
            }
            None => pump(&from, io::stdout(), &mut Blind(Some(last))),
        };
        client_gone.store(done == Done::Gone, Ordering::Relaxed);
        // Either side is to see that the other one is gone.
        drop(from);
        close(|null| rustix::stdio::dup2_stdout(null));
        over.send(done).ok();
    };
    std::thread::Builder::new().name("output".to_owned()).stack_size(STACK).spawn(carry)?;
    Ok(is_over)
}

/// Closes one of our standard files: something else takes its number, so that no file opened later does.
fn close(take_place: impl FnOnce(&std::fs::File) -> rustix::io::Result<()>) {
    let null = std::fs::OpenOptions::new().read(true).write(true).open("/dev/null");
    if let Ok(null) = null {
        take_place(&null).ok();
    }
}
