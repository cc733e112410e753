//! Tasks: operations that go on after their request was answered (mcp-wire.md §12).

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::protocol::fingerprint::fingerprint;

use super::event::{Direction, Operation};

/// Task ids are unique among the tasks of the side that runs them, not per session.
type Key = (Direction, u64);

/// Tasks whose end was not seen yet. A mutex is enough: only requests about tasks come here.
pub(super) struct Tasks {
    table: Mutex<HashMap<Key, Task>>,
    limit: usize,
}

struct Task {
    draft: Box<Operation>,
    deadline: Instant,
}

impl Tasks {
    pub(super) fn new(limit: usize) -> Self {
        Self { table: Mutex::new(HashMap::new()), limit }
    }

    fn table(&self) -> MutexGuard<'_, HashMap<Key, Task>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn len(&self) -> usize {
        self.table().len()
    }

    /// Follows a task. Gives back what cannot be followed: a task of the same id that this one replaces (`Ok`), or
    /// the draft itself when there is no room (`Err`).
    pub(super) fn insert(
        &self,
        id: &str,
        draft: Box<Operation>,
        deadline: Instant,
    ) -> Result<Option<Box<Operation>>, Box<Operation>> {
        let key = (draft.direction, fingerprint(id.as_bytes()));
        let mut table = self.table();
        if table.len() >= self.limit && !table.contains_key(&key) {
            return Err(draft);
        }
        Ok(table.insert(key, Task { draft, deadline }).map(|task| task.draft))
    }

    /// A task waits for input of its client, which takes as long as it takes.
    pub(super) fn wait_for_client(&self, direction: Direction, id: &str) {
        if let Some(task) = self.table().get_mut(&(direction, fingerprint(id.as_bytes()))) {
            task.draft.waited_for_client = true;
        }
    }

    /// Takes out a task whose end was seen.
    pub(super) fn take(&self, direction: Direction, id: &str) -> Option<Box<Operation>> {
        self.table().remove(&(direction, fingerprint(id.as_bytes()))).map(|task| task.draft)
    }

    /// Takes out the tasks whose time to live is over, each with the instant of that.
    pub(super) fn expired(&self, now: Instant) -> Vec<(Box<Operation>, Instant)> {
        let mut table = self.table();
        table
            .extract_if(|_, task| task.deadline <= now)
            .map(|(_, task)| (task.draft, task.deadline))
            .collect()
    }

    /// Takes out all.
    pub(super) fn take_all(&self) -> impl Iterator<Item = Box<Operation>> + use<> {
        std::mem::take(&mut *self.table()).into_values().map(|task| task.draft)
    }
}
