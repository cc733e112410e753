//! From texts and variables to where metrics go.

use super::super::problem::Problems;
use super::super::slo::SloConfig;
use super::super::{Config, Purpose, resolve};
use super::*;
use crate::telemetry::export::otlp::{Protocol, Signal};

type Flags<'a> = &'a [(&'a Key, &'a str)];
type Variables<'a> = &'a [(&'a str, &'a str)];

const ON: (&Key, &str) = (&keys::OTLP_METRICS, "on");
const OFF: (&Key, &str) = (&keys::OTLP_METRICS, "off");
const ENDPOINT: (&Key, &str) = (&keys::OTLP_ENDPOINT, "http://collector:4318");
const VARIABLE: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://all:4318");
const OTLP: (&str, &str) = ("OTEL_METRICS_EXPORTER", "otlp");
const NONE: (&str, &str) = ("OTEL_METRICS_EXPORTER", "none");
const NO_TRACES: (&str, &str) = ("OTEL_TRACES_EXPORTER", "none");
const DISABLED: (&str, &str) = ("OTEL_SDK_DISABLED", "true");

/// All settings of these sources, and what is said about such as change nothing.
fn resolved(flags: Flags<'_>, variables: Variables<'_>) -> Result<(Config, Vec<String>), String> {
    let mut raw = RawConfig::default();
    let upstream = (&keys::UPSTREAM, "unix:/run/mcp.sock");
    raw.add_flags(flags.iter().chain([&upstream]).map(|(key, text)| {
        let key = *keys::ALL.iter().find(|known| known.name == key.name).expect("a known key");
        (key, (*text).to_owned())
    }));
    let lookup = |name: &str| {
        let (_, value) = variables.iter().find(|(given, _)| *given == name)?;
        Some((*value).to_owned())
    };
    let (environment, remarks) = Environment::read(lookup);
    let mut said: Vec<_> = remarks.iter().map(ToString::to_string).collect();
    said.extend(without_effect(&raw, &environment));
    said.extend(super::super::traces::without_effect(&raw, &environment));
    resolve::resolve(&raw, SloConfig::default(), environment, Problems::default(), &Purpose::Run)
        .map(|settings| (settings.expect("the server is known").1, said))
        .map_err(|problems| problems.to_string())
}

/// Whether there are metrics and traces for a collector.
fn sent(flags: Flags<'_>, variables: Variables<'_>) -> (bool, bool) {
    let (config, _) = resolved(flags, variables).expect("it is right");
    (config.outlets.otlp.is_some(), config.traces.is_some())
}

#[test]
fn metrics_are_sent_where_that_is_asked_for_and_nothing_forbids_it() {
    for (flags, variables, expected) in [
        (&[][..], &[][..], (false, false)),
        (&[ENDPOINT], &[], (false, true)),
        (&[ENDPOINT, ON], &[], (true, true)),
        (&[ON], &[VARIABLE], (true, true)),
        (&[ENDPOINT], &[OTLP], (true, true)),
        (&[], &[OTLP], (true, false)),
        (&[ENDPOINT, OFF], &[OTLP], (false, true)),
        (&[ENDPOINT, ON], &[NO_TRACES], (true, false)),
        (&[ENDPOINT, ON], &[NONE], (false, true)),
        (&[ENDPOINT, ON], &[DISABLED], (false, false)),
        (&[ON], &[NONE], (false, false)),
        (&[ON], &[("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://own:1/in")], (true, false)),
        (&[], &[("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://own:1/in")], (false, false)),
    ] {
        assert_eq!(sent(flags, variables), expected, "{flags:?} {variables:?}");
    }
}

#[test]
fn metrics_without_a_collector_are_a_problem_with_its_remedy() {
    let told = resolved(&[ON], &[]).map(|_| ()).expect_err("nothing says where");
    insta::assert_snapshot!(told, @r"
    1 problem in the configuration:
      --otlp-metrics: nothing says where metrics go; give the collector's URL too: otlp_endpoint, for example --otlp-endpoint http://127.0.0.1:4318, or OTEL_EXPORTER_OTLP_ENDPOINT
    ");
    let told = resolved(&[ON, (&keys::OTLP_ENDPOINT, "collector")], &[]).map(|_| ()).expect_err("wrong");
    assert!(told.starts_with("1 problem") && told.contains("--otlp-endpoint: \"collector\""), "{told}");
}

/// The settings of metrics.
fn settings(flags: Flags<'_>, variables: Variables<'_>) -> otlp::Settings {
    resolved(flags, variables).expect("it is right").0.outlets.otlp.expect("metrics are sent")
}

#[test]
fn metrics_go_as_traces_do_unless_their_own_variables_say_otherwise() {
    let defaults = settings(&[ENDPOINT, ON], &[]);
    assert_eq!((defaults.signal, defaults.protocol), (Signal::Metrics, Protocol::HttpProtobuf));
    assert_eq!(defaults.schedule_delay, Duration::from_secs(60));
    assert_eq!(defaults.export_timeout, Duration::from_secs(30));
    let url = |settings: &otlp::Settings| settings.endpoint.url(settings.signal, settings.protocol);
    assert_eq!(url(&defaults), "http://collector:4318/v1/metrics");
    assert_eq!(url(&settings(&[], &[OTLP])), "http://localhost:4318/v1/metrics");

    let own = [
        VARIABLE,
        OTLP,
        ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://own:1/in"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "http/protobuf"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a=all"),
        ("OTEL_EXPORTER_OTLP_METRICS_HEADERS", "a=own"),
        ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "a=traces"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "7"),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/all.pem"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "5000"),
        ("OTEL_METRIC_EXPORT_TIMEOUT", "3000"),
        ("OTEL_SERVICE_NAME", "named"),
    ];
    let (config, _) = resolved(&[], &own).expect("it is right");
    let (metrics, traces) = (config.outlets.otlp.expect("metrics"), config.traces.expect("traces").export);
    assert_eq!((url(&metrics), url(&traces)), ("http://own:1/in".into(), "http://all:4318".into()));
    assert_eq!((metrics.protocol, traces.protocol), (Protocol::HttpProtobuf, Protocol::Grpc));
    assert_eq!(
        (&metrics.headers.0[0].1, &traces.headers.0[0].1),
        (&"own".parse().unwrap(), &"traces".parse().unwrap())
    );
    assert_eq!((metrics.timeout, metrics.tls.ca_file), (traces.timeout, Some("/all.pem".into())));
    assert_eq!(
        (metrics.schedule_delay, metrics.export_timeout),
        (Duration::from_secs(5), Duration::from_secs(3))
    );
    // One process is one resource, its random id included.
    assert_eq!(metrics.resource, traces.resource);
    assert_eq!(metrics.resource[0], ("service.name".to_owned(), "named".to_owned()));
}

#[test]
fn settings_of_ours_go_before_variables_of_opentelemetry() {
    let theirs = [
        OTLP,
        ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://own:1/in"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "5000"),
    ];
    let ours = [ENDPOINT, (&keys::OTLP_PROTOCOL, "grpc"), (&keys::OTLP_METRICS_INTERVAL, "250ms")];
    let settings = settings(&ours, &theirs);
    assert_eq!(settings.endpoint, Endpoint::Base("http://collector:4318".into()));
    assert_eq!((settings.protocol, settings.schedule_delay), (Protocol::Grpc, Duration::from_millis(250)));
}

#[test]
fn a_file_has_a_path_and_an_interval() {
    let file = |flags: Flags<'_>| resolved(flags, &[]).expect("it is right").0.outlets.file;
    assert_eq!(file(&[]), None);
    let path = PathBuf::from("/var/lib/missing/a.prom");
    let given = (&keys::METRICS_FILE, "/var/lib/missing/a.prom");
    assert_eq!(file(&[given]), Some(MetricsFile { path: path.clone(), interval: Duration::from_secs(15) }));
    let quick = [given, (&keys::METRICS_FILE_INTERVAL, "1s")];
    assert_eq!(file(&quick), Some(MetricsFile { path, interval: Duration::from_secs(1) }));
    let told = resolved(
        &[
            (&keys::METRICS_FILE, "/tmp/"),
            (&keys::METRICS_FILE_INTERVAL, "15"),
            (&keys::OTLP_METRICS, "yes"),
            (&keys::OTLP_METRICS_INTERVAL, "1ms"),
        ],
        &[],
    );
    insta::assert_snapshot!(told.map(|_| ()).expect_err("all are wrong"), @r#"
    4 problems in the configuration:
      --otlp-metrics: "yes" is not on or off
      --otlp-metrics-interval: "1ms" is not a duration of 100ms or more; write a number and its unit, for example 10s
      --metrics-file-interval: "15" is not a duration of 100ms or more; write a number and its unit, for example 10s
      --metrics-file: "/tmp/" is not a file; write its path, for example /var/lib/node_exporter/mcp-tap.prom
    "#);
    for wrong in ["", "..", "/", "/tmp"] {
        assert!(file_of(wrong).is_err(), "{wrong:?}");
    }
}

fn file_of(text: &str) -> Result<PathBuf, Expected> {
    super::file(text)
}

#[test]
fn what_changes_nothing_is_worth_a_line() {
    for (flags, variables, expected) in [
        (&[][..], &[][..], None),
        (&[ENDPOINT, ON, (&keys::OTLP_METRICS_INTERVAL, "1s")], &[], None),
        // It is there for metrics.
        (&[ENDPOINT, ON], &[NO_TRACES], None),
        (&[ENDPOINT], &[("OTEL_METRICS_EXPORTER", "prometheus")], None),
        (
            &[ENDPOINT, ON],
            &[NONE],
            Some("--otlp-metrics: no metrics are sent, for OTEL_METRICS_EXPORTER forbids it"),
        ),
        (&[ON], &[DISABLED], Some("--otlp-metrics: no metrics are sent, for OTEL_SDK_DISABLED forbids it")),
        (
            &[(&keys::OTLP_METRICS_INTERVAL, "1s")],
            &[],
            Some("--otlp-metrics-interval: no metrics are sent without otlp_metrics"),
        ),
        (
            &[(&keys::METRICS_FILE_INTERVAL, "1s")],
            &[],
            Some("--metrics-file-interval: nothing is written without metrics_file"),
        ),
        (
            &[(&keys::METRICS_FILE, "/a.txt")],
            &[],
            Some("--metrics-file: node_exporter reads only files whose names end in .prom"),
        ),
        (
            &[],
            &[("OTEL_METRICS_EXPORTER", "console")],
            Some("OTEL_METRICS_EXPORTER: \"console\" is not supported (otlp and none are); ignored"),
        ),
        // Read for both signals, told once.
        (
            &[],
            &[("OTEL_EXPORTER_OTLP_TIMEOUT", "soon")],
            Some(
                "OTEL_EXPORTER_OTLP_TIMEOUT: \"soon\" is no number of milliseconds from 1 to 86400000; ignored",
            ),
        ),
        (
            &[],
            &[("OTEL_METRIC_EXPORT_INTERVAL", "5")],
            Some("OTEL_METRIC_EXPORT_INTERVAL: \"5\" is less than can be; 100 is used"),
        ),
    ] {
        let (_, said) = resolved(flags, variables).expect("it is right");
        assert_eq!(
            said,
            expected.map(str::to_owned).into_iter().collect::<Vec<_>>(),
            "{flags:?} {variables:?}"
        );
    }
}
