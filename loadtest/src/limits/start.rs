//! Size of the program, time until it is ready, memory then.

use std::io;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::Settings;
use super::sidecar::{Sidecar, get};
use crate::clock;
use crate::compare::child::without_settings;
use crate::compare::peers::free_port;
use crate::compare::{CompareError, Ratio, TAP};
use crate::goals::Goal;

/// How often it is started.
const STARTS: usize = 9;
/// Time between two questions whether it is ready.
const LOOK: Duration = Duration::from_micros(100);
/// How long it may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// What a start leaves to do is done by then.
const SETTLE: Duration = Duration::from_millis(500);

pub(super) fn measure(settings: &Settings) -> Result<Vec<Goal>, CompareError> {
    let failed = |source| CompareError::Start { name: TAP.to_owned(), source };
    let bytes = std::fs::metadata(&settings.tap).map_err(failed)?.len();
    let mut starts = Vec::new();
    for _ in 0..STARTS {
        starts.push(time_to_ready(settings).map_err(failed)?.as_secs_f64() * 1000.0);
    }
    let ready = Ratio::of(&starts);
    let sidecar = Sidecar::start(settings, 0)?;
    std::thread::sleep(SETTLE);
    let mut start =
        Goal::at_most("start until /readyz says yes", ready.map(|times| times.median), 20.0, "ms");
    if let Some(times) = ready {
        start = start.with_spread(times.lowest, times.highest);
    }
    Ok(vec![
        Goal::at_most("size of the program", Some(bytes as f64 / 1e6), 12.0, "MB"),
        start.with_note(format!("median of {STARTS} starts")),
        Goal::at_most("RSS after the start", Some(sidecar.resident_mib()?), 10.0, "MiB"),
    ])
}

/// From starting the process until its admin port says that it is ready. There is no server behind it: readiness of
/// the sidecar is its own.
fn time_to_ready(settings: &Settings) -> io::Result<Duration> {
    let admin = free_port()?;
    let mut command = Command::new(&settings.tap);
    without_settings(&mut command);
    command
        .args(["run", "--upstream", "http://127.0.0.1:9", "--listen", "127.0.0.1:0", "--admin"])
        .arg(admin.to_string())
        .args(&settings.tap_arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let started = clock::now();
    let mut process = command.spawn()?;
    let ready = loop {
        if get(admin, "/readyz").is_ok() {
            break Ok(clock::now() - started);
        }
        if let Some(status) = process.try_wait()? {
            break Err(io::Error::other(format!("ended before it was ready ({status})")));
        }
        if clock::now() - started > PATIENCE {
            break Err(io::Error::new(io::ErrorKind::TimedOut, format!("is not ready after {PATIENCE:?}")));
        }
        std::thread::sleep(LOOK);
    };
    // Both fail only when it has ended by itself, which was said already.
    drop(process.kill());
    drop(process.wait());
    ready
}
