//! The part of `tracestate` that tells of sampling, and the list as the exporter's library takes it.

use opentelemetry::trace::TraceState as ExportedState;

use crate::exchange::trace::Trace;
use crate::protocol::sampling::{Randomness, Threshold};
use crate::protocol::traceparent::TraceState;

use super::{Decision, Sampling};

/// The random bits by which a trace is kept or not.
pub(super) fn randomness(trace: &Trace) -> Randomness {
    Randomness::of_trace(trace.trace_id, trace.state.as_ref())
}

/// The list of spans that were kept for this reason: as the parent gave it when that decided, else with the threshold
/// by which they were kept. Failed and slow ones stand for themselves: all of them are kept, whatever chance says.
pub(super) fn of_kept(trace: &Trace, decision: Decision, sampling: &Sampling) -> ExportedState {
    let threshold = match decision {
        Decision::Parent => return of_link(trace.state.as_ref()),
        Decision::Ratio => sampling.threshold,
        _ => Threshold::ALWAYS,
    };
    let none = TraceState::default();
    exported(trace.state.as_ref().unwrap_or(&none).with_threshold(threshold).as_str())
}

/// The list of a context that others gave.
pub(super) fn of_link(state: Option<&TraceState>) -> ExportedState {
    state.map_or(ExportedState::NONE, |state| exported(state.as_str()))
}

/// The library knows the keys of Level 1 only: members that it refuses are left out, not the others with them.
fn exported(text: &str) -> ExportedState {
    let members = text.split(',').filter_map(|member| member.split_once('='));
    let known = |member: &(&str, &str)| ExportedState::from_key_value([*member]).is_ok();
    // Nearly always it knows them all.
    ExportedState::from_key_value(members.clone())
        .or_else(|_| ExportedState::from_key_value(members.filter(known)))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_the_library_refuses_cost_only_their_members() {
        for (list, expected) in [
            ("", ""),
            ("a=1,b=2", "a=1,b=2"),
            ("fw529a3039@dt=1,a=2", "fw529a3039@dt=1,a=2"),
            ("a@a-vendor-with-a-long-name=1,b=2", "b=2"),
        ] {
            assert_eq!(exported(list).header(), expected);
        }
    }
}
