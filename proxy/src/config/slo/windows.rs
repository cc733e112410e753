//! Which windows can be counted together (slo-and-alerts.md §10): all are kept in three rings, whose slots are a fifth of
//! the shortest window, five times and sixty times as long.

use std::time::Duration;

use super::reader::{At, Reader};
use super::short;

/// Slots of the two finer rings.
const FINE: u128 = 360;
const MIDDLE: u128 = 864;
/// Most slots of the coarse one: a bound of memory.
const COARSE: u128 = 10_000;

/// A window and where it is said.
pub(super) struct Window<'a> {
    pub(super) length: Duration,
    pub(super) at: At<'a>,
}

/// Notes windows that no ring holds exactly. The last one is the period.
pub(super) fn check(reader: &mut Reader<'_>, windows: &[Window<'_>]) {
    let Some(shortest) = windows.iter().map(|window| window.length).min() else { return };
    let (Some(period), unit) = (windows.last(), shortest.as_millis() / 5) else { return };
    if shortest.as_millis() % 5 != 0 || unit == 0 {
        if let Some(window) = windows.iter().find(|window| window.length == shortest) {
            let what = format!("{} is the shortest window and no multiple of 5ms", short(shortest));
            reader.wrong(&window.at, what);
        }
        return;
    }
    if period.length.as_millis() > COARSE * 60 * unit {
        let longest = Duration::from_millis(u64::try_from(COARSE * 60 * unit).unwrap_or(u64::MAX));
        let (length, longest, shortest) = (short(period.length), short(longest), short(shortest));
        let what = format!(
            "{length} is too long beside a shortest window of {shortest}; the longest is {longest}, or make the shortest \
             window longer"
        );
        return reader.wrong(&period.at, what);
    }
    for Window { length, at } in windows {
        let step = step(length.as_millis(), unit);
        if length.as_millis() % step != 0 {
            let step = Duration::from_millis(u64::try_from(step).unwrap_or(u64::MAX));
            let (length, step, shortest) = (short(*length), short(step), short(shortest));
            let what = format!(
                "{length} cannot be counted exactly beside a shortest window of {shortest}; write a multiple of {step}"
            );
            reader.wrong(at, what);
        }
    }
}

/// The slots of the finest ring that holds a window.
const fn step(length: u128, unit: u128) -> u128 {
    if length <= FINE * unit {
        unit
    } else if length <= MIDDLE * 5 * unit {
        5 * unit
    } else {
        60 * unit
    }
}
