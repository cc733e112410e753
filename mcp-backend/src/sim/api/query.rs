//! The query of a request.

/// The decoded parameters, in their order.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    /// The parameters of a query.
    pub(super) fn parse(query: Option<&str>) -> Self {
        let pairs = query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
        Self(
            pairs
                .map(|pair| {
                    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                    (decode(name, true), decode(value, true))
                })
                .collect(),
        )
    }

    /// The value of a parameter; an empty one is none.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(given, _)| given == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// Whether a parameter is `true` (or `1`), as the API reads it.
    pub(super) fn flag(&self, name: &str) -> bool {
        matches!(self.text(name), Some("true" | "1"))
    }

    /// A number of a parameter, or what to tell if it is none.
    pub(super) fn number(&self, name: &str) -> Result<Option<i64>, String> {
        let parse = |text: &str| {
            text.parse()
                .map_err(|_| format!("strconv.ParseInt: parsing \"{text}\": invalid syntax of {name}"))
        };
        self.text(name).map(parse).transpose()
    }
}

/// A decoded segment of a path.
pub(super) fn decode_path(segment: &str) -> String {
    decode(segment, false)
}

fn decode(text: &str, plus_is_space: bool) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escaped = (bytes[at] == b'%')
            .then(|| text.get(at + 1..at + 3))
            .flatten()
            .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match escaped {
            Some(byte) => {
                decoded.push(byte);
                at += 3;
            }
            None => {
                decoded.push(if plus_is_space && bytes[at] == b'+' { b' ' } else { bytes[at] });
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_decoded() {
        let query =
            Query::parse(Some("labelSelector=app%3Dweb%2Ctier+in+(a)&limit=5&previous=true&bad=%zz%&x"));
        assert_eq!(query.text("labelSelector"), Some("app=web,tier in (a)"));
        assert_eq!(query.number("limit"), Ok(Some(5)));
        assert_eq!(query.number("absent"), Ok(None));
        assert!(query.flag("previous") && !query.flag("x") && !query.flag("absent"));
        assert_eq!(query.text("bad"), Some("%zz%"));
        assert!(query.number("bad").is_err());
        assert_eq!(Query::parse(None), Query::default());
    }
}
