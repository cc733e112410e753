//! Quantities as Kubernetes spells them: `150m`, `256Mi`, `1.5`, `2e3`, `1234567n`.

use std::fmt;
use std::iter::Sum;
use std::ops::Add;
use std::str::FromStr;

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

/// An amount of a resource, exact to a billionth: processors, or bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount(i128);

/// Billionths in one.
const ONE: i128 = 1_000_000_000;

const KI: i128 = 1024;
const MI: i128 = KI * 1024;
const GI: i128 = MI * 1024;

/// Suffixes and how many billionths they stand for.
const SUFFIXES: [(&str, i128); 16] = [
    ("n", 1),
    ("u", 1_000),
    ("m", 1_000_000),
    ("", ONE),
    ("k", ONE * 1_000),
    ("M", ONE * 1_000_000),
    ("G", ONE * 1_000_000_000),
    ("T", ONE * 1_000_000_000_000),
    ("P", ONE * 1_000_000_000_000_000),
    ("E", ONE * 1_000_000_000_000_000_000),
    ("Ki", ONE * KI),
    ("Mi", ONE * MI),
    ("Gi", ONE * GI),
    ("Ti", ONE * GI * 1024),
    ("Pi", ONE * GI * MI),
    ("Ei", ONE * GI * GI),
];

/// The text is no quantity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a quantity of Kubernetes")]
pub struct QuantityError;

impl FromStr for Amount {
    type Err = QuantityError;

    /// What is finer than a billionth is rounded up, as Kubernetes does it.
    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let (negative, digits) = match text.as_bytes().first() {
            Some(b'-') => (true, &text[1..]),
            Some(b'+') => (false, &text[1..]),
            _ => (false, text),
        };
        let end = digits.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(digits.len());
        let (number, suffix) = digits.split_at(end);
        let (numerator, denominator) = decimal(number)?;
        // "E" and "Ei" are suffixes too.
        let exponent = suffix.strip_prefix(['e', 'E']);
        let exponent =
            exponent.filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit() || "+-".contains(c)));
        let (times, over) = match exponent {
            Some(exponent) => power(exponent)?,
            None => {
                let found = SUFFIXES.iter().find(|(name, _)| *name == suffix).ok_or(QuantityError)?;
                (found.1, 1)
            }
        };
        let above = numerator.checked_mul(times).ok_or(QuantityError)?;
        let below = denominator.checked_mul(over).ok_or(QuantityError)?;
        let billionths = above / below + i128::from(above % below != 0);
        Ok(Self(if negative { -billionths } else { billionths }))
    }
}

/// Of `1.25`: 125 and 100. More digits than any quantity has are refused.
fn decimal(text: &str) -> Result<(i128, i128), QuantityError> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let all = format!("{whole}{part}");
    if all.is_empty() || all.len() > 18 {
        return Err(QuantityError);
    }
    Ok((all.parse().map_err(|_| QuantityError)?, 10_i128.pow(part.len() as u32)))
}

/// Of the exponent `3`: billionths in a thousand, and what to divide by.
fn power(text: &str) -> Result<(i128, i128), QuantityError> {
    let exponent: i32 = text.parse().map_err(|_| QuantityError)?;
    match exponent {
        0..=18 => Ok((ONE * 10_i128.pow(exponent.unsigned_abs()), 1)),
        -18..0 => Ok((ONE, 10_i128.pow(exponent.unsigned_abs()))),
        _ => Err(QuantityError),
    }
}

impl Amount {
    /// The amount of a quantity of the API; `None` if it is not written as one.
    pub fn of(quantity: &Quantity) -> Option<Self> {
        quantity.0.parse().ok()
    }

    /// So many pieces.
    pub fn whole(pieces: u32) -> Self {
        Self(ONE * i128::from(pieces))
    }

    /// How much of the whole, in percent with one decimal; `None` of nothing.
    pub fn percent_of(self, whole: Self) -> Option<f64> {
        (whole.0 > 0).then(|| (self.0 as f64 / whole.0 as f64 * 1_000.0).round() / 10.0)
    }

    /// Whether it is at least so many percent of the whole, exactly.
    pub fn reaches(self, percent: u32, whole: Self) -> bool {
        self.0.saturating_mul(100) >= whole.0.saturating_mul(percent.into())
    }

    /// As processors are spelled: whole ones, or thousandths (rounded up, so that little is not nothing).
    pub fn cpu(self) -> String {
        let thousandths = self.0.div_euclid(ONE / 1_000) + i128::from(self.0.rem_euclid(ONE / 1_000) != 0);
        if thousandths % 1_000 == 0 { (thousandths / 1_000).to_string() } else { format!("{thousandths}m") }
    }

    /// As memory is spelled: exact if it has a round name, otherwise whole mebibytes (beneath ten of them, kibibytes).
    pub fn memory(self) -> String {
        let bytes = self.0.div_euclid(ONE) + i128::from(self.0.rem_euclid(ONE) != 0);
        let rounded = |unit: i128| (bytes + unit / 2) / unit * unit;
        let shown = match bytes {
            _ if bytes % KI != 0 && bytes.abs() < KI => bytes,
            _ if bytes.abs() < 10 * MI => rounded(KI),
            _ => rounded(MI),
        };
        let unit = [("Gi", GI), ("Mi", MI), ("Ki", KI)].into_iter().find(|(_, unit)| shown % unit == 0);
        match unit.filter(|_| shown != 0) {
            Some((name, unit)) => format!("{}{name}", shown / unit),
            None => shown.to_string(),
        }
    }
}

impl Add for Amount {
    type Output = Self;

    /// Never more than there are numbers.
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sum for Amount {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::default(), Self::add)
    }
}

impl fmt::Display for Amount {
    /// Exactly, with the largest decimal suffix that leaves a whole number.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return formatter.write_str("0");
        }
        let fits = SUFFIXES[..10].iter().rev().find(|(_, unit)| self.0 % unit == 0).unwrap_or(&SUFFIXES[0]);
        write!(formatter, "{}{}", self.0 / fits.1, fits.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_read_exactly() {
        for (text, billionths) in [
            ("0", 0),
            ("1", ONE),
            ("1.5", ONE * 3 / 2),
            (".5", ONE / 2),
            ("5.", ONE * 5),
            ("150m", ONE * 15 / 100),
            ("1234567n", 1_234_567),
            ("7u", 7_000),
            ("1k", ONE * 1_000),
            ("1M", ONE * 1_000_000),
            ("2G", ONE * 2_000_000_000),
            ("1T", ONE * 1_000_000_000_000),
            ("1P", ONE * 1_000_000_000_000_000),
            ("1E", ONE * 1_000_000_000_000_000_000),
            ("1Ki", ONE * 1_024),
            ("256Mi", ONE * 268_435_456),
            ("1.5Gi", ONE * 1_610_612_736),
            ("1Ti", ONE * 1_099_511_627_776),
            ("1Ei", ONE * 1_152_921_504_606_846_976),
            ("2e3", ONE * 2_000),
            ("12E2", ONE * 1_200),
            ("5e-3", ONE / 200),
            ("1e-9", 1),
            ("1.5e3", ONE * 1_500),
            ("1e12", ONE * 1_000_000_000_000),
            ("1e-10", 1),
            ("0.1n", 1),
            ("-1", -ONE),
            ("+1", ONE),
        ] {
            assert_eq!(text.parse(), Ok(Amount(billionths)), "{text:?}");
        }
    }

    #[test]
    fn other_text_is_no_quantity() {
        for text in
            ["", "m", ".", "1.2.3", "1ki", "1KI", "1mi", "1e", "1e1.5", "1e99", "1 Gi", "Gi", "--1", "ä", "-"]
        {
            assert_eq!(text.parse::<Amount>(), Err(QuantityError), "{text:?}");
        }
        assert!("9999999999999999999999999".parse::<Amount>().is_err());
        assert!("999999999999999999Ei".parse::<Amount>().is_err());
    }

    #[test]
    fn amounts_are_spelled_as_kubernetes_does_it() {
        for (text, exact, cpu, memory) in [
            ("0", "0", "0", "0"),
            ("150m", "150m", "150m", "1"),
            ("1500m", "1500m", "1500m", "2"),
            ("2000m", "2", "2", "2"),
            ("1234567n", "1234567n", "2m", "1"),
            ("1n", "1n", "1m", "1"),
            ("1Ki", "1024", "1024", "1Ki"),
            ("256Mi", "268435456", "268435456", "256Mi"),
            ("131072Ki", "134217728", "134217728", "128Mi"),
            ("123456Ki", "126418944", "126418944", "121Mi"),
            ("5000Ki", "5120k", "5120000", "5000Ki"),
            ("1024Mi", "1073741824", "1073741824", "1Gi"),
            ("1.5Gi", "1610612736", "1610612736", "1536Mi"),
            ("1G", "1G", "1000000000", "954Mi"),
            ("500", "500", "500", "500"),
        ] {
            let amount: Amount = text.parse().expect(text);
            assert_eq!(
                (amount.to_string(), amount.cpu(), amount.memory()),
                (exact.to_owned(), cpu.to_owned(), memory.to_owned()),
                "{text:?}"
            );
            assert_eq!(amount.to_string().parse(), Ok(amount), "{text:?} and back");
        }
    }

    #[test]
    fn percent_has_one_decimal() {
        let percent = |part: &str, whole: &str| {
            let (part, whole): (Amount, Amount) = (part.parse().unwrap(), whole.parse().unwrap());
            part.percent_of(whole)
        };
        assert_eq!(percent("243Mi", "256Mi"), Some(94.9));
        assert_eq!(percent("1", "3"), Some(33.3));
        assert_eq!(percent("1", "0"), None);
    }
}
