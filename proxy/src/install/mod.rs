//! `mcp-tap install`: wrapping the commands of stdio servers in the configuration of an MCP client, and putting them
//! back.
//!
//! A text goes through `tree` (a parser of JSON or TOML that remembers where everything stands), `entry` (which servers
//! there are, and how each is started), `edit` (what to splice) and [`plan`](plan()) (a verdict for every server, and the
//! new text); all of it is pure. [`apply`] reads and writes files, [`clients`] knows where they are.
//!
//! Nothing is ever written anew from a tree: comments, odd white space, unknown and double keys stay, byte for byte. What
//! was wrapped is put back from the file itself, whatever happened to the rest of it in between.
//!
//! ```
//! use mcp_tap::install::{Client, Task, Wrapper, plan};
//!
//! let shape = Client::named("cursor").expect("it is known").shape;
//! let before = r#"{ "mcpServers": { "time": { "command": "uvx", "args": ["mcp-server-time"] } } } // mine"#;
//! let wrapper = Wrapper { tap: "/usr/bin/mcp-tap".into(), options: vec![] };
//! let wrapped = plan(before, shape, Task::Install(&wrapper), &[])?;
//! assert!(wrapped.after.contains(r#"["stdio", "--admin", "auto", "--name", "time", "--", "uvx", "mcp-server-time"]"#));
//! let back = plan(&wrapped.after, shape, Task::Uninstall(None), &[])?;
//! assert_eq!(back.after, before);
//! # Ok::<(), mcp_tap::install::PlanError>(())
//! ```

pub mod apply;
pub mod clients;
mod cursor;
mod diff;
mod edit;
mod entry;
mod json;
mod plan;
mod toml;
mod tree;

#[cfg(test)]
mod tests;

pub use clients::{CLIENTS, Client, Folders, Shape};
pub use diff::coloured;
pub use edit::{BARE, Wrapper};
pub use plan::{Plan, PlanError, Server, Task, Verdict, plan};
pub use tree::{Malformed, Syntax};
