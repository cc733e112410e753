//! Reads single variables of OpenTelemetry: empty is unset, and what makes no sense is told and left out.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// In place of values that may be secrets.
const NOT_SHOWN: &str = "(not shown)";

/// A variable whose value is not used as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// Its name.
    pub variable: &'static str,
    /// Its value; secrets are not shown.
    pub value: String,
    /// What is wrong with it.
    pub why: String,
    /// What is done instead.
    pub instead: String,
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {:?} {}; {}", self.variable, self.value, self.why, self.instead)
    }
}

/// What is wrong with a value, as the end of a sentence that begins with it.
pub(super) type Why = &'static str;

/// Reads variables and collects what is to be said about them.
pub(super) struct Reader<F> {
    lookup: F,
    /// What was said so far.
    pub(super) remarks: Vec<Remark>,
}

impl<F: Fn(&str) -> Option<String>> Reader<F> {
    pub(super) fn new(lookup: F) -> Self {
        Self { lookup, remarks: Vec::new() }
    }

    /// A variable's text; `None` when it is unset or blank.
    pub(super) fn text(&self, variable: &str) -> Option<String> {
        let text = (self.lookup)(variable)?.trim().to_owned();
        (!text.is_empty()).then_some(text)
    }

    /// The first of the variables whose value makes sense.
    pub(super) fn first<T>(
        &mut self,
        variables: &[&'static str],
        parse: impl Fn(&str) -> Result<T, Why>,
    ) -> Option<T> {
        self.find(variables, false, parse)
    }

    /// The same for secrets.
    pub(super) fn first_secret<T>(
        &mut self,
        variables: &[&'static str],
        parse: impl Fn(&str) -> Result<T, Why>,
    ) -> Option<T> {
        self.find(variables, true, parse)
    }

    fn find<T>(
        &mut self,
        variables: &[&'static str],
        secret: bool,
        parse: impl Fn(&str) -> Result<T, Why>,
    ) -> Option<T> {
        for variable in variables {
            let Some(text) = self.text(variable) else { continue };
            match parse(&text) {
                Ok(value) => return Some(value),
                Err(why) => {
                    let shown = if secret { NOT_SHOWN } else { &text };
                    self.remark(variable, shown, why, "ignored");
                }
            }
        }
        None
    }

    /// Says something, once: the variables of all signals are read for each of them.
    pub(super) fn remark(&mut self, variable: &'static str, value: &str, why: &str, instead: &str) {
        let remark =
            Remark { variable, value: value.to_owned(), why: why.to_owned(), instead: instead.to_owned() };
        if !self.remarks.contains(&remark) {
            self.remarks.push(remark);
        }
    }
}

/// `true` or `false`, in any case.
pub(super) fn boolean(text: &str) -> Result<bool, Why> {
    match text.to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err("is neither true nor false"),
    }
}

/// Milliseconds, from one to a day.
pub(super) fn milliseconds(text: &str) -> Result<Duration, Why> {
    match text.parse() {
        Ok(number @ 1..=86_400_000) => Ok(Duration::from_millis(number)),
        _ => Err("is no number of milliseconds from 1 to 86400000"),
    }
}

/// A count, zero included.
pub(super) fn count(text: &str) -> Result<usize, Why> {
    usize::from_str(text).map_err(|_| "is no whole number")
}

/// A count of at least one.
pub(super) fn some(text: &str) -> Result<usize, Why> {
    count(text).and_then(|number| if number == 0 { Err("is not more than zero") } else { Ok(number) })
}

/// `key=value,key=value`, with what is special written as `%XX`. One bad pair makes all of it bad, as the standard
/// says of resource attributes.
pub(super) fn pairs(text: &str) -> Result<Vec<(String, String)>, Why> {
    let mut pairs = Vec::new();
    for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').ok_or("has a part without =")?;
        let key =
            decode(key.trim()).filter(|key| !key.is_empty()).ok_or("has a key that is empty or no text")?;
        let value = decode(value.trim()).ok_or("has a value that is no text in UTF-8")?;
        pairs.push((key, value));
    }
    Ok(pairs)
}

/// Undoes percent-encoding. A `%` that begins no code stands for itself.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let code = tail.get(..2).filter(|_| first == b'%').and_then(|code| {
            let [high, low] = [code[0], code[1]].map(|digit| char::from(digit).to_digit(16));
            u8::try_from(high? * 16 + low?).ok()
        });
        bytes.push(code.unwrap_or(first));
        rest = if code.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_decoded_or_refused_together() {
        let ok = |pairs: &[(&str, &str)]| {
            Ok(pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect())
        };
        for (text, expected) in [
            ("a=1,b=2", ok(&[("a", "1"), ("b", "2")])),
            (" a = 1 , ,b=", ok(&[("a", "1"), ("b", "")])),
            ("a=x%2Cy%3Dz%20%C3%A4", ok(&[("a", "x,y=z ä")])),
            ("a=b=c", ok(&[("a", "b=c")])),
            ("a=100%,b=%zz,c=%4", ok(&[("a", "100%"), ("b", "%zz"), ("c", "%4")])),
            ("a=1,b", Err("has a part without =")),
            ("=1", Err("has a key that is empty or no text")),
            ("a=%ff", Err("has a value that is no text in UTF-8")),
            ("", ok(&[])),
        ] {
            assert_eq!(pairs(text), expected, "{text}");
        }
    }
}
