//! The thread that judges answers of tools.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use tracing::warn;

use super::RunError;
use crate::clock;
use crate::telemetry::Telemetry;
use crate::telemetry::quality::STACK;

/// How long it sleeps when nothing waits any more. Where nothing came meanwhile, it sleeps until upkeep finds an answer:
/// an idle process is not to wake up five times a second. Calls wake it for no single answer: that would cost each of
/// them more than all the rest of telemetry.
const PAUSE: Duration = Duration::from_millis(200);

/// How long the last answers may take at the end.
const DRAIN: Duration = Duration::from_secs(1);

/// The thread at work.
pub(super) struct Running {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

/// Starts the thread.
pub(super) fn start(telemetry: Telemetry) -> Result<Running, RunError> {
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let run = move || {
        telemetry.judge_here();
        while !stopped.load(Ordering::Acquire) {
            if telemetry.judge_waiting(clock::now, |_| stopped.load(Ordering::Acquire)) {
                std::thread::park_timeout(PAUSE);
            } else {
                std::thread::park();
            }
        }
        let deadline = clock::now() + DRAIN;
        telemetry.judge_waiting(clock::now, |now| now >= deadline);
        telemetry.judge_no_more();
    };
    let thread = std::thread::Builder::new()
        .name("quality".to_owned())
        .stack_size(STACK)
        .spawn(run)
        .map_err(RunError::Thread)?;
    Ok(Running { stop, thread })
}

impl Running {
    /// Lets it judge what waits, for a short while; comes back when it is done.
    pub(super) fn stop(self) {
        self.stop.store(true, Ordering::Release);
        self.thread.thread().unpark();
        if self.thread.join().is_err() {
            warn!("the thread of quality panicked");
        }
    }
}
