//! One accepted client connection: only for the gauge of who is connected, never to tell operations apart.

use std::sync::Arc;

use arc_swap::ArcSwap;

use super::core::Core;
use super::event::{Client, Event};
use super::trace::Peer;

/// A client connection. Clones are the same connection; the last one dropped ends it.
///
/// The events of a connection add up: one more of the default client when it opens, one less of one and one more of
/// the other when another client is seen on it, one less of the last when it is gone.
#[derive(Clone)]
pub struct Connection(Arc<Inner>);

struct Inner {
    core: Arc<Core>,
    client: ArcSwap<Client>,
    peer: Option<Arc<Peer>>,
}

impl Connection {
    pub(super) fn open(core: &Arc<Core>, peer: Option<Peer>) -> Self {
        core.emit(Event::ConnectionOpened);
        let client = ArcSwap::new(Arc::clone(core.clients.unknown()));
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
        let known = self.0.client.load();
        if Arc::ptr_eq(&known, client)
            || **known == **client
            || (client.info.is_none() && known.info.is_some())
        {
            return;
        }
        drop(known);
        // The swap makes the sum right: what it returns was the last one's `client`, whoever else swaps meanwhile.
        let before = self.0.client.swap(Arc::clone(client));
        self.0.core.emit(Event::ConnectionIdentified { before, client: Arc::clone(client) });
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.core.emit(Event::ConnectionClosed { client: self.client.load_full() });
    }
}
