//! Handles, kept per label set so that the traffic path pays one hash look-up per family group and atomic adds.
//!
//! A tool's own metrics sit together in [`ToolMetrics`]: they are found at once, and each series begins to exist when
//! it is first used. Families with more labels have a map of their own, bounded: where it is full, the label with the
//! most values falls back to `_other`.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use metrics::{Counter, Gauge};

use crate::exchange::event::{Client, NotInspected};
use crate::exchange::trace::{Carrier, NotWritten};
use crate::fault::Fault;
use crate::protocol::message::Finding;
use crate::protocol::method::Method;
use crate::protocol::outcome::{CallResult, Interim};

use super::Settings;
use super::client_type::ClientType;
use super::complexity::Complexity;
use super::histogram::BucketHistogram;
use super::labels::{ClientLabel, Clients, Names, OTHER, Table, table};
use super::names::{Metric, label};
use super::registry::Registry;
use super::rolling::RollingSummary;
use super::sli::{ToolCost, thresholds};

/// Kinds of data that tool calls move; the label `data_type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub(super) enum DataType {
    /// `params.arguments`.
    Arguments,
    /// `text` elements.
    Text,
    /// `image` elements.
    Image,
    /// `audio` elements.
    Audio,
    /// `resource` and `resource_link` elements.
    Resource,
    /// `structuredContent`.
    Structured,
    /// Elements of no known type.
    Other,
}

impl DataType {
    const COUNT: usize = Self::Other as usize + 1;

    const fn as_str(self) -> &'static str {
        match self {
            Self::Arguments => "arguments",
            Self::Text => "text",
            Self::Image => "image",
            Self::Audio => "audio",
            Self::Resource => "resource",
            Self::Structured => "structured",
            Self::Other => "other",
        }
    }
}

/// The metrics of one tool, or of all tools without a label.
#[derive(Debug)]
pub(super) struct ToolMetrics {
    /// The label value.
    name: Box<str>,
    /// Distinct per tool, to make keys of.
    place: usize,
    /// Configured weight of all its calls.
    complexity: Option<Complexity>,
    durations: [OnceLock<Arc<BucketHistogram>>; Complexity::COUNT],
    response_time: OnceLock<Arc<RollingSummary>>,
    response_distribution: OnceLock<Arc<BucketHistogram>>,
    result_tokens: OnceLock<Arc<BucketHistogram>>,
    bytes: [OnceLock<Counter>; DataType::COUNT],
    faults: [OnceLock<Counter>; Fault::ALL.len()],
    interim: [OnceLock<Counter>; Interim::ALL.len()],
    repeated: OnceLock<Counter>,
    /// `mcp_server_operation_duration_seconds` of calls without an error, which most are.
    faultless: OnceLock<Arc<BucketHistogram>>,
    /// What its calls cost.
    pub cost: ToolCost,
}

impl ToolMetrics {
    fn new(name: &str, place: usize, complexity: Option<Complexity>) -> Self {
        Self {
            name: name.into(),
            place,
            complexity,
            durations: Default::default(),
            response_time: OnceLock::new(),
            response_distribution: OnceLock::new(),
            result_tokens: OnceLock::new(),
            bytes: Default::default(),
            faults: Default::default(),
            interim: Default::default(),
            repeated: OnceLock::new(),
            faultless: OnceLock::new(),
            cost: ToolCost::default(),
        }
    }

    /// The label value.
    #[must_use]
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Distinct per tool, from [`OTHER_PLACE`] up to the number of tools with a label.
    #[must_use]
    pub(super) fn place(&self) -> usize {
        self.place
    }

    /// The configured weight of its calls, if any.
    #[must_use]
    pub(super) fn complexity(&self) -> Option<Complexity> {
        self.complexity
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct RequestKey {
    tool: usize,
    client: usize,
    result: CallResult,
    error_type: &'static str,
}

/// What an operation is about: at most one of a tool and a prompt.
#[derive(Debug, Clone, Copy)]
pub(super) enum Target<'a> {
    /// Neither.
    None,
    /// A tool.
    Tool(&'a ToolMetrics),
    /// A prompt, by its label.
    Prompt(&'a str, usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct OperationKey {
    method: &'static str,
    target: usize,
    error_type: Option<&'static str>,
    code: Option<&'static str>,
}

/// A prompt's label and place.
#[derive(Debug)]
pub(super) struct PromptLabel {
    /// The label value.
    pub name: Box<str>,
    /// Distinct per prompt.
    pub place: usize,
}

/// Place of [`OTHER`] in tables of tools and prompts; those with a name follow.
pub(super) const OTHER_PLACE: usize = 1;

/// Every handle there is.
#[derive(Debug)]
pub(super) struct Metrics {
    registry: Registry,
    settings: Settings,
    /// Tools with a label.
    pub tools: Names<ToolMetrics>,
    prompts: Names<PromptLabel>,
    clients: Clients,
    requests: Table<RequestKey, Counter>,
    operations: Table<OperationKey, Arc<BucketHistogram>>,
    http: Table<(&'static str, &'static str), Arc<BucketHistogram>>,
    sessions: Table<(&'static str, &'static str, &'static str), Arc<BucketHistogram>>,
    server_requests: Table<(&'static str, &'static str), Arc<BucketHistogram>>,
    connections: [OnceLock<Gauge>; ClientType::COUNT],
    not_inspected: [Counter; NotInspected::ALL.len()],
    findings: [Counter; Finding::ALL.len()],
    malformed_contexts: [Counter; Carrier::ALL.len()],
    not_written: [Counter; NotWritten::ALL.len()],
    /// `mcp_proxy_unknown_tool_calls_total`
    pub unknown_tool_calls: Counter,
    /// `mcp_proxy_unmatched_messages_total`
    pub unmatched: Counter,
    /// `mcp_proxy_inflight_operations`
    pub inflight: Gauge,
    /// `mcp_proxy_stream_quiet_seconds`
    pub stream_quiet: Arc<BucketHistogram>,
    /// `mcp_proxy_time_to_first_byte_seconds`
    pub first_byte: Arc<BucketHistogram>,
    /// `mcp_proxy_overhead_seconds`
    pub overhead: Arc<BucketHistogram>,
}

impl Metrics {
    /// No tool, prompt or client is known yet; what needs no label stands at 0.
    #[must_use]
    pub(super) fn new(settings: Settings, start: Instant) -> Self {
        let registry = Registry::with_thresholds(start, thresholds(&settings.plan));
        registry.gauge(Metric::BuildInfo, &[(label::VERSION, &settings.version)]).set(1.0);
        Self {
            tools: Names::new(ToolMetrics::new(OTHER, OTHER_PLACE, None)),
            prompts: Names::new(PromptLabel { name: OTHER.into(), place: OTHER_PLACE }),
            clients: Clients::new(settings.client_id, settings.max_clients),
            requests: table(),
            operations: table(),
            http: table(),
            sessions: table(),
            server_requests: table(),
            connections: Default::default(),
            not_inspected: NotInspected::ALL
                .map(|reason| registry.counter(Metric::NotInspected, &[(label::REASON, reason.as_str())])),
            findings: Finding::ALL.map(|finding| {
                registry.counter(Metric::MessageFindings, &[(label::FINDING, finding.as_str())])
            }),
            malformed_contexts: Carrier::ALL.map(|carrier| {
                registry.counter(Metric::MalformedContexts, &[(label::CARRIER, carrier.as_str())])
            }),
            not_written: NotWritten::ALL
                .map(|reason| registry.counter(Metric::NotWritten, &[(label::REASON, reason.as_str())])),
            unknown_tool_calls: registry.counter(Metric::UnknownToolCalls, &[]),
            unmatched: registry.counter(Metric::UnmatchedMessages, &[]),
            inflight: registry.gauge(Metric::InflightOperations, &[]),
            stream_quiet: registry.histogram(Metric::StreamQuiet, &[]),
            first_byte: registry.histogram(Metric::FirstByte, &[]),
            overhead: registry.histogram(Metric::Overhead, &[]),
            registry,
            settings,
        }
    }

    /// The series.
    #[must_use]
    pub(super) fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The settings.
    #[must_use]
    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Gives a tool a label of its own, if one of `limit` is free.
    pub(super) fn admit_tool(&self, name: &str, limit: usize) -> Option<Arc<ToolMetrics>> {
        self.tools.admit(name, limit, |place| {
            let complexity = self.settings.complexity.get(name).copied();
            ToolMetrics::new(name, place + OTHER_PLACE + 1, complexity)
        })
    }

    /// The label of a prompt; `known` says that the server knows it, which admits it.
    pub(super) fn prompt(&self, name: &str, known: bool) -> Arc<PromptLabel> {
        let label = if known && !name.is_empty() {
            let new = |place| PromptLabel { name: name.into(), place: place + OTHER_PLACE + 1 };
            self.prompts.admit(name, self.settings.max_prompts, new)
        } else {
            self.prompts.get(name)
        };
        label.unwrap_or_else(|| Arc::clone(self.prompts.other()))
    }

    /// The label of a client.
    #[must_use]
    pub(super) fn client(&self, client: &Client) -> Arc<ClientLabel> {
        self.clients.label(client)
    }

    /// Counts an ended tool call.
    pub(super) fn count_request(
        &self,
        tool: &ToolMetrics,
        client: &Client,
        result: CallResult,
        error_type: &'static str,
    ) {
        self.clients.with_label(client, |client| self.count_labelled(tool, client, result, error_type));
    }

    fn count_labelled(
        &self,
        tool: &ToolMetrics,
        client: &ClientLabel,
        result: CallResult,
        error_type: &'static str,
    ) {
        let key = RequestKey { tool: tool.place, client: client.place, result, error_type };
        let requests = self.requests.pin();
        if let Some(counter) = requests.get(&key) {
            return counter.increment(1);
        }
        let client = if requests.len() < self.settings.max_series { client } else { self.clients.other() };
        let labels = [
            (label::TOOL, &*tool.name),
            (label::CLIENT_ID, client.text.as_str()),
            (label::RESULT, result.as_str()),
            (label::ERROR_TYPE, error_type),
        ];
        let key = RequestKey { client: client.place, ..key };
        requests
            .get_or_insert_with(key, || self.registry.counter(Metric::ToolRequests, &labels))
            .increment(1);
    }

    /// `mcp_tool_duration_seconds` of a tool and weight.
    pub(super) fn tool_duration<'a>(
        &self,
        tool: &'a ToolMetrics,
        complexity: Complexity,
    ) -> &'a BucketHistogram {
        tool.durations[complexity as usize].get_or_init(|| {
            let labels = [(label::TOOL, &*tool.name), (label::COMPLEXITY, complexity.as_str())];
            self.registry.histogram(Metric::ToolDuration, &labels)
        })
    }

    /// `tool_response_time_seconds` of a tool.
    pub(super) fn response_time<'a>(&self, tool: &'a ToolMetrics) -> &'a RollingSummary {
        tool.response_time
            .get_or_init(|| self.registry.summary(Metric::ToolResponseTime, &[(label::TOOL, &tool.name)]))
    }

    /// `tool_response_distribution_seconds` of a tool.
    pub(super) fn response_distribution<'a>(&self, tool: &'a ToolMetrics) -> &'a BucketHistogram {
        tool.response_distribution.get_or_init(|| {
            self.registry.histogram(Metric::ToolResponseDistribution, &[(label::TOOL, &tool.name)])
        })
    }

    /// `mcp_proxy_result_tokens` of a tool.
    pub(super) fn result_tokens<'a>(&self, tool: &'a ToolMetrics) -> &'a BucketHistogram {
        tool.result_tokens
            .get_or_init(|| self.registry.histogram(Metric::ResultTokens, &[(label::TOOL, &tool.name)]))
    }

    /// Counts bytes of a call; none make no series.
    pub(super) fn count_bytes(&self, tool: &ToolMetrics, data: DataType, bytes: u64) {
        if bytes > 0 {
            let counter = tool.bytes[data as usize].get_or_init(|| {
                let labels = [(label::TOOL, &*tool.name), (label::DATA_TYPE, data.as_str())];
                self.registry.counter(Metric::DataProcessed, &labels)
            });
            counter.increment(bytes);
        }
    }

    /// Counts a call that did not succeed.
    pub(super) fn count_fault(&self, tool: &ToolMetrics, fault: Fault) {
        let counter = tool.faults[fault as usize].get_or_init(|| {
            let labels = [(label::TOOL, &*tool.name), (label::FAULT, fault.as_str())];
            self.registry.counter(Metric::Faults, &labels)
        });
        counter.increment(1);
    }

    /// Counts a request that is over while its call is not.
    pub(super) fn count_interim(&self, tool: &ToolMetrics, interim: Interim) {
        let counter = tool.interim[interim as usize].get_or_init(|| {
            let labels = [(label::TOOL, &*tool.name), (label::KIND, interim.as_str())];
            self.registry.counter(Metric::InterimResults, &labels)
        });
        counter.increment(1);
    }

    /// Counts a repeated call.
    pub(super) fn count_repeated(&self, tool: &ToolMetrics) {
        let counter = tool
            .repeated
            .get_or_init(|| self.registry.counter(Metric::RepeatedCalls, &[(label::TOOL, &tool.name)]));
        counter.increment(1);
    }

    /// [`Metrics::operation`] of a tool's calls that show neither error nor code, without a look-up.
    pub(super) fn faultless_call<'a>(&self, tool: &'a ToolMetrics) -> &'a BucketHistogram {
        tool.faultless
            .get_or_init(|| self.operation(Method::ToolsCall.label(), Target::Tool(tool), None, None))
    }

    /// `mcp_server_operation_duration_seconds` by the conventions; an absent attribute is an absent label.
    pub(super) fn operation(
        &self,
        method: &'static str,
        target: Target<'_>,
        error_type: Option<&'static str>,
        code: Option<&'static str>,
    ) -> Arc<BucketHistogram> {
        let place = match target {
            Target::None => 0,
            Target::Tool(tool) => tool.place,
            Target::Prompt(_, place) => place,
        };
        let key = OperationKey { method, target: place, error_type, code };
        let operations = self.operations.pin();
        if let Some(histogram) = operations.get(&key) {
            return Arc::clone(histogram);
        }
        let target = match target {
            _ if operations.len() < self.settings.max_series => target,
            Target::None => Target::None,
            Target::Tool(_) => Target::Tool(self.tools.other()),
            Target::Prompt(..) => Target::Prompt(OTHER, OTHER_PLACE),
        };
        let mut labels = vec![(label::METHOD, method)];
        let place = match target {
            Target::None => 0,
            Target::Tool(tool) => {
                labels.extend([(label::GEN_AI_TOOL, &*tool.name), (label::GEN_AI_OPERATION, "execute_tool")]);
                tool.place
            }
            Target::Prompt(name, place) => {
                labels.push((label::GEN_AI_PROMPT, name));
                place
            }
        };
        labels.extend(error_type.map(|error_type| (label::ERROR_TYPE, error_type)));
        labels.extend(code.map(|code| (label::RPC_STATUS, code)));
        let key = OperationKey { target: place, ..key };
        let new = || self.registry.histogram(Metric::OperationDuration, &labels);
        Arc::clone(operations.get_or_insert_with(key, new))
    }

    /// `mcp_proxy_server_request_duration_seconds`; no `error_type` where it is empty.
    pub(super) fn server_request(
        &self,
        method: &'static str,
        error_type: &'static str,
    ) -> Arc<BucketHistogram> {
        let new = || {
            let labels = [(label::METHOD, method), (label::ERROR_TYPE, error_type)];
            self.registry.histogram(Metric::ServerRequestDuration, present(&labels).as_slice())
        };
        Arc::clone(self.server_requests.pin().get_or_insert_with((method, error_type), new))
    }

    /// `mcp_server_session_duration_seconds`; empty values are absent labels.
    pub(super) fn session(
        &self,
        version: &'static str,
        network: &'static str,
        error_type: &'static str,
    ) -> Arc<BucketHistogram> {
        let new = || {
            let labels = [
                (label::PROTOCOL_VERSION, version),
                (label::NETWORK_TRANSPORT, network),
                (label::ERROR_TYPE, error_type),
            ];
            self.registry.histogram(Metric::SessionDuration, present(&labels).as_slice())
        };
        Arc::clone(self.sessions.pin().get_or_insert_with((version, network, error_type), new))
    }

    /// `http_server_request_duration_seconds`; no status where it is empty.
    pub(super) fn http(&self, method: &'static str, status: &'static str) -> Arc<BucketHistogram> {
        let new = || {
            let labels = [(label::HTTP_METHOD, method), (label::HTTP_STATUS, status)];
            self.registry.histogram(Metric::HttpDuration, present(&labels).as_slice())
        };
        Arc::clone(self.http.pin().get_or_insert_with((method, status), new))
    }

    /// `mcp_active_connections` of a family.
    pub(super) fn connections(&self, family: ClientType) -> &Gauge {
        self.connections[family as usize].get_or_init(|| {
            self.registry.gauge(Metric::ActiveConnections, &[(label::CLIENT_TYPE, family.as_str())])
        })
    }

    /// Counts something that was not read.
    pub(super) fn count_not_inspected(&self, reason: NotInspected) {
        self.not_inspected[reason as usize].increment(1);
    }

    /// Counts a trace context that is none.
    pub(super) fn count_malformed_context(&self, carrier: Carrier) {
        self.malformed_contexts[carrier as usize].increment(1);
    }

    /// Counts a message that our context was not written into.
    pub(super) fn count_not_written(&self, reason: NotWritten) {
        self.not_written[reason as usize].increment(1);
    }

    /// Counts an oddity.
    pub(super) fn count_finding(&self, finding: Finding) {
        self.findings[finding as usize].increment(1);
    }
}

fn present<'a>(labels: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    labels.iter().copied().filter(|(_, value)| !value.is_empty()).collect()
}
