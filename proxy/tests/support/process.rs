//! Child processes of the tests: started in a group of their own, their output captured, every wait bounded, the whole
//! group killed by its id when the owner is dropped.

#![expect(clippy::disallowed_methods, reason = "real processes take real time: waits need a deadline")]

use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// How long a process may take until it listens.
const START: Duration = Duration::from_secs(30);
/// How often a condition is looked at that cannot be waited for.
const POLL: Duration = Duration::from_millis(10);

/// A running child and its group.
pub(crate) struct Process {
    name: String,
    child: Child,
    /// Behind a lock, so that threads of a test can share a process.
    lines: Mutex<Receiver<String>>,
    /// All that was printed so far, both streams, for failure messages.
    printed: Arc<Mutex<String>>,
}

impl Process {
    /// Starts `command`; `name` stands in failure messages.
    pub(crate) fn start(name: &str, command: &mut Command) -> Self {
        let mut child = command
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| fail(&format!("{name} did not start: {error}")));
        let (tx, lines) = channel();
        let printed = Arc::default();
        capture(child.stdout.take().expect("stdout is piped"), tx.clone(), Arc::clone(&printed));
        capture(child.stderr.take().expect("stderr is piped"), tx, Arc::clone(&printed));
        Self { name: name.to_owned(), child, lines: Mutex::new(lines), printed }
    }

    /// Waits for a line that `read` makes something of.
    pub(crate) fn wait_for_line<T>(&self, what: &str, read: impl Fn(&str) -> Option<T>) -> T {
        let deadline = Instant::now() + START;
        loop {
            match self.next_line(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    if let Some(found) = read(&line) {
                        return found;
                    }
                }
                Err(RecvTimeoutError::Timeout) => self.fail(&format!("did not print {what} in {START:?}")),
                Err(RecvTimeoutError::Disconnected) => self.fail(&format!("ended before it printed {what}")),
            }
        }
    }

    /// Waits until something accepts connections on `port`.
    pub(crate) fn wait_for_port(&mut self, port: u16) {
        let deadline = Instant::now() + START;
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            if self.child.try_wait().expect("own child").is_some() {
                self.fail("ended before it listened");
            }
            if Instant::now() > deadline {
                self.fail(&format!("did not listen on {port} in {START:?}"));
            }
            thread::sleep(POLL);
        }
    }

    /// Looks again and again until there is an answer.
    pub(crate) fn wait_until<T>(&self, what: &str, look: impl Fn() -> Option<T>) -> T {
        let deadline = Instant::now() + START;
        loop {
            if let Some(found) = look() {
                return found;
            }
            if Instant::now() > deadline {
                self.fail(&format!("did not come to where {what} in {START:?}"));
            }
            thread::sleep(POLL);
        }
    }

    /// All that it printed so far and will print.
    pub(crate) fn printed(&self) -> Arc<Mutex<String>> {
        Arc::clone(&self.printed)
    }

    /// Its resident memory in KiB (proc(5)).
    pub(crate) fn resident_kib(&self) -> usize {
        std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))
            .ok()
            .and_then(|status| {
                status
                    .lines()
                    .find_map(|line| line.strip_prefix("VmRSS:")?.strip_suffix("kB")?.trim().parse().ok())
            })
            .unwrap_or_else(|| self.fail("does not show its memory"))
    }

    /// Asks it to end.
    pub(crate) fn terminate(&self) {
        self.signal("-TERM");
    }

    /// Tells it that its terminal is gone, by which daemons are asked to read their files again.
    pub(crate) fn hang_up(&self) {
        self.signal("-HUP");
    }

    /// Ends it as nobody can prevent, without asking for its status.
    pub(crate) fn kill(&self) {
        self.signal("-KILL");
    }

    /// Lets it stand still.
    pub(crate) fn freeze(&self) {
        self.signal("-STOP");
    }

    /// Its id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    fn signal(&self, signal: &str) {
        let asked = Command::new("kill").args([signal, "--", &self.child.id().to_string()]).status();
        assert!(asked.is_ok_and(|status| status.success()), "{} is not there any more", self.name);
    }

    /// Waits for its end, at most `limit`; all it printed, and its status.
    pub(crate) fn finish(mut self, limit: Duration) -> (ExitStatus, Vec<String>) {
        let deadline = Instant::now() + limit;
        let mut lines = Vec::new();
        // Both pipes close when the last process of the group that holds them ends.
        loop {
            match self.next_line(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => lines.push(line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => self.fail(&format!("did not end in {limit:?}")),
            }
        }
        (self.child.wait().expect("own child"), lines)
    }

    fn next_line(&self, limit: Duration) -> Result<String, RecvTimeoutError> {
        self.lines.lock().expect("no reader panics").recv_timeout(limit)
    }

    fn fail(&self, what: &str) -> ! {
        let printed = self.printed.lock().expect("no reader panics");
        fail(&format!("{} {what}; it printed:\n{printed}", self.name))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The group has the id of its first process. std cannot signal a group.
        let group = format!("-{}", self.child.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).stderr(Stdio::null()).status();
        let _ = self.child.wait();
    }
}

fn capture(pipe: impl Read + Send + 'static, lines: Sender<String>, printed: Arc<Mutex<String>>) {
    thread::spawn(move || {
        for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line).into_owned();
            {
                let mut printed = printed.lock().expect("no reader panics");
                printed.push_str(&line);
                printed.push('\n');
            }
            // Nobody may be listening any more; the pipe is drained all the same.
            let _ = lines.send(line);
        }
    });
}

/// Keeps variables of whoever runs the tests from the command; what it was given itself stays.
pub(crate) fn without_variables(command: &mut Command, beginnings: &[&str]) {
    let given: Vec<_> = command.get_envs().map(|(name, _)| name.to_owned()).collect();
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if beginnings.iter().any(|beginning| text.starts_with(beginning)) && !given.contains(&name) {
            command.env_remove(name);
        }
    }
}

/// A port of loopback that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .expect("loopback has a free port")
        .port()
}

#[expect(clippy::panic, reason = "this is how a test fails")]
pub(crate) fn fail(message: &str) -> ! {
    panic!("{message}")
}
