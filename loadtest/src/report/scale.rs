//! From figures to places on a picture, and to words.

use std::ops::RangeInclusive;

/// A logarithmic axis from values to pixels.
#[derive(Debug, Clone, Copy)]
pub(super) struct LogScale {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl LogScale {
    /// An axis on which all of the values have room, from a pixel to another; values are positive.
    pub(super) fn around(values: impl Iterator<Item = f64>, from: f64, to: f64) -> Self {
        let values = values.filter(|value| value.is_finite() && *value > 0.0);
        let (low, high) =
            values.fold((f64::MAX, f64::MIN), |(low, high), value| (low.min(value), high.max(value)));
        // Without values, or with only one, an axis of two decades around it does.
        let (low, high) = if low > high { (1.0, 100.0) } else { (low, high) };
        let (low, high) = if high / low < 2.0 { (low / 2.0, high * 2.0) } else { (low * 0.9, high * 1.15) };
        Self { low: low.log10(), high: high.log10(), from, to }
    }

    /// The pixel of a value; beyond an end of the axis it is that end.
    pub(super) fn at(&self, value: f64) -> f64 {
        let share = (value.max(f64::MIN_POSITIVE).log10() - self.low) / (self.high - self.low);
        self.from + share.clamp(0.0, 1.0) * (self.to - self.from)
    }

    /// Round values: 1, 2 and 5 of each decade on a short axis, 1 only on a long one.
    pub(super) fn ticks(&self) -> Vec<f64> {
        let decades = self.high - self.low;
        let steps: &[f64] = match decades {
            d if d < 2.2 => &[1.0, 2.0, 5.0],
            d if d < 3.2 => &[1.0, 3.0],
            _ => &[1.0],
        };
        let exponents: RangeInclusive<i32> = self.low.floor() as i32..=self.high.ceil() as i32;
        let all = exponents.flat_map(|exponent| steps.iter().map(move |step| step * 10f64.powi(exponent)));
        all.filter(|value| (self.low..=self.high).contains(&value.log10())).collect()
    }
}

/// Where a quantile stands between 0 and 1, when 90 %, 99 %, 99.9 % and 99.99 % stand at equal distances.
pub(super) fn quantile_share(quantile: f64) -> f64 {
    let nines = -(1.0 - quantile).max(1e-4).log10();
    (nines / 4.0).clamp(0.0, 1.0)
}

/// The quantiles that the axis names.
pub(super) const QUANTILES: [(f64, &str); 6] =
    [(0.0, "0 %"), (0.5, "50 %"), (0.9, "90 %"), (0.99, "99 %"), (0.999, "99.9 %"), (0.9999, "99.99 %")];

/// Microseconds in the unit that reads best.
pub(super) fn time(micros: f64) -> String {
    match micros {
        m if m < 1000.0 => format!("{} µs", digits(m)),
        m if m < 1e6 => format!("{} ms", digits(m / 1000.0)),
        m => format!("{} s", digits(m / 1e6)),
    }
}

/// Three digits, and no zeros behind the point that say nothing.
pub(super) fn digits(value: f64) -> String {
    let text = match value.abs() {
        v if v >= 100.0 => return format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    };
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Text that stands in HTML or SVG.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stand_between_the_ends_of_their_axis() {
        let scale = LogScale::around([10.0, 1000.0].into_iter(), 200.0, 0.0);
        let places = [10.0, 100.0, 1000.0].map(|value| scale.at(value));
        assert!(places[0] < 200.0 && places[0] > places[1] && places[1] > places[2] && places[2] > 0.0);
        assert_eq!((scale.at(0.0), scale.at(1e9)), (200.0, 0.0));
    }

    #[test]
    fn an_axis_without_values_is_still_one() {
        for values in [vec![], vec![5.0], vec![f64::NAN, 0.0]] {
            let scale = LogScale::around(values.clone().into_iter(), 0.0, 100.0);
            assert!(scale.at(5.0).is_finite(), "{values:?}");
            assert!(!scale.ticks().is_empty(), "{values:?}");
        }
    }

    #[test]
    fn ticks_are_round_and_few() {
        let ticks = |low: f64, high: f64| LogScale::around([low, high].into_iter(), 0.0, 1.0).ticks();
        assert_eq!(ticks(20.0, 90.0), [20.0, 50.0, 100.0]);
        assert_eq!(ticks(1.0, 100_000.0), [1.0, 10.0, 100.0, 1000.0, 10_000.0, 100_000.0]);
    }

    #[test]
    fn nines_stand_at_equal_distances() {
        for (quantile, share) in
            [(0.0, 0.0), (0.9, 0.25), (0.99, 0.5), (0.999, 0.75), (0.9999, 1.0), (1.0, 1.0)]
        {
            assert!((quantile_share(quantile) - share).abs() < 1e-9, "{quantile}");
        }
    }

    #[test]
    fn figures_are_said_with_three_digits() {
        for (micros, expected) in [
            (9.0, "9 µs"),
            (12.34, "12.3 µs"),
            (632.4, "632 µs"),
            (1100.0, "1.1 ms"),
            (45_600.0, "45.6 ms"),
            (2e6, "2 s"),
        ] {
            assert_eq!(time(micros), expected);
        }
        assert_eq!(escaped("<a & \"b\">"), "&lt;a &amp; &quot;b&quot;&gt;");
    }
}
