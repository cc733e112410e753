//! MCP as bytes: pure parsers that turn what passes by into facts.
//!
//! Nothing here does I/O, reads a clock, or fails: bad input gives findings beside whatever could be read. Every
//! parser takes its input in chunks of any size, keeps constant memory, and gives the same facts for every chunking.

pub mod fingerprint;
pub mod lines;
pub mod message;
pub mod method;
pub mod outcome;
pub mod sampling;
pub mod scan;
pub mod splice;
pub mod sse;
pub mod traceparent;
pub mod tracestate;
pub mod version;
