//! The bound admin port.

use std::fs::{self, File, Permissions, TryLockError};
use std::io;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::thread;
use std::time::Duration;

use socket2::{Domain, SockAddr, Socket, Type};

use super::Address;
use crate::registry::{FolderError, Folders, OwnFile, Probe, probe, socket_of};

/// Connections that the kernel keeps for us.
const BACKLOG: i32 = 128;
/// How often another process is waited for that is about to listen in the same directory, and how long each time.
const TURNS: u32 = 20;
const TURN: Duration = Duration::from_millis(50);

/// A socket that listens, from the moment it is bound. The file of a Unix socket goes with it.
#[derive(Debug)]
pub struct Listener {
    pub(super) socket: Bound,
    address: Address,
}

#[derive(Debug)]
pub(super) enum Bound {
    Tcp(TcpListener),
    /// The file is dropped first: while the socket is open no other file has its number.
    Unix(OwnFile, UnixListener),
}

/// Why there is no listener.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The system does not let us.
    #[error(transparent)]
    System(#[from] io::Error),
    /// The path is taken.
    #[error("another process listens there; end it, or give another path")]
    Taken,
    /// The path is taken by something else.
    #[error("there is a file that is no socket; remove it, or give another path")]
    NoSocket,
    /// The path does not fit into an address of the system.
    #[error("the path is too long for a Unix socket; give one of at most 100 bytes")]
    TooLong,
    /// `auto` has no directory.
    #[error(transparent)]
    Folder(#[from] FolderError),
}

impl Listener {
    /// Binds what the address says; `auto` in the first of the directories that can be used. `None` for `off`.
    ///
    /// # Errors
    /// It cannot be bound.
    pub fn bind(address: &Address, folders: &Folders) -> Result<Option<Self>, ListenError> {
        match address {
            Address::Tcp(address) => {
                let listener = TcpListener::bind(address)?;
                listener.set_nonblocking(true)?;
                let address = Address::Tcp(listener.local_addr()?);
                Ok(Some(Self { socket: Bound::Tcp(listener), address }))
            }
            Address::Unix(path) => Self::bind_unix(path).map(Some),
            Address::Auto => Self::bind_unix(&socket_of(folders.open()?, std::process::id())).map(Some),
            Address::Off => Ok(None),
        }
    }

    fn bind_unix(path: &Path) -> Result<Self, ListenError> {
        let address = SockAddr::unix(path).map_err(|_| ListenError::TooLong)?;
        // Two processes that find the same stale socket must not remove each other's new one.
        let _turn = path.parent().and_then(turn);
        match probe(path)? {
            Probe::Absent => {}
            Probe::Stale => fs::remove_file(path)?,
            Probe::Live => return Err(ListenError::Taken),
            Probe::Foreign => return Err(ListenError::NoSocket),
        }
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.bind(&address)?;
        let file = OwnFile::of_socket(path.to_owned())?;
        // Nobody can connect before it listens, so nobody has with other permissions.
        fs::set_permissions(path, Permissions::from_mode(0o600))?;
        socket.listen(BACKLOG)?;
        socket.set_nonblocking(true)?;
        let listener = UnixListener::from(std::os::fd::OwnedFd::from(socket));
        Ok(Self { socket: Bound::Unix(file, listener), address: Address::Unix(path.to_owned()) })
    }

    /// Where it really listens: the port that the system chose, the path that `auto` stands for.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.address
    }
}

/// Our turn in a directory, until it is dropped. There is none where locks do not work or somebody else holds on to one;
/// that costs no more than the protection.
fn turn(folder: &Path) -> Option<File> {
    let folder = File::open(folder).ok()?;
    for _ in 0..TURNS {
        match folder.try_lock() {
            Ok(()) => return Some(folder),
            Err(TryLockError::WouldBlock) => thread::sleep(TURN),
            Err(TryLockError::Error(_)) => return None,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
    use std::path::PathBuf;

    use super::*;

    fn bind(address: &Address, folder: &Path) -> Result<Option<Listener>, ListenError> {
        Listener::bind(address, &Folders::new(Some(folder.join("running"))))
    }

    fn unix(folder: &Path) -> (PathBuf, Address) {
        let path = folder.join("tap.sock");
        (path.clone(), Address::Unix(path))
    }

    #[test]
    fn the_address_is_the_one_that_is_really_bound() {
        let folder = tempfile::tempdir().unwrap();
        let any = "127.0.0.1:0".parse().unwrap();
        let listener = bind(&any, folder.path()).unwrap().unwrap();
        let Address::Tcp(address) = listener.address() else { panic!("{:?}", listener.address()) };
        assert_ne!(address.port(), 0);
        let auto = bind(&Address::Auto, folder.path()).unwrap().unwrap();
        let expected = folder.path().join("running").join(format!("{}.sock", std::process::id()));
        assert_eq!(*auto.address(), Address::Unix(expected));
        assert!(bind(&Address::Off, folder.path()).unwrap().is_none());
    }

    #[test]
    fn a_socket_is_this_users_alone_and_goes_with_its_listener() {
        let folder = tempfile::tempdir().unwrap();
        let (path, address) = unix(folder.path());
        let listener = bind(&address, folder.path()).unwrap().unwrap();
        let found = fs::symlink_metadata(&path).unwrap();
        assert!(found.file_type().is_socket() && found.mode() & 0o777 == 0o600, "{:o}", found.mode());
        drop(listener);
        assert!(!path.exists());
    }

    #[test]
    fn a_stale_socket_is_replaced_and_everything_else_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (path, address) = unix(folder.path());
        drop(UnixListener::bind(&path).unwrap());
        assert!(path.exists(), "std leaves it behind");
        let first = bind(&address, folder.path()).unwrap().unwrap();
        let second = bind(&address, folder.path()).unwrap_err();
        assert!(matches!(second, ListenError::Taken), "{second}");
        // What has taken its place is not removed with it.
        fs::remove_file(&path).unwrap();
        fs::write(&path, "a").unwrap();
        drop(first);
        let third = bind(&address, folder.path()).unwrap_err();
        assert!(matches!(third, ListenError::NoSocket), "{third}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "a");
    }

    #[test]
    fn a_path_that_is_too_long_is_said_so() {
        let folder = tempfile::tempdir().unwrap();
        let address = Address::Unix(folder.path().join("a".repeat(120)));
        let error = bind(&address, folder.path()).unwrap_err();
        assert!(error.to_string().contains("too long"), "{error}");
    }

    #[test]
    fn of_many_at_once_one_gets_the_place_of_a_stale_socket() {
        let folder = tempfile::tempdir().unwrap();
        let (path, address) = unix(folder.path());
        drop(UnixListener::bind(&path).unwrap());
        let bound = thread::scope(|scope| {
            let all: Vec<_> = (0..8).map(|_| scope.spawn(|| bind(&address, folder.path()))).collect();
            all.into_iter().filter_map(|one| one.join().unwrap().ok()).collect::<Vec<_>>()
        });
        assert_eq!(bound.len(), 1);
        assert_eq!(probe(&path).unwrap(), Probe::Live);
    }
}
