//! What a span says (otel-mcp.md §2, §4, §6, §7).
