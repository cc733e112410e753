//! File descriptors: as many as the system allows, and so many clients that each of them can be served.

use rustix::process::{Resource, getrlimit, setrlimit};

/// A client needs its own connection and one to the server.
const PER_CLIENT: u64 = 2;

/// Descriptors kept for the listeners, the admin port and the runtimes, where there are that many.
const RESERVE: u64 = 256;

/// Raises the limit of open files as far as it goes without privileges; the usual 1024 is for programs that use
/// `select`. Gives how many clients may be connected at a time.
pub(super) fn most_clients() -> usize {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        let raised = rustix::process::Rlimit { current: limit.maximum, maximum: limit.maximum };
        if setrlimit(Resource::Nofile, raised).is_ok() {
            limit = raised;
        }
    }
    limit.current.map_or(usize::MAX, clients)
}

/// How many clients fit into that many descriptors.
fn clients(descriptors: u64) -> usize {
    let reserve = RESERVE.min(descriptors / 2);
    usize::try_from((descriptors - reserve) / PER_CLIENT).unwrap_or(usize::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_leave_room_for_their_requests_and_the_admin_port() {
        let expected = [(0, 1), (64, 16), (256, 64), (1024, 384), (1 << 20, 524_160)];
        assert_eq!(expected.map(|(limit, _)| (limit, clients(limit))), expected);
    }
}
