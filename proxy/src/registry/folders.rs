//! Where the directory of running processes is, and whether it is this user's alone.

use std::ffi::OsString;
use std::fmt;
use std::fs::{self, DirBuilder, Metadata};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use rustix::process::geteuid;

/// Permissions of others.
const OTHERS: u32 = 0o077;

/// What helps against a directory that cannot be used.
const REMEDY: &str = "or name a directory of your own by runtime_dir (--runtime-dir, MCP_TAP_RUNTIME_DIR)";

/// The places of the directory, the best one first. A process enters the first that it can use; who lists looks at all:
/// MCP clients start their servers with next to no variables, so that these do not know of `$XDG_RUNTIME_DIR`. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folders(Vec<PathBuf>);

/// Why a directory is not used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// It is a file, or leads elsewhere.
    #[error("{} is {what}, and not a directory: remove it, {REMEDY}", .path.display())]
    NoDirectory {
        /// The place.
        path: PathBuf,
        /// What is there.
        what: &'static str,
    },
    /// Somebody else made it.
    #[error("{} belongs to user {owner}, and not to {user}: remove it, {REMEDY}", .path.display())]
    Foreign {
        /// The place.
        path: PathBuf,
        /// Its owner.
        owner: u32,
        /// This process' user.
        user: u32,
    },
    /// Others may read or write it.
    #[error("{0} is open to others (mode {mode:04o}): `chmod 700 {0}`, {REMEDY}", .path.display())]
    Open {
        /// The place.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// The system does not let us.
    #[error("cannot {what} {}: {error}; make room for it, {REMEDY}", .path.display())]
    System {
        /// What was tried.
        what: &'static str,
        /// The place.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
}

impl Folders {
    /// The directory that was named, or else those that every process of this user can find. Nothing is created.
    #[must_use]
    pub fn new(given: Option<PathBuf>) -> Self {
        let user = geteuid().as_raw();
        // Of a directory that `sudo` lets the superuser inherit the user would be locked out.
        let mine = |path: &Path| fs::metadata(path).is_ok_and(|found| found.uid() == user);
        Self(given.map_or_else(|| candidates(|name| std::env::var_os(name), user, mine), |path| vec![path]))
    }

    /// The best place.
    #[must_use]
    pub fn first(&self) -> &Path {
        self.0.first().expect("there is the place that was named, or that in /tmp")
    }

    /// All of them.
    pub(super) fn all(&self) -> &[PathBuf] {
        &self.0
    }

    /// The first place that can be used, made if it was missing.
    ///
    /// # Errors
    /// None can; the reason of the first.
    pub fn open(&self) -> Result<&Path, FolderError> {
        let mut first = None;
        for path in &self.0 {
            match create(path) {
                Ok(()) => return Ok(path),
                Err(error) => first = first.or(Some(error)),
            }
        }
        Err(first.expect("there is the place that was named, or that in /tmp"))
    }
}

impl fmt::Display for Folders {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places: Vec<_> = self.0.iter().map(|path| path.display().to_string()).collect();
        formatter.write_str(&places.join(", "))
    }
}

/// Where no directory is named: below the user's runtime directory, if there is one, and below that of temporary files.
pub(super) fn candidates(
    variable: impl Fn(&str) -> Option<OsString>,
    user: u32,
    mine: impl Fn(&Path) -> bool,
) -> Vec<PathBuf> {
    let absolute = |name: &str| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let runtime = [absolute("XDG_RUNTIME_DIR"), Some(format!("/run/user/{user}").into())];
    let runtime = runtime.into_iter().flatten().filter(|path| mine(path)).map(|path| path.join("mcp-tap"));
    let temporary = [absolute("TMPDIR"), Some("/tmp".into())].into_iter().flatten();
    let temporary = temporary.map(|path| path.join(format!("mcp-tap-{user}")));
    let mut all: Vec<PathBuf> = Vec::new();
    for path in runtime.chain(temporary) {
        if !all.contains(&path) {
            all.push(path);
        }
    }
    all
}

fn create(path: &Path) -> Result<(), FolderError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    match (check(path)?, made) {
        (true, _) => Ok(()),
        (false, made) => {
            let error = made.err().unwrap_or_else(|| io::ErrorKind::NotFound.into());
            Err(FolderError::System { what: "create the directory", path: path.to_owned(), error })
        }
    }
}

/// Whether there is a directory, which is this user's alone.
pub(super) fn check(path: &Path) -> Result<bool, FolderError> {
    match fs::symlink_metadata(path) {
        Ok(found) => check_found(path, &found, geteuid().as_raw()).map(|()| true),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(false)
        }
        Err(error) => Err(FolderError::System { what: "look at", path: path.to_owned(), error }),
    }
}

pub(super) fn check_found(path: &Path, found: &Metadata, user: u32) -> Result<(), FolderError> {
    let path = path.to_owned();
    let (owner, mode) = (found.uid(), found.mode() & 0o7777);
    match () {
        () if found.is_symlink() => Err(FolderError::NoDirectory { path, what: "a symbolic link" }),
        () if !found.is_dir() => Err(FolderError::NoDirectory { path, what: "a file" }),
        () if owner != user => Err(FolderError::Foreign { path, owner, user }),
        () if mode & OTHERS != 0 => Err(FolderError::Open { path, mode }),
        () => Ok(()),
    }
}
