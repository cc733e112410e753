//! Schedules of CronJobs, read as Kubernetes reads them: five fields or one of the names after `@`.

use jiff::civil::{Date, DateTime, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};

/// The days that are looked through for the next run: February 29 can be eight years away.
const HORIZON_DAYS: u32 = 3_000;

/// When a CronJob runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Schedule {
    /// At the minutes that all fields allow.
    Fields(Box<Fields>),
    /// Again and again after this time.
    Every(SignedDuration),
}

/// A set of small numbers, one bit each.
type Set = u64;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fields {
    minutes: Set,
    hours: Set,
    days: Set,
    months: Set,
    weekdays: Set,
    /// A day must be in both sets if one of them is a plain `*`, else in either.
    both: bool,
}

struct Field {
    name: &'static str,
    low: u32,
    high: u32,
    words: &'static [&'static str],
}

const MONTHS: &[&str] = &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: &[&str] = &["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

const FIELDS: [Field; 5] = [
    Field { name: "minute", low: 0, high: 59, words: &[] },
    Field { name: "hour", low: 0, high: 23, words: &[] },
    Field { name: "day of month", low: 1, high: 31, words: &[] },
    Field { name: "month", low: 1, high: 12, words: MONTHS },
    // Kubernetes does not take 7 for Sunday.
    Field { name: "day of week", low: 0, high: 6, words: WEEKDAYS },
];

impl Schedule {
    /// Reads a schedule; in a few words what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut text = text.trim();
        if text.starts_with("TZ=") || text.starts_with("CRON_TZ=") {
            text = text.split_once(char::is_whitespace).map_or("", |(_, rest)| rest.trim());
        }
        let fields = match text {
            "@yearly" | "@annually" => "0 0 1 1 *",
            "@monthly" => "0 0 1 * *",
            "@weekly" => "0 0 * * 0",
            "@daily" | "@midnight" => "0 0 * * *",
            "@hourly" => "0 * * * *",
            _ => text,
        };
        if let Some(length) = fields.strip_prefix("@every ") {
            return every(length.trim());
        }
        if fields.starts_with('@') {
            return Err(format!("unknown name {}", crate::report::quote(fields)));
        }
        let words: Vec<&str> = fields.split_whitespace().collect();
        let [minute, hour, day, month, weekday] = words[..] else {
            return Err(format!("{} fields instead of 5", words.len()));
        };
        let set = |at: usize, text: &str| parse_field(&FIELDS[at], text);
        let (minutes, _) = set(0, minute)?;
        let (hours, _) = set(1, hour)?;
        let (days, any_day) = set(2, day)?;
        let (months, _) = set(3, month)?;
        let (weekdays, any_weekday) = set(4, weekday)?;
        Ok(Self::Fields(Box::new(Fields {
            minutes,
            hours,
            days,
            months,
            weekdays,
            both: any_day || any_weekday,
        })))
    }

    /// The first `count` runs after this moment, in UTC. Fewer: there are no more within eight years.
    pub(super) fn after(&self, at: Timestamp, count: usize) -> Vec<Timestamp> {
        let fields = match self {
            Self::Every(length) => {
                let next = |step: &usize| {
                    let step = i32::try_from(*step).unwrap_or(i32::MAX);
                    at.checked_add(length.checked_mul(step)?).ok()
                };
                return (1..=count).map_while(|step| next(&step)).collect();
            }
            Self::Fields(fields) => fields,
        };
        let mut runs = Vec::new();
        let mut day = at.to_zoned(TimeZone::UTC).date();
        for _ in 0..HORIZON_DAYS {
            if fields.has_day(day) {
                runs.extend(fields.times(day).filter(|run| *run > at).take(count - runs.len()));
            }
            if runs.len() >= count {
                break;
            }
            let Ok(next) = day.checked_add(1.day()) else { break };
            day = next;
        }
        runs
    }
}

impl Fields {
    fn has_day(&self, day: Date) -> bool {
        let has = |set: Set, value: i8| set >> value & 1 == 1;
        let in_month = has(self.days, day.day());
        let in_week = has(self.weekdays, weekday(day.weekday()));
        let in_both = if self.both { in_month && in_week } else { in_month || in_week };
        has(self.months, day.month()) && in_both
    }

    fn times(&self, day: Date) -> impl Iterator<Item = Timestamp> {
        members(self.hours).flat_map(move |hour| {
            members(self.minutes).filter_map(move |minute| {
                let time: DateTime = day.at(hour, minute, 0, 0);
                time.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
            })
        })
    }
}

fn weekday(day: Weekday) -> i8 {
    day.to_sunday_zero_offset()
}

fn members(set: Set) -> impl Iterator<Item = i8> {
    (0..60_i8).filter(move |value| set >> value & 1 == 1)
}

/// The set, and whether the field is a plain star.
fn parse_field(field: &Field, text: &str) -> Result<(Set, bool), String> {
    let mut set = 0;
    let mut star = false;
    for part in text.split(',') {
        let (part_set, part_star) = parse_part(field, part)
            .ok_or_else(|| format!("{} {}", field.name, crate::report::quote(part)))?;
        set |= part_set;
        star |= part_star;
    }
    Ok((set, star))
}

fn parse_part(field: &Field, part: &str) -> Option<(Set, bool)> {
    let (range, step) = match part.split_once('/') {
        Some((range, step)) => (range, Some(number(step)?).filter(|step| *step > 0)?),
        None => (part, 0),
    };
    let star = matches!(range, "*" | "?");
    let (low, high) = if star {
        (field.low, field.high)
    } else if let Some((low, high)) = range.split_once('-') {
        (value(field, low)?, value(field, high)?)
    } else {
        let low = value(field, range)?;
        // `5/15` goes on to the end, `5` is only itself.
        (low, if step > 0 { field.high } else { low })
    };
    if low < field.low || high > field.high || low > high {
        return None;
    }
    let set = (low..=high).step_by(step.max(1) as usize).fold(0, |set, value| set | 1 << value);
    Some((set, star && step <= 1))
}

fn value(field: &Field, text: &str) -> Option<u32> {
    let word = field.words.iter().position(|word| text.eq_ignore_ascii_case(word));
    match word {
        Some(at) => u32::try_from(at).ok().map(|at| at + field.low),
        None => number(text),
    }
}

fn number(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.len() <= 4 && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

/// The time after `@every`, as Go writes it: `1h30m`.
fn every(text: &str) -> Result<Schedule, String> {
    let wrong = || format!("time {}", crate::report::quote(text));
    let length: SignedDuration = text.parse().map_err(|_| wrong())?;
    if length < SignedDuration::from_secs(1) {
        return Err(wrong());
    }
    Ok(Schedule::Every(length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(schedule: &str, after: &str, count: usize) -> Vec<String> {
        let schedule = Schedule::parse(schedule).unwrap();
        schedule.after(after.parse().unwrap(), count).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_kubernetes_takes_is_valid_and_the_rest_is_not() {
        for (text, valid) in [
            ("* * * * *", true),
            ("*/15 0-6,22 1 JAN-mar sun", true),
            ("5/15 * ? * ?", true),
            ("@hourly", true),
            ("@every 1h30m", true),
            ("TZ=Europe/Berlin 0 3 * * *", true),
            ("CRON_TZ=UTC @daily", true),
            ("", false),
            ("* * * *", false),
            ("0 * * * * *", false),
            ("60 * * * *", false),
            ("* 24 * * *", false),
            ("* * 0 * *", false),
            ("* * * 13 *", false),
            ("* * * * 7", false),
            ("*/0 * * * *", false),
            ("5-1 * * * *", false),
            ("-5 * * * *", false),
            ("1,,2 * * * *", false),
            ("every day", false),
            ("@sometimes", false),
            ("@every soon", false),
            ("@every 0s", false),
        ] {
            assert_eq!(Schedule::parse(text).is_ok(), valid, "{text}");
        }
    }

    #[test]
    fn runs_follow_the_fields() {
        let at = "2026-11-22T10:07:00Z"; // a Sunday
        assert_eq!(runs("*/15 * * * *", at, 2), ["2026-11-22T10:15:00Z", "2026-11-22T10:30:00Z"]);
        assert_eq!(runs("7 10 * * *", at, 1), ["2026-11-23T10:07:00Z"], "the moment itself is over");
        assert_eq!(runs("0 2 * * mon-fri", at, 1), ["2026-11-23T02:00:00Z"]);
        assert_eq!(runs("0 0 29 2 *", at, 1), ["2028-02-29T00:00:00Z"]);
        assert_eq!(runs("0 0 31 2 *", at, 1), [""; 0], "never");
        assert_eq!(runs("@every 90m", at, 1), ["2026-11-22T11:37:00Z"]);
    }

    #[test]
    fn a_day_of_both_kinds_is_either_unless_one_is_a_star() {
        let at = "2026-11-22T10:07:00Z";
        assert_eq!(runs("0 0 25 * fri", at, 2), ["2026-11-25T00:00:00Z", "2026-11-27T00:00:00Z"]);
        assert_eq!(runs("0 0 * * fri", at, 1), ["2026-11-27T00:00:00Z"]);
    }
}
