//! Writes: a new array in which the elements at an index are others.

use smallvec::SmallVec;

use super::lower::{Lowered, check_mask, expanded, lower};
use super::{Index, Item};
use crate::array::Array;
use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::ops::scatter::Mode;
use crate::shape::Shape;

/// The places of an array that an index names, to write to. Several updates of one element are
/// all applied, in order, unlike `x.set(i, x.get(i) + v)`.
pub struct At<'a> {
    array: &'a Array,
    index: Index,
}

impl Array {
    /// The places at `index`, which is as for [`Array::get`].
    pub fn at(&self, index: impl Into<Index>) -> At<'_> {
        At {
            array: self,
            index: index.into(),
        }
    }

    /// `self` with the elements at `index`, which is as for [`Array::get`], replaced by `value`,
    /// which is converted to the dtype of `self` and broadcast; leading axes of length 1 that it has
    /// too many are dropped. Of several values for one element the last is kept. Under a mask, `value`
    /// has one row for each true element, or more, or broadcasts.
    ///
    /// # Errors
    /// As [`Array::get`], and [`crate::Error::Shape`] when the value does not fit.
    pub fn set(&self, index: impl Into<Index>, value: impl Into<Array>) -> Result<Array> {
        self.at(index).set(value)
    }
}

macro_rules! methods {
    ($($(#[$doc:meta])* $name:ident => $mode:ident;)*) => {$(
        $(#[$doc])*
        ///
        /// # Errors
        /// As [`Array::set`].
        #[allow(clippy::should_implement_trait)] // `at(i).add(v)` is what `mlx.core` calls it.
        pub fn $name(self, value: impl Into<Array>) -> Result<Array> {
            self.write(&value.into(), Mode::$mode)
        }
    )*};
}

impl At<'_> {
    methods! {
        /// The array with `value` there.
        set => Set;
        /// The array with `value` added there.
        add => Add;
        /// The array multiplied by `value` there.
        multiply => Multiply;
        /// The array with the larger of `value` and what is there.
        maximum => Maximum;
        /// The array with the smaller of `value` and what is there.
        minimum => Minimum;
    }

    /// The array with `value` subtracted there.
    ///
    /// # Errors
    /// As [`Array::set`].
    pub fn subtract(self, value: impl Into<Array>) -> Result<Array> {
        let value = value.into().astype(self.array.dtype())?.negative()?;
        self.write(&value, Mode::Add)
    }

    /// The array divided by `value` there; integers are divided as floats and truncated.
    ///
    /// # Errors
    /// As [`Array::set`].
    pub fn divide(self, value: impl Into<Array>) -> Result<Array> {
        let (x, index) = (self.array, self.index.clone());
        let dtype = x.dtype();
        let ones = Array::full(x.shape(), 1.0, dtype)?;
        let divisors = ones.at(index.clone()).multiply(value)?;
        let quotient = x.divide(&divisors)?.astype(dtype)?;
        if dtype.is_inexact() {
            return Ok(quotient);
        }
        // What is not divided must not pass through a float.
        let hit = Array::full(x.shape(), 0.0, Dtype::Bool)?.set(index, true)?;
        Array::select(&hit, &quotient, x)
    }

    fn write(self, value: &Array, mode: Mode) -> Result<Array> {
        let x = self.array;
        x.check()?;
        let value = value.astype(x.dtype())?;
        let items = expanded(&self.index, x.shape())?;
        let mut arrays = items.iter().filter(|i| matches!(i, Item::Array(_)));
        if let (Some(Item::Array(mask)), None) = (arrays.next(), arrays.next())
            && mask.dtype() == Dtype::Bool
        {
            return Masked::of(&items, mask.clone(), x)?.write(x, &value, mode);
        }
        let at = lower(&self.index, x.shape())?;
        let value = fitted(&value, &at.result)?;
        write(x, &at, &value, mode)
    }
}

/// `value` broadcast to the shape that it is written to.
fn fitted(value: &Array, to: &Shape) -> Result<Array> {
    let extra = value.rank().saturating_sub(to.len());
    let lead = value.shape()[..extra].iter().all(|&d| d == 1);
    let trimmed = Shape::from(&value.shape()[if lead { extra } else { 0 }..]);
    if trimmed.broadcast("set", to).ok().as_ref() != Some(to) {
        return Err(Error::shape(
            "set",
            format!(
                "a value of shape {} does not broadcast to {to}",
                value.shape()
            ),
        ));
    }
    value.reshape(trimmed)?.broadcast_to(to)
}

/// `value`, which has the shape of a read, written to the places that `at` names.
fn write(x: &Array, at: &Lowered, value: &Array, mode: Mode) -> Result<Array> {
    if at.arrays.is_empty() {
        return x.slice_update(&value.reshape(&at.sliced)?, &at.start, &at.step, mode);
    }
    let whole = at.is_whole(x.shape());
    let part = if whole {
        x.clone()
    } else {
        x.slice(&at.start, &at.step, &at.sliced)?
    };
    let rest = (0..at.merged.len()).filter(|a| !at.axes.contains(a));
    let rest: SmallVec<[usize; 8]> = rest.map(|a| at.merged[a]).collect();
    let picked: Shape = (rest[..at.place].iter())
        .chain(at.arrays[0].shape().iter())
        .chain(&rest[at.place..])
        .copied()
        .collect();
    let merged = part.reshape(&at.merged)?;
    let value = value.reshape(picked)?;
    let out = merged.put(&at.axes, &at.arrays, at.place, &value, mode)?;
    let out = out.reshape(&at.sliced)?;
    if whole {
        return Ok(out);
    }
    x.slice_update(&out, &at.start, &at.step, Mode::Set)
}

/// A write under one mask, which is not evaluated: how many elements it has is not asked.
struct Masked {
    mask: Array,
    /// The index with a whole range for each axis of the mask.
    around: Lowered,
    /// First axis of the mask among the axes of the slice.
    first: usize,
    /// First axis of the mask in the shape of a read around it.
    shown: usize,
    /// Where the elements of the mask stand in the shape that a read would have.
    place: usize,
}

impl Masked {
    fn of(items: &[Item], mask: Array, x: &Array) -> Result<Masked> {
        let mut around = Index::default();
        let (mut axis, mut place, mut at) = (0, 0, (0, 0));
        let number = items.iter().position(|i| matches!(i, Item::Array(_)));
        for item in items {
            match item {
                Item::Array(_) => {
                    check_mask(&mask, axis, &x.shape()[axis..axis + mask.rank()])?;
                    at = (axis, place);
                    let all = Item::from(..);
                    around.0.extend(std::iter::repeat_n(all, mask.rank()));
                    axis += mask.rank();
                    continue;
                }
                Item::Range { .. } => place += 1,
                Item::NewAxis => place += 1,
                Item::At(_) | Item::Ellipsis => {}
            }
            axis += matches!(item, Item::At(_) | Item::Range { .. }) as usize;
            around.0.push(item.clone());
        }
        // An integer counts as an index array: beside the mask it changes nothing, apart from it the
        // mask's elements come first.
        let integer = |i: &Item| matches!(i, Item::At(_));
        let neighbours = |from: usize, to: usize| items[from..to].iter().all(integer);
        let number = number.unwrap_or(0);
        let before = items[..number].iter().position(integer);
        let after = items[number..].iter().rposition(integer);
        let apart = before.is_some_and(|b| !neighbours(b, number))
            || after.is_some_and(|a| !neighbours(number + 1, number + a + 1));
        Ok(Masked {
            around: lower(&around, x.shape())?,
            first: at.0,
            shown: at.1,
            place: if apart { 0 } else { at.1 },
            mask,
        })
    }

    fn write(&self, x: &Array, value: &Array, mode: Mode) -> Result<Array> {
        let (at, rank) = (&self.around, self.mask.rank());
        let whole = at.is_whole(x.shape());
        let part = if whole {
            x.clone()
        } else {
            x.slice(&at.start, &at.step, &at.sliced)?
        };
        // The mask's axes first: rows of the others.
        let order: SmallVec<[usize; 8]> = (self.first..self.first + rank)
            .chain(0..self.first)
            .chain(self.first + rank..part.rank())
            .collect();
        let rows = part.permute(&order)?;
        let written = self.updates(&rows, value)?;
        let ones = std::iter::repeat_n(1, rows.rank() - rank);
        let column: Shape = self.mask.shape().iter().copied().chain(ones).collect();
        let mask = self.mask.reshape(column)?;
        let combined = match mode {
            Mode::Set => written,
            Mode::Add => rows.add(&written)?,
            Mode::Multiply => rows.multiply(&written)?,
            Mode::Maximum => rows.maximum(&written)?,
            Mode::Minimum => rows.minimum(&written)?,
        };
        let rows = Array::select(&mask, &combined, &rows)?;
        let mut back: SmallVec<[usize; 8]> = smallvec::smallvec![0; order.len()];
        for (to, &from) in order.iter().enumerate() {
            back[from] = to;
        }
        let out = rows.permute(&back)?;
        if whole {
            return Ok(out);
        }
        x.slice_update(&out, &at.start, &at.step, Mode::Set)
    }

    /// The value at its places in `rows`, or what broadcasts to it.
    fn updates(&self, rows: &Array, value: &Array) -> Result<Array> {
        let rank = self.mask.rank();
        let row = Shape::from(&rows.shape()[rank..]);
        // The shape that a read would have: the axes around the mask, and its elements in their place.
        let mut kept: SmallVec<[usize; 8]> = self.around.result.iter().copied().collect();
        kept.drain(self.shown..self.shown + rank);
        let behind = kept.len() - self.place;
        let count = value.rank().checked_sub(behind + 1);
        let count = count.map_or(1, |axis| value.dim(axis));
        let read: Shape = (kept[..self.place].iter())
            .chain([&count])
            .chain(&kept[self.place..])
            .copied()
            .collect();
        let value = fitted(value, &read)?.moveaxis(self.place as isize, 0)?;
        let list: Shape = std::iter::once(count).chain(row.iter().copied()).collect();
        let value = value.reshape(list)?;
        if count == 1 {
            let ones = std::iter::repeat_n(1, rank);
            let to: Shape = ones.chain(row.iter().copied()).collect();
            return value.reshape(to);
        }
        rows.masked_scatter(&self.mask, &value)
    }
}
