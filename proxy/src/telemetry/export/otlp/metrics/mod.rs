//! Metrics to a collector: all series, at intervals and at the end.
//!
//! ```text
//!   registry ─► snapshot.rs ─► Exporter (thread "metrics") ─► link.rs ─► client.rs, or gRPC ─► collector
//! ```
//!
//! Traffic knows nothing of it: a snapshot reads atomics, as a scrape does. There is one snapshot at a time, sent with
//! its retries until the time for that is over; then the next one tells the same counters anew. Nothing queues, so a
//! collector that is dead costs the memory of one snapshot and a counter.

mod link;
mod snapshot;

use std::cell::RefCell;
use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use tracing::{info, warn};

use self::link::{Failed, Link};
pub(super) use self::snapshot::Frame;
use super::client::Client;
use super::error::ExportError;
use super::grpc;
use super::health::Health;
use super::settings::{Protocol, Retry, Settings};
use super::target::Target;
use super::{LONGEST_PAUSE, PATIENCE};
use crate::clock;
use crate::exchange::trace::Ids;
use crate::telemetry::Telemetry;
use crate::telemetry::names::{Metric, label};
use crate::telemetry::traces::Moment;

/// What became of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// The collector has all series.
    Success,
    /// It refused some.
    Partial,
    /// It has not got all of them.
    Failure,
}

impl Fate {
    const ALL: [Self; 3] = [Self::Success, Self::Partial, Self::Failure];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Partial => "partial",
            Self::Failure => "failure",
        }
    }
}

/// Sends metrics to a collector.
#[derive(Debug)]
pub struct MetricExporter {
    settings: Settings,
    telemetry: Telemetry,
    transport: Transport,
    shown: String,
}

#[derive(Debug)]
enum Transport {
    Http(Client),
    Grpc(Box<tonic::transport::Endpoint>),
}

impl MetricExporter {
    /// Checks the address and reads certificates; connects to nothing.
    ///
    /// # Errors
    /// When a setting cannot be used.
    pub fn new(settings: &Settings, telemetry: &Telemetry) -> Result<Self, ExportError> {
        let target = Target::new(settings)?;
        let shown = target.shown.clone();
        let transport = match settings.protocol {
            Protocol::HttpProtobuf => Transport::Http(Client::new(settings, target)?),
            Protocol::Grpc => Transport::Grpc(Box::new(grpc::endpoint(settings, &target)?)),
        };
        let exporter = Self { settings: settings.clone(), telemetry: telemetry.clone(), transport, shown };
        // All series are there from the start: rules see no increase in the first value of a series.
        Fate::ALL.into_iter().for_each(|fate| count(telemetry, fate, 0));
        Ok(exporter)
    }

    /// Where metrics go, for the log.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.shown
    }

    /// Exports at intervals until `stop` says how long the last export may take. Wants a thread of its own with a
    /// current-thread runtime.
    pub async fn run(self, stop: impl Future<Output = Duration>) {
        let mut work = Work::new(self);
        let left = tokio::select! {
            left = stop => left,
            // One that is under way is given up: the last one has all that it has, and newer.
            () = work.turns() => return,
        };
        if tokio::time::timeout(left, work.export()).await.is_err() {
            count(&work.telemetry, Fate::Failure, 1);
            let reason = so_far(&work.reason);
            warn!(endpoint = work.shown, reason, "the last metrics are not exported: time is up");
        }
    }
}

fn count(telemetry: &Telemetry, fate: Fate, exports: u64) {
    let labels = [(label::RESULT, fate.as_str())];
    telemetry.registry().counter(Metric::MetricsExports, &labels).increment(exports);
}

/// The exporter inside of its runtime.
struct Work {
    settings: Settings,
    telemetry: Telemetry,
    frame: Frame,
    link: Link,
    shown: String,
    health: Health,
    /// Why the last attempt failed.
    reason: RefCell<Option<String>>,
}

impl Work {
    fn new(exporter: MetricExporter) -> Self {
        let MetricExporter { settings, telemetry, transport, shown } = exporter;
        let link = match transport {
            Transport::Http(client) => Link::http(client, &settings),
            Transport::Grpc(endpoint) => Link::grpc(&endpoint, &settings),
        };
        let moment = Moment { now: clock::now(), wall: clock::wall() };
        let start = moment.wall_at(telemetry.registry().start());
        let frame = Frame::new(&settings.resource, &telemetry.settings().server_name, start, settings.batch);
        Self {
            settings,
            telemetry,
            frame,
            link,
            shown,
            health: Health::default(),
            reason: RefCell::default(),
        }
    }

    /// Exports for ever, at most one a time.
    async fn turns(&mut self) {
        let mut wait = self.settings.schedule_delay;
        loop {
            tokio::time::sleep(wait).await;
            let begun = clock::now();
            let pause = self.export().await.unwrap_or_default();
            let spent = clock::now().saturating_duration_since(begun);
            wait = self.settings.schedule_delay.saturating_sub(spent).max(pause);
        }
    }

    /// Sends what the series are now. How long the collector wants to be left alone then, if it does.
    async fn export(&mut self) -> Option<Duration> {
        self.reason.take();
        let limit = self.settings.export_timeout;
        let sent = {
            let Self { settings, telemetry, frame, link, shown, health, reason } = &mut *self;
            let moment = Moment { now: clock::now(), wall: clock::wall() };
            telemetry.refresh(moment.now);
            let snapshot = frame.snapshot(telemetry.registry(), moment);
            let mut sending = pin!(tokio::time::timeout(limit, all(link, snapshot, settings.retry, reason)));
            tokio::select! {
                sent = &mut sending => sent,
                () = tokio::time::sleep(PATIENCE) => {
                    if health.failed(0, clock::now()) {
                        let reason = so_far(reason);
                        warn!(endpoint = shown, reason, "metrics cannot be exported yet: trying again");
                    }
                    sending.await
                }
            }
        };
        let failed = match sent {
            Ok(Ok(rejected)) => {
                self.sent(rejected);
                return None;
            }
            Ok(Err(failed)) => failed,
            Err(_) => {
                let limit = humantime::format_duration(limit);
                let reason = format!("not done within {limit}: {}", so_far(&self.reason));
                Failed { reason, for_now: true, retry_after: None }
            }
        };
        count(&self.telemetry, Fate::Failure, 1);
        if self.health.failed(1, clock::now()) {
            warn!(endpoint = self.shown, reason = failed.reason, "metrics cannot be exported");
        }
        failed.retry_after.map(|pause| pause.min(LONGEST_PAUSE))
    }

    fn sent(&mut self, rejected: usize) {
        let fate = if rejected == 0 { Fate::Success } else { Fate::Partial };
        count(&self.telemetry, fate, 1);
        if let Some(lost) = self.health.worked() {
            info!(endpoint = self.shown, lost, "metrics are exported again");
        }
        if rejected > 0 && self.health.rejected(clock::now()) {
            warn!(endpoint = self.shown, rejected, "the collector refuses metrics");
        }
    }
}

fn so_far(reason: &RefCell<Option<String>>) -> String {
    reason.borrow().clone().unwrap_or_else(|| "no answer yet".to_owned())
}

/// Sends one request after the other; how many points were refused. What does not get through keeps the rest from being
/// tried: it would go the same way.
async fn all(
    link: &mut Link,
    snapshot: Vec<Bytes>,
    retry: Retry,
    reason: &RefCell<Option<String>>,
) -> Result<usize, Failed> {
    let mut rejected = 0;
    for request in snapshot {
        let request = link.pack(request);
        let mut attempts = 0;
        rejected += loop {
            match link.send(request.clone()).await {
                Ok(rejected) => break rejected,
                Err(failed) if failed.for_now && attempts < retry.most => {
                    let asked = failed.retry_after.unwrap_or_default().min(LONGEST_PAUSE);
                    reason.replace(Some(failed.reason));
                    tokio::time::sleep(delay(retry, attempts).max(asked)).await;
                    attempts += 1;
                }
                Err(failed) => return Err(failed),
            }
        };
    }
    Ok(rejected)
}

/// How long to wait after so many attempts beside the first.
fn delay(retry: Retry, attempts: usize) -> Duration {
    let doubled = u32::try_from(attempts).ok().and_then(|attempts| 2_u32.checked_pow(attempts));
    let delay = retry.first.saturating_mul(doubled.unwrap_or(u32::MAX)).min(retry.longest);
    // Processes that lost one collector at once must not come back at once.
    let chance = f64::from(u32::from(Ids::Random.span_id()[0])) / f64::from(u8::MAX);
    delay.saturating_add(retry.jitter.mul_f64(chance))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_the_longest_with_some_chance() {
        let retry = Retry::default();
        for (attempts, expected) in [(0, 1), (1, 2), (2, 4), (3, 8), (4, 8), (40, 8), (usize::MAX, 8)] {
            let (least, delay) = (Duration::from_secs(expected), delay(retry, attempts));
            assert!((least..=least + retry.jitter).contains(&delay), "{attempts}: {delay:?}");
        }
    }
}
