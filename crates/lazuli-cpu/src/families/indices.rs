//! Index operands turned into byte offsets, each checked against its axis: the one place where
//! positions that are values are looked at.

use std::sync::{Mutex, PoisonError};

use lazuli_core::error::{Error, Result};
use smallvec::{SmallVec, smallvec};

use super::elementwise::{strides, with_integer};
use crate::Pool;
use crate::kernels::elementwise::{Loops, Starts};
use crate::operand::Operand;

/// Byte offsets, one for each element of an index operand in row-major order.
pub(crate) type Offsets = SmallVec<[isize; 8]>;

/// What an index operand picks along.
pub(crate) struct Along {
    /// The axis, as errors name it.
    pub(crate) axis: usize,
    /// Its length.
    pub(crate) len: usize,
    /// Elements that are taken from each position on.
    pub(crate) window: usize,
    /// Bytes between neighbours along it.
    pub(crate) step: isize,
}

/// Threads share the work from this many indices on.
const SHARED: usize = 1 << 16;

/// The offsets of the positions in `shape`: neighbours along an axis are `step(axis)` bytes apart.
pub(crate) fn grid(shape: &[usize], step: impl Fn(usize) -> isize) -> Offsets {
    let mut offsets = Offsets::new();
    if shape.contains(&0) {
        return offsets;
    }
    let loops = Loops::<1>::new(shape, |axis| [step(axis)]);
    offsets.reserve(loops.elements());
    // Addresses from null on are offsets.
    loops.rows([std::ptr::null_mut()], 0..loops.elements(), |row| {
        let first = row.at[0] as isize;
        offsets.extend((0..row.len as isize).map(|k| first.wrapping_add(k * row.step[0])));
    });
    offsets
}

/// The sum of the offsets that each of `indices`, which have one shape, gives along its axis.
pub(crate) fn offsets(
    pool: &Pool,
    op: &'static str,
    indices: &[Operand<'_>],
    along: &[Along],
) -> Result<Offsets> {
    let count = indices.first().map_or(0, |i| i.shape().elements());
    let mut offsets: Offsets = smallvec![0; count];
    for (index, along) in indices.iter().zip(along) {
        add(pool, op, index, along, &mut offsets)?;
    }
    Ok(offsets)
}

struct Shared(*mut isize);

// SAFETY: each part of a region uses the elements of its own range.
unsafe impl Sync for Shared {}

impl Shared {
    fn at(&self, k: usize) -> *mut isize {
        self.0.wrapping_add(k)
    }
}

/// Adds the offsets of one index operand.
pub(crate) fn add(
    pool: &Pool,
    op: &'static str,
    index: &Operand<'_>,
    along: &Along,
    offsets: &mut Offsets,
) -> Result<()> {
    let count = index.shape().elements().min(offsets.len());
    if count == 0 {
        return Ok(());
    }
    let steps = strides(index.spec());
    let dtype = index.dtype();
    let size = dtype.size() as isize;
    let loops = Loops::new(index.shape(), |axis| [steps[axis] * size]);
    let room = (along.len - along.window) as i128;
    // The first index in row-major order that lies outside.
    let outside: Mutex<Option<(usize, i128)>> = Mutex::new(None);
    let to = Shared(offsets.as_mut_ptr());
    let start = Starts::from([index.as_ptr().cast_mut()]);
    let part = |range: std::ops::Range<usize>| {
        let mut done = range.start;
        loops.rows(start.get(), range, |row| {
            with_integer!(dtype, T => {
                for k in 0..row.len {
                    // SAFETY: an element of the operand, all of which are readable.
                    let value = unsafe {
                        let at = row.at[0].offset(k as isize * row.step[0]);
                        Index::wide(at.cast::<T>().read_unaligned())
                    };
                    let at = if value < 0 { value + along.len as i128 } else { value };
                    if (0..=room).contains(&at) && along.len > 0 {
                        // SAFETY: within the offsets, in the range of this part.
                        unsafe { *to.at(done + k) += at as isize * along.step };
                    } else {
                        let mut first = outside.lock().unwrap_or_else(PoisonError::into_inner);
                        if first.is_none_or(|(f, _)| done + k < f) {
                            *first = Some((done + k, value));
                        }
                    }
                }
            }, {});
            done += row.len;
        });
    };
    let parts = if count >= SHARED { pool.threads() } else { 1 };
    match parts {
        1 => part(0..count),
        _ => pool.run(parts, &|p| part(p * count / parts..(p + 1) * count / parts)),
    }
    match outside.into_inner().unwrap_or_else(PoisonError::into_inner) {
        None => Ok(()),
        Some((_, value)) => Err(left(op, value, along)),
    }
}

fn left(op: &'static str, index: i128, along: &Along) -> Error {
    let Along {
        axis, len, window, ..
    } = along;
    Error::index(
        op,
        if *window == 1 {
            format!("index {index} is outside axis {axis}, which has {len} elements")
        } else {
            format!("{window} elements from index {index} on leave axis {axis}, which has {len}")
        },
    )
}

trait Index {
    fn wide(self) -> i128;
}

macro_rules! indices {
    ($($ty:ty)*) => {$(
        impl Index for $ty {
            fn wide(self) -> i128 {
                self.into()
            }
        }
    )*};
}

indices!(u8 u16 u32 u64 i8 i16 i32 i64);

impl Index for crate::kernels::elementwise::number::Truth {
    fn wide(self) -> i128 {
        self.0.into()
    }
}
