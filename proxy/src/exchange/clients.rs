//! One shared value per distinct caller.

use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::protocol::message::Implementation;

use super::event::Client;
use super::table::Map;

/// Interns [`Client`]s, so that an operation carries a pointer and equal callers are the same pointer. A lookup takes
/// no lock. Bounded: when the table is full of clients that are in use, further ones are the default client.
pub(super) struct Clients {
    table: Map<Arc<Client>>,
    hasher: foldhash::fast::RandomState,
    unknown: Arc<Client>,
    /// 0 once closed.
    limit: AtomicUsize,
}

impl Clients {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            table: Map::default(),
            hasher: foldhash::fast::RandomState::default(),
            unknown: Arc::default(),
            limit: AtomicUsize::new(limit),
        }
    }

    /// The client that nothing is known of.
    pub(super) fn unknown(&self) -> &Arc<Client> {
        &self.unknown
    }

    /// Number of clients kept apart.
    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    /// The shared value for this caller.
    pub(super) fn intern(&self, info: Option<&Implementation>, caller: Option<u64>) -> Arc<Client> {
        if info.is_none() && caller.is_none() {
            return Arc::clone(&self.unknown);
        }
        let mut hasher = self.hasher.build_hasher();
        info.hash(&mut hasher);
        caller.hash(&mut hasher);
        let key = hasher.finish();
        let table = self.table.pin();
        if let Some(client) = table.get(&key) {
            // Different callers of one hash: rather unknown than mistaken for each other.
            let same = client.info.as_ref() == info && client.caller == caller;
            return Arc::clone(if same { client } else { &self.unknown });
        }
        if table.len() >= self.limit.load(Ordering::Relaxed) {
            return Arc::clone(&self.unknown);
        }
        let client = Arc::new(Client { info: info.cloned(), caller });
        Arc::clone(table.get_or_insert(key, client))
    }

    /// Makes room when the table is full: forgets the clients that nothing refers to.
    pub(super) fn expire(&self) {
        if self.table.len() >= self.limit.load(Ordering::Relaxed) {
            self.table.pin().retain(|_, client| Arc::strong_count(client) > 1);
        }
    }

    /// Forgets all, and keeps none from now on.
    pub(super) fn close(&self) {
        self.limit.store(0, Ordering::Relaxed);
        self.table.pin().clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> Implementation {
        Implementation { name: name.into(), version: "1".into() }
    }

    #[test]
    fn equal_callers_are_one_pointer_and_different_ones_are_not() {
        let clients = Clients::new(10);
        let first = clients.intern(Some(&named("a")), None);
        assert!(Arc::ptr_eq(&first, &clients.intern(Some(&named("a")), None)));
        assert!(!Arc::ptr_eq(&first, &clients.intern(Some(&named("a")), Some(1))));
        assert!(Arc::ptr_eq(clients.unknown(), &clients.intern(None, None)));
        assert_eq!(clients.len(), 2);
    }

    #[test]
    fn clients_beyond_the_limit_are_unknown_until_others_are_gone() {
        let clients = Clients::new(2);
        let kept = clients.intern(Some(&named("kept")), None);
        drop(clients.intern(Some(&named("gone")), None));
        assert_eq!(*clients.intern(Some(&named("late")), None), Client::default());
        clients.expire();
        assert_eq!(clients.len(), 1);
        assert!(Arc::ptr_eq(&kept, &clients.intern(Some(&named("kept")), None)));
        assert_eq!(clients.intern(Some(&named("late")), None).info, Some(named("late")));
    }
}
