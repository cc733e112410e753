//! The ledger: whatever the mix of exchanges and faults, everything that began ends once, and the parts sum up.
//!
//! Thousands of exchanges with faults at random points, from fixed seeds, so that a failure can be played again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::reading::messages;
use super::spans::traced;
use super::transcript::{Log, Player, head_of};
use crate::clock;
use crate::exchange::event::{EndReason, Event, HttpRecord, NotInspected, Operation, OperationKind, Sink};
use crate::exchange::trace::{Propagate, Trust};
use crate::exchange::{AnswerShape, Connection, Exchange, Handle, HttpMethod, Settings, Sizes};
use crate::fault::TransportFailure;
use crate::protocol::fingerprint::fingerprint;
use crate::protocol::message::Document;
use crate::protocol::sse::{EventName, SseEvent};

/// A small generator of random numbers (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }
}

/// An open exchange of the mix.
struct Running {
    handle: Handle,
    shape: AnswerShape,
}

const TARGETS: [&str; 8] = [
    "/mcp version=2025-11-25 last=e1",
    "/mcp last=e2",
    "/mcp last=e1",
    "/mcp",
    "/mcp session=s1",
    "/mcp session=s2",
    "/m1",
    "/mcp version=2026-07-28 method=tools/call name=echo traceparent=7.5.01",
];

const REQUESTS: [&str; 14] = [
    "call 1 echo",
    "call 2 echo",
    r#"modern 1 tools/call {"name":"echo"}"#,
    r#"modern 1 tools/call {"name":"echo","requestState":"s"}"#,
    "modern 3 subscriptions/listen",
    r#"request 0 initialize {"clientInfo":{"name":"i","version":"1"}}"#,
    "call 1 a ; call 2 b ; call 2 c ; notify notifications/progress",
    r#"notify notifications/cancelled {"requestId":1}"#,
    "result 1",
    "error 2 -32601",
    r#"request 4 tools/call {"name":"t","task":{}}"#,
    r#"modern 5 tasks/get {"taskId":"t"}"#,
    "request 6 tools/list @8.6.01",
    r#"{"not":"mcp"}"#,
];

const ANSWERS: [&str; 17] = [
    "result 1",
    "result 2",
    "result 0",
    "error null -32603",
    "error 1 -32602",
    r#"result 1 {"isError":true}"#,
    "result 1 ; result 2",
    r#"result 1 {"resultType":"input_required","requestState":"s"}"#,
    r#"result 1 {"resultType":"task","taskId":"t","status":"working"}"#,
    r#"result 4 {"task":{"taskId":"t","status":"working"}}"#,
    r#"result 5 {"taskId":"t","status":"completed"}"#,
    r#"notify notifications/tasks {"taskId":"t","status":"failed"}"#,
    "notify notifications/subscriptions/acknowledged",
    "request 1 elicitation/create",
    r#"notify notifications/cancelled {"requestId":1}"#,
    r#"result 6 {"tools":[]}"#,
    r#"{"foreign":1}"#,
];

const ENDS: [EndReason; 5] = [
    EndReason::Complete,
    EndReason::ServerError,
    EndReason::ClientGone,
    EndReason::NoResponse,
    EndReason::Drained,
];

fn open(exchange: &Exchange, connection: &Connection, random: &mut Random, at: Instant) -> Running {
    let method = random.pick(&[
        HttpMethod::Post,
        HttpMethod::Post,
        HttpMethod::Post,
        HttpMethod::Get,
        HttpMethod::Delete,
    ]);
    let target = random.pick(&TARGETS);
    let handle = head_of(method, target, |head| exchange.open(connection, head, at));
    Running { handle, shape: AnswerShape::Other }
}

/// Something happens to an exchange; whether it was its end.
fn step(running: &mut Running, random: &mut Random, at: Instant) -> bool {
    let handle = &running.handle;
    match random.below(13) {
        0..=2 => {
            let (messages, document) = messages(random.pick(&REQUESTS));
            messages.into_iter().for_each(|message| handle.request_message(message, at));
            handle.request_end(document, at);
        }
        3 => handle.request_not_inspected(random.pick(&NotInspected::ALL), at),
        4..=5 => {
            let status = random.pick(&[200, 200, 200, 200, 202, 307, 400, 401, 404, 429, 500]);
            let shape = random.pick(&[
                AnswerShape::Json,
                AnswerShape::EventStream,
                AnswerShape::Untyped,
                AnswerShape::Other,
            ]);
            let session: Option<&[u8]> = random.pick(&[None, Some(b"s1"), Some(b"s2")]);
            handle.response_head(status, shape, session, at);
            running.shape = shape;
        }
        6..=8 => {
            handle.response_bytes(at);
            let (messages, document) = messages(random.pick(&ANSWERS));
            messages.into_iter().for_each(|message| handle.response_message(message, at));
            answered(running, random, document, at);
        }
        12 => drop(handle.forward(at)),
        9 => handle.response_not_inspected(random.pick(&NotInspected::ALL), at),
        10 if random.below(4) == 0 => handle.no_response(TransportFailure::Refused, at),
        _ => {
            if random.below(5) > 0 {
                handle.end(random.pick(&ENDS), at);
                let late = messages(random.pick(&REQUESTS)).0.into_iter();
                late.take(random.below(3)).for_each(|message| handle.request_message(message, at));
            }
            return true;
        }
    }
    false
}

fn answered(running: &Running, random: &mut Random, document: Document, at: Instant) {
    let document =
        random.pick(&[document, document, Document::Truncated, Document::Malformed, Document::TooLarge]);
    if running.shape != AnswerShape::EventStream {
        return running.handle.response_end(document, at);
    }
    let endpoint = random.below(4) == 0;
    let event = SseEvent {
        name: if endpoint { EventName::Endpoint } else { EventName::Message },
        id: random.pick(&[None, Some(fingerprint(b"e1")), Some(fingerprint(b"e2"))]),
        ..SseEvent::default()
    };
    running.handle.response_event(&event, document, endpoint.then_some(b"/m1"), at);
}

/// Plays a mix on one thread.
fn mix(exchange: &Exchange, start: Instant, seed: u64, steps: u64) -> usize {
    let mut random = Random(seed);
    let connections = [exchange.connection(), exchange.connection()];
    let (mut running, mut opened) = (Vec::<Running>::new(), 0);
    for step_number in 0..steps {
        let at = start + Duration::from_millis(step_number * 100);
        if running.len() < 20 && random.below(4) == 0 {
            let connection = &connections[random.below(2)];
            running.push(open(exchange, connection, &mut random, at));
            opened += 1;
        }
        if !running.is_empty() {
            let place = random.below(running.len());
            if step(&mut running[place], &mut random, at) {
                running.swap_remove(place);
            }
        }
        if random.below(50) == 0 {
            exchange.expire(at);
        }
    }
    opened
}

/// All settings that a mix is played with: with and without bounds that it reaches, with and without traces.
fn all_settings() -> [Settings; 4] {
    let plain = Settings::default;
    [
        plain(),
        small(plain()),
        traced(Propagate::Full, Trust::Continue),
        small(traced(Propagate::Header, Trust::Link)),
    ]
}

fn small(settings: Settings) -> Settings {
    Settings {
        operations_per_exchange: 8,
        open: 12,
        parked: 4,
        server_requests: 2,
        sessions: 1,
        channels: 1,
        tasks: 1,
        clients: 1,
        park_wait: Duration::from_secs(20),
        answer_wait: Duration::from_secs(60),
        session_idle: Duration::from_secs(10),
        task_ttl: Duration::from_secs(10),
        ..settings
    }
}

#[test]
fn everything_that_begins_ends_once_and_the_parts_sum_up() {
    let mut requests = 0;
    for seed in 0..40 {
        let settings = all_settings()[seed as usize % 4].clone();
        let makes_traces = settings.trace.is_some();
        let mut player = Player::new(settings);
        player.balance.opened = mix(&player.exchange, player.start, seed, 3000);
        player.exchange.expire(player.start + Duration::from_secs(48 * 3600));
        let left = Sizes { clients: 0, ..player.exchange.sizes() };
        assert_eq!(left, Sizes::default(), "seed {seed}: what nobody waits for any more");
        let balance = player.finish();
        assert!(balance.failures > 0 && balance.interim > 0, "seed {seed}: {balance:?}");
        let spans = balance.spans.len();
        assert!(
            if makes_traces { spans > 2 * balance.requests } else { spans == 0 },
            "seed {seed}: {spans} spans"
        );
        requests += balance.requests;
    }
    assert!(requests > 10_000, "a mix worth its name: {requests}");
}

/// What a mix tells, but for what is only told where traces are made, or depends on chance.
fn told(settings: Settings, start: Instant, seed: u64) -> Vec<String> {
    let log = Arc::new(Log::default());
    let exchange = Exchange::new(settings, Arc::clone(&log) as Arc<dyn Sink>);
    mix(&exchange, start, seed, 3000);
    exchange.close(start + Duration::from_secs(1000));
    let mut told: Vec<_> = log
        .take()
        .into_iter()
        .filter_map(|event| match event {
            // How calls are told apart as repeated depends on a random hash, as does the key of a listing.
            Event::OperationEnded(operation) => {
                Some(format!("{:?}", Operation { trace: None, repeated: false, ..*operation }))
            }
            Event::HttpEnded(record) => Some(format!("{:?}", HttpRecord { trace: None, ..record })),
            Event::Catalogue(_) | Event::ContextMalformed(_) | Event::NotWritten(_) => None,
            other => Some(format!("{other:?}")),
        })
        .collect();
    // What ends together ends in any order.
    told.sort_unstable();
    told
}

// The clock stands still: those that are dropped ask it for their end.
#[tokio::test(start_paused = true)]
async fn traces_change_nothing_that_is_told_of_exchanges() {
    let start = clock::now();
    for seed in 0..20 {
        let [off, off_small, on, on_small] = all_settings();
        for (off, on) in [(off, on), (off_small, on_small)] {
            let (off, on) = (told(off, start, seed), told(on, start, seed));
            assert!(off.len() > 1000);
            let differs = off.iter().zip(&on).find(|(off, on)| off != on);
            assert!(differs.is_none() && off.len() == on.len(), "seed {seed}: {differs:?}");
        }
    }
}

#[test]
fn the_ledger_holds_when_exchanges_meet_on_several_threads() {
    for round in 0..10 {
        let settings = all_settings()[round as usize % 4].clone();
        let mut player = Player::new(settings);
        let (exchange, start) = (&player.exchange, player.start);
        player.balance.opened = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|thread| scope.spawn(move || mix(exchange, start, round * 10 + thread, 2000)))
                .collect();
            threads.into_iter().map(|thread| thread.join().expect("no panic in a mix")).sum()
        });
        player.finish();
    }
}

#[test]
fn a_request_that_several_exchanges_see_end_is_counted_once() {
    /// Counts requests.
    #[derive(Default)]
    struct Requests(std::sync::atomic::AtomicUsize);

    impl Sink for Requests {
        fn emit(&self, event: Event) {
            if matches!(event, Event::OperationEnded(operation) if operation.kind == OperationKind::Request) {
                self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            }
        }
    }

    let sink = Arc::new(Requests::default());
    let exchange = Exchange::new(Settings::default(), Arc::clone(&sink) as Arc<dyn Sink>);
    let (connection, at) = (exchange.connection(), clock::now());
    const ROUNDS: usize = 300;
    for _ in 0..ROUNDS {
        let post = head_of(HttpMethod::Post, "/mcp session=s1", |head| exchange.open(&connection, head, at));
        messages("call 1 echo").0.into_iter().for_each(|message| post.request_message(message, at));
        std::thread::scope(|scope| {
            // The answer comes on the GET stream, while the POST breaks, the session ends and time passes.
            scope.spawn(|| {
                let get =
                    head_of(HttpMethod::Get, "/mcp session=s1", |head| exchange.open(&connection, head, at));
                get.response_head(200, AnswerShape::EventStream, None, at);
                messages("result 1").0.into_iter().for_each(|message| get.response_message(message, at));
            });
            scope.spawn(|| post.end(EndReason::ClientGone, at));
            scope.spawn(|| {
                let delete = head_of(HttpMethod::Delete, "/mcp session=s1", |head| {
                    exchange.open(&connection, head, at)
                });
                delete.response_head(200, AnswerShape::Other, None, at);
            });
            scope.spawn(|| exchange.expire(at + Duration::from_secs(400)));
        });
    }
    exchange.close(at);
    assert_eq!(exchange.sizes(), Sizes::default());
    assert_eq!(sink.0.load(std::sync::atomic::Ordering::Relaxed), ROUNDS);
}
