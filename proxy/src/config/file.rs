//! The configuration file as it lies there.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

/// Longest configuration file, in bytes.
pub const LONGEST: u64 = 1 << 20;

/// The file's text. More than [`LONGEST`] is somebody's device or log, not settings.
///
/// # Errors
/// It cannot be read, is too long, or no text.
pub fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(LONGEST + 1).read_to_string(&mut text)?;
    if text.len() as u64 > LONGEST {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is longer than 1 MiB"));
    }
    Ok(text)
}
