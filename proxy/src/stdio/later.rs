//! Events that are recorded later: after the bytes that they are about were written.
//!
//! What the core concludes from a server's message must be concluded before the message goes on (`exchange::Pipe`). To
//! make metrics and spans of it takes longer, and nobody waits for that: the output thread keeps its events until it has
//! written.

use std::cell::Cell;
use std::sync::{Arc, Mutex, PoisonError};

use compact_str::CompactString;

use crate::clock;
use crate::exchange::event::{Event, OperationKind, Sink};

use super::usage::Meter;

thread_local! {
    /// Whether the events of this thread are kept.
    static KEEPS: Cell<bool> = const { Cell::new(false) };
}

/// Passes events on: on most threads at once, on one that keeps them when it says so.
pub struct Later {
    sink: Arc<dyn Sink>,
    meter: Option<Arc<Meter>>,
    /// Locked by the thread that keeps, and once at the end: that thread may then still wait for a client that does not
    /// read.
    kept: Mutex<Vec<Event>>,
}

impl Later {
    /// Passes events on to `sink`; ends of calls also to `meter`.
    #[must_use]
    pub fn new(sink: Arc<dyn Sink>, meter: Option<Arc<Meter>>) -> Self {
        Self { sink, meter, kept: Mutex::default() }
    }

    /// From now on the events of this thread are kept until [`Later::flush`].
    pub(super) fn keep_here() {
        KEEPS.set(true);
    }

    /// Passes on what was kept.
    pub fn flush(&self) {
        let kept = std::mem::take(&mut *self.kept.lock().unwrap_or_else(PoisonError::into_inner));
        kept.into_iter().for_each(|event| self.pass(event));
    }

    fn pass(&self, event: Event) {
        let tool = match (&self.meter, &event) {
            (Some(_), Event::OperationEnded(operation)) if operation.kind == OperationKind::Request => {
                operation.tool().map(CompactString::from)
            }
            _ => None,
        };
        self.sink.emit(event);
        // Afterwards, for what the call brought may have made its tool known.
        if let (Some(meter), Some(tool)) = (&self.meter, tool) {
            meter.end(&tool, clock::now());
        }
    }
}

impl Sink for Later {
    fn emit(&self, event: Event) {
        // A thread that is ending keeps nothing.
        if KEEPS.try_with(Cell::get).unwrap_or(false) {
            self.kept.lock().unwrap_or_else(PoisonError::into_inner).push(event);
        } else {
            self.pass(event);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::exchange::event::NotInspected;

    #[derive(Default)]
    struct Log(Mutex<Vec<String>>);

    impl Sink for Log {
        fn emit(&self, event: Event) {
            self.0.lock().expect("no test panics in here").push(format!("{event:?}"));
        }
    }

    #[test]
    fn events_wait_on_the_thread_that_keeps_them_and_on_no_other() {
        let log = Arc::new(Log::default());
        let later = Later::new(Arc::clone(&log) as Arc<dyn Sink>, None);
        let seen = || log.0.lock().expect("no test panics in here").len();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                Later::keep_here();
                later.emit(Event::Unmatched);
                later.emit(Event::NotInspected(NotInspected::Malformed));
                assert_eq!(seen(), 0);
                later.flush();
                assert_eq!(seen(), 2);
                later.flush();
                assert_eq!(seen(), 2);
                later.emit(Event::Unmatched);
            });
        });
        // What nobody passed on is there for who comes last.
        assert_eq!(seen(), 2);
        later.flush();
        assert_eq!(seen(), 3);
        later.emit(Event::Unmatched);
        assert_eq!(seen(), 4);
    }
}
