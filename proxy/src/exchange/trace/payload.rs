//! The memory for payload that is kept on demand: a call holds its arguments as long as it is open, which may be long,
//! and there may be many.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::protocol::message::{Captured, Message};
use crate::protocol::method::Method;

use super::Trace;

/// What all calls together may hold, from the request until nobody needs the trace any more.
#[derive(Debug)]
pub(in super::super) struct Room {
    limit: usize,
    used: AtomicUsize,
    tools: Option<Arc<[String]>>,
}

/// A part of it, given back with the last copy of the trace.
#[derive(Debug)]
pub struct Share {
    room: Arc<Room>,
    bytes: AtomicUsize,
}

impl Room {
    /// For these tools; `None`: for all.
    pub(in super::super) fn new(limit: usize, tools: Option<Arc<[String]>>) -> Arc<Self> {
        Arc::new(Self { limit, used: AtomicUsize::new(0), tools })
    }

    /// Whether there is room for this tool at all.
    pub(in super::super) fn is_for(&self, tool: &str) -> bool {
        self.tools.as_ref().is_none_or(|tools| tools.iter().any(|other| other == tool))
    }

    /// What is kept of a call's arguments; takes it out of the message.
    pub(in super::super) fn arguments_of(&self, message: &mut Message) -> Captured {
        let tool = message.params.name.as_deref().filter(|_| message.method == Some(Method::ToolsCall));
        let wanted = tool.is_some_and(|tool| self.is_for(tool));
        let captured = message.captured.take().filter(|_| wanted);
        Captured { arguments: captured.and_then(|captured| captured.arguments), ..Captured::default() }
    }

    /// The number guards no other memory, so no ordering is needed.
    fn take(&self, bytes: usize) -> bool {
        let fits = |used: usize| used.checked_add(bytes).filter(|sum| *sum <= self.limit);
        self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_ok()
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.room.used.fetch_sub(*self.bytes.get_mut(), Ordering::Relaxed);
    }
}

impl Trace {
    /// Keeps what there is of the payload, each part if there is room for it.
    pub(in super::super) fn keep(&mut self, captured: Captured, room: &Arc<Room>) {
        let Captured { arguments, result, .. } = captured;
        for (kept, new) in [(&mut self.captured.arguments, arguments), (&mut self.captured.result, result)] {
            let Some(new) = new.filter(|new| room.take(new.len())) else { continue };
            let share = self.payload.get_or_insert_with(|| {
                Arc::new(Share { room: Arc::clone(room), bytes: AtomicUsize::new(0) })
            });
            share.bytes.fetch_add(new.len(), Ordering::Relaxed);
            *kept = Some(new);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(arguments: usize, result: usize) -> Captured {
        let bytes = |length| (length > 0).then(|| vec![b' '; length].into());
        Captured { arguments: bytes(arguments), result: bytes(result), ..Captured::default() }
    }

    #[test]
    fn payload_is_kept_while_there_is_room_and_room_comes_back_with_the_last_copy() {
        let room = Room::new(100, None);
        let ids = super::super::Ids::Random;
        let settings = super::super::Settings {
            propagate: super::super::Propagate::Off,
            trust: super::super::Trust::Ignore,
            threshold: crate::protocol::sampling::Threshold::NEVER,
            follow_parent: false,
            ids,
        };
        let begin = || settings.begin(super::super::Choice::default(), &mut None);
        let used = || room.used.load(Ordering::Relaxed);
        let (mut first, mut second) = (begin(), begin());
        first.keep(of(0, 0), &room);
        assert!(first.payload.is_none());
        first.keep(of(60, 0), &room);
        second.keep(of(41, 30), &room);
        assert_eq!((second.captured.arguments.is_none(), second.captured.result.is_some()), (true, true));
        first.keep(of(0, 11), &room);
        assert_eq!((first.captured.result.is_none(), used()), (true, 90));
        first.keep(of(0, 10), &room);
        let copy = first.clone();
        drop(first);
        assert_eq!(used(), 100);
        drop(copy);
        assert_eq!(used(), 30);
        drop(second);
        assert_eq!(used(), 0);
        let (all, one) = (Room::new(1, None), Room::new(1, Some(["a".to_owned()].into())));
        assert_eq!(
            ["a", "b"].map(|tool| (all.is_for(tool), one.is_for(tool))),
            [(true, true), (true, false)]
        );
    }
}
