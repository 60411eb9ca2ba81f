//! Reverse mode.

use std::collections::HashMap;

use super::graph::{dependents, release};
use crate::array::Array;
use crate::compile::trace::Trace;
use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::op::Op;
use crate::ops::pass_through::{PassThrough, depends};
use crate::stream::with_stream;

type Cotangents = HashMap<(usize, u32), Array>;

/// The outputs of `f` at `primals`, and for each primal the vector-Jacobian product with `cotangents`.
///
/// # Errors
/// Those of `f`; [`Error::Value`] when the cotangents do not match the outputs;
/// [`Error::Unsupported`] when an operation has no gradient.
pub fn vjp(
    f: impl FnOnce(&[Array]) -> Result<Vec<Array>>,
    primals: &[Array],
    cotangents: &[Array],
) -> Result<(Vec<Array>, Vec<Array>)> {
    pull_back(f, primals, |_| Ok(cotangents.to_vec()))
}

/// [`vjp`] with cotangents that depend on the outputs.
pub(super) fn pull_back(
    f: impl FnOnce(&[Array]) -> Result<Vec<Array>>,
    primals: &[Array],
    cotangents: impl FnOnce(&[Array]) -> Result<Vec<Array>>,
) -> Result<(Vec<Array>, Vec<Array>)> {
    pull_back_onto(f, primals, cotangents, Vec::new())
}

/// [`pull_back`], with sums of cotangents that each primal has from elsewhere already.
fn pull_back_onto(
    f: impl FnOnce(&[Array]) -> Result<Vec<Array>>,
    primals: &[Array],
    cotangents: impl FnOnce(&[Array]) -> Result<Vec<Array>>,
    sums: Vec<Option<Array>>,
) -> Result<(Vec<Array>, Vec<Array>)> {
    let tracers: Vec<Array> = primals.iter().map(Array::tracer).collect();
    let outputs = f(&tracers)?;
    for output in &outputs {
        output.check()?;
    }
    let cotangents = cotangents(&outputs)?;
    if cotangents.len() != outputs.len()
        || outputs
            .iter()
            .zip(&cotangents)
            .any(|(o, c)| o.shape() != c.shape())
    {
        return Err(Error::value(
            "vjp",
            format!("cotangents {cotangents:?} do not match outputs {outputs:?}"),
        ));
    }
    let mut known = Cotangents::new();
    for (tracer, sum) in tracers.iter().zip(sums) {
        if let Some(sum) = sum {
            known.insert(tracer.key(), sum);
        }
    }
    for (output, cotangent) in outputs.iter().zip(cotangents) {
        accumulate(&mut known, output, cotangent)?;
    }
    for array in dependents(&tracers, &outputs).into_iter().rev() {
        propagate(&array, &mut known)?;
    }
    let grads = tracers.iter().map(|t| match known.remove(&t.key()) {
        Some(g) => g.astype(t.dtype()),
        None => Array::full(t.shape(), 0.0, t.dtype()),
    });
    let grads: Vec<Array> = grads.collect::<Result<_>>()?;
    release(&tracers, &[&outputs[..], &grads[..]].concat());
    Ok((outputs, grads))
}

fn propagate(array: &Array, known: &mut Cotangents) -> Result<()> {
    let outputs = array.siblings();
    if !outputs.iter().any(|o| known.contains_key(&o.key())) {
        return Ok(());
    }
    let mut cotangents = Vec::with_capacity(outputs.len());
    for output in &outputs {
        cotangents.push(match known.remove(&output.key()) {
            Some(c) => c,
            None => Array::full(output.shape(), 0.0, output.dtype())?,
        });
    }
    let inputs = array.node().inputs();
    if let Op::PassThrough(pass) = array.op()
        && let PassThrough::Custom { primals, rules } = &**pass
        && let Some(trace) = rules.0.recomputed()
    {
        return recompute(trace, &inputs[..*primals], &cotangents, known);
    }
    let Some(family) = array.op().family() else {
        return Ok(());
    };
    // A derivative runs where the operation runs.
    let stream = array.node().stream();
    let grads = with_stream(stream, || family.vjp(&inputs, &outputs, &cotangents))?;
    for (input, grad) in inputs.iter().zip(grads) {
        if let Some(grad) = grad
            && input.node().is_traced()
        {
            accumulate(known, input, grad)?;
        }
    }
    Ok(())
}

/// The gradient of a checkpoint: its operations once more, when the cotangents are there. They add to
/// the sums that the operands have already, in the order of a function that is not recomputed, so that
/// the bits are the same.
fn recompute(
    trace: &Trace,
    primals: &[Array],
    cotangents: &[Array],
    known: &mut Cotangents,
) -> Result<()> {
    let waiting = depends(primals, cotangents)?;
    let mut sums: Vec<Option<Array>> = Vec::new();
    for primal in primals {
        sums.push(known.remove(&primal.key()));
    }
    let again = |x: &[Array]| trace.replay_with(x);
    let given = |_: &[Array]| Ok(cotangents.to_vec());
    let (_, grads) = pull_back_onto(again, &waiting, given, sums)?;
    for (primal, grad) in primals.iter().zip(grads) {
        if primal.node().is_traced() && primal.dtype().is_inexact() {
            accumulate(known, primal, grad)?;
        }
    }
    Ok(())
}

fn accumulate(known: &mut Cotangents, array: &Array, part: Array) -> Result<()> {
    // Partial derivatives of broadcast scalars come back in the shape of the result's rows.
    let part = part.broadcast_to(array.shape())?;
    let sum = match known.remove(&array.key()) {
        Some(sum) => sum.add(&part)?,
        None => part,
    };
    known.insert(array.key(), sum);
    Ok(())
}

pub(crate) fn vjp_of_decomposition(
    f: &dyn Fn(&[Array]) -> Result<Vec<Array>>,
    inputs: &[Array],
    cotangents: &[Array],
) -> Result<Vec<Option<Array>>> {
    let (_, grads) = vjp(f, inputs, cotangents)?;
    let differentiable = |x: &Array| x.dtype().is_inexact();
    Ok(inputs
        .iter()
        .zip(grads)
        .map(|(x, g)| differentiable(x).then_some(g))
        .collect())
}

/// The value of the scalar function `f` at `primals` and its gradient with respect to each.
///
/// # Errors
/// [`Error::Shape`] when the value is not a scalar, [`Error::Dtype`] when it is not a float; else as
/// [`vjp`].
pub fn value_and_grad(
    f: impl FnOnce(&[Array]) -> Result<Array>,
    primals: &[Array],
) -> Result<(Array, Vec<Array>)> {
    let (mut values, grads) = pull_back(|x| f(x).map(|y| vec![y]), primals, of_first)?;
    Ok((values.swap_remove(0), grads))
}

/// Cotangents that make a gradient: one for the first output, a scalar, and zero for the others.
pub(super) fn of_first(outputs: &[Array]) -> Result<Vec<Array>> {
    let Some(value) = outputs.first() else {
        return Err(Error::value(
            "grad",
            "needs a loss; the function returned no array",
        ));
    };
    if value.rank() != 0 {
        return Err(Error::shape(
            "grad",
            format!("needs a scalar loss, not {value:?}"),
        ));
    }
    if !value.dtype().is_float() || value.dtype() == Dtype::C64 {
        return Err(Error::dtype(
            "grad",
            format!("needs a float loss, not {value:?}"),
        ));
    }
    let others = outputs[1..]
        .iter()
        .map(|o| Array::full(o.shape(), 0.0, o.dtype()));
    std::iter::once(Ok(Array::scalar_of(1.0, value.dtype())))
        .chain(others)
        .collect()
}

/// As [`value_and_grad`], with respect to the primals that `wrt` numbers; the gradients are in its order.
///
/// # Errors
/// As [`value_and_grad`]; [`Error::Index`] when there is no such primal.
pub fn value_and_grad_wrt(
    f: impl FnOnce(&[Array]) -> Result<Array>,
    primals: &[Array],
    wrt: &[usize],
) -> Result<(Array, Vec<Array>)> {
    if let Some(none) = wrt.iter().find(|&&i| i >= primals.len()) {
        let message = format!("there is no operand {none}; there are {}", primals.len());
        return Err(Error::index("grad", message));
    }
    let chosen: Vec<Array> = wrt.iter().map(|&i| primals[i].clone()).collect();
    let whole = |x: &[Array]| {
        let mut all = primals.to_vec();
        for (&at, x) in wrt.iter().zip(x) {
            all[at] = x.clone();
        }
        f(&all)
    };
    value_and_grad(whole, &chosen)
}

/// The gradient of the scalar function `f` at `primals`.
///
/// # Errors
/// As [`value_and_grad`].
pub fn grad(f: impl FnOnce(&[Array]) -> Result<Array>, primals: &[Array]) -> Result<Vec<Array>> {
    value_and_grad(f, primals).map(|(_, grads)| grads)
}
