//! Durations as Prometheus writes them.

use std::time::Duration;

/// The units that Prometheus reads, in milliseconds. It writes none beyond days here.
const UNITS: [(u64, &str); 7] = [
    (365 * 86_400_000, "y"),
    (7 * 86_400_000, "w"),
    (86_400_000, "d"),
    (3_600_000, "h"),
    (60_000, "m"),
    (1000, "s"),
    (1, "ms"),
];

/// The duration in the greatest unit that divides it: `5m`, `1d`, `90m`, `20s`. Days are the greatest: `30d`.
#[must_use]
pub fn text(duration: Duration) -> String {
    let millis = duration.as_millis();
    let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s")];
    let unit = units.into_iter().find(|(length, _)| millis > 0 && millis.is_multiple_of(*length));
    match unit {
        Some((length, unit)) => format!("{}{unit}", millis / length),
        None if millis == 0 => "0s".to_owned(),
        None => format!("{millis}ms"),
    }
}

/// Reads `5m`, `30d`, `1h30m`, also with weeks and years; `None` for anything else, and for nothing.
#[must_use]
pub fn parse(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut millis = 0_u64;
    while !rest.is_empty() {
        let digits = rest.find(|letter: char| !letter.is_ascii_digit())?;
        let (number, tail) = rest.split_at(digits);
        let letters = tail.find(|letter: char| letter.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        let (length, _) = UNITS.iter().find(|(_, name)| *name == unit)?;
        millis = millis.checked_add(number.parse::<u64>().ok()?.checked_mul(*length)?)?;
        rest = tail;
    }
    (millis > 0).then(|| Duration::from_millis(millis))
}

/// The duration for people, from great to small units: `2d 2h`.
#[must_use]
pub fn words(duration: Duration) -> String {
    let mut rest = duration.as_secs();
    if rest == 0 {
        return text(duration);
    }
    let mut words = Vec::new();
    for (length, unit) in [(86_400, "d"), (3600, "h"), (60, "m"), (1, "s")] {
        if rest >= length {
            words.push(format!("{}{unit}", rest / length));
            rest %= length;
        }
    }
    words.truncate(2);
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_in_the_greatest_unit_that_divides_them() {
        for (millis, expected) in [
            (0, "0s"),
            (500, "500ms"),
            (20_000, "20s"),
            (90_000, "90s"),
            (300_000, "5m"),
            (5_400_000, "90m"),
            (3_600_000, "1h"),
            (86_400_000, "1d"),
            (2_592_000_000, "30d"),
        ] {
            assert_eq!(text(Duration::from_millis(millis)), expected);
        }
    }

    #[test]
    fn windows_are_read_from_the_names_of_series() {
        for (text, seconds) in [
            ("5m", Some(300.0)),
            ("30d", Some(2_592_000.0)),
            ("1h30m", Some(5400.0)),
            ("500ms", Some(0.5)),
            ("1w", Some(604_800.0)),
            ("", None),
            ("5", None),
            ("m", None),
            ("5 m", None),
            ("0s", None),
            ("5q", None),
            ("99999999999999999999d", None),
        ] {
            assert_eq!(parse(text).map(|window| window.as_secs_f64()), seconds, "{text}");
        }
    }

    #[test]
    fn people_read_at_most_two_units() {
        for (seconds, expected) in [(180_000, "2d 2h"), (2592, "43m 12s"), (90_061, "1d 1h"), (20, "20s")] {
            assert_eq!(words(Duration::from_secs(seconds)), expected);
        }
    }
}
