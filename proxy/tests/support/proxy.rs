//! The proxy as the tests start it: the server and stack of this library within the test's process.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use mcp_tap::exchange::event::{Event, Sink};
use mcp_tap::exchange::keep::{Keep, Parts, Wanted};
use mcp_tap::exchange::{self, Exchange};
use mcp_tap::http::drain::Drain;
use mcp_tap::http::forward::{Connector, Forward, Settings, UpstreamAddress};
use mcp_tap::http::inspect::{self, InspectLayer};
use mcp_tap::http::server::{self, Server};
use mcp_tap::http::stack::stack;
use mcp_tap::http::trace::{self, TraceLayer};
use tower::layer::util::Identity;

/// A running proxy.
pub(crate) struct Proxy {
    /// Where clients connect to.
    pub(crate) address: SocketAddr,
    /// Ends it.
    pub(crate) drain: Drain,
    thread: JoinHandle<std::io::Result<()>>,
}

impl Proxy {
    /// Waits until it has ended by itself.
    pub(crate) fn join(self) {
        self.thread.join().unwrap().unwrap();
    }

    /// Whether it has ended.
    pub(crate) fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }
}

/// A proxy in front of a TCP server.
pub(crate) fn start_proxy(upstream: SocketAddr) -> SocketAddr {
    start(settings(upstream), 1, Duration::from_secs(5)).address
}

/// The same, inspecting and holding requests as where traces are made, with nothing to write into them.
pub(crate) fn start_holding_proxy(upstream: SocketAddr) -> SocketAddr {
    let (server, address, drain) = bind(1, Duration::from_secs(5));
    let settings = settings(upstream);
    let connector = Connector::new(&settings).unwrap();
    std::thread::spawn(move || {
        server.run(&drain.clone(), move || {
            let forward = Forward::new(settings.clone(), connector.clone());
            let exchange = Exchange::new(exchange::Settings::default(), Arc::new(Nobody));
            move |client| {
                let settings = inspect::Settings { contexts: true, ..inspect::Settings::default() };
                let trace = trace::Settings { hold: true, memory: Arc::clone(&settings.memory) };
                let inspect = InspectLayer::accepted(exchange.clone(), settings, client);
                stack(&inspect, &TraceLayer::new(trace), forward.clone())
            }
        })
    });
    address
}

/// The same, keeping the answers of one tool to be judged, up to 64 KiB each; tells what was kept of each call.
pub(crate) fn start_judging_proxy(
    upstream: SocketAddr,
    tool: &str,
) -> (SocketAddr, Receiver<Option<String>>) {
    let (server, address, drain) = bind(1, Duration::from_secs(5));
    let settings = settings(upstream);
    let connector = Connector::new(&settings).unwrap();
    let keep = Keep::new(1 << 20);
    let parts = Parts { structured: true, text: true };
    let tools = [(tool.to_owned(), parts)].into_iter().collect();
    keep.want(Wanted { sample: Wanted::share(1.0), limit: 64 << 10, learned: true, tools });
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        server.run(&drain.clone(), move || {
            let forward = Forward::new(settings.clone(), connector.clone());
            let core = exchange::Settings { keep: Some(Arc::clone(&keep)), ..exchange::Settings::default() };
            let exchange = Exchange::new(core, Arc::new(Teller(tell.clone())));
            move |client| {
                let settings = inspect::Settings::default();
                let inspect = InspectLayer::accepted(exchange.clone(), settings, client);
                stack(&inspect, &Identity::new(), forward.clone())
            }
        })
    });
    (address, told)
}

/// Tells what was kept of the calls that ended.
struct Teller(Sender<Option<String>>);

impl Sink for Teller {
    fn emit(&self, event: Event) {
        if let Event::OperationEnded(operation) = event {
            let structured = operation.kept.as_ref().and_then(|kept| kept.structured.as_deref());
            let text = structured.map(|text| String::from_utf8_lossy(text).into_owned());
            self.0.send(text).ok();
        }
    }
}

struct Nobody;

impl Sink for Nobody {
    fn emit(&self, _event: Event) {}
}

/// The default settings for a TCP server.
pub(crate) fn settings(upstream: SocketAddr) -> Settings {
    Settings::new(UpstreamAddress::Tcp { host: upstream.ip().to_string(), port: upstream.port() })
}

/// A proxy with everything said.
pub(crate) fn start(settings: Settings, workers: usize, drain_time: Duration) -> Proxy {
    let (server, address, drain) = bind(workers, drain_time);
    let connector = Connector::new(&settings).unwrap();
    let running = drain.clone();
    let thread = std::thread::spawn(move || {
        server.run(&running, move || {
            let forward = Forward::new(settings.clone(), connector.clone());
            move |_client| stack(&Identity::new(), &Identity::new(), forward.clone())
        })
    });
    Proxy { address, drain, thread }
}

fn bind(workers: usize, drain_time: Duration) -> (Server, SocketAddr, Drain) {
    let listen = server::Settings { listen: ([127, 0, 0, 1], 0).into(), workers, drain: drain_time };
    let server = Server::bind(&listen).unwrap();
    let address = server.local_addr();
    (server, address, Drain::new())
}
