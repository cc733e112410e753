//! No span that is exported hangs below one of ours that is not, whatever the contexts, the settings and the outcomes;
//! and what happened on the leg to the server lies, in order, within the operation.

use std::collections::HashSet;
use std::sync::Mutex;

use opentelemetry::trace::{SpanId, SpanKind};
use opentelemetry_sdk::trace::SpanData;

use super::*;
use crate::exchange::event::{Event, NotInspected, Sink};
use crate::exchange::trace::{self, ContextHeaders, Ids, Propagate, Trust};
use crate::exchange::{AnswerShape, Connection, Exchange, HttpMethod, RequestHead};
use crate::protocol::message::{Document, Message};
use crate::protocol::scan::Scanner;
use crate::protocol::sse::{EventName, SseEvent};
use crate::telemetry::traces::sample::Sampler;
use crate::telemetry::traces::span::build;
use crate::telemetry::traces::{Decision, Ended, Kept, Moment};

/// A small generator of random numbers (splitmix64).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((bits ^ (bits >> 31)) % limit as u64) as usize
    }

    fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }
}

#[derive(Default)]
struct Log(Mutex<Vec<Event>>);

impl Sink for Log {
    fn emit(&self, event: Event) {
        self.0.lock().expect("no test panics in here").push(event);
    }
}

fn read(json: &str) -> (Vec<Message>, Document) {
    let mut scanner = Scanner::new(u64::MAX);
    scanner.places(true);
    let mut messages = Vec::new();
    scanner.feed(json.as_bytes(), &mut |message| messages.push(message));
    (messages, scanner.finish())
}

/// A context of somebody else, sampled or not, or something that is none.
fn context(random: &mut Random) -> Option<(String, String)> {
    let flags = ["00", "01", "02", "03"][random.below(4)];
    let state = random.pick(&["", "ot=rv:ffffffffffffff", "ot=th:8;rv:00000000000000", "x=1"]);
    match random.below(6) {
        0..=1 => None,
        2 => Some(("none".to_owned(), String::new())),
        number => Some((format!("00-{:032x}-{number:016x}-{flags}", random.0), (*state).to_owned())),
    }
}

fn meta(random: &mut Random) -> String {
    match context(random) {
        None => "{}".to_owned(),
        Some((parent, state)) => format!(r#"{{"traceparent":"{parent}","tracestate":"{state}"}}"#),
    }
}

fn request(random: &mut Random, id: usize) -> String {
    let (meta, method) = (meta(random), random.pick(&["tools/call", "tools/call", "ping", "tools/list"]));
    let params = format!(r#"{{"name":"a","task":{{}},"_meta":{meta}}}"#);
    match random.below(7) {
        0 => format!(r#"{{"jsonrpc":"2.0","method":"notifications/progress","params":{params}}}"#),
        1 => {
            let params = format!(r#"{{"requestId":{id}}}"#);
            format!(r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{params}}}"#)
        }
        _ => format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{params}}}"#),
    }
}

/// Something that the server sends on the stream of a call.
fn reply(random: &mut Random) -> String {
    let id = random.below(3);
    match random.below(7) {
        0 => {
            let (id, meta) = (90 + random.below(2), meta(random));
            let params = format!(r#"{{"_meta":{meta}}}"#);
            format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"elicitation/create","params":{params}}}"#)
        }
        1 => format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":-32603,"message":"x"}}}}"#),
        2 => format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"isError":true}}}}"#),
        3..=4 => {
            let task = random.below(3);
            format!(
                r#"{{"jsonrpc":"2.0","id":{id},"result":{{"task":{{"taskId":"t{task}","status":"working"}}}}}}"#
            )
        }
        5 => {
            let (task, status) = (random.below(3), random.pick(&["completed", "failed"]));
            let params = format!(r#"{{"taskId":"t{task}","status":"{status}"}}"#);
            format!(r#"{{"jsonrpc":"2.0","method":"notifications/tasks/status","params":{params}}}"#)
        }
        _ => format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{}}}}"#),
    }
}

/// One exchange with anything that can happen to it; seconds pass in it.
fn play(exchange: &Exchange, connection: &Connection, random: &mut Random, start: Instant) {
    let mut at = start;
    let (header, session) = (context(random), random.below(4) > 0);
    let (parent, state) = header.unwrap_or_default();
    let mut contexts = ContextHeaders { http_version: "1.1", ..ContextHeaders::default() };
    if !parent.is_empty() {
        contexts.traceparent.push(parent.as_bytes());
        contexts.tracestate.push(state.as_bytes());
    }
    let head = RequestHead {
        method: *random.pick(&[HttpMethod::Post, HttpMethod::Post, HttpMethod::Post, HttpMethod::Get]),
        target: "/mcp",
        session: session.then_some(&b"s"[..]),
        protocol_version: Some(b"2025-11-25"),
        mcp_method: None,
        mcp_name: None,
        last_event_id: None,
        caller: None,
        context: contexts,
    };
    let handle = exchange.open(connection, &head, at);
    let early = random.below(3) == 0;
    if early {
        drop(handle.forward(at));
    }
    let id = random.below(3);
    let body = match random.below(5) {
        0 => format!("[{},{}]", request(random, 0), request(random, 1)),
        1 => r#"{"jsonrpc":"2.0","id":90,"result":{}}"#.to_owned(),
        _ => request(random, id),
    };
    let (messages, document) = read(&body);
    messages.into_iter().for_each(|message| handle.request_message(message, at));
    if random.below(8) == 0 {
        handle.request_not_inspected(NotInspected::TooLarge, at);
    } else {
        handle.request_end(document, at);
    }
    if !early {
        drop(handle.forward(at));
    }
    if random.below(6) > 0 {
        handle.response_head(*random.pick(&[200, 200, 200, 500, 404]), AnswerShape::EventStream, None, at);
        for _ in 0..random.below(5) {
            at += Duration::from_millis(*random.pick(&[0, 10, 500, 2000]));
            handle.response_bytes(at);
            let (messages, document) = read(&reply(random));
            messages.into_iter().for_each(|message| handle.response_message(message, at));
            let event = SseEvent { name: EventName::Message, ..SseEvent::default() };
            handle.response_event(&event, document, None, at);
        }
    }
    let ends = [EndReason::Complete, EndReason::ServerError, EndReason::ClientGone, EndReason::Drained];
    handle.end(*random.pick(&ends), at);
}

/// All that ends in a run of many exchanges, with its trace.
fn ended(random: &mut Random, settings: trace::Settings, start: Instant) -> Vec<Ended> {
    let log = Arc::new(Log::default());
    let settings = crate::exchange::Settings { trace: Some(settings), ..Default::default() };
    let exchange = Exchange::new(settings, Arc::clone(&log) as Arc<dyn Sink>);
    let connection = exchange.connection();
    for turn in 0..40 {
        play(&exchange, &connection, random, start + Duration::from_secs(turn));
    }
    exchange.close(start + Duration::from_secs(1000));
    let events = std::mem::take(&mut *log.0.lock().expect("no test panics in here"));
    let ended = events.into_iter().filter_map(|event| match event {
        Event::OperationEnded(operation) => Some(Ended::Operation(operation)),
        Event::HttpEnded(record) if record.trace.is_some() => Some(Ended::Http(Box::new(record))),
        _ => None,
    });
    ended.collect()
}

/// The leg to the server lies within the operation, and its events within the leg, in their order.
fn check_times(spans: &[SpanData]) {
    let upstream = |span: &&SpanData| span.span_kind == SpanKind::Client && span.name != "elicitation/create";
    for leg in spans.iter().filter(upstream) {
        let id = |span: &SpanData| (span.span_context.trace_id(), span.span_context.span_id());
        let above = (leg.span_context.trace_id(), leg.parent_span_id);
        let outer = spans.iter().find(|span| id(span) == above).expect("they are exported together");
        let mut times = vec![outer.start_time, leg.start_time];
        times.extend(leg.events.iter().map(|event| event.timestamp));
        times.extend([leg.end_time, outer.end_time]);
        assert!(times.is_sorted(), "{leg:?} in {outer:?}");
    }
}

/// Settings of both ends, which say the same of what is announced and what is done.
fn any_settings(random: &mut Random) -> (Sampling, trace::Settings) {
    let sampling = Sampling {
        follow_parent: random.below(4) > 0,
        errors: random.below(4) > 0,
        slow: (random.below(4) > 0).then_some(Duration::from_secs(2)),
        storm: *random.pick(&[0, 1, 100]),
        threshold: *random.pick(&[
            Threshold::NEVER,
            Threshold::of(0.1),
            Threshold::of(0.5),
            Threshold::ALWAYS,
        ]),
    };
    let contexts = trace::Settings {
        propagate: *random.pick(&[Propagate::Off, Propagate::Header, Propagate::Full]),
        trust: *random.pick(&[Trust::Continue, Trust::Continue, Trust::Link, Trust::Ignore]),
        threshold: sampling.threshold,
        follow_parent: sampling.follow_parent,
        ids: Ids::Random,
    };
    (sampling, contexts)
}

#[test]
fn nothing_that_is_exported_hangs_below_what_is_not() {
    let start = crate::clock::now();
    let moment = Moment { now: start, wall: std::time::UNIX_EPOCH };
    let (mut below_ours, mut instead, mut dropped) = (0, 0, 0);
    let mut reasons = HashSet::new();
    for seed in 0..400 {
        let random = &mut Random(seed);
        let (sampling, contexts) = any_settings(random);
        let settings = Settings { sampling: sampling.clone(), ..settings() };
        let sampler = Sampler::new(sampling, start);
        let mut spans = Vec::new();
        for what in ended(random, contexts, start) {
            let (trace, decision) = match &what {
                Ended::Operation(operation) => {
                    let trace = operation.trace.as_deref().expect("traces are made");
                    (trace, sampler.operation(operation, trace))
                }
                Ended::Http(record) => {
                    let trace = &record.trace.as_ref().expect("it has one").trace;
                    (trace, sampler.http(record, trace))
                }
            };
            // What was announced is what is done, whatever came.
            let beforehand = matches!(decision, Decision::Parent | Decision::Ratio);
            assert!(!trace.is_sampled() || decision.is_kept(), "{seed}: {decision:?} {what:?}");
            assert!(trace.is_sampled() || !beforehand, "{seed}: {decision:?} {what:?}");
            instead += usize::from(trace.links.iter().any(|link| link.why.as_str() == "unsampled_parent"));
            reasons.insert(decision);
            if decision.is_kept() {
                build(&Kept { what, decision }, moment, &settings, &mut spans);
            } else {
                dropped += 1;
            }
        }
        check_times(&spans);
        let exported: HashSet<_> =
            spans.iter().map(|span| (span.span_context.trace_id(), span.span_context.span_id())).collect();
        assert_eq!(exported.len(), spans.len(), "{seed}: each span once");
        for span in spans.iter().filter(|span| span.parent_span_id != SpanId::INVALID) {
            if !span.parent_span_is_remote {
                below_ours += 1;
                let parent = (span.span_context.trace_id(), span.parent_span_id);
                assert!(exported.contains(&parent), "{seed}: an orphan: {span:?}");
            }
        }
    }
    assert!(below_ours > 1000 && instead > 1000 && dropped > 1000, "{below_ours} {instead} {dropped}");
    assert_eq!(reasons.len(), Decision::ALL.len(), "{reasons:?}");
}
