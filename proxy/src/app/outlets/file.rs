//! The thread that writes metrics to a file, for node_exporter's textfile collector and the like.
//!
//! The file is replaced as a whole, so that no reader ever sees a part of it, and stays after the end: what a
//! short-lived process counted is read later. It is not written through to the disk: after a crash of the machine its
//! counts are of the past anyway.
//!
//! Whatever is wrong with the directory or the disk, all else goes on: the log says so when it begins, changes and
//! ends, and `mcp_proxy_metrics_file_writes_total` counts it.

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use tracing::{info, warn};

use super::super::threads::Keeping;
use crate::clock;
use crate::config::MetricsFile;
use crate::telemetry::Telemetry;
use crate::telemetry::names::{Metric, label};

/// Starts the thread.
pub(super) fn start(settings: &MetricsFile, telemetry: Telemetry) -> io::Result<Running> {
    let MetricsFile { path, interval } = settings.clone();
    let mut writer = Writer::new(path, telemetry);
    info!(file = %writer.path.display(), interval = %humantime::format_duration(interval), "writing metrics");
    Ok(Running(Keeping::start("metrics-file", move |stopped| writer.run(interval, stopped))?))
}

/// The thread at work.
pub(super) struct Running(Keeping);

impl Running {
    /// Has it write for the last time, if that does not take long.
    pub(super) fn stop(self) {
        if !self.0.stop() {
            warn!("the last metrics are not written: the disk takes too long");
        }
    }
}

/// Writes the metrics of one process to one file.
struct Writer {
    telemetry: Telemetry,
    path: PathBuf,
    /// Where the next content of the file is written before it takes its place.
    next: PathBuf,
    /// Why the last attempt failed.
    trouble: Option<String>,
}

impl Writer {
    fn new(path: PathBuf, telemetry: Telemetry) -> Self {
        let next = beside(&path);
        let writer = Self { telemetry, path, next, trouble: None };
        // Both series are there from the start: rules see no increase in the first value of a series.
        writer.count(true, 0);
        writer.count(false, 0);
        writer
    }

    fn run(&mut self, interval: Duration, stopped: &Receiver<()>) {
        loop {
            self.tend();
            if stopped.recv_timeout(interval) != Err(RecvTimeoutError::Timeout) {
                break;
            }
        }
        self.tend();
    }

    /// Writes the file. Tells of troubles when they begin, change and end.
    fn tend(&mut self) {
        let (_, text) = self.telemetry.render(None, clock::now());
        let trouble = self.write(text.as_bytes()).err();
        self.count(trouble.is_none(), 1);
        if self.trouble == trouble {
            return;
        }
        match &trouble {
            Some(reason) => {
                warn!(file = %self.path.display(), reason, "metrics are not written: trying again")
            }
            None => info!(file = %self.path.display(), "metrics are written again"),
        }
        self.trouble = trouble;
    }

    fn write(&self, text: &[u8]) -> Result<(), String> {
        // What a crash left behind, or a link to somebody else's file.
        fs::remove_file(&self.next).ok();
        let written = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&self.next)
            .and_then(|mut next| next.write_all(text))
            .map_err(|error| cannot("write", &self.next, &error))
            .and_then(|()| {
                fs::rename(&self.next, &self.path).map_err(|error| cannot("replace", &self.path, &error))
            });
        if written.is_err() {
            fs::remove_file(&self.next).ok();
        }
        written
    }

    fn count(&self, written: bool, attempts: u64) {
        let result = if written { "success" } else { "failure" };
        let labels = [(label::RESULT, result)];
        self.telemetry.registry().counter(Metric::MetricsFileWrites, &labels).increment(attempts);
    }
}

/// A name in the same directory that readers of the file do not take for one of theirs. Two processes have two of them.
fn beside(path: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}.new", std::process::id()));
    path.with_file_name(name)
}

fn cannot(what: &str, path: &Path, error: &io::Error) -> String {
    format!("cannot {what} {}: {error}", path.display())
}

#[cfg(test)]
#[path = "file_tests.rs"]
mod tests;
