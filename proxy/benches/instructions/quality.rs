//! What quality adds to a call whose answer has `structuredContent`: nothing kept, kept for a schema, and judged by it.

use std::hint::black_box;
use std::sync::Arc;

use mcp_tap::clock;
use mcp_tap::exchange::event::{CataloguePage, Client, Event, Sink};
use mcp_tap::exchange::{self, Exchange};
use mcp_tap::telemetry::{self, Telemetry};

use super::call::{Last, MODERN, tell};
use super::harness::Case;
use super::path::{Answer, through};

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case { name: "quality/off", iterations: 500, run: |n| run(n, false, false) },
        Case { name: "quality/kept", iterations: 500, run: |n| run(n, true, false) },
        Case { name: "quality/judged", iterations: 500, run: |n| run(n, true, true) },
        Case { name: "quality/record", iterations: 500, run: record },
    ]
}

const RESPONSE: &str = concat!(
    r#"{"jsonrpc":"2.0","id":7,"result":{"content":[{"type":"text","text":"{\"pods\":[{\"name\":\"payments-api-7d9c5b\","#,
    r#"\"restarts\":14},{\"name\":\"payments-db-0\",\"restarts\":0}]}"}],"structuredContent":{"pods":[{"name":"#,
    r#""payments-api-7d9c5b","restarts":14},{"name":"payments-db-0","restarts":0}]},"isError":false}}"#
);

const TOOLS: &str = concat!(
    r#"[{"name":"search","inputSchema":{"type":"object"},"outputSchema":{"type":"object","required":["pods"],"#,
    r#""properties":{"pods":{"type":"array","items":{"type":"object","required":["name","restarts"],"properties":"#,
    r#"{"name":{"type":"string"},"restarts":{"type":"integer","minimum":0}}}}}}}]"#
);

/// The event of an ended call alone, as `record/call`, of a listed tool without a schema; with the clone of the operation
/// and the emptying of the queue, which is not judged.
fn record(iterations: u32) {
    let telemetry = Telemetry::new(telemetry::Settings::default(), clock::now());
    let tools = Some(br#"[{"name":"search","inputSchema":{"type":"object"}}]"#.as_slice().into());
    let client = Arc::new(Client::default());
    telemetry.emit(Event::Catalogue(CataloguePage { tools, first: true, last: true, listing: 1, client }));
    telemetry.upkeep(clock::now());
    let last = Arc::new(Last::default());
    let settings = exchange::Settings { keep: Some(telemetry.keep()), ..exchange::Settings::default() };
    tell(&Exchange::new(settings, Arc::clone(&last) as Arc<dyn Sink>), 1, &MODERN);
    let operation = last.0.lock().expect("nothing panics here").take().expect("the call has ended");
    for number in 0..iterations {
        telemetry.emit(Event::OperationStarted);
        telemetry.emit(Event::OperationEnded(Box::new(black_box(&operation).clone())));
        if number % 250 == 0 {
            telemetry.judge_no_more();
        }
    }
}

fn run(iterations: u32, on: bool, judged: bool) {
    let telemetry = Telemetry::new(telemetry::Settings::default(), clock::now());
    let tools = Some(TOOLS.as_bytes().into());
    let client = Arc::new(Client::default());
    telemetry.emit(Event::Catalogue(CataloguePage { tools, first: true, last: true, listing: 1, client }));
    telemetry.upkeep(clock::now());
    let keep = on.then(|| telemetry.keep());
    let settings = exchange::Settings { keep, ..exchange::Settings::default() };
    let exchange = Exchange::new(settings, Arc::new(telemetry.clone()));
    // Twice as many iterations are twice as many rounds; none fills the queue.
    for _ in 0..iterations / 250 {
        through(&exchange, 250, &MODERN, Answer::Json(RESPONSE));
        if judged {
            telemetry.judge_waiting(clock::now, |_| false);
        } else {
            telemetry.judge_no_more();
        }
    }
}
