//! Why no response head came back.

use std::error::Error;
use std::fmt;
use std::io;

use super::link::LinkError;
use crate::fault::TransportFailure;

type Source = Box<dyn Error + Send + Sync>;

/// The server gave no response head; says what failed on the way to it.
#[derive(Debug)]
pub struct ForwardError {
    /// What failed.
    pub failure: TransportFailure,
    client: bool,
    source: Source,
}

impl ForwardError {
    pub(super) fn new(failure: TransportFailure, source: impl Into<Source>) -> Self {
        Self { failure, client: false, source: source.into() }
    }

    /// Whether it was the client that broke the exchange off, by not finishing its request body.
    #[must_use]
    pub fn is_client(&self) -> bool {
        self.client
    }

    /// A failed attempt to connect.
    pub(super) fn connect(error: io::Error) -> Self {
        Self::new(classify_connect(&error), error)
    }

    /// A failure of an exchange on an open connection of HTTP/1.
    pub(super) fn link(error: LinkError) -> Self {
        match error {
            LinkError::Client(source) => Self { failure: TransportFailure::Reset, client: true, source },
            LinkError::Io(error) => Self::new(TransportFailure::Reset, error),
            LinkError::Closed => Self::new(TransportFailure::Reset, "the connection was closed"),
            LinkError::Head(error) => Self::new(TransportFailure::Protocol, error),
        }
    }

    /// A failure of an exchange on an open connection of HTTP/2.
    pub(super) fn exchange(error: hyper::Error) -> Self {
        let failure = if error.is_timeout() {
            TransportFailure::Timeout
        } else if error.is_parse() {
            TransportFailure::Protocol
        } else {
            TransportFailure::Reset
        };
        Self { failure, client: error.is_user(), source: error.into() }
    }
}

impl fmt::Display for ForwardError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.client {
            return f.write_str("the request's body broke off or is malformed");
        }
        f.write_str(match self.failure {
            TransportFailure::Dns => "the server's name did not resolve",
            TransportFailure::Refused => "the server refused the connection",
            TransportFailure::Timeout => "the server did not answer in time",
            TransportFailure::Tls => "the TLS handshake with the server failed",
            TransportFailure::Reset => "the server closed the connection before it answered",
            TransportFailure::Protocol => "the server's answer is not HTTP",
            TransportFailure::Local => "no connection to the server could be opened here",
        })
    }
}

impl Error for ForwardError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self.source.as_ref())
    }
}

fn classify_connect(error: &io::Error) -> TransportFailure {
    use io::ErrorKind::{
        ConnectionRefused, ConnectionReset, HostUnreachable, NetworkUnreachable, NotFound, TimedOut,
    };
    match error.kind() {
        // A Unix socket that does not exist is a port on which nobody listens.
        ConnectionRefused | NotFound | HostUnreachable | NetworkUnreachable => TransportFailure::Refused,
        ConnectionReset => TransportFailure::Reset,
        TimedOut => TransportFailure::Timeout,
        // Out of descriptors, ports or memory, or not permitted: nothing the server did.
        _ => TransportFailure::Local,
    }
}

/// Whether the peer reset the connection, anywhere in the chain of causes.
pub(in crate::http) fn is_reset(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(io) = error.downcast_ref::<io::Error>()
            && io.kind() == io::ErrorKind::ConnectionReset
        {
            return true;
        }
        cause = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connect_errors_name_who_failed() {
        use io::ErrorKind as Kind;
        let cases = [
            (Kind::ConnectionRefused, TransportFailure::Refused),
            (Kind::NotFound, TransportFailure::Refused),
            (Kind::HostUnreachable, TransportFailure::Refused),
            (Kind::ConnectionReset, TransportFailure::Reset),
            (Kind::TimedOut, TransportFailure::Timeout),
            (Kind::AddrNotAvailable, TransportFailure::Local),
            (Kind::PermissionDenied, TransportFailure::Local),
        ];
        for (kind, expected) in cases {
            assert_eq!(ForwardError::connect(kind.into()).failure, expected, "{kind:?}");
        }
        // EMFILE has no stable kind.
        assert_eq!(ForwardError::connect(io::Error::from_raw_os_error(24)).failure, TransportFailure::Local);
    }
}
