//! The threads beside the traffic that several parts have: one that exports, and one that writes to a disk.

use std::io;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::oneshot;
use tracing::warn;

use super::RunError;

/// How long a disk that hangs is waited for, at the start and at the end.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

/// What an exporter is told in the end.
pub(super) struct Stop(oneshot::Receiver<Duration>);

impl Stop {
    /// Waits for it: how long what still waits may take.
    pub(super) async fn told(self) -> Duration {
        // A dropped sender is as good as no time left.
        self.0.await.unwrap_or_default()
    }
}

/// A thread that exports to a collector, at work.
pub(super) struct Exporting {
    name: &'static str,
    stop: oneshot::Sender<Duration>,
    thread: JoinHandle<()>,
}

impl Exporting {
    /// Starts it, with a runtime of its own.
    pub(super) fn start<F: Future<Output = ()>>(
        name: &'static str,
        run: impl FnOnce(Stop) -> F + Send + 'static,
    ) -> Result<Self, RunError> {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(RunError::Thread)?;
        let (stop, stopped) = oneshot::channel();
        let run = move || {
            runtime.block_on(run(Stop(stopped)));
            // A look-up of a name may hang in the system for long.
            runtime.shutdown_background();
        };
        let thread =
            std::thread::Builder::new().name(name.to_owned()).spawn(run).map_err(RunError::Thread)?;
        Ok(Self { name, stop, thread })
    }

    /// Gives it this long for what still waits; comes back when it is done.
    pub(super) fn stop(self, flush: Duration) {
        // It may have given up already, and said why.
        self.stop.send(flush).ok();
        if self.thread.join().is_err() {
            warn!("the thread of {} panicked", self.name);
        }
    }
}

/// A thread that writes to a disk, at work.
pub(super) struct Keeping {
    stop: Sender<()>,
    ended: Receiver<()>,
}

impl Keeping {
    /// Starts it; what it is given ends when it is to write for the last time.
    pub(super) fn start(name: &str, run: impl FnOnce(&Receiver<()>) + Send + 'static) -> io::Result<Self> {
        let (stop, stopped) = mpsc::channel();
        let (end, ended) = mpsc::channel();
        std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            run(&stopped);
            // Whoever waits for the end has this channel.
            drop(end);
        })?;
        Ok(Self { stop, ended })
    }

    /// Has it write for the last time; whether that did not take too long.
    pub(super) fn stop(self) -> bool {
        drop(self.stop);
        self.ended.recv_timeout(PATIENCE) != Err(RecvTimeoutError::Timeout)
    }
}
