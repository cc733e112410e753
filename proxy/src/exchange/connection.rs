//! One accepted client connection: only for the gauge of who is connected, never to tell operations apart.

use std::sync::Arc;

use arc_swap::ArcSwapOption;

use super::core::Core;
use super::event::{Client, Event};
use super::trace::Peer;

/// A client connection. Clones are the same connection; the last one dropped ends it, if it was not closed before.
///
/// The events of a connection add up: one more of the default client when it opens, one less of one and one more of
/// the other when another client is seen on it, one less of the last when it is gone.
#[derive(Clone)]
pub struct Connection(Arc<Inner>);

struct Inner {
    core: Arc<Core>,
    /// `None` once it is closed.
    client: ArcSwapOption<Client>,
    peer: Option<Arc<Peer>>,
}

impl Connection {
    pub(super) fn open(core: &Arc<Core>, peer: Option<Peer>) -> Self {
        core.emit(Event::ConnectionOpened);
        let client = ArcSwapOption::from(Some(Arc::clone(core.clients.unknown())));
        Self(Arc::new(Inner { core: Arc::clone(core), client, peer: peer.map(Arc::new) }))
    }

    /// The core that it is a connection of.
    pub(super) fn core(&self) -> &Core {
        &self.0.core
    }

    /// How the client is connected, if that was asked for.
    pub(super) fn peer(&self) -> Option<Arc<Peer>> {
        self.0.peer.clone()
    }

    /// This client speaks on it now. A caller without a name does not replace one that has a name.
    pub(super) fn identify(&self, client: &Arc<Client>) {
        let mut known = self.0.client.load();
        while let Some(before) = known.as_ref() {
            if Arc::ptr_eq(before, client)
                || **before == **client
                || (client.info.is_none() && before.info.is_some())
            {
                return;
            }
            // Only in the place of the one who is taken away below: so the sum is right, whoever else comes or closes it
            // meanwhile.
            let found = self.0.client.compare_and_swap(before, Some(Arc::clone(client)));
            if found.as_ref().is_some_and(|found| Arc::ptr_eq(found, before)) {
                let (before, client) = (Arc::clone(before), Arc::clone(client));
                return self.0.core.emit(Event::ConnectionIdentified { before, client });
            }
            known = found;
        }
    }

    /// It is gone, though somebody may still hold it.
    pub(super) fn close(&self) {
        self.0.close();
    }
}

impl Inner {
    fn close(&self) {
        if let Some(client) = self.client.swap(None) {
            self.core.emit(Event::ConnectionClosed { client });
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.close();
    }
}
