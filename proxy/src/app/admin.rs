//! The admin port with this process' place among the running ones of its user: both are there, or both are gone.

use std::io;

use tracing::{debug, warn};

use crate::admin::{self, Address, AdminState, ListenError, Listener};
use crate::clock;
use crate::registry::{About, Folders, Registration};

/// A bound admin port, or none.
pub(super) struct AdminPort {
    /// Who this process is.
    pub(super) about: About,
    listener: Option<Listener>,
    /// Dropped with it, which is when nobody can ask any more.
    registration: Option<Registration>,
}

impl AdminPort {
    /// Binds the address, and enters the directory by which `mcp-tap ps` finds it. That the latter fails is said and no
    /// error.
    pub(super) fn open(address: &Address, folders: &Folders, about: About) -> Result<Self, ListenError> {
        let listener = Listener::bind(address, folders)?;
        let registration =
            listener.as_ref().and_then(|listener| register(listener.address(), folders, &about));
        Ok(Self { about, listener, registration })
    }

    /// Where it really listens; `off` if nowhere.
    pub(super) fn address(&self) -> Address {
        self.listener.as_ref().map_or(Address::Off, |listener| listener.address().clone())
    }

    /// Answers for good, or for as long as this is not dropped.
    pub(super) async fn serve(self, state: AdminState) -> io::Result<()> {
        let _listed = self.registration;
        match self.listener {
            Some(listener) => admin::serve(listener, state, std::future::pending()).await,
            None => std::future::pending().await,
        }
    }
}

fn register(address: &Address, folders: &Folders, about: &About) -> Option<Registration> {
    match Registration::enter(folders, about.clone(), address.url()?, clock::wall()) {
        Ok(registration) => Some(registration),
        // Containers mostly have no place for it, and nobody who would look.
        Err(error) if matches!(address, Address::Tcp(_)) => {
            debug!(%error, "mcp-tap ps will not show this process");
            None
        }
        Err(error) => {
            warn!(%error, "mcp-tap ps will not show this process");
            None
        }
    }
}
