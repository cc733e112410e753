//! Durations as Prometheus writes them in the names of recorded series.

use std::time::Duration;

const UNITS: [(u64, &str); 7] = [
    (365 * 86_400_000, "y"),
    (7 * 86_400_000, "w"),
    (86_400_000, "d"),
    (3_600_000, "h"),
    (60_000, "m"),
    (1000, "s"),
    (1, "ms"),
];

/// Reads `5m`, `30d`, `1h30m`; `None` for anything else, and for nothing.
pub(super) fn parse(text: &str) -> Option<Duration> {
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

/// Writes seconds in the greatest unit up to days that divides them: `5m`, `30d`, `90m`, `500ms`.
pub(super) fn text(seconds: f64) -> String {
    let millis = (seconds * 1000.0).round().max(0.0) as u64;
    let unit = UNITS.iter().skip(2).find(|(length, _)| millis > 0 && millis.is_multiple_of(*length));
    unit.map_or_else(|| "0s".to_owned(), |(length, unit)| format!("{}{unit}", millis / length))
}

/// For people: the two greatest units, `2d 2h`; under a second `<1s`, beyond a century `>100y`.
pub(super) fn words(seconds: f64) -> String {
    if seconds < 1.0 {
        return "<1s".to_owned();
    }
    if seconds > 100.0 * 365.0 * 86_400.0 {
        return ">100y".to_owned();
    }
    let mut rest = (seconds * 1000.0) as u64;
    let mut words = Vec::new();
    for (length, unit) in UNITS.iter().filter(|(_, unit)| !matches!(*unit, "w" | "ms")) {
        if rest >= *length {
            words.push(format!("{}{unit}", rest / length));
            rest %= length;
        } else if !words.is_empty() {
            // The neighbour only: `1d`, and not `1d 3s`.
            break;
        }
    }
    words.truncate(2);
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn windows_are_written_as_prometheus_does() {
        for (seconds, expected) in
            [(300.0, "5m"), (2_592_000.0, "30d"), (0.5, "500ms"), (0.0, "0s"), (5400.0, "90m")]
        {
            assert_eq!(text(seconds), expected);
        }
    }

    #[test]
    fn people_read_two_units() {
        for (seconds, expected) in [
            (180_000.0, "2d 2h"),
            (86_403.0, "1d"),
            (2592.4, "43m 12s"),
            (0.2, "<1s"),
            (1e12, ">100y"),
            (40_000_000.0, "1y 97d"),
        ] {
            assert_eq!(words(seconds), expected);
        }
    }
}
