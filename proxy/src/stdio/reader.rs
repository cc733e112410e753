//! Reads one direction: chunks to lines, lines to messages.

use std::time::Instant;

use crate::exchange::Line;
use crate::protocol::lines::{LineDecoder, LineItem};
use crate::protocol::message::{Document, Message};
use crate::protocol::scan::{Captures, Scanner};

/// Messages of a batch kept back until their line ends; what is over goes out at once.
const WAITING: usize = 64;

/// What a chunk gave.
pub(super) enum Found<'a> {
    /// A message; its line is over, but for batches of many.
    Message(&'a mut Message, Line),
    /// A line is over; its messages came before.
    End(Document),
}

/// Reads the lines of one pipe. A message counts once its line is over: clients and servers see it only then.
pub(super) struct Reader {
    lines: LineDecoder,
    scanner: Scanner,
    waiting: Vec<Message>,
    /// When the line under way began.
    began: Option<Instant>,
    memory: usize,
}

impl Reader {
    /// For lines of at most `limit` bytes. `places`: notes where context can be written.
    pub(super) fn new(limit: u64, memory: usize, places: bool) -> Self {
        let mut scanner = Scanner::new(limit);
        scanner.wait();
        scanner.places(places);
        Self { lines: LineDecoder::default(), scanner, waiting: Vec::new(), began: None, memory }
    }

    /// Keeps this of the messages whose lines begin from now on.
    pub(super) fn capture(&mut self, captures: Captures) {
        if self.began.is_none() {
            self.scanner.capture(captures);
        }
    }

    /// Reads the next bytes.
    pub(super) fn read(&mut self, chunk: &[u8], at: Instant, found: &mut impl FnMut(Found<'_>)) {
        let Self { lines, scanner, waiting, began, memory } = self;
        lines.feed(chunk, &mut |item| match item {
            LineItem::Piece(piece) => {
                let line = Line { began: *began.get_or_insert(at), ended: at };
                scanner.show(piece, &mut |message| {
                    if waiting.len() == WAITING {
                        waiting.drain(..).for_each(|mut message| found(Found::Message(&mut message, line)));
                    }
                    waiting.push(std::mem::take(message));
                });
                let held = scanner.held() + waiting.iter().map(Message::held).sum::<usize>();
                if held > *memory {
                    scanner.keep_captures(false);
                    waiting.iter_mut().for_each(|message| message.captured = None);
                }
            }
            LineItem::End => {
                // An empty line began with its end.
                let line = Line { began: began.take().unwrap_or(at), ended: at };
                waiting.extend(scanner.waiting().map(std::mem::take));
                let document = scanner.finish();
                // With something else behind it nobody takes it for a message.
                let whole = matches!(document, Document::Single | Document::Batch(_));
                for mut message in waiting.drain(..).filter(|_| whole) {
                    found(Found::Message(&mut message, line));
                }
                scanner.keep_captures(true);
                found(Found::End(document));
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock;
    use crate::protocol::message::RequestId;

    /// Reads chunks a second apart; what was found, as text.
    fn read(chunks: &[&str]) -> Vec<String> {
        let mut reader = Reader::new(200, 1000, false);
        let (start, mut all) = (clock::now(), Vec::new());
        for (second, chunk) in chunks.iter().enumerate() {
            let at = start + Duration::from_secs(second as u64);
            reader.read(chunk.as_bytes(), at, &mut |found| match found {
                Found::Message(message, line) => {
                    let [began, ended] = [line.began, line.ended].map(|at| (at - start).as_secs());
                    let id = match &message.id {
                        Some(RequestId::Number(id)) => id.to_string(),
                        other => format!("{other:?}"),
                    };
                    all.push(format!("{id} {began}..{ended}"));
                }
                Found::End(document) => all.push(format!("{document:?}")),
            });
        }
        all
    }

    #[test]
    fn a_message_counts_when_its_line_is_over() {
        let one = r#"{"jsonrpc":"2.0","id":1,"result":{}}"#;
        let two = one.replace('1', "2");
        let (head, tail) = one.split_at(9);
        let batch = format!("[{one},{two}]\r\n");
        let cases: [(&[&str], &[&str]); 8] = [
            (&[one], &[]),
            (&[one, "\n"], &["1 0..1", "Single"]),
            (&[head, tail, "\r\n"], &["1 0..2", "Single"]),
            (&[&format!("{one}\n{two}\n")], &["1 0..0", "Single", "2 0..0", "Single"]),
            (&[&batch], &["1 0..0", "2 0..0", "Batch(2)"]),
            (&["\n", " \n"], &["Empty", "Empty"]),
            (&["log line\n", one, "\n"], &["Malformed", "1 1..2", "Single"]),
            (&[&format!("{one} x\n"), &format!("{two}\n")], &["Malformed", "2 1..1", "Single"]),
        ];
        for (chunks, expected) in cases {
            assert_eq!(read(chunks), expected, "{chunks:?}");
        }
    }

    #[test]
    fn a_line_over_the_limit_is_no_message_and_the_next_one_is() {
        let long = format!(r#"{{"jsonrpc":"2.0","id":1,"result":"{}"}}"#, "x".repeat(200));
        let next = "{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{}}\n";
        assert_eq!(read(&[&long, "\n", next]), ["TooLarge", "2 2..2", "Single"]);
    }

    #[test]
    fn a_batch_of_many_goes_out_in_parts_and_whole() {
        let mut reader = Reader::new(1 << 20, 1 << 20, false);
        let one = r#"{"jsonrpc":"2.0","id":1,"result":{}}"#;
        let line = format!("[{}]\n", vec![one; 3 * WAITING + 1].join(","));
        let mut count = 0;
        reader.read(line.as_bytes(), clock::now(), &mut |found| {
            count += usize::from(matches!(found, Found::Message(..)));
        });
        assert_eq!(count, 3 * WAITING + 1);
        assert!(reader.waiting.is_empty());
    }
}
