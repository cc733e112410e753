//! Sessions of clients of the older revisions: rmcp's own, but no more than so many.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use futures_util::Stream;
use rmcp::model::{ClientJsonRpcMessage, ServerJsonRpcMessage};
use rmcp::transport::streamable_http_server::session::local::{
    LocalSessionManager, LocalSessionManagerError,
};
use rmcp::transport::streamable_http_server::session::{ServerSseMessage, SessionId, SessionManager};

type Result<T> = std::result::Result<T, LocalSessionManagerError>;

/// rmcp's sessions in memory. Each new one beyond the most ends the oldest; its client is told 404, as the protocol has
/// it, and begins anew. Idle ones end after five minutes (rmcp).
pub(super) struct Sessions {
    inner: LocalSessionManager,
    /// In order of their beginning; some may have ended by themselves.
    begun: Mutex<VecDeque<SessionId>>,
    most: usize,
}

impl Sessions {
    pub(super) fn new(most: usize) -> Self {
        Self { inner: LocalSessionManager::default(), begun: Mutex::default(), most }
    }

    /// Remembers the new one; the one that has to go for it.
    fn begin(&self, id: SessionId) -> Option<SessionId> {
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        begun.push_back(id);
        if begun.len() > self.most { begun.pop_front() } else { None }
    }

    fn forget(&self, id: &SessionId) {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner).retain(|begun| begun != id);
    }
}

impl SessionManager for Sessions {
    type Error = LocalSessionManagerError;
    type Transport = <LocalSessionManager as SessionManager>::Transport;

    async fn create_session(&self) -> Result<(SessionId, Self::Transport)> {
        let created = self.inner.create_session().await?;
        if let Some(oldest) = self.begin(created.0.clone()) {
            // It may have ended by itself.
            self.inner.close_session(&oldest).await.ok();
        }
        Ok(created)
    }

    async fn initialize_session(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<ServerJsonRpcMessage> {
        self.inner.initialize_session(id, message).await
    }

    async fn has_session(&self, id: &SessionId) -> Result<bool> {
        self.inner.has_session(id).await
    }

    async fn close_session(&self, id: &SessionId) -> Result<()> {
        self.forget(id);
        self.inner.close_session(id).await
    }

    async fn create_stream(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static> {
        self.inner.create_stream(id, message).await
    }

    async fn accept_message(&self, id: &SessionId, message: ClientJsonRpcMessage) -> Result<()> {
        self.inner.accept_message(id, message).await
    }

    async fn create_standalone_stream(
        &self,
        id: &SessionId,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static> {
        self.inner.create_standalone_stream(id).await
    }

    async fn resume(
        &self,
        id: &SessionId,
        last_event_id: String,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static> {
        self.inner.resume(id, last_event_id).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_oldest_session_gives_way_to_a_new_one() {
        let sessions = Sessions::new(2);
        // Their transports are dropped at once; the sessions stay until they are closed.
        let mut ids = Vec::new();
        for _ in 0..3 {
            ids.push(sessions.create_session().await.unwrap().0);
        }
        for (id, there) in ids.iter().zip([false, true, true]) {
            assert_eq!(sessions.inner.sessions.read().await.contains_key(id), there);
        }
        assert_eq!(sessions.begun.lock().unwrap().len(), 2);
        sessions.close_session(&ids[2]).await.ok();
        assert_eq!(sessions.begun.lock().unwrap().len(), 1);
    }
}
