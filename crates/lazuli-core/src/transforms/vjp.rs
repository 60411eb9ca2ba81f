//! Reverse mode.

use std::collections::HashMap;

use super::graph::dependents;
use crate::array::Array;
use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::op::Op;

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

fn pull_back(
    f: impl FnOnce(&[Array]) -> Result<Vec<Array>>,
    primals: &[Array],
    cotangents: impl FnOnce(&[Array]) -> Result<Vec<Array>>,
) -> Result<(Vec<Array>, Vec<Array>)> {
    let tracers: Vec<Array> = primals.iter().map(Array::tracer).collect();
    let outputs = f(&tracers)?;
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
    let grads = grads.collect::<Result<_>>()?;
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
    let Some(family) = array.op().family() else {
        return Ok(());
    };
    let grads = family.vjp(&inputs, &outputs, &cotangents)?;
    for (input, grad) in inputs.iter().zip(grads) {
        if let Some(grad) = grad
            && input.node().traced
        {
            accumulate(known, input, grad)?;
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
    let one = |outputs: &[Array]| {
        let value = &outputs[0];
        if value.rank() != 0 || matches!(value.op(), Op::Leaf) && !value.dtype().is_float() {
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
        Ok(vec![Array::scalar_of(1.0, value.dtype())])
    };
    let (mut values, grads) = pull_back(|x| f(x).map(|y| vec![y]), primals, one)?;
    Ok((values.swap_remove(0), grads))
}

/// The gradient of the scalar function `f` at `primals`.
///
/// # Errors
/// As [`value_and_grad`].
pub fn grad(f: impl FnOnce(&[Array]) -> Result<Array>, primals: &[Array]) -> Result<Vec<Array>> {
    value_and_grad(f, primals).map(|(_, grads)| grads)
}
