//! The distinct elements of an array, as many as the caller says there is room for.
//!
//! A shape cannot depend on values, so the number of results is given: a composition over sorted
//! elements that never evaluates any.

use crate::array::Array;
use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::shape::Shape;

/// What [`Array::unique`] finds. Only what is used is computed.
#[derive(Clone, Debug)]
pub struct Unique {
    /// The distinct elements in ascending order.
    pub values: Array,
    /// Where each first occurs in the flattened array, `uint32`.
    pub index: Array,
    /// For each element of the array its place in `values`, `uint32`.
    pub inverse: Array,
    /// How often each occurs, `int32`; 0 where there is none.
    pub counts: Array,
}

impl Array {
    /// The `size` smallest distinct elements; where there are fewer, `fill` follows (none: the
    /// smallest element). Every NaN is distinct.
    ///
    /// # Errors
    /// [`Error::Value`] when `fill` is not one element, or is missing where there is nothing to fill
    /// with.
    pub fn unique(&self, size: usize, fill: Option<&Array>) -> Result<Unique> {
        const NAME: &str = "unique";
        self.check()?;
        if let Some(fill) = fill.filter(|f| f.elements() != 1) {
            let what = format!("the fill value is one element, not {fill:?}");
            return Err(Error::value(NAME, what));
        }
        let fill = fill
            .map(|f| f.reshape(Shape::default())?.astype(self.dtype()))
            .transpose()?;
        let n = self.elements();
        let number = |x: usize, dtype| Array::scalar(x as i64).astype(dtype);
        if n == 0 || size == 0 {
            let fill = match fill {
                Some(fill) => fill,
                None if size == 0 => Array::scalar_of(0.0, self.dtype()),
                None => {
                    let what = "no elements: a size that is not zero needs a fill value";
                    return Err(Error::value(NAME, what));
                }
            };
            return Ok(Unique {
                values: fill.broadcast_to([size])?,
                index: number(0, Dtype::U32)?.broadcast_to([size])?,
                inverse: number(0, Dtype::U32)?.broadcast_to(self.shape())?,
                counts: number(0, Dtype::I32)?.broadcast_to([size])?,
            });
        }
        let flat = self.reshape([n])?;
        let order = flat.argsort(0)?;
        let sorted = flat.take(&order, 0)?;
        let differs = sorted
            .narrow(0, 1, n)?
            .not_equal(&sorted.narrow(0, 0, n - 1)?)?;
        let first = Array::concatenate(&[Array::full([1], 1.0, Dtype::Bool)?, differs], 0)?;
        // Where runs of equal elements start; `n` where there is no further one.
        let places = Array::arange(0.0, n as f64, 1.0, Dtype::I32)?;
        let end = number(n, Dtype::I32)?;
        let starts = Array::select(&first, &places, &end)?.sort(0)?;
        let ends = end.broadcast_to([size + 1])?;
        let starts = Array::concatenate(&[starts, ends], 0)?;
        let (here, next) = (starts.narrow(0, 0, size)?, starts.narrow(0, 1, size + 1)?);
        let there = here.less(&end)?;
        // Without an element, what the first one has.
        let at = Array::select(&there, &here, &number(0, Dtype::I32)?)?;
        let found = sorted.take(&at, 0)?;
        let values = match fill {
            Some(fill) => Array::select(&there, &found, &fill)?,
            None => found,
        };
        let rank = first
            .astype(Dtype::I32)?
            .cumsum(0, false, true)?
            .subtract(&number(1, Dtype::I32)?)?
            .minimum(&number(size - 1, Dtype::I32)?)?;
        let inverse = rank.take(&order.argsort(0)?, 0)?.astype(Dtype::U32)?;
        Ok(Unique {
            values,
            index: order.take(&at, 0)?,
            inverse: inverse.reshape(self.shape())?,
            counts: next.subtract(&here)?,
        })
    }
}
