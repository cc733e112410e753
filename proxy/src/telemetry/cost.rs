//! What calls cost, by configured prices.

use crate::slo::Pattern;

/// Prices in US dollars; what is not given costs nothing.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Price {
    /// For each second that the server is busy with a call.
    pub per_second: Option<f64>,
    /// For each call.
    pub per_call: Option<f64>,
    /// For each GiB (2^30 bytes) of results.
    pub per_gib: Option<f64>,
    /// For each million estimated tokens of results.
    pub per_million_tokens: Option<f64>,
}

/// Prices of all tools.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Prices {
    /// Of every tool, where nothing else is said.
    pub default: Price,
    /// Of some tools: the first pattern that matches; what it does not give is that of the default.
    pub tools: Vec<(Pattern, Price)>,
}

/// What a cost is for; the label `resource_type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    /// The time that the server was busy.
    Compute,
    /// The call as such.
    Call,
    /// The bytes of the result.
    Egress,
    /// The context that the result takes in an agent.
    Tokens,
}

impl Resource {
    /// All of them; the value of each is its place here.
    pub const ALL: [Self; 4] = [Self::Compute, Self::Call, Self::Egress, Self::Tokens];

    /// The label value.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Compute => "compute",
            Self::Call => "call",
            Self::Egress => "egress",
            Self::Tokens => "tokens",
        }
    }
}

/// What one call used.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Usage {
    /// Seconds that the server was busy with it.
    pub seconds: f64,
    /// Bytes of its result.
    pub bytes: u64,
    /// Estimated tokens of its result.
    pub tokens: u64,
}

/// The prices of one tool, per unit of what is used.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Rates {
    second: f64,
    call: f64,
    byte: f64,
    token: f64,
}

impl Rates {
    /// Whether a call costs nothing, whatever it uses.
    #[must_use]
    pub fn is_free(&self) -> bool {
        *self == Self::default()
    }

    /// Dollars of one call, by [`Resource`].
    #[must_use]
    pub fn cost(&self, usage: &Usage) -> [f64; Resource::ALL.len()] {
        [
            self.second * usage.seconds,
            self.call,
            self.byte * usage.bytes as f64,
            self.token * usage.tokens as f64,
        ]
    }
}

impl Prices {
    /// The prices of a tool.
    #[must_use]
    pub fn rates(&self, tool: &str) -> Rates {
        let own = self.tools.iter().find(|(pattern, _)| pattern.matches(tool)).map(|(_, price)| *price);
        let own = own.unwrap_or_default();
        let pick = |own: Option<f64>, default: Option<f64>| own.or(default).unwrap_or_default();
        Rates {
            second: pick(own.per_second, self.default.per_second),
            call: pick(own.per_call, self.default.per_call),
            byte: pick(own.per_gib, self.default.per_gib) / f64::from(1 << 30),
            token: pick(own.per_million_tokens, self.default.per_million_tokens) / 1e6,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_costs_what_it_used_by_the_prices_of_its_tool() {
        let default = Price {
            per_second: Some(0.00002),
            per_call: None,
            per_gib: Some(0.09),
            per_million_tokens: Some(3.0),
        };
        let own = |per_call| Price { per_call: Some(per_call), ..Price::default() };
        let free = Price { per_second: Some(0.0), per_gib: Some(0.0), ..own(0.0) };
        let prices = Prices {
            default,
            tools: vec![
                (Pattern::new("search"), own(0.005)),
                (Pattern::new("se*"), own(7.0)),
                (Pattern::new("get_*"), free),
            ],
        };
        let usage = Usage { seconds: 2.5, bytes: 1 << 29, tokens: 500 };
        for (tool, expected) in [
            ("other", [0.00005, 0.0, 0.045, 0.0015]),
            ("search", [0.00005, 0.005, 0.045, 0.0015]),
            ("send", [0.00005, 7.0, 0.045, 0.0015]),
            ("get_pods", [0.0, 0.0, 0.0, 0.0015]),
        ] {
            for (cost, expected) in prices.rates(tool).cost(&usage).into_iter().zip(expected) {
                assert!((cost - expected).abs() < 1e-15, "{tool}: {cost} {expected}");
            }
        }
        assert_eq!(Prices::default().rates("any").cost(&usage), [0.0; 4]);
    }
}
