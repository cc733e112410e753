//! What a scrape of many series costs, and whether calls wait for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use super::sidecar::{Load, Sidecar, get};
use crate::compare::{CompareError, Ratio, TAP};
use crate::goals::Goal;
use crate::load::Report;
use crate::payload::{Answers, Scenario, Tool};

/// Scrapes whose CPU time is measured.
const SCRAPES: u32 = 30;
/// Time between two scrapes while calls are sent: so many that the 99th percentile of the calls would show them.
const BETWEEN: Duration = Duration::from_millis(100);
/// Turns without and with scrapes.
const ROUNDS: usize = 3;
/// Series that the page should have to be worth measuring.
const SERIES: usize = 10_000;

pub(super) async fn measure(
    sidecar: &Sidecar,
    answers: &Answers,
    goals: &mut Vec<Goal>,
) -> Result<(), CompareError> {
    let page = sidecar.scrape()?;
    let series = series(&page);
    let scrapes = async { (0..SCRAPES).try_for_each(|_| sidecar.scrape().map(drop)) };
    let ((), cpu) = sidecar.cpu_of(scrapes).await?;
    let millis = cpu.as_secs_f64() * 1000.0 / f64::from(SCRAPES);
    goals.push(Goal::at_least("series on the metrics page", Some(series as f64), SERIES as f64, ""));
    let size = format!("{:.1} MB", page.len() as f64 / 1e6);
    goals.push(Goal::at_most("CPU per scrape", Some(millis), 5.0, "ms").with_note(size));
    goals.push(delay(sidecar, answers).await?);
    Ok(())
}

/// How much longer the slowest hundredth of calls takes while the page is read again and again.
async fn delay(sidecar: &Sidecar, answers: &Answers) -> Result<Goal, CompareError> {
    let load = Load {
        scenario: Scenario::Json(Tool::Small),
        connections: 8,
        duration: Duration::from_millis(1500),
        requests: None,
        rate: Some(500.0),
    };
    let (mut added, mut worst) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let alone = sidecar.load(&load, answers).await?;
        let scraper = Scraper::start(sidecar)?;
        let scraped = sidecar.load(&load, answers).await?;
        scraper.stop()?;
        let more = |figure: fn(&Report) -> f64| (figure(&scraped) - figure(&alone)) / 1000.0;
        added.push(more(|report| report.latency.at(0.99)));
        worst.push(more(|report| report.latency.max()));
    }
    let p99 = Ratio::of(&added);
    let mut goal = Goal::at_most(
        "p99 of a small call during scrapes beyond without",
        p99.map(|p99| p99.median),
        1.0,
        "ms",
    );
    if let Some(p99) = p99 {
        goal = goal.with_spread(p99.lowest, p99.highest);
    }
    let worst = Ratio::of(&worst).map_or(0.0, |worst| worst.median);
    Ok(goal.with_note(format!("the slowest call: {worst:+.1} ms")))
}

/// Lines that are no comments.
fn series(page: &[u8]) -> usize {
    let text = String::from_utf8_lossy(page);
    let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    body.lines().filter(|line| !line.starts_with('#') && line.contains(' ')).count()
}

/// A thread that scrapes, so that the client of the calls is not kept busy by it.
struct Scraper {
    stop: Arc<AtomicBool>,
    scrapes: Arc<AtomicU64>,
    thread: std::thread::JoinHandle<()>,
}

impl Scraper {
    fn start(sidecar: &Sidecar) -> Result<Self, CompareError> {
        let (stop, scrapes) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (stopped, counted, admin) = (stop.clone(), scrapes.clone(), sidecar.admin);
        let thread = std::thread::Builder::new().name("scraper".to_owned()).spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                if get(admin, "/metrics").is_ok() {
                    counted.fetch_add(1, Ordering::Relaxed);
                }
                std::thread::sleep(BETWEEN);
            }
        });
        let thread = thread.map_err(|source| CompareError::Admin { name: TAP.to_owned(), source })?;
        Ok(Self { stop, scrapes, thread })
    }

    /// Without a single scrape nothing was measured.
    fn stop(self) -> Result<(), CompareError> {
        self.stop.store(true, Ordering::Relaxed);
        let ended = self.thread.join().is_ok();
        if ended && self.scrapes.load(Ordering::Relaxed) > 0 {
            return Ok(());
        }
        let source = std::io::Error::other("no scrape was answered while calls were sent");
        Err(CompareError::Admin { name: TAP.to_owned(), source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_are_lines_with_a_value() {
        let page = b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n# HELP a b\n# TYPE a counter\na 1\nb{c=\"d\"} 2\n\n";
        assert_eq!(series(page), 2);
        assert_eq!(series(b""), 0);
    }
}
