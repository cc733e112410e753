//! The signals that we are sent, to be passed on.

use std::io;

use rustix::process::Signal;
use tokio::signal::unix::{Signal as Signals, SignalKind, signal};
use tracing::debug;

/// The signals that are passed on, and their names.
const PASSED_ON: [(SignalKind, Signal, &str); 6] = [
    (SignalKind::terminate(), Signal::TERM, "SIGTERM"),
    (SignalKind::interrupt(), Signal::INT, "SIGINT"),
    (SignalKind::hangup(), Signal::HUP, "SIGHUP"),
    (SignalKind::quit(), Signal::QUIT, "SIGQUIT"),
    (SignalKind::user_defined1(), Signal::USR1, "SIGUSR1"),
    (SignalKind::user_defined2(), Signal::USR2, "SIGUSR2"),
];

/// The signals that we are sent. One that was ignored when we were started has no place before the child has begun.
pub struct Asked([Option<Signals>; PASSED_ON.len()]);

impl Asked {
    /// From now on signals do not end this process; to be made before the child. What is ignored stays so: the child is to
    /// inherit that, which it does not once there is a handler.
    ///
    /// # Errors
    /// The system takes no handler.
    pub fn new() -> io::Result<Self> {
        let mut asked = Self([const { None }; PASSED_ON.len()]);
        let ignored = ignored_signals();
        asked.take(|kind| ignored & bit(kind) == 0)?;
        Ok(asked)
    }

    /// The child has begun: it may have a handler for what was ignored.
    pub(super) fn take_all(&mut self) {
        if let Err(error) = self.take(|_| true) {
            debug!(%error, "signals that were ignored from the start stay so");
        }
    }

    fn take(&mut self, is_wanted: impl Fn(SignalKind) -> bool) -> io::Result<()> {
        for (place, (kind, ..)) in self.0.iter_mut().zip(PASSED_ON) {
            if place.is_none() && is_wanted(kind) {
                *place = Some(signal(kind)?);
            }
        }
        Ok(())
    }

    pub(super) async fn next(&mut self) -> (Signal, &'static str) {
        let [term, int, hup, quit, first, second] = &mut self.0;
        let place = tokio::select! {
            () = received(term) => 0,
            () = received(int) => 1,
            () = received(hup) => 2,
            () = received(quit) => 3,
            () = received(first) => 4,
            () = received(second) => 5,
        };
        (PASSED_ON[place].1, PASSED_ON[place].2)
    }
}

async fn received(signals: &mut Option<Signals>) {
    match signals {
        Some(signals) => drop(signals.recv().await),
        None => std::future::pending().await,
    }
}

/// The signals that this process ignores, as proc(5) shows them; elsewhere than on Linux nothing is known.
fn ignored_signals() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default()
}

/// The place of a signal in a mask.
fn bit(kind: SignalKind) -> u64 {
    1 << (kind.as_raw_value() - 1)
}
