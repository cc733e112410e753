//! One bar per target, with the spread over the rounds.

use std::fmt::Write;

use super::FONT;
use super::palette::style;
use super::scale::{digits, escaped};

const WIDTH: f64 = 560.0;
/// Names stand to the left of this, figures to the right of the other.
const LEFT: f64 = 160.0;
const RIGHT: f64 = 460.0;
const TOP: f64 = 34.0;
const LINE: f64 = 28.0;
const BAR: f64 = 14.0;

/// A bar.
#[derive(Debug, Clone)]
pub(super) struct Bar {
    /// The target.
    pub(super) name: String,
    /// Its number among all targets.
    pub(super) place: usize,
    pub(super) value: f64,
    pub(super) lowest: f64,
    pub(super) highest: f64,
}

/// Draws them, the longest whisker just fitting.
pub(super) fn draw(title: &str, bars: &[Bar]) -> String {
    let height = TOP + LINE * bars.len() as f64 + 10.0;
    let longest = bars.iter().map(|bar| bar.value.max(bar.highest)).fold(0.0, f64::max);
    let mut svg = format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" font-family="{FONT}" font-size="12"><title>{0}</title><rect width="{WIDTH}" height="{height}" fill="#fff"/><text x="4" y="18" font-weight="600" font-size="13" fill="#202124">{0}</text>"##,
        escaped(title)
    );
    for (index, bar) in bars.iter().enumerate() {
        let middle = TOP + LINE * (index as f64 + 0.5);
        draw_bar(&mut svg, bar, middle, longest);
    }
    svg.push_str("</svg>");
    svg
}

/// How far a value reaches.
fn reach(value: f64, longest: f64) -> f64 {
    if longest > 0.0 { (value / longest).clamp(0.0, 1.0) * (RIGHT - LEFT) } else { 0.0 }
}

// Writing into a String cannot fail.
fn draw_bar(svg: &mut String, bar: &Bar, middle: f64, longest: f64) {
    let to = |value| LEFT + reach(value, longest);
    let text = middle + 4.0;
    let _ = write!(
        svg,
        r##"<text x="{:.1}" y="{text:.1}" text-anchor="end" fill="#202124">{}</text><rect x="{LEFT}" y="{:.1}" width="{:.1}" height="{BAR}" rx="2" fill="{}"/>"##,
        LEFT - 10.0,
        escaped(&bar.name),
        middle - BAR / 2.0,
        reach(bar.value, longest).max(1.0),
        style(&bar.name, bar.place).colour,
    );
    // A white line beneath the whisker keeps it visible on a dark bar.
    let (low, high) = (to(bar.lowest), to(bar.highest));
    let whisker = format!(
        "M{low:.1} {middle:.1}H{high:.1}M{low:.1} {:.1}v8M{high:.1} {:.1}v8",
        middle - 4.0,
        middle - 4.0
    );
    if bar.highest > bar.lowest {
        let _ = write!(
            svg,
            r##"<path d="{whisker}" stroke="#fff" stroke-width="3.5"/><path d="{whisker}" stroke="#5f6368" stroke-width="1.4"/>"##
        );
    }
    let _ = write!(
        svg,
        r##"<text x="{:.1}" y="{text:.1}" fill="#202124">{}</text>"##,
        to(bar.value.max(bar.highest)) + 8.0,
        digits(bar.value)
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_in_proportion_and_whiskers_fit() {
        assert_eq!((reach(5.0, 10.0), reach(10.0, 10.0), reach(20.0, 10.0)), (150.0, 300.0, 300.0));
        assert_eq!(reach(5.0, 0.0), 0.0);
    }

    #[test]
    fn a_bar_shows_name_figure_and_spread() {
        let bar = |value, lowest, highest| Bar { name: "bare".to_owned(), place: 1, value, lowest, highest };
        let svg = draw("CPU", &[bar(20.0, 18.0, 40.0), bar(10.0, 10.0, 10.0)]);
        assert!(svg.contains(r#"width="150.0""#) && svg.contains(r#"width="75.0""#), "{svg}");
        // Two paths for the one whisker.
        assert_eq!(svg.matches("<path").count(), 2);
        assert!(svg.contains("M295.0 ") && svg.contains("H460.0"), "{svg}");
    }
}
