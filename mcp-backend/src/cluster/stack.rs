//! The layers that every read passes, outermost first.

use std::time::Duration;

use tower::ServiceBuilder;
use tower::util::BoxCloneSyncService;

use super::{
    Answer, ApiReads, CacheLayer, CacheSettings, MeterLayer, Read, ReadError, SpanLayer, TimeLimitLayer,
};
use crate::telemetry::Metrics;

/// What a reader reads by.
pub type ReadStack = BoxCloneSyncService<Read, Answer, ReadError>;

/// How reads are made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How long answers are kept; `None`: they are not.
    pub cache: Option<CacheSettings>,
    /// How long one read may take.
    pub time_limit: Duration,
    /// How many requests may be at the API at once.
    pub concurrency: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { cache: Some(CacheSettings::default()), time_limit: Duration::from_secs(5), concurrency: 32 }
    }
}

/// The stack over this client without a cache, counting for nobody: every read sees the cluster as it is.
pub fn stack(client: kube::Client) -> ReadStack {
    stack_with(client, &Settings { cache: None, ..Settings::default() }, &Metrics::new())
}

/// The stack over this client.
pub fn stack_with(client: kube::Client, settings: &Settings, metrics: &Metrics) -> ReadStack {
    let cache = settings.cache.clone().map(|cache| CacheLayer::new(cache, metrics.clone()));
    BoxCloneSyncService::new(
        ServiceBuilder::new()
            // Outermost: a trace shows every read of a call, also those that the cache answers.
            .layer(SpanLayer)
            // Above all that follows: what the cache answers is no request to the API, and waits for nothing. It counts
            // its own hits and misses.
            .option_layer(cache)
            // Counts what the API was asked, and times it as callers feel it, with the wait for a turn.
            .layer(MeterLayer::new(metrics.clone()))
            // Above the turn, so that a queue before a slow API does not grow longer than this.
            .layer(TimeLimitLayer::new(settings.time_limit))
            // An agent that asks for all at once must not become a burst on the API server.
            .concurrency_limit(settings.concurrency.max(1))
            .service(ApiReads::new(client)),
    )
}
