//! Texts to values, exactly: no percentage goes through a float.

use std::time::Duration;

use super::reader::Wrong;
use crate::config::near;
use crate::slo::target::TargetError;
use crate::slo::{Fraction, Outcome, Pattern, Severity, Target, Verdict};

/// Highest price, so that sums stay finite.
const HIGHEST_PRICE: f64 = 1e9;

/// A target in percent.
pub(super) fn target(text: &str) -> Result<Target, Wrong> {
    text.parse().map_err(|error| {
        let remedy = match error {
            TargetError::NotDecimal => "write for example 99.9",
            TargetError::OutOfRange => {
                "with 100 nothing may ever fail, and with 0 everything may; write for example 99.9"
            }
            TargetError::TooManyDigits => "write for example 99.999",
        };
        format!("{error}; {remedy}")
    })
}

/// A percentage with its sign, at most 100 %.
pub(super) fn percent(text: &str) -> Result<Fraction, Wrong> {
    exact_percent(text).ok_or_else(|| {
        "is not a percentage from 0% to 100% with at most 6 digits; write the sign, for example 2.5%"
            .to_owned()
    })
}

fn exact_percent(text: &str) -> Option<Fraction> {
    let number = text.strip_suffix('%')?.trim_end();
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || number.ends_with('.') || !digits(whole) || !digits(part) || number.len() > 8 {
        return None;
    }
    let scale = 10_i128.checked_pow(u32::try_from(part.len()).ok()?)?.checked_mul(100)?;
    let fraction = Fraction::new(format!("{whole}{part}").parse().ok()?, scale);
    (fraction <= Fraction::ONE).then_some(fraction)
}

/// A part of an error budget: more than nothing.
pub(super) fn budget(text: &str) -> Result<Fraction, Wrong> {
    let part = percent(text)?;
    if part > Fraction::ZERO { Ok(part) } else { Err("is nothing; write for example 2%".to_owned()) }
}

/// A duration of whole milliseconds above zero.
pub(super) fn duration(text: &str) -> Result<Duration, Wrong> {
    let parsed = humantime::parse_duration(text).ok();
    // Ten years: nobody means more, and sums of it stay far from overflow.
    let longest = Duration::from_secs(3650 * 24 * 60 * 60);
    parsed
        .filter(|duration| !duration.is_zero() && *duration <= longest && duration.subsec_nanos() % 1_000_000 == 0)
        .ok_or_else(|| {
            "is not a duration of whole milliseconds above zero and up to 3650d; write a number and its unit, for \
             example 500ms, 5m, 1h or 30d"
                .to_owned()
        })
}

/// The longest time that is good. Microseconds are fine: it is compared, not counted in windows.
pub(super) fn threshold(text: &str) -> Result<Duration, Wrong> {
    humantime::parse_duration(text)
        .ok()
        .filter(|duration| !duration.is_zero() && *duration <= Duration::from_secs(24 * 60 * 60))
        .ok_or_else(|| {
            "is not a duration above zero and up to 1d; write a number and its unit, for example 500ms or 2s"
                .to_owned()
        })
}

/// The name of an objective: it becomes a label, and part of names of rules.
pub(super) fn name(text: &str) -> Result<String, Wrong> {
    let edge =
        |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let bytes = text.as_bytes();
    let inner = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-';
    if edge(bytes.first()) && edge(bytes.last()) && bytes.iter().all(inner) && bytes.len() <= 63 {
        return Ok(text.to_owned());
    }
    Err("is no name of an objective; write 1 to 63 lower-case letters, digits and dashes, with a letter or digit at \
         both ends"
        .to_owned())
}

/// `true` or `false`.
pub(super) fn boolean(text: &str) -> Result<bool, Wrong> {
    match text {
        "true" | "on" => Ok(true),
        "false" | "off" => Ok(false),
        _ => Err("is not true or false".to_owned()),
    }
}

/// A verdict.
pub(super) fn verdict(text: &str) -> Result<Verdict, Wrong> {
    word(text, "verdict", &Verdict::ALL.map(|verdict| (verdict.as_str(), verdict)))
}

/// A severity.
pub(super) fn severity(text: &str) -> Result<Severity, Wrong> {
    word(text, "severity", &[Severity::Page, Severity::Ticket].map(|severity| (severity.as_str(), severity)))
}

/// An outcome.
pub(super) fn outcome(text: &str) -> Result<Outcome, Wrong> {
    word(text, "outcome", &Outcome::ALL.map(|outcome| (outcome.as_str(), outcome)))
}

/// One of some words.
pub(super) fn word<T: Copy>(text: &str, kind: &str, words: &[(&str, T)]) -> Result<T, Wrong> {
    words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value).ok_or_else(|| {
        let known: Vec<_> = words.iter().map(|(word, _)| *word).collect();
        format!("is no {kind}; {}", near::remedy(text, &known))
    })
}

/// A pattern of names.
pub(super) fn pattern(text: &str) -> Result<Pattern, Wrong> {
    if text.is_empty() {
        return Err("matches nothing; write a name, in which * stands for any text".to_owned());
    }
    line(text).map(Pattern::new)
}

/// A text of one line that is not empty.
pub(super) fn line(text: &str) -> Result<String, Wrong> {
    if text.trim().is_empty() || text.chars().any(char::is_control) || text.len() > 1024 {
        return Err("is not a text of one line and 1 to 1024 bytes".to_owned());
    }
    Ok(text.to_owned())
}

/// Words for people, on as many lines as they take.
pub(super) fn description(text: &str) -> Result<String, Wrong> {
    let control = |character: char| character.is_control() && character != '\n';
    if text.chars().any(control) || text.len() > 4096 {
        return Err("is not a text of at most 4096 bytes without control characters".to_owned());
    }
    Ok(text.trim_end().to_owned())
}

/// The least number of bad events of a tier.
pub(super) fn min_bad(text: &str) -> Result<u64, Wrong> {
    text.parse()
        .ok()
        .filter(|count| (1..=1_000_000).contains(count))
        .ok_or_else(|| "is not a whole number from 1 to 1000000".to_owned())
}

/// A price in US dollars.
pub(super) fn price(text: &str) -> Result<f64, Wrong> {
    text.parse::<f64>()
        .ok()
        .filter(|price| price.is_finite() && (0.0..=HIGHEST_PRICE).contains(price))
        // Not a negative zero.
        .map(f64::abs)
        .ok_or_else(|| {
            "is not a price in US dollars from 0 to 1000000000; write for example 0.005".to_owned()
        })
}

/// A size that fits into memory.
pub(super) fn size(text: &str) -> Result<usize, Wrong> {
    // More cannot wait to be judged.
    let most = crate::telemetry::quality::ROOM;
    let bytes = crate::config::value::size(text).ok();
    bytes
        .and_then(|bytes| usize::try_from(bytes).ok())
        .filter(|bytes| *bytes <= most)
        .ok_or_else(|| "is not a size from 1KiB to 16MiB; write for example 256KiB".to_owned())
}
