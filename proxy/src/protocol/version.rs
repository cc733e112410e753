//! The protocol revisions and what each allows (mcp-wire.md §1).

/// A protocol revision, as a closed set: an unknown one is [`Version::Other`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Version {
    /// 2024-11-05: HTTP+SSE with two endpoints.
    V2024_11_05,
    /// 2025-03-26: Streamable HTTP, batches.
    V2025_03_26,
    /// 2025-06-18: structured results, version header.
    V2025_06_18,
    /// 2025-11-25: SSE polling, tasks.
    V2025_11_25,
    /// 2026-07-28: stateless.
    V2026_07_28,
    /// Any other text in the place of a revision.
    Other,
}

/// The two ways of speaking MCP; decided per message, never per server or connection (mcp-wire.md §1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Era {
    /// 2024-11-05 … 2025-11-25: handshake, sessions, server-to-client requests.
    Legacy,
    /// 2026-07-28: every request stands alone.
    Modern,
}

impl Version {
    /// Reads a revision as it stands in a header or in JSON.
    #[must_use]
    pub fn parse(text: &[u8]) -> Self {
        match text {
            b"2024-11-05" => Self::V2024_11_05,
            b"2025-03-26" => Self::V2025_03_26,
            b"2025-06-18" => Self::V2025_06_18,
            b"2025-11-25" => Self::V2025_11_25,
            b"2026-07-28" => Self::V2026_07_28,
            _ => Self::Other,
        }
    }

    /// The revision's name; `other` for an unknown one, so that it can be a label.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V2024_11_05 => "2024-11-05",
            Self::V2025_03_26 => "2025-03-26",
            Self::V2025_06_18 => "2025-06-18",
            Self::V2025_11_25 => "2025-11-25",
            Self::V2026_07_28 => "2026-07-28",
            Self::Other => "other",
        }
    }

    /// Which way of speaking the revision belongs to; unknown ones are taken as modern (only that era can name
    /// revisions per request).
    #[must_use]
    pub const fn era(self) -> Era {
        match self {
            Self::V2024_11_05 | Self::V2025_03_26 | Self::V2025_06_18 | Self::V2025_11_25 => Era::Legacy,
            Self::V2026_07_28 | Self::Other => Era::Modern,
        }
    }
}
