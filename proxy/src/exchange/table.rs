//! The lock-free map under every table here.

/// Keyed by 64-bit fingerprints. What a peer can choose is hashed with a random seed before it gets here.
pub(super) type Map<V> = papaya::HashMap<u64, V, foldhash::fast::RandomState>;
