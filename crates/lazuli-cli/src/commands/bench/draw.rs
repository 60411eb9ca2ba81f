//! Numbers from the seed that every measurement uses.

use super::args::SEED;

/// `len` numbers below `end`, the same in every run and build, by SplitMix64.
pub(super) fn below(end: usize, len: usize) -> Vec<u32> {
    let mut state = SEED;
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let x = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((x ^ (x >> 31)) % end.max(1) as u64) as u32
    };
    (0..len).map(|_| next()).collect()
}
