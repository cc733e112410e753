//! A place in a text that is read: what both parsers begin with.

use super::tree::Malformed;

/// Reads a text from its beginning to its end.
pub(super) struct Cursor<'a> {
    /// All of it.
    pub(super) text: &'a str,
    /// The offset of what comes next.
    pub(super) at: usize,
}

impl<'a> Cursor<'a> {
    /// What was not read yet.
    pub(super) fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// What is wrong at this place.
    pub(super) fn error(&self, what: impl Into<String>) -> Malformed {
        Malformed::new(self.text, self.at, what)
    }

    /// What was expected here, and what is there.
    pub(super) fn unexpected(&self, expected: &str) -> Malformed {
        match self.rest().chars().next() {
            Some(found) if found.is_control() => {
                self.error(format!("expected {expected}, found `{}`", found.escape_default()))
            }
            Some(found) => self.error(format!("expected {expected}, found `{found}`")),
            None => self.error(format!("expected {expected}, but the file ends")),
        }
    }

    /// Reads these signs, if they come next.
    pub(super) fn take(&mut self, signs: &str) -> bool {
        let found = self.rest().starts_with(signs);
        if found {
            self.at += signs.len();
        }
        found
    }
}
