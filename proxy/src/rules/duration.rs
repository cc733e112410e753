//! Durations as Prometheus writes them.

use std::time::Duration;

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
    fn people_read_at_most_two_units() {
        for (seconds, expected) in [(180_000, "2d 2h"), (2592, "43m 12s"), (90_061, "1d 1h"), (20, "20s")] {
            assert_eq!(words(Duration::from_secs(seconds)), expected);
        }
    }
}
