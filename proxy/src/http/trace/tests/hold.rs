//! How long a request is held.

use std::future::ready;
use std::task::Waker;

use tower::Service;

use super::super::{HOLD_FRAMES, HOLD_SIZE};
use super::*;
use crate::exchange::event::{EndReason, Event, Sink};
use crate::exchange::{self, Exchange};
use crate::http::forward::ForwardError;
use crate::http::inspect::{self, InspectLayer, TappedBody};
use crate::http::stack::stack;

/// Sends a request and looks when it went on, with how many bytes read.
#[track_caller]
fn check(case: Case, after: u128, read: usize) -> impl Future<Output = Got> {
    let caller = std::panic::Location::caller();
    async move {
        let got = case.send().await;
        assert_eq!((got.after, &got.forwarded[..]), (after, &[read][..]), "{caller}");
        assert_eq!(
            got.headers.get("traceparent").map(|value| value.as_bytes()),
            Some(PARENT.as_bytes()),
            "{caller}"
        );
        got
    }
}

/// No runtime is here, so there is no timer either.
#[test]
fn body_that_is_there_goes_on_in_the_same_poll() {
    for steps in [vec![data("{}")], vec![data("{"), data("}")]] {
        let mut case = post(steps).announced();
        let request = case.request();
        let mut response = std::pin::pin!(case.layer().layer(service_fn(reflect)).call(request));
        assert!(response.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready());
        assert_eq!(case.exchange.forwarded(), [2]);
        assert_eq!(case.memory.used(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn body_in_pieces_is_waited_for_until_its_end() {
    let pieces = || [data("{"), Step::Quiet(20), data("\"a\":"), Step::Quiet(20), data("1}")];
    assert_eq!(check(post(pieces()).announced(), 40, 7).await.frames, ["{", "\"a\":", "1}"]);
    assert_eq!(check(post(pieces()), 40, 7).await.frames, ["{", "\"a\":", "1}", "none"]);
    check(post([Step::Quiet(10)]), 10, 0).await;
    check(post([data("{}"), Step::Quiet(10), Step::Trailers]), 10, 2).await;
}

#[tokio::test(start_paused = true)]
async fn slow_body_is_waited_for_50_milliseconds() {
    let got = check(post([data("{"), Step::Quiet(200), data("}")]), 50, 1).await;
    assert_eq!(got.frames, ["{", "}", "none"]);
    check(post([Step::Quiet(200), data("{}")]), 50, 0).await;
    check(post([data("a"), Step::Quiet(30), data("b"), Step::Quiet(30), data("c")]).announced(), 50, 2).await;
}

#[tokio::test(start_paused = true)]
async fn large_body_is_held_up_to_64_kib() {
    let piece = || data(vec![b'x'; HOLD_SIZE / 4]);
    let got =
        check(post([piece(), piece(), piece(), piece(), Step::Quiet(200), piece()]), 0, HOLD_SIZE).await;
    assert_eq!(got.frames.iter().map(String::len).sum::<usize>(), HOLD_SIZE / 4 * 5 + "none".len());
    check(post([piece(), piece(), piece(), piece()]).announced(), 0, HOLD_SIZE).await;
    // What is announced longer cannot be complete in time.
    check(post([piece(), piece(), piece(), piece(), data("x")]).announced(), 0, 0).await;
}

#[tokio::test(start_paused = true)]
async fn frames_without_end_are_held_up_to_a_number() {
    let steps = (0..=HOLD_FRAMES).map(|_| data("")).chain([Step::Quiet(200), data("{}")]);
    let got = check(post(steps), 0, 0).await;
    assert_eq!(got.frames.len(), HOLD_FRAMES + 3);
}

#[tokio::test(start_paused = true)]
async fn broken_body_goes_on_at_once_with_its_error() {
    let got = check(post([data("{"), Step::Error]), 0, 1).await;
    assert_eq!(got.frames, ["{", "broken"]);
    let got = check(post([data("{"), Step::Quiet(10), Step::Error, data("}")]).announced(), 10, 1).await;
    assert_eq!((got.size, &got.frames[..]), ((2, Some(2)), &["{".to_owned(), "broken".to_owned()][..]));
}

#[tokio::test(start_paused = true)]
async fn requests_that_are_not_held() {
    let slow = || [Step::Quiet(10), data("{}")];
    check(case(Request::get("/"), slow()), 0, 0).await;
    check(case(Request::delete("/"), slow()), 0, 0).await;
    check(case(Request::post("/").header("Expect", "100-continue"), slow()), 0, 0).await;
    check(post([]).announced(), 0, 0).await;
    check(Case { hold: false, ..post(slow()) }, 0, 0).await;
}

#[tokio::test(start_paused = true)]
async fn request_without_an_exchange_passes() {
    let mut request = case(Request::post("/").header("traceparent", "x"), [Step::Quiet(200), data("{}")]);
    let mut sent = request.request();
    sent.body_mut().told = false;
    let start = clock::now();
    let Ok(response) = request.layer().layer(service_fn(reflect)).oneshot(sent).await;
    let got = response.into_body();
    assert_eq!(clock::now(), start);
    assert_eq!(got.headers()["traceparent"], "x");
    assert!(request.exchange.forwarded().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_is_held_is_paid_for_until_it_was_taken() {
    let mut case = post([data("{\"a\":"), Step::Quiet(20), data("1}")]);
    let mut response = Box::pin(case.layer().layer(service_fn(reflect)).oneshot(case.request()));
    assert!(response.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    assert_eq!(case.memory.used(), 5 + size_of::<Bytes>());
    let Ok(response) = response.await;
    assert_ne!(case.memory.used(), 0);
    let mut body = response.into_body().into_body();
    assert_eq!(frames(&mut body).await, ["{\"a\":", "1}", "none"]);
    assert_eq!(case.memory.used(), 0);
}

/// A byte in the middle of a buffer that others wait for.
struct Buffer {
    _others: Arc<()>,
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &[b'x'; 8192]
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_held_holds_no_more_than_its_own_bytes() {
    let buffer = Arc::new(());
    let part = || Step::Data(Bytes::from_owner(Buffer { _others: Arc::clone(&buffer) }).slice(1..2));
    let mut case = post([part(), Step::Quiet(10), part(), Step::Quiet(10), part(), part(), Step::Never]);
    let mut response = Box::pin(case.layer().layer(service_fn(reflect)).oneshot(case.request()));
    assert_eq!(Arc::strong_count(&buffer), 5);
    for (milliseconds, left) in [(1, 4), (10, 3), (10, 1)] {
        let waited = tokio::time::timeout(Duration::from_millis(milliseconds), &mut response).await;
        assert!(waited.is_err(), "it is held");
        assert_eq!(Arc::strong_count(&buffer), left);
    }
    assert_eq!(case.memory.used(), 4 * (1 + size_of::<Bytes>()));
}

#[tokio::test(start_paused = true)]
async fn request_without_room_is_not_held() {
    let case =
        || Case { memory: Arc::new(Budget::new(3)), ..post([data("{\"a\":"), Step::Quiet(20), data("1}")]) };
    assert_eq!(check(case(), 0, 5).await.frames, ["{\"a\":", "1}", "none"]);
    // What is there at once needs none.
    check(post([data("{\"a\":1}")]).announced(), 0, 7).await;
}

#[tokio::test(start_paused = true)]
async fn request_that_is_dropped_while_held_never_went_on() {
    let mut case = post([data("{"), Step::Never]);
    let mut response = Box::pin(case.layer().layer(service_fn(reflect)).oneshot(case.request()));
    assert!(response.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    drop(response);
    assert!(case.exchange.forwarded().is_empty());
    assert_eq!(case.memory.used(), 0);
}

#[derive(Default)]
struct Ends(Mutex<Vec<EndReason>>);

impl Sink for Ends {
    fn emit(&self, event: Event) {
        if let Event::HttpEnded(record) = event {
            self.0.lock().expect("no test panics while it writes").push(record.end);
        }
    }
}

/// Through both layers, with the real exchange.
#[tokio::test(start_paused = true)]
async fn exchange_that_is_dropped_while_held_ends_as_left_by_the_client() {
    let ends = Arc::new(Ends::default());
    let exchange = Exchange::new(exchange::Settings::default(), Arc::clone(&ends) as Arc<dyn Sink>);
    let settings = inspect::Settings { contexts: true, ..inspect::Settings::default() };
    let trace = TraceLayer::new(Settings { hold: true, memory: Arc::clone(&settings.memory) });
    let inspect = InspectLayer::accepted(exchange, settings, ([127, 0, 0, 1], 1).into());
    let reached = Arc::new(Mutex::new(0));
    let server = service_fn(|_: Request<HeldBody<TappedBody<Script>>>| {
        *reached.lock().expect("not poisoned") += 1;
        ready(Ok::<_, ForwardError>(Response::new(String::new())))
    });
    let mut service = stack(&inspect, &trace, server);
    let mut call = |steps: Vec<Step>| service.call(post(steps).request());

    let mut left = Box::pin(call(vec![data("{"), Step::Never]));
    assert!(left.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    drop(left);
    assert_eq!(
        (*reached.lock().expect("not poisoned"), &ends.0.lock().expect("not poisoned")[..]),
        (0, &[EndReason::ClientGone][..])
    );

    let Ok(response) = call(vec![data("{"), Step::Quiet(10), data("}")]).await;
    response.into_body().collect().await.expect("a whole body");
    assert_eq!(*reached.lock().expect("not poisoned"), 1);
    assert_eq!(ends.0.lock().expect("not poisoned")[..], [EndReason::ClientGone, EndReason::Complete]);
}
