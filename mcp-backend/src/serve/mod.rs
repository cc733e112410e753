//! The ways in: MCP over Streamable HTTP and over stdio, the plain `POST /call-tool`, and the admin port.
