//! Latency over quantiles, one line per target.

use std::fmt::Write;

use super::palette::{Style, style};
use super::scale::{LogScale, QUANTILES, escaped, quantile_share, time};
use super::{FONT, Series};

const WIDTH: f64 = 740.0;
const HEIGHT: f64 = 330.0;
/// The part with the lines; to the right of it stands the legend.
const LEFT: f64 = 62.0;
const RIGHT: f64 = 492.0;
const TOP: f64 = 34.0;
const BOTTOM: f64 = 286.0;
/// Between two lines of the legend.
const LEGEND_LINE: f64 = 21.0;

/// Draws it.
pub(super) fn draw(title: &str, series: &[Series]) -> String {
    let scale =
        LogScale::around(series.iter().flat_map(|line| line.curve.iter().map(|point| point.1)), BOTTOM, TOP);
    let mut svg = format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" font-family="{FONT}" font-size="12"><title>{0}</title><rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/><text x="{LEFT}" y="18" font-weight="600" font-size="13" fill="#202124">{0}</text>"##,
        escaped(title)
    );
    axes(&mut svg, &scale);
    for line in series {
        draw_line(&mut svg, line, &scale);
    }
    legend(&mut svg, series);
    svg.push_str("</svg>");
    svg
}

fn across(quantile: f64) -> f64 {
    LEFT + quantile_share(quantile) * (RIGHT - LEFT)
}

// Writing into a String cannot fail, here and below.
fn axes(svg: &mut String, scale: &LogScale) {
    for tick in scale.ticks() {
        let y = scale.at(tick);
        let _ = write!(
            svg,
            r##"<path d="M{LEFT} {y:.1}H{RIGHT}" stroke="#e4e7eb"/><text x="{:.1}" y="{:.1}" text-anchor="end" fill="#5f6368">{}</text>"##,
            LEFT - 8.0,
            y + 4.0,
            time(tick)
        );
    }
    for (quantile, label) in QUANTILES {
        let x = across(quantile);
        let _ = write!(
            svg,
            r##"<path d="M{x:.1} {TOP}V{BOTTOM}" stroke="#e4e7eb"/><text x="{x:.1}" y="{:.1}" text-anchor="middle" fill="#5f6368">{label}</text>"##,
            BOTTOM + 18.0
        );
    }
    let _ = write!(
        svg,
        r##"<path d="M{LEFT} {TOP}V{BOTTOM}H{RIGHT}" fill="none" stroke="#80868b"/><text x="{:.1}" y="{:.1}" text-anchor="middle" fill="#5f6368">share of calls answered within this time</text>"##,
        f64::midpoint(LEFT, RIGHT),
        HEIGHT - 8.0
    );
}

fn draw_line(svg: &mut String, series: &Series, scale: &LogScale) {
    let points: Vec<String> = series
        .curve
        .iter()
        .map(|(quantile, micros)| format!("{:.1},{:.1}", across(*quantile), scale.at(*micros)))
        .collect();
    let Style { colour, dashes, width } = style(&series.name, series.place);
    let _ = write!(
        svg,
        r#"<polyline points="{}" fill="none" stroke="{colour}" stroke-width="{width}" stroke-dasharray="{dashes}" stroke-linejoin="round"><title>{}</title></polyline>"#,
        points.join(" "),
        escaped(&series.name)
    );
}

/// The slowest at 99 % stands on top, as its line does.
fn legend(svg: &mut String, series: &[Series]) {
    let at_99 = |line: &Series| {
        let before = line.curve.iter().take_while(|(quantile, _)| *quantile <= 0.99 + 1e-9).last();
        before.map_or(0.0, |point| point.1)
    };
    let mut lines: Vec<&Series> = series.iter().collect();
    lines.sort_by(|one, other| at_99(other).total_cmp(&at_99(one)));
    let _ = write!(svg, r##"<text x="{}" y="{TOP}" fill="#5f6368">target, 99 %</text>"##, RIGHT + 18.0);
    for (index, line) in lines.into_iter().enumerate() {
        let y = TOP + LEGEND_LINE * (index + 1) as f64;
        let Style { colour, dashes, width } = style(&line.name, line.place);
        let _ = write!(
            svg,
            r##"<path d="M{:.1} {:.1}h24" stroke="{colour}" stroke-width="{width}" stroke-dasharray="{dashes}"/><text x="{:.1}" y="{y:.1}" fill="#202124">{}</text><text x="{:.1}" y="{y:.1}" text-anchor="end" fill="#5f6368" font-size="11">{}</text>"##,
            RIGHT + 18.0,
            y - 4.0,
            RIGHT + 48.0,
            escaped(&shortened(&line.name)),
            WIDTH - 4.0,
            escaped(&time(at_99(line)))
        );
    }
}

/// Long names of peers would run over the figure beside them.
fn shortened(name: &str) -> String {
    const MOST: usize = 20;
    if name.chars().count() <= MOST {
        return name.to_owned();
    }
    name.chars().take(MOST - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_has_a_line_and_a_place_in_the_legend() {
        let series = |name: &str, factor: f64| Series {
            name: name.to_owned(),
            place: 0,
            curve: vec![(0.0, 10.0 * factor), (0.9, 20.0 * factor), (0.99, 40.0 * factor)],
        };
        let svg = draw("small <1>", &[series("direct", 1.0), series("bare", 2.0)]);
        assert_eq!((svg.matches("<polyline").count(), svg.matches("small &lt;1&gt;").count()), (2, 2));
        let place = |name: &str| svg.rfind(&format!(">{name}<")).unwrap();
        assert!(place("bare") < place("direct"), "the slower one stands first");
        assert!(svg.contains("80 µs") && svg.ends_with("</svg>"));
    }

    #[test]
    fn nothing_measured_is_an_empty_picture() {
        let empty = Series { name: "direct".to_owned(), place: 0, curve: Vec::new() };
        assert!(draw("none", &[empty]).contains("points=\"\""));
    }

    #[test]
    fn long_names_are_cut() {
        assert_eq!(shortened("a proxy with a very long name"), "a proxy with a very…");
        assert_eq!(shortened("mcp-tap, traces 10%"), "mcp-tap, traces 10%");
    }
}
