//! Forward mode.

use std::collections::HashMap;

use super::graph::{dependents, release};
use crate::array::Array;
use crate::error::{Error, Result};
use crate::stream::with_stream;

/// The outputs of `f` at `primals` and the Jacobian-vector product with `tangents`.
///
/// # Errors
/// Those of `f`; [`Error::Value`] when the tangents do not match the primals;
/// [`Error::Unsupported`] when an operation has no rule.
pub fn jvp(
    f: impl FnOnce(&[Array]) -> Result<Vec<Array>>,
    primals: &[Array],
    tangents: &[Array],
) -> Result<(Vec<Array>, Vec<Array>)> {
    if primals.len() != tangents.len()
        || primals
            .iter()
            .zip(tangents)
            .any(|(p, t)| p.shape() != t.shape())
    {
        return Err(Error::value(
            "jvp",
            format!("tangents {tangents:?} do not match primals {primals:?}"),
        ));
    }
    let tangents: Vec<Option<Array>> = tangents.iter().cloned().map(Some).collect();
    let (outputs, pushed) = push_forward(f, primals, &tangents)?;
    let filled = outputs.iter().zip(pushed).map(|(o, t)| match t {
        Some(t) => t.broadcast_to(o.shape()),
        None => Array::full(o.shape(), 0.0, o.dtype()),
    });
    let filled = filled.collect::<Result<_>>()?;
    Ok((outputs, filled))
}

type Pushed = (Vec<Array>, Vec<Option<Array>>);

fn push_forward(
    f: impl FnOnce(&[Array]) -> Result<Vec<Array>>,
    primals: &[Array],
    tangents: &[Option<Array>],
) -> Result<Pushed> {
    let tracers: Vec<Array> = primals.iter().map(Array::tracer).collect();
    let outputs = f(&tracers)?;
    let mut known: HashMap<(usize, u32), Array> = HashMap::new();
    for (tracer, tangent) in tracers.iter().zip(tangents) {
        if let Some(t) = tangent {
            known.insert(tracer.key(), t.clone());
        }
    }
    for array in dependents(&tracers, &outputs) {
        let inputs = array.node().inputs();
        let tangents: Vec<Option<Array>> = inputs
            .iter()
            .map(|i| known.get(&i.key()).cloned())
            .collect();
        let Some(family) = array
            .op()
            .family()
            .filter(|_| tangents.iter().any(Option::is_some))
        else {
            continue;
        };
        let stream = array.node().stream();
        let along = with_stream(stream, || family.jvp(&inputs, &tangents))?;
        for (sibling, tangent) in array.siblings().iter().zip(along) {
            if let Some(t) = tangent {
                known.insert(sibling.key(), t.broadcast_to(sibling.shape())?);
            }
        }
    }
    let pushed = outputs
        .iter()
        .map(|o| known.get(&o.key()).cloned())
        .collect::<Vec<Option<Array>>>();
    let results: Vec<Array> = outputs
        .iter()
        .chain(pushed.iter().flatten())
        .cloned()
        .collect();
    release(&tracers, &results);
    Ok((outputs, pushed))
}

pub(crate) fn jvp_of_decomposition(
    f: &dyn Fn(&[Array]) -> Result<Vec<Array>>,
    inputs: &[Array],
    tangents: &[Option<Array>],
) -> Result<Vec<Option<Array>>> {
    push_forward(f, inputs, tangents).map(|(_, pushed)| pushed)
}
