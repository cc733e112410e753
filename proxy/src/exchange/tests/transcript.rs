//! Transcripts: what passed, line by line, and the events that it must give.
//!
//! ```text
//! 0 A POST /mcp session=s1         opens exchange A at second 0 (session= version= method= name= last= caller=)
//! 0 A > {"jsonrpc":"2.0",…}        request body (an object, or an array for a batch), then its end
//! 0 A >! too_large                 the request body is not inspected
//! 0 A forward                      the request goes on to the server; shows what it is told
//! 0 A ids                          shows the ids for log lines
//! 1 A < 200 json                   response head (json, sse, untyped, other; session=)
//! 1 A < {"jsonrpc":"2.0",…}        a JSON body with its end, or one SSE event (id=e1 {…}, or id=e1 alone)
//! 1 A < endpoint /messages         an SSE event `endpoint`
//! 1 A < bytes                      bytes without a message: a comment
//! 1 A < garbage                    a JSON body or event that is no JSON (also: too_large, empty)
//! 1 A <! encoding                  the response is not inspected
//! 2 A end complete                 the end (complete, server, client, drained, none)
//! 2 A fail refused                 no response head (refused, timeout)
//! 9 expire                         time passes
//! 9 close                          the process ends
//! ```
//!
//! How a message is written, `reading.rs` says; how contexts are, `spans.rs`.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::clock;
use crate::exchange::event::{
    Direction, EndReason, Event, HttpRecord, NotInspected, Operation, OperationKind, Sink, Transport,
};
use crate::exchange::{AnswerShape, Connection, Exchange, Handle, HttpMethod, RequestHead, Settings, Sizes};
use crate::fault::TransportFailure;
use crate::protocol::fingerprint::fingerprint;
use crate::protocol::message::Document;
use crate::protocol::outcome::Ending;
use crate::protocol::sse::{EventName, SseEvent};

use super::reading::messages;
use super::spans::{Spans, contexts_of, log_ids, outgoing, show, show_http};

/// Keeps all events.
#[derive(Default)]
pub(super) struct Log(Mutex<Vec<Event>>);

impl Sink for Log {
    fn emit(&self, event: Event) {
        self.0.lock().expect("no test panics in here").push(event);
    }
}

impl Log {
    pub(super) fn take(&self) -> Vec<Event> {
        std::mem::take(&mut *self.0.lock().expect("no test panics in here"))
    }
}

/// Plays transcripts.
pub(super) struct Player {
    pub(super) exchange: Exchange,
    log: Arc<Log>,
    connection: Option<Connection>,
    handles: HashMap<String, (Handle, AnswerShape)>,
    pub(super) start: Instant,
    pub(super) balance: Balance,
}

/// What must add up, whatever happens.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Balance {
    pub(super) started: usize,
    pub(super) requests: usize,
    pub(super) opened: usize,
    pub(super) http: usize,
    pub(super) sessions: isize,
    /// Connections by client.
    connections: HashMap<String, isize>,
    pub(super) results: usize,
    pub(super) failures: usize,
    pub(super) faults: usize,
    pub(super) interim: usize,
    pub(super) spans: Spans,
}

impl Balance {
    fn count(&mut self, event: &Event) {
        self.spans.count(event);
        match event {
            Event::OperationStarted => self.started += 1,
            Event::OperationEnded(operation) if operation.kind == OperationKind::Request => {
                self.requests += 1;
                let (result, fault) = (operation.ending.result(), operation.ending.fault());
                self.results += usize::from(result.is_some());
                self.interim += usize::from(result.is_none());
                self.failures += usize::from(operation.ending != Ending::Success && result.is_some());
                self.faults += usize::from(fault.is_some());
            }
            Event::HttpEnded(_) => self.http += 1,
            Event::SessionStarted { .. } => self.sessions += 1,
            Event::SessionEnded(_) => self.sessions -= 1,
            Event::ConnectionOpened => *self.connections.entry("-".into()).or_default() += 1,
            Event::ConnectionIdentified { before, client } => {
                *self.connections.entry(name(before)).or_default() -= 1;
                *self.connections.entry(name(client)).or_default() += 1;
            }
            Event::ConnectionClosed { client } => *self.connections.entry(name(client)).or_default() -= 1,
            _ => {}
        }
    }
}

impl Player {
    pub(super) fn new(settings: Settings) -> Self {
        let log = Arc::new(Log::default());
        let exchange = Exchange::new(settings, Arc::clone(&log) as Arc<dyn Sink>);
        let connection = Some(exchange.connection());
        let (handles, start) = (HashMap::new(), clock::now());
        Self { exchange, log, connection, handles, start, balance: Balance::default() }
    }

    /// Plays a script.
    pub(super) fn run(&mut self, script: &str) {
        script.lines().map(str::trim).filter(|line| !line.is_empty()).for_each(|line| {
            self.step(line);
        });
    }

    /// Plays a script; the events, one a line, and what was asked for.
    pub(super) fn play(&mut self, script: &str) -> String {
        let mut all = String::new();
        for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let shown = self.step(line);
            let events = self.events();
            for line in shown.into_iter().chain(events.iter().filter_map(|event| self.render(event))) {
                let _ = writeln!(all, "{line}");
            }
        }
        all
    }

    /// What comes next comes on another connection; exchanges that are open keep theirs.
    pub(super) fn reconnect(&mut self) {
        self.connection = Some(self.exchange.connection());
    }

    /// The handle of an open exchange.
    pub(super) fn handle(&self, who: &str) -> Handle {
        self.handles[who].0.clone()
    }

    /// The events since the last call.
    pub(super) fn events(&mut self) -> Vec<Event> {
        let events = self.log.take();
        for event in &events {
            self.balance.count(event);
        }
        events
    }

    /// Ends everything and checks that it adds up.
    pub(super) fn finish(mut self) -> Balance {
        self.handles.clear();
        self.exchange.close(self.start + Duration::from_secs(1_000_000));
        assert_eq!(self.exchange.sizes(), Sizes::default(), "tables after the close");
        self.connection = None;
        self.events();
        let balance = self.balance;
        assert_eq!(balance.started, balance.requests, "each request ends once");
        assert_eq!(balance.opened, balance.http, "each HTTP exchange ends once");
        assert_eq!(balance.sessions, 0, "each session ends once");
        assert!(balance.connections.values().all(|count| *count == 0), "{:?}", balance.connections);
        assert_eq!(balance.results + balance.interim, balance.requests, "each request has one result");
        assert_eq!(balance.faults, balance.failures, "each failure has one fault");
        balance.spans.check();
        balance
    }

    pub(super) fn at(&self, seconds: &str) -> Instant {
        self.start + Duration::from_secs_f64(seconds.parse().expect("a line begins with seconds"))
    }

    /// Plays a line; what it asked for.
    fn step(&mut self, line: &str) -> Option<String> {
        let (seconds, rest) = line.split_once(' ').expect("seconds, then what");
        let at = self.at(seconds);
        match rest {
            "expire" => self.exchange.expire(at),
            "close" => self.exchange.close(at),
            rest => return self.exchange_step(rest, at),
        }
        None
    }

    fn exchange_step(&mut self, rest: &str, at: Instant) -> Option<String> {
        let mut words = rest.splitn(3, ' ');
        let (who, verb) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let what = words.next().unwrap_or_default();
        if matches!(verb, "GET" | "POST" | "DELETE") {
            self.open(who, verb, what, at);
            return None;
        }
        let (handle, shape) = self.handles.get(who).cloned().expect("an open exchange");
        match verb {
            "forward" => return Some(format!("{who} sends {}", outgoing(handle.forward(at).as_ref()))),
            "ids" => return Some(format!("{who} is {}", log_ids(handle.trace_ids()))),
            ">" => request(&handle, what, at),
            ">!" => handle.request_not_inspected(reason(what), at),
            "<" if what.starts_with(|sign: char| sign.is_ascii_digit()) => {
                let shape = head(&handle, what, at);
                self.handles.insert(who.into(), (handle, shape));
            }
            "<" => response(&handle, shape, what, at),
            "<!" => handle.response_not_inspected(reason(what), at),
            "fail" => handle.no_response(failure(what), at),
            "end" => handle.end(end_reason(what), at),
            other => panic!("no such verb: {other}"),
        }
        None
    }

    fn open(&mut self, who: &str, verb: &str, what: &str, at: Instant) {
        let method = match verb {
            "GET" => HttpMethod::Get,
            "POST" => HttpMethod::Post,
            _ => HttpMethod::Delete,
        };
        let connection = self.connection.as_ref().expect("not finished");
        let handle = head_of(method, what, |head| self.exchange.open(connection, head, at));
        self.balance.opened += 1;
        self.handles.insert(who.into(), (handle, AnswerShape::Other));
    }

    fn seconds(&self, at: Instant) -> f64 {
        at.saturating_duration_since(self.start).as_secs_f64()
    }

    /// An event as a line; what only adds up is left out.
    pub(super) fn render(&self, event: &Event) -> Option<String> {
        Some(match event {
            Event::OperationStarted
            | Event::ConnectionOpened
            | Event::ConnectionIdentified { .. }
            | Event::ConnectionClosed { .. } => return None,
            Event::HttpEnded(record) => return show_http(record, |at| self.seconds(at)),
            Event::OperationEnded(operation) => self.operation(operation),
            Event::SessionStarted { client } => format!("session of {} starts", name(client)),
            Event::SessionEnded(record) => format!(
                "session of {} ends after {} {} {} {}",
                name(&record.client),
                record.duration.as_secs_f64(),
                record.version.map_or("-", crate::protocol::version::Version::as_str),
                transport(record.transport),
                record.error_type
            )
            .trim_end()
            .to_owned(),
            Event::StreamEnded(record) => format!(
                "stream of {} quiet {}{}",
                record.events,
                record.longest_quiet.as_secs_f64(),
                if record.standing { " standing" } else { "" }
            ),
            Event::Catalogue(page) => format!(
                "tools{}{} {}",
                if page.first { " first" } else { "" },
                if page.last { " last" } else { "" },
                String::from_utf8_lossy(page.tools.as_deref().unwrap_or(b"too large"))
            ),
            Event::Server { server, version } => format!("server {} {}", server.name, version.as_str()),
            Event::NotInspected(reason) => format!("not inspected: {}", reason.as_str()),
            Event::Finding(finding) => format!("finding {}", finding.as_str()),
            Event::Unmatched => "unmatched".to_owned(),
            Event::ContextMalformed(carrier) => format!("malformed context in {}", carrier.as_str()),
            Event::NotWritten(reason) => format!("not written: {}", reason.as_str()),
        })
    }

    /// `[kind] [direction] method target ending start..end` and what is not as usual.
    fn operation(&self, operation: &Operation) -> String {
        let mut line = String::new();
        match operation.kind {
            OperationKind::Request => {}
            OperationKind::Notification => line.push_str("notification "),
            OperationKind::Task => line.push_str("task "),
        }
        if operation.direction == Direction::ToClient {
            line.push_str("to client ");
        }
        line.push_str(operation.method.as_str());
        if let Some(target) = &operation.target {
            let _ = write!(line, " {target}");
        }
        let _ = write!(line, " {}", ending(&operation.ending));
        let _ = write!(line, " {}..{}", self.seconds(operation.started), self.seconds(operation.ended));
        for (set, text) in [(operation.waited_for_client, " waited"), (operation.repeated, " repeated")] {
            if set {
                line.push_str(text);
            }
        }
        if let Some(trace) = &operation.trace {
            let _ = write!(line, " | {}", show(trace, |at| self.seconds(at)));
        }
        line
    }
}

/// Opens with the head that the text says: the target, then headers.
pub(super) fn head_of<T>(method: HttpMethod, text: &str, open: impl FnOnce(&RequestHead<'_>) -> T) -> T {
    let words: Vec<_> = text.split(' ').collect();
    let options: HashMap<_, _> = words.iter().filter_map(|word| word.split_once('=')).collect();
    let header = |name: &str| options.get(name).map(|value| value.as_bytes());
    contexts_of(&words, |context| {
        open(&RequestHead {
            method,
            target: words[0],
            session: header("session"),
            protocol_version: header("version"),
            mcp_method: header("method"),
            mcp_name: header("name"),
            last_event_id: header("last"),
            caller: header("caller"),
            context,
        })
    })
}

pub(super) fn name(client: &crate::exchange::event::Client) -> String {
    client.info.as_ref().map_or("-".into(), |info| info.name.to_string())
}

pub(super) const fn transport(transport: Transport) -> &'static str {
    match transport {
        Transport::StreamableHttp => "http",
        Transport::HttpSse => "sse",
        Transport::Stdio => "stdio",
    }
}

fn ending(ending: &Ending) -> String {
    match ending {
        Ending::Success => "success".into(),
        Ending::Interim(interim) => interim.as_str().into(),
        Ending::RpcError { code, status } => {
            format!("rpc {} on {}", code.unwrap_or_default(), status.unwrap_or_default())
        }
        Ending::HttpError { status, session_lost } => {
            format!("http {status}{}", if *session_lost { " session lost" } else { "" })
        }
        Ending::SessionClosed { by_server } => {
            format!("session closed by {}", if *by_server { "server" } else { "client" })
        }
        Ending::Cancelled => "cancelled".into(),
        Ending::Abandoned => "abandoned".into(),
        other => other.error_type().into(),
    }
}

fn reason(text: &str) -> NotInspected {
    NotInspected::ALL.into_iter().find(|reason| reason.as_str() == text).expect("a reason")
}

fn failure(text: &str) -> TransportFailure {
    match text {
        "refused" => TransportFailure::Refused,
        "timeout" => TransportFailure::Timeout,
        other => panic!("no such failure: {other}"),
    }
}

fn end_reason(text: &str) -> EndReason {
    match text {
        "complete" => EndReason::Complete,
        "server" => EndReason::ServerError,
        "client" => EndReason::ClientGone,
        "drained" => EndReason::Drained,
        "none" => EndReason::NoResponse,
        other => panic!("no such end: {other}"),
    }
}

fn request(handle: &Handle, json: &str, at: Instant) {
    let document = match json {
        "garbage" => Document::Malformed,
        "too_large" => Document::TooLarge,
        json => {
            let (messages, document) = messages(json);
            messages.into_iter().for_each(|message| handle.request_message(message, at));
            document
        }
    };
    handle.request_end(document, at);
}

fn head(handle: &Handle, what: &str, at: Instant) -> AnswerShape {
    let words: Vec<&str> = what.split(' ').collect();
    let shape = match words.get(1) {
        Some(&"json") => AnswerShape::Json,
        Some(&"sse") => AnswerShape::EventStream,
        Some(&"untyped") => AnswerShape::Untyped,
        _ => AnswerShape::Other,
    };
    let session = words.iter().find_map(|word| word.strip_prefix("session=")).map(str::as_bytes);
    handle.response_head(words[0].parse().expect("a status"), shape, session, at);
    shape
}

fn response(handle: &Handle, shape: AnswerShape, what: &str, at: Instant) {
    handle.response_bytes(at);
    if what == "bytes" {
        return;
    }
    let (id, data) = match what.strip_prefix("id=") {
        Some(rest) => rest.split_once(' ').map_or((Some(rest), "empty"), |(id, data)| (Some(id), data)),
        None => (None, what),
    };
    let endpoint = data.strip_prefix("endpoint").map(str::trim_start);
    let document = match data {
        "garbage" => Document::Malformed,
        "truncated" => Document::Truncated,
        "too_large" => Document::TooLarge,
        "empty" => Document::Empty,
        _ if endpoint.is_some() => Document::Malformed,
        json => {
            let (messages, document) = messages(json);
            messages.into_iter().for_each(|message| handle.response_message(message, at));
            document
        }
    };
    if shape == AnswerShape::EventStream {
        let event = SseEvent {
            name: if endpoint.is_some() { EventName::Endpoint } else { EventName::Message },
            id: id.map(|id| fingerprint(id.as_bytes())),
            data: data != "empty",
            has_data_field: true,
            ..SseEvent::default()
        };
        handle.response_event(&event, document, endpoint.map(str::as_bytes), at);
    } else {
        handle.response_end(document, at);
    }
}

/// Plays a transcript with these settings and compares the events, line by line.
pub(super) fn check_with(settings: Settings, title: &str, script: &str, expected: &str) {
    let mut player = Player::new(settings);
    same(&player.play(script), expected, title);
    player.finish();
}

/// Compares events line by line.
pub(super) fn same(events: &str, expected: &str, title: &str) {
    let expected: String = expected.lines().map(str::trim).filter(|line| !line.is_empty()).fold(
        String::new(),
        |mut all, line| {
            let _ = writeln!(all, "{line}");
            all
        },
    );
    assert_eq!(events, expected, "{title}");
}

/// Plays transcripts with the default settings: (title, script, events).
pub(super) fn check(cases: &[(&str, &str, &str)]) {
    for (title, script, expected) in cases {
        check_with(Settings::default(), title, script, expected);
    }
}

/// The records of the HTTP exchanges of a script.
pub(super) fn http_records(script: &str) -> Vec<HttpRecord> {
    let mut player = Player::new(Settings::default());
    player.run(script);
    let records = player.events().into_iter().filter_map(|event| match event {
        Event::HttpEnded(record) => Some(record),
        _ => None,
    });
    let records = records.collect();
    player.finish();
    records
}

/// The operations of a script.
pub(super) fn operations(script: &str) -> Vec<Operation> {
    let mut player = Player::new(Settings::default());
    player.run(script);
    let operations = player.events().into_iter().filter_map(|event| match event {
        Event::OperationEnded(operation) => Some(*operation),
        _ => None,
    });
    let operations = operations.collect();
    player.finish();
    operations
}
