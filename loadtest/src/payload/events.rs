//! Events with the time at which they were sent.

use std::fmt::Write;
use std::time::Duration;

use bytes::Bytes;

/// Most events of one answer.
pub const MAX_EVENTS: u32 = 10_000;
/// Longest time between two events.
pub const MAX_INTERVAL: Duration = Duration::from_secs(60);

/// Bytes of a time stamp: nanoseconds of the monotonic clock as hexadecimal digits, which all processes of a machine
/// share. The width is fixed, so that a stamp never moves what stands behind it.
pub const STAMP_SIZE: usize = 16;
/// What stands in an answer where the server puts a stamp.
pub(super) const NO_STAMP: &str = "0000000000000000";

/// Bytes of each event of [`super::Answer::events`]: they all have the same length, so that one can be cut out by its
/// number.
pub const EVENT_SIZE: usize = STAMP_AT + STAMP_SIZE + TAIL.len();
/// Where the stamp stands in such an event.
pub const STAMP_AT: usize = HEAD.len() + 6 + MIDDLE.len();

const HEAD: &str = "event: message\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\
    \"params\":{\"level\":\"info\",\"logger\":\"loadtest\",\"data\":\"step ";
const MIDDLE: &str = " at ";
const TAIL: &str = "\"}}\n\n";

/// The events before the last one, without stamps.
pub(super) fn notifications(count: u32) -> Bytes {
    let mut text = String::with_capacity(count as usize * EVENT_SIZE);
    for step in 1..=count {
        // Writing into a String cannot fail.
        let _ = write!(text, "{HEAD}{step:06}{MIDDLE}{NO_STAMP}{TAIL}");
    }
    text.into()
}

/// Writes a stamp over the first [`STAMP_SIZE`] bytes of a place; a shorter place gets its first digits.
pub fn write_stamp(place: &mut [u8], nanos: u64) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (index, byte) in place.iter_mut().take(STAMP_SIZE).enumerate() {
        let shift = 4 * (STAMP_SIZE - 1 - index);
        *byte = DIGITS[(nanos >> shift) as usize & 15];
    }
}

/// The value of a digit of a stamp.
#[must_use]
pub const fn read_digit(byte: u8) -> Option<u64> {
    match byte {
        b'0'..=b'9' => Some((byte - b'0') as u64),
        b'a'..=b'f' => Some((byte - b'a') as u64 + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_read_as_it_was_written() {
        for nanos in [0, 1, 0x0123_4567_89ab_cdef, u64::MAX] {
            let mut place = [b'x'; STAMP_SIZE];
            write_stamp(&mut place, nanos);
            let digits = place.iter().map(|byte| read_digit(*byte).unwrap());
            assert_eq!(digits.fold(0, |value, digit| value << 4 | digit), nanos);
        }
        assert_eq!((read_digit(b'A'), read_digit(b'g')), (None, None));
    }

    #[test]
    fn every_event_has_its_size_and_its_stamp_in_place() {
        let events = notifications(3);
        assert_eq!(events.len(), 3 * EVENT_SIZE);
        for (step, event) in events.chunks(EVENT_SIZE).enumerate() {
            let text = std::str::from_utf8(event).unwrap();
            assert_eq!(&text[STAMP_AT..STAMP_AT + STAMP_SIZE], NO_STAMP);
            let data = text.strip_prefix("event: message\ndata: ").unwrap();
            let value: serde_json::Value = serde_json::from_str(data).unwrap();
            assert_eq!(value["params"]["data"], format!("step {:06} at {NO_STAMP}", step + 1));
        }
    }
}
