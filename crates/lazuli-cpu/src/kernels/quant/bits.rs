//! Codes of 1 to 8 bits in a little-endian bit stream, eight at a time.
//!
//! Eight codes of `B` bits are exactly `B` bytes for every width, so one shift-and-mask loop serves
//! all formats and LLVM turns it into variable shifts where the target has them.

/// The eight codes in the first `B` bytes of `bytes`.
#[inline(always)]
pub(crate) fn unpack8<const B: usize>(bytes: &[u8]) -> [u32; 8] {
    let mut word = [0; 8];
    word[..B].copy_from_slice(&bytes[..B]);
    let word = u64::from_le_bytes(word);
    // Two halves of four codes fit 32 bits each: narrow lanes vectorise better.
    let halves = [word as u32, (word >> (4 * B)) as u32];
    std::array::from_fn(|i| (halves[i / 4] >> ((i % 4) * B)) & ((1 << B) - 1))
}

/// Writes eight codes, each below `2^B`, as `B` bytes.
#[inline(always)]
pub(crate) fn pack8<const B: usize>(codes: [u32; 8], bytes: &mut [u8]) {
    let mut word = 0u64;
    for (i, code) in codes.into_iter().enumerate() {
        word |= u64::from(code) << (i * B);
    }
    bytes[..B].copy_from_slice(&word.to_le_bytes()[..B]);
}

/// Calls a function that is generic over the code width with the width as its constant.
macro_rules! with_bits {
    ($bits:expr, $call:ident :: < _ $(, $rest:ty)* > $args:tt) => {
        match $bits {
            1 => $call::<1 $(, $rest)*> $args,
            2 => $call::<2 $(, $rest)*> $args,
            3 => $call::<3 $(, $rest)*> $args,
            4 => $call::<4 $(, $rest)*> $args,
            5 => $call::<5 $(, $rest)*> $args,
            6 => $call::<6 $(, $rest)*> $args,
            _ => $call::<8 $(, $rest)*> $args,
        }
    };
}
pub(crate) use with_bits;
