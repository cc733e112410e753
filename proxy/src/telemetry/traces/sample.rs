//! Which operations are kept, decided when they ended (slo-and-alerts.md §13).

/// What was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Decision {
    /// Kept: the parent is sampled.
    Parent,
    /// Kept: it failed.
    Error,
    /// Kept: it was slow.
    Slow,
    /// Kept: by chance, consistently.
    Ratio,
    /// Not kept.
    Unsampled,
    /// Not kept, though it failed or was slow: too many did.
    Storm,
}

impl Decision {
    /// All decisions.
    pub const ALL: [Self; 6] =
        [Self::Parent, Self::Error, Self::Slow, Self::Ratio, Self::Unsampled, Self::Storm];

    /// The label value.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Parent => "parent",
            Self::Error => "error",
            Self::Slow => "slow",
            Self::Ratio => "ratio",
            Self::Unsampled => "unsampled",
            Self::Storm => "storm",
        }
    }
}
