//! The opaque token between the pages of a list: which moment the list shows, and the object after which it goes on.

use super::chance::mix;

/// How long a list can be continued, as a real API server does, in seconds of the clock.
pub(super) const LIFE: u64 = 300;

/// Where a list goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The moment that the list shows, in seconds since the cluster started.
    pub(super) moment: u64,
    /// Namespace and name of the last object before, as [`key`] writes it.
    pub(super) after: String,
}

impl Place {
    /// The token; `list` tells lists apart.
    pub(super) fn token(&self, list: &str, seed: u64) -> String {
        let after: String = self.after.bytes().map(|byte| format!("{byte:02x}")).collect();
        format!("{:x}.{:016x}.{after}", self.moment, self.mark(list, seed))
    }

    /// The place of a token; `None` if it is none of this list.
    pub(super) fn read(token: &str, list: &str, seed: u64) -> Option<Self> {
        let mut parts = token.splitn(3, '.');
        let moment = u64::from_str_radix(parts.next()?, 16).ok()?;
        let mark = u64::from_str_radix(parts.next()?, 16).ok()?;
        let digits = parts.next()?.as_bytes();
        let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
        let after = digits.chunks(2).map(byte).collect::<Option<Vec<u8>>>()?;
        let place = Self { moment, after: String::from_utf8(after).ok()? };
        (place.mark(list, seed) == mark).then_some(place)
    }

    fn mark(&self, list: &str, seed: u64) -> u64 {
        let bytes = list.bytes().chain([0]).chain(self.after.bytes());
        bytes.fold(mix(seed ^ mix(self.moment)), |mark, byte| mix(mark ^ u64::from(byte)))
    }
}

/// What lists are ordered by.
pub(super) fn key(object: &serde_json::Value) -> String {
    let part = |name: &str| object["metadata"][name].as_str().unwrap_or_default();
    // A byte that stands before every character of a name, so that "a" comes before "a-b".
    format!("{}\u{0}{}", part("namespace"), part("name"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_only_for_its_own_list() {
        let place = Place { moment: 77, after: "shop\u{0}web".to_owned() };
        let token = place.token("/api/v1/pods", 1);
        assert_eq!(Place::read(&token, "/api/v1/pods", 1), Some(place));
        assert_eq!(Place::read(&token, "/api/v1/nodes", 1), None);
        assert_eq!(Place::read(&token, "/api/v1/pods", 2), None);
        for foreign in ["", "x", "1.2.3", "4d.0.ff", "eyJ2IjoibWV0YSJ9"] {
            assert_eq!(Place::read(foreign, "/api/v1/pods", 1), None, "{foreign}");
        }
    }
}
