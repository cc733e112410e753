//! The layers that every read passes, outermost first.

use tower::ServiceBuilder;
use tower::util::BoxCloneSyncService;

use super::{Answer, ApiReads, Read, ReadError};

/// What a reader reads by.
pub type ReadStack = BoxCloneSyncService<Read, Answer, ReadError>;

/// The stack over this client.
pub fn stack(client: kube::Client) -> ReadStack {
    BoxCloneSyncService::new(ServiceBuilder::new().service(ApiReads::new(client)))
}
