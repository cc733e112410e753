//! Every setting: its name in the file, and with it the flag and the environment variable.

/// One setting. The file key is `name`; the flag is `--name` with dashes; the variable is `MCP_TAP_NAME`.
#[derive(Debug)]
pub struct Key {
    /// Name in the configuration file, in snake case.
    pub name: &'static str,
    /// What stands for the value in `--help`.
    pub value: &'static str,
    /// The value taken when nothing is said, as one would write it; empty for "none".
    pub default: &'static str,
    /// What it does, for `--help`.
    pub help: &'static str,
    /// Which commands have it.
    pub serving: Serving,
}

/// How a server is stood in front of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Serving {
    /// Over HTTP: `mcp-tap run`.
    Http,
    /// As a wrapped command: `mcp-tap stdio`.
    Stdio,
    /// Either way.
    Both,
}

impl Serving {
    /// Whether what this has is of use for `other`.
    #[must_use]
    pub fn includes(self, other: Self) -> bool {
        self == Self::Both || other == Self::Both || self == other
    }
}

/// What is taken in place of [`Key::default`] where a command is wrapped: nothing that anybody would see.
const STDIO_DEFAULTS: &[(&Key, &str)] = &[(&ADMIN, "off"), (&LOG_LEVEL, "warn")];

/// Variables with this prefix are ours, but for those that Kubernetes sets for a Service called `mcp-tap`.
pub const ENVIRONMENT_PREFIX: &str = "MCP_TAP_";

impl Key {
    /// The command-line flag, without the leading dashes.
    #[must_use]
    pub fn flag(&self) -> String {
        self.name.replace('_', "-")
    }

    /// The value taken when nothing is said.
    #[must_use]
    pub fn default_for(&self, serving: Serving) -> &'static str {
        let other = STDIO_DEFAULTS.iter().find(|(key, _)| serving == Serving::Stdio && key.name == self.name);
        other.map_or(self.default, |(_, default)| default)
    }

    /// The environment variable.
    #[must_use]
    pub fn variable(&self) -> String {
        format!("{ENVIRONMENT_PREFIX}{}", self.name.to_ascii_uppercase())
    }
}

macro_rules! keys {
    (@serving) => { Serving::Both };
    (@serving $serving:ident) => { Serving::$serving };
    ($($(#[$doc:meta])* $constant:ident $(of $serving:ident)? = $name:literal, $value:literal, $default:literal,
        $help:literal;)*) => {
        $($(#[$doc])* pub const $constant: Key = Key {
            name: $name,
            value: $value,
            default: $default,
            help: $help,
            serving: keys!(@serving $($serving)?),
        };)*

        /// All settings, in the order of `--help`.
        pub const ALL: &[&Key] = &[$(&$constant),*];
    };
}

keys! {
    /// Where the server is.
    UPSTREAM of Http = "upstream", "URL", "",
        "The MCP server: http://HOST:PORT, https://HOST[:PORT], or unix:/PATH. Required.";
    /// HTTP version towards the server.
    UPSTREAM_PROTOCOL of Http = "upstream_protocol", "http1|http2", "http1",
        "HTTP version spoken to the server; http2 needs no upgrade (prior knowledge, or ALPN on https).";
    /// Extra trust anchors.
    UPSTREAM_CA of Http = "upstream_ca", "FILE", "",
        "PEM file with the certificate authorities to trust for an https upstream, instead of the system's.";
    /// Traffic address.
    LISTEN of Http = "listen", "ADDRESS", "127.0.0.1:8080",
        "Where clients connect; port 0 lets the system choose.";
    /// Admin address.
    ADMIN = "admin", "ADDRESS", "127.0.0.1:9464",
        "Where /metrics, /slo, /summary, /operations, /catalogue, /livez, /readyz and POST /drain are served: IP:PORT; unix:/PATH, a socket that only this user can open; auto, such a socket in runtime_dir; or off.";
    /// Where processes find each other.
    RUNTIME_DIR = "runtime_dir", "DIRECTORY", "",
        "Directory in which processes with an admin port are listed for mcp-tap ps, which must be told of it too; $XDG_RUNTIME_DIR/mcp-tap, else mcp-tap-UID among temporary files, when not given.";
    /// Worker threads.
    WORKERS of Http = "workers", "N", "auto",
        "Threads that carry traffic, each with its own listener and connections to the server; auto is one per core, at most 4.";
    /// Constant label.
    NAME = "name", "NAME", "",
        "Value of the mcp_server label on every metric; when not given, the upstream's host and port, or the name of the wrapped command.";
    /// Info label.
    ENVIRONMENT = "environment", "NAME", "",
        "Deployment environment, for mcp_server_info and traces.";
    /// Info label.
    REGION = "region", "NAME", "",
        "Region, for mcp_server_info and traces.";
    /// Client label.
    CLIENT_ID = "client_id", "hash|name|off", "hash",
        "What the client_id label shows: 8 hex digits of a SHA-256, the client's own name, or nothing.";
    /// Identity header.
    CLIENT_ID_HEADER of Http = "client_id_header", "HEADER", "",
        "Request header whose value identifies the caller; the name in clientInfo when not given.";
    /// Drain time.
    DRAIN_TIME of Http = "drain_time", "DURATION", "25s",
        "How long open requests and streams may go on after SIGTERM or POST /drain.";
    /// Connect deadline.
    CONNECT_TIMEOUT of Http = "connect_timeout", "DURATION", "off",
        "Longest wait for a connection to the server; after it the client gets 504.";
    /// Response deadline.
    RESPONSE_TIMEOUT of Http = "response_timeout", "DURATION", "off",
        "Longest wait for the server's response head; after it the client gets 504.";
    /// Pool idle time.
    IDLE_TIMEOUT of Http = "idle_timeout", "DURATION", "4s",
        "How long an unused connection to the server is kept; keep it below the server's own keep-alive time (Node: 5s).";
    /// Wait after the end of input.
    EXIT_WAIT of Stdio = "exit_wait", "DURATION", "10s",
        "How long the server may go on after the client closed its input, silent and with nothing to answer, before it is sent SIGTERM; off: as long as it likes.";
    /// Wait after SIGTERM.
    KILL_WAIT of Stdio = "kill_wait", "DURATION", "25s",
        "How long the server may go on after SIGTERM before it is killed; off: as long as it likes.";
    /// Inspection at all.
    INSPECT = "inspect", "on|off", "on",
        "Whether messages are looked at; off only forwards: nothing is counted and there are no traces. To see what looking costs, or to rule it out as a cause.";
    /// Scan limit.
    MESSAGE_LIMIT = "message_limit", "SIZE", "16MiB",
        "Longest JSON document that is read; longer ones are forwarded and counted as not inspected.";
    /// Inspection memory.
    INSPECTION_MEMORY = "inspection_memory", "SIZE", "64MiB",
        "Memory that inspection may hold for all bodies together; without room bodies are forwarded and counted.";
    /// Tool label bound.
    MAX_TOOLS = "max_tools", "N", "200",
        "Most tool names that become labels; further ones are counted as _other.";
    /// Client label bound.
    MAX_CLIENTS = "max_clients", "N", "100",
        "Most clients that become labels; further ones are counted as _other.";
    /// Complexity overrides.
    COMPLEXITY = "complexity", "TOOL=LEVEL,...", "",
        "Tools whose complexity label is fixed to low, medium or high instead of judged by their arguments.";
    /// Collector.
    OTLP_ENDPOINT = "otlp_endpoint", "URL", "",
        "Collector that gets traces, and metrics with otlp_metrics, for example http://127.0.0.1:4318 (gRPC: usually port 4317); without one there are no traces.";
    /// OTLP transport.
    OTLP_PROTOCOL = "otlp_protocol", "grpc|http/protobuf", "http/protobuf",
        "How the collector is spoken to.";
    /// Metrics to the collector.
    OTLP_METRICS = "otlp_metrics", "on|off", "off",
        "Whether the collector gets the metrics of /metrics too, under the same names.";
    /// How often.
    OTLP_METRICS_INTERVAL = "otlp_metrics_interval", "DURATION", "60s",
        "How often metrics go to the collector, beside the last time at the end.";
    /// Metrics in a file.
    METRICS_FILE = "metrics_file", "FILE", "",
        "File that holds what /metrics says, for the textfile collector of node_exporter (which reads *.prom); it is replaced as a whole, and stays after the end.";
    /// How often.
    METRICS_FILE_INTERVAL = "metrics_file_interval", "DURATION", "15s",
        "How often that file is written anew.";
    /// Trace context towards the server.
    PROPAGATE = "propagate", "off|header|full", "header",
        "Where the server is told of the trace: nowhere, in HTTP headers (of which a wrapped command has none), or also in _meta of each message, which is then the only change to a body.";
    /// Trace context from clients.
    TRACE_TRUST = "trace_trust", "continue|link|ignore", "continue",
        "What trace contexts of clients are worth: their trace goes on, is linked from a new one, or is not looked at.";
    /// Sampling of the rest.
    TRACE_RATIO = "trace_ratio", "PART", "10%",
        "Part of the other calls whose traces are kept: of those that neither failed nor were slow nor sampled by the client; 0 to 1, or a percentage (100% for a first look).";
    /// Sampling of slow calls.
    TRACE_SLOW = "trace_slow", "DURATION", "2s",
        "Traces of calls that take this long are kept; off: slow ones are like others.";
    /// Sampling of failed calls.
    TRACE_ERRORS = "trace_errors", "on|off", "on",
        "Whether traces of failed calls are kept.";
    /// Bound of both.
    TRACE_STORM = "trace_storm", "N", "100",
        "Most traces a second that are kept for failure or slowness; further ones are like others.";
    /// Payload on spans.
    CAPTURE = "capture", "TOOL:KEY,...;...", "",
        "Arguments that spans show, by tool (* for all) and top-level key (* for all, result for the result); secrets are masked.";
    /// More secrets.
    CAPTURE_REDACT = "capture_redact", "KEY,...", "",
        "Keys that are masked beside password, token, secret, authorization, cookie and the like.";
    /// Size of payload on spans.
    CAPTURE_LIMIT = "capture_limit", "SIZE", "4KiB",
        "Longest text that is shown whole; an attribute has four times as much at most.";
    /// Where counts outlast the process.
    STATE_DIR = "state_dir", "DIRECTORY", "",
        "Directory in which the counts of error budgets outlast a restart; without one they start anew.";
    /// How much of them a crash may lose.
    STATE_INTERVAL = "state_interval", "DURATION", "10s",
        "How often the counts of error budgets are saved; a crash loses no more than this.";
    /// Log format.
    LOG_FORMAT = "log_format", "text|json", "text",
        "Format of the log on standard error.";
    /// Log level.
    LOG_LEVEL = "log_level", "LEVEL", "info",
        "Least severe lines of the log: error, warn, info, debug or trace.";
}

/// Settings of traces.
pub const TRACES: &[&Key] = &[
    &OTLP_ENDPOINT,
    &OTLP_PROTOCOL,
    &PROPAGATE,
    &TRACE_TRUST,
    &TRACE_RATIO,
    &TRACE_SLOW,
    &TRACE_ERRORS,
    &TRACE_STORM,
    &CAPTURE,
    &CAPTURE_REDACT,
    &CAPTURE_LIMIT,
];

/// Settings of what metrics go to beside the admin port.
pub const METRICS: &[&Key] = &[&OTLP_METRICS, &OTLP_METRICS_INTERVAL, &METRICS_FILE, &METRICS_FILE_INTERVAL];

#[cfg(test)]
mod tests {
    use super::*;

    fn names(keys: &[&Key]) -> Vec<&'static str> {
        keys.iter().map(|key| key.name).collect()
    }

    #[test]
    fn settings_of_traces_and_metrics_are_listed() {
        let metrics = |name: &&str| name.contains("metrics");
        let traces = |name: &&str| {
            let words = ["otlp", "propagate", "trace", "capture"];
            words.iter().any(|word| name.starts_with(word)) && !metrics(name)
        };
        assert_eq!(names(TRACES), names(ALL).into_iter().filter(traces).collect::<Vec<_>>());
        assert_eq!(names(METRICS), names(ALL).into_iter().filter(metrics).collect::<Vec<_>>());
    }

    #[test]
    fn a_wrapped_command_has_its_own_defaults_and_no_settings_of_http() {
        assert_eq!([Serving::Http, Serving::Both].map(|to| ADMIN.default_for(to)), ["127.0.0.1:9464"; 2]);
        assert_eq!(ADMIN.default_for(Serving::Stdio), "off");
        assert_eq!(TRACE_RATIO.default_for(Serving::Stdio), "10%");
        assert!(!LISTEN.serving.includes(Serving::Stdio) && LISTEN.serving.includes(Serving::Both));
        assert!(EXIT_WAIT.serving.includes(Serving::Stdio) && !EXIT_WAIT.serving.includes(Serving::Http));
    }

    #[test]
    fn names_are_unique_and_spell_flag_and_variable() {
        let mut names: Vec<_> = ALL.iter().map(|key| key.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ALL.len());
        assert_eq!(RESPONSE_TIMEOUT.flag(), "response-timeout");
        assert_eq!(RESPONSE_TIMEOUT.variable(), "MCP_TAP_RESPONSE_TIMEOUT");
    }
}
