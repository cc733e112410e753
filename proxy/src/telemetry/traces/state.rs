//! The part of `tracestate` that tells of sampling, and the list as the exporter's library takes it.

use opentelemetry::trace::TraceState as Exported;

use crate::exchange::trace::Trace;
use crate::protocol::sampling::{Randomness, Threshold};
use crate::protocol::traceparent::TraceState;

use super::{Decision, Sampling};

/// The random bits by which a trace is kept or not.
pub(super) fn randomness(trace: &Trace) -> Randomness {
    let state = trace.state.as_ref().map(ToString::to_string).unwrap_or_default();
    ot(&state).and_then(random_value).unwrap_or_else(|| Randomness::of(trace.trace_id))
}

/// The list of spans that were kept for this reason: as the parent gave it when that decided, else with the threshold
/// by which they were kept. Failed and slow ones stand for themselves: all of them are kept, whatever chance says.
pub(super) fn of_kept(trace: &Trace, decision: Decision, sampling: &Sampling) -> Exported {
    let text = trace.state.as_ref().map(ToString::to_string).unwrap_or_default();
    match decision {
        Decision::Parent => exported(&text),
        Decision::Ratio => exported(&with_threshold(&text, sampling.threshold)),
        _ => exported(&with_threshold(&text, Threshold::ALWAYS)),
    }
}

/// The list of a link.
pub(super) fn of_link(state: Option<&TraceState>) -> Exported {
    exported(&state.map(ToString::to_string).unwrap_or_default())
}

/// The library knows the keys of Level 1 only: members that it refuses are left out, not the others with them.
fn exported(text: &str) -> Exported {
    let members = text.split(',').filter_map(|member| member.split_once('='));
    let known = |member: &(&str, &str)| Exported::from_key_value([*member]).is_ok();
    Exported::from_key_value(members.filter(known)).unwrap_or_default()
}

// Branch `proto` gives the lists these abilities (`TraceState::with_threshold`, `Randomness::of_trace`); until then:

/// The value of OpenTelemetry's member.
fn ot(list: &str) -> Option<&str> {
    list.split(',').find_map(|member| member.strip_prefix("ot="))
}

/// `rv` of that member.
fn random_value(value: &str) -> Option<Randomness> {
    let digits = value.split(';').find_map(|part| part.strip_prefix("rv:"))?;
    let valid = digits.len() == 14 && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    valid.then(|| u64::from_str_radix(digits, 16).ok()).flatten().map(Randomness::new)
}

/// The list with `th` in OpenTelemetry's member, which comes first; its other parts stay.
fn with_threshold(list: &str, threshold: Threshold) -> String {
    let others = ot(list).into_iter().flat_map(|value| value.split(';'));
    let mut value = format!("th:{threshold}");
    for part in others.filter(|part| !part.is_empty() && !part.starts_with("th:")) {
        value.extend([";", part]);
    }
    let rest = list.split(',').filter(|member| !member.is_empty() && !member.starts_with("ot="));
    let own = format!("ot={value}");
    std::iter::once(own.as_str()).chain(rest).take(TraceState::MEMBERS).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threshold_is_told_first_and_the_other_members_stay() {
        for (list, threshold, expected) in [
            ("", Threshold::ALWAYS, "ot=th:0"),
            ("", Threshold::of(0.1), "ot=th:e666"),
            ("a=1,b=2", Threshold::of(0.5), "ot=th:8,a=1,b=2"),
            ("a=1,ot=th:c,b=2", Threshold::of(0.1), "ot=th:e666,a=1,b=2"),
            ("a=1,ot=rv:6e6d1a75832a2f;th:c;x:y", Threshold::ALWAYS, "ot=th:0;rv:6e6d1a75832a2f;x:y,a=1"),
        ] {
            assert_eq!(with_threshold(list, threshold), expected, "{list}");
        }
    }

    #[test]
    fn random_value_is_taken_only_if_it_is_one() {
        for (list, expected) in [
            ("ot=rv:6e6d1a75832a2f", Some(0x6e_6d1a_7583_2a2f)),
            ("a=1,ot=th:0;rv:00000000000000", Some(0)),
            ("ot=th:0", None),
            ("ot=rv:6e6d1a75832a2", None),
            ("ot=rv:6e6d1a75832a2f0", None),
            ("ot=rv:6E6d1a75832a2f", None),
            ("to=rv:6e6d1a75832a2f", None),
        ] {
            assert_eq!(ot(list).and_then(random_value), expected.map(Randomness::new), "{list}");
        }
    }

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
