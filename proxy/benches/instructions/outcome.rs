//! Judging an answer: from the message to its ending and labels.

use std::hint::black_box;

use mcp_tap::protocol::message::{Answer, Message, MessageKind};
use mcp_tap::protocol::method::Method;
use mcp_tap::protocol::outcome::Ending;

use super::harness::Case;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case { name: "outcome/known method", iterations: 1000, run: known_method },
        Case { name: "outcome/ending of an error", iterations: 1000, run: ending_of_an_error },
    ]
}

fn known_method(iterations: u32) {
    for _ in 0..iterations {
        black_box(Method::known(black_box("tools/call")));
    }
}

fn ending_of_an_error(iterations: u32) {
    let answer = Answer { code: Some(-32602), ..Answer::default() };
    let message = Message { kind: MessageKind::Error, answer, ..Message::default() };
    for _ in 0..iterations {
        let ending = Ending::of_answer(black_box(&message), black_box(Some(200)));
        black_box((ending.error_type(), ending.class()));
    }
}
