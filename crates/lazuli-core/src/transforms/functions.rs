//! The transforms over trees of arrays: what programs call.
//!
//! `grad`, `value_and_grad`, `vmap` and `checkpoint` make a function of a function; `vjp` and `jvp`
//! take the point and the direction at once. Operations and backends use the forms over slices in
//! [`crate::transforms`], which these stand on.

use super::batch;
use crate::array::Array;
use crate::error::{Error, Result};
use crate::tree::{self, Prefix, Tree};

/// A function that returns the value of `f` and the gradient of its first array, which must be a
/// scalar, with respect to every array of its operand.
///
/// ```ignore
/// let (loss, grads) = value_and_grad(|p| loss_fn(p, &x, &y))(&params)?;
/// ```
///
/// # Errors
/// The function fails with the errors of `f`; with [`Error::Shape`] or [`Error::Dtype`] when the value
/// is not a scalar float; with [`Error::Unsupported`] when an operation has no gradient.
pub fn value_and_grad<P: Tree, T: Tree, F>(f: F) -> impl Fn(&P) -> Result<(T, P)>
where
    F: Fn(&P) -> Result<T>,
{
    move |operands| {
        let mut value = None;
        let (outputs, grads) = super::vjp::pull_back(
            |x| {
                let made = f(&tree::unflatten(operands, x.to_vec())?)?;
                let outputs = tree::leaves(&made);
                value = Some(made);
                Ok(outputs)
            },
            &tree::leaves(operands),
            super::vjp::of_first,
        )?;
        let value = value.ok_or_else(no_value)?;
        Ok((
            tree::unflatten(&value, outputs)?,
            tree::unflatten(operands, grads)?,
        ))
    }
}

fn no_value() -> Error {
    Error::value("grad", "the function was not called")
}

/// A function that returns the gradient of `f`: see [`value_and_grad`].
///
/// # Errors
/// As there.
pub fn grad<P: Tree, T: Tree, F>(f: F) -> impl Fn(&P) -> Result<P>
where
    F: Fn(&P) -> Result<T>,
{
    let both = value_and_grad(f);
    move |operands| both(operands).map(|(_, grads)| grads)
}

/// As [`value_and_grad`], with respect to the first operand only; the second is passed on.
///
/// # Errors
/// As there.
pub fn value_and_grad_of_first<P: Tree, Q, T: Tree, F>(f: F) -> impl Fn(&P, &Q) -> Result<(T, P)>
where
    F: Fn(&P, &Q) -> Result<T>,
{
    move |operands, others| value_and_grad(|p: &P| f(p, others))(operands)
}

/// The value of `f` at `operands`, and the vector-Jacobian product with `cotangents`.
///
/// # Errors
/// Those of `f`; [`Error::Value`] when the cotangents do not match the value;
/// [`Error::Unsupported`] when an operation has no gradient.
pub fn vjp<P: Tree, T: Tree>(
    f: impl FnOnce(&P) -> Result<T>,
    operands: &P,
    cotangents: &T,
) -> Result<(T, P)> {
    let apply = |x: &[Array]| Ok(tree::leaves(&f(&tree::unflatten(operands, x.to_vec())?)?));
    let (outputs, back) = super::vjp(apply, &tree::leaves(operands), &tree::leaves(cotangents))?;
    Ok((
        tree::unflatten(cotangents, outputs)?,
        tree::unflatten(operands, back)?,
    ))
}

/// The value of `f` at `operands`, and the Jacobian-vector product with `tangents`.
///
/// # Errors
/// Those of `f`; [`Error::Value`] when the tangents do not match the operands;
/// [`Error::Unsupported`] when an operation has no rule.
pub fn jvp<P: Tree, T: Tree>(
    f: impl FnOnce(&P) -> Result<T>,
    operands: &P,
    tangents: &P,
) -> Result<(T, T)> {
    let mut value = None;
    let apply = |x: &[Array]| {
        let made = f(&tree::unflatten(operands, x.to_vec())?)?;
        let outputs = tree::leaves(&made);
        value = Some(made);
        Ok(outputs)
    };
    let (outputs, pushed) = super::jvp(apply, &tree::leaves(operands), &tree::leaves(tangents))?;
    let value = value.ok_or_else(no_value)?;
    Ok((
        tree::unflatten(&value, outputs)?,
        tree::unflatten(&value, pushed)?,
    ))
}

/// A function of a batch: `f` of each example, which lie along the first axis of every array of the
/// operand; so do those of the value.
///
/// # Errors
/// The function fails with the errors of `f`, with [`Error::Shape`] when batch sizes differ, and with
/// [`Error::Value`] when `f` evaluates an array of the batch.
pub fn vmap<P: Tree, T: Tree, F>(f: F) -> impl Fn(&P) -> Result<T>
where
    F: Fn(&P) -> Result<T>,
{
    vmap_axes(f, 0isize, 0isize)
}

/// As [`vmap`], with the axis of the examples named: one for all arrays, or a tuple or list with one
/// for each child of the operand (the value), down to whatever depth is needed. An operand without
/// an axis is the same for every example.
///
/// # Errors
/// As [`vmap`]; [`Error::Value`] when the axes do not have the structure of the operand or the value.
pub fn vmap_axes<P: Tree, T: Tree, F>(
    f: F,
    in_axes: impl Into<Prefix<Option<isize>>>,
    out_axes: impl Into<Prefix<Option<isize>>>,
) -> impl Fn(&P) -> Result<T>
where
    F: Fn(&P) -> Result<T>,
{
    let (in_axes, out_axes) = (in_axes.into(), out_axes.into());
    move |operands| {
        let (inputs, structure) = tree::parts(operands);
        let axes = structure.spread(&in_axes)?;
        let at = |(x, axis): (&Array, Option<isize>)| {
            axis.map(|a| x.shape().axis("vmap", a)).transpose()
        };
        let axes: Vec<Option<usize>> = inputs.iter().zip(axes).map(at).collect::<Result<_>>()?;
        let mut value = None;
        let apply = |x: &[Array]| {
            let made = f(&tree::unflatten(operands, x.to_vec())?)?;
            let outputs = tree::leaves(&made);
            value = Some(made);
            Ok(outputs)
        };
        let outputs = super::vmap::mapped(apply, &inputs, &axes)?;
        let value = value.ok_or_else(no_value)?;
        let out_axes = tree::parts(&value).1.spread(&out_axes)?;
        let placed = outputs.into_iter().zip(out_axes).map(|(out, to)| match to {
            Some(to) => batch::place(out, to),
            None if out.axis.is_none() => Ok(out.array),
            None => Err(Error::value(
                "vmap",
                format!("{:?} differs between examples and needs an axis", out.array),
            )),
        });
        tree::unflatten(&value, placed.collect::<Result<_>>()?)
    }
}

/// `f`, whose gradient computes it again instead of keeping what is inside it: less memory for more
/// time. The gradient has the same bits.
///
/// # Errors
/// The function fails with the errors of `f`.
pub fn checkpoint<P: Tree, T: Tree, F>(f: F) -> impl Fn(&P) -> Result<T>
where
    F: Fn(&P) -> Result<T>,
{
    move |operands| {
        let mut value = None;
        let apply = |x: &[Array]| {
            let made = f(&tree::unflatten(operands, x.to_vec())?)?;
            let outputs = tree::leaves(&made);
            value = Some(made);
            Ok(outputs)
        };
        let outputs = super::checkpoint(apply, &tree::leaves(operands))?;
        tree::unflatten(&value.ok_or_else(no_value)?, outputs)
    }
}

/// The tree, of which no gradient flows on.
///
/// # Errors
/// The error of a poisoned array.
pub fn stop_gradient<T: Tree>(tree: &T) -> Result<T> {
    tree::map(tree, Array::stop_gradient)
}

/// The arrays of `inputs`, whose evaluation waits for that of `dependencies`.
///
/// # Errors
/// The error of a poisoned array.
pub fn depends<T: Tree, D: Tree>(inputs: &T, dependencies: &D) -> Result<T> {
    let passed =
        crate::ops::pass_through::depends(&tree::leaves(inputs), &tree::leaves(dependencies))?;
    tree::unflatten(inputs, passed)
}
