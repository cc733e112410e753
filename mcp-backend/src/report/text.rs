//! Text of others, made fit to show. Messages of events and lines of logs are written by whoever runs in the cluster.

use std::borrow::Cow;

use regex::Regex;

/// The expression, which is a constant of ours and never a text of others.
pub(crate) fn compile(expression: &str) -> Regex {
    #[expect(clippy::expect_used, reason = "every expression is a constant that a test compiles")]
    Regex::new(expression).expect("the expression is a constant")
}

/// The text with every control character but line feed and tab replaced by `�`, and with it what shows a text as another
/// than it is (writing directions, line separators) or hides words from people that a model reads (tags).
pub fn clean(text: &str) -> Cow<'_, str> {
    let bad = |c: char| match c {
        '\n' | '\t' => false,
        '\u{200E}' | '\u{200F}' | '\u{061C}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}' => true,
        '\u{E0000}'..='\u{E007F}' => true,
        c => c.is_control(),
    };
    if text.contains(bad) { Cow::Owned(text.replace(bad, "\u{FFFD}")) } else { Cow::Borrowed(text) }
}

/// At most `max` characters of the text; what is cut ends in `…`.
pub fn clip(text: &str, max: usize) -> Cow<'_, str> {
    match text.char_indices().nth(max) {
        None => Cow::Borrowed(text),
        Some(_) => {
            let end = text.char_indices().nth(max.saturating_sub(1)).map_or(0, |(at, _)| at);
            Cow::Owned(format!("{}…", text[..end].trim_end()))
        }
    }
}

/// An excerpt of at most 200 characters on one line, in quotation marks, to stand within a sentence of ours.
pub fn quote(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    format!("\"{}\"", clip(&clean(&words.join(" ")), 200))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_replaced_but_lines_and_tabs_stay() {
        assert_eq!(clean("a\tb\nc\u{1b}[31md\r"), "a\tb\nc\u{FFFD}[31md\u{FFFD}");
        assert!(matches!(clean("plain"), Cow::Borrowed("plain")));
    }

    #[test]
    fn text_that_looks_like_another_or_like_none_is_made_visible() {
        assert_eq!(clean("a\u{202E}b\u{2066}c\u{2028}d\u{200F}e"), "a\u{FFFD}b\u{FFFD}c\u{FFFD}d\u{FFFD}e");
        let hidden: String = "hi".bytes().filter_map(|b| char::from_u32(0xE0000 + u32::from(b))).collect();
        assert_eq!(clean(&hidden), "\u{FFFD}\u{FFFD}");
        // Joiners are part of words and pictures.
        assert!(matches!(clean("\u{5E9}\u{5DC} 👩\u{200D}💻 می\u{200C}رود"), Cow::Borrowed(_)));
    }

    #[test]
    fn a_clipped_text_has_the_length_that_was_asked_for() {
        for (text, max, clipped) in
            [("abc", 3, "abc"), ("abcd", 3, "ab…"), ("äöü€", 3, "äö…"), ("a bcd", 3, "a…"), ("", 3, "")]
        {
            assert_eq!(clip(text, max), clipped, "{text:?} at {max}");
        }
    }

    #[test]
    fn a_quotation_is_one_line() {
        assert_eq!(quote("a\n  b\u{7}"), "\"a b\u{FFFD}\"");
        assert_eq!(quote(&"x".repeat(500)).chars().count(), 202);
    }
}
