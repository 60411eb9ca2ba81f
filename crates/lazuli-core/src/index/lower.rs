//! An index over an operand: a slice, then index arrays over some axes of what it leaves.

use smallvec::{SmallVec, smallvec};

use super::{Index, Item};
use crate::array::Array;
use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::shape::Shape;

/// What an index means for an operand. The operand is sliced, reshaped to `merged` (a mask's axes
/// become one), picked from, and reshaped to `result`.
pub(super) struct Lowered {
    /// First position along each axis.
    pub(super) start: SmallVec<[usize; 4]>,
    /// Distance along each axis.
    pub(super) step: SmallVec<[isize; 4]>,
    /// Positions along each axis; 1 where an integer picks one.
    pub(super) sliced: Shape,
    /// The slice with the axes of each mask as one.
    pub(super) merged: Shape,
    /// Axes of `merged` that arrays index.
    pub(super) axes: SmallVec<[usize; 4]>,
    /// The arrays: integers of one shape.
    pub(super) arrays: Vec<Array>,
    /// How many of the other axes of `merged` come before the shape of the arrays.
    pub(super) place: usize,
    /// The shape that a read has.
    pub(super) result: Shape,
}

impl Lowered {
    /// Whether the slice is all of the operand.
    pub(super) fn is_whole(&self, shape: &Shape) -> bool {
        self.sliced == *shape
            && self.start.iter().all(|&s| s == 0)
            && self.step.iter().all(|&s| s == 1)
    }
}

/// Axes that an item speaks of.
fn consumed(item: &Item) -> usize {
    match item {
        Item::At(_) | Item::Range { .. } => 1,
        Item::Ellipsis | Item::NewAxis => 0,
        Item::Array(a) if a.dtype() == Dtype::Bool => a.rank(),
        Item::Array(_) => 1,
    }
}

const ALL: Item = Item::Range {
    start: None,
    stop: None,
    step: 1,
};

/// The items with `Ellipsis` replaced by whole ranges, so that every axis has one. Where there are no
/// axes left it stays: it keeps index arrays on both sides apart, as in NumPy.
pub(super) fn expanded(index: &Index, shape: &Shape) -> Result<Vec<Item>> {
    for item in &index.0 {
        if let Item::Array(a) = item {
            a.check()?;
        }
    }
    let named: usize = index.0.iter().map(consumed).sum();
    let Some(left) = shape.len().checked_sub(named) else {
        let what = format!("{named} axes are indexed, the shape is {shape}");
        return Err(Error::index("index", what));
    };
    let mut items = Vec::with_capacity(index.0.len() + left);
    let mut open = true;
    for item in &index.0 {
        if !matches!(item, Item::Ellipsis) {
            items.push(item.clone());
        } else if std::mem::take(&mut open) {
            if left == 0 {
                items.push(Item::Ellipsis);
            }
            items.extend(std::iter::repeat_n(ALL, left));
        } else {
            return Err(Error::index("index", "there is more than one ellipsis"));
        }
    }
    if open {
        items.extend(std::iter::repeat_n(ALL, left));
    }
    Ok(items)
}

/// Start and length of a range along an axis of `len`, as Python's `slice.indices` has them.
fn range(
    start: Option<isize>,
    stop: Option<isize>,
    step: isize,
    len: usize,
) -> Result<(usize, usize)> {
    if step == 0 {
        return Err(Error::index("index", "the step of a range is zero"));
    }
    let n = len as isize;
    // Backwards, one before the first is a stop.
    let (low, high) = if step < 0 { (-1, n - 1) } else { (0, n) };
    let end = |at: Option<isize>, default: isize| match at {
        None => default,
        Some(at) if at < 0 => at.saturating_add(n).clamp(low, high),
        Some(at) => at.clamp(low, high),
    };
    let (first, last) = if step < 0 { (high, low) } else { (low, high) };
    let (start, stop) = (end(start, first), end(stop, last));
    let span = if step < 0 { start - stop } else { stop - start };
    let count = if span <= 0 {
        0
    } else {
        (span as usize).div_ceil(step.unsigned_abs())
    };
    Ok((if count == 0 { 0 } else { start as usize }, count))
}

fn at(index: isize, axis: usize, len: usize) -> Result<usize> {
    let from_end = if index < 0 {
        index.saturating_add(len as isize)
    } else {
        index
    };
    match usize::try_from(from_end) {
        Ok(at) if at < len => Ok(at),
        _ => Err(Error::index(
            "index",
            format!("index {index} is outside axis {axis}, which has {len} elements"),
        )),
    }
}

/// Checks that a mask covers axes of these lengths.
pub(super) fn check_mask(mask: &Array, axis: usize, dims: &[usize]) -> Result<()> {
    if mask.shape()[..] == *dims {
        return Ok(());
    }
    Err(Error::shape(
        "index",
        format!(
            "the mask has shape {}, the axes from {axis} on {dims:?}",
            mask.shape()
        ),
    ))
}

/// Row-major positions where a mask is true; evaluates it.
fn positions(mask: &Array) -> Result<Array> {
    let bytes = mask.to_bytes()?;
    let hits = bytes.iter().enumerate().filter(|&(_, &b)| b != 0);
    let hits: Vec<i64> = hits.map(|(i, _)| i as i64).collect();
    Array::from_slice(&hits, [hits.len()])
}

/// What `index` means for an operand of `shape`; masks are evaluated.
pub(super) fn lower(index: &Index, shape: &Shape) -> Result<Lowered> {
    let items = expanded(index, shape)?;
    let mut out = Lowered {
        start: smallvec![0; shape.len()],
        step: smallvec![1; shape.len()],
        sliced: shape.clone(),
        merged: Shape::default(),
        axes: SmallVec::new(),
        arrays: Vec::new(),
        place: 0,
        result: Shape::default(),
    };
    let mut merged: SmallVec<[usize; 8]> = SmallVec::new();
    let mut axis = 0;
    for item in &items {
        match item {
            Item::At(index) => {
                out.start[axis] = at(*index, axis, shape[axis])?;
                out.sliced.dims_mut()[axis] = 1;
                merged.push(1);
            }
            Item::Range { start, stop, step } => {
                let (first, count) = range(*start, *stop, *step, shape[axis])?;
                out.start[axis] = first;
                out.step[axis] = if count <= 1 { 1 } else { *step };
                out.sliced.dims_mut()[axis] = count;
                merged.push(count);
            }
            Item::Array(array) => {
                out.axes.push(merged.len());
                if array.dtype() == Dtype::Bool {
                    let dims = &shape[axis..axis + array.rank()];
                    check_mask(array, axis, dims)?;
                    merged.push(dims.iter().product());
                    out.arrays.push(positions(array)?);
                } else if array.dtype().is_integer() {
                    merged.push(shape[axis]);
                    out.arrays.push(array.clone());
                } else {
                    let what = format!(
                        "{} arrays are no indices; use integers or truth values",
                        array.dtype()
                    );
                    return Err(Error::dtype("index", what));
                }
            }
            Item::Ellipsis | Item::NewAxis => {}
        }
        axis += consumed(item);
    }
    out.merged = merged.into_iter().collect();
    place(&items, &mut out)?;
    Ok(out)
}

/// Where the axes of the arrays go: in the place of the indexed ones if those are neighbours, else
/// first. An integer beside an array counts as one.
fn place(items: &[Item], out: &mut Lowered) -> Result<()> {
    let mut common = Shape::default();
    for array in &out.arrays {
        common = common.broadcast("index", array.shape())?;
    }
    for array in &mut out.arrays {
        *array = array.broadcast_to(&common)?;
    }
    let arrays = !out.arrays.is_empty();
    let advanced = |item: &Item| arrays && matches!(item, Item::Array(_) | Item::At(_));
    let first = items.iter().position(advanced);
    let last = items.iter().rposition(advanced);
    let neighbours = match (first, last) {
        (Some(first), Some(last)) => items[first..=last].iter().all(advanced),
        _ => false,
    };
    let mut result: SmallVec<[usize; 8]> = SmallVec::new();
    if arrays && !neighbours {
        result.extend_from_slice(&common);
    }
    let mut dims = out.merged.iter();
    for (number, item) in items.iter().enumerate() {
        if neighbours && first == Some(number) {
            result.extend_from_slice(&common);
        }
        match item {
            Item::NewAxis => result.push(1),
            Item::Range { .. } => result.extend(dims.next().copied()),
            Item::At(_) | Item::Array(_) => {
                dims.next();
            }
            Item::Ellipsis => {}
        }
    }
    if neighbours {
        out.place = out.axes.first().copied().unwrap_or(0);
    }
    out.result = result.into_iter().collect();
    Ok(())
}
