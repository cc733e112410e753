//! Who the agents are: names and versions as the programs that people use announce them.

use super::script::Habit;

/// The revision that a client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Era {
    /// With a handshake, at this revision.
    Legacy(&'static str),
    /// 2026-07-28: no handshake, no session; every request says all.
    Modern,
}

/// The revision of [`Era::Modern`].
pub(super) const MODERN: &str = "2026-07-28";
/// What a modern client falls back to when the server knows no modern revision.
pub(super) const FALLBACK: Era = Era::Legacy("2025-11-25");

/// A kind of agent.
#[derive(Debug)]
pub(super) struct Persona {
    /// `clientInfo.name`.
    pub(super) name: &'static str,
    /// `clientInfo.version`.
    pub(super) version: &'static str,
    /// The `user-agent` header.
    pub(super) user_agent: &'static str,
    /// Its revision.
    pub(super) era: Era,
    /// Shortest and longest time between two calls, in milliseconds.
    pub(super) thinks: (u64, u64),
    /// What it does, and how often compared with the rest of its list.
    pub(super) habits: &'static [(Habit, u32)],
}

/// The agents in the order in which `--agents N` takes them; then they repeat.
pub(super) const PERSONAS: [Persona; 7] = [
    Persona {
        name: "claude-code",
        version: "2.1.14",
        user_agent: "claude-code/2.1.14 (cli)",
        era: Era::Legacy("2025-11-25"),
        thinks: (300, 1200),
        habits: &[(Habit::Incident, 6), (Habit::Logs, 2), (Habit::Network, 2), (Habit::Confused, 2)],
    },
    Persona {
        name: "cursor-vscode",
        version: "1.0.0",
        user_agent: "node",
        era: Era::Legacy("2025-06-18"),
        thinks: (300, 1500),
        habits: &[(Habit::Loop, 2), (Habit::Incident, 4), (Habit::Confused, 3), (Habit::Impatient, 2)],
    },
    Persona {
        name: "python-sdk",
        version: "2.0.0",
        user_agent: "python-httpx/0.28.1",
        era: Era::Modern,
        thinks: (200, 900),
        habits: &[(Habit::Watch, 4), (Habit::Incident, 2), (Habit::Impatient, 2), (Habit::Loop, 1)],
    },
    Persona {
        name: "Visual Studio Code",
        version: "1.118.0",
        user_agent: "node",
        era: Era::Legacy("2025-11-25"),
        thinks: (400, 1600),
        habits: &[(Habit::Browse, 4), (Habit::Network, 3), (Habit::Logs, 2), (Habit::Confused, 2)],
    },
    Persona {
        name: "inspector-client",
        version: "0.17.2",
        user_agent: "node",
        era: Era::Legacy("2025-11-25"),
        thinks: (600, 2000),
        habits: &[(Habit::Inspect, 4), (Habit::Confused, 2), (Habit::Browse, 1)],
    },
    Persona {
        name: "mcp",
        version: "0.1.0",
        user_agent: "python-httpx/0.27.0",
        era: Era::Legacy("2025-03-26"),
        thinks: (200, 1000),
        habits: &[(Habit::Watch, 3), (Habit::Logs, 3), (Habit::Loop, 1)],
    },
    Persona {
        name: "codex-mcp-client",
        version: "0.72.0",
        user_agent: "codex-mcp-client",
        era: Era::Legacy("2025-06-18"),
        thinks: (300, 1200),
        habits: &[(Habit::Incident, 3), (Habit::Logs, 2), (Habit::Loop, 1), (Habit::Confused, 1)],
    },
];

impl Persona {
    /// The persona of the agent with this number.
    pub(super) const fn of(agent: usize) -> &'static Self {
        &PERSONAS[agent % PERSONAS.len()]
    }
}
