//! Exact numbers: targets as they were written, and fractions that are computed without rounding.

use std::fmt;
use std::str::FromStr;

/// Parts that make up the whole: eight digits, so that a percentage with six of them is a whole number.
const WHOLE: u32 = 100_000_000;

/// How much of the events must be good: more than nothing and less than all. Exact, never a float (slo-and-alerts.md
/// §1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target(u32);

/// Why a text is no target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// No decimal number.
    #[error("is not a decimal number of percent")]
    NotDecimal,
    /// Zero, one hundred, or beyond.
    #[error("is not more than 0 and less than 100 percent")]
    OutOfRange,
    /// More digits than are exact.
    #[error("has more than 6 digits")]
    TooManyDigits,
}

impl FromStr for Target {
    type Err = TargetError;

    /// Reads percent, with or without the sign: `99.9`, `99.9%`.
    fn from_str(text: &str) -> Result<Self, TargetError> {
        let text = text.strip_suffix('%').unwrap_or(text).trim_end();
        let (whole, part) = text.split_once('.').unwrap_or((text, ""));
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !digits(whole) || !digits(part) || text.ends_with('.') {
            return Err(TargetError::NotDecimal);
        }
        let whole = whole.trim_start_matches('0');
        if whole.len() > 2 {
            return Err(TargetError::OutOfRange);
        }
        if whole.len() + part.len() > 6 {
            return Err(TargetError::TooManyDigits);
        }
        let parts = format!("{whole}{part:0<6}").parse().map_err(|_| TargetError::NotDecimal)?;
        if parts == 0 || parts >= WHOLE { Err(TargetError::OutOfRange) } else { Ok(Self(parts)) }
    }
}

impl fmt::Display for Target {
    /// Percent without the sign: `99.9`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{}.{:06}", self.0 / 1_000_000, self.0 % 1_000_000);
        f.write_str(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

impl Target {
    /// The part that must be good: 0.999.
    #[must_use]
    pub const fn good(self) -> Fraction {
        Fraction::new(self.0 as i128, WHOLE as i128)
    }

    /// The part that may be bad, the error budget: 0.001.
    #[must_use]
    pub const fn budget(self) -> Fraction {
        Fraction::new((WHOLE - self.0) as i128, WHOLE as i128)
    }
}

/// A quotient of whole numbers, for arithmetic without rounding. The denominator is positive.
///
/// Numbers stay far from overflow: products of event counts (64 bits) and two fractions of eight digits.
#[derive(Debug, Clone, Copy)]
pub struct Fraction {
    /// Above the line.
    pub numerator: i128,
    /// Below the line; positive.
    pub denominator: i128,
}

impl Fraction {
    /// Zero.
    pub const ZERO: Self = Self::new(0, 1);
    /// One.
    pub const ONE: Self = Self::new(1, 1);

    /// `numerator / denominator` in lowest terms; a denominator that is not positive counts as one.
    #[must_use]
    pub const fn new(numerator: i128, denominator: i128) -> Self {
        let denominator = if denominator > 0 { denominator } else { 1 };
        let divisor = gcd(numerator.unsigned_abs(), denominator.unsigned_abs()) as i128;
        Self { numerator: numerator / divisor, denominator: denominator / divisor }
    }

    /// The product.
    #[must_use]
    pub const fn times(self, other: Self) -> Self {
        Self::new(
            self.numerator.saturating_mul(other.numerator),
            self.denominator.saturating_mul(other.denominator),
        )
    }

    /// The quotient; `None` by zero and by negative numbers.
    #[must_use]
    pub const fn over(self, other: Self) -> Option<Self> {
        if other.numerator <= 0 {
            return None;
        }
        Some(Self::new(
            self.numerator.saturating_mul(other.denominator),
            self.denominator.saturating_mul(other.numerator),
        ))
    }

    /// The difference.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        let left = self.numerator.saturating_mul(other.denominator);
        let right = other.numerator.saturating_mul(self.denominator);
        Self::new(left.saturating_sub(right), self.denominator.saturating_mul(other.denominator))
    }

    /// The nearest float: one rounding.
    #[must_use]
    pub fn to_f64(self) -> f64 {
        self.numerator as f64 / self.denominator as f64
    }

    /// A decimal literal, exact where twelve decimals are enough, else rounded to as many: `0.0144`.
    #[must_use]
    pub fn to_decimal(self) -> String {
        const SCALE: i128 = 1_000_000_000_000;
        let scaled = self
            .numerator
            .saturating_mul(SCALE)
            .saturating_mul(2)
            .saturating_add(self.denominator)
            .div_euclid(self.denominator.saturating_mul(2));
        let sign = if scaled < 0 { "-" } else { "" };
        let scaled = scaled.unsigned_abs();
        let text = format!("{sign}{}.{:012}", scaled / SCALE.unsigned_abs(), scaled % SCALE.unsigned_abs());
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    }
}

impl PartialEq for Fraction {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Fraction {}

impl PartialOrd for Fraction {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Fraction {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let left = self.numerator.saturating_mul(other.denominator);
        left.cmp(&other.numerator.saturating_mul(self.denominator))
    }
}

const fn gcd(mut left: u128, mut right: u128) -> u128 {
    while right != 0 {
        (left, right) = (right, left % right);
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_decimal_percentages_between_nothing_and_all() {
        use TargetError::{NotDecimal, OutOfRange, TooManyDigits};
        for (text, expected) in [
            ("99.9", Ok("99.9")),
            ("99.90%", Ok("99.9")),
            ("95", Ok("95")),
            ("099.5", Ok("99.5")),
            ("0.0001", Ok("0.0001")),
            ("99.9999", Ok("99.9999")),
            ("100", Err(OutOfRange)),
            ("0", Err(OutOfRange)),
            ("0.00", Err(OutOfRange)),
            ("1000", Err(OutOfRange)),
            ("99.99999", Err(TooManyDigits)),
            ("", Err(NotDecimal)),
            ("99.", Err(NotDecimal)),
            (".9", Err(NotDecimal)),
            ("-1", Err(NotDecimal)),
            ("1e1", Err(NotDecimal)),
            ("99,9", Err(NotDecimal)),
        ] {
            let target = text.parse::<Target>().map(|target| target.to_string());
            assert_eq!(target.as_deref(), expected.as_ref().map(|text| *text), "{text}");
        }
    }

    #[test]
    fn budgets_and_products_are_exact_literals() {
        let budget = |text: &str| text.parse::<Target>().expect("a target").budget();
        for (fraction, expected) in [
            (budget("99.9"), "0.001"),
            (budget("99"), "0.01"),
            (budget("99.9").times(Fraction::new(144, 10)), "0.0144"),
            (Fraction::new(1, 3), "0.333333333333"),
            (Fraction::new(-2, 3), "-0.666666666667"),
            (Fraction::new(7, 1), "7"),
            (Fraction::ZERO, "0"),
        ] {
            assert_eq!(fraction.to_decimal(), expected);
        }
        assert_eq!(Fraction::new(10, 1000).over(budget("99")), Some(Fraction::ONE));
    }
}
