//! Work that the traffic path leaves for later: pages of the tool catalogue, and ended operations whose tool may be
//! on such a page.
//!
//! Reading a page takes long, so traffic only queues it. Until it is read its tools have no label; an operation on a
//! tool without a label is therefore queued behind it instead of being counted as `_other`. Upkeep (once a second)
//! and every scrape read the pages first, then record these operations, so that no reader sees a half-known state.

use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crossbeam_queue::ArrayQueue;

use crate::exchange::event::{CataloguePage, Operation};

/// Most pages that wait.
pub(super) const MAX_PAGES: usize = 64;
/// Most bytes of pages that wait.
pub(super) const MAX_PAGE_BYTES: u64 = 8 << 20;
/// Most operations that wait.
pub(super) const MAX_DEFERRED: usize = 1024;

/// Queues towards the admin thread; writers never wait.
#[derive(Debug)]
pub(super) struct Backlog {
    pages: ArrayQueue<CataloguePage>,
    bytes: AtomicU64,
    /// Pages queued and not yet read to the end.
    unread: AtomicUsize,
    /// Hash of the one-page listing that was queued last: clients list the same tools over and over.
    latest: AtomicU64,
    deferred: ArrayQueue<Box<Operation>>,
}

impl Default for Backlog {
    fn default() -> Self {
        Self {
            pages: ArrayQueue::new(MAX_PAGES),
            bytes: AtomicU64::new(0),
            unread: AtomicUsize::new(0),
            latest: AtomicU64::new(0),
            deferred: ArrayQueue::new(MAX_DEFERRED),
        }
    }
}

impl Backlog {
    /// Queues a page, unless it says the same as the one before; `false` when there was no room.
    pub(super) fn push_page(&self, page: CataloguePage) -> bool {
        let fingerprint = (page.first && page.last)
            .then(|| foldhash::quality::FixedState::default().hash_one((&page.tools, &page.client)));
        if fingerprint.is_some_and(|fingerprint| self.latest.load(Ordering::Acquire) == fingerprint) {
            return true;
        }
        let bytes = size(&page);
        if self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes > MAX_PAGE_BYTES {
            self.bytes.fetch_sub(bytes, Ordering::Relaxed);
            return false;
        }
        self.unread.fetch_add(1, Ordering::AcqRel);
        if self.pages.push(page).is_err() {
            self.unread.fetch_sub(1, Ordering::AcqRel);
            self.bytes.fetch_sub(bytes, Ordering::Relaxed);
            return false;
        }
        self.latest.store(fingerprint.unwrap_or(0), Ordering::Release);
        true
    }

    /// Whether some page was not read yet.
    #[must_use]
    pub(super) fn has_unread(&self) -> bool {
        self.unread.load(Ordering::Acquire) > 0
    }

    /// Hands every waiting page to `read`. One caller at a time.
    pub(super) fn read_pages(&self, mut read: impl FnMut(CataloguePage)) {
        while let Some(page) = self.pages.pop() {
            self.bytes.fetch_sub(size(&page), Ordering::Relaxed);
            read(page);
            self.unread.fetch_sub(1, Ordering::AcqRel);
        }
    }

    /// Lets an operation wait; gives it back when there is no room.
    pub(super) fn defer(&self, operation: Box<Operation>) -> Result<(), Box<Operation>> {
        self.deferred.push(operation)
    }

    /// The next operation that waited.
    pub(super) fn next_deferred(&self) -> Option<Box<Operation>> {
        self.deferred.pop()
    }
}

fn size(page: &CataloguePage) -> u64 {
    page.tools.as_deref().map_or(0, <[u8]>::len) as u64
}
