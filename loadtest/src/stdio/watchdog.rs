//! Who ends a process that answers no more: its client waits for it in a call that nothing else can end.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};

/// How often it is looked whether there were answers.
const LOOK: Duration = Duration::from_secs(1);
/// Looks without an answer after which the process is killed.
const PATIENCE: u32 = 20;

/// Watches one process, which leads a group; to be dropped before that is waited for, so that its number is still its own.
#[derive(Debug)]
pub(super) struct Watchdog {
    seen: Arc<Seen>,
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Seen {
    answers: AtomicU64,
    killed: AtomicBool,
}

impl Watchdog {
    pub(super) fn new(pid: u32) -> io::Result<Self> {
        Self::with_patience(pid, LOOK, PATIENCE)
    }

    fn with_patience(pid: u32, look: Duration, patience: u32) -> io::Result<Self> {
        let seen = Arc::new(Seen::default());
        let (stop, stopped) = mpsc::channel();
        let watched = Arc::clone(&seen);
        let watch = move || watch(pid, &watched, &stopped, look, patience);
        let thread = std::thread::Builder::new().name("watchdog".to_owned()).spawn(watch)?;
        Ok(Self { seen, stop: Some(stop), thread: Some(thread) })
    }

    /// There was an answer.
    pub(super) fn answered(&self) {
        self.seen.answers.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether there were none for so long that the process was killed.
    pub(super) fn has_killed(&self) -> bool {
        self.seen.killed.load(Ordering::Acquire)
    }
}

fn watch(pid: u32, seen: &Seen, stopped: &mpsc::Receiver<()>, look: Duration, patience: u32) {
    let (mut last, mut silent) = (0, 0);
    while stopped.recv_timeout(look) == Err(RecvTimeoutError::Timeout) {
        let answers = seen.answers.load(Ordering::Relaxed);
        silent = if answers == last { silent + 1 } else { 0 };
        last = answers;
        if silent >= patience {
            seen.killed.store(true, Ordering::Release);
            return kill(pid);
        }
    }
}

/// Kills a process and what it started in its group; it leads one.
pub(super) fn kill(pid: u32) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        // It may just have ended, which is as good.
        let _ = kill_process_group(pid, Signal::KILL);
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        drop(self.stop.take());
        // A thread that only sleeps and counts does not panic.
        drop(self.thread.take().map(JoinHandle::join));
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::CommandExt;
    use std::process::{Child, Command};

    use super::*;

    fn sleeping() -> Child {
        Command::new("sleep").arg("60").process_group(0).spawn().unwrap()
    }

    #[test]
    fn a_process_without_answers_is_killed() {
        let mut silent = sleeping();
        let watchdog = Watchdog::with_patience(silent.id(), Duration::from_millis(5), 3).unwrap();
        assert!(!silent.wait().unwrap().success());
        assert!(watchdog.has_killed());
    }

    #[test]
    fn answers_keep_it_alive_and_a_dropped_watchdog_does_nothing() {
        let mut busy = sleeping();
        let watchdog = Watchdog::with_patience(busy.id(), Duration::from_millis(50), 2).unwrap();
        for _ in 0..30 {
            watchdog.answered();
            std::thread::sleep(Duration::from_millis(10));
        }
        assert!(!watchdog.has_killed());
        drop(watchdog);
        assert!(busy.try_wait().unwrap().is_none());
        busy.kill().unwrap();
        busy.wait().unwrap();
    }
}
