//! A fast hasher for keys of our own making, such as those of the plan cache.
//!
//! Each word is mixed in by a rotation and a multiplication. It does not resist chosen keys, which the
//! standard hasher does at ten times the price: nobody outside chooses operations and shapes by the
//! million, and the cache is bounded.

use std::hash::{BuildHasherDefault, Hasher};

/// Builds [`FastHasher`]s.
pub(crate) type FastState = BuildHasherDefault<FastHasher>;

/// See the module.
#[derive(Default)]
pub(crate) struct FastHasher(u64);

impl Hasher for FastHasher {
    fn write(&mut self, bytes: &[u8]) {
        let mut words = bytes.chunks_exact(8);
        for word in &mut words {
            self.write_u64(word.iter().rev().fold(0, |n, &b| n << 8 | u64::from(b)));
        }
        for &byte in words.remainder() {
            self.write_u64(byte.into());
        }
    }

    fn write_u8(&mut self, n: u8) {
        self.write_u64(n.into());
    }

    fn write_u32(&mut self, n: u32) {
        self.write_u64(n.into());
    }

    fn write_u64(&mut self, n: u64) {
        self.0 = (self.0.rotate_left(5) ^ n).wrapping_mul(0x517c_c1b7_2722_0a95);
    }

    fn write_usize(&mut self, n: usize) {
        self.write_u64(n as u64);
    }

    fn write_isize(&mut self, n: isize) {
        self.write_u64(n as u64);
    }

    fn finish(&self) -> u64 {
        // The table uses the high bits and the low ones; the product has its best in the high ones.
        self.0 ^ self.0 >> 32
    }
}

#[cfg(test)]
mod tests {
    use super::FastState;
    use std::collections::HashSet;
    use std::hash::BuildHasher;

    #[test]
    fn keys_that_differ_in_one_number_spread() {
        let state = FastState::default();
        let hashes: HashSet<u64> = (0..100usize)
            .flat_map(|a| (0..100usize).map(move |b| (a, b)))
            .map(|key| state.hash_one(key) & 0xfff)
            .collect();
        assert!(hashes.len() > 3000, "{} of 4096 buckets", hashes.len());
    }
}
