//! How a head was written: order, case and all that `http`'s types do not keep.
//!
//! The layers of the stack work on a `HeaderMap`, which knows names in lower case only and groups the lines of one name.
//! The next hop gets the lines as they came. What a layer removed is left out, what it replaced stands where the old line
//! stood, what it added stands behind all others. That is seen from the values: those that came are parts of the head.

use std::ops::Range;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};

/// Replaced or added lines whose place is looked for; further ones stand at the end. Layers replace four at most.
const PLACED: usize = 16;

/// Lines that are told apart without an allocation.
const FEW: usize = 64;

/// See the module.
#[derive(Debug, Clone)]
pub struct Spelling {
    head: Bytes,
    /// The target of a request, the reason of a response.
    start: Range<u32>,
    lines: Vec<Line>,
}

/// Where a line's name and value stand in the head.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub(super) name: Range<u32>,
    pub(super) value: Range<u32>,
}

/// What a body brings along from the connection of HTTP/1 that it comes from: for the connection it goes to.
///
/// It travels with the body, and not in the extensions of the message, since those cost three allocations each.
pub trait FromWire {
    /// Gives the spelling of the message's head away; `None` from HTTP/2, and the second time.
    fn take_spelling(&mut self) -> Option<Spelling>;

    /// Gives away what opens a tunnel through the connection; `None` if it cannot become one, and the second time.
    fn take_tunnel(&mut self) -> Option<super::super::tunnel::Opener> {
        None
    }
}

impl Spelling {
    /// `start` and `lines` must lie within `head`.
    pub(super) const fn new(head: Bytes, start: Range<u32>, lines: Vec<Line>) -> Self {
        Self { head, start, lines }
    }

    /// The target of a request, or the reason of a response, as it was written.
    pub(super) fn start(&self) -> &[u8] {
        self.part(&self.start)
    }

    fn part(&self, range: &Range<u32>) -> &[u8] {
        self.head.get(range.start as usize..range.end as usize).unwrap_or_default()
    }

    /// Writes `headers`, as far as they came as they came.
    pub(super) fn write(&self, headers: &HeaderMap, out: &mut Vec<u8>) {
        let mut few = [false; FEW];
        let mut many = Vec::new();
        let kept = match few.get_mut(..self.lines.len()) {
            Some(few) => few,
            None => {
                many.resize(self.lines.len(), false);
                &mut many[..]
            }
        };
        let mut others: Vec<(&HeaderName, &HeaderValue)> = Vec::new();
        let mut next = 0;
        for (name, value) in headers {
            match self.line_of(name, value, next, kept) {
                Some(line) => {
                    kept[line] = true;
                    next = line + 1;
                }
                None => others.push((name, value)),
            }
        }
        let mut at_line = [None; PLACED];
        for (number, (name, _)) in others.iter().take(PLACED).enumerate() {
            let free = |line: &usize| {
                !kept[*line] && !at_line.contains(&Some(*line)) && self.is_named(&self.lines[*line], name)
            };
            at_line[number] = (0..self.lines.len()).find(free);
        }
        let mut run = Run::default();
        for (number, line) in self.lines.iter().enumerate() {
            let place = if kept[number] { None } else { at_line.iter().position(|at| *at == Some(number)) };
            if kept[number] && self.ends_plainly(line) {
                run.extend(line, &self.head, out);
            } else if kept[number] {
                run.end(&self.head, out);
                write_line(self.part(&line.name), self.part(&line.value), out);
            } else if let Some(place) = place {
                run.end(&self.head, out);
                write_line(self.part(&line.name), others[place].1.as_bytes(), out);
            }
        }
        run.end(&self.head, out);
        for (number, (name, value)) in others.iter().enumerate() {
            if at_line.get(number).is_none_or(Option::is_none) {
                write_line(name.as_str().as_bytes(), value.as_bytes(), out);
            }
        }
    }

    /// Whether the line ends right behind its value, and as lines do.
    fn ends_plainly(&self, line: &Line) -> bool {
        self.head.get(line.value.end as usize..).is_some_and(|rest| rest.starts_with(b"\r\n"))
    }

    /// Bytes of the whole head.
    pub(super) const fn size(&self) -> usize {
        self.head.len()
    }

    /// The line that a header came in, unless it is kept already. `next` is where it stands if nothing was removed since
    /// the line before.
    fn line_of(&self, name: &HeaderName, value: &HeaderValue, next: usize, kept: &[bool]) -> Option<usize> {
        let value = value.as_bytes();
        if value.is_empty() {
            // Without bytes it lies nowhere: the first that is left counts.
            let is_it = |line: &usize| {
                let is_empty = |line: &Line| line.value.is_empty() && self.is_named(line, name);
                !kept[*line] && self.lines.get(*line).is_some_and(is_empty)
            };
            return (next..self.lines.len()).chain(0..next).find(is_it);
        }
        let offset = (value.as_ptr() as usize).checked_sub(self.head.as_ptr() as usize)?;
        let is_it = |line: &Line| {
            line.value.start as usize == offset
                && line.value.len() == value.len()
                && self.is_named(line, name)
        };
        if self.lines.get(next).is_some_and(is_it) {
            return Some(next).filter(|line| !kept[*line]);
        }
        let found = self.lines.binary_search_by_key(&offset, |line| line.value.start as usize).ok()?;
        (!kept[found] && is_it(&self.lines[found])).then_some(found)
    }

    fn is_named(&self, line: &Line, name: &HeaderName) -> bool {
        self.part(&line.name).eq_ignore_ascii_case(name.as_str().as_bytes())
    }
}

/// Lines that follow each other and go on as they came: copied at once, in nearly every head all of them.
#[derive(Default)]
struct Run(Range<u32>);

impl Run {
    fn extend(&mut self, line: &Line, head: &[u8], out: &mut Vec<u8>) {
        let (start, end) = (line.name.start, line.value.end + 2);
        if self.0.end != start {
            self.end(head, out);
            self.0.start = start;
        }
        self.0.end = end;
    }

    fn end(&mut self, head: &[u8], out: &mut Vec<u8>) {
        let lines = std::mem::take(&mut self.0);
        out.extend_from_slice(head.get(lines.start as usize..lines.end as usize).unwrap_or_default());
    }
}

/// Writes headers whose spelling nobody knows.
pub(super) fn write_plain(headers: &HeaderMap, out: &mut Vec<u8>) {
    for (name, value) in headers {
        write_line(name.as_str().as_bytes(), value.as_bytes(), out);
    }
}

pub(super) fn write_line(name: &[u8], value: &[u8], out: &mut Vec<u8>) {
    out.reserve(name.len() + value.len() + 4);
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}
