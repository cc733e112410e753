//! Whose fault a failure is, and what failed on the way to the server.

/// The one party to which a failed operation is charged (label `fault` of `mcp_proxy_faults_total`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Fault {
    /// The caller asked for something wrong: unknown tool, bad parameters, no permission, lost session.
    Caller,
    /// The tool ran and reported failure (`isError: true`).
    Tool,
    /// The server answered, but with an internal error or with something that is no valid answer.
    ServerProtocol,
    /// No answer came: refused, reset, stream closed early, HTTP 5xx without JSON-RPC.
    ServerTransport,
    /// This proxy could not do its part.
    Proxy,
    /// A configured deadline passed.
    Timeout,
    /// The caller cancelled or left.
    Cancelled,
}

impl Fault {
    /// All faults, in the order of their labels' meaning.
    pub const ALL: [Self; 7] = [
        Self::Caller,
        Self::Tool,
        Self::ServerProtocol,
        Self::ServerTransport,
        Self::Proxy,
        Self::Timeout,
        Self::Cancelled,
    ];

    /// The label value.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Tool => "tool",
            Self::ServerProtocol => "server_protocol",
            Self::ServerTransport => "server_transport",
            Self::Proxy => "proxy",
            Self::Timeout => "timeout",
            Self::Cancelled => "cancelled",
        }
    }
}

/// Why no HTTP response head came back from the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TransportFailure {
    /// The server's address did not resolve.
    Dns,
    /// Nothing accepted the connection.
    Refused,
    /// The connection attempt or the configured response deadline ran out of time.
    Timeout,
    /// The TLS handshake failed.
    Tls,
    /// The connection broke before the response head was complete.
    Reset,
    /// The server sent bytes that are no HTTP response.
    Protocol,
    /// This process could not open a connection (out of descriptors or ports, bad local set-up).
    Local,
}

impl TransportFailure {
    /// The `error.type` of the operation: low in cardinality, stable.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dns => "dns_error",
            Self::Refused => "connection_refused",
            Self::Timeout => "timeout",
            Self::Tls => "tls_error",
            Self::Reset => "connection_reset",
            Self::Protocol => "http_protocol_error",
            Self::Local => "proxy_resource",
        }
    }
}
