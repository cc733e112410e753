//! The layer that adds inspection to a service.

use std::net::SocketAddr;
use std::sync::Arc;

use compact_str::ToCompactString;
use tower::Layer;

use super::{Inspect, Settings};
use crate::exchange::trace::Peer;
use crate::exchange::{Connection, Exchange};

/// Makes [`Inspect`] services for one client connection.
#[derive(Clone)]
pub struct InspectLayer {
    shared: Arc<Shared>,
}

/// What the requests of one connection share. One count per connection, not one per request on what all connections
/// share: two processors never fight over it.
pub(super) struct Shared {
    pub(super) exchange: Exchange,
    pub(super) connection: Connection,
    pub(super) settings: Arc<Settings>,
}

impl InspectLayer {
    /// A layer that shows the traffic of `connection` to `exchange`.
    #[must_use]
    pub fn new(exchange: Exchange, settings: Settings, connection: Connection) -> Self {
        Self { shared: Arc::new(Shared { exchange, connection, settings: Arc::new(settings) }) }
    }

    /// The same for a connection that was just accepted from `client`. Only spans tell the address, so it is kept only
    /// where these are made.
    #[must_use]
    pub fn accepted(exchange: Exchange, settings: Settings, client: SocketAddr) -> Self {
        let connection =
            if settings.contexts { exchange.connection_from(peer(client)) } else { exchange.connection() };
        Self::new(exchange, settings, connection)
    }
}

/// An IPv4 client of a listener for both families has its own address, not the mapped one.
fn peer(client: SocketAddr) -> Peer {
    Peer { address: client.ip().to_canonical().to_compact_string(), port: Some(client.port()) }
}

impl<S> Layer<S> for InspectLayer {
    type Service = Inspect<S>;

    fn layer(&self, inner: S) -> Inspect<S> {
        Inspect::new(inner, Arc::clone(&self.shared))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_has_its_own_address() {
        let cases =
            [("10.1.2.3:4", "10.1.2.3"), ("[::ffff:10.1.2.3]:4", "10.1.2.3"), ("[fd00::1]:4", "fd00::1")];
        for (client, address) in cases {
            let expected = Peer { address: address.into(), port: Some(4) };
            assert_eq!(peer(client.parse().expect("an address")), expected, "{client}");
        }
    }
}
