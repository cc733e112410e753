//! `mcp-backend`: reads its flags, runs, exits.

fn main() {}
