//! Plans: a graph with its shapes fixed and its memory assigned, ready for a backend to lower.

mod fuse;
mod place;

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use smallvec::SmallVec;

use crate::array::Array;
use crate::backend::Backend;
use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::layout::Layout;
use crate::node::Data;
use crate::op::Op;
use crate::ops::copy::Copy;
use crate::shape::{Shape, Strides};

/// What a kernel needs to know of an operand before it runs.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Spec {
    /// Dimensions.
    pub shape: Shape,
    /// Element type.
    pub dtype: Dtype,
    /// Strides in elements; none: row-major.
    pub strides: Option<Box<Strides>>,
}

impl Spec {
    /// A row-major operand.
    pub fn contiguous(shape: Shape, dtype: Dtype) -> Spec {
        Spec {
            shape,
            dtype,
            strides: None,
        }
    }

    /// Bytes of a row-major operand.
    pub fn bytes(&self) -> usize {
        self.shape.elements() * self.dtype.size()
    }
}

/// Where a value lives while the plan runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// In the plan's input of this number.
    Input(usize),
    /// In the plan's output of this number.
    Output(usize),
    /// In the workspace, at this byte.
    Workspace(usize),
}

/// A value of a plan: an operand or result of its steps.
#[derive(Clone, Debug)]
pub struct Value {
    /// Shape, dtype and strides.
    pub spec: Spec,
    /// Which memory it lives in.
    pub place: Place,
    /// First element, counted from the start of that memory (from the binding's offset for an input).
    pub offset: usize,
}

/// What a step runs.
#[derive(Clone, Debug)]
pub enum Work {
    /// An operation; never a view.
    Kernel(Op),
    /// Operations that are run together.
    Group(Box<Group>),
}

/// Elementwise operations over one shape, and reductions of their results over its last axis: one pass
/// over memory, tile by tile. A member's bits are those of its own kernel.
#[derive(Clone, Debug)]
pub struct Group {
    /// The shape of all elementwise results.
    pub shape: Shape,
    /// In order.
    pub members: Vec<Member>,
}

/// An operation of a group.
#[derive(Clone, Debug)]
pub struct Member {
    /// The operation.
    pub op: Op,
    /// Its operands.
    pub inputs: SmallVec<[Source; 3]>,
    /// Its result, row-major.
    pub result: Spec,
    /// Which of the step's outputs the result is; none: nobody outside needs it.
    pub output: Option<usize>,
}

/// Where a member's operand comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Source {
    /// The step's input of this number.
    Input(usize),
    /// The member of this number, an earlier one.
    Member(usize),
}

/// One kernel, or group of kernels, of a plan.
#[derive(Clone, Debug)]
pub struct Step {
    /// What runs.
    pub work: Work,
    /// Its operands, as positions in [`Plan::values`].
    pub inputs: SmallVec<[usize; 4]>,
    /// Its results.
    pub outputs: SmallVec<[usize; 2]>,
}

/// A lowered-to-be computation. Steps run in order.
#[derive(Clone, Default)]
pub struct Plan {
    /// Every value.
    pub values: Vec<Value>,
    /// The operands: first those that the caller binds, then those of [`Plan::captured`].
    pub inputs: Vec<Spec>,
    /// Values that the graph captured.
    pub captured: Vec<Data>,
    /// The results that the caller binds memory for; row-major.
    pub outputs: Vec<Spec>,
    /// The kernels.
    pub steps: Vec<Step>,
    /// Bytes of workspace.
    pub workspace: usize,
    /// Pairs (output, input) that may be bound to the same memory: the step that writes the output first
    /// works in place, and nothing reads the input after it. What a caller gives up so is updated
    /// where it lies; what he keeps, the kernel copies first.
    pub state: Vec<(usize, usize)>,
}

static DECOMPOSED: AtomicUsize = AtomicUsize::new(0);

/// How often an operation without a kernel was decomposed when lowered, since the start. A test that
/// claims a kernel asserts that this did not move.
pub fn decomposed() -> usize {
    DECOMPOSED.load(Relaxed)
}

impl Plan {
    /// The plan of one operation, decomposed where `backend` has no kernel.
    ///
    /// # Errors
    /// [`Error::Unsupported`] when there is neither a kernel nor a decomposition.
    pub fn of_op(op: &Op, inputs: &[Spec], backend: &dyn Backend) -> Result<Plan> {
        Plan::of_function(inputs, backend, |operands| {
            let refs: Vec<&Array> = operands.iter().collect();
            Array::outputs_of(op.clone(), &refs)
        })
    }

    /// The plan of a function of arrays, of which `f` builds the graph.
    ///
    /// # Errors
    /// Those of `f`; else as [`Plan::of_op`].
    pub(crate) fn of_function(
        inputs: &[Spec],
        backend: &dyn Backend,
        f: impl FnOnce(&[Array]) -> Result<Vec<Array>>,
    ) -> Result<Plan> {
        let operands: Vec<Array> = inputs
            .iter()
            .map(|s| Array::placeholder(s.shape.clone(), s.dtype))
            .collect();
        let results = f(&operands)?;
        let mut builder = Builder::new(backend);
        builder.operands(&operands, inputs);
        builder.finish(&results)
    }
}

/// Turns a traced graph into a plan.
struct Builder<'a> {
    backend: &'a dyn Backend,
    plan: Plan,
    /// For each value, the value whose memory it lives in: itself, or what it is a view of.
    roots: Vec<usize>,
    known: HashMap<(usize, u32), usize>,
    // Arrays whose addresses are keys of `known` must live as long as it does.
    alive: Vec<Array>,
}

/// Workspace values get their byte when all steps are known.
const UNPLACED: Place = Place::Workspace(usize::MAX);

impl<'a> Builder<'a> {
    fn new(backend: &'a dyn Backend) -> Builder<'a> {
        Builder {
            backend,
            plan: Plan::default(),
            roots: Vec::new(),
            known: HashMap::new(),
            alive: Vec::new(),
        }
    }

    fn operands(&mut self, arrays: &[Array], specs: &[Spec]) {
        for (number, (array, spec)) in arrays.iter().zip(specs).enumerate() {
            self.plan.inputs.push(spec.clone());
            let id = self.value(spec.clone(), Place::Input(number), 0);
            self.known.insert(array.key(), id);
            self.alive.push(array.clone());
        }
    }

    fn value(&mut self, spec: Spec, place: Place, offset: usize) -> usize {
        self.plan.values.push(Value {
            spec,
            place,
            offset,
        });
        let id = self.plan.values.len() - 1;
        self.roots.push(id);
        id
    }

    /// Adds the steps that compute `results`, in topological order, without recursing over the graph.
    fn visit(&mut self, results: &[Array]) -> Result<()> {
        // Shallow results first, and operands from the left, as evaluation does it.
        let mut roots = results.to_vec();
        roots.sort_by_key(|r| std::cmp::Reverse(r.node().depth));
        let mut stack: Vec<(Array, bool)> = roots.into_iter().map(|r| (r, false)).collect();
        while let Some((array, inputs_known)) = stack.pop() {
            if self.known.contains_key(&array.key()) {
                continue;
            }
            let inputs = array.node().inputs();
            if inputs_known {
                self.emit(&array, &inputs)?;
                continue;
            }
            if matches!(array.op(), Op::Leaf) {
                self.captured(&array)?;
                continue;
            }
            stack.push((array, true));
            stack.extend(inputs.into_iter().rev().map(|i| (i, false)));
        }
        Ok(())
    }

    /// An array that the graph captured: a further input, bound by reference at each run.
    fn captured(&mut self, array: &Array) -> Result<()> {
        let data = match array.node().results() {
            Some(_) => array.known_data()?,
            None => {
                return Err(Error::unsupported(
                    "plan",
                    format!("{array:?} has no value and is not an operand of the trace"),
                ));
            }
        };
        let spec = Spec {
            shape: array.shape().clone(),
            dtype: array.dtype(),
            strides: data.layout.strides.clone(),
        };
        let id = self.value(spec.clone(), Place::Input(self.plan.inputs.len()), 0);
        self.plan.inputs.push(spec);
        self.plan.captured.push(data);
        self.known.insert(array.key(), id);
        self.alive.push(array.clone());
        Ok(())
    }

    fn emit(&mut self, array: &Array, inputs: &[Array]) -> Result<()> {
        let ids: SmallVec<[usize; 4]> = inputs.iter().map(|i| self.known[&i.key()]).collect();
        self.alive.push(array.clone());
        if let Op::View(view) = array.op() {
            let id = self.view(view, ids[0], array);
            self.known.insert(array.key(), id);
            return Ok(());
        }
        if let Op::PassThrough(pass) = array.op() {
            for (sibling, &id) in array.siblings().iter().zip(&ids[pass.passed(ids.len())]) {
                self.known.insert(sibling.key(), id);
            }
            return Ok(());
        }
        let siblings = array.siblings();
        let specs: Vec<Spec> = ids
            .iter()
            .map(|&i| self.plan.values[i].spec.clone())
            .collect();
        let outs: Vec<Spec> = siblings
            .iter()
            .map(|s| Spec::contiguous(s.shape().clone(), s.dtype()))
            .collect();
        let ids = match self.kernel_operands(array.op(), &ids, &specs, &outs) {
            Some(ids) => ids,
            None => return self.decompose(array, inputs, &siblings, &specs),
        };
        let empty = outs.iter().all(|s| s.shape.elements() == 0);
        let outputs: SmallVec<[usize; 2]> = outs
            .into_iter()
            .map(|s| self.value(s, UNPLACED, 0))
            .collect();
        for (sibling, &id) in siblings.iter().zip(&outputs) {
            self.known.insert(sibling.key(), id);
        }
        if empty {
            return Ok(());
        }
        self.plan.steps.push(Step {
            work: Work::Kernel(array.op().clone()),
            inputs: ids,
            outputs,
        });
        Ok(())
    }

    /// The operands as a kernel of the backend takes them: as they are, or copied to row-major order;
    /// none if there is no kernel.
    fn kernel_operands(
        &mut self,
        op: &Op,
        ids: &[usize],
        specs: &[Spec],
        outs: &[Spec],
    ) -> Option<SmallVec<[usize; 4]>> {
        if self.backend.supports(op, specs, outs) {
            return Some(SmallVec::from_slice(ids));
        }
        let row_major: Vec<Spec> = specs
            .iter()
            .map(|s| Spec::contiguous(s.shape.clone(), s.dtype))
            .collect();
        if row_major == specs || !self.backend.supports(op, &row_major, outs) {
            return None;
        }
        let copied = ids.iter().zip(specs).map(|(&id, spec)| {
            if spec.strides.is_some() {
                self.copied(id)
            } else {
                id
            }
        });
        Some(copied.collect())
    }

    fn decompose(
        &mut self,
        array: &Array,
        inputs: &[Array],
        siblings: &[Array],
        specs: &[Spec],
    ) -> Result<()> {
        let parts = array
            .op()
            .family()
            .and_then(|f| f.decompose(inputs))
            .ok_or_else(|| {
                Error::unsupported(
                    array.op().name(),
                    format!("{} has no kernel for {specs:?}", self.backend.name()),
                )
            })??;
        DECOMPOSED.fetch_add(1, Relaxed);
        self.visit(&parts)?;
        for (sibling, part) in siblings.iter().zip(&parts) {
            let id = self.known[&part.key()];
            self.known.insert(sibling.key(), id);
        }
        self.alive.extend(parts);
        Ok(())
    }

    fn view(&mut self, view: &crate::ops::view::View, from: usize, to: &Array) -> usize {
        let source = self.plan.values[from].clone();
        let layout = Layout {
            offset: source.offset,
            strides: source.spec.strides.clone(),
        };
        match view.layout(&layout, &source.spec.shape, to.shape()) {
            Some(layout) => {
                let spec = Spec {
                    shape: to.shape().clone(),
                    dtype: to.dtype(),
                    strides: layout.strides,
                };
                let id = self.value(spec, source.place, layout.offset);
                self.roots[id] = self.roots[from];
                id
            }
            None => {
                let id = self.copied(from);
                self.view(view, id, to)
            }
        }
    }

    fn copied(&mut self, from: usize) -> usize {
        let spec = self.plan.values[from].spec.clone();
        let spec = Spec::contiguous(spec.shape, spec.dtype);
        let id = self.value(spec, UNPLACED, 0);
        self.plan.steps.push(Step {
            work: Work::Kernel(Copy.into()),
            inputs: SmallVec::from_slice(&[from]),
            outputs: SmallVec::from_slice(&[id]),
        });
        id
    }

    fn finish(mut self, results: &[Array]) -> Result<Plan> {
        self.visit(results)?;
        let mut taken = Vec::new();
        for result in results {
            let id = self.known[&result.key()];
            let whole = self.plan.values[id].place == UNPLACED
                && self.roots[id] == id
                && !taken.contains(&id);
            taken.push(if whole { id } else { self.copied(id) });
        }
        fuse::fuse(&mut self.plan, &self.roots, &taken, self.backend);
        place::share(&self.plan, &mut self.roots, &taken);
        self.plan.state = place::state(&self.plan, &self.roots, &taken);
        for (number, &id) in taken.iter().enumerate() {
            self.plan.outputs.push(self.plan.values[id].spec.clone());
            self.place_output(self.roots[id], number);
        }
        place::assign(&mut self.plan, &self.roots);
        Ok(self.plan)
    }

    /// Moves a workspace value and its aliases into an output.
    fn place_output(&mut self, root: usize, number: usize) {
        for other in 0..self.plan.values.len() {
            if self.roots[other] == root {
                self.plan.values[other].place = Place::Output(number);
            }
        }
    }
}
