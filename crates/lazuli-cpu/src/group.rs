//! Groups of elementwise operations, run tile by tile: an interpreter whose instructions are kernels.
//!
//! The shape's axes are merged as far as all operands allow; a tile is some rows of the last two. Each
//! member runs its own kernel on the tile, so its bits are those of the operation alone, rounding
//! included; what nobody outside needs lives in scratch that stays in cache. Large groups are divided
//! among the threads by tiles. Not chosen: compiled loops, which need a compiler at run time.

use std::sync::{Mutex, PoisonError};

use lazuli_core::error::{Error, Result};
use lazuli_core::ops::reduce::Reduce;
use lazuli_core::plan::{Group, Source, Spec};
use lazuli_core::{Op, Shape};
use smallvec::{SmallVec, smallvec};

use crate::backend::Cpu;
use crate::call::{Call, Run, kernel};
use crate::families::elementwise::strides;
use crate::kernels::elementwise::SHARED_BYTES;
use crate::kernels::math::Scratch;
use crate::operand::{Operand, Output};

/// Elements of a tile, unless a row to be reduced is longer.
const TILE: usize = 4096;

/// A group that is ready to run.
pub(crate) struct Fused {
    /// Merged axes, outermost first; at least two.
    dims: Vec<usize>,
    /// Of each operand, bytes between neighbours along each merged axis.
    steps: Vec<Vec<isize>>,
    members: Vec<Part>,
    /// Rows and columns of a tile.
    tile: (usize, usize),
    /// For full and last rows, for full and last columns.
    forms: [Option<Form>; 4],
    /// Bytes of a thread's scratch.
    scratch: usize,
}

/// A member.
struct Part {
    inputs: SmallVec<[Source; 3]>,
    /// Where its result is.
    to: To,
    size: usize,
    /// One result for each row.
    reduced: bool,
}

#[derive(Clone, Copy)]
enum To {
    /// The step's output of this number.
    Output(usize),
    /// Scratch, at this byte.
    Scratch(usize),
}

/// Kernels and layouts for tiles of one size.
struct Form {
    operands: Vec<Spec>,
    results: Vec<Spec>,
    kernels: Vec<(Op, Run)>,
}

/// Addresses of a run.
pub(crate) struct Places<'a> {
    pub(crate) inputs: &'a [*mut u8],
    pub(crate) outputs: &'a [*mut u8],
}

// SAFETY: addresses; each tile is run by one thread and has its own elements of every output.
unsafe impl Sync for Places<'_> {}

impl Fused {
    /// The group over operands of these layouts.
    ///
    /// # Errors
    /// When an operation has no kernel, which `fuses` said it has.
    pub(crate) fn new(group: &Group, inputs: &[Spec]) -> Result<Fused> {
        let has_reduction = group.members.iter().any(|m| matches!(m.op, Op::Reduce(_)));
        let (dims, steps) = merged(&group.shape, inputs, has_reduction);
        let [.., rows, columns] = dims[..] else {
            return Err(Error::value("group", "has no axes"));
        };
        let tile = match (has_reduction, columns) {
            (false, n) if n > TILE => (1, TILE),
            (_, n) => ((TILE / n.max(1)).clamp(1, rows.max(1)), n),
        };
        let mut scratch = 0;
        let mut members: Vec<Part> = Vec::with_capacity(group.members.len());
        for (at, member) in group.members.iter().enumerate() {
            let reduced = matches!(member.op, Op::Reduce(_));
            let size = member.result.dtype.size();
            let to = match member.output {
                Some(output) => To::Output(output),
                None => {
                    let bytes = (tile.0 * tile.1 * size).next_multiple_of(64);
                    let place = free_place(group, &members, at, bytes, tile);
                    scratch = scratch.max(place + bytes);
                    To::Scratch(place)
                }
            };
            members.push(Part {
                inputs: member.inputs.clone(),
                to,
                size,
                reduced,
            });
        }
        let mut fused = Fused {
            forms: [const { None }; 4],
            dims,
            steps,
            members,
            tile,
            scratch,
        };
        for last in 0..4 {
            let (r, c) = fused.size_of_form(last);
            if r > 0 && c > 0 {
                fused.forms[last] = Some(fused.form(group, inputs, r, c)?);
            }
        }
        Ok(fused)
    }

    /// Rows and columns of tiles that are last along neither (0), columns (1), rows (2) or both (3).
    fn size_of_form(&self, last: usize) -> (usize, usize) {
        let n = self.dims.len();
        let size = |dim: usize, tile: usize, last: bool| if last { dim % tile } else { tile };
        let rows = size(self.dims[n - 2], self.tile.0, last & 2 != 0);
        let columns = size(self.dims[n - 1], self.tile.1, last & 1 != 0);
        (rows, columns)
    }

    fn form(&self, group: &Group, inputs: &[Spec], rows: usize, columns: usize) -> Result<Form> {
        let n = self.dims.len();
        let shape = Shape::from([rows, columns]);
        let operand = |(spec, steps): (&Spec, &Vec<isize>)| {
            let size = spec.dtype.size() as isize;
            let own = [steps[n - 2] / size, steps[n - 1] / size];
            let row_major =
                (own[1] == 1 || columns == 1) && (own[0] == columns as isize || rows == 1);
            Spec {
                shape: shape.clone(),
                dtype: spec.dtype,
                strides: (!row_major).then(|| Box::new(SmallVec::from_slice(&own))),
            }
        };
        let operands: Vec<Spec> = inputs.iter().zip(&self.steps).map(operand).collect();
        let mut results: Vec<Spec> = Vec::new();
        let mut kernels = Vec::new();
        for member in &group.members {
            let (op, shape) = match &member.op {
                Op::Reduce(reduce) => {
                    let axes = smallvec![1];
                    let op = Reduce {
                        axes,
                        ..reduce.clone()
                    };
                    (op.into(), Shape::from([rows, 1]))
                }
                op => (op.clone(), shape.clone()),
            };
            let result = Spec::contiguous(shape, member.result.dtype);
            let specs = member.inputs.iter().map(|source| match *source {
                Source::Input(i) => operands[i].clone(),
                Source::Member(m) => results[m].clone(),
            });
            let specs: Vec<Spec> = specs.collect();
            let run = kernel(&op, &specs, std::slice::from_ref(&result))
                .ok_or_else(|| Error::unsupported(op.name(), "has no kernel for a tile"))?;
            kernels.push((op, run));
            results.push(result);
        }
        Ok(Form {
            operands,
            results,
            kernels,
        })
    }

    /// Runs the group.
    ///
    /// # Safety
    /// The places are of operands and outputs with the layouts that the group was made for; outputs are
    /// exclusive to this run.
    pub(crate) unsafe fn run(&self, cpu: &Cpu, places: &Places<'_>) -> Result<()> {
        let n = self.dims.len();
        let elements: usize = self.dims.iter().product();
        let across = self.dims[n - 2].div_ceil(self.tile.0);
        let along = self.dims[n - 1].div_ceil(self.tile.1);
        let tiles = self.dims[..n - 2].iter().product::<usize>() * across * along;
        let failed: Mutex<Option<Error>> = Mutex::new(None);
        let work = |range: std::ops::Range<usize>| {
            let mut scratch = Scratch::take(self.scratch / 4);
            let memory: *mut u8 = scratch.words().as_mut_ptr().cast();
            for tile in range {
                // SAFETY: the caller's promise; the scratch is this thread's.
                if let Err(error) =
                    unsafe { self.run_tile(cpu, places, memory, tile, across, along) }
                {
                    let mut failed = failed.lock().unwrap_or_else(PoisonError::into_inner);
                    failed.get_or_insert(error);
                    return;
                }
            }
        };
        let parts = cpu.pool.threads().min(tiles);
        // Chains are worth a second thread earlier than one operation is.
        if parts < 2 || elements * self.members.len() * 4 < SHARED_BYTES {
            work(0..tiles);
        } else {
            cpu.pool
                .run(parts, &|p| work(p * tiles / parts..(p + 1) * tiles / parts));
        }
        let failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
        failed.map_or(Ok(()), Err)
    }

    /// # Safety
    /// As [`Fused::run`]; `scratch` is exclusive.
    unsafe fn run_tile(
        &self,
        cpu: &Cpu,
        places: &Places<'_>,
        scratch: *mut u8,
        tile: usize,
        across: usize,
        along: usize,
    ) -> Result<()> {
        let n = self.dims.len();
        let (part, column) = (tile / along, tile % along * self.tile.1);
        let (outer, row) = (part / across, part % across * self.tile.0);
        let last = |start: usize, dim: usize, tile: usize| start + tile > dim;
        let form = usize::from(last(row, self.dims[n - 2], self.tile.0)) * 2
            + usize::from(last(column, self.dims[n - 1], self.tile.1));
        let Some(form) = &self.forms[form] else {
            return Ok(());
        };
        let mut index: SmallVec<[usize; 6]> = smallvec![0; n];
        let mut rest = outer;
        for axis in (0..n - 2).rev() {
            index[axis] = rest % self.dims[axis];
            rest /= self.dims[axis];
        }
        (index[n - 2], index[n - 1]) = (row, column);
        let source = |input: usize| {
            let steps = &self.steps[input];
            let bytes: isize = index.iter().zip(steps).map(|(&i, s)| i as isize * s).sum();
            places.inputs[input].wrapping_offset(bytes)
        };
        let whole_row = outer * self.dims[n - 2] + row;
        let result = |member: usize| {
            let part = &self.members[member];
            let first = match part.reduced {
                true => whole_row,
                false => whole_row * self.dims[n - 1] + column,
            };
            match part.to {
                To::Output(o) => places.outputs[o].wrapping_add(first * part.size),
                To::Scratch(byte) => scratch.wrapping_add(byte),
            }
        };
        for (at, (part, (op, run))) in self.members.iter().zip(&form.kernels).enumerate() {
            let mut inputs: SmallVec<[Operand<'_>; 4]> = SmallVec::new();
            for input in &part.inputs {
                let (start, spec) = match *input {
                    Source::Input(i) => (source(i), &form.operands[i]),
                    Source::Member(m) => (result(m), &form.results[m]),
                };
                // SAFETY: elements of the tile: of an operand, or that an earlier member wrote.
                inputs.push(unsafe { Operand::new(start, spec) });
            }
            // SAFETY: the tile's elements of an output, or scratch that no live result has.
            let mut outputs = [unsafe { Output::new(result(at), &form.results[at]) }];
            let mut call = Call {
                cpu,
                inputs: &inputs,
                outputs: &mut outputs,
            };
            run(op, &mut call)?;
        }
        Ok(())
    }
}

/// The first place in scratch that no result which is still needed has. A result needs its place from
/// its member up to its last reader.
fn free_place(
    group: &Group,
    known: &[Part],
    at: usize,
    bytes: usize,
    tile: (usize, usize),
) -> usize {
    let is_live = |m: usize| {
        (group.members[at..].iter()).any(|later| later.inputs.contains(&Source::Member(m)))
    };
    let mut taken: Vec<(usize, usize)> = (known.iter().enumerate())
        .filter(|(m, _)| is_live(*m))
        .filter_map(|(_, part)| match part.to {
            To::Scratch(start) => {
                let end = start + (tile.0 * tile.1 * part.size).next_multiple_of(64);
                Some((start, end))
            }
            To::Output(_) => None,
        })
        .collect();
    taken.sort_unstable();
    let mut place = 0;
    for (start, end) in taken {
        if start >= place + bytes {
            break;
        }
        place = place.max(end);
    }
    place
}

/// The axes of `shape`, neighbours merged where every operand and the row-major outputs have them in
/// one run, and each operand's steps in bytes. The last axis stays alone if it is reduced.
fn merged(shape: &Shape, inputs: &[Spec], keep_last: bool) -> (Vec<usize>, Vec<Vec<isize>>) {
    let strides: Vec<_> = inputs.iter().map(strides).collect();
    let mut dims: Vec<usize> = Vec::new();
    let mut steps: Vec<Vec<isize>> = vec![Vec::new(); inputs.len()];
    let last = shape.len().saturating_sub(1);
    for (axis, &dim) in shape.iter().enumerate() {
        let is_kept = keep_last && axis == last;
        if dim == 1 && !is_kept {
            continue;
        }
        let step = |i: usize| strides[i][axis] * inputs[i].dtype.size() as isize;
        let joins = !is_kept
            && !dims.is_empty()
            && (0..inputs.len()).all(|i| steps[i].last() == Some(&(step(i) * dim as isize)));
        match (dims.last_mut(), joins) {
            (Some(before), true) => {
                *before *= dim;
                (0..inputs.len()).for_each(|i| {
                    if let Some(last) = steps[i].last_mut() {
                        *last = step(i);
                    }
                });
            }
            _ => {
                dims.push(dim);
                (0..inputs.len()).for_each(|i| steps[i].push(step(i)));
            }
        }
    }
    while dims.len() < 2 {
        dims.insert(0, 1);
        steps.iter_mut().for_each(|s| s.insert(0, 0));
    }
    (dims, steps)
}
