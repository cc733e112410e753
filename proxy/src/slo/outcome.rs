//! What a request's end means for an objective: the table of slo-and-alerts.md §2.

/// How a request ended, as far as objectives tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Outcome {
    /// A result that is no error.
    Success,
    /// A result with `isError: true`.
    ToolError,
    /// A JSON-RPC error or an answer that is none: the server's fault.
    ServerError,
    /// The caller's fault: wrong parameters, no permission, session lost.
    CallerError,
    /// HTTP 429.
    RateLimited,
    /// HTTP 5xx, connection refused or reset, stream ended without answer.
    TransportError,
    /// A deadline passed.
    Timeout,
    /// This proxy could not do its part.
    ProxyError,
    /// The caller cancelled or left.
    Cancelled,
}

/// What an event is for an objective.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Verdict {
    /// The label value `good`.
    Good,
    /// The label value `bad`.
    Bad,
    /// No event at all.
    Excluded,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Success,
        Self::ToolError,
        Self::ServerError,
        Self::CallerError,
        Self::RateLimited,
        Self::TransportError,
        Self::Timeout,
        Self::ProxyError,
        Self::Cancelled,
    ];

    /// The word in configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::ToolError => "tool_error",
            Self::ServerError => "server_error",
            Self::CallerError => "caller_error",
            Self::RateLimited => "rate_limited",
            Self::TransportError => "transport_error",
            Self::Timeout => "timeout",
            Self::ProxyError => "proxy_error",
            Self::Cancelled => "cancelled",
        }
    }
}

impl Verdict {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Good, Self::Bad, Self::Excluded];

    /// The word in configuration and, for events, the label value.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Bad => "bad",
            Self::Excluded => "excluded",
        }
    }
}

/// The verdict on each outcome. A success is good, always: what else it takes (speed, soundness) is the SLI's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcomes([Verdict; Outcome::ALL.len()]);

impl Default for Outcomes {
    fn default() -> Self {
        Self(Outcome::ALL.map(|outcome| match outcome {
            Outcome::Success => Verdict::Good,
            Outcome::CallerError | Outcome::Cancelled => Verdict::Excluded,
            _ => Verdict::Bad,
        }))
    }
}

impl Outcomes {
    /// The same with another verdict on one outcome; that on success stays.
    #[must_use]
    pub const fn with(mut self, outcome: Outcome, verdict: Verdict) -> Self {
        if !matches!(outcome, Outcome::Success) {
            self.0[outcome as usize] = verdict;
        }
        self
    }

    /// The verdict on an outcome.
    #[must_use]
    pub const fn verdict(&self, outcome: Outcome) -> Verdict {
        self.0[outcome as usize]
    }
}
