//! Recomputation: the gradient of a function that forgets what it computed inside.
//!
//! The function is traced when it is called; for the gradient its operations are run again, once the
//! cotangent is there, on operands that depend on it. Captured arrays that an outer transform follows
//! are operands of the recomputation too, so their gradients are right. Not chosen: calling the
//! function again, which would need closures that live for ever and see the same captures twice.

use std::sync::Arc;

use super::graph;
use crate::array::Array;
use crate::compile::trace::Trace;
use crate::error::Result;
use crate::op::Op;
use crate::ops::pass_through::{FunctionRules, PassThrough, Rules, depends};

/// `f` of `primals`, whose gradient computes `f` again instead of keeping what is inside it.
///
/// # Errors
/// Those of `f`.
pub fn checkpoint(
    f: impl FnOnce(&[Array]) -> Result<Vec<Array>>,
    primals: &[Array],
) -> Result<Vec<Array>> {
    let tracers: Vec<Array> = primals.iter().map(Array::tracer).collect();
    let traced = f(&tracers)?;
    let mut trace = Trace::record(&tracers, &traced);
    graph::release(&tracers, &traced);
    drop((tracers, traced));
    let outputs = trace.replay_with(primals)?;
    if outputs.is_empty() {
        return Ok(outputs);
    }
    // What an outer transform follows becomes an operand: it has a cotangent.
    let followed = trace.follow_captured();
    let operands: Vec<Array> = primals.iter().chain(&followed).cloned().collect();
    let op = PassThrough::Custom {
        primals: operands.len(),
        rules: Rules(Arc::new(Recomputed(trace))),
    };
    let inputs: Vec<&Array> = operands.iter().chain(&outputs).collect();
    Array::outputs_of(Op::from(Box::new(op)), &inputs)
}

struct Recomputed(Trace);

impl FunctionRules for Recomputed {
    fn vjp(
        &self,
        primals: &[Array],
        _: &[Array],
        cotangents: &[Array],
    ) -> Result<Option<Vec<Option<Array>>>> {
        let waiting = depends(primals, cotangents)?;
        let again = |x: &[Array]| self.0.replay_with(x);
        super::vjp_of_decomposition(&again, &waiting, cotangents).map(Some)
    }

    fn recomputed(&self) -> Option<&Trace> {
        Some(&self.0)
    }
}
