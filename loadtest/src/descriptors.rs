//! The limit of open files: a stream takes one in the client, one in the server and two in a proxy.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::load::MAX_CONNECTIONS;

/// What a proxy opens besides its streams.
const BESIDES: u64 = 256;

/// Raises the limit of this process, and of those that it will start, as far as it may and as far as is of use. The
/// limit that holds then.
pub(crate) fn raise() -> u64 {
    let wanted = descriptors(MAX_CONNECTIONS as u64);
    let now = getrlimit(Resource::Nofile);
    if now.current.is_none_or(|current| current >= wanted) {
        return now.current.unwrap_or(u64::MAX);
    }
    // Beyond the hard limit only a privileged process gets; then the hard limit has to do.
    for limit in [Some(wanted), now.maximum] {
        let maximum = now.maximum.map(|maximum| maximum.max(limit.unwrap_or(maximum)));
        if setrlimit(Resource::Nofile, Rlimit { current: limit, maximum }).is_ok() {
            break;
        }
    }
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// What a proxy needs for so many streams.
pub(crate) const fn descriptors(streams: u64) -> u64 {
    2 * streams + BESIDES
}

/// How many streams a proxy can hold with so many descriptors.
pub(crate) fn streams(descriptors: u64) -> usize {
    let streams = descriptors.saturating_sub(BESIDES) / 2;
    usize::try_from(streams).unwrap_or(MAX_CONNECTIONS).min(MAX_CONNECTIONS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_and_descriptors_belong_together() {
        for count in [1, 1000, MAX_CONNECTIONS] {
            assert_eq!(streams(descriptors(count as u64)), count);
        }
        assert_eq!((streams(0), streams(u64::MAX)), (0, MAX_CONNECTIONS));
    }

    #[test]
    fn the_limit_only_ever_grows() {
        let before = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        assert!(raise() >= before.min(descriptors(MAX_CONNECTIONS as u64)));
    }
}
