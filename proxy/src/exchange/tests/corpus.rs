//! One transcript over HTTP and over pipes: the same messages give the same operations, server and catalogue, whichever
//! way they travel (`tests/transcripts`).

use std::path::Path;
use std::time::{Duration, Instant};

use crate::exchange::event::{Client, EndReason, Event, Operation, OperationKind};
use crate::exchange::trace::{ContextHeaders, Propagate, Trust};
use crate::exchange::{AnswerShape, Handle, HttpMethod, Line, RequestHead, Settings};
use crate::protocol::message::{Document, Message, MessageKind, RequestId};
use crate::protocol::outcome::Ending;
use crate::protocol::sse::{EventName, SseEvent};

use super::reading::messages;
use super::spans::traced;
use super::transcript::Player;

/// A message of either side, one a second.
struct Step<'a> {
    by_client: bool,
    json: &'a str,
}

fn steps(text: &str) -> Vec<Step<'_>> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| Step { by_client: line.starts_with("> "), json: &line[2..] }).collect()
}

/// What an operation is, apart from how it travelled.
fn shown(operation: &Operation, start: Instant) -> String {
    let Operation { direction, kind, method, target, id, version, era, .. } = operation;
    let ending = match operation.ending {
        Ending::RpcError { code, .. } => Ending::RpcError { code, status: None },
        other => other,
    };
    let client = |client: &Client| client.info.as_ref().map(|info| info.name.clone());
    format!(
        "{direction:?} {kind:?} {} {target:?} {id:?} {version:?} {era:?} {:?} {ending:?} {:?} {:?} waited {} repeated {} {:?}..{:?}",
        method.as_str(),
        client(&operation.client),
        operation.arguments,
        operation.content,
        operation.waited_for_client,
        operation.repeated,
        operation.started - start,
        // Over HTTP a notification is over when it is accepted, which may be later.
        (operation.kind != OperationKind::Notification).then(|| operation.ended - start),
    )
}

/// All that must not depend on the way.
fn told(player: &Player, events: &[Event]) -> Vec<String> {
    let of = |event: &Event| match event {
        Event::OperationEnded(operation) => Some(shown(operation, player.start)),
        Event::SessionStarted { .. }
        | Event::SessionEnded(_)
        | Event::StreamEnded(_)
        | Event::HttpEnded(_) => None,
        other => player.render(other),
    };
    events.iter().filter_map(of).collect()
}

fn over_pipes(settings: Settings, steps: &[Step<'_>]) -> Vec<String> {
    let mut player = Player::new(settings);
    let pipe = player.exchange.pipe(player.start);
    for (second, step) in steps.iter().enumerate() {
        let at = player.start + Duration::from_secs(second as u64);
        let line = Line { began: at, ended: at };
        let (messages, document) = messages(step.json);
        for mut message in messages {
            if step.by_client {
                pipe.client_message(&mut message, line, Some(&mut Vec::new()));
            } else {
                pipe.server_message(&mut message, line);
            }
        }
        pipe.line_end(document);
    }
    let mut events = player.events();
    player.exchange.expire(player.start + Duration::from_secs(1000));
    events.extend(player.events());
    let told = told(&player, &events);
    drop(pipe);
    player.finish();
    told
}

/// A server that answers each POST of requests with a stream.
struct OverHttp {
    player: Player,
    open: Vec<Open>,
    version: Option<String>,
}

struct Open {
    handle: Handle,
    ids: Vec<RequestId>,
    has_head: bool,
}

impl OverHttp {
    fn post(&mut self, json: &str, at: Instant) {
        let session = self.version.as_ref().map(|_| &b"s1"[..]);
        let head = RequestHead {
            method: HttpMethod::Post,
            target: "/mcp",
            session,
            protocol_version: self.version.as_deref().map(str::as_bytes),
            mcp_method: None,
            mcp_name: None,
            last_event_id: None,
            caller: None,
            context: ContextHeaders::default(),
        };
        let connection = self.player.exchange.connection();
        let handle = self.player.exchange.open(&connection, &head, at);
        self.player.balance.opened += 1;
        let (messages, document) = messages(json);
        let requests = messages.iter().filter(|message| message.kind == MessageKind::Request);
        let ids: Vec<_> = requests.filter_map(|message| message.id.clone()).collect();
        messages.into_iter().for_each(|message| handle.request_message(message, at));
        handle.request_end(document, at);
        drop(handle.forward(at));
        if ids.is_empty() {
            handle.response_head(202, AnswerShape::Untyped, None, at);
            handle.end(EndReason::Complete, at);
        } else {
            self.open.push(Open { handle, ids, has_head: false });
        }
    }

    fn answer(&mut self, json: &str, at: Instant) {
        let (messages, document) = messages(json);
        let is_here = |open: &Open, message: &Message| {
            message.kind.is_answer() && message.id.as_ref().is_some_and(|id| open.ids.contains(id))
        };
        let answers = |open: &Open| messages.iter().any(|message| is_here(open, message));
        let last = self.open.len() - 1;
        // Whatever answers none of them goes on the stream of the last one.
        let place = self.open.iter().position(answers).unwrap_or(last);
        let open = &mut self.open[place];
        if !open.has_head {
            let session = self.version.is_none().then_some(&b"s1"[..]);
            open.handle.response_head(200, AnswerShape::EventStream, session, at);
            open.has_head = true;
        }
        open.handle.response_bytes(at);
        for message in messages {
            if message.kind.is_answer() {
                open.ids.retain(|id| Some(id) != message.id.as_ref() && message.id != Some(RequestId::Null));
                let agreed = message.answer.protocol_version;
                self.version = self.version.take().or(agreed.map(|version| version.as_str().to_owned()));
            }
            open.handle.response_message(message, at);
        }
        let event =
            SseEvent { name: EventName::Message, data: true, has_data_field: true, ..SseEvent::default() };
        open.handle.response_event(&event, document, None, at);
        if open.ids.is_empty() && document != Document::Empty && last > 0 {
            let done = self.open.remove(place);
            done.handle.end(EndReason::Complete, at);
        }
    }
}

fn over_http(settings: Settings, steps: &[Step<'_>]) -> Vec<String> {
    let mut http = OverHttp { player: Player::new(settings), open: Vec::new(), version: None };
    let start = http.player.start;
    for (second, step) in steps.iter().enumerate() {
        let at = start + Duration::from_secs(second as u64);
        if step.by_client {
            http.post(step.json, at);
        } else {
            http.answer(step.json, at);
        }
    }
    let mut events = http.player.events();
    let end = start + Duration::from_secs(1000);
    http.player.exchange.expire(end);
    http.open.into_iter().for_each(|open| open.handle.end(EndReason::Complete, end));
    events.extend(http.player.events());
    let told = told(&http.player, &events);
    http.player.finish();
    told
}

#[test]
fn a_transcript_gives_the_same_events_over_http_and_over_pipes() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts");
    let files = std::fs::read_dir(folder).expect("transcripts").map(|file| file.expect("a file").path());
    let mut count = 0;
    for file in files {
        let text = std::fs::read_to_string(&file).expect("a transcript");
        let steps = steps(&text);
        let all: [fn() -> Settings; 2] = [Settings::default, || traced(Propagate::Full, Trust::Continue)];
        for settings in all {
            let (pipes, http) = (over_pipes(settings(), &steps), over_http(settings(), &steps));
            let (pipes, http) = (pipes.join("\n"), http.join("\n"));
            assert_eq!(pipes, http, "{}", file.display());
            assert!(pipes.lines().count() >= 4, "{}: {pipes}", file.display());
        }
        count += 1;
    }
    assert!(count >= 6, "{count} transcripts");
}
