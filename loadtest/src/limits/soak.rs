//! Whether memory stays flat under hours of mixed calls.

use std::time::Duration;

use super::Settings;
use super::sidecar::{Load, Sidecar};
use crate::clock;
use crate::compare::CompareError;
use crate::goals::Goal;
use crate::payload::{Answers, Scenario};

/// Length of one run of load; the next one begins with new connections and sessions.
const STRETCH: Duration = Duration::from_secs(10);
/// Calls per second: busy for a sidecar, but the machine stays usable.
const RATE: f64 = 500.0;
const CONNECTIONS: usize = 16;
/// Growth of the last quarter over the second one that still counts as flat.
const FLAT: f64 = 1.05;

pub(super) async fn measure(
    settings: &Settings,
    duration: Duration,
    answers: &Answers,
    progress: &mut impl FnMut(&str),
) -> Result<Goal, CompareError> {
    let sidecar = Sidecar::start(settings, 0)?;
    let started = clock::now();
    let (mut samples, mut calls) = (vec![sidecar.resident_mib()?], 0);
    loop {
        let left = duration.saturating_sub(clock::now() - started);
        if left.is_zero() {
            break;
        }
        let load = Load {
            scenario: Scenario::Agents,
            connections: CONNECTIONS,
            // Sampled at least eight times, so that quarters differ.
            duration: left.min(STRETCH).min(duration / 8).max(Duration::from_millis(100)),
            requests: None,
            rate: Some(RATE),
        };
        calls += sidecar.load(&load, answers).await?.requests;
        samples.push(sidecar.resident_mib()?);
        let so_far = (clock::now() - started).as_secs();
        progress(&format!("soak, {so_far} s: {calls} calls, RSS {:.1} MiB", samples[samples.len() - 1]));
    }
    let (first, last) = (samples[0], samples[samples.len() - 1]);
    let verdict =
        growth(&samples).map_or("too short to say", |growth| if growth <= FLAT { "flat" } else { "growing" });
    let minutes = duration.as_secs_f64() / 60.0;
    let what = format!("RSS over {minutes:.1} minutes of mixed calls, last quarter to second");
    let note = format!("{verdict}; {calls} calls, {first:.1} MiB at first, {last:.1} MiB at last");
    Ok(Goal::at_most(&what, growth(&samples), FLAT, "").with_note(note))
}

/// The highest of the last quarter over the highest of the second: the first one is filling up.
fn growth(samples: &[f64]) -> Option<f64> {
    let quarter = samples.len() / 4;
    if quarter == 0 {
        return None;
    }
    let highest = |part: &[f64]| part.iter().copied().fold(0.0, f64::max);
    let (second, last) =
        (highest(&samples[quarter..2 * quarter]), highest(&samples[samples.len() - quarter..]));
    (second > 0.0).then(|| last / second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filling_up_is_no_growth_but_what_comes_after_is() {
        for (samples, expected) in [
            (&[5.0, 9.0, 10.0, 10.0, 10.0, 10.0, 10.0, 10.0][..], 1.0),
            (&[5.0, 9.0, 10.0, 11.0, 12.0, 13.0, 14.0, 22.0][..], 2.0),
        ] {
            assert_eq!(growth(samples), Some(expected), "{samples:?}");
        }
        assert_eq!(growth(&[1.0, 2.0, 3.0]), None);
    }
}
