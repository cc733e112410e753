//! How many spans a collector refused though it took their batch.
//!
//! The library tells partial successes by nothing but an event of its own log. A layer of the subscriber reads the
//! number from it, on the thread that exports, and sees no other event. Our own log does not show these events.

use std::cell::Cell;
use std::fmt;

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

/// The target of the library's events.
const LIBRARY: &str = "opentelemetry-otlp";
/// The end of the events' names, whatever the protocol.
const EVENT: &str = ".PartialSuccess";
/// The field with the number.
const FIELD: &str = "rejected_spans";

thread_local! {
    /// Of the export that this thread is at.
    static REJECTED: Cell<u64> = const { Cell::new(0) };
}

/// The layer; to be registered once, beside that of the log.
pub fn rejections<S>() -> impl Layer<S>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    Rejections.with_filter(Targets::new().with_target(LIBRARY, Level::WARN))
}

/// What was refused since the last call on this thread.
pub(super) fn take() -> usize {
    usize::try_from(REJECTED.take()).unwrap_or(usize::MAX)
}

struct Rejections;

impl<S: Subscriber> Layer<S> for Rejections {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().name().ends_with(EVENT) {
            event.record(&mut Number);
        }
    }
}

/// Adds the number up, if that is what it is: collectors may say anything.
struct Number;

impl Visit for Number {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.record_u64(field, u64::try_from(value).unwrap_or(0));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == FIELD {
            REJECTED.set(REJECTED.get().saturating_add(value));
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}
