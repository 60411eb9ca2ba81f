//! A trace made smaller without changing a bit of its results.
//!
//! One scalar captured twice is captured once; a view of a view is one view; equal operations on equal
//! operands are one; what no output needs is dropped. Arithmetic is left alone: `x + 0` is not `x` for
//! -0, and `x * 1` is not for a signalling NaN.

use std::collections::HashMap;

use smallvec::SmallVec;

use super::trace::{Slot, Trace, TraceStep};
use crate::array::Array;
use crate::op::Op;
use crate::ops::view::View;
use crate::shape::Shape;
use crate::stream::Stream;

/// The same function in fewer operations.
pub(crate) fn simplify(trace: &Trace) -> Trace {
    let mut made = Simplified::new(trace);
    for step in &trace.steps {
        made.step(step);
    }
    let outputs = trace
        .outputs
        .iter()
        .map(|&o| made.new[o as usize])
        .collect();
    made.trace.outputs = outputs;
    without_dead(made.trace)
}

type Key = (Op, Stream, SmallVec<[Slot; 4]>);

struct Simplified {
    trace: Trace,
    /// The new number of each old value.
    new: Vec<Slot>,
    /// Shape of each new value, and the step that computes it.
    shapes: Vec<(Shape, Option<usize>)>,
    known: HashMap<Key, Slot>,
}

impl Simplified {
    fn new(from: &Trace) -> Simplified {
        let mut made = Simplified {
            trace: Trace {
                operands: from.operands,
                ..Trace::default()
            },
            new: (0..from.operands as Slot).collect(),
            shapes: vec![(Shape::default(), None); from.operands],
            known: HashMap::new(),
        };
        for (slot, shape) in from.shapes.iter().enumerate() {
            made.shapes[slot].0 = shape.clone();
        }
        let mut scalars: HashMap<(u8, Vec<u8>), Slot> = HashMap::new();
        for array in &from.captured {
            let fresh = made.shapes.len() as Slot;
            let slot = match scalar(array) {
                Some(value) => *scalars.entry(value).or_insert(fresh),
                None => fresh,
            };
            if slot == fresh {
                made.trace.captured.push(array.clone());
                made.shapes.push((array.shape().clone(), None));
            }
            made.new.push(slot);
        }
        made
    }

    fn step(&mut self, step: &TraceStep) {
        let inputs = step.inputs.iter().map(|&i| self.new[i as usize]);
        let (op, inputs) = self.shortened(step.op.clone(), inputs.collect());
        if let (Op::View(view), Some(&from)) = (&op, inputs.first())
            && changes_nothing(view, &self.shapes[from as usize].0)
        {
            self.new.push(from);
            return;
        }
        let key = (op, step.stream, inputs);
        let first = match self.known.get(&key) {
            Some(&first) if is_pure(&key.0) => first,
            _ => self.push(step, &key),
        };
        self.known.insert(key, first);
        self.new.extend((first..).take(step.outs.len()));
    }

    fn push(&mut self, step: &TraceStep, (op, stream, inputs): &Key) -> Slot {
        let first = self.shapes.len() as Slot;
        let at = self.trace.steps.len();
        for (shape, _) in &step.outs {
            self.shapes.push((shape.clone(), Some(at)));
        }
        self.trace.steps.push(TraceStep {
            op: op.clone(),
            stream: *stream,
            inputs: inputs.clone(),
            first,
            outs: step.outs.clone(),
        });
        first
    }

    /// A view of a view of the same kind as one view.
    fn shortened(&self, op: Op, inputs: SmallVec<[Slot; 4]>) -> (Op, SmallVec<[Slot; 4]>) {
        let below = |slot: Slot| {
            let at = self.shapes[slot as usize].1?;
            let step = &self.trace.steps[at];
            match &step.op {
                Op::View(view) => Some((&**view, step.inputs[0])),
                _ => None,
            }
        };
        let Op::View(view) = &op else {
            return (op, inputs);
        };
        let joined = below(inputs[0]).and_then(|(under, from)| {
            let view = match (&**view, under) {
                (View::Reshape(to), View::Reshape(_)) => View::Reshape(to.clone()),
                (View::Broadcast(to), View::Broadcast(_)) => View::Broadcast(to.clone()),
                (View::Permute(outer), View::Permute(inner)) => {
                    View::Permute(outer.iter().map(|&axis| inner[axis]).collect())
                }
                _ => return None,
            };
            Some((Op::View(Box::new(view)), SmallVec::from_slice(&[from])))
        });
        joined.unwrap_or((op, inputs))
    }
}

fn changes_nothing(view: &View, from: &Shape) -> bool {
    match view {
        View::Identity => true,
        View::Reshape(to) | View::Broadcast(to) => to == from,
        View::Permute(perm) => perm.iter().copied().eq(0..perm.len()),
        _ => false,
    }
}

fn is_pure(op: &Op) -> bool {
    match op {
        Op::Custom(custom) => custom.0.key().is_some() && custom.0.is_pure(),
        _ => true,
    }
}

/// Dtype and bytes of a scalar that is known and that no transform follows.
fn scalar(array: &Array) -> Option<(u8, Vec<u8>)> {
    let known = array.rank() == 0 && array.is_evaluated() && matches!(array.op(), Op::Leaf);
    let bytes = (known && !array.node().is_traced()).then(|| array.to_bytes().ok())??;
    Some((array.dtype() as u8, bytes))
}

/// The steps and captures that the outputs need, numbered anew.
fn without_dead(trace: Trace) -> Trace {
    let mut live = vec![false; trace.operands + trace.captured.len()];
    live.resize(trace.slots_used(), false);
    for &output in &trace.outputs {
        live[output as usize] = true;
    }
    for step in trace.steps.iter().rev() {
        let results = step.first as usize..step.first as usize + step.outs.len();
        if results.clone().any(|r| live[r]) {
            live[results].fill(true);
            step.inputs.iter().for_each(|&i| live[i as usize] = true);
        }
    }
    let mut new: Vec<Slot> = (0..trace.operands as Slot).collect();
    let mut made = Trace {
        operands: trace.operands,
        shapes: trace.shapes,
        ..Trace::default()
    };
    let mut next = trace.operands as Slot;
    for (at, array) in trace.captured.into_iter().enumerate() {
        new.push(next);
        if live[trace.operands + at] {
            made.captured.push(array);
            next += 1;
        }
    }
    for mut step in trace.steps {
        let first = next;
        new.extend((first..).take(step.outs.len()));
        if !live[step.first as usize] {
            continue;
        }
        next += step.outs.len() as Slot;
        step.inputs.iter_mut().for_each(|i| *i = new[*i as usize]);
        step.first = first;
        made.steps.push(step);
    }
    made.outputs = trace.outputs.iter().map(|&o| new[o as usize]).collect();
    made
}
