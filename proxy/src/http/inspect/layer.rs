//! The layer that adds inspection to a service.

use std::sync::Arc;

use tower::Layer;

use super::{Inspect, Settings};
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
}

impl<S> Layer<S> for InspectLayer {
    type Service = Inspect<S>;

    fn layer(&self, inner: S) -> Inspect<S> {
        Inspect::new(inner, Arc::clone(&self.shared))
    }
}
