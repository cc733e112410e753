//! Service levels, as mcp-tap's `/slo` tells them.

use serde::Serialize;
use serde_json::Value;

/// One objective.
#[derive(Debug, Clone, Default, Serialize, PartialEq)]
pub(super) struct Level {
    /// Its name.
    pub(super) slo: String,
    /// The part of events that were good lately; none without an event.
    pub(super) sli: Option<f64>,
    /// What is promised, in percent.
    pub(super) target: String,
    /// The part of the error budget that is left: 1 untouched, negative beyond.
    pub(super) budget_left: Option<f64>,
    /// `ok`, `burning`, `exhausted`, `idle` or `invalid`.
    pub(super) state: String,
}

impl Level {
    /// Reads the page; none when it is no such page.
    pub(super) fn read(page: &[u8]) -> Option<Vec<Self>> {
        let page: Value = serde_json::from_slice(page).ok()?;
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let level = |objective: &Value| {
            Some(Self {
                slo: text(&objective["slo"])?,
                sli: objective["window"]["sli"].as_f64(),
                target: text(&objective["target"])?,
                budget_left: objective["budget"]["remaining"].as_f64(),
                state: text(&objective["state"])?,
            })
        };
        page["objectives"].as_array()?.iter().map(level).collect()
    }

    /// Whether somebody has to do something.
    pub(super) fn is_bad(&self) -> bool {
        !matches!(self.state.as_str(), "ok" | "idle")
    }
}

/// A ratio in percent with two decimals, never rounded up: 99.999 is not all.
pub(super) fn percent(ratio: Option<f64>) -> String {
    ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{:.2}%", (ratio * 1e4 + 1e-6).floor() / 1e2))
}

/// A part of a budget in whole percent, never rounded up.
pub(super) fn rest(ratio: Option<f64>) -> String {
    ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{:.0}%", (ratio * 1e2 + 1e-6).floor()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_becomes_one_level_per_objective() {
        let page = br#"{"source": "process", "objectives": [
            {"slo": "availability", "target": "99.9", "state": "burning", "window": {"sli": 0.9981},
             "budget": {"remaining": -0.9}},
            {"slo": "quality", "target": "99", "state": "idle", "window": {"sli": null}, "budget": {"remaining": null}}
        ]}"#;
        let levels = Level::read(page).unwrap();
        assert_eq!(levels.len(), 2);
        assert_eq!(
            (levels[0].sli, levels[0].budget_left, levels[0].is_bad()),
            (Some(0.9981), Some(-0.9), true)
        );
        assert_eq!((levels[1].sli, levels[1].budget_left, levels[1].is_bad()), (None, None, false));
        for page in ["", "{}", r#"{"objectives": [{}]}"#] {
            assert_eq!(Level::read(page.as_bytes()), None, "{page}");
        }
    }

    #[test]
    fn ratios_are_never_rounded_up() {
        for (ratio, sli, left) in [
            (None, "-", "-"),
            (Some(1.0), "100.00%", "100%"),
            (Some(0.999_999), "99.99%", "99%"),
            (Some(0.57), "57.00%", "57%"),
            (Some(0.0), "0.00%", "0%"),
            (Some(-0.001), "-0.10%", "-1%"),
            (Some(-9.0), "-900.00%", "-900%"),
        ] {
            assert_eq!((percent(ratio).as_str(), rest(ratio).as_str()), (sli, left), "{ratio:?}");
        }
    }
}
