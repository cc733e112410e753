//! Messages on their way into a socket that takes them as it likes.

use std::task::Waker;

use bytes::Bytes;
use http::{Request, request};
use http_body::{Body, Frame, SizeHint};
use proptest::prelude::*;

use super::super::encoder;
use super::super::output::Output;
use super::super::transfer::{Failed, Transfer};
use super::*;

#[derive(Debug, Clone)]
enum Step {
    Data(Vec<u8>),
    Pending,
    Trailers,
    Error,
}

/// A body that follows a script.
#[derive(Debug, Clone)]
struct Script {
    steps: VecDeque<Step>,
    says_end: bool,
}

fn script(steps: impl IntoIterator<Item = Step>) -> Script {
    Script { steps: steps.into_iter().collect(), says_end: false }
}

impl Body for Script {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
        match self.steps.pop_front() {
            None => Poll::Ready(None),
            Some(Step::Pending) => Poll::Pending,
            Some(Step::Data(data)) => Poll::Ready(Some(Ok(Frame::data(data.into())))),
            Some(Step::Trailers) => Poll::Ready(Some(Ok(Frame::trailers(HeaderMap::new())))),
            Some(Step::Error) => Poll::Ready(Some(Err("broken"))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.says_end && self.steps.is_empty()
    }
}

fn parts(length: Option<usize>) -> request::Parts {
    let mut request = Request::post("/");
    if let Some(length) = length {
        request = request.header("content-length", length);
    }
    request.body(()).expect("a request").into_parts().0
}

/// A request of this stated length, or of chunks, with this body.
fn transfer(length: Option<usize>, body: Script) -> Transfer<Script> {
    let mut output = Output::default();
    let encoder = encoder::request(&parts(length), None, &SizeHint::default(), output.buffer());
    Transfer::new(output, encoder, body)
}

fn poll(transfer: &mut Transfer<Script>, socket: &mut Socket) -> Poll<Result<(), Failed>> {
    transfer.poll(socket, &mut Context::from_waker(Waker::noop()))
}

/// Polls until it is over; a script has an end.
fn drive(transfer: &mut Transfer<Script>, socket: &mut Socket) -> Result<(), Failed> {
    for _ in 0..100_000 {
        if let Poll::Ready(done) = poll(transfer, socket) {
            return done;
        }
    }
    panic!("it never ends");
}

fn data(text: &str) -> Step {
    Step::Data(text.as_bytes().to_vec())
}

const CHUNKED: &str = "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n";

#[test]
fn a_burst_leaves_with_its_head_in_one_write_and_at_once() {
    let steps = [data("a"), data("bc"), data("d"), Step::Pending, data("e")];
    for says_end in [false, true] {
        let mut transfer = transfer(None, Script { says_end, ..script(steps.clone()) });
        let mut socket = Socket::default();
        assert!(poll(&mut transfer, &mut socket).is_pending());
        assert_eq!(socket.text(), format!("{CHUNKED}1\r\na\r\n2\r\nbc\r\n1\r\nd\r\n"));
        assert_eq!(socket.writes, 1);
        assert!(matches!(poll(&mut transfer, &mut socket), Poll::Ready(Ok(()))));
        assert!(socket.text().ends_with("1\r\nd\r\n1\r\ne\r\n0\r\n\r\n"));
        assert_eq!(socket.writes, 2);
        assert!(transfer.begun() && transfer.keeps());
    }
}

#[test]
fn a_large_piece_leaves_with_what_is_around_it() {
    let large = "x".repeat(100_000);
    let mut transfer = transfer(None, script([data("a"), data(&large), data("b")]));
    let mut socket = Socket::default();
    assert!(drive(&mut transfer, &mut socket).is_ok());
    assert_eq!(socket.text(), format!("{CHUNKED}1\r\na\r\n186a0\r\n{large}\r\n1\r\nb\r\n0\r\n\r\n"));
    assert_eq!(socket.writes, 2);
}

#[test]
fn what_came_before_an_error_is_written() {
    let mut transfer = transfer(None, script([data("a"), Step::Error]));
    let mut socket = Socket::taking([Take::Up(3), Take::Pending]);
    assert!(matches!(drive(&mut transfer, &mut socket), Err(Failed::Body(_))));
    assert_eq!(socket.text(), format!("{CHUNKED}1\r\na\r\n"));
}

#[test]
fn a_body_that_is_too_short_or_too_long_never_spoils_the_next_message() {
    let head = "POST / HTTP/1.1\r\ncontent-length: 3\r\n\r\n";
    for (steps, says_end, written, whole) in [
        (vec![data("abc")], false, "abc", true),
        (vec![data("ab"), data("c")], false, "abc", true),
        (vec![data("abcGET / HTTP/1.1")], false, "abc", true),
        (vec![data("ab"), data("cGET"), data(" /")], false, "abc", true),
        (vec![data("abc"), Step::Trailers], false, "abc", true),
        (vec![data("ab")], false, "ab", false),
        (vec![data("ab")], true, "ab", false),
        (vec![], false, "", false),
        (vec![data("ab"), Step::Trailers], false, "ab", false),
        (vec![Step::Trailers], true, "", false),
    ] {
        let told = format!("{steps:?} {says_end}");
        let mut transfer = transfer(Some(3), Script { says_end, ..script(steps) });
        let mut socket = Socket::default();
        let done = drive(&mut transfer, &mut socket);
        assert_eq!(socket.text(), format!("{head}{written}"), "{told}");
        assert_eq!(done.is_ok(), whole, "{told}");
        assert!(whole || matches!(done, Err(Failed::TooShort)), "{told}");
    }
}

#[test]
fn a_message_without_a_body_is_over_with_its_head() {
    let mut transfer = transfer(Some(0), script([Step::Pending, data("never")]));
    let mut socket = Socket::default();
    assert!(matches!(poll(&mut transfer, &mut socket), Poll::Ready(Ok(()))));
    assert!(socket.text().ends_with("\r\n\r\n") && transfer.body().is_none());
}

#[test]
fn a_socket_that_breaks_is_told_and_whether_it_had_begun() {
    for (takes, begun) in
        [(vec![Take::Broken], false), (vec![Take::Up(1), Take::Broken], true), (vec![Take::Up(0)], false)]
    {
        let mut transfer = transfer(None, script([data("a")]));
        let mut socket = Socket::taking(takes);
        assert!(matches!(drive(&mut transfer, &mut socket), Err(Failed::Io(_))));
        assert_eq!(transfer.begun(), begun);
    }
    // Where not a byte was taken, another socket gets all of it.
    let mut transfer = transfer(None, script([data("a")]));
    assert!(poll(&mut transfer, &mut Socket::taking([Take::Broken])).is_ready());
    let mut socket = Socket::default();
    assert!(drive(&mut transfer, &mut socket).is_ok());
    assert_eq!(socket.text(), format!("{CHUNKED}1\r\na\r\n0\r\n\r\n"));
}

#[test]
fn a_socket_that_holds_back_what_it_took_is_asked_until_it_has_flushed() {
    // Behind the last frame.
    let mut whole = transfer(None, script([data("a")]));
    let mut socket = Socket { unflushed: 2, ..Socket::default() };
    assert!(poll(&mut whole, &mut socket).is_pending());
    assert!(poll(&mut whole, &mut socket).is_pending());
    assert!(matches!(poll(&mut whole, &mut socket), Poll::Ready(Ok(()))));
    assert_eq!(socket.flushes, 1);
    // While the body has nothing.
    let mut waiting = transfer(None, script([data("a"), Step::Pending, Step::Pending, Step::Pending]));
    let mut socket = Socket { unflushed: 1, ..Socket::default() };
    assert!(poll(&mut waiting, &mut socket).is_pending());
    assert_eq!(socket.flushes, 0);
    assert!(poll(&mut waiting, &mut socket).is_pending());
    assert_eq!(socket.flushes, 1);
}

#[test]
fn a_socket_that_takes_a_little_each_time_does_not_let_memory_grow() {
    let mut output = Output::default();
    let mut cx = Context::from_waker(Waker::noop());
    let (mut most, mut put) = (0, 0);
    let mut socket = Socket::default();
    for _ in 0..2000 {
        while !output.is_full() {
            output.push(Bytes::from(vec![b'x'; 1000]), b"\r\n");
            put += 1002;
        }
        socket.takes.extend([Take::Up(700), Take::Pending]);
        let _rest = output.poll_write(&mut socket, &mut cx);
        most = most.max(output.buffer().capacity());
    }
    assert!(most <= 64 * 1024, "{most}");
    socket.takes.clear();
    assert!(output.poll_write(&mut socket, &mut cx).is_ready());
    assert_eq!(socket.taken.len(), put);
    assert!(output.is_empty() && output.buffer().capacity() <= 1024);
}

fn takes() -> impl Strategy<Value = Vec<Take>> {
    let take = prop_oneof![
        (1..40_usize).prop_map(Take::Up),
        (1..40_000_usize).prop_map(Take::Up),
        Just(Take::Pending),
    ];
    prop::collection::vec(take, 0..60)
}

proptest! {
    #[test]
    fn any_socket_gets_the_same_bytes(
        sizes in prop::collection::vec(prop_oneof![Just(0_usize), 1..50_usize, 4000..4200_usize, 15_000..40_000_usize], 0..12),
        pauses in prop::collection::vec(any::<bool>(), 12),
        takes in takes(),
        says_end in any::<bool>(),
        stated in any::<bool>(),
        unflushed in 0..3_usize,
    ) {
        let mut steps = Vec::new();
        let mut expected = Vec::new();
        let total: usize = sizes.iter().sum();
        for (number, size) in sizes.iter().enumerate() {
            let data = vec![b'a' + number as u8; *size];
            if !stated && *size > 0 {
                expected.extend_from_slice(format!("{size:x}\r\n").as_bytes());
            }
            expected.extend_from_slice(&data);
            if !stated && *size > 0 {
                expected.extend_from_slice(b"\r\n");
            }
            steps.push(Step::Data(data));
            if pauses[number] {
                steps.push(Step::Pending);
            }
        }
        if !stated {
            expected.extend_from_slice(b"0\r\n\r\n");
        }
        let mut transfer = transfer(stated.then_some(total), Script { says_end, ..script(steps) });
        let mut socket = Socket { unflushed, ..Socket::taking(takes) };
        prop_assert!(drive(&mut transfer, &mut socket).is_ok());
        let start = socket.taken.windows(4).position(|end| end == b"\r\n\r\n").expect("a head") + 4;
        prop_assert!(socket.taken[start..] == expected[..]);
        prop_assert!(socket.flushes > 0);
        prop_assert!(transfer.into_output().is_empty());
    }
}
