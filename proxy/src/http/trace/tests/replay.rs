//! That the server sees the body as if nothing had been read ahead.

use super::*;

/// The body as it is without the layer, and as the server gets it.
async fn check(steps: impl Fn() -> Vec<Step>, announced: bool) {
    let case = || Case { announced, ..post(steps()) };
    let mut plain = HeldBody::passing(case().request().into_body());
    let (size, ended) = ((plain.size_hint().lower(), plain.size_hint().upper()), plain.is_end_stream());
    let expected = frames(&mut plain).await;
    let got = case().send().await;
    assert_eq!((&got.frames, got.ended), (&expected, ended), "{:?}", steps());
    // What has come since the head is known now; whether more comes is not.
    assert_eq!(got.size.1, size.1, "{:?}", steps());
    assert!(got.size.0 >= size.0, "{:?}", steps());
}

#[tokio::test(start_paused = true)]
async fn frames_trailers_ends_and_errors_are_those_of_the_body() {
    for announced in [false, true] {
        check(Vec::new, announced).await;
        check(|| vec![data("{}")], announced).await;
        check(|| vec![data("{"), data(""), data("}")], announced).await;
        check(|| vec![data("{"), Step::Quiet(10), data("}")], announced).await;
        check(|| vec![data("{"), Step::Quiet(100), data("}"), data("x")], announced).await;
        check(|| vec![data("{"), Step::Error], announced).await;
        check(|| vec![Step::Error], announced).await;
        check(|| vec![data("{"), Step::Quiet(100), Step::Error], announced).await;
        check(|| vec![data("x".repeat(100_000)), data("y")], announced).await;
    }
    check(|| vec![data("{}"), Step::Trailers], false).await;
    check(|| vec![Step::Trailers], false).await;
    check(|| vec![data("{}"), Step::Quiet(100), Step::Trailers], false).await;
}

#[tokio::test(start_paused = true)]
async fn frames_are_the_same_memory() {
    let bytes = Bytes::from(vec![b'x'; 1000]);
    let mut case = post([Step::Data(bytes.clone())]);
    let Ok(response) = case.layer().layer(service_fn(reflect)).oneshot(case.request()).await;
    let frame = response.into_body().into_body().frame().await.expect("a frame").expect("no error");
    assert_eq!(frame.into_data().expect("data").as_ptr(), bytes.as_ptr());
}

#[tokio::test(start_paused = true)]
async fn length_that_nobody_announced_stays_unknown() {
    let whole = case(Request::post("/").version(http::Version::HTTP_2), [data("{}")]).send().await;
    assert_eq!((whole.size, whole.ended), ((2, None), false));
    assert!(!whole.headers.contains_key("content-length"));
    let announced = post([data("{}")]).announced().send().await;
    assert_eq!((announced.size, announced.ended), ((2, Some(2)), false));
}

/// So that hyper writes to the server what came before the error.
#[tokio::test(start_paused = true)]
async fn error_that_was_read_ahead_comes_one_poll_later() {
    let mut case = post([data("{"), Step::Error]);
    let Ok(response) = case.layer().layer(service_fn(reflect)).oneshot(case.request()).await;
    let mut body = response.into_body().into_body();
    let mut poll = || Pin::new(&mut body).poll_frame(&mut Context::from_waker(std::task::Waker::noop()));
    assert!(matches!(poll(), Poll::Ready(Some(Ok(_)))));
    assert!(poll().is_pending());
    assert!(matches!(poll(), Poll::Ready(Some(Err("broken")))));
    assert!(matches!(poll(), Poll::Ready(None)));
}
