//! What is done about the chunks of each direction.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
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
                let is_followed = pipe.client_message(message, line, edits.as_deref_mut());
                if let (Some(meter), Some(tool), true) = (meter, called(message), is_followed) {
                    meter.begin(tool, at);
                }
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
            match edited(&edits, &line) {
                Some(edited) => self.out.extend_from_slice(&edited),
                None => self.out.extend_from_slice(&line),
            }
            self.held = line;
            self.held.clear();
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

/// The line with these edits made in it, if there are any.
fn edited(edits: &[Edit], line: &[u8]) -> Option<Bytes> {
    let apply = || {
        let mut line = [Bytes::copy_from_slice(line)];
        splice::apply(edits, &mut line);
        let [line] = line;
        line
    };
    // A mistake there costs the context.
    (!edits.is_empty()).then(|| catch_unwind(AssertUnwindSafe(apply)).ok()).flatten()
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
    bytes: AtomicU64,
    under_way: AtomicBool,
}

impl LastOutput {
    pub(super) fn new(start: Instant) -> Arc<Self> {
        let (millis, bytes, under_way) = (AtomicU64::new(0), AtomicU64::new(0), AtomicBool::new(false));
        Arc::new(Self { start, millis, bytes, under_way })
    }

    /// When something was read or went on.
    pub(super) fn at(&self) -> Instant {
        self.start + Duration::from_millis(self.millis.load(Ordering::Acquire))
    }

    /// How much was read.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Acquire)
    }

    /// Whether the client has not taken all that was read.
    pub(super) fn is_under_way(&self) -> bool {
        self.under_way.load(Ordering::Acquire)
    }

    fn read(&self, count: usize, at: Instant) {
        self.under_way.store(true, Ordering::Release);
        self.bytes.fetch_add(count as u64, Ordering::Release);
        self.set(at);
    }

    fn passed(&self, at: Instant) {
        self.set(at);
        self.under_way.store(false, Ordering::Release);
    }

    fn set(&self, at: Instant) {
        let millis = at.saturating_duration_since(self.start).as_millis();
        self.millis.store(u64::try_from(millis).unwrap_or(u64::MAX), Ordering::Release);
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
        self.last.read(chunk.len(), at);
        let Captures { structured, text, .. } = self.inspection.pipe.captures();
        let result = self.inspection.settings.captures.result;
        self.inspection.reader.capture(Captures { arguments: 0, result, structured, text });
        self.inspection.read(chunk, at, &mut |pipe, found| match found {
            Found::Message(message, line) => pipe.server_message(message, line),
            Found::End(document) => pipe.line_end(document),
        });
        chunk
    }

    fn passed(&mut self) {
        self.last.passed(clock::now());
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
            last.read(chunk.len(), at);
        }
        chunk
    }

    fn passed(&mut self) {
        if let Some(last) = &self.0 {
            last.passed(clock::now());
        }
    }

    fn deadline(&self) -> Option<Instant> {
        None
    }

    fn release(&mut self) -> &[u8] {
        &[]
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use proptest::prelude::*;

    use super::*;
    use crate::exchange::event::{Event, Sink};
    use crate::exchange::trace::{Ids, NotWritten, Propagate, Trust};
    use crate::exchange::{self, Exchange};
    use crate::protocol::sampling::Threshold;

    #[derive(Default)]
    struct Log(Mutex<Vec<Event>>);

    impl Sink for Log {
        fn emit(&self, event: Event) {
            self.0.lock().expect("no panic").push(event);
        }
    }

    impl Log {
        fn count(&self, what: impl Fn(&Event) -> bool) -> usize {
            self.0.lock().expect("no panic").iter().filter(|event| what(event)).count()
        }
    }

    fn input(writes: bool) -> (Input, Arc<Log>) {
        let trace = exchange::trace::Settings {
            propagate: Propagate::Full,
            trust: Trust::Continue,
            threshold: Threshold::NEVER,
            follow_parent: true,
            ids: Ids::Random,
        };
        let log = Arc::new(Log::default());
        let settings = exchange::Settings { trace: Some(trace), ..exchange::Settings::default() };
        let pipe = Exchange::new(settings, Arc::clone(&log) as _).pipe(clock::now());
        let settings = Settings {
            command: Vec::new(),
            exit_wait: None,
            kill_wait: None,
            message_limit: 1 << 20,
            memory: 1 << 20,
            captures: Captures::NONE,
            writes,
        };
        (Input::new(pipe, &settings, None), log)
    }

    /// What goes on of these chunks, in the pieces in which it does; `late`: the time of what is held is over after each.
    fn passed(input: &mut Input, chunks: &[&[u8]], late: bool) -> Vec<Vec<u8>> {
        let mut out = Vec::new();
        for chunk in chunks {
            out.push(input.chunk(chunk, clock::now()).to_vec());
            if late && input.deadline().is_some() {
                out.push(input.release().to_vec());
            }
        }
        out.push(input.release().to_vec());
        out.retain(|piece| !piece.is_empty());
        out
    }

    const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a"}}"#;
    /// What is put behind the brace of `params`, but for the ids.
    const BEFORE: &str = r#""_meta":{"traceparent":""#;
    const WRITTEN: usize = BEFORE.len() + 55 + "\"},".len();

    /// The bytes without the contexts that were written, and how many there were.
    fn without_contexts(bytes: &[u8]) -> (Vec<u8>, usize) {
        let (mut plain, mut rest, mut count) = (Vec::new(), bytes, 0);
        while let Some(at) = memchr::memmem::find(rest, BEFORE.as_bytes()) {
            plain.extend_from_slice(&rest[..at]);
            rest = &rest[at + WRITTEN..];
            count += 1;
        }
        plain.extend_from_slice(rest);
        (plain, count)
    }

    #[test]
    fn whole_lines_carry_a_context_and_half_ones_wait_for_it() {
        let line = format!("{CALL}\n");
        let (head, tail) = line.split_at(20);
        let (mut input, log) = input(true);
        let out = passed(&mut input, &[head.as_bytes(), tail.as_bytes()], false);
        assert_eq!(out.len(), 1, "held until it was whole");
        assert_eq!(without_contexts(&out[0]), (line.clone().into_bytes(), 1));
        // Its time over, it goes on without.
        let out = passed(&mut input, &[head.as_bytes(), tail.as_bytes()], true);
        assert_eq!(out, [head.as_bytes(), tail.as_bytes()]);
        let too_large = |event: &Event| matches!(event, Event::NotWritten(NotWritten::TooLarge));
        assert_eq!(log.count(too_large), 1);
        // And the next one has one again.
        assert_eq!(without_contexts(&passed(&mut input, &[line.as_bytes()], true)[0]).1, 1);
    }

    #[test]
    fn a_long_line_is_held_up_to_its_bound_and_what_is_held_does_not_grow() {
        let (mut input, _log) = input(true);
        let chunk = vec![b' '; HOLD_SIZE / 2];
        assert!(input.chunk(&chunk, clock::now()).is_empty());
        assert_eq!(input.chunk(&chunk, clock::now()).len(), HOLD_SIZE);
        for _ in 0..10 {
            assert_eq!(input.chunk(&chunk, clock::now()).len(), chunk.len());
            assert!(input.held.is_empty());
        }
    }

    #[test]
    fn a_panic_costs_the_rest_of_the_line() {
        let (input, log) = input(false);
        let mut inspection = input.inspection;
        let messages = |inspection: &mut Inspection, chunk: &str, fails: bool| {
            let mut count = 0;
            inspection.read(chunk.as_bytes(), clock::now(), &mut |_, found| {
                assert!(!fails, "as a bug would");
                count += usize::from(matches!(found, Found::Message(..)));
            });
            count
        };
        assert_eq!(messages(&mut inspection, &format!("{CALL}\n{}", &CALL[..9]), true), 0);
        let internal = |event: &Event| matches!(event, Event::NotInspected(NotInspected::Internal));
        assert_eq!(log.count(internal), 1);
        // The rest of that line, and a whole one.
        assert_eq!(messages(&mut inspection, &format!("{}\n{CALL}\n", &CALL[9..]), false), 1);
    }

    fn any_line() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            4 => Just(CALL.as_bytes().to_vec()),
            1 => Just(format!("[{CALL},{CALL}]").into_bytes()),
            1 => Just(br#"{"jsonrpc":"2.0","id":1,"result":{}}"#.to_vec()),
            1 => Just(b"a log line".to_vec()),
            1 => Just(Vec::new()),
            1 => proptest::collection::vec(any::<u8>(), 0..60),
        ]
    }

    proptest! {
        /// Whatever passes in whatever pieces, and however long it takes: but for contexts it is what came.
        #[test]
        fn nothing_but_contexts_is_added(
            lines in proptest::collection::vec(any_line(), 0..12),
            cuts in proptest::collection::vec(0usize..1200, 0..10),
            late: bool,
            writes: bool,
        ) {
            let mut sent = lines.join(&b'\n');
            sent.extend_from_slice(if late { b"\n" } else { b"" });
            let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(sent.len())).collect();
            cuts.extend([0, sent.len()]);
            cuts.sort_unstable();
            let chunks: Vec<_> = cuts.windows(2).map(|pair| &sent[pair[0]..pair[1]]).collect();
            let (mut input, _log) = input(writes);
            let (plain, count) = without_contexts(&passed(&mut input, &chunks, late).concat());
            prop_assert_eq!(plain, sent);
            prop_assert!(writes || count == 0);
        }
    }
}
