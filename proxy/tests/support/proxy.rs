//! The proxy as the tests start it: the server and stack of this library within the test's process.

use std::net::SocketAddr;
use std::thread::JoinHandle;
use std::time::Duration;

use mcp_tap::http::drain::Drain;
use mcp_tap::http::forward::{Connector, Forward, Settings, UpstreamAddress};
use mcp_tap::http::server::{self, Server};
use mcp_tap::http::stack::stack;
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

/// The default settings for a TCP server.
pub(crate) fn settings(upstream: SocketAddr) -> Settings {
    Settings::new(UpstreamAddress::Tcp { host: upstream.ip().to_string(), port: upstream.port() })
}

/// A proxy with everything said.
pub(crate) fn start(settings: Settings, workers: usize, drain_time: Duration) -> Proxy {
    let listen = server::Settings { listen: ([127, 0, 0, 1], 0).into(), workers, drain: drain_time };
    let server = Server::bind(&listen).unwrap();
    let (address, drain) = (server.local_addr(), Drain::new());
    let connector = Connector::new(&settings).unwrap();
    let running = drain.clone();
    let thread = std::thread::spawn(move || {
        let drain = running.clone();
        server.run(&running, move || {
            let forward = Forward::new(settings.clone(), connector.clone(), drain.clone());
            move |_client| stack(&Identity::new(), &Identity::new(), forward.clone())
        })
    });
    Proxy { address, drain, thread }
}
