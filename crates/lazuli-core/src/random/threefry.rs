//! Threefry-2x32, the counter-based generator of JAX and MLX, as pure functions.
//!
//! A key and a count of words give the words; there is no state to share or to lock, and any part can
//! be recomputed anywhere. The layout of [`fill`] is that of JAX's non-partitionable threefry, which
//! MLX follows: word `i` and word `i + ⌈n/2⌉` come from one hash, so the words depend on how many were
//! asked for. That is kept, because the bits are a published interface.
//!
//! Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011.

/// A key: two 32-bit words.
pub type Key = [u32; 2];

const ROTATIONS: [[u32; 4]; 2] = [[13, 15, 26, 6], [17, 29, 16, 24]];
const PARITY: u32 = 0x1BD1_1BDA;

/// The Threefry-2x32 hash of `counter` under `key`, 20 rounds.
#[inline(always)] // A kernel of lanes is what LLVM makes of it.
pub const fn threefry2x32(key: Key, counter: [u32; 2]) -> [u32; 2] {
    let schedule = [key[0], key[1], key[0] ^ key[1] ^ PARITY];
    let [mut a, mut b] = [
        counter[0].wrapping_add(schedule[0]),
        counter[1].wrapping_add(schedule[1]),
    ];
    let mut group = 0;
    while group < 5 {
        let mut round = 0;
        while round < 4 {
            a = a.wrapping_add(b);
            b = b.rotate_left(ROTATIONS[group % 2][round]) ^ a;
            round += 1;
        }
        a = a.wrapping_add(schedule[(group + 1) % 3]);
        b = b
            .wrapping_add(schedule[(group + 2) % 3])
            .wrapping_add(group as u32 + 1);
        group += 1;
    }
    [a, b]
}

/// The key of a seed: its high and low words.
pub const fn key(seed: u64) -> Key {
    [(seed >> 32) as u32, seed as u32]
}

/// The key of item `index` in a family under `parent`, without computing the others.
///
/// The hash of `key(index)` under `parent`, as `jax.random.fold_in` for indices below 2³².
pub const fn fold_in(parent: Key, index: u64) -> Key {
    threefry2x32(parent, key(index))
}

/// Fills `words` with the random words of `key` for a request of `words.len()` words.
pub fn fill(key: Key, words: &mut [u32]) {
    let half = words.len() / 2;
    let odd = words.len() % 2;
    // The counters of an odd request skip one index in the upper half, whose pair is word `half`.
    let (lower, upper) = words.split_at_mut(half + odd);
    for (i, (low, high)) in lower.iter_mut().zip(upper).enumerate() {
        [*low, *high] = threefry2x32(key, [i as u32, (i + half + odd) as u32]);
    }
    if odd == 1 {
        lower[half] = threefry2x32(key, [half as u32, 0])[0];
    }
}

/// The first `N` random words of `key`, for a request of `N` words.
pub fn words<const N: usize>(key: Key) -> [u32; N] {
    let mut words = [0; N];
    fill(key, &mut words);
    words
}

/// `count` independent keys derived from `key`.
pub fn split(key: Key, count: usize) -> Vec<Key> {
    let mut words = vec![0; count * 2];
    fill(key, &mut words);
    words
        .chunks_exact(2)
        .map(|pair| [pair[0], pair[1]])
        .collect()
}

/// A float in `[0, 1)` from one random word: the word rounded to `f32` over 2³², and at most the
/// largest `f32` below one.
pub fn uniform_f32(word: u32) -> f32 {
    const BELOW_ONE: f32 = 1.0 - f32::EPSILON / 2.0;
    (word as f32 / 4_294_967_296.0).min(BELOW_ONE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hash_matches_the_published_test_vectors() {
        // Random123's known-answer tests for threefry2x32 with 20 rounds.
        assert_eq!(threefry2x32([0, 0], [0, 0]), [0x6b20_0159, 0x99ba_4efe]);
        assert_eq!(threefry2x32([!0, !0], [!0, !0]), [0x1cb9_96fc, 0xbb00_2be7]);
        assert_eq!(
            threefry2x32([0x1319_8a2e, 0x0370_7344], [0x243f_6a88, 0x85a3_08d3]),
            [0xc492_3a9c, 0x483d_f7a0]
        );
    }

    #[test]
    fn words_match_mlx() {
        assert_eq!(words::<1>(key(0)), [1_797_259_609]);
        assert_eq!(words::<1>(key(1)), [507_451_445]);
        assert_eq!(
            words::<3>(key(0)),
            [4_146_024_105, 1_351_547_692, 2_718_843_009]
        );
        assert_eq!(
            words::<5>(key(42)),
            [
                3_134_548_294,
                3_733_159_049,
                843_694_964,
                894_150_801,
                801_545_058
            ]
        );
    }

    #[test]
    fn splits_match_mlx() {
        assert_eq!(
            split(key(0), 2),
            [[4_146_024_105, 967_050_713], [2_718_843_009, 1_272_950_319]]
        );
        assert_eq!(
            split(key(0), 3),
            [
                [2_467_461_003, 428_148_500],
                [3_186_719_485, 3_840_466_878],
                [2_562_233_961, 1_946_702_221]
            ]
        );
        assert_eq!(split(key(7), 0), Vec::<Key>::new());
    }

    #[test]
    fn a_seed_uses_all_its_64_bits() {
        assert_eq!(key(0x0123_4567_89ab_cdef), [0x0123_4567, 0x89ab_cdef]);
        assert_ne!(words::<2>(key(1)), words::<2>(key(1 << 32)));
    }

    #[test]
    fn folding_in_gives_the_key_that_a_hash_of_the_index_gives() {
        assert_eq!(fold_in(key(3), 9), threefry2x32([0, 3], [0, 9]));
        assert_ne!(fold_in(key(3), 9), fold_in(key(9), 3));
    }

    #[test]
    fn uniforms_stay_below_one_and_are_centred() {
        assert_eq!(uniform_f32(0), 0.0);
        assert_eq!(uniform_f32(1 << 31), 0.5);
        assert!(uniform_f32(u32::MAX) < 1.0);
        let mut drawn = vec![0; 100_001];
        fill(key(5), &mut drawn);
        let mean = drawn
            .iter()
            .map(|&w| f64::from(uniform_f32(w)))
            .sum::<f64>()
            / 100_001.0;
        // Standard error 0.0009.
        assert!((mean - 0.5).abs() < 0.004, "{mean}");
    }
}
