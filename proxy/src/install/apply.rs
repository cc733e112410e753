//! Reading and writing configuration files: all or nothing, and never over somebody else's change.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};

/// Largest file that is read.
pub const LARGEST: u64 = 16 << 20;
/// Behind the name of a file, the name of its backup.
pub const BACKUP: &str = ".mcp-tap-backup";

/// A configuration file as it was read.
#[derive(Debug)]
pub struct Document {
    /// The file that was named.
    pub path: PathBuf,
    /// Its text.
    pub text: String,
    /// The file behind links, which is the one that is replaced.
    target: PathBuf,
    metadata: Metadata,
}

/// Why a file cannot be read or written. Where it is about writing, the file is as it was, but for [`Self::Different`].
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// It is not there.
    #[error("{0}: there is no such file; name the one that the client reads with --config-file")]
    Missing(PathBuf),
    /// The system says no.
    #[error("{path}: cannot {what}: {error}; nothing was changed")]
    System {
        /// The file.
        path: PathBuf,
        /// What was tried.
        what: &'static str,
        /// What came of it.
        error: io::Error,
    },
    /// It is no file.
    #[error("{0}: is no file; name one with --config-file")]
    NoFile(PathBuf),
    /// It is too big.
    #[error("{0}: is larger than 16 MiB, which no configuration is; nothing was changed")]
    TooBig(PathBuf),
    /// It is no UTF-8.
    #[error("{path}:{line}:1: is not in UTF-8; save it in that encoding, nothing was changed")]
    Encoding {
        /// The file.
        path: PathBuf,
        /// The line that is not, from 1.
        line: usize,
    },
    /// Its mode forbids to write.
    #[error("{0}: is read-only; allow writing to it, or change what it is made of. Nothing was changed")]
    ReadOnly(PathBuf),
    /// Somebody else wrote it.
    #[error(
        "{0}: was changed by somebody else meanwhile; close the client and try again. Nothing was changed"
    )]
    Changed(PathBuf),
    /// What was written is not there.
    #[error(
        "{0}: holds something else than was just written: did the client write it too? Close it and look"
    )]
    Different(PathBuf),
}

impl Document {
    /// Reads a file.
    ///
    /// # Errors
    /// If it is not there, too big or no text.
    pub fn read(path: &Path) -> Result<Self, ApplyError> {
        let system = |what| {
            move |error: io::Error| match error.kind() {
                io::ErrorKind::NotFound => ApplyError::Missing(path.to_owned()),
                _ => ApplyError::System { path: path.to_owned(), what, error },
            }
        };
        let target = fs::canonicalize(path).map_err(system("find it"))?;
        let metadata = fs::metadata(&target).map_err(system("look at it"))?;
        if !metadata.is_file() {
            return Err(ApplyError::NoFile(path.to_owned()));
        }
        let bytes = bytes(&target).map_err(system("read it"))?.ok_or(ApplyError::TooBig(path.to_owned()))?;
        let text = String::from_utf8(bytes).map_err(|error| {
            let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
            let line = valid.iter().filter(|byte| **byte == b'\n').count() + 1;
            ApplyError::Encoding { path: path.to_owned(), line }
        })?;
        Ok(Self { path: path.to_owned(), text, target, metadata })
    }

    /// Where the backup is, whether there is one or not: beside the file that was named.
    #[must_use]
    pub fn backup(&self) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(BACKUP);
        name.into()
    }

    /// Replaces the file by another text, with a backup of what it was.
    ///
    /// A backup that is there is kept where the file holds wrapped commands: then it is of a time before them.
    ///
    /// # Errors
    /// If anything stands in the way; then the file is as it was.
    pub fn write(&self, after: &str, was_wrapped: bool) -> Result<PathBuf, ApplyError> {
        if self.metadata.permissions().readonly() {
            return Err(ApplyError::ReadOnly(self.path.clone()));
        }
        let backup = self.backup();
        if !(was_wrapped && backup.is_file()) {
            self.replace(&backup, &self.text, || Ok(()))?;
        }
        self.replace(&self.target, after, || match self.is_unchanged() {
            true => Ok(()),
            false => Err(ApplyError::Changed(self.path.clone())),
        })?;
        match bytes(&self.target) {
            Ok(Some(written)) if written == after.as_bytes() => Ok(backup),
            _ => Err(ApplyError::Different(self.path.clone())),
        }
    }

    fn is_unchanged(&self) -> bool {
        let same_file = fs::canonicalize(&self.path).is_ok_and(|target| target == self.target);
        same_file && matches!(bytes(&self.target), Ok(Some(now)) if now == self.text.as_bytes())
    }

    /// Writes a file beside the place, then moves it there at once.
    fn replace(
        &self,
        place: &Path,
        text: &str,
        check: impl FnOnce() -> Result<(), ApplyError>,
    ) -> Result<(), ApplyError> {
        let draft = draft(place);
        let replaced = self.write_draft(&draft, text).map_err(|error| self.system("write beside it", error));
        let replaced = replaced.and_then(|()| check()).and_then(|()| {
            fs::rename(&draft, place).map_err(|error| self.system("replace it or its backup", error))
        });
        if replaced.is_err() {
            // It may not even have been made.
            fs::remove_file(&draft).ok();
            return replaced;
        }
        // The new name outlasts a crash only once its folder is written; the content is safe already.
        if let Some(folder) = place.parent() {
            File::open(folder).and_then(|folder| folder.sync_all()).ok();
        }
        Ok(())
    }

    /// A new file that nobody else may read until it has the owner and mode of the original.
    fn write_draft(&self, draft: &Path, text: &str) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(draft)?;
        file.write_all(text.as_bytes())?;
        let made = file.metadata()?;
        let (owner, group) = (self.metadata.uid(), self.metadata.gid());
        if (made.uid(), made.gid()) != (owner, group) {
            fchown(&file, Some(owner), Some(group))?;
        }
        file.set_permissions(fs::Permissions::from_mode(self.metadata.mode() & 0o7777))?;
        file.sync_all()
    }

    fn system(&self, what: &'static str, error: io::Error) -> ApplyError {
        ApplyError::System { path: self.path.clone(), what, error }
    }
}

/// The name of a file that is not yet complete, beside its place.
fn draft(place: &Path) -> PathBuf {
    let name = place.file_name().unwrap_or_default().to_string_lossy();
    place.with_file_name(format!(".{name}.{}.mcp-tap", std::process::id()))
}

/// All bytes of a file, unless there are too many.
fn bytes(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(LARGEST + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= LARGEST).then_some(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mcp.json");
        fs::write(&path, text).unwrap();
        (folder, path)
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_that_somebody_else_changed_is_not_replaced() {
        let (folder, path) = file(b"one");
        let document = Document::read(&path).unwrap();
        fs::write(&path, "two").unwrap();
        let error = document.write("three", false).unwrap_err();
        assert!(matches!(error, ApplyError::Changed(_)), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "two");
        assert_eq!(names(folder.path()), ["mcp.json", "mcp.json.mcp-tap-backup"]);
    }

    #[test]
    fn the_backup_is_the_last_text_with_nothing_wrapped() {
        let (_folder, path) = file(b"one");
        let steps = [("two", false, "one"), ("three", true, "one"), ("four", false, "three")];
        for (after, was_wrapped, expected) in steps {
            let backup = Document::read(&path).unwrap().write(after, was_wrapped).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), after);
            assert_eq!(fs::read_to_string(&backup).unwrap(), expected, "{after}");
        }
    }

    #[test]
    fn what_cannot_be_edited_is_refused_with_its_reason() {
        let (_folder, path) = file(b"a\nb\xff");
        assert!(matches!(Document::read(&path), Err(ApplyError::Encoding { line: 2, .. })));
        File::create(&path).unwrap().set_len(LARGEST + 1).unwrap();
        assert!(matches!(Document::read(&path), Err(ApplyError::TooBig(_))));
        assert!(matches!(Document::read(path.parent().unwrap()), Err(ApplyError::NoFile(_))));
        assert!(matches!(Document::read(&path.with_extension("no")), Err(ApplyError::Missing(_))));
    }

    #[test]
    fn a_file_without_leave_to_write_stays_whoever_asks() {
        let (folder, path) = file(b"one");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o444)).unwrap();
        let error = Document::read(&path).unwrap().write("two", false).unwrap_err();
        assert!(matches!(error, ApplyError::ReadOnly(_)), "{error}");
        assert_eq!(names(folder.path()), ["mcp.json"]);
    }
}
