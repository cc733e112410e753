//! A file that goes with its owner.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// A file that is removed on drop, unless by then another one has its place.
#[derive(Debug)]
pub struct OwnFile {
    path: PathBuf,
    /// Device and number, by which the system knows it.
    id: (u64, u64),
    /// Numbers are used again once nobody holds their file any more.
    _held: Option<File>,
}

impl OwnFile {
    /// Takes over the file of a socket, which has to be open for longer than this lives.
    ///
    /// # Errors
    /// Nothing can be seen there.
    pub fn of_socket(path: PathBuf) -> io::Result<Self> {
        let id = id(&path)?;
        Ok(Self { path, id, _held: None })
    }

    /// Takes over a file that was written.
    ///
    /// # Errors
    /// Nothing can be seen there.
    pub(super) fn written(path: PathBuf, file: File) -> io::Result<Self> {
        let id = id(&path)?;
        Ok(Self { path, id, _held: Some(file) })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for OwnFile {
    fn drop(&mut self) {
        if id(&self.path).is_ok_and(|id| id == self.id) {
            fs::remove_file(&self.path).ok();
        }
    }
}

fn id(path: &Path) -> io::Result<(u64, u64)> {
    let found = fs::symlink_metadata(path)?;
    Ok((found.dev(), found.ino()))
}
