//! Names with wildcards.

use std::fmt;

/// A name in which `*` stands for any text, also none: `get_*`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pattern(String);

impl Pattern {
    /// Takes the text as it was written.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the name is one of those meant. Takes time linear in both but for one back step per wildcard.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        let mut parts = self.0.split('*');
        let first = parts.next().unwrap_or_default();
        let Some(mut rest) = name.strip_prefix(first) else { return false };
        let Some(last) = parts.next_back() else { return rest.is_empty() };
        for part in parts {
            let Some(at) = rest.find(part) else { return false };
            rest = &rest[at + part.len()..];
        }
        rest.ends_with(last)
    }

    /// The same as a regular expression (RE2), without anchors.
    #[must_use]
    pub fn to_regex(&self) -> String {
        let mut regex = String::new();
        for character in self.0.chars() {
            match character {
                '*' => regex.push_str(".*"),
                _ if character.is_ascii_punctuation() && !matches!(character, '_' | '-' | '/' | ':') => {
                    regex.push('\\');
                    regex.push(character);
                }
                _ => regex.push(character),
            }
        }
        regex
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_any_text() {
        for (pattern, name, expected) in [
            ("search", "search", true),
            ("search", "searches", false),
            ("get_*", "get_", true),
            ("get_*", "get_pod", true),
            ("get_*", "forget_pod", false),
            ("*", "", true),
            ("*pod*", "get_pods", true),
            ("a*a", "a", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("", "", true),
            ("", "a", false),
        ] {
            assert_eq!(Pattern::new(pattern).matches(name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn a_regular_expression_means_the_same() {
        for (pattern, expected) in
            [("get_*", "get_.*"), ("a.b", "a\\.b"), ("tools/call", "tools/call"), ("é+", "é\\+")]
        {
            assert_eq!(Pattern::new(pattern).to_regex(), expected);
        }
    }
}
