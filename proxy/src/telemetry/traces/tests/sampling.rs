//! Which of them are kept.

use super::*;
use crate::fault::TransportFailure;
use crate::protocol::outcome::Interim;
use crate::telemetry::traces::Decision;
use crate::telemetry::traces::sample::Sampler;

/// The decision about one operation by a sampler that decided nothing before.
fn decide(sampling: Sampling, operation: &Operation) -> Decision {
    let trace = operation.trace.as_deref().expect("it has one");
    Sampler::new(sampling, operation.started).operation(operation, trace)
}

#[test]
fn trace_is_kept_by_chance_from_its_threshold_on() {
    let start = crate::clock::now();
    let id = |randomness: u64| (0xabcd_u128 << 64 | u128::from(randomness)).to_be_bytes();
    let tenth = 0xe666_u64 << 40;
    for (trace_id, list, threshold, expected) in [
        // R equal to T is kept.
        (id(tenth), None, Threshold::of(0.1), Decision::Ratio),
        (id(tenth - 1), None, Threshold::of(0.1), Decision::Unsampled),
        (TRACE_ID, None, Threshold::of(0.25), Decision::Ratio),
        (TRACE_ID, None, Threshold::of(0.1), Decision::Unsampled),
        // The bits above the lower 56 say nothing.
        (id(0xff_u64 << 56), None, Threshold::of(0.1), Decision::Unsampled),
        // Zero keeps everything, the highest threshold nothing.
        (id(0), None, Threshold::ALWAYS, Decision::Ratio),
        (id((1 << 56) - 1), None, Threshold::NEVER, Decision::Unsampled),
        // `rv` takes the place of the trace id.
        (id(0), Some("ot=rv:6e6d1a75832a2f"), Threshold::of(0.57), Decision::Ratio),
        (id(0), Some("ot=rv:6e6d1a75832a2f"), Threshold::of(0.56), Decision::Unsampled),
        (id(0), Some("a=1,ot=th:0;rv:e6660000000000"), Threshold::of(0.1), Decision::Ratio),
        (id(tenth), Some("ot=rv:e6660000000000f"), Threshold::of(0.1), Decision::Ratio),
        (id(tenth), Some("ot=rv:00000000000000"), Threshold::of(0.1), Decision::Unsampled),
    ] {
        let operation = with_trace(call(start), |trace| {
            trace.trace_id = trace_id;
            trace.state = list.and_then(state);
        });
        let decision = decide(Sampling { threshold, ..sampling() }, &operation);
        assert_eq!(decision, expected, "{trace_id:02x?} {list:?} at {threshold}");
    }
}

#[test]
fn sampled_parent_decides_where_it_is_followed() {
    let start = crate::clock::now();
    for (parent, list, follow_parent, ending, expected) in [
        (remote_parent(true), None, true, Ending::Success, Decision::Parent),
        (remote_parent(true), Some("ot=th:c;rv:00000000000000"), true, Ending::Success, Decision::Parent),
        (remote_parent(true), None, true, Ending::ToolError, Decision::Parent),
        (remote_parent(true), None, false, Ending::Success, Decision::Unsampled),
        (remote_parent(true), None, false, Ending::ToolError, Decision::Error),
        (remote_parent(true), Some("ot=rv:ffffffffffffff"), false, Ending::Success, Decision::Ratio),
        (remote_parent(false), None, true, Ending::Success, Decision::Unsampled),
        (remote_parent(false), None, true, Ending::ToolError, Decision::Error),
        (remote_parent(false), Some("ot=rv:ffffffffffffff"), true, Ending::Success, Decision::Ratio),
        (None, None, true, Ending::Success, Decision::Unsampled),
    ] {
        let operation = with_trace(Operation { ending, ..call(start) }, |trace| {
            trace.parent = parent;
            trace.state = list.and_then(state);
        });
        let decision = decide(Sampling { follow_parent, ..sampling() }, &operation);
        assert_eq!(decision, expected, "{parent:?} {list:?} {follow_parent} {ending:?}");
    }
}

#[test]
fn failures_are_kept_and_mistakes_of_the_caller_are_not() {
    let start = crate::clock::now();
    let http = |status| Ending::HttpError { status, session_lost: false };
    for (ending, errors, expected) in [
        (Ending::ToolError, true, Decision::Error),
        (Ending::ToolError, false, Decision::Unsampled),
        (Ending::RpcError { code: Some(-32603), status: Some(200) }, true, Decision::Error),
        (Ending::RpcError { code: Some(-32602), status: Some(200) }, true, Decision::Unsampled),
        (http(503), true, Decision::Error),
        (http(404), true, Decision::Unsampled),
        (Ending::Transport(TransportFailure::Refused), true, Decision::Error),
        (Ending::Timeout, true, Decision::Error),
        (Ending::CutByProxy, true, Decision::Error),
        (Ending::Cancelled, true, Decision::Unsampled),
        (Ending::Interim(Interim::InputRequired), true, Decision::Unsampled),
    ] {
        let operation = Operation { ending, ..call(start) };
        assert_eq!(decide(Sampling { errors, ..sampling() }, &operation), expected, "{ending:?}");
    }
}

#[test]
fn slow_calls_are_kept_unless_somebody_else_took_the_time() {
    let start = crate::clock::now();
    let lasting =
        |milliseconds| Operation { ended: start + Duration::from_millis(milliseconds), ..call(start) };
    for (operation, slow, expected) in [
        (lasting(1999), Some(2), Decision::Unsampled),
        (lasting(2000), Some(2), Decision::Slow),
        (lasting(60_000), None, Decision::Unsampled),
        (Operation { waited_for_client: true, ..lasting(60_000) }, Some(2), Decision::Unsampled),
        (Operation { method: Method::SubscriptionsListen, ..lasting(60_000) }, Some(2), Decision::Unsampled),
        (Operation { direction: Direction::ToClient, ..lasting(60_000) }, Some(2), Decision::Unsampled),
        (Operation { kind: OperationKind::Task, ..lasting(60_000) }, Some(2), Decision::Slow),
        // Both: it failed.
        (Operation { ending: Ending::Timeout, ..lasting(60_000) }, Some(2), Decision::Error),
    ] {
        let slow = slow.map(Duration::from_secs);
        assert_eq!(decide(Sampling { slow, ..sampling() }, &operation), expected, "{operation:?}");
    }
}

#[test]
fn storm_leaves_failures_to_chance() {
    let start = crate::clock::now();
    let failed = |milliseconds| Operation {
        ended: start + Duration::from_millis(milliseconds),
        ending: Ending::StreamClosed,
        ..call(start)
    };
    let decide = |sampler: &Sampler, operation: &Operation| {
        sampler.operation(operation, operation.trace.as_deref().expect("it has one"))
    };
    let sampler = Sampler::new(Sampling { storm: 2, ..sampling() }, start);
    let decisions: Vec<_> = [1, 1, 1, 1, 501, 501].map(|at| decide(&sampler, &failed(at))).into();
    use Decision::{Error, Storm};
    assert_eq!(decisions, [Error, Error, Storm, Storm, Error, Storm]);
    // Slow ones are of the same storm; those that chance keeps are no loss, nor are those of sampled parents.
    let slow = Operation { ending: Ending::Success, ..failed(2500) };
    let lucky = with_trace(failed(2500), |trace| trace.state = state("ot=rv:ffffffffffffff"));
    let followed = with_trace(failed(2500), |trace| trace.parent = remote_parent(true));
    let cases = [
        (&slow, Decision::Slow),
        (&slow, Decision::Slow),
        (&slow, Decision::Storm),
        (&lucky, Decision::Ratio),
        (&followed, Decision::Parent),
    ];
    for (operation, expected) in cases {
        assert_eq!(decide(&sampler, operation), expected);
    }
}

#[test]
fn exchanges_are_kept_when_the_server_failed() {
    let start = crate::clock::now();
    for (status, end, lasted, expected) in [
        (Some(200), EndReason::Complete, 5, Decision::Unsampled),
        (Some(404), EndReason::Complete, 5, Decision::Unsampled),
        (Some(500), EndReason::Complete, 5, Decision::Error),
        (Some(503), EndReason::ClientGone, 5, Decision::Error),
        (None, EndReason::NoResponse, 5, Decision::Error),
        (None, EndReason::ClientGone, 5, Decision::Unsampled),
        (None, EndReason::Drained, 5, Decision::Error),
        (Some(200), EndReason::Drained, 5, Decision::Unsampled),
        (Some(200), EndReason::ServerError, 5, Decision::Unsampled),
        (Some(200), EndReason::Complete, 60_000, Decision::Unsampled),
    ] {
        let record = HttpRecord { status, end, duration: Duration::from_millis(lasted), ..exchange(start) };
        let trace = &record.trace.as_ref().expect("it has one").trace;
        assert_eq!(Sampler::new(sampling(), start).http(&record, trace), expected, "{status:?} {end:?}");
    }
    let record = exchange(start);
    let trace = Trace { parent: remote_parent(true), ..trace(start) };
    assert_eq!(Sampler::new(sampling(), start).http(&record, &trace), Decision::Parent);
}
