//! Derivatives of writes into an array, whatever says where: index arrays, or a slice.
//!
//! A write knows how to read the places that it writes. That is enough: the derivative of a sum is a
//! read, of the last writer a read of who it was, of a product the product of the others.

use super::scatter::Mode;
use crate::array::Array;
use crate::dtype::Dtype;
use crate::error::Result;
use crate::op::Op;
use crate::shape::Shape;

/// An operation over an array, updates, and what says where they go.
pub(super) trait Write {
    /// What happens to the elements that are there.
    fn mode(&self) -> Mode;
    /// The same write in another mode.
    fn with(&self, mode: Mode) -> Op;
    /// The elements of `x` at the places of the updates, in their shape.
    fn read(&self, x: &Array, updates: &Array, places: &[Array]) -> Result<Array>;
    /// Whether no two updates go to one element.
    fn is_unique(&self) -> bool {
        false
    }
}

fn apply(op: Op, x: &Array, updates: &Array, places: &[Array]) -> Result<Array> {
    let operands: Vec<&Array> = [x, updates].into_iter().chain(places).collect();
    Array::from_op(op, &operands)
}

/// The write; repeated sums and products of half types are accumulated in `float32`.
pub(super) fn write(op: &dyn Write, x: &Array, updates: &Array, places: &[Array]) -> Result<Array> {
    let (dtype, mode) = (x.dtype(), op.mode());
    let repeats = matches!(mode, Mode::Add | Mode::Multiply) && !op.is_unique();
    if !repeats || dtype.accumulator() == dtype {
        return apply(op.with(mode), x, updates, places);
    }
    let wide = dtype.accumulator();
    let sum = apply(
        op.with(mode),
        &x.astype(wide)?,
        &updates.astype(wide)?,
        places,
    )?;
    sum.astype(dtype)
}

/// The updates added into zeros of `shape`: the adjoint of a read.
pub(super) fn sum(
    op: &dyn Write,
    shape: &Shape,
    updates: &Array,
    places: &[Array],
) -> Result<Array> {
    let wide = updates.dtype().accumulator();
    let zeros = Array::full(shape, 0.0, wide)?;
    let sum = apply(op.with(Mode::Add), &zeros, &updates.astype(wide)?, places)?;
    sum.astype(updates.dtype())
}

fn put(op: &dyn Write, x: &Array, updates: &Array, places: &[Array]) -> Result<Array> {
    apply(op.with(Mode::Set), x, updates, places)
}

/// What a change of the array and of each update changes in the result.
struct Slopes {
    of_array: Array,
    of_updates: Array,
}

/// The operands of a write under differentiation.
struct Site<'a> {
    op: &'a dyn Write,
    x: &'a Array,
    updates: &'a Array,
    places: &'a [Array],
}

impl Site<'_> {
    fn read(&self, x: &Array) -> Result<Array> {
        self.op.read(x, self.updates, self.places)
    }

    fn sum(&self, x: &Array, updates: &Array) -> Result<Array> {
        apply(self.op.with(Mode::Add), x, updates, self.places)
    }

    /// Which updates are still there after all have been written.
    fn winners(&self) -> Result<Option<Array>> {
        if self.op.is_unique() {
            return Ok(None);
        }
        let order = Array::counting(self.updates.elements())?.reshape(self.updates.shape())?;
        let nobody = Array::full(self.x.shape(), -1.0, order.dtype())?;
        let last = put(self.op, &nobody, &order, self.places)?;
        self.read(&last)?.equal(&order).map(Some)
    }

    /// Of a maximum or minimum `y`: those that reach it share.
    fn shares(&self, y: &Array) -> Result<Slopes> {
        let dtype = self.x.dtype();
        let by_array = self.x.equal(y)?.astype(dtype)?;
        let by_updates = self.updates.equal(&self.read(y)?)?.astype(dtype)?;
        let count = self.sum(&by_array, &by_updates)?;
        // An element that nobody reaches is NaN.
        let count = count.maximum(&Array::scalar_of(1.0, dtype))?;
        Ok(Slopes {
            of_array: by_array.divide(&count)?,
            of_updates: by_updates.divide(&self.read(&count)?)?,
        })
    }

    /// Of a product: the product of the others, zeros counted apart.
    fn others(&self) -> Result<Slopes> {
        let dtype = self.x.dtype();
        let (zero, one) = (Array::scalar_of(0.0, dtype), Array::scalar_of(1.0, dtype));
        let split = |a: &Array| -> Result<(Array, Array)> {
            let none = a.equal(&zero)?;
            Ok((none.astype(dtype)?, Array::select(&none, &one, a)?))
        };
        let (zero_x, rest_x) = split(self.x)?;
        let (zero_u, rest_u) = split(self.updates)?;
        let product = apply(self.op.with(Mode::Multiply), &rest_x, &rest_u, self.places)?;
        let zeros = self.sum(&zero_x, &zero_u)?;
        let others = |zeros: Array, own: Array, product: Array, rest: Array| {
            let none = zeros.equal(&own)?;
            Array::select(&none, &product.divide(&rest)?, &zero)
        };
        Ok(Slopes {
            of_array: others(zeros.clone(), zero_x, product.clone(), rest_x)?,
            of_updates: others(self.read(&zeros)?, zero_u, self.read(&product)?, rest_u)?,
        })
    }
}

/// Cotangents of the array and the updates; `x` are the operands, `y` the result.
pub(super) fn vjp(op: &dyn Write, x: &[Array], y: &Array, g: &Array) -> Result<Vec<Option<Array>>> {
    let mut back = vec![None; x.len()];
    let site = Site {
        op,
        x: &x[0],
        updates: &x[1],
        places: &x[2..],
    };
    if !site.x.dtype().is_inexact() {
        return Ok(back);
    }
    let zero = Array::scalar_of(0.0, g.dtype());
    let (of_array, of_updates) = match op.mode() {
        Mode::Add => (g.clone(), site.read(g)?),
        Mode::Set => {
            let none = zero.broadcast_to(site.updates.shape())?;
            let read = site.read(g)?;
            let of_updates = match site.winners()? {
                Some(winners) => Array::select(&winners, &read, &zero)?,
                None => read,
            };
            (put(op, g, &none, site.places)?, of_updates)
        }
        mode => {
            let slopes = if mode == Mode::Multiply {
                site.others()?
            } else {
                site.shares(y)?
            };
            let of_updates = site.read(g)?.multiply(&slopes.of_updates)?;
            (g.multiply(&slopes.of_array)?, of_updates)
        }
    };
    (back[0], back[1]) = (Some(of_array), Some(of_updates));
    Ok(back)
}

/// Tangent of the result; `x` are the operands.
pub(super) fn jvp(
    op: &dyn Write,
    x: &[Array],
    tangents: &[Option<Array>],
) -> Result<Vec<Option<Array>>> {
    let site = Site {
        op,
        x: &x[0],
        updates: &x[1],
        places: &x[2..],
    };
    let still = tangents[0].is_none() && tangents[1].is_none();
    if still || !site.x.dtype().is_inexact() {
        return Ok(vec![None]);
    }
    let of = |i: usize| match &tangents[i] {
        Some(t) => Ok(t.clone()),
        None => Array::full(x[i].shape(), 0.0, x[i].dtype()),
    };
    let (of_array, of_updates) = (of(0)?, of(1)?);
    Ok(vec![Some(match op.mode() {
        Mode::Set => put(op, &of_array, &of_updates, site.places)?,
        Mode::Add => site.sum(&of_array, &of_updates)?,
        mode => {
            let slopes = if mode == Mode::Multiply {
                site.others()?
            } else {
                let y = apply(op.with(mode), site.x, site.updates, site.places)?;
                site.shares(&y)?
            };
            site.sum(
                &of_array.multiply(&slopes.of_array)?,
                &of_updates.multiply(&slopes.of_updates)?,
            )?
        }
    })])
}

/// The dtype of positions that the library makes itself.
pub(crate) const POSITION: Dtype = Dtype::I64;
