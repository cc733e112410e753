//! From texts and variables to what becomes of traces.

use std::io::Write as _;
use std::time::Duration;

use super::super::problem::Problems;
use super::super::slo::SloConfig;
use super::super::{Config, Purpose, resolve};
use super::*;

/// The settings of these sources, with a server.
fn checked(raw: &RawConfig, environment: Environment, problems: Problems) -> Result<Config, Problems> {
    let settings = resolve::resolve(raw, SloConfig::default(), environment, problems, &Purpose::Run)?;
    let (_, config) = settings.expect("the server is known or missed");
    Ok(config)
}

/// What comes of flags and variables of OpenTelemetry; the upstream is given.
fn check(flags: &[(&Key, &str)], variables: &[(&str, &str)]) -> Result<Option<TraceConfig>, String> {
    let mut raw = RawConfig::default();
    let upstream = (&keys::UPSTREAM, "unix:/run/mcp.sock");
    raw.add_flags(flags.iter().chain([&upstream]).map(|(key, text)| {
        let key = *keys::ALL.iter().find(|known| known.name == key.name).expect("a known key");
        (key, (*text).to_owned())
    }));
    let config = checked(&raw, environment(variables), Problems::default());
    config.map(|config| config.traces).map_err(|problems| problems.to_string())
}

fn environment(variables: &[(&str, &str)]) -> Environment {
    let lookup = |name: &str| {
        let (_, value) = variables.iter().find(|(given, _)| *given == name)?;
        Some((*value).to_owned())
    };
    Environment::read(lookup).0
}

fn on(flags: &[(&Key, &str)], variables: &[(&str, &str)]) -> TraceConfig {
    check(flags, variables).expect("it is right").expect("there are traces")
}

const ENDPOINT: (&Key, &str) = (&keys::OTLP_ENDPOINT, "http://collector:4318");
const VARIABLE: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://other:4318");

#[test]
fn there_are_traces_where_a_collector_is_named_and_nothing_forbids_them() {
    for (flags, variables, expected) in [
        (&[][..], &[][..], false),
        (&[ENDPOINT], &[], true),
        (&[], &[VARIABLE], true),
        (&[], &[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://other:1/x")], true),
        (&[], &[("OTEL_TRACES_EXPORTER", "otlp")], true),
        (&[ENDPOINT], &[("OTEL_TRACES_EXPORTER", "none")], false),
        (&[ENDPOINT], &[("OTEL_SDK_DISABLED", "true")], false),
        (&[(&keys::TRACE_RATIO, "1")], &[], false),
    ] {
        assert_eq!(
            check(flags, variables).expect("it is right").is_some(),
            expected,
            "{flags:?} {variables:?}"
        );
    }
}

#[test]
fn the_defaults_are_those_of_the_help() {
    let config = on(&[ENDPOINT], &[]);
    assert_eq!(config.context.propagate, Propagate::Header);
    assert_eq!(config.context.trust, Trust::Continue);
    assert!(config.context.follow_parent);
    assert_eq!(config.context.threshold, Threshold::of(0.1));
    let expected = Sampling {
        follow_parent: true,
        errors: true,
        slow: Some(Duration::from_secs(2)),
        storm: 100,
        threshold: Threshold::of(0.1),
    };
    assert_eq!(config.spans.sampling, expected);
    assert_eq!(config.spans.capture, Capture::default());
    assert_eq!(config.spans.server.address, "/run/mcp.sock");
    assert_eq!(config.export.endpoint, Endpoint::Base("http://collector:4318".to_owned()));
    assert_eq!(config.export.protocol, Protocol::HttpProtobuf);
    assert!((config.ratio - 0.1).abs() < f64::EPSILON);
}

#[test]
fn settings_of_ours_go_before_variables_of_opentelemetry() {
    let sampler = [VARIABLE, ("OTEL_TRACES_SAMPLER", "traceidratio"), ("OTEL_TRACES_SAMPLER_ARG", "0.5")];
    let config = on(&[], &sampler);
    let expected = Sampling {
        follow_parent: false,
        errors: false,
        slow: None,
        storm: 100,
        threshold: Threshold::of(0.5),
    };
    assert_eq!(config.spans.sampling, expected);
    assert!(!config.context.follow_parent);
    let errors = on(&[(&keys::TRACE_ERRORS, "on"), (&keys::TRACE_SLOW, "1s")], &sampler).spans.sampling;
    assert_eq!(errors, Sampling { errors: true, slow: Some(Duration::from_secs(1)), ..expected });
    let ratio = on(&[(&keys::TRACE_RATIO, "25%")], &sampler).spans.sampling;
    assert_eq!((ratio.threshold, ratio.errors, ratio.follow_parent), (Threshold::of(0.25), true, true));
    let always = on(&[], &[VARIABLE, ("OTEL_TRACES_SAMPLER", "parentbased_always_off")]).spans.sampling;
    assert_eq!((always.threshold, always.errors, always.follow_parent), (Threshold::NEVER, false, true));

    let grpc = [VARIABLE, ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")];
    assert_eq!(on(&[], &grpc).export.protocol, Protocol::Grpc);
    let both = on(&[ENDPOINT, (&keys::OTLP_PROTOCOL, "http/protobuf")], &grpc).export;
    assert_eq!(
        (both.protocol, both.endpoint),
        (Protocol::HttpProtobuf, Endpoint::Base(ENDPOINT.1.to_owned()))
    );

    let b3 = [VARIABLE, ("OTEL_PROPAGATORS", "b3")];
    let context = on(&[], &b3).context;
    assert_eq!((context.propagate, context.trust), (Propagate::Off, Trust::Ignore));
    let context = on(&[(&keys::PROPAGATE, "full"), (&keys::TRACE_TRUST, "link")], &b3).context;
    assert_eq!((context.propagate, context.trust), (Propagate::Full, Trust::Link));
}

#[test]
fn all_problems_are_told_even_while_there_are_no_traces() {
    let text = check(
        &[
            (&keys::OTLP_ENDPOINT, "collector:4318"),
            (&keys::OTLP_PROTOCOL, "http/json"),
            (&keys::PROPAGATE, "b3"),
            (&keys::TRACE_TRUST, "no"),
            (&keys::TRACE_RATIO, "10"),
            (&keys::TRACE_SLOW, "2"),
            (&keys::TRACE_ERRORS, "some"),
            (&keys::TRACE_STORM, "-1"),
            (&keys::CAPTURE, "search:query;echo;:a"),
            (&keys::CAPTURE_LIMIT, "1MiB"),
        ],
        &[],
    )
    .map(|_| ())
    .expect_err("all are wrong");
    insta::assert_snapshot!(text);
    let secret =
        check(&[(&keys::OTLP_ENDPOINT, "http://u:hidden@host")], &[]).map(|_| ()).expect_err("wrong");
    assert!(secret.contains("--otlp-endpoint: the value is not") && !secret.contains("hidden"), "{secret}");
}

#[test]
fn parts_are_numbers_or_percentages() {
    for (text, expected) in
        [("0", 0.0), ("1", 1.0), ("0.25", 0.25), ("10%", 0.1), ("100 %", 1.0), ("0.5%", 0.005)]
    {
        assert_eq!(part(text), Ok(expected), "{text}");
    }
    for wrong in ["", "%", "2", "101%", "-0.1", "NaN", "inf", "ten"] {
        assert!(part(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn the_file_has_mappings_and_lists_for_what_flags_have_signs() {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    let text = "upstream: http://localhost:1\notlp_endpoint: http://localhost:4318\ntrace_ratio: 0.5\n\
        trace_slow: off\ntrace_errors: off\npropagate: off\n\
        capture:\n  search: [query, limit]\n  echo: result\n  '*': 'a, b'\ncapture_redact: [iban, card]\n";
    file.write_all(text.as_bytes()).expect("it is written");
    let (mut raw, mut problems) = (RawConfig::default(), Problems::default());
    raw.add_file(file.path(), &mut problems);
    let config = checked(&raw, Environment::default(), problems).expect("it is right");
    let traces = config.traces.expect("there are traces");
    let mut rules: Vec<_> = traces
        .spans
        .capture
        .rules
        .iter()
        .map(|rule| format!("{} {:?} {}", rule.tool, rule.arguments, rule.result))
        .collect();
    rules.sort_unstable();
    assert_eq!(rules, [r#"* ["a", "b"] false"#, "echo [] true", r#"search ["query", "limit"] false"#]);
    assert_eq!(traces.spans.capture.redact, ["iban", "card"]);
    assert_eq!((traces.spans.sampling.slow, traces.spans.sampling.errors), (None, false));
    assert_eq!(traces.context.propagate, Propagate::Off);
    let flags = on(&[ENDPOINT, (&keys::CAPTURE, "search:query,limit; echo:result;*:a,b;")], &[]);
    assert_eq!(flags.spans.capture.rules.len(), 3);
}

#[test]
fn settings_about_traces_without_traces_are_worth_a_line() {
    let remark = |flags: &[(&'static Key, &str)], variables: &[(&str, &str)]| {
        let mut raw = RawConfig::default();
        raw.add_flags(flags.iter().map(|(key, text)| (*key, (*text).to_owned())));
        without_effect(&raw, &environment(variables))
    };
    assert_eq!(remark(&[], &[]), None);
    assert_eq!(remark(&[(&keys::TRACE_RATIO, "1")], &[VARIABLE]), None);
    assert_eq!(
        remark(&[(&keys::TRACE_RATIO, "1")], &[]).as_deref(),
        Some("--trace-ratio: there are no traces without otlp_endpoint")
    );
    assert_eq!(
        remark(&[ENDPOINT], &[("OTEL_TRACES_EXPORTER", "none")]).as_deref(),
        Some("--otlp-endpoint: there are no traces, for OTEL_TRACES_EXPORTER forbids them")
    );
}
