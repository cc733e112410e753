//! The thread that keeps counts of error budgets in a file, so that they outlast the process.
//!
//! `<state_dir>/<server>.slo` is read once, before traffic where the disk is quick, and written at every interval and at
//! the end: to a new file that takes the place of the old one when all of it is on the disk. Beside it a lock keeps a
//! second process of the same server from writing; it takes over, and adds the counts of the first one, when that ends.
//!
//! Whatever is wrong with the file, its directory or the disk, traffic goes on: the file is set aside, the log says why,
//! and `mcp_proxy_state_saves_total` counts what failed.

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use sha2::{Digest as _, Sha256};
use tracing::{info, warn};

use super::threads::{Keeping, PATIENCE};
use crate::clock;
use crate::config::StateSettings;
use crate::slo::state::MAX_BYTES;
use crate::slo::{Restored, StateError};
use crate::telemetry::Telemetry;
use crate::telemetry::names::{Metric, label};

/// The end of the name of a file that was set aside; the moment follows, in milliseconds.
const ASIDE: &str = "slo.set-aside-";
/// Most files set aside that are kept, the newest ones: a server that starts again and again beside something that
/// spoils its file must not fill the disk.
const MAX_ASIDE: usize = 5;
/// Longest name of a server as it is in a file's name.
const MAX_NAME: usize = 100;

/// What has a state.
trait Source: Send + 'static {
    fn save(&self, now: Instant) -> Vec<u8>;
    fn restore(&self, bytes: &[u8], now: Instant) -> Result<Restored, StateError>;
    /// Counts an attempt to save.
    fn count(&self, saved: bool, attempts: u64);
}

impl Source for Telemetry {
    fn save(&self, now: Instant) -> Vec<u8> {
        self.slo_save(now)
    }

    fn restore(&self, bytes: &[u8], now: Instant) -> Result<Restored, StateError> {
        self.slo_restore(bytes, now)
    }

    fn count(&self, saved: bool, attempts: u64) {
        let result = if saved { "success" } else { "failure" };
        self.registry().counter(Metric::StateSaves, &[(label::RESULT, result)]).increment(attempts);
    }
}

/// Starts the thread; waits until the state was read, but not for long.
pub(super) fn start(settings: &StateSettings, server: &str, telemetry: &Telemetry) -> io::Result<Running> {
    let keeper = Keeper::new(&settings.dir, server, telemetry.clone());
    let interval = settings.interval;
    let (begun, begins) = mpsc::channel();
    let running = Keeping::start("state", move |stopped| keeper.run(interval, &begun, stopped))?;
    if begins.recv_timeout(PATIENCE).is_err() {
        warn!(dir = %settings.dir.display(), "reading the saved state takes long; traffic does not wait for it");
    }
    Ok(Running(running))
}

/// The running thread.
pub(super) struct Running(Keeping);

impl Running {
    /// Saves for the last time, if that does not take long.
    pub(super) fn stop(self) {
        if !self.0.stop() {
            warn!("the state is not saved at the end: the disk takes too long");
        }
    }
}

/// Keeps the state of one source in one file.
struct Keeper<S> {
    source: S,
    dir: PathBuf,
    /// The file's name without its end.
    name: String,
    /// Held for as long as this process lives.
    lock: Option<File>,
    /// Whether the file was looked at: once, for what is in it is added to what there is.
    read: bool,
    /// Why the last attempt to save failed.
    trouble: Option<String>,
}

impl<S: Source> Keeper<S> {
    fn new(dir: &Path, server: &str, source: S) -> Self {
        // Both series are there from the start: rules see no increase in the first value of a series.
        source.count(true, 0);
        source.count(false, 0);
        Self { source, dir: dir.to_owned(), name: file_name(server), lock: None, read: false, trouble: None }
    }

    fn run(mut self, interval: Duration, begun: &Sender<()>, stopped: &Receiver<()>) {
        self.tend(clock::now(), clock::wall());
        begun.send(()).ok();
        while stopped.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
            self.tend(clock::now(), clock::wall());
        }
        self.tend(clock::now(), clock::wall());
    }

    /// Reads what was not read yet, and saves. Tells of troubles when they begin, change and end.
    fn tend(&mut self, now: Instant, wall: SystemTime) {
        let saved = self.save(now, wall);
        self.source.count(saved.is_ok(), 1);
        let trouble = saved.err();
        if self.trouble == trouble {
            return;
        }
        let file = self.path("slo");
        match &trouble {
            Some(reason) => warn!(file = %file.display(), reason, "error budgets are not saved"),
            None => info!(file = %file.display(), "error budgets are saved again"),
        }
        self.trouble = trouble;
    }

    fn save(&mut self, now: Instant, wall: SystemTime) -> Result<(), String> {
        let locked = self.lock();
        if !self.read && !matches!(locked, Err(NoLock::Other)) {
            self.read = self.read(now, wall);
        }
        match locked {
            Ok(()) => self.write(&self.source.save(now)),
            Err(NoLock::Other) => Err("another process of this server saves them there".to_owned()),
            Err(NoLock::Failed(reason)) => Err(reason),
        }
    }

    fn lock(&mut self) -> Result<(), NoLock> {
        if self.lock.is_some() {
            return Ok(());
        }
        let path = self.path("lock");
        // For reading too: opening a pipe only for writing would wait for somebody to read from it.
        let file = OpenOptions::new()
            .create(true)
            .read(true)
            .append(true)
            .open(&path)
            .map_err(|error| NoLock::Failed(cannot("open", &path, &error)))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(NoLock::Other),
            // Not every file system has locks; the counts are worth more than the protection.
            Err(TryLockError::Error(error)) => {
                warn!(reason = cannot("lock", &path, &error), "a second process would not be noticed");
            }
        }
        self.lock = Some(file);
        Ok(())
    }

    /// Whether that is done. Without the lock only a good file is taken: from a directory that is read-only. One that is
    /// not there may come with its directory, and a bad one is dealt with when it can be.
    fn read(&self, now: Instant, wall: SystemTime) -> bool {
        let file = self.path("slo");
        let loaded = load(&file).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => None,
            _ => Some(format!("it cannot be read: {error}")),
        });
        let restored = loaded
            .and_then(|bytes| self.source.restore(&bytes, now).map_err(|error| Some(error.to_string())));
        match restored {
            Ok(Restored { at, objectives, retired }) => {
                let age = unix_ms(wall).saturating_sub(at.0) / 1000;
                info!(file = %file.display(), age_seconds = age, objectives, retired, "error budgets go on");
                true
            }
            Err(_) if self.lock.is_none() => false,
            Err(None) => true,
            Err(Some(reason)) => {
                self.set_aside(&reason, wall);
                true
            }
        }
    }

    /// Keeps a file that is not taken from being written over.
    fn set_aside(&self, reason: &str, wall: SystemTime) {
        let file = self.path("slo");
        let aside = self.path(&format!("{ASIDE}{}", unix_ms(wall)));
        let file = file.display();
        match fs::rename(self.path("slo"), &aside) {
            Ok(()) => {
                let aside = aside.display();
                warn!(%file, reason, set_aside = %aside, "the saved state is not taken: budgets start anew");
                self.thin_out();
            }
            Err(error) => {
                warn!(%file, reason, %error, "the saved state is not taken and cannot be set aside: budgets start anew");
            }
        }
    }

    /// Deletes the oldest of the files that were set aside, if there are too many. Directories are left alone.
    fn thin_out(&self) {
        let begin = format!("{}.{ASIDE}", self.name);
        let moment = |name: &str| {
            let digits = name.strip_prefix(&begin)?;
            digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse::<u64>().ok())?
        };
        let Ok(entries) = fs::read_dir(&self.dir) else { return };
        let mut aside: Vec<_> = entries
            .flatten()
            .filter(|entry| entry.file_type().is_ok_and(|kind| !kind.is_dir()))
            .filter_map(|entry| Some((moment(entry.file_name().to_str()?)?, entry.path())))
            .collect();
        aside.sort_unstable();
        let surplus = aside.len().saturating_sub(MAX_ASIDE);
        for (_, path) in aside.drain(..surplus) {
            fs::remove_file(path).ok();
        }
    }

    /// The old file stays as it is until the new one is on the disk.
    fn write(&self, bytes: &[u8]) -> Result<(), String> {
        let (new, file) = (self.path("slo.new"), self.path("slo"));
        // What a crash left behind, or a link to somebody else's file.
        fs::remove_file(&new).ok();
        let written = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&new)
            .and_then(|mut new| new.write_all(bytes).and_then(|()| new.sync_all()))
            .map_err(|error| cannot("write", &new, &error))
            .and_then(|()| fs::rename(&new, &file).map_err(|error| cannot("replace", &file, &error)));
        if written.is_err() {
            fs::remove_file(&new).ok();
        }
        written?;
        // The name is on the disk when its directory is. Not every file system can do that, and none needs it for
        // other processes to see the new file.
        File::open(&self.dir).and_then(|dir| dir.sync_all()).ok();
        Ok(())
    }

    fn path(&self, end: &str) -> PathBuf {
        self.dir.join(format!("{}.{end}", self.name))
    }
}

/// Why there is no lock.
enum NoLock {
    /// Another process has it.
    Other,
    /// The file cannot be had.
    Failed(String),
}

fn cannot(what: &str, path: &Path, error: &io::Error) -> String {
    format!("cannot {what} {}: {error}", path.display())
}

/// The whole of a file that is one, and not larger than any state.
fn load(path: &Path) -> io::Result<Vec<u8>> {
    // Opening a pipe would wait for somebody to write to it.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_BYTES { Err(io::Error::other("it is too large")) } else { Ok(bytes) }
}

/// The server's name where that can be a file's, and else what is left of it with a few digits of its SHA-256.
fn file_name(server: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if server.chars().all(fits) && (1..=MAX_NAME).contains(&server.len()) && !server.starts_with('.') {
        return server.to_owned();
    }
    let safe = server.trim_start_matches('.').chars().map(|c| if fits(c) { c } else { '_' });
    let mut name: String = safe.take(MAX_NAME).collect();
    name.push('-');
    for byte in &Sha256::digest(server)[..4] {
        // Writing to a string cannot fail.
        write!(name, "{byte:02x}").ok();
    }
    name
}

fn unix_ms(wall: SystemTime) -> u64 {
    let since = wall.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
