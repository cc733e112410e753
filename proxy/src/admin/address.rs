//! Where the admin port is: what users write, and what others dial.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

/// What stands before the path of a Unix socket.
const UNIX: &str = "unix:";

/// Where the admin port is to listen. [`fmt::Display`] gives back what one writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// `IP:PORT`; with port 0 the system chooses one.
    Tcp(SocketAddr),
    /// `unix:/PATH`: a socket that only this user can open.
    Unix(PathBuf),
    /// `auto`: a socket in the user's directory of running processes, named after this one.
    Auto,
    /// `off`: there is no admin port.
    Off,
}

impl Address {
    /// As others on this machine dial it: `http://IP:PORT` or `unix:/PATH`; nothing is dialled at the other two.
    #[must_use]
    pub fn url(&self) -> Option<String> {
        match self {
            Self::Tcp(address) => Some(format!("http://{}", dialled(*address))),
            Self::Unix(_) => Some(self.to_string()),
            Self::Auto | Self::Off => None,
        }
    }
}

impl FromStr for Address {
    /// What was expected, as the end of the sentence "… is not ".
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match (text, text.strip_prefix(UNIX)) {
            ("auto", _) => Ok(Self::Auto),
            ("off", _) => Ok(Self::Off),
            // Others find it by this path, wherever they were started.
            (_, Some(path)) if path.starts_with('/') && !path.ends_with('/') => Ok(Self::Unix(path.into())),
            _ => text.parse().map(Self::Tcp).map_err(|_| {
                "an address for the admin port; write IP:PORT (for example 127.0.0.1:9464), unix:/PATH, auto or off"
            }),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(formatter),
            Self::Unix(path) => write!(formatter, "{UNIX}{}", path.display()),
            Self::Auto => formatter.write_str("auto"),
            Self::Off => formatter.write_str("off"),
        }
    }
}

/// Who listens everywhere is dialled at loopback.
fn dialled(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_shown_again_and_dialled() {
        for (text, url) in [
            ("127.0.0.1:9464", Some("http://127.0.0.1:9464")),
            ("0.0.0.0:9464", Some("http://127.0.0.1:9464")),
            ("[::]:1", Some("http://[::1]:1")),
            ("10.0.0.7:80", Some("http://10.0.0.7:80")),
            ("unix:/run/tap.sock", Some("unix:/run/tap.sock")),
            ("auto", None),
            ("off", None),
        ] {
            let address: Address = text.parse().expect(text);
            assert_eq!((address.to_string().as_str(), address.url().as_deref()), (text, url));
        }
    }

    #[test]
    fn other_texts_are_no_addresses() {
        for text in
            ["", "9464", "localhost:9464", "unix:", "unix:tap.sock", "unix:/run/", "Auto", "on", "http://a:1"]
        {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }
}
