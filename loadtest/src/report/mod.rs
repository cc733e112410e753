//! A comparison as one page without anything from elsewhere, and its pictures.

mod bars;
mod curve;
mod page;
mod palette;
mod scale;

use crate::compare::{Comparison, Figures, IdleFigures};

pub use page::page;

use bars::Bar;

/// Letters that are on every machine, of the same kind as those of the page.
const FONT: &str = "system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif";

/// A line of a curve.
#[derive(Debug, Clone)]
struct Series {
    name: String,
    /// Its number among all targets.
    place: usize,
    /// Quantile and microseconds.
    curve: Vec<(f64, f64)>,
}

/// Every picture of a comparison with a name for its file.
#[must_use]
pub fn pictures(comparison: &Comparison) -> Vec<(String, String)> {
    let mut pictures = Vec::new();
    for figures in &comparison.scenarios {
        let name = file_name(&figures.scenario);
        pictures.push((format!("{name}-latency.svg"), latency(figures)));
        pictures.push((format!("{name}-cpu.svg"), cpu(figures)));
    }
    if !comparison.idle.is_empty() {
        pictures.push(("idle-streams.svg".to_owned(), idle(&comparison.idle)));
    }
    pictures
}

/// Colons and the like are awkward in a file's name.
fn file_name(scenario: &str) -> String {
    scenario.chars().map(|sign| if sign.is_ascii_alphanumeric() { sign } else { '-' }).collect()
}

fn connections(count: usize) -> String {
    if count == 1 { "1 connection".to_owned() } else { format!("{count} connections") }
}

fn latency(figures: &Figures) -> String {
    let targets = figures.targets.iter().enumerate();
    let series: Vec<Series> = targets
        .map(|(place, target)| Series { name: target.name.clone(), place, curve: target.curve.clone() })
        .collect();
    curve::draw(&format!("Latency of {}, {}", figures.scenario, connections(figures.connections)), &series)
}

fn cpu(figures: &Figures) -> String {
    let bars: Vec<Bar> = figures
        .targets
        .iter()
        .enumerate()
        .filter_map(|(place, target)| {
            let cpu = target.cpu_micros?;
            let (value, lowest, highest) = (cpu.median, cpu.lowest, cpu.highest);
            Some(Bar { name: target.name.clone(), place, value, lowest, highest })
        })
        .collect();
    bars::draw(&format!("CPU of the proxy per call of {}, µs", figures.scenario), &bars)
}

fn idle(idle: &[IdleFigures]) -> String {
    let bars: Vec<Bar> = idle
        .iter()
        .enumerate()
        .map(|(place, of)| Bar {
            name: of.name.clone(),
            place,
            value: of.kib_per_stream,
            lowest: of.kib_per_stream,
            highest: of.kib_per_stream,
        })
        .collect();
    bars::draw("Memory of the proxy per idle event stream, KiB", &bars)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_after_their_scenarios() {
        assert_eq!(
            (file_name("sse:20:2"), file_name("small@1")),
            ("sse-20-2".to_owned(), "small-1".to_owned())
        );
    }
}
