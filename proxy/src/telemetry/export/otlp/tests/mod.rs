//! The exporter against collectors that accept, refuse, lie, stall and die.

mod collector;
mod environment;
mod exporter;
mod metrics;
mod snapshot;
mod tls;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::oneshot;
use tracing_subscriber::Layer as _;
use tracing_subscriber::layer::SubscriberExt as _;

use super::{Endpoint, Exporter, Protocol, Retry, Settings, rejections};
use crate::protocol::sampling::Threshold;
use crate::telemetry::names::Metric;
use crate::telemetry::registry::{Cell, Registry};
use crate::telemetry::traces::{self, Capture, Queue, QueueLimits, Sampling, ServerAddress, SpanLimits};

const BOTH: [Protocol; 2] = [Protocol::Grpc, Protocol::HttpProtobuf];

/// An exporter on its thread.
struct Rig {
    queue: Arc<Queue>,
    registry: Registry,
    log: Arc<Mutex<Vec<u8>>>,
    stop: oneshot::Sender<Duration>,
    thread: JoinHandle<()>,
}

/// Quick, so that tests are.
fn settings(protocol: Protocol, address: SocketAddr) -> Settings {
    let retry = Retry {
        most: 3,
        first: Duration::from_millis(5),
        longest: Duration::from_millis(20),
        jitter: Duration::from_millis(2),
    };
    Settings {
        endpoint: Endpoint::Base(format!("http://{address}")),
        protocol,
        schedule_delay: Duration::from_millis(10),
        retry,
        ..Settings::default()
    }
}

/// Runs an exporter on a thread of its own; what it logs, and the thread.
fn logged<F: Future<Output = ()>>(
    run: impl FnOnce() -> F + Send + 'static,
) -> (Arc<Mutex<Vec<u8>>>, JoinHandle<()>) {
    let log = Arc::new(Mutex::new(Vec::new()));
    let written = Arc::clone(&log);
    let thread = std::thread::spawn(move || {
        let lines = tracing_subscriber::fmt::layer().with_writer(move || Written(Arc::clone(&written)));
        let own = tracing_subscriber::filter::Targets::new().with_target("mcp_tap", tracing::Level::INFO);
        let log = tracing_subscriber::registry().with(lines.with_ansi(false).with_filter(own));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        tracing::subscriber::with_default(log.with(rejections()), || runtime.block_on(run()));
    });
    (log, thread)
}

impl Rig {
    fn start(settings: &Settings, limits: QueueLimits) -> Self {
        Self::start_after(settings, limits, |_| ())
    }

    /// What `before` pushes is there when the exporter comes, and so is one batch.
    fn start_after(settings: &Settings, limits: QueueLimits, before: impl FnOnce(&Queue)) -> Self {
        let registry = Registry::new(crate::clock::now());
        let queue = Arc::new(Queue::new(limits, &registry));
        before(&queue);
        let exporter = Exporter::new(settings, Arc::clone(&queue), span_settings(limits)).unwrap();
        let (stop, stopped) = oneshot::channel();
        let (log, thread) = logged(|| exporter.run(async { stopped.await.unwrap_or_default() }));
        Self { queue, registry, log, stop, thread }
    }

    fn count(&self, metric: Metric, labels: &str) -> usize {
        let mut count = 0;
        self.registry.visit(metric, |these, cell| match cell {
            Cell::Counter(value) if these == labels => count = value.load(Ordering::SeqCst) as usize,
            Cell::Gauge(bits) if these == labels => {
                count = f64::from_bits(bits.load(Ordering::SeqCst)) as usize
            }
            _ => {}
        });
        count
    }

    fn exported(&self) -> usize {
        self.count(Metric::SpansExported, "")
    }

    fn dropped(&self, reason: &str) -> usize {
        self.count(Metric::SpansDropped, &format!("reason=\"{reason}\""))
    }

    fn queued(&self) -> usize {
        self.count(Metric::SpansQueued, "")
    }

    /// Waits until nothing is queued or on its way.
    #[track_caller]
    fn settle(&self) {
        collector::until("all spans are accounted for", || self.queued() == 0);
    }

    /// What became of all spans, without what is zero.
    fn ledger(&self) -> BTreeMap<&'static str, usize> {
        let mut ledger = BTreeMap::from([("exported", self.exported()), ("queued", self.queued())]);
        for reason in traces::Dropped::ALL {
            ledger.insert(reason.as_str(), self.dropped(reason.as_str()));
        }
        let total = self.count(Metric::Spans, "");
        assert_eq!(ledger.values().sum::<usize>(), total, "{ledger:?}");
        ledger.retain(|_, count| *count > 0);
        ledger
    }

    fn logged(&self) -> String {
        text(&self.log)
    }

    fn stop(self, left: Duration) -> (Registry, Arc<Queue>, String) {
        self.stop.send(left).ok();
        self.thread.join().unwrap();
        let log = text(&self.log);
        (self.registry, self.queue, log)
    }
}

fn text(log: &Mutex<Vec<u8>>) -> String {
    String::from_utf8(log.lock().unwrap().clone()).unwrap()
}

struct Written(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn span_settings(queue: QueueLimits) -> traces::Settings {
    let sampling =
        Sampling { follow_parent: true, errors: true, slow: None, storm: 100, threshold: Threshold::ALWAYS };
    traces::Settings {
        sampling,
        queue,
        capture: Capture::default(),
        limits: SpanLimits { attributes: 128, value_length: None, events: 128, links: 128 },
        server: ServerAddress::default(),
    }
}
