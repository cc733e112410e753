//! Whole numbers with bounds and a default, which the schema tells too.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// A whole number from `MIN` to `MAX`; absent, it is `DEFAULT`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct Number<const MIN: u32, const MAX: u32, const DEFAULT: u32>(u32);

impl<const MIN: u32, const MAX: u32, const DEFAULT: u32> Number<MIN, MAX, DEFAULT> {
    /// The number.
    pub fn get(self) -> u32 {
        self.0
    }

    /// The number, to count with.
    pub fn size(self) -> usize {
        self.0 as usize
    }
}

impl<const MIN: u32, const MAX: u32, const DEFAULT: u32> Default for Number<MIN, MAX, DEFAULT> {
    fn default() -> Self {
        Self(DEFAULT)
    }
}

impl<const MIN: u32, const MAX: u32, const DEFAULT: u32> TryFrom<u64> for Number<MIN, MAX, DEFAULT> {
    type Error = String;

    fn try_from(number: u64) -> Result<Self, String> {
        match u32::try_from(number) {
            Ok(number) if (MIN..=MAX).contains(&number) => Ok(Self(number)),
            _ => Err(format!("{number} is not from {MIN} to {MAX}")),
        }
    }
}

impl<const MIN: u32, const MAX: u32, const DEFAULT: u32> From<Number<MIN, MAX, DEFAULT>> for u64 {
    fn from(number: Number<MIN, MAX, DEFAULT>) -> Self {
        number.0.into()
    }
}

impl<const MIN: u32, const MAX: u32, const DEFAULT: u32> JsonSchema for Number<MIN, MAX, DEFAULT> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Number".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": MIN, "maximum": MAX })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_outside_their_bounds_are_refused() {
        for (json, expected) in [
            ("1", Some(1)),
            ("200", Some(200)),
            ("0", None),
            ("201", None),
            ("-1", None),
            ("4294967297", None),
        ] {
            let number: Option<Number<1, 200, 50>> = serde_json::from_str(json).ok();
            assert_eq!(number.map(Number::get), expected, "{json}");
        }
        assert_eq!(Number::<1, 200, 50>::default().get(), 50);
    }
}
