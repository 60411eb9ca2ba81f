//! Where keys and values lie: strides, rings, and the four ways a row is stored.

use crate::kernels::floats::Floats;
use crate::kernels::math::{LANES, Lanes};
use half::bf16;

/// Distances between neighbours, in elements. The last axis is contiguous.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Strides {
    /// From slot to slot.
    pub slot: usize,
    /// From head to head.
    pub head: usize,
    /// From position to position.
    pub position: usize,
}

impl Strides {
    /// Of a contiguous `[slots, heads, capacity, width]`.
    pub fn contiguous(heads: usize, capacity: usize, width: usize) -> Strides {
        Strides {
            slot: heads * capacity * width,
            head: capacity * width,
            position: width,
        }
    }

    #[inline(always)]
    pub(super) fn at(&self, slot: usize, head: usize, index: usize) -> usize {
        slot * self.slot + head * self.head + index * self.position
    }
}

/// A cache that wraps: position `p >= keep` lies at index `keep + (p - keep) % len`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ring {
    /// Positions at the start that stay.
    pub keep: u32,
    /// Positions that take turns after them.
    pub len: u32,
}

impl Ring {
    /// The index of position `p`, with or without a ring.
    #[inline(always)]
    pub fn index(ring: Option<Ring>, p: usize) -> usize {
        match ring {
            Some(Ring { keep, len }) if p >= keep as usize => {
                keep as usize + (p - keep as usize) % len as usize
            }
            _ => p,
        }
    }
}

/// Codes of `bits` bits, `w = scale * code + bias` per `group` elements of a row, low bits first.
#[derive(Clone, Copy, Debug)]
pub struct Affine<'a> {
    /// Packed codes, `width * bits / 32` words a row.
    pub packed: &'a [u32],
    /// Strides of `packed`.
    pub strides: Strides,
    /// Scales, `width / group` a row.
    pub scales: Floats<'a>,
    /// Biases, like the scales.
    pub biases: Floats<'a>,
    /// Strides of `scales` and `biases`.
    pub group_strides: Strides,
    /// 1, 2, 3, 4, 5, 6 or 8.
    pub bits: u32,
    /// 32, 64 or 128.
    pub group: usize,
}

/// Keys or values of all slots.
#[derive(Clone, Copy, Debug)]
pub enum Cache<'a> {
    /// Floats.
    Dense {
        /// The elements.
        values: Floats<'a>,
        /// Their strides.
        strides: Strides,
    },
    /// Packed codes.
    Affine(Affine<'a>),
}

impl Cache<'_> {
    /// Whether rows are exact as `bf16`, or rounded to it without harm.
    pub(super) fn pairs(&self) -> bool {
        match self {
            Cache::Dense { values, .. } => matches!(values, Floats::Bf16(_)),
            Cache::Affine(_) => true,
        }
    }

    /// How to unpack two vectors of codes from a block of 32.
    pub(super) fn codes(&self, pairs: bool) -> [Codes; 2] {
        let bits = match self {
            Cache::Dense { .. } => 8,
            Cache::Affine(affine) => affine.bits,
        };
        if pairs {
            [Codes::new(bits, 0, 2), Codes::new(bits, 1, 2)]
        } else {
            [Codes::new(bits, 0, 1), Codes::new(bits, 16, 1)]
        }
    }

    /// Asserts that `slot` and all indices up to `highest` lie within the slices.
    pub(super) fn check(&self, slot: u32, heads: usize, highest: usize, width: usize) {
        let last = |s: &Strides| s.at(slot as usize, heads - 1, highest);
        match self {
            Cache::Dense { values, strides } => {
                assert!(
                    last(strides) + width <= values.len(),
                    "a cache is too short"
                );
            }
            Cache::Affine(a) => {
                assert!(matches!(a.bits, 1..=6 | 8) && matches!(a.group, 32 | 64 | 128));
                assert!(width.is_multiple_of(a.group));
                let words = width * a.bits as usize / 32;
                assert!(
                    last(&a.strides) + words <= a.packed.len(),
                    "a cache is too short"
                );
                let groups = last(&a.group_strides) + width / a.group;
                assert!(groups <= a.scales.len() && groups <= a.biases.len());
            }
        }
    }
}

/// Where sixteen codes lie in a block of 32: word, shift down, shift up of the next word.
#[derive(Clone, Copy)]
pub(super) struct Codes {
    word: [u32; LANES],
    next: [u32; LANES],
    down: [u32; LANES],
    up: [u32; LANES],
    mask: u32,
}

impl Codes {
    /// Codes `start + step * lane`.
    fn new(bits: u32, start: u32, step: u32) -> Codes {
        let mut codes = Codes {
            word: [0; LANES],
            next: [0; LANES],
            down: [0; LANES],
            up: [0; LANES],
            mask: (1u32 << bits) - 1,
        };
        for lane in 0..LANES {
            let bit = (start + step * lane as u32) * bits;
            codes.word[lane] = bit / 32;
            codes.next[lane] = (bit / 32 + 1).min(7);
            codes.down[lane] = bit % 32;
            codes.up[lane] = 32 - bit % 32;
        }
        codes
    }

    #[inline(always)]
    fn unpack<L: Lanes>(&self, l: L, words: &[u32; 8]) -> L::F {
        // SAFETY: each table holds sixteen words.
        let (word, next, down, up) = unsafe {
            (
                l.iload(self.word.as_ptr()),
                l.iload(self.next.as_ptr()),
                l.iload(self.down.as_ptr()),
                l.iload(self.up.as_ptr()),
            )
        };
        let low = l.shrv(l.lookup8(words, word), down);
        let high = l.shlv(l.lookup8(words, next), up);
        l.convert(l.and(l.or(low, high), l.isplat(self.mask)))
    }
}

impl Affine<'_> {
    /// The two vectors of the block of 32 elements at `at` of the row that starts at word `row`,
    /// whose scales start at `group_row`.
    #[inline(always)]
    pub(super) fn block<L: Lanes>(
        &self,
        l: L,
        codes: &[Codes; 2],
        row: usize,
        group_row: usize,
        at: usize,
    ) -> [L::F; 2] {
        let from = row + at / 32 * self.bits as usize;
        let mut words = [0u32; 8];
        if from + 8 <= self.packed.len() {
            // SAFETY: eight words lie within `packed`.
            words = unsafe {
                self.packed
                    .as_ptr()
                    .add(from)
                    .cast::<[u32; 8]>()
                    .read_unaligned()
            };
        } else {
            let rest = &self.packed[from..];
            words[..rest.len()].copy_from_slice(rest);
        }
        let group = group_row + at / self.group;
        let scale = l.splat(self.scales.get(group));
        let bias = l.splat(self.biases.get(group));
        [
            l.fma(codes[0].unpack(l, &words), scale, bias),
            l.fma(codes[1].unpack(l, &words), scale, bias),
        ]
    }
}

/// The 32 elements of `row` from `at` on as pairs, zero beyond its end.
#[inline(always)]
pub(super) fn bf16_pairs<L: Lanes>(l: L, row: &[bf16], at: usize) -> L::I {
    if at + 2 * LANES <= row.len() {
        // SAFETY: 32 elements, 64 bytes, lie within `row`.
        return unsafe { l.iload(row.as_ptr().add(at).cast()) };
    }
    let mut padded = [bf16::ZERO; 2 * LANES];
    for (to, &x) in padded.iter_mut().zip(row.iter().skip(at)) {
        *to = x;
    }
    // SAFETY: `padded` is 64 bytes.
    unsafe { l.iload(padded.as_ptr().cast()) }
}
