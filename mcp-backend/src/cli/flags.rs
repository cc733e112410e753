//! What may be given, by flag or variable. Values stay text here: [`super::Settings`] checks them together, so that one
//! run tells all problems.

use clap::builder::{BoolishValueParser, Resettable};
use clap::{ArgAction, Args, CommandFactory, FromArgMatches, Parser};

const ABOUT: &str = "An MCP server with read-only tools that diagnose Kubernetes workloads";

const LONG_ABOUT: &str = "An MCP server with read-only tools that diagnose Kubernetes workloads, on a real cluster or \
    on a simulated one (the default), which needs nothing but this program.\n\n\
    Serves MCP over Streamable HTTP at /mcp (all revisions up to 2026-07-28) and plain calls at POST /call-tool, or \
    MCP over standard input and output with --stdio. Nothing it does changes a cluster.";

const AFTER: &str = "A flag goes before its variable. SIGTERM or Ctrl-C ends: calls under way are finished first.\n\n\
    Exit status: 0 after an orderly end, 1 when it cannot start or go on, 64 for a wrong command line.\n\n\
    Examples:\n  mcp-backend                                   serve the simulated cluster at 127.0.0.1:3001\n  \
    mcp-backend --cluster kube --context staging  serve a real one\n  \
    mcp-backend --stdio                           for clients that start their servers";

/// The command line as given.
#[derive(Debug, Parser)]
#[command(name = "mcp-backend", version, about = ABOUT, long_about = LONG_ABOUT, after_help = AFTER)]
pub struct Flags {
    #[command(flatten)]
    pub(super) serving: Serving,
    #[command(flatten)]
    pub(super) cluster: Cluster,
    #[command(flatten)]
    pub(super) telemetry: Telemetry,
}

impl Flags {
    /// The flags and variables of this process.
    ///
    /// # Errors
    /// When clap cannot read them, or has been asked for help.
    pub fn try_from_process() -> Result<Self, clap::Error> {
        Self::try_from_arguments(std::env::args_os())
    }

    /// These arguments, and the variables of this process.
    ///
    /// # Errors
    /// When clap cannot read them, or has been asked for help.
    pub fn try_from_arguments<T>(arguments: impl IntoIterator<Item = T>) -> Result<Self, clap::Error>
    where
        T: Into<std::ffi::OsString> + Clone,
    {
        // Values of variables may be secrets (tokens in addresses), and help is pasted into reports.
        let command = Self::command().mut_args(|argument| {
            // Orchestrators set variables to nothing: that is not set.
            let empty = argument.get_env().and_then(std::env::var_os).is_some_and(|value| value.is_empty());
            let argument = argument.hide_env_values(true);
            if empty { argument.env(Resettable::Reset) } else { argument }
        });
        Self::from_arg_matches(&command.try_get_matches_from(arguments)?)
    }
}

/// How clients come in.
#[derive(Debug, Args)]
#[command(next_help_heading = "Serving")]
pub(super) struct Serving {
    /// Address of the HTTP port
    #[arg(long, env = "MCP_BACKEND_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:3001")]
    pub(super) listen: String,
    /// Serve one client over standard input and output instead
    #[arg(long, env = "MCP_BACKEND_STDIO", action = ArgAction::SetTrue, value_parser = BoolishValueParser::new())]
    pub(super) stdio: bool,
    /// Address of /metrics, /livez and /readyz, or off [default: 127.0.0.1:9465, with --stdio: off]
    #[arg(long, env = "MCP_BACKEND_ADMIN", value_name = "ADDRESS|off")]
    pub(super) admin: Option<String>,
    /// Values of Host that are answered, as name or name:port; * for any [default: this machine]
    #[arg(long, env = "MCP_BACKEND_ALLOWED_HOST", value_name = "HOST", value_delimiter = ',')]
    pub(super) allowed_host: Vec<String>,
    /// Web pages that may call, as https://name[:port|:*]; * for any [default: those of this machine]
    #[arg(long, env = "MCP_BACKEND_ALLOWED_ORIGIN", value_name = "ORIGIN", value_delimiter = ',')]
    pub(super) allowed_origin: Vec<String>,
}

/// What is diagnosed.
#[derive(Debug, Args)]
#[command(next_help_heading = "Cluster")]
pub(super) struct Cluster {
    /// Which cluster: sim (simulated) or kube (a real one)
    #[arg(long, env = "MCP_BACKEND_CLUSTER", value_name = "sim|kube", default_value = "sim")]
    pub(super) cluster: String,
    /// Kubeconfig of the real cluster [default: $KUBECONFIG, ~/.kube/config, or the service account of a pod]
    #[arg(long, env = "MCP_BACKEND_KUBECONFIG", value_name = "PATH")]
    pub(super) kubeconfig: Option<String>,
    /// Context of the kubeconfig [default: its current one]
    #[arg(long, env = "MCP_BACKEND_CONTEXT", value_name = "NAME")]
    pub(super) context: Option<String>,
    /// Names, ages and chances of the simulated cluster follow from it
    #[arg(long, env = "MCP_BACKEND_SIM_SEED", value_name = "NUMBER", default_value = "1")]
    pub(super) sim_seed: String,
    /// How much faster than the clock the time of the simulated cluster runs
    #[arg(long, env = "MCP_BACKEND_SIM_SPEED", value_name = "FACTOR", default_value = "1")]
    pub(super) sim_speed: String,
    /// Whether its answers take time, as those of a real API do
    #[arg(long, env = "MCP_BACKEND_SIM_LATENCY", value_name = "on|off", default_value = "on")]
    pub(super) sim_latency: String,
    /// What goes wrong at its API, as api_error=0.01,slow=0.02:2s,forbidden=metrics
    #[arg(long, env = "MCP_BACKEND_SIM_FAULTS", value_name = "FAULTS")]
    pub(super) sim_faults: Option<String>,
    /// How long what was read is used again, or off
    #[arg(long, env = "MCP_BACKEND_CACHE_TTL", value_name = "DURATION|off", default_value = "15s")]
    pub(super) cache_ttl: String,
}

/// What it tells of itself.
#[derive(Debug, Args)]
#[command(next_help_heading = "Telemetry")]
pub(super) struct Telemetry {
    /// Collector that traces are sent to, as http:// or https://HOST:PORT (which trusts the certificates of the
    /// system, or those in OTEL_EXPORTER_OTLP_[TRACES_]CERTIFICATE)
    /// [default: OTEL_EXPORTER_OTLP_[TRACES_]ENDPOINT; without: none]
    #[arg(long, env = "MCP_BACKEND_OTLP_ENDPOINT", value_name = "URL")]
    pub(super) otlp_endpoint: Option<String>,
    /// How: grpc or http/protobuf [default: OTEL_EXPORTER_OTLP_[TRACES_]PROTOCOL; without: http/protobuf]
    #[arg(long, env = "MCP_BACKEND_OTLP_PROTOCOL", value_name = "PROTOCOL")]
    pub(super) otlp_protocol: Option<String>,
    /// Form of the log, which goes to standard error: text or json
    #[arg(long, env = "MCP_BACKEND_LOG_FORMAT", value_name = "text|json", default_value = "text")]
    pub(super) log_format: String,
    /// The least level that is logged: error, warn, info, debug or trace
    #[arg(long, env = "MCP_BACKEND_LOG", value_name = "LEVEL", default_value = "info")]
    pub(super) log: String,
}
