//! A scenario and over how many connections it is called.

use std::fmt::{self, Display};
use std::str::FromStr;

use crate::load::MAX_CONNECTIONS;
use crate::payload::{Scenario, Tool};

/// Connections where an answer is of 1 MiB: with more of them only the memory bandwidth would be measured.
const LARGE: usize = 4;

/// What is called and over how many connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Case {
    /// The calls.
    pub scenario: Scenario,
    /// Connections; `None` leaves it to the comparison.
    pub connections: Option<usize>,
}

impl Case {
    /// The number of connections, `usual` being that of the comparison.
    #[must_use]
    pub fn connections(self, usual: usize) -> usize {
        self.connections.unwrap_or(match self.scenario {
            Scenario::Json(Tool::Text | Tool::Objects) => usual.min(LARGE),
            _ => usual,
        })
    }
}

impl FromStr for Case {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some((scenario, connections)) = text.split_once('@') else {
            return Ok(Self { scenario: text.parse()?, connections: None });
        };
        match connections.parse() {
            Ok(count) if (1..=MAX_CONNECTIONS).contains(&count) => {
                Ok(Self { scenario: scenario.parse()?, connections: Some(count) })
            }
            _ => Err(format!("`{text}`: behind the @ stand 1 to {MAX_CONNECTIONS} connections")),
        }
    }
}

impl Display for Case {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.scenario)?;
        self.connections.map_or(Ok(()), |connections| write!(out, "@{connections}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_may_say_its_connections() {
        for (text, connections) in
            [("small", 32), ("small@1", 1), ("text", 4), ("text@8", 8), ("sse:20:2@16", 16)]
        {
            let case: Case = text.parse().unwrap();
            assert_eq!((case.connections(32), case.to_string().as_str()), (connections, text));
        }
        assert_eq!("objects".parse::<Case>().unwrap().connections(2), 2);
        for text in ["small@", "small@0", "small@10001", "@1", "x@1"] {
            assert!(text.parse::<Case>().is_err(), "{text}");
        }
    }
}
