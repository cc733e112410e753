//! Keeps answers of the API for some seconds, and asks for each only once at a time.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use moka::Expiry;
use moka::future::Cache;
use moka::policy::EvictionPolicy;
use tower::{Layer, Service, ServiceExt as _};
use tracing::Instrument as _;

use crate::cluster::answer::ReadResult;
use crate::cluster::{Answer, Read, ReadError, ReadErrorKind};
use crate::telemetry::{CacheOperation, Metrics};

/// How much is kept, and how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheSettings {
    /// How long an answer is kept.
    pub found: Duration,
    /// How long it is kept that something is not there.
    pub missing: Duration,
    /// The most entries.
    pub entries: u64,
    /// The most bytes of all entries, as the API wrote them; parsed they take some times that.
    pub bytes: u64,
}

impl Default for CacheSettings {
    fn default() -> Self {
        Self::lasting(Duration::from_secs(15))
    }
}

impl CacheSettings {
    /// Answers are kept this long; that something is not there, 5 s at most.
    pub fn lasting(found: Duration) -> Self {
        Self { found, missing: found.min(Duration::from_secs(5)), entries: 1_000, bytes: 16 << 20 }
    }
}

/// Answers reads from memory where it can. The key is [`Read::uri`].
///
/// - Kept are answers and "not found"; other errors are not.
/// - Reads of one key at one time are one request to the API, whose outcome all of them get, errors too. Callers that go
///   away do not stop it.
/// - A [fresh](Read::fresh) read always asks by itself (what another began to read may be older), and what it gets is kept.
/// - Counted are `hit` (from memory, and the followers of a request under way: the API was not asked for them), `miss`
///   and `evict` (by age or for want of room). A hit or miss with an error, "not found" too, is a failure.
///
/// ```
/// use mcp_backend::{cluster::{CacheLayer, CacheSettings, Read, ReadResult}, telemetry::Metrics};
/// use tower::ServiceBuilder;
///
/// let leaf = tower::service_fn(|_: Read| std::future::pending::<ReadResult>());
/// let cache = CacheLayer::new(CacheSettings::default(), Metrics::new());
/// let reads = ServiceBuilder::new().layer(cache).service(leaf);
/// # drop(reads);
/// ```
#[derive(Clone)]
pub struct CacheLayer {
    settings: CacheSettings,
    metrics: Metrics,
}

impl CacheLayer {
    /// Keeps as these settings say.
    pub fn new(settings: CacheSettings, metrics: Metrics) -> Self {
        Self { settings, metrics }
    }
}

impl<S> Layer<S> for CacheLayer {
    type Service = Cached<S>;

    fn layer(&self, inner: S) -> Cached<S> {
        Cached { inner, entries: entries(&self.settings, &self.metrics), metrics: self.metrics.clone() }
    }
}

/// What [`CacheLayer`] makes; clones share their entries.
#[derive(Clone)]
pub struct Cached<S> {
    inner: S,
    entries: Entries,
    metrics: Metrics,
}

/// An error in it is always "not found".
type Entries = Cache<Arc<str>, ReadResult>;

fn entries(settings: &CacheSettings, metrics: &Metrics) -> Entries {
    // Entries have one bound, a sum of weights. If none weighs less than its share of the bytes, it bounds both.
    let share = settings.bytes / settings.entries.max(1);
    let weigh = move |key: &Arc<str>, entry: &ReadResult| {
        let bytes = entry.as_ref().map_or_else(|error| error.message.len(), |answer| answer.bytes);
        u32::try_from((bytes as u64 + key.len() as u64).max(share)).unwrap_or(u32::MAX)
    };
    let metrics = metrics.clone();
    Cache::builder()
        .max_capacity(settings.bytes)
        .weigher(weigh)
        // The youngest reads are those that an agent comes back to; how often something was read says little.
        .eviction_policy(EvictionPolicy::lru())
        .expire_after(Age { found: settings.found, missing: settings.missing })
        .eviction_listener(move |_, _, cause| {
            if cause.was_evicted() {
                metrics.cache(CacheOperation::Evict, true);
            }
        })
        .build()
}

struct Age {
    found: Duration,
    missing: Duration,
}

impl Age {
    fn of(&self, entry: &ReadResult) -> Option<Duration> {
        Some(if entry.is_ok() { self.found } else { self.missing })
    }
}

impl Expiry<Arc<str>, ReadResult> for Age {
    fn expire_after_create(&self, _: &Arc<str>, entry: &ReadResult, _: Instant) -> Option<Duration> {
        self.of(entry)
    }

    fn expire_after_update(
        &self,
        _: &Arc<str>,
        entry: &ReadResult,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        self.of(entry)
    }
}

impl<S> Service<Read> for Cached<S>
where
    S: Service<Read, Response = Answer, Error = ReadError> + Clone + Send + Sync + 'static,
    S::Future: Send,
{
    type Response = Answer;
    type Error = ReadError;
    type Future = BoxFuture<'static, ReadResult>;

    /// Always: what is beneath is only waited for if it is asked.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ReadError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, read: Read) -> Self::Future {
        let cached = self.clone();
        Box::pin(async move {
            if !read.fresh
                && let Some(entry) = cached.entries.get(read.uri.as_str()).await
            {
                cached.metrics.cache(CacheOperation::Hit, entry.is_ok());
                return from_memory(entry);
            }
            // On a task of its own: others may wait for this read when its caller is gone. It ends by the time limit
            // beneath.
            let broken =
                ReadError::new(ReadErrorKind::Unreadable, format!("reading {} broke off", read.what));
            tokio::spawn(cached.load(read).in_current_span()).await.unwrap_or(Err(broken))
        })
    }
}

impl<S> Cached<S>
where
    S: Service<Read, Response = Answer, Error = ReadError>,
{
    async fn load(self, read: Read) -> ReadResult {
        let Self { inner, entries, metrics } = self;
        let key: Arc<str> = read.uri.as_str().into();
        if read.fresh {
            let answer = inner.oneshot(read).await;
            if is_kept(&answer) {
                entries.insert(key, answer.clone()).await;
            }
            metrics.cache(CacheOperation::Miss, answer.is_ok());
            return answer;
        }
        let mut asked = false;
        let ask = async {
            asked = true;
            let answer = inner.oneshot(read).await;
            if is_kept(&answer) { Ok(answer) } else { Err(answer) }
        };
        let answer = match entries.try_get_with(key, ask).await {
            Ok(entry) => entry,
            Err(shared) => (*shared).clone(),
        };
        let operation = if asked { CacheOperation::Miss } else { CacheOperation::Hit };
        metrics.cache(operation, answer.is_ok());
        if asked { answer } else { from_memory(answer) }
    }
}

fn is_kept(answer: &ReadResult) -> bool {
    answer.as_ref().err().is_none_or(|error| error.kind == ReadErrorKind::NotFound)
}

fn from_memory(entry: ReadResult) -> ReadResult {
    match entry {
        Ok(answer) => Ok(Answer { cached: true, ..answer }),
        Err(error) => Err(ReadError { cached: true, ..error }),
    }
}

#[cfg(test)]
#[path = "../tests/cache.rs"]
mod tests;
