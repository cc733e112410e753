//! Takes the sections `slo`, `cost` and `quality` of the configuration file again: on SIGHUP, and when the file says
//! something else than before. ConfigMaps change by a link to another directory, editors by another file in the old
//! one's place, and both are seen, for it is the content that counts.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::Signal;
use tokio::time::MissedTickBehavior;
use tracing::{error, info, warn};

use crate::clock;
use crate::config::slo::{self, SloConfig};
use crate::config::{ReadFile, file, raw};
use crate::telemetry::Telemetry;

/// How often the file is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// Looks after the file.
pub(super) struct Reload {
    telemetry: Telemetry,
    server: String,
    watched: Option<Watched>,
}

impl Reload {
    /// The file as it was taken at start, where there is one.
    pub(super) fn new(file: Option<ReadFile>, telemetry: Telemetry, server: String) -> Self {
        if file.is_some() {
            telemetry.watch_config();
        }
        Self { telemetry, server, watched: file.map(Watched::new) }
    }

    /// Goes on for ever. Without a signal only the file counts.
    pub(super) async fn run(mut self, mut hangup: Option<Signal>) {
        let mut looks = tokio::time::interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let asked = tokio::select! {
                _ = looks.tick(), if self.watched.is_some() => false,
                () = heard(&mut hangup) => true,
            };
            match &mut self.watched {
                Some(watched) => {
                    if let Some(change) = watched.look(asked).await {
                        self.take(change, asked);
                    }
                }
                None if asked => info!("SIGHUP: there is no configuration file to read again"),
                None => {}
            }
        }
    }

    fn take(&self, change: Change, asked: bool) {
        let cause = if asked { "SIGHUP" } else { "the file changed" };
        let file = change.path.display().to_string();
        let problems = match change.result {
            Ok(config) => {
                self.apply(*config, &file, cause);
                if !change.not_taken.is_empty() {
                    let settings = change.not_taken.join(", ");
                    warn!(
                        file,
                        settings, "these settings changed and are read at start only: restart to use them"
                    );
                }
                return self.telemetry.config_read(true);
            }
            Err(problems) => problems,
        };
        error!(
            file,
            cause,
            problems = problems.len(),
            "the configuration is not taken: what was in effect stays"
        );
        for problem in problems {
            // As a value: line breaks of the file or of the library stay within the line.
            error!(problem, "in the configuration");
        }
        self.telemetry.config_read(false);
    }

    fn apply(&self, config: SloConfig, file: &str, cause: &str) {
        for warning in slo::warnings(&config, Some(&self.server)) {
            warn!("{warning}");
        }
        let SloConfig { plan, prices, quality, rules: _ } = config;
        let names: Vec<_> = plan.objectives.iter().map(|objective| objective.name.as_str()).collect();
        let objectives = names.join(", ");
        self.telemetry.reload(Arc::new(plan), prices, quality, clock::now());
        info!(file, cause, objectives, "the configuration was read again");
    }
}

/// Comes back when the signal came.
async fn heard(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => drop(signal.recv().await),
        None => std::future::pending().await,
    }
}

/// What a look found.
struct Change {
    path: PathBuf,
    result: Result<Box<SloConfig>, Vec<String>>,
    /// Settings that are not as at start.
    not_taken: Vec<String>,
}

/// The file between looks.
struct Watched {
    path: PathBuf,
    /// As it was at start: what all other settings go by.
    started: String,
    /// As it was when it was taken or refused last.
    judged: String,
    /// Something new that was there at the last look. A file may be half written: it counts when it stays the same from
    /// one look to the next.
    fresh: Option<String>,
    /// By which a file is known to be the same without reading it.
    stamp: Option<Stamp>,
    /// Whether it could not be read, which is told once.
    unreadable: bool,
}

/// Device, inode, size, and times of the last change of content and of anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp([i128; 7]);

impl Stamp {
    fn of(path: &Path) -> io::Result<Self> {
        let file = std::fs::metadata(path)?;
        Ok(Self([
            file.dev().into(),
            file.ino().into(),
            file.len().into(),
            file.mtime().into(),
            file.mtime_nsec().into(),
            file.ctime().into(),
            file.ctime_nsec().into(),
        ]))
    }
}

impl Watched {
    fn new(file: ReadFile) -> Self {
        Self {
            path: file.path,
            started: file.text.clone(),
            judged: file.text,
            fresh: None,
            stamp: None,
            unreadable: false,
        }
    }

    /// Looks once; whoever asks gets an answer in any case.
    async fn look(&mut self, asked: bool) -> Option<Change> {
        // After a change once more: a second one may have been too soon for another time stamp.
        let known = self.stamp.filter(|_| !asked && self.fresh.is_none() && !self.unreadable);
        let path = self.path.clone();
        let read = move || -> io::Result<Option<(Stamp, String)>> {
            // A pipe has nothing left to say, or makes whoever opens it wait for a writer.
            if !std::fs::metadata(&path)?.is_file() {
                let error = || io::Error::other("it is no regular file, and was read at the start only");
                return if asked { Err(error()) } else { Ok(None) };
            }
            let stamp = Stamp::of(&path)?;
            if Some(stamp) == known {
                return Ok(None);
            }
            Ok(Some((stamp, file::read(&path)?)))
        };
        // Storage may hang; the admin port shares this thread.
        let found = tokio::task::spawn_blocking(read).await.map_err(io::Error::other).flatten();
        self.judge(found, asked)
    }

    fn judge(&mut self, found: io::Result<Option<(Stamp, String)>>, asked: bool) -> Option<Change> {
        let text = match found {
            Ok(None) => return None,
            Ok(Some((stamp, text))) => {
                self.stamp = Some(stamp);
                self.unreadable = false;
                text
            }
            Err(error) => {
                let known = std::mem::replace(&mut self.unreadable, true);
                let problem = format!("{}: cannot be read: {error}", self.path.display());
                return (asked || !known).then(|| self.change(Err(vec![problem]), Vec::new()));
            }
        };
        if !asked {
            if text == self.judged {
                self.fresh = None;
                return None;
            }
            if self.fresh.as_ref() != Some(&text) {
                self.fresh = Some(text);
                return None;
            }
        }
        self.fresh = None;
        let result = self.read(&text);
        let not_taken = raw::changed(&self.started, &text);
        self.judged = text;
        Some(self.change(result, not_taken))
    }

    /// What the text says, or all that is wrong with it. A file that has become empty is one that is being written, or
    /// whose writer failed: nobody means "all as by default" by that.
    fn read(&self, text: &str) -> Result<Box<SloConfig>, Vec<String>> {
        if text.trim().is_empty() && !self.started.trim().is_empty() {
            let problem = "it is empty now; what was in effect stays, and `slo: {}` means the defaults";
            return Err(vec![format!("{}: {problem}", self.path.display())]);
        }
        let result = slo::read(&self.path, text).map(Box::new);
        result.map_err(|problems| problems.iter().map(ToString::to_string).collect())
    }

    fn change(&self, result: Result<Box<SloConfig>, Vec<String>>, not_taken: Vec<String>) -> Change {
        Change { path: self.path.clone(), result, not_taken }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "upstream: http://a:1\nslo: {period: 30d}\n";
    const NEW: &str = "upstream: http://a:1\nslo: {period: 28d}\n";

    fn watched() -> Watched {
        Watched::new(ReadFile { path: "tap.yaml".into(), text: OLD.to_owned() })
    }

    /// A look that found this text.
    fn found(watched: &mut Watched, text: &str, asked: bool) -> Option<Change> {
        watched.judge(Ok(Some((Stamp([0; 7]), text.to_owned()))), asked)
    }

    fn missing(watched: &mut Watched, asked: bool) -> Option<Change> {
        watched.judge(Err(io::ErrorKind::NotFound.into()), asked)
    }

    #[test]
    fn a_change_is_taken_once_it_stays() {
        let mut watched = watched();
        assert!(found(&mut watched, OLD, false).is_none());
        // Half written, then whole.
        assert!(found(&mut watched, "slo:", false).is_none());
        assert!(found(&mut watched, NEW, false).is_none());
        let change = found(&mut watched, NEW, false).unwrap();
        assert_eq!(change.result.unwrap().plan.period, Duration::from_secs(28 * 86_400));
        assert!(change.not_taken.is_empty());
        assert!(found(&mut watched, NEW, false).is_none());
    }

    #[test]
    fn who_asks_gets_an_answer_at_once() {
        let mut watched = watched();
        assert!(found(&mut watched, OLD, true).unwrap().result.is_ok());
        assert!(found(&mut watched, NEW, true).unwrap().result.is_ok());
        assert!(found(&mut watched, NEW, false).is_none());
    }

    #[test]
    fn a_bad_file_is_told_once_with_all_its_problems() {
        let mut watched = watched();
        let bad = "slo: {period: 1d}\ncost: {per_call: -1}\n";
        assert!(found(&mut watched, bad, false).is_none());
        assert_eq!(found(&mut watched, bad, false).unwrap().result.unwrap_err().len(), 2);
        assert!(found(&mut watched, bad, false).is_none());
        assert!(found(&mut watched, NEW, false).is_none());
        assert!(found(&mut watched, NEW, false).unwrap().result.is_ok());
    }

    #[test]
    fn a_file_that_has_become_empty_changes_nothing() {
        let mut watched = watched();
        assert!(found(&mut watched, "", false).is_none());
        assert!(found(&mut watched, "\n", true).unwrap().result.is_err());
        assert!(found(&mut watched, "slo: {}\n", true).unwrap().result.is_ok());
    }

    #[tokio::test]
    async fn a_pipe_is_read_at_the_start_only() {
        let (reader, writer) = std::os::unix::net::UnixStream::pair().unwrap();
        let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&reader));
        let mut watched = Watched::new(ReadFile { path: path.into(), text: OLD.to_owned() });
        for _ in 0..3 {
            assert!(watched.look(false).await.is_none());
        }
        assert!(watched.look(true).await.unwrap().result.is_err());
        drop((reader, writer));
    }

    #[test]
    fn a_file_that_is_gone_is_told_once_and_may_come_back() {
        let mut watched = watched();
        assert!(missing(&mut watched, false).unwrap().result.is_err());
        assert!(missing(&mut watched, false).is_none());
        assert!(missing(&mut watched, true).is_some());
        // The same as before: nothing to take.
        assert!(found(&mut watched, OLD, false).is_none());
        assert!(missing(&mut watched, false).is_some());
    }

    #[test]
    fn settings_that_are_read_at_start_only_are_named() {
        let mut watched = watched();
        let text = "upstream: http://b:1\nname: x\nregion:\nslo: {period: 28d}\n";
        assert_eq!(found(&mut watched, text, true).unwrap().not_taken, ["name", "upstream"]);
        assert_eq!(found(&mut watched, "slo: {}\n", true).unwrap().not_taken, ["upstream"]);
        assert!(found(&mut watched, OLD, true).unwrap().not_taken.is_empty());
    }
}
