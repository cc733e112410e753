//! Events in, text out.

mod cardinality;
mod drift;
mod exposition;
mod ledger;
mod recording;
mod service_levels;
mod spending;
mod summary;
mod traced;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::exchange::event::{
    CataloguePage, Client, Direction, Event, Operation, OperationKind, Sink, Transport,
};
use crate::protocol::message::{Arguments, Content, Implementation};
use crate::protocol::method::Method;
use crate::protocol::outcome::Ending;
use crate::protocol::version::{Era, Version};

use super::{Settings, Telemetry, traces};

/// Telemetry and the moment at which it began.
struct Bench {
    telemetry: Telemetry,
    start: Instant,
}

impl Bench {
    fn new() -> Self {
        Self::with(Settings::default())
    }

    fn with(settings: Settings) -> Self {
        let start = crate::clock::now();
        let settings = Settings { server_name: "s".into(), ..settings };
        Self { telemetry: Telemetry::new(settings, start), start }
    }

    /// With traces, of which a tenth is kept by chance.
    fn traced(traces: traces::Settings) -> Self {
        let start = crate::clock::now();
        let settings = Settings { server_name: "s".into(), ..Settings::default() };
        Self { telemetry: Telemetry::traced(settings, start, traces), start }
    }

    fn emit(&self, event: Event) {
        self.telemetry.emit(event);
    }

    /// A request for a tool call that took 20 ms.
    fn call(&self, tool: &str, ending: Ending) {
        self.end(self.operation(tool, ending));
    }

    fn end(&self, operation: Operation) {
        if operation.kind == OperationKind::Request {
            self.emit(Event::OperationStarted);
        }
        self.emit(Event::OperationEnded(Box::new(operation)));
    }

    fn operation(&self, tool: &str, ending: Ending) -> Operation {
        Operation {
            direction: Direction::ToServer,
            kind: OperationKind::Request,
            method: Method::ToolsCall,
            target: Some(tool.into()),
            id: None,
            version: Some(Version::V2025_11_25),
            era: Era::Legacy,
            transport: Transport::StreamableHttp,
            client: client("claude-ai"),
            session: None,
            started: self.start,
            ended: self.start + Duration::from_millis(20),
            first_byte: None,
            ending,
            status: Some(200),
            arguments: Some(Arguments { size: 10, depth: 1, hash: 0 }),
            content: Content::default(),
            waited_for_client: false,
            repeated: false,
            chosen: false,
            kept: None,
            trace: None,
        }
    }

    /// A listing of one page.
    fn list(&self, by: &str, tools: &str) {
        self.page(by, Some(tools), true, true);
    }

    fn page(&self, by: &str, tools: Option<&str>, first: bool, last: bool) {
        let tools = tools.map(|tools| tools.as_bytes().into());
        let page = CataloguePage { tools, first, last, listing: by.len() as u64, client: client(by) };
        self.emit(Event::Catalogue(page));
    }

    fn text(&self) -> String {
        self.text_after(0)
    }

    fn text_after(&self, seconds: u64) -> String {
        self.telemetry.render(None, self.start + Duration::from_secs(seconds)).1
    }

    /// Every sample but `process_*` and buckets, without the constant label.
    fn samples(&self) -> BTreeMap<String, f64> {
        samples(&self.text())
    }

    fn value(&self, series: &str) -> f64 {
        self.samples().get(series).copied().unwrap_or_else(|| panic!("no {series} in\n{}", self.text()))
    }

    /// The sum over all series of a metric.
    fn sum(&self, metric: &str) -> f64 {
        let of_it = |series: &&String| series.split('{').next() == Some(metric);
        self.samples().iter().filter(|(series, _)| of_it(series)).map(|(_, value)| value).sum()
    }
}

fn samples(text: &str) -> BTreeMap<String, f64> {
    text.lines()
        .filter(|line| !line.starts_with('#') && !line.starts_with("process_") && !line.contains("_bucket{"))
        .map(|line| {
            let (series, value) = line.rsplit_once(' ').expect("a sample has a value");
            let series = series.replace("mcp_server=\"s\",", "").replace("{mcp_server=\"s\"}", "");
            (series, value.parse().expect("a number"))
        })
        .collect()
}

fn client(name: &str) -> Arc<Client> {
    let info = Implementation { name: name.into(), version: "1".into() };
    Arc::new(Client { info: Some(info), ..Client::default() })
}
