//! What a tapped body tells and what it lets through.

use std::time::Duration;

use super::super::body::TappedBody;
use super::super::watch::{BodyEnd, Watch};
use super::*;

/// Writes down what it is told, and panics where it is told to.
struct Notes {
    log: Log,
    panics_on: &'static [&'static str],
}

impl Notes {
    fn say(&self, what: String) {
        let panics = self.panics_on.iter().any(|start| what.starts_with(start));
        self.log.say(what);
        assert!(!panics, "as the script wants it");
    }
}

impl Watch for Notes {
    fn chunk(&mut self, data: &[u8]) {
        self.say(format!("chunk {}", String::from_utf8_lossy(data)));
    }

    fn fail(&mut self) {
        self.say("fail".to_owned());
    }

    fn spend(&mut self, _spent: Duration) {}

    fn end(&mut self, end: BodyEnd, _at_once: bool) {
        self.say(format!("end {end:?}"));
    }
}

impl Drop for Notes {
    fn drop(&mut self) {
        assert!(!self.panics_on.contains(&"drop"), "as the script wants it");
    }
}

fn tapped(body: MockBody, panics_on: &'static [&'static str]) -> (TappedBody<MockBody>, Log) {
    let log = Log::default();
    let notes = Notes { log: log.clone(), panics_on };
    (TappedBody::new(body, Some(Box::new(notes))), log)
}

/// Polls `polls` times, then drops.
#[track_caller]
fn check(body: MockBody, polls: usize, expected: &[&str]) {
    let (mut tapped, log) = tapped(body, &[]);
    for _ in 0..polls {
        let _ = poll(&mut tapped);
    }
    drop(tapped);
    assert_eq!(log.take(), expected);
}

#[test]
fn body_that_gives_none_is_complete() {
    check(MockBody::new([data("a"), Step::Pending, data("b")]), 4, &["chunk a", "chunk b", "end Complete"]);
    check(MockBody::new([]), 1, &["end Complete"]);
}

#[test]
fn body_polled_on_after_its_end_ends_once() {
    check(MockBody::new([data("a")]), 5, &["chunk a", "end Complete"]);
    check(MockBody::new([Step::Trailers]), 5, &["end Complete"]);
    check(MockBody::new([Step::Error]), 5, &["end Error"]);
    check(MockBody::new([Step::Error, data("late")]), 5, &["end Error"]);
}

#[test]
fn trailers_complete_a_body() {
    check(MockBody::new([data("a"), Step::Trailers]), 2, &["chunk a", "end Complete"]);
}

#[test]
fn error_breaks_a_body_off() {
    check(MockBody::new([data("a"), Step::Error]), 2, &["chunk a", "end Error"]);
}

#[test]
fn dropped_body_counts_as_dropped_wherever_it_stood() {
    check(MockBody::new([data("a"), data("b")]), 0, &["end Dropped"]);
    check(MockBody::new([data("a"), data("b")]), 1, &["chunk a", "end Dropped"]);
    check(MockBody::new([data("a"), Step::Pending]), 2, &["chunk a", "end Dropped"]);
}

#[test]
fn last_frame_of_a_body_that_says_so_completes_it_at_once() {
    let body = MockBody { says_end: true, ..MockBody::new([data("a"), data("b")]) };
    check(body.clone(), 1, &["chunk a", "end Dropped"]);
    let (mut tapped, log) = tapped(body, &[]);
    let _ = poll(&mut tapped);
    let _ = poll(&mut tapped);
    assert_eq!(log.take(), ["chunk a", "chunk b", "end Complete"]);
    drop(tapped);
    assert!(log.take().is_empty());
}

#[test]
fn empty_body_is_complete_without_a_poll() {
    check(MockBody { says_end: true, ..MockBody::default() }, 0, &["end Complete"]);
}

#[test]
fn body_dropped_after_all_its_announced_bytes_is_complete() {
    let body = MockBody { says_size: true, ..MockBody::new([data("a"), data("b")]) };
    check(body.clone(), 1, &["chunk a", "end Dropped"]);
    check(body, 2, &["chunk a", "chunk b", "end Complete"]);
}

#[test]
fn size_and_end_are_those_of_the_body_inside() {
    let mut plain = MockBody { says_end: true, says_size: true, ..MockBody::new([data("a"), data("bc")]) };
    let (mut tapped, _log) = tapped(plain.clone(), &[]);
    for _ in 0..3 {
        assert_eq!(tapped.is_end_stream(), plain.is_end_stream());
        assert_eq!(tapped.size_hint().exact(), plain.size_hint().exact());
        let _ = (poll(&mut tapped), poll(&mut plain));
    }
}

#[test]
fn frames_are_the_same_memory_and_trailers_pass() {
    let bytes = Bytes::from_static(b"abc");
    let (mut tapped, _log) = tapped(MockBody::new([Step::Data(bytes.clone()), Step::Trailers]), &[]);
    let Poll::Ready(Some(Ok(frame))) = poll(&mut tapped) else { panic!("a frame") };
    let out = frame.into_data().expect("data");
    assert_eq!((out.as_ptr(), out.len()), (bytes.as_ptr(), 3));
    let Poll::Ready(Some(Ok(frame))) = poll(&mut tapped) else { panic!("a frame") };
    assert!(frame.is_trailers());
}

#[test]
fn body_without_a_watch_passes() {
    let mut tapped = TappedBody::new(MockBody::new([data("a"), data("b")]), None);
    assert_eq!(drain(&mut tapped), ["a", "b"]);
}

#[test]
fn panicking_watch_is_harmless() {
    let cases: &[(&'static [&'static str], &[&str])] = &[
        (&["chunk a"], &["chunk a", "fail", "chunk b", "end Complete"]),
        (&["chunk"], &["chunk a", "fail", "chunk b", "fail", "end Complete"]),
        (&["chunk", "fail"], &["chunk a", "fail"]),
        (&["chunk", "fail", "drop"], &["chunk a", "fail"]),
        (&["end"], &["chunk a", "chunk b", "end Complete"]),
        (&["end", "drop"], &["chunk a", "chunk b", "end Complete"]),
    ];
    for (panics_on, expected) in cases {
        let (mut tapped, log) = tapped(MockBody::new([data("a"), data("b")]), panics_on);
        assert_eq!(drain(&mut tapped), ["a", "b"], "{panics_on:?}");
        assert_eq!(log.take(), *expected, "{panics_on:?}");
    }
}
