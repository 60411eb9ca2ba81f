//! A function as a list of operations: what tracing gives, and what is optimised, planned or run again.
//!
//! Values are numbered: the operands, then the captured arrays, then the results of each step. A trace
//! holds no nodes, so the graph that it was read from, and its values, can be dropped.

use std::collections::{HashMap, HashSet};

use smallvec::SmallVec;

use crate::array::Array;
use crate::error::{Error, Result};
use crate::node::Inputs;
use crate::op::{Op, Outs};
use crate::shape::Shape;
use crate::stream::{Stream, with_stream};
use crate::transforms::graph::dependents;

/// A value's number.
pub(crate) type Slot = u32;

/// One operation.
#[derive(Clone)]
pub(crate) struct TraceStep {
    pub(crate) op: Op,
    pub(crate) stream: Stream,
    pub(crate) inputs: SmallVec<[Slot; 4]>,
    /// Number of the first result; the others follow.
    pub(crate) first: Slot,
    pub(crate) outs: Outs,
}

/// A node's array and its inputs.
type Built = (Array, Inputs);

/// Views of captured arrays that `order` and `outputs` use and that nobody has evaluated, bases first:
/// a scalar that was broadcast is captured as the scalar.
fn free_views(operands: &[Array], order: &[Built], outputs: &[Array]) -> Vec<Built> {
    let nodes = order.iter().map(|(array, _)| array);
    let mut seen: HashSet<usize> = nodes.chain(operands).map(|a| a.key().0).collect();
    let mut views = Vec::new();
    for used in order.iter().flat_map(|(_, inputs)| inputs).chain(outputs) {
        let mut chain = Vec::new();
        let mut at = used.clone();
        while matches!(at.op(), Op::View(_)) && !at.node().is_traced() {
            // An evaluation, by any thread, takes the inputs.
            let inputs = at.node().inputs();
            let Some(from) = inputs.first().cloned() else {
                break;
            };
            if !seen.insert(at.key().0) {
                break;
            }
            chain.push((at, inputs));
            at = from;
        }
        views.extend(chain.into_iter().rev());
    }
    views
}

/// Nodes without results below `outputs`, inputs before users, without recursion.
fn unevaluated(outputs: &[Array]) -> Vec<Built> {
    let mut order = Vec::new();
    let mut seen: HashSet<usize> = HashSet::new();
    let mut stack: Vec<(Array, Option<Inputs>)> =
        outputs.iter().map(|o| (o.clone(), None)).collect();
    while let Some((array, inputs)) = stack.pop() {
        if let Some(inputs) = inputs {
            order.push((array, inputs));
            continue;
        }
        let begins = array.node().results().is_some() || matches!(array.op(), Op::Leaf);
        if begins || !seen.insert(array.key().0) {
            continue;
        }
        let inputs = array.node().inputs();
        stack.push((array, Some(inputs.clone())));
        stack.extend(inputs.into_iter().rev().map(|i| (i, None)));
    }
    order
}

/// A function of arrays.
#[derive(Clone, Default)]
pub(crate) struct Trace {
    /// Number of operands.
    pub(crate) operands: usize,
    /// Their shapes.
    pub(crate) shapes: Vec<Shape>,
    /// Arrays that the function refers to besides its operands.
    pub(crate) captured: Vec<Array>,
    /// In topological order.
    pub(crate) steps: Vec<TraceStep>,
    pub(crate) outputs: Vec<Slot>,
}

impl Trace {
    /// What `outputs` are made of, seen from `operands`: whatever does not depend on these is captured.
    pub(crate) fn record(operands: &[Array], outputs: &[Array]) -> Trace {
        // Shallow outputs first, as evaluation does it: what they alone need dies early.
        let mut roots = outputs.to_vec();
        roots.sort_by_key(|o| o.node().depth);
        let order = dependents(operands, &roots).into_iter();
        let mut order: Vec<Built> = (order.map(|a| (a.clone(), a.node().inputs()))).collect();
        let views = free_views(operands, &order, outputs);
        order.splice(0..0, views);
        Trace::of(operands, &order, outputs)
    }

    /// What `outputs` are made of by nodes that nobody has evaluated, as a function without operands:
    /// where these nodes begin is captured.
    pub(crate) fn of_graph(outputs: &[Array]) -> Trace {
        Trace::of(&[], &unevaluated(outputs), outputs)
    }

    /// The function that `order`, inputs before users, computes; what it uses besides `operands` is captured.
    fn of(operands: &[Array], order: &[Built], outputs: &[Array]) -> Trace {
        let mut trace = Trace {
            operands: operands.len(),
            shapes: operands.iter().map(|o| o.shape().clone()).collect(),
            ..Trace::default()
        };
        let mut slots = operands.len() as Slot;
        let mut known: HashMap<(usize, u32), Slot> = HashMap::new();
        for (slot, operand) in operands.iter().enumerate() {
            known.insert(operand.key(), slot as Slot);
        }
        let computed: HashSet<usize> = order.iter().map(|(a, _)| a.key().0).collect();
        for used in order.iter().flat_map(|(_, inputs)| inputs).chain(outputs) {
            if !computed.contains(&used.key().0) && !known.contains_key(&used.key()) {
                known.insert(used.key(), slots);
                slots += 1;
                trace.captured.push(used.clone());
            }
        }
        for (array, inputs) in order {
            let node = array.node();
            let first = slots;
            trace.steps.push(TraceStep {
                op: node.op.clone(),
                stream: node.stream(),
                inputs: inputs.iter().map(|i| known[&i.key()]).collect(),
                first,
                outs: node.outs.clone(),
            });
            for sibling in array.siblings() {
                known.insert(sibling.key(), slots);
                slots += 1;
            }
        }
        trace.outputs = outputs.iter().map(|o| known[&o.key()]).collect();
        trace
    }

    /// Numbers given out.
    pub(crate) fn slots_used(&self) -> usize {
        let known = self.operands + self.captured.len();
        (self.steps.last()).map_or(known, |s| s.first as usize + s.outs.len())
    }

    /// Makes the captured arrays that an outer transform follows operands, and returns them.
    pub(crate) fn follow_captured(&mut self) -> Vec<Array> {
        let follows = |a: &Array| a.node().is_traced() && a.dtype().is_inexact();
        let (followed, kept): (Vec<usize>, Vec<usize>) =
            (0..self.captured.len()).partition(|&i| follows(&self.captured[i]));
        let mut renumbered = vec![0; self.captured.len()];
        for (to, &from) in followed.iter().chain(&kept).enumerate() {
            renumbered[from] = to;
        }
        let (low, high) = (self.operands, self.operands + self.captured.len());
        let new = |slot: &mut Slot| {
            let at = *slot as usize;
            if (low..high).contains(&at) {
                *slot = (low + renumbered[at - low]) as Slot;
            }
        };
        self.steps
            .iter_mut()
            .flat_map(|s| &mut s.inputs)
            .for_each(new);
        self.outputs.iter_mut().for_each(new);
        let pick = |of: Vec<usize>| of.into_iter().map(|i| self.captured[i].clone()).collect();
        let (followed, kept): (Vec<Array>, Vec<Array>) = (pick(followed), pick(kept));
        self.operands += followed.len();
        self.shapes
            .extend(followed.iter().map(|a| a.shape().clone()));
        self.captured = kept;
        followed
    }

    /// [`Trace::replay`] with the captured arrays of the trace.
    pub(crate) fn replay_with(&self, operands: &[Array]) -> Result<Vec<Array>> {
        self.replay(operands, &self.captured)
    }

    /// The function's outputs as a new graph over `operands` and `captured`.
    pub(crate) fn replay(&self, operands: &[Array], captured: &[Array]) -> Result<Vec<Array>> {
        if operands.len() != self.operands || captured.len() != self.captured.len() {
            return Err(Error::value("trace", "another number of operands"));
        }
        let mut values: Vec<Array> = Vec::with_capacity(self.slots_used());
        values.extend(operands.iter().chain(captured).cloned());
        for step in &self.steps {
            let outs = {
                let inputs = step.inputs.iter().map(|&i| &values[i as usize]);
                let inputs: SmallVec<[&Array; 4]> = inputs.collect();
                with_stream(step.stream, || Array::outputs_of(step.op.clone(), &inputs))?
            };
            values.extend(outs);
        }
        let outputs = self.outputs.iter().map(|&o| values[o as usize].clone());
        Ok(outputs.collect())
    }
}
