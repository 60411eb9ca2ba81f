//! Vectorisation: a function of one example becomes a function of a batch.

use std::collections::HashMap;

use super::batch::{self, Mapped};
use super::graph::dependents;
use crate::array::Array;
use crate::error::{Error, Result};
use crate::stream::with_stream;

/// `f` over a batch: `axes` names each input's batch axis, none where the input is the same for every
/// example. The outputs have the batch axis first.
///
/// # Errors
/// Those of `f`; [`Error::Value`] when no input is batched; [`Error::Shape`] when batch sizes differ.
pub fn vmap(
    f: impl FnOnce(&[Array]) -> Result<Vec<Array>>,
    inputs: &[Array],
    axes: &[Option<usize>],
) -> Result<Vec<Array>> {
    mapped(f, inputs, axes)?
        .into_iter()
        .map(|out| batch::place(out, 0))
        .collect()
}

/// [`vmap`], whose outputs have their batch axes where the rules left them.
pub(super) fn mapped(
    f: impl FnOnce(&[Array]) -> Result<Vec<Array>>,
    inputs: &[Array],
    axes: &[Option<usize>],
) -> Result<Vec<Mapped>> {
    let mut size = None;
    for (x, axis) in inputs.iter().zip(axes) {
        x.check()?;
        let Some(axis) = *axis else { continue };
        let n = x.shape()[x.shape().axis("vmap", axis as isize)?];
        if *size.get_or_insert(n) != n {
            return Err(Error::shape(
                "vmap",
                format!("batch sizes differ: {inputs:?} along {axes:?}"),
            ));
        }
    }
    let Some(size) = size.filter(|_| axes.len() == inputs.len()) else {
        return Err(Error::value(
            "vmap",
            "needs one axis entry per input and one batched input",
        ));
    };
    let sized = |(array, axis)| Mapped { array, axis, size };
    Ok(replay(f, inputs, axes)?.into_iter().map(sized).collect())
}

type Batched = (Array, Option<usize>);

fn replay(
    f: impl FnOnce(&[Array]) -> Result<Vec<Array>>,
    inputs: &[Array],
    axes: &[Option<usize>],
) -> Result<Vec<Batched>> {
    let examples: Vec<Array> = inputs
        .iter()
        .zip(axes)
        .map(|(x, axis)| match axis {
            Some(axis) => Array::placeholder(x.shape().without(*axis), x.dtype()),
            None => x.tracer(),
        })
        .collect();
    let outputs = f(&examples)?;
    for output in &outputs {
        output.check()?;
    }
    let mut known: HashMap<(usize, u32), Batched> = HashMap::new();
    for (example, (x, axis)) in examples.iter().zip(inputs.iter().zip(axes)) {
        known.insert(example.key(), (x.clone(), *axis));
    }
    let of = |known: &HashMap<(usize, u32), Batched>, a: &Array| {
        known
            .get(&a.key())
            .cloned()
            .unwrap_or_else(|| (a.clone(), None))
    };
    for array in dependents(&examples, &outputs) {
        let (inputs, axes): (Vec<Array>, Vec<Option<usize>>) =
            array.node().inputs().iter().map(|i| of(&known, i)).unzip();
        let Some(family) = array.op().family() else {
            continue;
        };
        let results = with_stream(array.node().stream(), || {
            match family.vmap(&inputs, &axes) {
                Err(Error::Unsupported(_)) => one_by_one(&array, &inputs, &axes),
                results => results,
            }
        })?;
        for (sibling, result) in array.siblings().iter().zip(results) {
            known.insert(sibling.key(), result);
        }
    }
    Ok(outputs.iter().map(|o| of(&known, o)).collect())
}

/// The operation on each example in turn: slow, and right for every operation.
fn one_by_one(array: &Array, inputs: &[Array], axes: &[Option<usize>]) -> Result<Vec<Batched>> {
    let size = inputs
        .iter()
        .zip(axes)
        .find_map(|(x, a)| a.map(|a| x.dim(a)));
    let Some(size) = size else {
        // The same for every example: it is made of operands that are.
        let refs: Vec<&Array> = inputs.iter().collect();
        let outs = Array::outputs_of(array.op().clone(), &refs)?;
        return Ok(outs.into_iter().map(|out| (out, None)).collect());
    };
    let mut columns: Vec<Vec<Array>> = Vec::new();
    for i in 0..size {
        let operands = inputs
            .iter()
            .zip(axes)
            .map(|(x, axis)| match axis {
                Some(axis) => {
                    let one = x.narrow(*axis as isize, i, i + 1)?;
                    one.reshape(x.shape().without(*axis))
                }
                None => Ok(x.clone()),
            })
            .collect::<Result<Vec<_>>>()?;
        let refs: Vec<&Array> = operands.iter().collect();
        let outs = Array::outputs_of(array.op().clone(), &refs)?;
        columns.resize_with(outs.len(), Vec::new);
        for (column, out) in columns.iter_mut().zip(outs) {
            column.push(out);
        }
    }
    columns
        .into_iter()
        .map(|c| Ok((Array::stack(&c, 0)?, Some(0))))
        .collect()
}

/// An operation's definition in base operations, if it has one.
type Decompose<'a> = dyn Fn(&[Array]) -> Option<Result<Vec<Array>>> + 'a;

pub(crate) fn vmap_of_decomposition(
    op: &'static str,
    decompose: &Decompose<'_>,
    inputs: &[Array],
    axes: &[Option<usize>],
) -> Result<Vec<Batched>> {
    let missing = || Error::unsupported(op, "no vmap rule");
    replay(
        |x| decompose(x).unwrap_or_else(|| Err(missing())),
        inputs,
        axes,
    )
}
