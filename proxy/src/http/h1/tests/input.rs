//! What is held of bytes that arrive.

use std::task::Waker;

use bytes::Bytes;

use super::*;

fn read(input: &mut Input, socket: &mut Socket, expected: u64) -> Poll<usize> {
    let mut cx = Context::from_waker(Waker::noop());
    input.poll_read(socket, expected, &mut cx).map(|read| read.expect("it does not break"))
}

#[test]
fn what_arrives_in_any_sizes_comes_in_order() {
    let all: Vec<u8> = (0..300_000_u32).map(|number| (number % 251) as u8).collect();
    for size in [1, 1000, 16 * 1024, 16 * 1024 + 1, 100_000, 300_000] {
        for expected in [0, 1, 20_000, u64::MAX] {
            let mut socket =
                Socket { readable: all.chunks(size).map(<[u8]>::to_vec).collect(), ..Socket::default() };
            let mut input = Input::default();
            while let Poll::Ready(count) = read(&mut input, &mut socket, expected) {
                assert!(count > 0);
            }
            assert!(input.bytes() == all, "in pieces of {size}, {expected} expected");
        }
    }
}

#[test]
fn an_idle_connection_holds_no_memory() {
    for (size, expected) in [(10, 0), (100, 10), (16_383, 0), (16_384, 0), (16_384, 10), (16_384, 16_384)] {
        for taken_apart in [false, true] {
            let mut socket = Socket::default();
            socket.readable.push_back(vec![b'x'; size]);
            let mut input = Input::default();
            assert_eq!(read(&mut input, &mut socket, 0), Poll::Ready(size));
            let taken = if taken_apart { input.buffer().split_to(size).freeze() } else { Bytes::new() };
            input.buffer().clear();
            // Waiting once more takes none either.
            for _ in 0..2 {
                assert_eq!(read(&mut input, &mut socket, expected), Poll::Pending);
                assert_eq!(input.buffer().capacity(), 0, "{size} came, {expected} expected");
            }
            assert!(!taken_apart || taken.is_unique(), "{size} came, {expected} expected");
        }
    }
}

#[test]
fn a_message_takes_the_memory_it_needs() {
    let mut socket = Socket::default();
    socket.readable.push_back(vec![b'x'; 100]);
    let mut input = Input::default();
    assert_eq!(read(&mut input, &mut socket, 0), Poll::Ready(100));
    assert!(input.buffer().capacity() < 1024);
}

#[test]
fn the_end_is_read_as_nothing_and_takes_nothing_away() {
    let mut socket = Socket::default();
    socket.readable.extend([b"ab".to_vec(), Vec::new()]);
    let mut input = Input::default();
    assert_eq!(read(&mut input, &mut socket, 5), Poll::Ready(2));
    assert_eq!(read(&mut input, &mut socket, 3), Poll::Ready(0));
    assert_eq!(input.bytes(), b"ab");
}
