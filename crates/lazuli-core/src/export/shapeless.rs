//! Operands of other lengths than those at which a function was traced.
//!
//! Most operations say nothing of lengths and infer their results. Three do: a broadcast before an
//! elementwise operation follows the other operands, a slice takes the whole of an axis, and a reshape keeps the meaning of its axes (kept,
//! joined, split, put in, taken out) where lengths allow only one. Whether that is what the function
//! would have done is not guessed but tried when it is written: each axis, and all axes of one length
//! together, is made longer, the function is traced there too, and only axes at which both traces are
//! the same, constants included, may have other lengths later. So a mean over an axis, which divides by
//! its length, fixes that axis, and is refused at another length instead of being wrong.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::function::{Graph, Step};
use crate::array::Array;
use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::op::Op;
use crate::ops::view::View;
use crate::shape::Shape;

/// An axis of an operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Axis {
    operand: u32,
    axis: u32,
}

/// Axes that are made longer together.
pub(super) struct Lengths {
    pub(super) axes: Vec<Axis>,
}

impl Lengths {
    /// Each axis alone, and those of one length together.
    pub(super) fn of(specs: &[(Shape, Dtype)]) -> impl Iterator<Item = Lengths> {
        let mut all = Vec::new();
        for (operand, (shape, _)) in specs.iter().enumerate() {
            for (axis, &length) in shape.iter().enumerate() {
                let (operand, axis) = (operand as u32, axis as u32);
                all.push((length, Axis { operand, axis }));
            }
        }
        let lengths: BTreeSet<usize> = all.iter().map(|(length, _)| *length).collect();
        let together = lengths.into_iter().filter_map(|length| {
            let same = all.iter().filter(|(other, _)| *other == length);
            let axes: Vec<Axis> = same.map(|(_, axis)| *axis).collect();
            (axes.len() > 1).then_some(Lengths { axes })
        });
        let together: Vec<Lengths> = together.collect();
        let alone = all
            .into_iter()
            .map(|(_, axis)| Lengths { axes: vec![axis] });
        alone.chain(together)
    }

    /// The operands with these axes longer.
    pub(super) fn changed(&self, specs: &[(Shape, Dtype)]) -> Vec<(Shape, Dtype)> {
        let mut specs = specs.to_vec();
        for Axis { operand, axis } in &self.axes {
            if let Some((shape, _)) = specs.get_mut(*operand as usize)
                && let Some(length) = shape.dims_mut().get_mut(*axis as usize)
            {
                *length += 3;
            }
        }
        specs
    }
}

/// Whether only free axes have other lengths: those of one set that together were made longer, by as
/// many sets as it takes.
pub(super) fn allows(free: &[Vec<Axis>], specs: &[(Shape, Dtype)], operands: &[Array]) -> bool {
    let mut left: BTreeSet<Axis> = BTreeSet::new();
    for (operand, (x, (shape, _))) in operands.iter().zip(specs).enumerate() {
        for axis in 0..shape.len() {
            if x.dim(axis) != shape[axis] {
                let (operand, axis) = (operand as u32, axis as u32);
                left.insert(Axis { operand, axis });
            }
        }
    }
    let changed = left.clone();
    let covers = |set: &&Vec<Axis>| set.iter().all(|axis| changed.contains(axis));
    let length = |at: &Axis| {
        operands
            .get(at.operand as usize)
            .map(|x| x.dim(at.axis as usize))
    };
    for set in free.iter().filter(covers) {
        let first = set.first().and_then(length);
        if set.iter().all(|axis| length(axis) == first) {
            set.iter().for_each(|axis| {
                left.remove(axis);
            });
        }
    }
    left.is_empty()
}

impl Graph {
    /// A step's results where operands have other lengths.
    pub(super) fn elsewhere(&self, step: &Step, inputs: &[&Array]) -> Result<Vec<Array>> {
        let op = step.op.clone();
        match &step.op {
            Op::Binary(_) | Op::Select(_) => {
                let shapes: Vec<Shape> = inputs.iter().map(|x| x.shape().clone()).collect();
                let all = Shape::broadcast_all(op.name(), &shapes)?;
                let wide = inputs.iter().map(|x| x.broadcast_to(&all));
                let wide = wide.collect::<Result<Vec<Array>>>()?;
                Array::outputs_of(op, &wide.iter().collect::<Vec<_>>())
            }
            Op::View(view) => match (&**view, inputs, step.inputs.first()) {
                (View::Broadcast(to), [x], Some(&from)) => {
                    let was = &self.spec(from).ok_or_else(|| unclear(x, to))?.0;
                    // An elementwise operation makes it as wide as its other operands.
                    if self.feeds_elementwise(step) {
                        return Ok(vec![(*x).clone()]);
                    }
                    Ok(vec![x.broadcast_to(
                        widened(was, to, x.shape()).ok_or_else(|| unclear(x, to))?,
                    )?])
                }
                (View::Slice { start, step, len }, [x], Some(&from)) => {
                    let was = &self.spec(from).ok_or_else(|| unclear(x, len))?.0;
                    // An axis that is taken whole is taken whole at every length.
                    let whole = |a: usize| start[a] == 0 && step[a] == 1 && len[a] == was[a];
                    if was.len() != x.rank() || len.len() != x.rank() {
                        return Err(unclear(x, len));
                    }
                    let now = (0..len.len()).map(|a| if whole(a) { x.dim(a) } else { len[a] });
                    Ok(vec![x.slice(start, step, now.collect::<Shape>())?])
                }
                (View::Reshape(to), [x], Some(&from)) => {
                    let was = &self.spec(from).ok_or_else(|| unclear(x, to))?.0;
                    let to = reshaped(was, to, x.shape()).ok_or_else(|| unclear(x, to))?;
                    Ok(vec![x.reshape(to)?])
                }
                _ => Array::outputs_of(op, inputs),
            },
            _ => Array::outputs_of(op, inputs),
        }
    }

    /// Whether all users of a step are elementwise, and there are some.
    fn feeds_elementwise(&self, step: &Step) -> bool {
        let mut at = (self.operands.len() + self.constants.len()) as u32;
        for other in &self.steps {
            if std::ptr::eq(other, step) {
                break;
            }
            at += other.outs.len() as u32;
        }
        let mut users = self
            .steps
            .iter()
            .filter(|s| s.inputs.contains(&at))
            .peekable();
        users.peek().is_some()
            && !self.outputs.contains(&at)
            && users.all(|s| matches!(s.op, Op::Binary(_) | Op::Select(_)))
    }
}

fn unclear(x: &Array, to: &Shape) -> Error {
    let what = format!("how {x:?} becomes like {to} is not clear at this length");
    Error::shape("import_function", what)
}

/// What `to`, to which `was` was broadcast, is for `now`.
fn widened(was: &Shape, to: &Shape, now: &Shape) -> Option<Shape> {
    let lead = to.len().checked_sub(was.len())?;
    let mut out = to.clone();
    for axis in 0..was.len() {
        if was[axis] == to[lead + axis] {
            out.dims_mut()[lead + axis] = now[axis];
        }
    }
    Some(out)
}

/// What `to`, to which `was` was reshaped, is for `now`: runs of axes with equal products correspond.
fn reshaped(was: &Shape, to: &Shape, now: &Shape) -> Option<Shape> {
    let mut out: Vec<usize> = Vec::new();
    let (mut i, mut j) = (0, 0);
    while i < was.len() || j < to.len() {
        // An axis of one that is only here, or only there.
        if j < to.len() && to[j] == 1 && (i == was.len() || was[i] != 1) {
            out.push(1);
            j += 1;
            continue;
        }
        if i < was.len() && was[i] == 1 && (j == to.len() || to[j] != 1) {
            if now[i] != 1 {
                return None;
            }
            i += 1;
            continue;
        }
        let (from_i, from_j) = (i, j);
        let (mut a, mut b) = (*was.get(i)?, *to.get(j)?);
        (i, j) = (i + 1, j + 1);
        while a != b {
            if a < b {
                a = a.checked_mul(*was.get(i)?)?;
                i += 1;
            } else {
                b = b.checked_mul(*to.get(j)?)?;
                j += 1;
            }
        }
        let (before, after) = (&was[from_i..i], &now[from_i..i]);
        if before == after {
            out.extend(&to[from_j..j]);
        } else if j - from_j == 1 {
            out.push(after.iter().try_fold(1usize, |n, &d| n.checked_mul(d))?);
        } else {
            // One axis split: the parts behind the first keep their lengths.
            let rest: usize = to[from_j + 1..j].iter().product();
            let all = after.iter().try_fold(1usize, |n, &d| n.checked_mul(d))?;
            if rest == 0 || !all.is_multiple_of(rest) {
                return None;
            }
            out.push(all / rest);
            out.extend(&to[from_j + 1..j]);
        }
    }
    Some(out.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reshape_means_the_same_at_another_length() {
        type Lengths = &'static [usize];
        let cases: [(Lengths, Lengths, Lengths, Option<Lengths>); 7] = [
            (&[4, 6], &[24], &[5, 6], Some(&[30])),
            (&[4, 6], &[4, 2, 3], &[5, 6], Some(&[5, 2, 3])),
            (&[4, 1], &[4], &[5, 1], Some(&[5])),
            (&[4], &[4, 1], &[5], Some(&[5, 1])),
            (&[24], &[4, 6], &[30], Some(&[5, 6])),
            (&[24], &[4, 6], &[25], None),
            (&[1, 4], &[4], &[2, 4], None),
        ];
        for (was, to, now, wanted) in cases {
            let got = reshaped(&was.into(), &to.into(), &now.into());
            assert_eq!(got, wanted.map(Shape::from), "{was:?} {to:?} {now:?}");
        }
    }
}
