//! Whether anybody listens at a Unix socket.

use std::fs;
use std::io;
use std::os::unix::fs::FileTypeExt as _;
use std::path::Path;

use socket2::{Domain, SockAddr, Socket, Type};

/// What is at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probe {
    /// Nothing.
    Absent,
    /// A socket that a process left behind.
    Stale,
    /// A socket at which somebody listens, or whose owner cannot be told.
    Live,
    /// No socket at all.
    Foreign,
}

/// Looks, by a connection that is dropped at once. Never waits: a process that does not come to accept is a live one.
///
/// # Errors
/// The path cannot be looked at.
pub fn probe(path: &Path) -> io::Result<Probe> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Probe::Absent),
        Err(error) => return Err(error),
        Ok(found) if !found.file_type().is_socket() => return Ok(Probe::Foreign),
        Ok(_) => {}
    }
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    match socket.connect(&SockAddr::unix(path)?) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(Probe::Stale),
        // Gone between the two looks.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Probe::Absent),
        _ => Ok(Probe::Live),
    }
}
