//! Takes what the queue holds, builds the spans and sends them.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry_otlp::{ExporterBuildError, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{SpanData, SpanExporter as _};
use tokio::sync::watch;
use tracing::{info, warn};

use super::client::{Client, Failure};
use super::error::ExportError;
use super::health::Health;
use super::settings::{Compression, Protocol, Settings};
use super::target::Target;
use super::{LONGEST_PAUSE, PATIENCE, grpc, rejected};
use crate::clock;
use crate::telemetry::traces::span::build;
use crate::telemetry::traces::{self, Batch, Dropped, Kept, Moment, Queue};

/// Sends kept spans to a collector.
#[derive(Debug)]
pub struct Exporter {
    settings: Settings,
    queue: Arc<Queue>,
    spans: traces::Settings,
    transport: Transport,
    shown: String,
}

#[derive(Debug)]
enum Transport {
    Http(Client),
    Grpc(Box<tonic::transport::Endpoint>),
}

impl Exporter {
    /// Checks the address and reads certificates; connects to nothing.
    ///
    /// # Errors
    /// When a setting cannot be used.
    pub fn new(settings: &Settings, queue: Arc<Queue>, spans: traces::Settings) -> Result<Self, ExportError> {
        let target = Target::new(settings)?;
        let shown = target.shown.clone();
        let transport = match settings.protocol {
            Protocol::HttpProtobuf => Transport::Http(Client::new(settings, target)?),
            Protocol::Grpc => Transport::Grpc(Box::new(grpc::endpoint(settings, &target)?)),
        };
        Ok(Self { settings: settings.clone(), queue, spans, transport, shown })
    }

    /// Where spans go, for the log.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.shown
    }

    /// Exports until `stop` says how long it may go on; what is left then is dropped, and so is what comes later.
    /// Wants a thread of its own with a current-thread runtime.
    pub async fn run(self, stop: impl Future<Output = Duration>) {
        let queue = Arc::clone(&self.queue);
        // However this ends: nobody takes any more.
        let _closing = Closing(&queue);
        let endpoint = self.shown.clone();
        let mut work = match Work::new(self) {
            Ok(work) => work,
            Err(error) => return warn!(endpoint, %error, "spans are not exported"),
        };
        let client = work.client.clone();
        let (stopping, stopped) = watch::channel(false);
        let mut work = pin!(work.run(stopped));
        let left = tokio::select! {
            left = stop => left,
            () = &mut work => return,
        };
        stopping.send_replace(true);
        if tokio::time::timeout(left, work).await.is_err() {
            // What it was at is dropped with it, and counted by its batch.
            warn!(endpoint, reason = so_far(client.as_ref()), "the last spans are not exported: time is up");
        }
    }
}

struct Closing<'a>(&'a Queue);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// The exporter inside of its runtime.
struct Work {
    settings: Settings,
    queue: Arc<Queue>,
    spans: traces::Settings,
    library: SpanExporter,
    client: Option<Client>,
    shown: String,
    health: Health,
    kept: Vec<Kept>,
}

impl Work {
    fn new(exporter: Exporter) -> Result<Self, ExporterBuildError> {
        let Exporter { settings, queue, spans, transport, shown } = exporter;
        let (mut library, client) = match transport {
            Transport::Grpc(endpoint) => (grpc::exporter(&endpoint, &settings)?, None),
            Transport::Http(client) => (http(&client, &settings)?, Some(client)),
        };
        let attributes =
            settings.resource.iter().map(|(key, value)| KeyValue::new(key.clone(), value.clone()));
        library.set_resource(&Resource::builder_empty().with_attributes(attributes).build());
        let (health, kept) = (Health::default(), Vec::new());
        Ok(Self { settings, queue, spans, library, client, shown, health, kept })
    }

    /// Ends when it is to stop and nothing is left.
    async fn run(&mut self, mut stopped: watch::Receiver<bool>) {
        let queue = Arc::clone(&self.queue);
        loop {
            tokio::select! {
                () = tokio::time::sleep(self.settings.schedule_delay) => {}
                () = queue.filled() => {}
                () = told(&mut stopped) => {}
            }
            // What comes meanwhile waits for more, unless it is to stop.
            let mut due = queue.len();
            loop {
                let pause = self.export(&mut due).await;
                if let Some(pause) = pause {
                    tokio::select! {
                        () = tokio::time::sleep(pause) => {}
                        () = told(&mut stopped) => {}
                    }
                }
                let stopping = *stopped.borrow();
                if stopping && queue.is_empty() {
                    return;
                }
                if !stopping && due == 0 {
                    break;
                }
            }
        }
    }

    /// Sends one batch, of what is due; how long the collector wants to be left alone then, if it does.
    async fn export(&mut self, due: &mut usize) -> Option<Duration> {
        let queue = Arc::clone(&self.queue);
        let mut batch = queue.take(self.settings.batch, &mut self.kept);
        // A queue that was emptied by other means owes nothing.
        *due = if self.kept.is_empty() { 0 } else { due.saturating_sub(self.kept.len()) };
        let moment = Moment { now: clock::now(), wall: clock::wall() };
        let mut spans = Vec::with_capacity(batch.spans());
        for kept in self.kept.drain(..) {
            if !built(&kept, moment, &self.spans, &mut spans) {
                batch.dropped(Dropped::Failed, kept.spans());
            }
        }
        debug_assert_eq!(spans.len(), batch.spans(), "`Kept::spans` and `build` differ");
        let mut pause = None;
        while !spans.is_empty() {
            let rest = spans.split_off(spans.len().min(self.settings.batch));
            let part = std::mem::replace(&mut spans, rest);
            // The batch decides how many there are, so that the ledger holds whatever was built.
            let count = if spans.is_empty() { batch.spans() } else { part.len() };
            pause = self.send(part, count, &mut batch).await;
        }
        pause
    }

    async fn send(&mut self, spans: Vec<SpanData>, count: usize, batch: &mut Batch<'_>) -> Option<Duration> {
        rejected::take();
        let timeout = self.settings.export_timeout;
        let sent = {
            let mut export = pin!(tokio::time::timeout(timeout, caught(self.library.export(spans))));
            tokio::select! {
                sent = &mut export => sent,
                () = tokio::time::sleep(PATIENCE) => {
                    if self.health.failed(0, clock::now()) {
                        let reason = so_far(self.client.as_ref());
                        warn!(endpoint = self.shown, reason, "spans cannot be exported yet: trying again");
                    }
                    export.await
                }
            }
        };
        let failure = self.client.as_ref().map(Client::failure).unwrap_or_default();
        let error = match sent {
            Ok(Ok(())) => {
                self.sent(count, rejected::take().min(count), batch);
                return None;
            }
            Ok(Err(error)) => Some(error),
            Err(_) => None,
        };
        batch.dropped(Dropped::Failed, count);
        if self.health.failed(count, clock::now()) {
            let reason = reason(&failure, error, timeout);
            warn!(endpoint = self.shown, reason, "spans cannot be exported");
        }
        failure.retry_after.map(|pause| pause.min(LONGEST_PAUSE))
    }

    fn sent(&mut self, count: usize, rejected: usize, batch: &mut Batch<'_>) {
        batch.dropped(Dropped::Rejected, rejected);
        batch.exported(count - rejected);
        if let Some(lost) = self.health.worked() {
            info!(endpoint = self.shown, lost, "spans are exported again");
        }
        if rejected > 0 && self.health.rejected(clock::now()) {
            warn!(endpoint = self.shown, rejected, "the collector refuses spans");
        }
    }
}

/// Adds the spans of what was kept. A mistake of ours over one of them must not end the export of all; the hook of
/// panics has told of it.
fn built(kept: &Kept, moment: Moment, settings: &traces::Settings, spans: &mut Vec<SpanData>) -> bool {
    let before = spans.len();
    let built = catch_unwind(AssertUnwindSafe(|| build(kept, moment, settings, spans)));
    if built.is_err() {
        spans.truncate(before);
    }
    built.is_ok()
}

async fn told(stopped: &mut watch::Receiver<bool>) {
    // The sender outlives this.
    stopped.wait_for(|stopped| *stopped).await.ok();
}

/// Why there is no success so far; gRPC tells that at the end only.
fn so_far(client: Option<&Client>) -> String {
    client.and_then(Client::last_reason).unwrap_or_else(|| "no answer yet".to_owned())
}

/// Why, in the client's words if it has any: the library keeps most of it to itself.
fn reason(failure: &Failure, error: Option<OTelSdkError>, timeout: Duration) -> String {
    match (&failure.reason, error) {
        (Some(reason), _) => reason.clone(),
        (None, Some(OTelSdkError::InternalFailure(reason))) => grpc::plain(&reason),
        (None, Some(error)) => error.to_string(),
        (None, None) => format!("not done within {}", humantime::format_duration(timeout)),
    }
}

/// Collectors may say what the library does not expect: its panic costs one batch, and not the exporter.
async fn caught(export: impl Future<Output = OTelSdkResult>) -> OTelSdkResult {
    let mut export = pin!(export);
    let panicked = || OTelSdkError::InternalFailure("the library panicked".to_owned());
    poll_fn(|cx| {
        let polled = catch_unwind(AssertUnwindSafe(|| export.as_mut().poll(cx)));
        polled.unwrap_or_else(|_| Poll::Ready(Err(panicked())))
    })
    .await
}

fn http(client: &Client, settings: &Settings) -> Result<SpanExporter, ExporterBuildError> {
    let builder = SpanExporter::builder()
        .with_http()
        .with_http_client(client.clone())
        .with_endpoint(settings.endpoint.url(settings.signal, settings.protocol))
        .with_protocol(opentelemetry_otlp::Protocol::HttpBinary)
        .with_timeout(settings.export_timeout)
        .with_retry_policy(settings.retry.policy());
    match settings.compression {
        Compression::None => builder.build(),
        Compression::Gzip => builder.with_compression(opentelemetry_otlp::Compression::Gzip).build(),
    }
}
