//! Every metric and label of this server.

/// Tool calls ended. Labels [`TOOL`], [`RESULT`] (`success`, an error type, or `cancelled`).
pub const TOOL_CALLS: &str = "mcp_backend_tool_calls_total";
/// Seconds until a tool had its answer. Label [`TOOL`].
pub const TOOL_SECONDS: &str = "mcp_backend_tool_duration_seconds";
/// What the cache of reads did. Labels [`OPERATION`] (hit, miss, evict), [`RESULT`] (success, failure).
pub const CACHE_OPERATIONS: &str = "mcp_cache_operations_total";
/// Requests to the API of the cluster. Labels [`VERB`], [`RESOURCE`], [`RESULT`].
pub const READS: &str = "mcp_backend_kube_requests_total";
/// Seconds until the API had answered. Label [`VERB`].
pub const READ_SECONDS: &str = "mcp_backend_kube_request_duration_seconds";
/// Constant 1; labels `version` and `cluster`.
pub const BUILD_INFO: &str = "mcp_backend_build_info";

/// A tool of the catalogue.
pub const TOOL: &str = "tool_name";
/// How it ended.
pub const RESULT: &str = "result";
/// What the cache did.
pub const OPERATION: &str = "operation";
/// get, list, log.
pub const VERB: &str = "verb";
/// The plural of a kind, or log.
pub const RESOURCE: &str = "resource";
