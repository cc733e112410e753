//! Fingerprints: 64-bit hashes that stand for values which are compared but never kept (event ids, `requestState`,
//! arguments, long ids).
//!
//! The same bytes give the same fingerprint in whatever pieces they come, all through one process. The seed is random
//! per process, so that a peer cannot prepare collisions; fingerprints of different processes must not be compared.
//! It is no cryptographic hash.

use std::hash::{BuildHasher, RandomState};
use std::sync::OnceLock;

/// Bytes that are mixed at once.
const BLOCK: usize = 16;

/// The fingerprint of a whole value.
///
/// ```
/// use mcp_tap::protocol::fingerprint::{Fingerprint, fingerprint};
///
/// let mut pieces = Fingerprint::new();
/// pieces.write(b"event-");
/// pieces.write(b"41");
/// assert_eq!(pieces.finish(), fingerprint(b"event-41"));
/// ```
#[must_use]
pub fn fingerprint(bytes: &[u8]) -> u64 {
    let mut hash = Fingerprint::new();
    hash.write(bytes);
    hash.finish()
}

/// A fingerprint in the making.
#[derive(Debug, Clone)]
pub struct Fingerprint {
    accumulator: u64,
    length: u64,
    /// The bytes after the last whole block; `length % BLOCK` of them are set.
    tail: [u8; BLOCK],
}

impl Fingerprint {
    /// The fingerprint of nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self { accumulator: seed()[0], length: 0, tail: [0; BLOCK] }
    }

    /// Adds the next piece.
    pub fn write(&mut self, bytes: &[u8]) {
        let held = (self.length % BLOCK as u64) as usize;
        self.length = self.length.wrapping_add(bytes.len() as u64);
        let mut rest = bytes;
        if held > 0 {
            let room = &mut self.tail[held..];
            if rest.len() < room.len() {
                room[..rest.len()].copy_from_slice(rest);
                return;
            }
            let (first, others) = rest.split_at(room.len());
            room.copy_from_slice(first);
            self.accumulator = mix(self.accumulator, &self.tail);
            rest = others;
        }
        let (blocks, last) = rest.as_chunks::<BLOCK>();
        for block in blocks {
            self.accumulator = mix(self.accumulator, block);
        }
        self.tail[..last.len()].copy_from_slice(last);
    }

    /// The fingerprint of all pieces so far.
    #[must_use]
    pub fn finish(&self) -> u64 {
        let held = (self.length % BLOCK as u64) as usize;
        let mut last = [0; BLOCK];
        last[..held].copy_from_slice(&self.tail[..held]);
        let mixed = mix(self.accumulator, &last);
        // The length tells zero bytes at the end from the padding.
        folded(mixed ^ self.length, seed()[1])
    }
}

impl Default for Fingerprint {
    fn default() -> Self {
        Self::new()
    }
}

/// Takes one block in.
fn mix(accumulator: u64, block: &[u8; BLOCK]) -> u64 {
    let both = u128::from_le_bytes(*block);
    let [_, key] = seed();
    folded((both as u64) ^ accumulator, ((both >> 64) as u64) ^ key).wrapping_add(accumulator.rotate_left(23))
}

/// The two halves of the 128-bit product, one laid over the other: each bit of the result depends on all of both.
const fn folded(left: u64, right: u64) -> u64 {
    let product = (left as u128).wrapping_mul(right as u128);
    (product as u64) ^ ((product >> 64) as u64)
}

/// This process's secret: drawn once from the operating system's randomness.
fn seed() -> [u64; 2] {
    static SEED: OnceLock<[u64; 2]> = OnceLock::new();
    *SEED.get_or_init(|| {
        let random = RandomState::new();
        // Odd, so that a product with it never loses the other factor's low bit.
        [random.hash_one(0_u8), random.hash_one(1_u8) | 1]
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_cut_gives_the_same_fingerprint() {
        let bytes: Vec<u8> = (0..100).collect();
        for length in 0..bytes.len() {
            let whole = fingerprint(&bytes[..length]);
            for cut in 0..=length {
                for second in [cut, (cut + 1).min(length), (cut + 17).min(length)] {
                    let mut pieces = Fingerprint::new();
                    pieces.write(&bytes[..cut]);
                    pieces.write(&bytes[cut..second]);
                    pieces.write(&bytes[second..length]);
                    assert_eq!(pieces.finish(), whole, "{length} bytes cut at {cut} and {second}");
                }
            }
        }
    }

    #[test]
    fn like_values_have_different_fingerprints() {
        let mut seen = HashSet::new();
        for length in 0..64 {
            assert!(seen.insert(fingerprint(&vec![0; length])), "{length} zero bytes");
            for at in 0..length {
                for bit in 0..8 {
                    let mut bytes = vec![0; length];
                    bytes[at] = 1 << bit;
                    assert!(seen.insert(fingerprint(&bytes)), "{length} bytes, bit {bit} of byte {at}");
                }
            }
        }
        for number in 0..10_000_u32 {
            assert!(seen.insert(fingerprint(format!("event-{number}").as_bytes())));
        }
    }
}
