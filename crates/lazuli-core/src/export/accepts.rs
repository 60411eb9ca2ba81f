//! How many operands an operation takes, and which payloads its own rules do not check.
//!
//! Builders never get these wrong, so no rule looks; a file may say anything.

use crate::array::Array;
use crate::error::{Error, Result};
use crate::op::Op;
use crate::ops::linalg::Linalg;
use crate::ops::quantized::Quantization;
use crate::ops::view::View;

/// Refuses an operation with a number of operands, or a payload, that no builder gives it.
pub(super) fn check(op: &Op, inputs: &[&Array]) -> Result<()> {
    let (least, most) = operands(op);
    let count = inputs.len();
    if !(least..=most).contains(&count) {
        let takes = match (least, most) {
            (_, usize::MAX) => format!("{least} or more"),
            (least, most) if least == most => least.to_string(),
            _ => format!("{least} to {most}"),
        };
        let what = format!("takes {takes} operands, not {count}");
        return Err(Error::value(op.name(), what));
    }
    match op {
        Op::Quantize(q) => again(q.0),
        Op::FakeQuantize(q) => again(q.0),
        Op::Dequantize(q) => again(q.quantization),
        Op::QuantizedMatmul(q) => again(q.quantization),
        Op::GatherMatmul(q) => q.quantization.map_or(Ok(()), again),
        Op::RoleMatmul(q) => again(q.quantization),
        Op::Attention(a) => a.affine.map_or(Ok(()), |affine| again(affine.into())),
        Op::View(view) => match **view {
            View::Bits { from, .. } if inputs.iter().any(|x| x.dtype() != from) => {
                let what = format!("is of {from}, not {inputs:?}");
                Err(Error::dtype(op.name(), what))
            }
            _ => Ok(()),
        },
        _ => Ok(()),
    }
}

/// Checks what a constructor would have checked.
fn again(q: Quantization) -> Result<()> {
    Quantization::new(q.mode, Some(q.bits.into()), Some(q.group.into())).map(|_| ())
}

/// The least and the most operands.
fn operands(op: &Op) -> (usize, usize) {
    let n = match op {
        Op::Leaf | Op::Custom(_) | Op::Compiled(_) => return (0, 0),
        Op::Concat(_) | Op::PassThrough(_) => return (1, usize::MAX),
        Op::Gather(op) => 1 + op.axes.len(),
        Op::Scatter(op) => 2 + op.axes.len(),
        Op::RmsNorm(op) => 1 + usize::from(op.weighted) + usize::from(op.gated),
        Op::LayerNorm(op) => 1 + usize::from(op.weighted) + usize::from(op.biased),
        Op::Dequantize(op) => op.quantization.parts(),
        Op::QuantizedMatmul(op) => 1 + op.quantization.parts(),
        Op::GatherMatmul(op) => 2 + op.quantization.map_or(1, Quantization::parts),
        Op::RoleMatmul(op) => {
            1 + op.quantization.parts() + usize::from(op.experts) + usize::from(op.each)
        }
        Op::Attention(op) => 2 + 2 * op.parts() + usize::from(op.sinks),
        // A mask of the queries or sinks may follow.
        Op::ScaledDotProduct(_) => return (3, 4),
        Op::Linalg(Linalg::Solve | Linalg::SolveTriangular { .. }) => 2,
        Op::Arange(_) => 0,
        Op::View(_)
        | Op::Copy(_)
        | Op::Unary(_)
        | Op::Cast(_)
        | Op::Reduce(_)
        | Op::ArgReduce(_)
        | Op::Scan(_)
        | Op::Sort(_)
        | Op::Softmax(_)
        | Op::LogSumExp(_)
        | Op::Quantize(_)
        | Op::FakeQuantize(_)
        | Op::Fp8(_)
        | Op::Route(_)
        | Op::Fft(_)
        | Op::Linalg(_)
        | Op::RandomBits(_) => 1,
        Op::Binary(_)
        | Op::Recurrence(_)
        | Op::SearchSorted(_)
        | Op::Matmul(_)
        | Op::Conv(_)
        | Op::Take(_)
        | Op::TakeAlong(_)
        | Op::SliceUpdate(_)
        | Op::MaskedGather(_)
        | Op::Swiglu(_) => 2,
        Op::Select(_)
        | Op::ScatterAlong(_)
        | Op::MaskedScatter(_)
        | Op::Rope(_)
        | Op::CacheAppend(_)
        | Op::ScatterOuter(_)
        | Op::SegmentedMatmul(_)
        | Op::Combine(_) => 3,
        Op::CausalConv(_) => 4,
        Op::GatedDelta(_) => 7,
    };
    (n, n)
}
