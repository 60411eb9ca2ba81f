//! Random bits of keys: Threefry in blocks, so that LLVM hashes a vector of counters at a time.
//!
//! A block computes the words of a range of counters into an array and copies their bytes to their two
//! places in the output, which serves every width and the odd ends alike.

use lazuli_core::random::threefry::{Key, threefry2x32};

use super::math::{Kernel, Lanes, Shared};

/// Hashes of a block; each gives two words.
const BLOCK: usize = 512;

/// Bytes drawn for each of several keys.
pub struct Draw<'a> {
    /// The keys.
    pub keys: &'a [Key],
    /// `bytes` bytes for each key.
    pub out: Shared<'a, u8>,
    /// Bytes drawn for one key, not zero.
    pub bytes: usize,
}

impl Draw<'_> {
    /// Hashes for one key.
    fn hashes(&self) -> usize {
        self.bytes.div_ceil(4).div_ceil(2)
    }

    /// Parts that write ranges of their own.
    pub fn parts(&self) -> usize {
        self.keys.len() * self.hashes().div_ceil(BLOCK)
    }
}

/// One block of one key.
pub struct Random;

impl Kernel for Random {
    type Args<'a> = Draw<'a>;

    #[inline(always)]
    fn run<L: Lanes>(_: L, draw: &Draw<'_>, part: usize) {
        let (words, hashes) = (draw.bytes.div_ceil(4), draw.hashes());
        let blocks = hashes.div_ceil(BLOCK);
        let (row, first) = (part / blocks, part % blocks * BLOCK);
        let key = draw.keys[row];
        let count = BLOCK.min(hashes - first);
        let (mut low, mut high) = ([0; BLOCK], [0; BLOCK]);
        for (i, (low, high)) in low.iter_mut().zip(&mut high).enumerate() {
            let at = first + i;
            [*low, *high] = threefry2x32(key, [at as u32, (at + hashes) as u32]);
        }
        // The last hash of an odd number of words has no second counter.
        if words % 2 == 1 && first + count == hashes {
            low[count - 1] = threefry2x32(key, [(hashes - 1) as u32, 0])[0];
        }
        for (first, block) in [(first, &low), (first + hashes, &high)] {
            let start = first * 4;
            let len = (count * 4).min(draw.bytes.saturating_sub(start));
            if len > 0 {
                // SAFETY: a part's hashes are its own, and no word comes from two hashes.
                let out = unsafe { draw.out.slice(row * draw.bytes + start, len) };
                out.copy_from_slice(&bytemuck::cast_slice(block)[..len]);
            }
        }
    }
}
