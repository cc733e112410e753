//! The attributes of a span within its limits.

use std::borrow::Cow;

use opentelemetry::{KeyValue, Value};

use super::SpanLimits;

/// Attributes, the most important first: those beyond the limit are counted and left out.
#[derive(Debug)]
pub(super) struct Attributes<'a> {
    list: Vec<KeyValue>,
    dropped: u32,
    limits: &'a SpanLimits,
}

impl<'a> Attributes<'a> {
    /// None yet.
    pub(super) fn new(limits: &'a SpanLimits) -> Self {
        // What a tool call has; more is rare.
        Self { list: Vec::with_capacity(24.min(limits.attributes)), dropped: 0, limits }
    }

    /// A text, cut at the limit of its length.
    pub(super) fn text(&mut self, key: &'static str, value: impl Into<Cow<'static, str>>) {
        if self.has_room() {
            let value = shortened(value.into(), self.limits.value_length);
            self.list.push(KeyValue::new(key, value));
        }
    }

    /// A text, if there is one.
    pub(super) fn optional(&mut self, key: &'static str, value: Option<impl Into<Cow<'static, str>>>) {
        if let Some(value) = value {
            self.text(key, value);
        }
    }

    /// A number.
    pub(super) fn number(&mut self, key: &'static str, value: u64) {
        if self.has_room() {
            self.list.push(KeyValue::new(key, Value::I64(i64::try_from(value).unwrap_or(i64::MAX))));
        }
    }

    /// Something that is so; where it is not so, nothing is said.
    pub(super) fn flag(&mut self, key: &'static str, set: bool) {
        if set && self.has_room() {
            self.list.push(KeyValue::new(key, true));
        }
    }

    /// The attributes, and how many were left out.
    pub(super) fn into_parts(self) -> (Vec<KeyValue>, u32) {
        (self.list, self.dropped)
    }

    fn has_room(&mut self) -> bool {
        let room = self.list.len() < self.limits.attributes;
        self.dropped += u32::from(!room);
        room
    }
}

/// A text that may be empty, which stands for none.
pub(super) fn present(text: &'static str) -> Option<&'static str> {
    Some(text).filter(|text| !text.is_empty())
}

/// At most so many characters.
fn shortened(value: Cow<'static, str>, limit: Option<usize>) -> Cow<'static, str> {
    let end = limit.and_then(|limit| value.char_indices().nth(limit)).map(|(end, _)| end);
    match (end, value) {
        (None, value) => value,
        (Some(end), Cow::Borrowed(value)) => Cow::Borrowed(&value[..end]),
        (Some(end), Cow::Owned(mut value)) => {
            value.truncate(end);
            Cow::Owned(value)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_at_characters() {
        for (text, limit, expected) in [
            ("häh", None, "häh"),
            ("häh", Some(3), "häh"),
            ("häh", Some(2), "hä"),
            ("häh", Some(1), "h"),
            ("häh", Some(0), ""),
        ] {
            assert_eq!(shortened(Cow::Borrowed(text), limit), expected, "{limit:?}");
            assert_eq!(shortened(Cow::Owned(text.to_owned()), limit), expected, "{limit:?}");
        }
    }
}
