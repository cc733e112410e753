//! `mcp-tap`: a sidecar that reads the JSON-RPC between MCP clients and one MCP server without changing it.

pub mod admin;
pub mod clock;
pub mod exchange;
pub mod fault;
pub mod http;
pub mod protocol;
pub mod telemetry;
