//! Which windows can be counted together (slo-and-alerts.md §10): all are kept in three rings, whose slots are one,
//! five and sixty units long ([`crate::slo::window::Layout`]).

use std::time::Duration;

use super::reader::{At, Reader};
use super::short;
use crate::slo::window::{COARSE, FINER, MAX_SLOTS, UNITS};

/// A window and where it is said.
pub(super) struct Window<'a> {
    pub(super) length: Duration,
    pub(super) at: At<'a>,
}

/// Notes windows that no ring holds exactly. The last one is the period.
pub(super) fn check(reader: &mut Reader<'_>, windows: &[Window<'_>]) {
    let Some(shortest) = windows.iter().map(|window| window.length).min() else { return };
    let (Some(period), unit) = (windows.last(), shortest.as_millis() / u128::from(UNITS)) else { return };
    if shortest.as_millis() % u128::from(UNITS) != 0 || unit == 0 {
        if let Some(window) = windows.iter().find(|window| window.length == shortest) {
            let what = format!("{} is the shortest window and no multiple of 5ms", short(shortest));
            reader.wrong(&window.at, what);
        }
        return;
    }
    let longest = MAX_SLOTS as u128 * u128::from(COARSE) * unit;
    if period.length.as_millis() > longest {
        let longest = Duration::from_millis(u64::try_from(longest).unwrap_or(u64::MAX));
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

/// The length of a slot of the finest ring that holds a window.
fn step(length: u128, unit: u128) -> u128 {
    let holds = |&(units, slots): &(u64, u64)| length <= u128::from(units * slots) * unit;
    let units = FINER.into_iter().find(holds).map_or(COARSE, |(units, _)| units);
    u128::from(units) * unit
}
