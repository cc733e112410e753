//! How large an answer may be.
//!
//! Clients refuse or cut larger ones (reference: backend-tools.md §1), and every byte of an answer is paid for twice.

use serde::Serialize;
use serde_json::{Map, Value};

use super::{ErrorType, ToolError};

/// The most characters of any answer as text.
pub const MOST_CHARACTERS: usize = 45_000;

/// How many bytes a list of an answer may have: room for the rest of the answer is left.
pub(super) const LIST_BYTES: usize = 40_000;

/// Arguments that narrow an answer, the best first.
const NARROWING: [&str; 5] = ["limit", "tail_lines", "fields", "namespace", "deep_analysis"];

/// The answer, unless it is larger than any client takes. Tools bound what they answer; this is the last line of
/// defence, and says which argument helps.
pub(super) fn checked(
    answer: Value,
    schema: impl FnOnce() -> std::sync::Arc<Map<String, Value>>,
) -> Result<Value, ToolError> {
    let characters = answer.to_string().chars().count();
    if characters <= MOST_CHARACTERS {
        return Ok(answer);
    }
    let schema = schema();
    let properties = schema.get("properties").and_then(Value::as_object);
    let argument = NARROWING
        .into_iter()
        .find(|name| properties.is_some_and(|properties| properties.contains_key(*name)));
    Err(ToolError::new(
        ErrorType::Internal,
        format!("the answer has {characters} characters, more than the {MOST_CHARACTERS} that clients take"),
        match argument {
            Some(argument) => format!("narrow it by the argument {argument}"),
            None => "ask for one object at a time".to_owned(),
        },
    ))
}

/// How many bytes the value has as JSON.
pub(super) fn bytes(value: &impl Serialize) -> usize {
    struct Count(usize);
    impl std::io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    // What cannot be written fits nowhere.
    serde_json::to_writer(&mut count, value).map_or(usize::MAX, |()| count.0)
}

/// How many of the values, from the first on, fit in so many bytes of JSON.
pub(super) fn fitting<'a, T: Serialize + 'a>(values: impl IntoIterator<Item = &'a T>, room: usize) -> usize {
    let mut left = room;
    values
        .into_iter()
        .take_while(|value| {
            let fits = left.checked_sub(bytes(value).saturating_add(1));
            left = fits.unwrap_or(0);
            fits.is_some()
        })
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_large_an_answer_names_the_argument_that_narrows_it() {
        let schema = |json: Value| move || std::sync::Arc::new(json.as_object().cloned().unwrap_or_default());
        let large = || Value::String("ä".repeat(MOST_CHARACTERS));
        let most = Value::String("ä".repeat(MOST_CHARACTERS - 2));
        assert!(checked(most, schema(Value::Null)).is_ok());
        let error = checked(large(), schema(serde_json::json!({"properties": {"limit": {}}}))).unwrap_err();
        assert!(error.next.contains("limit"), "{error}");
        let error = checked(large(), schema(Value::Null)).unwrap_err();
        assert!(error.next.contains("one object"), "{error}");
    }

    #[test]
    fn what_fits_is_counted_as_json() {
        assert_eq!(bytes(&"a\"\n"), 7);
        assert_eq!(fitting(&["aa", "bb", "cc"], 10), 2);
        assert_eq!(fitting(&["aa"], 4), 0);
        assert_eq!(fitting(&Vec::<String>::new(), 0), 0);
    }
}
