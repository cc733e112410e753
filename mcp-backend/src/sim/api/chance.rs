//! Chances and latencies: each a function of the seed, the number of the request and what it is for.

use std::time::Duration;

/// What a chance is drawn for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Purpose {
    /// An answer of 500.
    ApiError = 1,
    /// A slow answer.
    Slow,
    /// A status that was asked for.
    Forced,
    /// The latency: two draws.
    Latency,
    /// The second draw of it.
    LatencyAngle,
}

/// The draws of one request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chance {
    seed: u64,
    turn: u64,
}

impl Chance {
    pub(super) fn new(seed: u64, turn: u64) -> Self {
        Self { seed, turn }
    }

    /// Whether it comes to pass, which it does in this share of requests.
    pub(super) fn happens(self, purpose: Purpose, share: f64) -> bool {
        share > 0.0 && self.draw(purpose) < share
    }

    /// How long an answer takes whose median is this: lognormal, one in a hundred ten times as long.
    pub(super) fn latency(self, median: Duration) -> Duration {
        // ln 10, over the 99th percentile of the normal distribution.
        const SPREAD: f64 = std::f64::consts::LN_10 / 2.326;
        // Box and Muller's way to a normal number.
        let radius = (-2.0 * (1.0 - self.draw(Purpose::Latency)).ln()).sqrt();
        let normal = radius * (std::f64::consts::TAU * self.draw(Purpose::LatencyAngle)).cos();
        median.mul_f64((SPREAD * normal).exp().clamp(0.1, 25.0))
    }

    /// A number from 0 up to 1.
    fn draw(self, purpose: Purpose) -> f64 {
        let mixed = mix(mix(mix(self.seed) ^ self.turn) ^ purpose as u64);
        // The upper 53 bits are what a double holds.
        (mixed >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Spreads every bit over all bits (the finalizer of SplitMix64).
pub(super) fn mix(value: u64) -> u64 {
    let mut mixed = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_and_request_draw_the_same() {
        let draws =
            |seed| (0..50).map(|turn| Chance::new(seed, turn).draw(Purpose::Slow)).collect::<Vec<_>>();
        assert_eq!(draws(1), draws(1));
        assert_ne!(draws(1), draws(2));
    }

    #[test]
    fn a_share_comes_to_pass_about_as_often() {
        let count = |share| {
            (0..10_000).filter(|turn| Chance::new(7, *turn).happens(Purpose::ApiError, share)).count()
        };
        assert_eq!((count(0.0), count(1.0)), (0, 10_000));
        assert!((50..=150).contains(&count(0.01)), "{}", count(0.01));
    }

    #[test]
    fn latency_has_its_median_and_a_long_tail() {
        let median = Duration::from_millis(15);
        let mut times: Vec<_> = (0..10_000).map(|turn| Chance::new(1, turn).latency(median)).collect();
        times.sort();
        let near = |time: Duration, expected: f64| (time.as_secs_f64() / expected - 1.0).abs() < 0.15;
        assert!(near(times[5_000], 0.015), "{:?}", times[5_000]);
        assert!(near(times[9_900], 0.150), "{:?}", times[9_900]);
        assert!(times[9_999] <= median * 25);
    }
}
