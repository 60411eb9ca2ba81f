//! Norms and the cross product.

use super::svdvals;
use crate::array::Array;
use crate::axes::Axes;
use crate::dtype::Dtype;
use crate::error::{Error, Result};

/// Which norm.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Ord {
    /// Of a vector: `(Σ |x|ᵖ)^(1/p)`; its limits for infinities and zero. Of a matrix: 1 and infinity,
    /// the largest sum of a column and of a row; 2, the largest singular value; negative, the smallest.
    P(f64),
    /// The square root of the sum of squares of a matrix.
    Frobenius,
    /// The sum of singular values.
    Nuclear,
}

/// The norm over `axes` (none: all), one of a vector and two (row, column) of a matrix; with `keep`
/// they stay with length 1. Without `ord`, the root of the sum of squares over any number of axes.
///
/// Integers become `float32`; of complex numbers the result is real.
///
/// # Errors
/// [`Error::Index`] when there is no such axis, [`Error::Value`] when `ord` does not fit their number.
pub fn norm(x: &Array, ord: Option<Ord>, axes: Option<&[isize]>, keep: bool) -> Result<Array> {
    x.check()?;
    let axes: Vec<isize> = match axes {
        Some(axes) => axes.to_vec(),
        None => (0..x.rank() as isize).collect(),
    };
    let x = x.astype(x.dtype().at_least_float())?;
    match (ord, &axes[..]) {
        (None, _) => euclidean(&x, &axes, keep),
        (Some(Ord::P(p)), &[axis]) => of_vectors(&x, p, axis, keep),
        (Some(ord), &[row, column]) => of_matrices(&x, ord, row, column, keep),
        (Some(ord), _) => Err(Error::value(
            "norm",
            format!("{ord:?} is no norm over {} axes", axes.len()),
        )),
    }
}

fn over(axes: &[isize]) -> Axes {
    Axes::These(axes.iter().copied().collect())
}

fn euclidean(x: &Array, axes: &[isize], keep: bool) -> Result<Array> {
    if axes.is_empty() {
        return x.abs();
    }
    let magnitude = if x.dtype() == Dtype::C64 {
        x.abs()?
    } else {
        x.clone()
    };
    magnitude.square()?.sum(over(axes), keep)?.sqrt()
}

fn of_vectors(x: &Array, p: f64, axis: isize, keep: bool) -> Result<Array> {
    let along = [axis];
    if p == 2.0 {
        return euclidean(x, &along, keep);
    }
    let x = x.abs()?;
    if p == f64::INFINITY {
        return x.max(along, keep);
    }
    if p == f64::NEG_INFINITY {
        return x.min(along, keep);
    }
    let number = |v: f64| Array::scalar_of(v, x.dtype());
    if p == 0.0 {
        return x
            .not_equal(&number(0.0))?
            .astype(x.dtype())?
            .sum(along, keep);
    }
    if p == 1.0 {
        return x.sum(along, keep);
    }
    let sum = x.power(&number(p))?.sum(along, keep)?;
    sum.power(&number(1.0 / p))
}

fn of_matrices(x: &Array, ord: Ord, row: isize, column: isize, keep: bool) -> Result<Array> {
    let (row, column) = (
        x.shape().axis("norm", row)?,
        x.shape().axis("norm", column)?,
    );
    if row == column {
        let what = format!("axis {row} is both row and column");
        return Err(Error::shape("norm", what));
    }
    let kept = |x: &Array| -> Result<Array> {
        // The two axes are gone: put them back where they were.
        let (first, second) = (row.min(column), row.max(column));
        x.expand_dims(first)?.expand_dims(second)
    };
    let values = || {
        let x = x.moveaxis(row as isize, -1)?;
        // Where the column went when the row left.
        let column = if column > row { column - 1 } else { column };
        svdvals(&x.moveaxis(column as isize, -1)?)
    };
    // The largest or smallest of sums along `along`.
    let sums = |along: usize, of: usize, largest: bool| -> Result<Array> {
        let sum = x.abs()?.sum([along], true)?;
        let extreme = match largest {
            true => sum.max([of], true)?,
            false => sum.min([of], true)?,
        };
        let shape = extreme.shape();
        let (first, second) = (row.min(column), row.max(column));
        extreme.reshape(shape.without(second).without(first))
    };
    let result = match ord {
        Ord::Frobenius => return euclidean(x, &[row as isize, column as isize], keep),
        Ord::Nuclear => values()?.sum([-1], false)?,
        Ord::P(1.0) => sums(row, column, true)?,
        Ord::P(-1.0) => sums(row, column, false)?,
        Ord::P(f64::INFINITY) => sums(column, row, true)?,
        Ord::P(f64::NEG_INFINITY) => sums(column, row, false)?,
        Ord::P(2.0) => values()?.max([-1], false)?,
        Ord::P(-2.0) => values()?.min([-1], false)?,
        Ord::P(p) => {
            return Err(Error::value(
                "norm",
                format!("{p} is no norm of a matrix: 1, 2, infinity and their negatives are"),
            ));
        }
    };
    if keep { kept(&result) } else { Ok(result) }
}

/// The cross product of vectors of 2 or 3 elements along `axis`, a third element being zero; the other
/// axes broadcast.
///
/// # Errors
/// [`Error::Index`] when there is no such axis; [`Error::Shape`] when it has another length, or the shapes do not
/// broadcast.
pub fn cross(a: &Array, b: &Array, axis: isize) -> Result<Array> {
    a.check()?;
    b.check()?;
    let rank = a.rank().max(b.rank());
    let dtype = a.dtype().promote(b.dtype());
    // The vectors of each operand along the last of `rank` axes.
    let vectors = |x: &Array| -> Result<Array> {
        let ones = std::iter::repeat_n(1, rank - x.rank());
        let x = x.astype(dtype)?;
        let x = x.reshape(
            ones.chain(x.shape().iter().copied())
                .collect::<crate::Shape>(),
        )?;
        let at = x.shape().axis("cross", axis)?;
        match x.dim(at) {
            3 => x.moveaxis(at as isize, -1),
            2 => {
                let x = x.moveaxis(at as isize, -1)?;
                let zero = Array::full(x.shape().with(rank - 1, 1), 0.0, dtype)?;
                Array::concatenate(&[x, zero], -1)
            }
            other => Err(Error::shape(
                "cross",
                format!(
                    "axis {axis} of {} has {other} elements, not 2 or 3",
                    x.shape()
                ),
            )),
        }
    };
    let (a, b) = (vectors(a)?, vectors(b)?);
    let part = |x: &Array, i: usize| x.narrow(-1, i, i + 1);
    let element = |i: usize, j: usize| {
        let plus = part(&a, i)?.multiply(&part(&b, j)?)?;
        plus.subtract(&part(&a, j)?.multiply(&part(&b, i)?)?)
    };
    let parts = [element(1, 2)?, element(2, 0)?, element(0, 1)?];
    let at = parts[0].shape().axis("cross", axis)?;
    Array::concatenate(&parts, -1)?.moveaxis(-1, at as isize)
}
