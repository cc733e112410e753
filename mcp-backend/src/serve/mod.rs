//! The ways in: MCP over Streamable HTTP and over stdio, the plain `POST /call-tool`, and the admin port.
//!
//! All of them call tools by the same [`crate::tool::ToolStack`]; nothing here knows what a tool does.

pub mod admin;
pub mod http;
pub mod mcp;
pub mod stdio;

mod call_tool;
mod guard;
mod listen;
mod open;
mod prompts;
mod resources;
mod sessions;

#[cfg(test)]
mod testing;
