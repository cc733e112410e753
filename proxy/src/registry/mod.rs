//! The running mcp-taps of one user: each has a small file in a directory of the user's own, so that `mcp-tap ps` finds
//! them all and their admin ports.
//!
//! ```text
//!   $XDG_RUNTIME_DIR/mcp-tap/ (else /tmp/mcp-tap-UID/)       mode 0700, refused if it is anybody else's
//!     4711.json     what the process with that id is         written whole, mode 0600, removed at its end
//!     4711.sock     its admin port, where that is `auto`
//! ```
//!
//! `folders` says where the directory is and whether it can be trusted, `entries` writes and reads the files, `process`
//! tells whether their processes still run, `socket` whether anybody listens at a socket. What a process that was killed
//! left behind is removed by whoever starts or lists next.

mod entries;
mod folders;
mod own_file;
mod process;
mod socket;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use entries::{Listing, MAX_ENTRIES, MAX_ENTRY_BYTES, Registration, socket_of};
pub use folders::{FolderError, Folders};
pub use own_file::OwnFile;
pub use socket::{Probe, probe};

/// How a process stands before its server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// `mcp-tap run`.
    Http,
    /// `mcp-tap stdio`.
    Stdio,
}

impl Kind {
    /// As it is shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Stdio => "stdio",
        }
    }
}

/// What a process says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// The label `mcp_server`.
    pub name: String,
    /// How it stands before its server.
    pub kind: Kind,
    /// What it stands before: the upstream's authority, or the base name of the wrapped command. Never arguments, for
    /// these may be secrets.
    pub serves: String,
}

/// One running process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its id.
    pub pid: u32,
    /// When it was started, in clock ticks after boot: a later process of the same id has another one. Only Linux says.
    #[serde(default)]
    pub start_ticks: Option<u64>,
    /// The namespace in which the id is one. A process of another one cannot be told to be gone.
    #[serde(default)]
    pub pid_namespace: Option<u64>,
    /// What it is.
    #[serde(flatten)]
    pub about: About,
    /// The version of mcp-tap.
    pub version: String,
    /// When it was started, in milliseconds since the Unix epoch.
    pub started_unix_ms: u64,
    /// Its admin port: `http://IP:PORT` or `unix:/PATH`.
    pub admin: String,
}
