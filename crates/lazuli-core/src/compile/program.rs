//! A traced function as one operation of the graph.
//!
//! Its operands are those of the function and then the arrays that it captured, by reference. Plans
//! are lowered when they are first run, one for each layout of the operands; they belong to the
//! program and are dropped with it. To transforms the program is the operations that it is made of.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

use super::simplify::simplify;
use super::trace::{Slot, Trace};
use super::workspace::Workspace;
use crate::array::Array;
use crate::backend::Backend;
use crate::device::Device;
use crate::error::{Error, Result};
use crate::lowered::Lowered;
use crate::node::Data;
use crate::op::{Family, Op, Outs};
use crate::ops::view::View;
use crate::plan::{Plan, Spec};
use crate::stream::Stream;

/// Layouts of operands for which a program keeps a plan.
const LAYOUTS: usize = 16;

/// A traced function.
pub(crate) struct Program {
    /// As it was traced: what transforms see.
    traced: Trace,
    /// What is run.
    simple: Trace,
    /// The outputs of the operation, in `simple`; each once.
    computed: Vec<Slot>,
    outs: Outs,
    /// Memory of the plans.
    workspace: Arc<Workspace>,
    lowered: Mutex<Vec<(Device, Arc<Lowered>)>>,
}

impl Program {
    /// The program of a trace, whose plans use `workspace`.
    pub(crate) fn new(traced: Trace, workspace: Arc<Workspace>) -> Program {
        let simple = simplify(&traced);
        let given = (simple.operands + simple.captured.len()) as Slot;
        let mut computed: Vec<Slot> = simple.outputs.clone();
        computed.retain(|&o| o >= given);
        computed.sort_unstable();
        computed.dedup();
        let outs = computed.iter().filter_map(|&o| {
            let step = simple
                .steps
                .iter()
                .rfind(|s| s.first <= o && o < s.first + s.outs.len() as Slot)?;
            step.outs.get((o - step.first) as usize).cloned()
        });
        Program {
            outs: outs.collect(),
            computed,
            traced,
            simple,
            workspace,
            lowered: Mutex::default(),
        }
    }

    /// The function's outputs at `operands`.
    pub(crate) fn call(self: &Arc<Program>, operands: &[Array]) -> Result<Vec<Array>> {
        let follows = |a: &Array| a.node().is_traced();
        let stream = Stream::current();
        let elsewhere = self.simple.steps.iter().any(|s| s.stream != stream);
        // Inside another trace the function is its operations; so it is when they are of several streams.
        if operands.iter().chain(&self.traced.captured).any(follows) || elsewhere {
            return self.traced.replay_with(operands);
        }
        let inputs: Vec<&Array> = operands.iter().chain(&self.simple.captured).collect();
        let results = match self.computed.is_empty() {
            true => Vec::new(),
            false => apart(Array::outputs_of(Compiled(self.clone()), &inputs)?)?,
        };
        let outputs = self.simple.outputs.iter().map(|o| {
            let array = match self.computed.binary_search(o) {
                Ok(at) => results.get(at),
                Err(_) => inputs.get(*o as usize).copied(),
            };
            array
                .cloned()
                .ok_or_else(|| Error::value("compile", "an output was not traced"))
        });
        outputs.collect()
    }

    /// The plan for these operands, made if it is new.
    pub(crate) fn lowered(
        &self,
        inputs: &[Array],
        values: &[&Data],
        device: Device,
        backend: &Arc<dyn Backend>,
    ) -> Result<Arc<Lowered>> {
        let fits = |made: &Lowered| {
            (values.iter().zip(&made.plan.inputs)).all(|(v, s)| v.layout.strides == s.strides)
        };
        let find = || {
            let made = self.lowered.lock().unwrap_or_else(PoisonError::into_inner);
            let found = made.iter().find(|(on, made)| *on == device && fits(made));
            found.map(|(_, made)| made.clone())
        };
        if let Some(found) = find() {
            return Ok(found);
        }
        let specs = inputs.iter().zip(values).map(|(input, value)| Spec {
            shape: input.shape().clone(),
            dtype: input.dtype(),
            strides: value.layout.strides.clone(),
        });
        let specs: Vec<Spec> = specs.collect();
        let mut plan = Plan::of_function(&specs, &**backend, |x| {
            let (operands, captured) = x.split_at(self.simple.operands);
            let mut outputs = self.simple.clone();
            outputs.outputs = self.computed.clone();
            outputs.replay(operands, captured)
        })?;
        // What the function captured is not its caller's to give.
        plan.state
            .retain(|&(_, input)| input < self.simple.operands);
        let workspace = Some(self.workspace.clone());
        let lowered = Arc::new(Lowered::of_plan(plan, backend, workspace)?);
        let mut made = self.lowered.lock().unwrap_or_else(PoisonError::into_inner);
        if made.len() >= LAYOUTS {
            made.remove(0);
        }
        made.push((device, lowered.clone()));
        Ok(lowered)
    }
}

/// Results as nodes of their own, so that each is freed, or given up to be written in place, whoever
/// keeps another.
fn apart(results: Vec<Array>) -> Result<Vec<Array>> {
    if results.len() < 2 {
        return Ok(results);
    }
    let alone = |r: &Array| Array::from_op(Box::new(View::Identity), &[r]);
    results.iter().map(alone).collect()
}

/// A program as an operation, compared by identity.
#[derive(Clone)]
pub struct Compiled(pub(crate) Arc<Program>);

impl PartialEq for Compiled {
    fn eq(&self, other: &Compiled) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Compiled {}

impl Hash for Compiled {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.0).hash(state);
    }
}

impl fmt::Debug for Compiled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.0.simple.steps.iter().map(|s| s.op.name());
        f.debug_tuple("Compiled")
            .field(&names.collect::<Vec<_>>())
            .finish()
    }
}

impl Family for Compiled {
    fn name(&self) -> &'static str {
        "compiled"
    }

    fn infer(&self, _: &[Array]) -> Result<Outs> {
        // Called only with operands like those that were traced.
        Ok(self.0.outs.clone())
    }

    fn decompose(&self, inputs: &[Array]) -> Option<Result<Vec<Array>>> {
        let simple = &self.0.simple;
        let count = simple.operands.min(inputs.len());
        let mut outputs = simple.clone();
        outputs.outputs = self.0.computed.clone();
        Some(outputs.replay(&inputs[..count], &inputs[count..]))
    }
}

impl From<&Compiled> for Op {
    fn from(compiled: &Compiled) -> Op {
        Op::Compiled(compiled.clone())
    }
}
