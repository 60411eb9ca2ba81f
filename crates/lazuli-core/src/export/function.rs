//! Functions that can be written and read: traced once, called anywhere.
//!
//! What is kept is data: operations with their payloads, numbers of values, and the arrays that the
//! function captured. An operation of somebody else's is kept as what it decomposes into; so are compiled
//! functions and those with rules of their own, which an exported function loses. Devices are not kept:
//! a function runs where it is called.

use serde::{Deserialize, Serialize};

use super::accepts;
use super::shapeless::{self, Axis, Lengths};
use crate::array::Array;
use crate::compile::trace::{Slot, Trace};
use crate::dtype::Dtype;
use crate::error::{Error, Result};
use crate::op::Op;
use crate::ops::pass_through::PassThrough;
use crate::shape::Shape;

const EXPORT: &str = "export_function";
const IMPORT: &str = "import_function";

/// Operations of somebody else's that decompose into others of somebody else's, and so on.
const DEEPEST: usize = 32;

/// One operation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Step {
    pub(super) op: Op,
    pub(super) inputs: Vec<Slot>,
    pub(super) outs: Vec<(Shape, Dtype)>,
}

/// A function without its constants: what is written as text. Values are numbered: the operands, the
/// constants, then the results of each step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Graph {
    pub(super) operands: Vec<(Shape, Dtype)>,
    /// Names of the last operands.
    pub(super) names: Vec<String>,
    pub(super) constants: Vec<(Shape, Dtype)>,
    pub(super) steps: Vec<Step>,
    pub(super) outputs: Vec<Slot>,
    /// Axes whose lengths may differ from those of the operands.
    pub(super) free: Vec<Vec<Axis>>,
}

/// A traced function.
#[derive(Clone, Debug)]
pub struct Function {
    graph: Graph,
    constants: Vec<Array>,
}

impl Function {
    /// Traces `f` at arrays like `operands`; the last of them have `names`. With `shapeless`, axes of
    /// other lengths are found at which the trace holds as well: those may differ when it is called.
    ///
    /// # Errors
    /// The error of `f`; [`Error::Unsupported`] when an operation cannot be kept; [`Error::Value`] when
    /// the function depends on arrays without a value.
    pub fn trace(
        operands: &[Array],
        names: &[&str],
        shapeless: bool,
        f: impl Fn(&[Array]) -> Result<Vec<Array>>,
    ) -> Result<Function> {
        let spec = |a: &Array| (a.shape().clone(), a.dtype());
        let specs: Vec<(Shape, Dtype)> = operands.iter().map(spec).collect();
        if names.len() > operands.len() {
            let (more, few) = (names.len(), operands.len());
            return Err(Error::value(
                EXPORT,
                format!("{more} names for {few} operands"),
            ));
        }
        let mut function = Function::at(&specs, &f)?;
        function.graph.names = names.iter().map(|&n| n.to_owned()).collect();
        if shapeless {
            function.graph.free = Lengths::of(&specs)
                .filter(|lengths| {
                    let changed = lengths.changed(&specs);
                    let there = Function::at(&changed, &f);
                    let here = function.moved(&changed);
                    matches!((here, there), (Ok(a), Ok(b)) if a.is_same(&b))
                })
                .map(|lengths| lengths.axes)
                .collect();
        }
        let constants: Vec<&Array> = function.constants.iter().collect();
        crate::eval::eval(&constants)?;
        Ok(function)
    }

    /// The function traced at operands of these shapes.
    fn at(
        specs: &[(Shape, Dtype)],
        f: impl Fn(&[Array]) -> Result<Vec<Array>>,
    ) -> Result<Function> {
        let operands = stand_ins(specs);
        let mut outputs = f(&operands)?;
        for _ in 0..DEEPEST {
            for output in &outputs {
                output.check()?;
            }
            let trace = Trace::record(&operands, &outputs);
            if trace.steps.iter().all(|step| is_kept(&step.op)) {
                return Ok(Function::of(trace, specs));
            }
            outputs = opened(&trace, &operands)?;
        }
        let what = format!("operations decompose more than {DEEPEST} deep");
        Err(Error::unsupported(EXPORT, what))
    }

    fn of(trace: Trace, specs: &[(Shape, Dtype)]) -> Function {
        let steps = trace.steps.into_iter().map(|step| Step {
            op: step.op,
            inputs: step.inputs.to_vec(),
            outs: step.outs.to_vec(),
        });
        let spec = |a: &Array| (a.shape().clone(), a.dtype());
        Function {
            graph: Graph {
                operands: specs.to_vec(),
                names: Vec::new(),
                constants: trace.captured.iter().map(spec).collect(),
                steps: steps.collect(),
                outputs: trace.outputs,
                free: Vec::new(),
            },
            constants: trace.captured,
        }
    }

    /// The same function with operands of other lengths.
    fn moved(&self, specs: &[(Shape, Dtype)]) -> Result<Function> {
        Function::at(specs, |x| self.graph.replay(x, &self.constants, true))
    }

    /// Whether two functions are the same operations on the same constants.
    fn is_same(&self, other: &Function) -> bool {
        let same = |(a, b): (&Array, &Array)| {
            a.key() == b.key() || matches!((a.to_bytes(), b.to_bytes()), (Ok(a), Ok(b)) if a == b)
        };
        let (a, b) = (&self.graph, &other.graph);
        (&a.constants, &a.steps, &a.outputs) == (&b.constants, &b.steps, &b.outputs)
            && self.constants.iter().zip(&other.constants).all(same)
    }

    /// What was read, checked: each operation takes its operands and gives what was written of it.
    ///
    /// # Errors
    /// [`Error::Value`] and the errors of the operations, naming the step.
    pub fn from_parts(graph: Graph, constants: Vec<Array>) -> Result<Function> {
        let spec = |a: &Array| (a.shape().clone(), a.dtype());
        if !constants
            .iter()
            .map(spec)
            .eq(graph.constants.iter().cloned())
        {
            let what = "the constants are not those that the function was written with";
            return Err(Error::value(IMPORT, what));
        }
        for (shape, dtype) in &graph.operands {
            if shape.checked_bytes(dtype.size()).is_none() {
                let what = format!("an operand of shape {shape} does not fit in memory");
                return Err(Error::shape(IMPORT, what));
            }
        }
        if graph.names.len() > graph.operands.len() {
            return Err(Error::value(IMPORT, "there are more names than operands"));
        }
        graph.replay(&stand_ins(&graph.operands), &constants, false)?;
        Ok(Function { graph, constants })
    }

    /// The function without its constants.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The arrays that the function captured.
    pub fn constants(&self) -> &[Array] {
        &self.constants
    }

    /// Shapes and dtypes of the operands.
    pub fn operands(&self) -> &[(Shape, Dtype)] {
        &self.graph.operands
    }

    /// Names of the last operands.
    pub fn names(&self) -> &[String] {
        &self.graph.names
    }

    /// Whether the function takes operands of these shapes and dtypes.
    pub fn takes(&self, operands: &[Array]) -> bool {
        let graph = &self.graph;
        let fits = |(x, (shape, dtype)): (&Array, &(Shape, Dtype))| {
            x.dtype() == *dtype && x.rank() == shape.len()
        };
        operands.len() == graph.operands.len()
            && operands.iter().zip(&graph.operands).all(fits)
            && shapeless::allows(&graph.free, &graph.operands, operands)
    }

    /// The function's values at these operands, lazily.
    ///
    /// # Errors
    /// [`Error::Value`] when the operands are not those that the function takes.
    pub fn call(&self, operands: &[Array]) -> Result<Vec<Array>> {
        for operand in operands {
            operand.check()?;
        }
        if !self.takes(operands) {
            let what = format!("takes {:?}, not {operands:?}", self.graph.operands);
            return Err(Error::value(IMPORT, what));
        }
        let same = |(x, spec): (&Array, &(Shape, Dtype))| *x.shape() == spec.0;
        let elsewhere = !operands.iter().zip(&self.graph.operands).all(same);
        self.graph.replay(operands, &self.constants, elsewhere)
    }
}

fn stand_ins(specs: &[(Shape, Dtype)]) -> Vec<Array> {
    let stand_in = |(shape, dtype): &(Shape, Dtype)| Array::placeholder(shape.clone(), *dtype);
    specs.iter().map(stand_in).collect()
}

/// Whether the operation is data of our own.
fn is_kept(op: &Op) -> bool {
    let custom =
        matches!(op, Op::PassThrough(pass) if matches!(**pass, PassThrough::Custom { .. }));
    !custom && !matches!(op, Op::Leaf | Op::Custom(_) | Op::Compiled(_))
}

/// The outputs with every operation that is not kept replaced by what it is made of.
fn opened(trace: &Trace, operands: &[Array]) -> Result<Vec<Array>> {
    let mut values: Vec<Array> = operands.iter().chain(&trace.captured).cloned().collect();
    for step in &trace.steps {
        let inputs: Vec<Array> = step
            .inputs
            .iter()
            .map(|&i| values[i as usize].clone())
            .collect();
        let refs: Vec<&Array> = inputs.iter().collect();
        let outs = match &step.op {
            op if is_kept(op) => Array::outputs_of(op.clone(), &refs)?,
            Op::PassThrough(pass) => inputs[pass.passed(inputs.len())].to_vec(),
            op => match op.family().and_then(|family| family.decompose(&inputs)) {
                Some(parts) => parts?,
                None => {
                    let what = "is somebody else's and has no decomposition: it cannot be written";
                    return Err(Error::unsupported(op.name(), what));
                }
            },
        };
        values.extend(outs);
    }
    Ok(trace
        .outputs
        .iter()
        .map(|&o| values[o as usize].clone())
        .collect())
}

impl Graph {
    /// The operations in order: name, numbers of the operands, shapes and dtypes of the results. Values
    /// are numbered: the function's operands, its constants, then the results.
    pub fn steps(&self) -> impl Iterator<Item = (&'static str, &[u32], &[(Shape, Dtype)])> {
        (self.steps.iter()).map(|s| (s.op.name(), &s.inputs[..], &s.outs[..]))
    }

    /// Numbers of the function's values.
    pub fn outputs(&self) -> &[u32] {
        &self.outputs
    }

    /// The outputs at these operands. What was written may say anything; with `elsewhere` the operands
    /// have other lengths than it says.
    fn replay(
        &self,
        operands: &[Array],
        constants: &[Array],
        elsewhere: bool,
    ) -> Result<Vec<Array>> {
        let mut values: Vec<Array> = operands.iter().chain(constants).cloned().collect();
        let unknown = |at: Slot| {
            let what = format!("value {at} is used before it is computed");
            Error::value(IMPORT, what)
        };
        for (number, step) in self.steps.iter().enumerate() {
            let inputs = step
                .inputs
                .iter()
                .map(|&at| values.get(at as usize).ok_or_else(|| unknown(at)));
            let inputs = inputs.collect::<Result<Vec<&Array>>>()?;
            accepts::check(&step.op, &inputs)?;
            let outs = if elsewhere {
                self.elsewhere(step, &inputs)?
            } else {
                Array::outputs_of(step.op.clone(), &inputs)?
            };
            let like = |(out, spec): (&Array, &(Shape, Dtype))| {
                (elsewhere || *out.shape() == spec.0) && out.dtype() == spec.1
            };
            if outs.len() != step.outs.len() || !outs.iter().zip(&step.outs).all(like) {
                let (name, wanted) = (step.op.name(), &step.outs);
                let what = format!("step {number}: {name} gives {outs:?}, not {wanted:?}");
                return Err(Error::value(IMPORT, what));
            }
            values.extend(outs);
        }
        let outputs = self
            .outputs
            .iter()
            .map(|&at| values.get(at as usize).cloned().ok_or_else(|| unknown(at)));
        outputs.collect()
    }

    /// Shape and dtype that value `at` was written with.
    pub(super) fn spec(&self, at: Slot) -> Option<&(Shape, Dtype)> {
        let given = self.operands.iter().chain(&self.constants);
        given
            .chain(self.steps.iter().flat_map(|s| &s.outs))
            .nth(at as usize)
    }
}
