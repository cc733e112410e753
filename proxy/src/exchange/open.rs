//! The open requests that other HTTP exchanges may answer, cancel or end: those of legacy sessions and channels.

use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use crate::protocol::message::RequestId;

use super::call::{Call, Ended, Parking, Scope, Wait};
use super::event::Direction;
use super::settings::Settings;
use super::table::Map;

/// The table, keyed by (scope, direction, id). Lookups and changes take no lock; walks over all entries happen only
/// when a session ends, when the server asks the client something on a standing stream, and on expiry.
pub(super) struct Open {
    table: Map<Entry>,
    hasher: foldhash::fast::RandomState,
    parked: AtomicUsize,
    server_requests: AtomicUsize,
}

struct Entry {
    scope: Scope,
    call: Arc<Call>,
}

/// The table, or the part of it that was needed, is full.
pub(super) struct Full;

impl Open {
    pub(super) fn new() -> Self {
        Self {
            table: Map::default(),
            hasher: foldhash::fast::RandomState::default(),
            parked: AtomicUsize::new(0),
            server_requests: AtomicUsize::new(0),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    pub(super) fn parked(&self) -> usize {
        self.parked.load(Ordering::Relaxed)
    }

    pub(super) fn server_requests(&self) -> usize {
        self.server_requests.load(Ordering::Relaxed)
    }

    fn key(&self, scope: Scope, direction: Direction, id: &RequestId) -> u64 {
        self.hasher.hash_one((scope, direction, id))
    }

    /// Puts a call in. A call that had the same key (a client that used its id again) is displaced and returned.
    pub(super) fn insert(
        &self,
        scope: Scope,
        call: &Arc<Call>,
        wait: Wait,
        bounds: &Settings,
    ) -> Result<Option<Arc<Call>>, Full> {
        let Some(id) = &call.id else { return Ok(None) };
        if self.table.len() >= bounds.open {
            return Err(Full);
        }
        if call.direction == Direction::ToClient && !enter(&self.server_requests, bounds.server_requests) {
            return Err(Full);
        }
        let key = self.key(scope, call.direction, id);
        call.keep(key, wait);
        let table = self.table.pin();
        let displaced = table.insert(key, Entry { scope, call: Arc::clone(call) });
        Ok(displaced.map(|entry| Arc::clone(&entry.call)))
    }

    /// The open call of this scope, direction and id.
    pub(super) fn find(&self, scope: Scope, direction: Direction, id: &RequestId) -> Option<Arc<Call>> {
        let table = self.table.pin();
        let entry = table.get(&self.key(scope, direction, id))?;
        let same =
            entry.scope == scope && entry.call.direction == direction && entry.call.id.as_ref() == Some(id);
        same.then(|| Arc::clone(&entry.call))
    }

    /// Parks a call under `scope`, putting it into the table if it is not there.
    pub(super) fn park(
        &self,
        scope: Scope,
        call: &Arc<Call>,
        since: Instant,
        by_server: bool,
        bounds: &Settings,
    ) -> Parking {
        let Some(id) = &call.id else { return Parking::NoPlace };
        let key = self.key(scope, call.direction, id);
        let table = self.table.pin();
        let is_here = || table.get(&key).is_some_and(|entry| Arc::ptr_eq(&entry.call, call));
        if !is_here() {
            if table.contains_key(&key) {
                // Its id is in use again.
                return Parking::NoPlace;
            }
            if table.len() >= bounds.open {
                return Parking::NoRoom;
            }
            call.keep(key, Wait::Exchange);
            table.insert(key, Entry { scope, call: Arc::clone(call) });
        }
        let parking = call.park(since, by_server, || enter(&self.parked, bounds.parked));
        if parking != Parking::Parked {
            remove(&table, key, call);
        } else if !is_here() {
            // Displaced just now by who took it for a call that its exchange would end.
            return Parking::NoPlace;
        }
        parking
    }

    /// Takes an ended call out.
    pub(super) fn remove(&self, call: &Arc<Call>, ended: &Ended) {
        if matches!(ended.wait, Wait::Parked { .. }) {
            self.parked.fetch_sub(1, Ordering::Relaxed);
        }
        let Some(key) = ended.key else { return };
        if call.direction == Direction::ToClient {
            self.server_requests.fetch_sub(1, Ordering::Relaxed);
        }
        remove(&self.table.pin(), key, call);
    }

    /// All calls of a scope.
    pub(super) fn of(&self, scope: Scope) -> Vec<Arc<Call>> {
        self.select(|there, call| (there == scope).then(|| Arc::clone(call)))
    }

    /// What `pick` picks of all calls.
    pub(super) fn select<T>(&self, pick: impl Fn(Scope, &Arc<Call>) -> Option<T>) -> Vec<T> {
        self.table.pin().values().filter_map(|entry| pick(entry.scope, &entry.call)).collect()
    }

    /// Moves the parked calls of one stream without a session to its next last event id. Where that id has a call of
    /// the same key already, the call stays and expires.
    pub(super) fn follow(&self, from: Scope, to: Scope) {
        for call in self.of(from) {
            let Some(id) = &call.id else { continue };
            let (old, new) = (self.key(from, call.direction, id), self.key(to, call.direction, id));
            let table = self.table.pin();
            if table.try_insert(new, Entry { scope: to, call: Arc::clone(&call) }).is_err() {
                continue;
            }
            call.keep(new, call.wait());
            remove(&table, old, &call);
            if call.is_over() {
                remove(&table, new, &call);
            }
        }
    }
}

/// Takes one place, if there is one.
fn enter(count: &AtomicUsize, limit: usize) -> bool {
    count
        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| (count < limit).then_some(count + 1))
        .is_ok()
}

fn remove<G: papaya::Guard>(
    table: &papaya::HashMapRef<'_, u64, Entry, foldhash::fast::RandomState, G>,
    key: u64,
    call: &Arc<Call>,
) {
    // A newer call of the same key stays; that the key is gone already is no error either.
    let _ = table.remove_if(&key, |_, entry| Arc::ptr_eq(&entry.call, call));
}
