//! The `mcp-tap` command.
fn main() {}
