//! Every metric: name, kind, bucket bounds and help text, in one closed list; and the attributes of spans.
//!
//! Names follow Prometheus: base unit plural, counters end in `_total`. Every series also carries the constant label
//! `mcp_server`. The unit of a metric is the end of its name ([`Metric::unit`]).
//!
//! Help texts of `process_*` are those of Prometheus' own client libraries, to the letter: node_exporter shows such series of
//! its own beside those of a file of ours, and refuses a family with two texts.

/// What a metric is, and how it is kept.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// A count of things.
    Counter,
    /// A sum of fractions that only grows.
    FloatCounter,
    /// A value that goes up and down.
    Gauge,
    /// Counts below fixed upper bounds; `+Inf` is implied.
    Histogram(&'static [f64]),
    /// Quantiles over a sliding window.
    Summary,
}

impl Kind {
    /// The word after `# TYPE`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter | Self::FloatCounter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram(_) => "histogram",
            Self::Summary => "summary",
        }
    }
}

/// The quantiles of every summary.
pub const QUANTILES: [f64; 4] = [0.5, 0.9, 0.95, 0.99];

/// Label names.
pub mod label {
    /// The fronted server; on every series.
    pub const SERVER: &str = "mcp_server";
    /// A tool, admitted (labels.rs), or `_other`.
    pub const TOOL: &str = "tool_name";
    /// The caller, as `--client-id` says.
    pub const CLIENT_ID: &str = "client_id";
    /// The family of the client's program.
    pub const CLIENT_TYPE: &str = "client_type";
    /// How a call ended.
    pub const RESULT: &str = "result";
    /// What failed, from a closed set.
    pub const ERROR_TYPE: &str = "error_type";
    /// Whose fault a failure was.
    pub const FAULT: &str = "fault";
    /// Weight of a call's arguments.
    pub const COMPLEXITY: &str = "complexity";
    /// What kind of data bytes are.
    pub const DATA_TYPE: &str = "data_type";
    /// Why a request is over while its call is not.
    pub const KIND: &str = "kind";
    /// What changed in a tool's definition.
    pub const PART: &str = "part";
    /// Why something was not read.
    pub const REASON: &str = "reason";
    /// Where a trace context stood.
    pub const CARRIER: &str = "carrier";
    /// What was decided about a trace.
    pub const DECISION: &str = "decision";
    /// What was odd about a message.
    pub const FINDING: &str = "finding";
    /// Version of the program or server.
    pub const VERSION: &str = "version";
    /// Deployment environment, from configuration.
    pub const ENVIRONMENT: &str = "environment";
    /// Region, from configuration.
    pub const REGION: &str = "region";
    /// The name a server gives itself.
    pub const NAME: &str = "name";
    /// The MCP revision a server speaks.
    pub const PROTOCOL: &str = "protocol";
    /// Conventions (otel-mcp.md §8).
    pub const METHOD: &str = "mcp_method_name";
    /// Conventions.
    pub const GEN_AI_TOOL: &str = "gen_ai_tool_name";
    /// Conventions.
    pub const GEN_AI_PROMPT: &str = "gen_ai_prompt_name";
    /// Conventions: `execute_tool` on tool calls, absent otherwise.
    pub const GEN_AI_OPERATION: &str = "gen_ai_operation_name";
    /// Conventions: the JSON-RPC code, also where it is no error of the server.
    pub const RPC_STATUS: &str = "rpc_response_status_code";
    /// Conventions.
    pub const PROTOCOL_VERSION: &str = "mcp_protocol_version";
    /// Conventions: `tcp` or `pipe`.
    pub const NETWORK_TRANSPORT: &str = "network_transport";
    /// Conventions.
    pub const HTTP_METHOD: &str = "http_request_method";
    /// An objective of the service level.
    pub const SLO: &str = "slo";
    /// An objective, on what the user asked for by this name.
    pub const SLI_NAME: &str = "sli_name";
    /// `good` or `bad`.
    pub const VERDICT: &str = "verdict";
    /// What a cost is for: `compute`, `call`, `egress` or `tokens`.
    pub const RESOURCE_TYPE: &str = "resource_type";
    /// The class of the status (`2xx`), so that series stay few.
    pub const HTTP_STATUS: &str = "http_response_status_code";
}

/// Attributes of spans. The keys of others are those of the conventions (otel-mcp.md §2, §6, §7); what they have no key
/// for is ours, under `mcp.proxy.`.
pub mod attribute {
    /// The method of JSON-RPC.
    pub const METHOD: &str = "mcp.method.name";
    /// What failed; absent where nothing did.
    pub const ERROR_TYPE: &str = "error.type";
    /// The tool of a `tools/call`.
    pub const GEN_AI_TOOL: &str = "gen_ai.tool.name";
    /// The prompt of a `prompts/get`.
    pub const GEN_AI_PROMPT: &str = "gen_ai.prompt.name";
    /// `execute_tool` on tool calls, absent otherwise.
    pub const GEN_AI_OPERATION: &str = "gen_ai.operation.name";
    /// Chosen arguments of a tool call, as JSON.
    pub const GEN_AI_ARGUMENTS: &str = "gen_ai.tool.call.arguments";
    /// The result of a tool call, as JSON.
    pub const GEN_AI_RESULT: &str = "gen_ai.tool.call.result";
    /// The id of a request, as text.
    pub const REQUEST_ID: &str = "jsonrpc.request.id";
    /// The resource that a request is about.
    pub const RESOURCE_URI: &str = "mcp.resource.uri";
    /// The JSON-RPC code, as text, also where it is no error of the server.
    pub const RPC_STATUS: &str = "rpc.response.status_code";
    /// The MCP revision.
    pub const PROTOCOL_VERSION: &str = "mcp.protocol.version";
    /// `tcp`, `unix` or `pipe`.
    pub const NETWORK_TRANSPORT: &str = "network.transport";
    /// `http`, or absent.
    pub const NETWORK_PROTOCOL_NAME: &str = "network.protocol.name";
    /// The version of HTTP on the hop that the span describes.
    pub const NETWORK_PROTOCOL_VERSION: &str = "network.protocol.version";
    /// The client's address.
    pub const CLIENT_ADDRESS: &str = "client.address";
    /// The client's port.
    pub const CLIENT_PORT: &str = "client.port";
    /// The server's address.
    pub const SERVER_ADDRESS: &str = "server.address";
    /// The server's port.
    pub const SERVER_PORT: &str = "server.port";
    /// The method of HTTP.
    pub const HTTP_METHOD: &str = "http.request.method";
    /// The status of HTTP, a number.
    pub const HTTP_STATUS: &str = "http.response.status_code";
    /// The path, without the query.
    pub const URL_PATH: &str = "url.path";
    /// `http`.
    pub const URL_SCHEME: &str = "url.scheme";
    /// `request`, `notification` or `task`.
    pub const KIND: &str = "mcp.proxy.kind";
    /// How a call ended, as the label `result`.
    pub const RESULT: &str = "mcp.proxy.result";
    /// Whose fault a failure was, as the label `fault`.
    pub const FAULT: &str = "mcp.proxy.fault";
    /// Why a request is over while its call is not, as the label `kind`.
    pub const INTERIM: &str = "mcp.proxy.interim";
    /// `streamable_http`, `http_sse` or `stdio`.
    pub const TRANSPORT: &str = "mcp.proxy.transport";
    /// `legacy` or `modern`.
    pub const ERA: &str = "mcp.proxy.era";
    /// The name that the client gives itself.
    pub const CLIENT_NAME: &str = "mcp.proxy.client.name";
    /// The version that the client gives itself.
    pub const CLIENT_VERSION: &str = "mcp.proxy.client.version";
    /// The same for all operations of a session; its id is a secret.
    pub const SESSION_HASH: &str = "mcp.proxy.session.hash";
    /// Whether the same call was made shortly before; absent if not.
    pub const REPEATED: &str = "mcp.proxy.repeated";
    /// Whether the server asked the client something meanwhile that a human or a model may have to answer; absent if not.
    pub const WAITED_FOR_CLIENT: &str = "mcp.proxy.waited_for_client";
    /// Bytes of all content of a tool's result.
    pub const CONTENT_BYTES: &str = "mcp.proxy.content.bytes";
    /// Estimated context tokens of a tool's result.
    pub const RESULT_TOKENS: &str = "mcp.proxy.result.tokens";
    /// Why another context is linked.
    pub const LINK_REASON: &str = "mcp.proxy.link.reason";
}

const TOOL_SECONDS: &[f64] =
    &[0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0];
const RESPONSE_SECONDS: &[f64] = &[0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];
/// The bounds that the conventions advise (otel-mcp.md §5).
const CONVENTION_SECONDS: &[f64] =
    &[0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0];
/// The same, continued to a week: sessions last for hours and days.
const SESSION_SECONDS: &[f64] = &[
    0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 1800.0, 3600.0, 14400.0,
    86400.0, 604_800.0,
];
/// The bounds of the HTTP conventions (otel-mcp.md §7).
const HTTP_SECONDS: &[f64] =
    &[0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];
const FIRST_BYTE_SECONDS: &[f64] =
    &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
const OVERHEAD_SECONDS: &[f64] = &[
    0.000_005, 0.000_01, 0.000_02, 0.000_05, 0.000_1, 0.000_2, 0.000_5, 0.001, 0.002, 0.005, 0.01, 0.05, 0.1,
];
/// The bounds that the user asked for; latency objectives add theirs.
const SLI_SECONDS: &[f64] = &[0.1, 0.5, 1.0, 2.0, 5.0];
/// Silences at which well-known intermediaries cut a stream.
const QUIET_SECONDS: &[f64] = &[15.0, 30.0, 60.0, 100.0, 125.0, 300.0];
const TOKENS: &[f64] =
    &[10.0, 50.0, 100.0, 250.0, 500.0, 1000.0, 2500.0, 5000.0, 10_000.0, 25_000.0, 50_000.0, 100_000.0];

macro_rules! metrics {
    ($($variant:ident = $name:literal, $kind:expr, $help:literal;)*) => {
        /// One metric of the closed list.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(usize)]
        pub enum Metric {
            $(#[doc = concat!("`", $name, "`: ", $help)] $variant,)*
        }

        impl Metric {
            /// All metrics, in the order of this file; the value of each is its place here.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name, with the unit and `_total`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What it is.
            #[must_use]
            pub const fn kind(self) -> Kind {
                match self { $(Self::$variant => $kind,)* }
            }

            /// The help text: what is counted, in which unit, and what is not.
            #[must_use]
            pub const fn help(self) -> &'static str {
                match self { $(Self::$variant => $help,)* }
            }
        }
    };
}

metrics! {
    ToolRequests = "mcp_tool_requests_total", Kind::Counter,
        "Tool calls ended, by result (success, error, timeout, cancelled); error_type is empty where nothing failed.";
    ToolDuration = "mcp_tool_duration_seconds", Kind::Histogram(TOOL_SECONDS),
        "Duration of every ended tool call until its response message is complete, or until it failed or was given up; its count equals the calls ended.";
    ActiveConnections = "mcp_active_connections", Kind::Gauge,
        "Open client connections by family of the client's program.";
    DataProcessed = "mcp_data_processed_bytes_total", Kind::Counter,
        "Bytes of JSON text of tool arguments and of each kind of result content.";
    ServerInfo = "mcp_server_info", Kind::Gauge,
        "The fronted server as it names itself (name, version, newest protocol seen) and as configured; always 1.";
    ToolResponseTime = "tool_response_time_seconds", Kind::Summary,
        "Time to the complete response message of answered tool calls; quantiles over the last 5 minutes (NaN without a call), sum and count since the start.";
    ToolResponseDistribution = "tool_response_distribution_seconds", Kind::Histogram(RESPONSE_SECONDS),
        "Time to the complete response message of answered tool calls.";
    OperationDuration = "mcp_server_operation_duration_seconds", Kind::Histogram(CONVENTION_SECONDS),
        "Duration of requests and notifications to the server, without subscriptions/listen and tasks; OpenTelemetry mcp.server.operation.duration.";
    SessionDuration = "mcp_server_session_duration_seconds", Kind::Histogram(SESSION_SECONDS),
        "Duration of ended sessions (revisions before 2026-07-28); OpenTelemetry mcp.server.session.duration.";
    ServerRequestDuration = "mcp_proxy_server_request_duration_seconds", Kind::Histogram(CONVENTION_SECONDS),
        "Duration of requests that the server sent to a client (sampling, elicitation, roots); may hold human time.";
    Faults = "mcp_proxy_faults_total", Kind::Counter,
        "Tool calls that did not succeed, each with the one party at fault; sums to mcp_tool_requests_total without success.";
    InterimResults = "mcp_proxy_interim_results_total", Kind::Counter,
        "Requests for tool calls that are over while the call is not (input_required, url_elicitation, task_accepted, redirected, unknown_result_type), and tasks whose end was never seen.";
    UnknownToolCalls = "mcp_proxy_unknown_tool_calls_total", Kind::Counter,
        "Calls of tools that are not in the known catalogue and never succeeded.";
    RepeatedCalls = "mcp_proxy_repeated_calls_total", Kind::Counter,
        "Tool calls with the same tool and arguments by the same client within 60 s.";
    ResultTokens = "mcp_proxy_result_tokens", Kind::Histogram(TOKENS),
        "Estimated context tokens of a tool result: bytes of text that a model reads divided by 4, rounded up; without such text, bytes of structured content divided by 4.";
    CatalogueTokens = "mcp_proxy_catalogue_tokens", Kind::Gauge,
        "Estimated context tokens of the last complete tool list: bytes of its JSON divided by 4.";
    CatalogueTools = "mcp_proxy_catalogue_tools", Kind::Gauge,
        "Tools in the last complete tool list.";
    DefinitionChanges = "mcp_proxy_tool_definition_changes_total", Kind::Counter,
        "Changes of tool definitions since the first complete tool list (description, input_schema, output_schema, annotations, added, removed).";
    StreamQuiet = "mcp_proxy_stream_quiet_seconds", Kind::Histogram(QUIET_SECONDS),
        "Longest time without any byte in an ended event stream.";
    FirstByte = "mcp_proxy_time_to_first_byte_seconds", Kind::Histogram(FIRST_BYTE_SECONDS),
        "Time from the request head to the server's first response byte, for exchanges that carry MCP.";
    Overhead = "mcp_proxy_overhead_seconds", Kind::Histogram(OVERHEAD_SECONDS),
        "Time spent in this proxy's own code per HTTP exchange, measured on one in eight.";
    NotInspected = "mcp_proxy_not_inspected_total", Kind::Counter,
        "What was forwarded without being read, by reason.";
    MessageFindings = "mcp_proxy_message_findings_total", Kind::Counter,
        "Oddities of messages that were read and forwarded nevertheless.";
    UnmatchedMessages = "mcp_proxy_unmatched_messages_total", Kind::Counter,
        "Messages on streams that belong to no open request.";
    InflightOperations = "mcp_proxy_inflight_operations", Kind::Gauge,
        "Requests seen whose end was not seen yet.";
    MalformedContexts = "mcp_proxy_trace_context_malformed_total", Kind::Counter,
        "Trace contexts of clients that were there and could not be read, by where they stood (header, meta).";
    NotWritten = "mcp_proxy_trace_context_not_written_total", Kind::Counter,
        "Messages that went on without our trace context in their _meta though --propagate full asks for it, by reason.";
    TraceDecisions = "mcp_proxy_trace_decisions_total", Kind::Counter,
        "Ended operations and HTTP exchanges by what was decided about their spans: kept (parent, error, slow, ratio), or not (unsampled, storm).";
    Spans = "mcp_proxy_spans_total", Kind::Counter,
        "Spans of operations that were kept: the sum of those exported, dropped and queued.";
    SpansExported = "mcp_proxy_spans_exported_total", Kind::Counter,
        "Spans that a collector accepted.";
    SpansDropped = "mcp_proxy_spans_dropped_total", Kind::Counter,
        "Spans that no collector got, by reason: queue_full, memory, failed (after all retries), rejected (by the collector), shutdown.";
    SpansQueued = "mcp_proxy_spans_queued", Kind::Gauge,
        "Spans that wait for export or are on their way.";
    HttpDuration = "http_server_request_duration_seconds", Kind::Histogram(HTTP_SECONDS),
        "Duration of HTTP exchanges that carry no MCP, by class of status; no status where no response came.";
    SliRequests = "sli_requests_total", Kind::Counter,
        "Requests that count for availability, by result (success, error, timeout); without the caller's own mistakes, cancellations, ping, server/discover and subscriptions/listen.";
    SliDuration = "sli_request_duration_seconds", Kind::Histogram(SLI_SECONDS),
        "Duration of answered tool calls that did not wait for the client; every latency threshold is a bound.";
    SliQuality = "sli_quality_score", Kind::Gauge,
        "Percent of a tool's checked answers in the window that were sound; absent without one.";
    SliBudget = "sli_error_budget_remaining_percent", Kind::Gauge,
        "Percent of the error budget that is left as this process counts it; negative beyond, absent when idle. Fleets: use the recorded series.";
    SloEvents = "mcp_proxy_slo_events_total", Kind::Counter,
        "Events of each objective by verdict (good, bad); excluded requests are no events.";
    QualityFindings = "mcp_proxy_quality_findings_total", Kind::Counter,
        "Answers of tools that were not sound, by the first thing found (tool_error, malformed, empty, schema, reported_failure).";
    QualityUnchecked = "mcp_proxy_quality_unchecked_total", Kind::Counter,
        "Answers of tools that are no quality event because they could not be judged, by reason.";
    ComputeSeconds = "mcp_compute_seconds_total", Kind::FloatCounter,
        "Seconds that the server was busy with calls of a tool, without those that waited for the client or whose end was not seen.";
    ComputeCpu = "mcp_compute_cpu_seconds_total", Kind::FloatCounter,
        "Processor seconds that a wrapped server and its children used while calls of the tool were open; calls that overlap share them.";
    ComputeResident = "mcp_compute_resident_memory_bytes", Kind::Gauge,
        "Resident memory of a wrapped server and its children when a call of the tool was last seen at work.";
    ServerCpu = "mcp_server_process_cpu_seconds_total", Kind::FloatCounter,
        "Processor seconds that a wrapped server and its children used, for calls and beside them.";
    ServerResident = "mcp_server_process_resident_memory_bytes", Kind::Gauge,
        "Resident memory of a wrapped server and its children.";
    CostUsd = "mcp_cost_usd_total", Kind::FloatCounter,
        "Estimated cost of tool calls in US dollars by the configured prices, by resource type.";
    RequestCost = "mcp_request_cost_usd", Kind::Gauge,
        "Estimated cost of one call in US dollars, mean of the last 5 minutes; absent without a call.";
    ConfigReloads = "mcp_proxy_config_reloads_total", Kind::Counter,
        "Readings of the changed configuration file while running, by result (success, failure).";
    ConfigTaken = "mcp_proxy_config_last_reload_successful", Kind::Gauge,
        "Whether the configuration file, as it was read last, is in effect: 1 or 0; absent without a file.";
    StateSaves = "mcp_proxy_state_saves_total", Kind::Counter,
        "Attempts to save the state of error budgets, by result (success, failure).";
    MetricsExports = "mcp_proxy_metrics_exports_total", Kind::Counter,
        "Attempts to send all metrics to a collector, each with its retries, by result (success, partial where the collector refused some, failure).";
    MetricsFileWrites = "mcp_proxy_metrics_file_writes_total", Kind::Counter,
        "Attempts to write all metrics to the file that is configured, by result (success, failure).";
    BuildInfo = "mcp_proxy_build_info", Kind::Gauge,
        "The version of this proxy; always 1.";
    ProcessCpu = "process_cpu_seconds_total", Kind::FloatCounter,
        "Total user and system CPU time spent in seconds.";
    ProcessResident = "process_resident_memory_bytes", Kind::Gauge,
        "Resident memory size in bytes.";
    ProcessVirtual = "process_virtual_memory_bytes", Kind::Gauge,
        "Virtual memory size in bytes.";
    ProcessOpenFds = "process_open_fds", Kind::Gauge,
        "Number of open file descriptors.";
    ProcessMaxFds = "process_max_fds", Kind::Gauge,
        "Maximum number of open file descriptors.";
    ProcessStart = "process_start_time_seconds", Kind::Gauge,
        "Start time of the process since unix epoch in seconds.";
}

impl Metric {
    /// The metric of this name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|metric| metric.name() == name)
    }

    /// The name of the family in OpenMetrics: a counter's without `_total`.
    #[must_use]
    pub fn family(self) -> &'static str {
        match self.kind() {
            Kind::Counter | Kind::FloatCounter => {
                self.name().strip_suffix("_total").unwrap_or_else(|| self.name())
            }
            _ => self.name(),
        }
    }

    /// The unit as OpenTelemetry writes it (UCUM); empty where the name says none.
    #[must_use]
    pub fn ucum(self) -> &'static str {
        match self.unit() {
            Some("seconds") => "s",
            Some("bytes") => "By",
            _ => "",
        }
    }

    /// The unit, as far as OpenMetrics knows it from the family's name.
    #[must_use]
    pub fn unit(self) -> Option<&'static str> {
        ["seconds", "bytes"]
            .into_iter()
            .find(|unit| self.family().strip_suffix(unit).is_some_and(|stem| stem.ends_with('_')))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_a_legal_name_once_and_counters_alone_end_in_total() {
        let mut seen = std::collections::BTreeSet::new();
        for metric in Metric::ALL.iter().copied() {
            let name = metric.name();
            assert!(seen.insert(name), "{name} stands twice");
            assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{name}");
            let counter = matches!(metric.kind(), Kind::Counter | Kind::FloatCounter);
            assert_eq!(name.ends_with("_total"), counter, "{name}");
            assert!(metric.help().ends_with('.'), "{name}");
            assert_eq!(Metric::by_name(name), Some(metric));
        }
    }

    #[test]
    fn bounds_rise_strictly_and_hold_no_infinity() {
        for metric in Metric::ALL {
            if let Kind::Histogram(bounds) = metric.kind() {
                assert!(bounds.windows(2).all(|pair| pair[0] < pair[1]), "{}", metric.name());
                assert!(bounds.iter().all(|bound| bound.is_finite()), "{}", metric.name());
            }
        }
    }

    #[test]
    fn the_place_of_a_metric_is_its_value() {
        for (place, metric) in Metric::ALL.iter().enumerate() {
            assert_eq!(*metric as usize, place);
        }
    }

    #[test]
    fn what_every_process_has_is_told_in_the_words_that_every_process_uses() {
        for (metric, help) in [
            (Metric::ProcessCpu, "Total user and system CPU time spent in seconds."),
            (Metric::ProcessResident, "Resident memory size in bytes."),
            (Metric::ProcessVirtual, "Virtual memory size in bytes."),
            (Metric::ProcessOpenFds, "Number of open file descriptors."),
            (Metric::ProcessMaxFds, "Maximum number of open file descriptors."),
            (Metric::ProcessStart, "Start time of the process since unix epoch in seconds."),
        ] {
            assert_eq!(metric.help(), help);
        }
    }

    #[test]
    fn units_come_from_names() {
        assert_eq!(Metric::DataProcessed.unit(), Some("bytes"));
        assert_eq!(Metric::ProcessCpu.unit(), Some("seconds"));
        assert_eq!(Metric::ToolRequests.unit(), None);
        for metric in Metric::ALL {
            assert_eq!(metric.unit().is_some(), !metric.ucum().is_empty(), "{}", metric.name());
        }
        assert_eq!(Metric::ToolRequests.family(), "mcp_tool_requests");
    }
}
