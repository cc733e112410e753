//! Addresses on this machine: load is never sent to another one, and the fixtures are never offered to one.

use std::net::SocketAddr;
use std::str::FromStr;

use http::Uri;

/// Why an address is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Not an address and a port.
    #[error("`{0}` is not ADDRESS:PORT, such as 127.0.0.1:8080")]
    Address(String),
    /// Not a URL that can be used.
    #[error("`{0}` is not http://ADDRESS:PORT[/PATH], such as http://127.0.0.1:8080/mcp")]
    Url(String),
    /// Another machine.
    #[error("{0} is not a loopback address; load stays on this machine")]
    NotLoopback(SocketAddr),
}

/// A socket address on loopback.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loopback(SocketAddr);

impl Loopback {
    /// Takes the address if it is on loopback.
    ///
    /// # Errors
    /// [`AddressError::NotLoopback`].
    pub fn new(address: SocketAddr) -> Result<Self, AddressError> {
        if address.ip().is_loopback() { Ok(Self(address)) } else { Err(AddressError::NotLoopback(address)) }
    }

    /// The address.
    #[must_use]
    pub const fn address(self) -> SocketAddr {
        self.0
    }
}

impl FromStr for Loopback {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        Self::new(text.parse().map_err(|_| AddressError::Address(text.to_owned()))?)
    }
}

/// An `http` URL on loopback, with a literal address: no name is resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoopbackUrl {
    address: Loopback,
    path: String,
}

impl LoopbackUrl {
    /// The MCP endpoint of the fixture server, and what is asked for when a URL has no path.
    pub const DEFAULT_PATH: &str = "/mcp";

    /// The default path at an address.
    ///
    /// # Errors
    /// [`AddressError::NotLoopback`].
    pub fn at(address: SocketAddr) -> Result<Self, AddressError> {
        Ok(Self { address: Loopback::new(address)?, path: Self::DEFAULT_PATH.to_owned() })
    }

    /// Where to connect.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address.address()
    }

    /// Path and query.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }
}

impl FromStr for LoopbackUrl {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let bad = || AddressError::Url(text.to_owned());
        let uri: Uri = text.parse().map_err(|_| bad())?;
        if uri.scheme_str() != Some("http") {
            return Err(bad());
        }
        let address: SocketAddr = uri.authority().ok_or_else(bad)?.as_str().parse().map_err(|_| bad())?;
        let path = match uri.path_and_query().map_or("/", |path| path.as_str()) {
            "/" => Self::DEFAULT_PATH,
            path => path,
        };
        Ok(Self { address: Loopback::new(address)?, path: path.to_owned() })
    }
}

impl std::fmt::Display for LoopbackUrl {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "http://{}{}", self.address(), self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_on_loopback_are_taken_and_others_refused() {
        for (text, expected) in [
            ("http://127.0.0.1:80", Ok("http://127.0.0.1:80/mcp")),
            ("http://127.0.0.1:80/", Ok("http://127.0.0.1:80/mcp")),
            ("http://127.9.0.1:81/a?b=c", Ok("http://127.9.0.1:81/a?b=c")),
            ("http://[::1]:82/mcp", Ok("http://[::1]:82/mcp")),
            ("http://10.0.0.1:80/", Err("10.0.0.1:80 is not a loopback address")),
            ("http://0.0.0.0:80/", Err("0.0.0.0:80 is not a loopback address")),
            ("http://localhost:80/", Err("`http://localhost:80/` is not http://")),
            ("https://127.0.0.1:80/", Err("`https://127.0.0.1:80/` is not http://")),
            ("127.0.0.1:80", Err("`127.0.0.1:80` is not http://")),
        ] {
            match (text.parse::<LoopbackUrl>(), expected) {
                (Ok(url), Ok(expected)) => assert_eq!(url.to_string(), expected),
                (Err(error), Err(expected)) => assert!(error.to_string().starts_with(expected), "{error}"),
                (got, _) => panic!("{text}: {got:?}"),
            }
        }
    }

    #[test]
    fn listen_addresses_of_other_interfaces_are_refused() {
        assert!("127.0.0.1:0".parse::<Loopback>().is_ok());
        assert!("0.0.0.0:0".parse::<Loopback>().is_err());
        assert!("127.0.0.1".parse::<Loopback>().is_err());
    }
}
