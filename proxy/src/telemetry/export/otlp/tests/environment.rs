//! Variables in, settings and remarks out.

use std::time::Duration;

use super::super::{
    Compression, Destination, Endpoint, Environment, Identity, Protocol, Sampler, SamplerKind, Signal,
};

fn read(variables: &[(&str, &str)]) -> (Environment, Vec<String>) {
    let (environment, remarks) = Environment::read(|name| {
        variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    });
    (environment, remarks.iter().map(ToString::to_string).collect())
}

/// What a variable comes to, and what is said about it.
#[track_caller]
fn check<T: std::fmt::Debug + PartialEq>(
    variables: &[(&str, &str)],
    field: impl Fn(Environment) -> T,
    expected: T,
    remarks: &[&str],
) {
    let (environment, said) = read(variables);
    assert_eq!(field(environment), expected, "{variables:?}");
    assert_eq!(said, remarks, "{variables:?}");
}

#[test]
fn nothing_set_is_nothing_said() {
    let (environment, remarks) = read(&[("OTEL_TRACES_SAMPLER", ""), ("OTEL_EXPORTER_OTLP_ENDPOINT", " ")]);
    assert!(remarks.is_empty() && !environment.wants_traces() && !environment.forbids_traces());
    assert_eq!((environment.sampler, environment.propagate), (None, None));
    let settings = environment.settings(&Identity::default());
    assert_eq!((settings.batch, settings.schedule_delay), (512, Duration::from_secs(5)));
    assert_eq!(environment.queue_limits().length, 2048);
    assert_eq!(environment.span_limits().attributes, 128);
}

#[test]
fn traces_are_wanted_where_an_endpoint_is_and_forbidden_by_name() {
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318");
    let traces = ("OTEL_TRACES_EXPORTER", "otlp");
    for (variables, wanted) in [
        (vec![endpoint], true),
        (vec![("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://c:4318/x")], true),
        (vec![traces], true),
        (vec![endpoint, ("OTEL_SDK_DISABLED", "TRUE")], false),
        (vec![endpoint, ("OTEL_SDK_DISABLED", "false")], true),
        (vec![endpoint, ("OTEL_TRACES_EXPORTER", "none")], false),
        (vec![], false),
    ] {
        assert_eq!(read(&variables).0.wants_traces(), wanted, "{variables:?}");
    }
    let console = "OTEL_TRACES_EXPORTER: \"console\" is not supported (otlp and none are); ignored";
    check(&[("OTEL_TRACES_EXPORTER", "console")], |read| read.traces_exporter, None, &[console]);
    let both = [("OTEL_TRACES_EXPORTER", "console, otlp")];
    check(&both, |read| read.traces_exporter, Some(Destination::Otlp), &[console]);
    let maybe = "OTEL_SDK_DISABLED: \"yes\" is neither true nor false; ignored";
    check(&[("OTEL_SDK_DISABLED", "yes")], |read| read.disabled, false, &[maybe]);
}

#[test]
fn the_variable_of_traces_comes_before_that_of_all_signals() {
    let url = |read: Environment| {
        read.settings(&Identity::default()).endpoint.url(Signal::Traces, Protocol::HttpProtobuf)
    };
    let all = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://all:1");
    let own = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://own:1/in");
    check(&[all], url, "http://all:1/v1/traces".to_owned(), &[]);
    check(&[all, own], url, "http://own:1/in".to_owned(), &[]);
    let bad = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "ftp://user:canary@own:1/in");
    let said = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: \"(not shown)\" is no URL that begins with http:// or https://; ignored";
    check(&[all, bad], url, "http://all:1/v1/traces".to_owned(), &[said]);
    let timeouts = [("OTEL_EXPORTER_OTLP_TIMEOUT", "1"), ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "2000")];
    check(&timeouts, |read| read.traces.timeout, Some(Duration::from_secs(2)), &[]);
    let bad = [("OTEL_EXPORTER_OTLP_TIMEOUT", "7"), ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "2s")];
    let said =
        "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT: \"2s\" is no number of milliseconds from 1 to 86400000; ignored";
    check(&bad, |read| read.traces.timeout, Some(Duration::from_millis(7)), &[said]);
}

#[test]
fn a_protocol_and_a_compression_are_known_or_named() {
    for (text, expected) in [("grpc", Some(Protocol::Grpc)), ("http/protobuf", Some(Protocol::HttpProtobuf))]
    {
        check(&[("OTEL_EXPORTER_OTLP_PROTOCOL", text)], |read| read.traces.protocol, expected, &[]);
    }
    let said = "OTEL_EXPORTER_OTLP_PROTOCOL: \"http/json\" is neither grpc nor http/protobuf; ignored";
    check(&[("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json")], |read| read.traces.protocol, None, &[said]);
    let gzip = [("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "gzip")];
    check(&gzip, |read| read.traces.compression, Some(Compression::Gzip), &[]);
    let said = "OTEL_EXPORTER_OTLP_COMPRESSION: \"zstd\" is neither gzip nor none; ignored";
    check(&[("OTEL_EXPORTER_OTLP_COMPRESSION", "zstd")], |read| read.traces.compression, None, &[said]);
    // Without a scheme an address is one of gRPC.
    let bare = ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317");
    let grpc = ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
    check(&[bare, grpc], |read| read.traces.endpoint, Endpoint::Base("collector:4317".into()), &[]);
    assert_eq!(read(&[bare]).0.traces.endpoint, Endpoint::Default);
}

#[test]
fn headers_are_decoded_and_never_shown() {
    let variables = [("OTEL_EXPORTER_OTLP_HEADERS", "Authorization=Basic%20canary,x-a=b")];
    let (environment, remarks) = read(&variables);
    let headers = &environment.traces.headers.0;
    assert_eq!(headers[0].0, "authorization");
    assert_eq!(headers[0].1, "Basic canary");
    let told = format!("{environment:?} {:?} {remarks:?}", environment.settings(&Identity::default()));
    assert!(!told.contains("canary") && told.contains("x-a"), "{told}");
    for bad in ["canary", "canary x=y", "x=canary%0A"] {
        let (environment, remarks) = read(&[("OTEL_EXPORTER_OTLP_HEADERS", bad)]);
        assert!(environment.traces.headers.0.is_empty());
        assert!(remarks.len() == 1 && !remarks[0].contains("canary"), "{remarks:?}");
    }
}

#[test]
fn samplers_are_the_standard_ones() {
    let sampler = |parent_based, kind| Some(Sampler { parent_based, kind });
    let argument = ("OTEL_TRACES_SAMPLER_ARG", "0.25");
    for (name, expected) in [
        ("always_on", sampler(false, SamplerKind::AlwaysOn)),
        ("always_off", sampler(false, SamplerKind::AlwaysOff)),
        ("traceidratio", sampler(false, SamplerKind::TraceIdRatio(0.25))),
        ("parentbased_always_on", sampler(true, SamplerKind::AlwaysOn)),
        ("parentbased_always_off", sampler(true, SamplerKind::AlwaysOff)),
        ("parentbased_traceidratio", sampler(true, SamplerKind::TraceIdRatio(0.25))),
    ] {
        check(&[("OTEL_TRACES_SAMPLER", name), argument], |read| read.sampler, expected, &[]);
    }
    let ratio = ("OTEL_TRACES_SAMPLER", "traceidratio");
    let all = sampler(false, SamplerKind::TraceIdRatio(1.0));
    check(&[ratio], |read| read.sampler, all, &[]);
    for bad in ["2", "-0.1", "NaN", "10%"] {
        let said = format!("OTEL_TRACES_SAMPLER_ARG: {bad:?} is no number from 0 to 1; ignored");
        check(&[ratio, ("OTEL_TRACES_SAMPLER_ARG", bad)], |read| read.sampler, all, &[&said]);
    }
    for bad in ["jaeger_remote", "parentbased_xray", "parentbased_"] {
        let said = format!("OTEL_TRACES_SAMPLER: {bad:?} is no sampler that is supported here; ignored");
        check(&[("OTEL_TRACES_SAMPLER", bad)], |read| read.sampler, None, &[&said]);
    }
}

#[test]
fn without_tracecontext_nothing_is_propagated() {
    let b3 = "OTEL_PROPAGATORS: \"b3\" is not supported (tracecontext is); ignored";
    for (text, expected, remarks) in [
        ("tracecontext,baggage", Some(true), vec![]),
        ("baggage", Some(false), vec![]),
        ("none", Some(false), vec![]),
        ("b3", Some(false), vec![b3]),
        ("b3, tracecontext", Some(true), vec![b3]),
    ] {
        check(&[("OTEL_PROPAGATORS", text)], |read| read.propagate, expected, &remarks);
    }
}

#[test]
fn bounds_are_bounded() {
    let length = |read: Environment| (read.queue_limits().length, read.queue_limits().batch);
    check(&[("OTEL_BSP_MAX_QUEUE_SIZE", "100")], length, (100, 100), &[]);
    check(&[("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "7")], length, (2048, 7), &[]);
    let said = "OTEL_BSP_MAX_QUEUE_SIZE: \"999999999\" is more than can be; 1048576 is used";
    check(&[("OTEL_BSP_MAX_QUEUE_SIZE", "999999999")], length, (1 << 20, 512), &[said]);
    let said = "OTEL_BSP_MAX_EXPORT_BATCH_SIZE: \"9000\" is more than the queue holds; 2048 is used";
    check(&[("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "9000")], length, (2048, 2048), &[said]);
    let said = "OTEL_BSP_MAX_QUEUE_SIZE: \"0\" is not more than zero; ignored";
    check(&[("OTEL_BSP_MAX_QUEUE_SIZE", "0")], length, (2048, 512), &[said]);
    let all = [("OTEL_ATTRIBUTE_COUNT_LIMIT", "5"), ("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "6")];
    check(&all, |read| (read.attributes, read.value_length), (Some(5), Some(6)), &[]);
    let own = [("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "0"), ("OTEL_ATTRIBUTE_COUNT_LIMIT", "5")];
    check(&own, |read| read.span_limits().attributes, 0, &[]);
    let counts = [("OTEL_SPAN_EVENT_COUNT_LIMIT", "1"), ("OTEL_SPAN_LINK_COUNT_LIMIT", "2")];
    check(&counts, |read| (read.span_limits().events, read.span_limits().links), (1, 2), &[]);
    let times = [("OTEL_BSP_SCHEDULE_DELAY", "10"), ("OTEL_BSP_EXPORT_TIMEOUT", "20")];
    let both = |read: Environment| (read.schedule_delay, read.export_timeout);
    check(&times, both, (Some(Duration::from_millis(10)), Some(Duration::from_millis(20))), &[]);
}

/// The attributes of a resource, but the one that is random and those of the library.
fn resource(variables: &[(&str, &str)], name: &str) -> Vec<String> {
    let identity = Identity {
        name: name.to_owned(),
        version: "1".to_owned(),
        environment: "prod".to_owned(),
        region: String::new(),
    };
    let attributes = read(variables).0.settings(&identity).resource;
    let instance = attributes.iter().find(|(key, _)| key == "service.instance.id").unwrap();
    assert_eq!(instance.1.len(), 36);
    let fixed = |key: &str| !key.starts_with("telemetry.") && key != "service.instance.id";
    attributes.iter().filter(|(key, _)| fixed(key)).map(|(key, value)| format!("{key}={value}")).collect()
}

#[test]
fn the_resource_says_what_the_user_wrote_and_else_what_is_known() {
    let known = ["service.version=1", "deployment.environment.name=prod", "deployment.environment=prod"];
    let given = ("OTEL_RESOURCE_ATTRIBUTES", "service.name=given,k8s.pod.name=p%201");
    let name = ("OTEL_SERVICE_NAME", "named");
    for (variables, configured, expected) in [
        (vec![], "", "mcp-tap"),
        (vec![], "configured", "configured"),
        (vec![given], "configured", "given"),
        (vec![given, name], "configured", "named"),
    ] {
        let expected = format!("service.name={expected}");
        assert_eq!(resource(&variables, configured)[0], expected, "{variables:?}");
    }
    assert_eq!(resource(&[], "a")[1..], known);
    let place = [
        ("POD_NAMESPACE", "n"),
        ("K8S_POD_NAME", "p"),
        ("POD_NAME", "other"),
        ("HOSTNAME", "h"),
        ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test,service.version=2"),
    ];
    let mut all = resource(&place, "a");
    all.sort();
    let expected = [
        "deployment.environment.name=test",
        "deployment.environment=test",
        "host.name=h",
        "k8s.namespace.name=n",
        "k8s.pod.name=p",
        "service.name=a",
        "service.version=2",
    ];
    assert_eq!(all, expected);
    let (environment, remarks) = read(&[("OTEL_RESOURCE_ATTRIBUTES", "a=b,c")]);
    assert!(environment.resource.is_empty());
    assert_eq!(remarks, ["OTEL_RESOURCE_ATTRIBUTES: \"a=b,c\" has a part without =; ignored"]);
}
