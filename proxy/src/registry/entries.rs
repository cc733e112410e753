//! Entering the directory, leaving it, and reading who is in it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::folders::{FolderError, Folders, check};
use super::own_file::OwnFile;
use super::process::Mark;
use super::socket::{Probe, probe};
use super::{About, Entry};

/// Most entries that are read.
pub const MAX_ENTRIES: usize = 1000;
/// The longest entry that is read.
pub const MAX_ENTRY_BYTES: u64 = 64 << 10;
/// Most files of whatever kind that are looked at.
const MAX_FILES: usize = 16 * MAX_ENTRIES;

/// The end of an entry's name, after the id.
const ENTRY: &str = ".json";

/// This process in the directory; it leaves on drop.
#[derive(Debug)]
pub struct Registration {
    file: OwnFile,
}

impl Registration {
    /// Enters this process, with the URL of its admin port; removes what others that were killed left behind. `wall` is
    /// the present.
    ///
    /// # Errors
    /// There is no directory that can be used, or no room in it.
    pub fn enter(
        folders: &Folders,
        about: About,
        admin: String,
        wall: SystemTime,
    ) -> Result<Self, FolderError> {
        let folder = folders.open()?;
        let mark = Mark::own();
        let entry = Entry {
            pid: std::process::id(),
            start_ticks: mark.start_ticks,
            pid_namespace: mark.namespace,
            about,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_unix_ms: unix_ms(wall),
            admin,
        };
        let file = write(folder, &entry).map_err(|error| FolderError::System {
            what: "write an entry to",
            path: folder.to_owned(),
            error,
        })?;
        // Clients kill their servers; whoever never lists would gather such entries without end.
        read_folder(folder, &mut Vec::new()).ok();
        Ok(Self { file })
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.file.path()
    }
}

/// Who is there.
#[derive(Debug, Default)]
pub struct Listing {
    /// Those that run, the oldest first.
    pub entries: Vec<Entry>,
    /// Directories that were not read.
    pub problems: Vec<FolderError>,
}

impl Folders {
    /// Reads all directories that are there; none is made. Entries of processes that are gone are removed. What is no
    /// entry is left alone.
    #[must_use]
    pub fn list(&self) -> Listing {
        let mut listing = Listing::default();
        for folder in self.all() {
            if let Err(problem) = read_folder(folder, &mut listing.entries) {
                listing.problems.push(problem);
            }
        }
        listing.entries.sort_by_key(|entry| (entry.started_unix_ms, entry.pid));
        listing
    }
}

/// The place of the socket that `auto` stands for, in a directory.
#[must_use]
pub fn socket_of(folder: &Path, pid: u32) -> PathBuf {
    folder.join(format!("{pid}.sock"))
}

/// The new file takes its place when it is whole.
fn write(folder: &Path, entry: &Entry) -> io::Result<OwnFile> {
    let new = folder.join(format!("{}{ENTRY}.new", entry.pid));
    let path = folder.join(format!("{}{ENTRY}", entry.pid));
    // What an earlier process of this id left behind.
    fs::remove_file(&new).ok();
    let written = serde_json::to_vec(entry).map_err(io::Error::other).and_then(|bytes| {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
        file.write_all(&bytes)?;
        fs::rename(&new, &path)?;
        OwnFile::written(path, file)
    });
    if written.is_err() {
        fs::remove_file(&new).ok();
    }
    written
}

fn read_folder(folder: &Path, entries: &mut Vec<Entry>) -> Result<(), FolderError> {
    if !check(folder)? {
        return Ok(());
    }
    let files = fs::read_dir(folder).map_err(|error| FolderError::System {
        what: "read",
        path: folder.to_owned(),
        error,
    })?;
    let pids = files.take(MAX_FILES).flatten().filter_map(|file| pid_of(file.file_name().to_str()?));
    for pid in pids.take(MAX_ENTRIES) {
        let path = folder.join(format!("{pid}{ENTRY}"));
        let Some(entry) = read(&path).filter(|entry| entry.pid == pid) else { continue };
        let mark = Mark { start_ticks: entry.start_ticks, namespace: entry.pid_namespace };
        let socket = socket_of(folder, pid);
        let stale = || matches!(probe(&socket), Ok(Probe::Stale));
        // Of a process in another namespace only its socket tells that it is gone.
        let is_gone = mark.is_gone(pid) || (mark.is_foreign() && stale());
        if !is_gone {
            entries.push(entry);
            continue;
        }
        // A later process of this id may listen there already, and enter in a moment.
        if stale() {
            fs::remove_file(&socket).ok();
        }
        fs::remove_file(&path).ok();
    }
    Ok(())
}

/// The id in the name of an entry, as we write it.
pub(super) fn pid_of(name: &str) -> Option<u32> {
    let digits = name.strip_suffix(ENTRY)?;
    let pid: u32 = digits.parse().ok()?;
    (pid != 0 && pid.to_string() == digits).then_some(pid)
}

/// An entry, if it is one.
pub(super) fn read(path: &Path) -> Option<Entry> {
    // Opening a pipe would wait for somebody to write to it, and a link may lead to anything.
    if !fs::symlink_metadata(path).ok()?.is_file() {
        return None;
    }
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(MAX_ENTRY_BYTES + 1).read_to_end(&mut bytes).ok()?;
    if bytes.len() as u64 > MAX_ENTRY_BYTES {
        return None;
    }
    serde_json::from_slice(&bytes).ok()
}

fn unix_ms(wall: SystemTime) -> u64 {
    let since = wall.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
