//! MCP over HTTP: the sidecar's listener, its tower stack, and what looks at the traffic on the way.

pub mod drain;
pub mod forward;
pub mod inspect;
