//! The lines of an event stream, and the data of its events.

/// Longest event that is kept; tool results stay far below it.
const EVENT_LIMIT: usize = 8 << 20;

/// An event is longer than [`EVENT_LIMIT`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an event is longer than {EVENT_LIMIT} bytes")]
pub(super) struct TooLong;

/// Takes a stream in chunks of any size and gives back the data of each event.
#[derive(Debug, Default)]
pub(super) struct Events {
    line: Vec<u8>,
    data: String,
    /// The last byte was a carriage return: a line feed after it belongs to the same line end.
    after_cr: bool,
    /// The stream has begun; a byte order mark can only stand before that.
    begun: bool,
}

impl Events {
    /// The data of the events that this chunk completes; events without data (priming, comments) are none.
    pub(super) fn feed(&mut self, chunk: &[u8]) -> Result<Vec<String>, TooLong> {
        let mut events = Vec::new();
        for &byte in chunk {
            let line_feed_of_crlf = std::mem::take(&mut self.after_cr) && byte == b'\n';
            match byte {
                _ if line_feed_of_crlf => {}
                b'\n' | b'\r' => {
                    self.after_cr = byte == b'\r';
                    events.extend(self.end_line());
                }
                _ if self.line.len() + self.data.len() >= EVENT_LIMIT => return Err(TooLong),
                _ => self.line.push(byte),
            }
        }
        Ok(events)
    }

    /// A line is complete; an empty one ends the event.
    fn end_line(&mut self) -> Option<String> {
        let bytes = std::mem::take(&mut self.line);
        let text = String::from_utf8_lossy(&bytes);
        let line = if std::mem::replace(&mut self.begun, true) {
            &text[..]
        } else {
            text.strip_prefix('\u{feff}').unwrap_or(&text)
        };
        if line.is_empty() {
            let mut data = std::mem::take(&mut self.data);
            data.pop();
            return (!data.is_empty()).then_some(data);
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        if field == "data" {
            self.data.push_str(value.strip_prefix(' ').unwrap_or(value));
            self.data.push('\n');
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(stream: &str, expected: &[&str]) {
        for size in [1, 2, 3, stream.len().max(1)] {
            let mut events = Events::default();
            let found: Vec<String> =
                stream.as_bytes().chunks(size).flat_map(|chunk| events.feed(chunk).unwrap()).collect();
            assert_eq!(found, expected, "{stream:?} in chunks of {size}");
        }
    }

    #[test]
    fn events_are_found_in_chunks_of_any_size() {
        check("event: message\ndata: {\"a\":1}\n\n", &["{\"a\":1}"]);
        check("data: one\ndata: two\n\ndata:three\n\n", &["one\ntwo", "three"]);
        check("data: one\r\n\r\ndata: two\r\rdata: three\n\n", &["one", "two", "three"]);
        check(": ping\n\nid: 1\ndata:\n\nretry: 3000\n\ndata: x\n\n", &["x"]);
        check("\u{feff}data: marked\n\n", &["marked"]);
        check("data: cut off\n", &[]);
        check("data\n\ndata:  two blanks\n\n", &[" two blanks"]);
    }

    #[test]
    fn an_endless_event_is_refused() {
        let mut events = Events::default();
        let chunk = vec![b'x'; EVENT_LIMIT];
        assert_eq!(events.feed(&chunk), Ok(vec![]));
        assert_eq!(events.feed(b"x"), Err(TooLong));
    }
}
