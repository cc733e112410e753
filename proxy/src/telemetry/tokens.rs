//! What a result costs an agent in context: an estimate that is the same for every model.

use crate::protocol::message::Content;

/// Bytes per token: the usual rule of thumb for English text and JSON.
const BYTES_PER_TOKEN: u64 = 4;

/// Tokens of a text of this many bytes, rounded up.
#[must_use]
pub(super) fn of_bytes(bytes: u64) -> u64 {
    bytes.div_ceil(BYTES_PER_TOKEN)
}

/// Tokens of a result: of its readable text; of its structured content where there is no such text, because servers
/// send the same data in both and clients show one of them.
#[must_use]
pub(super) fn of_result(content: &Content) -> u64 {
    of_bytes(if content.readable > 0 { content.readable } else { content.structured.unwrap_or(0) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_counts_before_structure_and_rounds_up() {
        for (readable, structured, tokens) in
            [(0, None, 0), (1, None, 1), (8, Some(4000), 2), (9, None, 3), (0, Some(13), 4)]
        {
            let content = Content { readable, structured, ..Content::default() };
            assert_eq!(of_result(&content), tokens, "{content:?}");
        }
    }
}
