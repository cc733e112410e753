//! The promises of the cache.

use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::join_all;
use tokio::sync::Notify;

use super::*;
use crate::cluster::tests::reads::{answer, missing, read};

/// What the leaf does: it counts, waits if it is told to, and answers by the address.
#[derive(Clone, Default)]
struct Api {
    loads: Arc<AtomicUsize>,
    gate: Option<Arc<Notify>>,
}

impl Api {
    fn gated() -> (Self, Arc<Notify>) {
        let gate = Arc::new(Notify::new());
        (Self { gate: Some(Arc::clone(&gate)), ..Self::default() }, gate)
    }

    fn loads(&self) -> usize {
        self.loads.load(Ordering::SeqCst)
    }
}

impl Service<Read> for Api {
    type Response = Answer;
    type Error = ReadError;
    type Future = BoxFuture<'static, ReadResult>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ReadError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, read: Read) -> Self::Future {
        self.loads.fetch_add(1, Ordering::SeqCst);
        let gate = self.gate.clone();
        Box::pin(async move {
            if let Some(gate) = gate {
                gate.notified().await;
            }
            match read.uri.as_str() {
                "/missing" => Err(missing()),
                "/broken" => Err(ReadError::new(ReadErrorKind::Api, "broken")),
                "/big" => Ok(answer(1 << 20)),
                _ => Ok(answer(10)),
            }
        })
    }
}

fn cached(api: &Api, settings: CacheSettings) -> (Cached<Api>, Metrics) {
    let metrics = Metrics::new();
    (CacheLayer::new(settings, metrics.clone()).layer(api.clone()), metrics)
}

async fn ask(cache: &Cached<Api>, uri: &str) -> ReadResult {
    cache.clone().oneshot(read(uri)).await
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..1_000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("waited in vain until {what}");
}

fn counted(metrics: &Metrics, operation: &str, result: &str) -> u64 {
    let line = format!("mcp_cache_operations_total{{operation=\"{operation}\",result=\"{result}\"}} ");
    let page = metrics.render();
    page.lines().find_map(|text| text.strip_prefix(&line)).map_or(0, |count| count.parse().unwrap())
}

#[tokio::test]
async fn a_hundred_at_once_are_one_request() {
    for (uri, result) in [("/pod", "success"), ("/missing", "failure"), ("/broken", "failure")] {
        let (api, gate) = Api::gated();
        let (cache, metrics) = cached(&api, CacheSettings::default());
        let asked = join_all((0..100).map(|_| ask(&cache, uri)));
        let opened = async {
            until("the API is asked", || api.loads() > 0).await;
            // All the others have met the one under way: tasks of this runtime run in the order of their start.
            for _ in 0..200 {
                tokio::task::yield_now().await;
            }
            gate.notify_one();
        };
        let (answers, ()) = tokio::join!(asked, opened);
        assert_eq!(api.loads(), 1, "{uri}");
        assert!(answers.iter().all(|answer| answer.is_ok() == (result == "success")), "{uri}");
        assert_eq!(counted(&metrics, "miss", result), 1, "{uri}");
        assert_eq!(counted(&metrics, "hit", result), 99, "{uri}");
        let cached = |answer: &&ReadResult| match answer {
            Ok(answer) => answer.cached,
            Err(error) => error.cached,
        };
        assert_eq!(answers.iter().filter(cached).count(), 99, "{uri}");
    }
}

#[tokio::test]
async fn a_caller_that_leaves_does_not_stop_the_others() {
    let (api, gate) = Api::gated();
    let (cache, _) = cached(&api, CacheSettings::default());
    let first = tokio::spawn({
        let cache = cache.clone();
        async move { ask(&cache, "/pod").await }
    });
    until("the API is asked", || api.loads() == 1).await;
    let second = tokio::spawn({
        let cache = cache.clone();
        async move { ask(&cache, "/pod").await }
    });
    first.abort();
    assert!(first.await.is_err());
    gate.notify_one();
    assert!(second.await.unwrap().is_ok());
    assert_eq!(api.loads(), 1);
}

#[tokio::test]
async fn what_is_missing_is_kept_and_other_errors_are_not() {
    let api = Api::default();
    let (cache, metrics) = cached(&api, CacheSettings::default());
    for (uri, loads) in [("/pod", 1), ("/missing", 1), ("/broken", 3)] {
        let before = api.loads();
        for _ in 0..3 {
            ask(&cache, uri).await.ok();
        }
        assert_eq!(api.loads() - before, loads, "{uri}");
    }
    assert_eq!((counted(&metrics, "hit", "success"), counted(&metrics, "miss", "success")), (2, 1));
    assert_eq!((counted(&metrics, "hit", "failure"), counted(&metrics, "miss", "failure")), (2, 4));
}

#[tokio::test]
async fn a_fresh_read_asks_and_refreshes() {
    let api = Api::default();
    let (cache, _) = cached(&api, CacheSettings::default());
    ask(&cache, "/pod").await.unwrap();
    let fresh = Read { fresh: true, ..read("/pod") };
    assert!(!cache.clone().oneshot(fresh.clone()).await.unwrap().cached);
    assert_eq!(api.loads(), 2);
    assert!(ask(&cache, "/pod").await.unwrap().cached);
    assert_eq!(api.loads(), 2);

    let (empty, _) = cached(&api, CacheSettings::default());
    empty.clone().oneshot(fresh).await.unwrap();
    assert!(ask(&empty, "/pod").await.unwrap().cached, "what a fresh read got is kept");
}

#[tokio::test]
async fn entries_end_by_their_age() {
    let api = Api::default();
    let long = Duration::from_secs(600);
    let short = Duration::from_millis(40);
    let settings = |found, missing| CacheSettings { found, missing, ..CacheSettings::default() };
    for (settings, short_lived, long_lived) in
        [(settings(short, long), "/pod", "/missing"), (settings(long, short), "/missing", "/pod")]
    {
        let (cache, metrics) = cached(&api, settings);
        ask(&cache, short_lived).await.ok();
        ask(&cache, long_lived).await.ok();
        until("the entry is gone", || !cache.entries.contains_key(short_lived)).await;
        assert!(cache.entries.contains_key(long_lived));
        // The library looks for old entries now and then, and only while it is used.
        for _ in 0..1_000 {
            cache.entries.run_pending_tasks().await;
            if counted(&metrics, "evict", "success") > 0 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(counted(&metrics, "evict", "success"), 1);
    }
}

#[tokio::test]
async fn both_bounds_are_reached_and_not_passed() {
    let api = Api::default();
    let (cache, metrics) = cached(&api, CacheSettings::default());
    for entry in 0..1_200 {
        ask(&cache, &format!("/pod-{entry}")).await.unwrap();
    }
    cache.entries.run_pending_tasks().await;
    assert_eq!(cache.entries.entry_count(), 1_000);
    assert_eq!(counted(&metrics, "evict", "success"), 200);
    assert!(cache.entries.contains_key("/pod-1199") && !cache.entries.contains_key("/pod-0"));

    let (cache, _) = cached(&api, CacheSettings { bytes: 4 << 20, entries: 8, ..CacheSettings::default() });
    for entry in 0..12 {
        ask(&cache, if entry == 0 { "/big" } else { "/pod" }).await.unwrap();
        ask(&cache, &format!("/pod-{entry}")).await.unwrap();
    }
    cache.entries.run_pending_tasks().await;
    assert!(cache.entries.weighted_size() <= 4 << 20);
    assert!(cache.entries.entry_count() <= 8);
}
