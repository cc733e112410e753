//! One colour per target, the same in all pictures of a page.

use crate::compare::{BARE, TAP};

/// How a target is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Style {
    pub(super) colour: &'static str,
    /// `stroke-dasharray`; empty for a whole line.
    pub(super) dashes: &'static str,
    pub(super) width: &'static str,
}

const fn line(colour: &'static str, dashes: &'static str) -> Style {
    Style { colour, dashes, width: "1.8" }
}

/// Peers whose names say nothing get these by their place.
const OTHERS: [&str; 4] = ["#9c3fc4", "#b3261e", "#00838f", "#8d6e00"];

/// The style of a target; `place` is its number among all.
pub(super) fn style(name: &str, place: usize) -> Style {
    match name {
        "direct" => line("#9aa0a6", ""),
        BARE => line("#202124", ""),
        TAP => Style { colour: "#1a66d6", dashes: "", width: "3" },
        _ if name.starts_with(TAP) && name.contains("off") => line("#5aa9e6", "2 3"),
        _ if name.starts_with(TAP) => line("#0b3c8c", "7 3"),
        "nginx" => line("#2f9e5f", ""),
        _ if name.starts_with("nginx") => line("#17683a", "7 3"),
        _ if name.starts_with("haproxy") => line("#e07a00", ""),
        _ => line(OTHERS[place % OTHERS.len()], "4 2"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_that_are_shown_together_can_be_told_apart() {
        let names = [
            "direct",
            "bare",
            "mcp-tap, inspect off",
            "mcp-tap",
            "mcp-tap, traces 10%",
            "nginx",
            "nginx, access log",
            "haproxy, log",
            "envoy",
            "caddy",
        ];
        let styles: Vec<Style> = names.iter().enumerate().map(|(place, name)| style(name, place)).collect();
        for (index, style) in styles.iter().enumerate() {
            assert!(!styles[..index].contains(style), "{}", names[index]);
        }
    }
}
