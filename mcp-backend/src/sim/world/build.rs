//! What everything in the simulated cluster is made with: names, ids, ages and chances that follow from the seed.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::Plan;

/// The letters of generated names in Kubernetes: no vowels, so no words.
const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

/// Seed and time, and the plan that is being filled.
pub(super) struct Builder {
    pub(super) seed: u64,
    /// Ages reach back from here.
    pub(super) started: Timestamp,
    pub(super) now: Timestamp,
    pub(super) plan: Plan,
}

impl Builder {
    pub(super) fn new(seed: u64, started: Timestamp, now: Timestamp) -> Self {
        let (started, now) = (whole(started), whole(now));
        // A clock that was set back shows the beginning.
        Self { seed, started, now: now.max(started), plan: Plan::default() }
    }

    /// A number that only the seed and these words decide, so that the order of making does not matter.
    pub(super) fn hash(&self, words: &[&str]) -> u64 {
        hash(self.seed, words)
    }

    /// The moment this many seconds before the start.
    pub(super) fn ago(&self, seconds: i64) -> Timestamp {
        before(self.started, seconds)
    }

    /// As [`Self::ago`], up to a tenth earlier or later, as the name decides.
    pub(super) fn about(&self, seconds: i64, name: &str) -> Timestamp {
        let tenth = (seconds / 10).max(1);
        let shift = (self.hash(&["age", name]) % (2 * tenth as u64)) as i64 - tenth;
        self.ago(seconds + shift)
    }

    /// As the last part of a pod's name.
    pub(super) fn suffix(&self, name: &str) -> String {
        letters(self.hash(&["suffix", name]), 5)
    }

    /// As the hash of a pod template.
    pub(super) fn template_hash(&self, name: &str) -> String {
        letters(self.hash(&["template", name]), 10)
    }

    pub(super) fn uid(&self, kind: &str, namespace: &str, name: &str) -> String {
        let (high, low) =
            (self.hash(&["uid", kind, namespace, name]), self.hash(&["uid2", kind, namespace, name]));
        format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            high >> 32,
            high >> 16 & 0xffff,
            high & 0xfff,
            low >> 48 & 0x3fff | 0x8000,
            low & 0xffff_ffff_ffff
        )
    }

    /// The address of a service.
    pub(super) fn cluster_ip(&self, namespace: &str, name: &str) -> String {
        let hash = self.hash(&["service", namespace, name]);
        format!("10.96.{}.{}", hash % 250 + 1, (hash >> 16) % 250 + 2)
    }

    /// Metadata as the API writes it, for what a person applied.
    pub(super) fn meta(&self, kind: &str, namespace: &str, name: &str, created: Timestamp) -> Value {
        let version = 100_000 + self.hash(&["version", kind, namespace, name]) % 900_000;
        let mut meta = json!({
            "name": name,
            "uid": self.uid(kind, namespace, name),
            "resourceVersion": version.to_string(),
            "creationTimestamp": time(created),
        });
        if !namespace.is_empty() {
            meta["namespace"] = json!(namespace);
        }
        meta
    }

    /// What happens every so many seconds after a first time: how often until now, and when last. `None` before the
    /// first time.
    pub(super) fn recurring(&self, first: Timestamp, period: i64) -> Option<(u32, Timestamp)> {
        let past = seconds(first, self.now);
        (past >= 0).then(|| ((past / period) as u32 + 1, before(self.now, past % period)))
    }
}

/// Of splitmix64 over FNV-1a: well spread, the same on every machine.
pub(super) fn hash(seed: u64, words: &[&str]) -> u64 {
    let mut state = 0xcbf2_9ce4_8422_2325 ^ mix(seed);
    for word in words {
        for byte in word.bytes().chain([0]) {
            state = (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    mix(state)
}

pub(super) fn mix(state: u64) -> u64 {
    let state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let state = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let state = (state ^ state >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ state >> 31
}

fn letters(mut hash: u64, count: usize) -> String {
    let mut text = String::with_capacity(count);
    for _ in 0..count {
        let at = hash % LETTERS.len() as u64;
        text.push(char::from(LETTERS[at as usize]));
        hash /= LETTERS.len() as u64;
    }
    text
}

/// As the API writes times: whole seconds, UTC.
pub(super) fn time(at: Timestamp) -> String {
    whole(at).to_string()
}

fn whole(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

pub(super) fn seconds(from: Timestamp, to: Timestamp) -> i64 {
    to.as_second() - from.as_second()
}

pub(super) fn before(at: Timestamp, seconds: i64) -> Timestamp {
    after(at, -seconds)
}

pub(super) fn after(at: Timestamp, seconds: i64) -> Timestamp {
    at.saturating_add(SignedDuration::from_secs(seconds)).unwrap_or(at)
}

/// Seconds of a minute, an hour, a day.
pub(super) const MINUTE: i64 = 60;
pub(super) const HOUR: i64 = 60 * MINUTE;
pub(super) const DAY: i64 = 24 * HOUR;
