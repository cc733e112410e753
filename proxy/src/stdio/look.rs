//! What is done about the chunks of each direction.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::clock;
use crate::exchange::Pipe;
use crate::exchange::event::NotInspected;
use crate::protocol::message::{Message, MessageKind};
use crate::protocol::method::Method;
use crate::protocol::scan::Captures;
use crate::protocol::splice::{self, Edit};

use super::later::Later;
use super::pump::Look;
use super::reader::{Found, Reader};
use super::usage::Meter;
use super::{HOLD_SIZE, HOLD_TIME, Settings};

/// How far a direction is read; what goes wrong in reading is caught here.
struct Inspection {
    reader: Reader,
    pipe: Pipe,
    settings: Settings,
    places: bool,
    /// The rest of a line is not read, for reading it failed.
    blind: bool,
}

impl Inspection {
    fn new(pipe: Pipe, settings: &Settings, places: bool) -> Self {
        let reader = Reader::new(settings.message_limit, settings.memory, places);
        Self { reader, pipe, settings: settings.clone(), places, blind: false }
    }

    fn read(&mut self, chunk: &[u8], at: Instant, found: &mut impl FnMut(&Pipe, Found<'_>)) {
        let mut chunk = chunk;
        if self.blind {
            let Some(end) = memchr::memchr(b'\n', chunk) else { return };
            chunk = &chunk[end + 1..];
            self.blind = false;
        }
        let (reader, pipe) = (&mut self.reader, &self.pipe);
        let read = || reader.read(chunk, at, &mut |item| found(pipe, item));
        if catch_unwind(AssertUnwindSafe(read)).is_err() {
            self.pipe.not_inspected(NotInspected::Internal);
            // What the panic left of the reader is not used again.
            self.reader = Reader::new(self.settings.message_limit, self.settings.memory, self.places);
            self.blind = chunk.last() != Some(&b'\n');
        }
    }
}

/// From the client to the server.
pub(super) struct Input {
    inspection: Inspection,
    meter: Option<Arc<Meter>>,
    /// Whether lines are held to write into them.
    writes: bool,
    held: Vec<u8>,
    until: Option<Instant>,
    /// Part of the present line went on already.
    begun: bool,
    /// What goes on in place of the chunk.
    out: Vec<u8>,
}

impl Input {
    pub(super) fn new(pipe: Pipe, settings: &Settings, meter: Option<Arc<Meter>>) -> Self {
        let mut inspection = Inspection::new(pipe, settings, settings.writes);
        inspection.reader.capture(settings.captures);
        Self {
            inspection,
            meter,
            writes: settings.writes,
            held: Vec::new(),
            until: None,
            begun: false,
            out: Vec::new(),
        }
    }

    /// Reads part of a line, or all of it. What is to be written into the line is added to `edits`, if it may be.
    fn read(&mut self, part: &[u8], at: Instant, mut edits: Option<&mut Vec<Edit>>) {
        let meter = self.meter.as_deref();
        self.inspection.read(part, at, &mut |pipe, found| match found {
            Found::Message(message, line) => {
                if let (Some(meter), Some(tool)) = (meter, called(message)) {
                    meter.begin(tool, at);
                }
                pipe.client_message(message, line, edits.as_deref_mut());
            }
            Found::End(document) => pipe.line_end(document),
        });
    }

    /// One line or the beginning of one; adds to `out` what goes on.
    fn part(&mut self, part: &[u8], at: Instant) {
        let whole = part.ends_with(b"\n");
        if self.begun {
            self.read(part, at, None);
            self.out.extend_from_slice(part);
            self.begun = !whole;
            return;
        }
        let mut edits = Vec::new();
        self.read(part, at, Some(&mut edits));
        self.held.extend_from_slice(part);
        if whole {
            self.until = None;
            let line = std::mem::take(&mut self.held);
            if edits.is_empty() {
                self.out.extend_from_slice(&line);
                self.held = line;
                self.held.clear();
            } else {
                let mut line = [Bytes::from(line)];
                splice::apply(&edits, &mut line);
                self.out.extend_from_slice(&line[0]);
            }
        } else if self.held.len() >= HOLD_SIZE {
            self.let_go();
        } else {
            self.until.get_or_insert(at + HOLD_TIME);
        }
    }

    /// The beginning of a line goes on before its end is there.
    fn let_go(&mut self) {
        self.until = None;
        self.begun |= !self.held.is_empty();
        self.out.append(&mut self.held);
    }
}

impl Look for Input {
    fn chunk<'a>(&'a mut self, chunk: &'a [u8], at: Instant) -> &'a [u8] {
        if !self.writes {
            self.read(chunk, at, None);
            return chunk;
        }
        self.out.clear();
        chunk.split_inclusive(|byte| *byte == b'\n').for_each(|part| self.part(part, at));
        &self.out
    }

    fn passed(&mut self) {
        if let Some(meter) = &self.meter {
            meter.passed(clock::now());
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.until
    }

    fn release(&mut self) -> &[u8] {
        self.out.clear();
        self.let_go();
        &self.out
    }
}

/// The tool that a message calls.
fn called(message: &Message) -> Option<&str> {
    let is_call = message.kind == MessageKind::Request && message.method == Some(Method::ToolsCall);
    is_call.then(|| message.params.name.as_deref().unwrap_or_default())
}

/// From the server to the client. Drop it on its own thread: then what it kept is recorded.
pub(super) struct Output {
    inspection: Inspection,
    later: Arc<Later>,
    last: Arc<LastOutput>,
}

/// When the server last wrote, for who waits for its end.
pub(super) struct LastOutput {
    start: Instant,
    millis: AtomicU64,
}

impl LastOutput {
    pub(super) fn new(start: Instant) -> Arc<Self> {
        Arc::new(Self { start, millis: AtomicU64::new(0) })
    }

    pub(super) fn at(&self) -> Instant {
        self.start + Duration::from_millis(self.millis.load(Ordering::Relaxed))
    }

    fn set(&self, at: Instant) {
        let millis = at.saturating_duration_since(self.start).as_millis();
        self.millis.store(u64::try_from(millis).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

impl Output {
    /// To be called on the thread that uses it.
    pub(super) fn new(pipe: Pipe, settings: &Settings, later: Arc<Later>, last: Arc<LastOutput>) -> Self {
        Later::keep_here();
        Self { inspection: Inspection::new(pipe, settings, false), later, last }
    }
}

impl Look for Output {
    fn chunk<'a>(&'a mut self, chunk: &'a [u8], at: Instant) -> &'a [u8] {
        let Captures { structured, text, .. } = self.inspection.pipe.captures();
        let result = self.inspection.settings.captures.result;
        self.inspection.reader.capture(Captures { arguments: 0, result, structured, text });
        self.inspection.read(chunk, at, &mut |pipe, found| match found {
            Found::Message(message, line) => pipe.server_message(message, line),
            Found::End(document) => pipe.line_end(document),
        });
        self.last.set(at);
        chunk
    }

    fn passed(&mut self) {
        self.later.flush();
    }

    fn deadline(&self) -> Option<Instant> {
        None
    }

    fn release(&mut self) -> &[u8] {
        &[]
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        self.later.flush();
    }
}

/// A direction that is only passed on.
pub(super) struct Blind(pub(super) Option<Arc<LastOutput>>);

impl Look for Blind {
    fn chunk<'a>(&'a mut self, chunk: &'a [u8], at: Instant) -> &'a [u8] {
        if let Some(last) = &self.0 {
            last.set(at);
        }
        chunk
    }

    fn passed(&mut self) {}

    fn deadline(&self) -> Option<Instant> {
        None
    }

    fn release(&mut self) -> &[u8] {
        &[]
    }
}
