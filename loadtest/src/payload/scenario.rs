//! What is called, as it is named on the command line.

use std::fmt::{self, Display};
use std::str::FromStr;
use std::time::Duration;

use super::events::{MAX_EVENTS, MAX_INTERVAL};

/// Most calls of one batch.
pub const MAX_BATCH: u32 = 1000;
/// Most numbered tools.
pub const MAX_TOOLS: u32 = 10_000;
/// What the names of numbered tools begin with.
const NUMBERED: &str = "tool_";

/// A tool of the fixture server; the name decides the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tool {
    /// 300 bytes.
    Small,
    /// 10 kB of text.
    Medium,
    /// 1 MiB, one long escaped string.
    Text,
    /// 1 MiB, an array of objects.
    Objects,
    /// A stream of events; arguments `count` and `interval_ms`.
    Events,
    /// A result with `isError`.
    Failing,
}

impl Tool {
    /// All tools.
    pub const ALL: [Self; 6] =
        [Self::Small, Self::Medium, Self::Text, Self::Objects, Self::Events, Self::Failing];

    /// The name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Small => "small",
            Self::Medium => "medium",
            Self::Text => "text",
            Self::Objects => "objects",
            Self::Events => "events",
            Self::Failing => "failing",
        }
    }

    /// The tool of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tool| tool.name() == name)
    }
}

/// The name of a further tool, which answers like [`Tool::Small`].
#[must_use]
pub fn numbered_tool(number: u32) -> String {
    format!("{NUMBERED}{number:04}")
}

/// Whether this is the name of such a tool.
#[must_use]
pub fn is_numbered_tool(name: &str) -> bool {
    let number = name.strip_prefix(NUMBERED);
    number.is_some_and(|digits| digits.len() >= 4 && digits.bytes().all(|byte| byte.is_ascii_digit()))
}

/// What one call asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scenario {
    /// A JSON answer.
    Json(Tool),
    /// An event stream of `count` events, the last one being the answer.
    Events {
        /// Number of events, 1 to [`MAX_EVENTS`].
        count: u32,
        /// Time between two; zero writes them as fast as the connection takes them.
        interval: Duration,
    },
    /// So many small calls in one batch, as revision 2025-03-26 has them.
    Batch(u32),
    /// A small call as revision 2026-07-28 has it: no session, routing headers, `_meta`.
    Stateless,
    /// Clients with names of their own that call several tools, with errors among the answers.
    Agents,
    /// A small call on a new connection.
    Churn,
    /// Small calls that go round so many tools; each connection is a client with a name of its own.
    Tools(u32),
}

/// The names, for help and errors.
pub(super) const NAMES: &str = "small, medium, text, objects, sse:EVENTS, sse:EVENTS:INTERVAL_MS, batch:CALLS, \
     stateless, agents, churn or tools:TOOLS";

impl FromStr for Scenario {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || format!("`{text}` is none of {NAMES}");
        let number = |digits: &str| digits.parse::<u32>().map_err(|_| bad());
        let bounded = |count: u32, most: u32, what: &str| {
            if (1..=most).contains(&count) { Ok(count) } else { Err(format!("`{text}`: 1 to {most} {what}")) }
        };
        match text.split_once(':') {
            None => match text {
                "small" => Ok(Self::Json(Tool::Small)),
                "medium" => Ok(Self::Json(Tool::Medium)),
                "text" => Ok(Self::Json(Tool::Text)),
                "objects" => Ok(Self::Json(Tool::Objects)),
                "stateless" => Ok(Self::Stateless),
                "agents" => Ok(Self::Agents),
                "churn" => Ok(Self::Churn),
                _ => Err(bad()),
            },
            Some(("batch", calls)) => Ok(Self::Batch(bounded(number(calls)?, MAX_BATCH, "calls")?)),
            Some(("tools", tools)) => Ok(Self::Tools(bounded(number(tools)?, MAX_TOOLS, "tools")?)),
            Some(("sse", events)) => {
                let (count, interval) = events.split_once(':').unwrap_or((events, "0"));
                let count = bounded(number(count)?, MAX_EVENTS, "events")?;
                let interval = Duration::from_millis(interval.parse().map_err(|_| bad())?);
                if interval > MAX_INTERVAL {
                    return Err(format!("`{text}`: events at most {MAX_INTERVAL:?} apart"));
                }
                Ok(Self::Events { count, interval })
            }
            Some(_) => Err(bad()),
        }
    }
}

impl Display for Scenario {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(tool) => out.write_str(tool.name()),
            Self::Events { count, interval } if interval.is_zero() => write!(out, "sse:{count}"),
            Self::Events { count, interval } => write!(out, "sse:{count}:{}", interval.as_millis()),
            Self::Batch(calls) => write!(out, "batch:{calls}"),
            Self::Stateless => out.write_str("stateless"),
            Self::Agents => out.write_str("agents"),
            Self::Churn => out.write_str("churn"),
            Self::Tools(tools) => write!(out, "tools:{tools}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scenarios_are_read_and_bounded() {
        for text in [
            "small",
            "medium",
            "text",
            "objects",
            "sse:1",
            "sse:10000:60000",
            "batch:1",
            "batch:1000",
            "stateless",
            "agents",
            "churn",
            "tools:200",
        ] {
            assert_eq!(text.parse::<Scenario>().unwrap().to_string(), text);
        }
        assert_eq!("sse:20:0".parse::<Scenario>().unwrap().to_string(), "sse:20");
        for text in [
            "",
            "events",
            "failing",
            "sse",
            "sse:0",
            "sse:10001",
            "sse:1:60001",
            "sse:x",
            "sse:1:-1",
            "batch",
            "batch:0",
            "batch:1001",
            "small:1",
            "tools:0",
        ] {
            assert!(text.parse::<Scenario>().is_err(), "{text}");
        }
    }

    #[test]
    fn numbered_tools_are_known_by_their_names() {
        assert_eq!(numbered_tool(7), "tool_0007");
        for (name, expected) in [
            ("tool_0007", true),
            ("tool_10000", true),
            ("tool_", false),
            ("tool_x001", false),
            ("small", false),
        ] {
            assert_eq!(is_numbered_tool(name), expected, "{name}");
        }
    }
}
