//! Functions with derivative and batching rules of their own.

use std::sync::Arc;

use super::graph;
use crate::array::Array;
use crate::error::{Error, Result};
use crate::op::Op;
use crate::ops::pass_through::{FunctionRules, PassThrough, Rules};
use crate::tree::{self, Prefix, Structure, Tree};

type Vjp<P, T> = dyn Fn(&P, &T, &T) -> Result<P> + Send + Sync;
type Jvp<P, T> = dyn Fn(&P, &P) -> Result<T> + Send + Sync;
type Vmap<P, T> = dyn Fn(&P, &[Option<usize>]) -> Result<(T, Prefix<Option<isize>>)> + Send + Sync;

/// A function with rules of its own: see [`custom_function`].
pub struct CustomFunction<P, T, F> {
    f: F,
    rules: Given<P, T>,
}

struct Given<P, T> {
    vjp: Option<Arc<Vjp<P, T>>>,
    jvp: Option<Arc<Jvp<P, T>>>,
    vmap: Option<Arc<Vmap<P, T>>>,
}

impl<P, T> Clone for Given<P, T> {
    fn clone(&self) -> Self {
        Given {
            vjp: self.vjp.clone(),
            jvp: self.jvp.clone(),
            vmap: self.vmap.clone(),
        }
    }
}

/// `f` as a function that can be given rules of its own; a transform without one looks into `f`.
///
/// A `vjp` rule's gradient is that of the operands: arrays that `f` captures get none.
pub fn custom_function<P, T, F>(f: F) -> CustomFunction<P, T, F>
where
    P: Tree + Send + Sync + 'static,
    T: Tree + Send + Sync + 'static,
    F: Fn(&P) -> Result<T>,
{
    CustomFunction {
        f,
        rules: Given {
            vjp: None,
            jvp: None,
            vmap: None,
        },
    }
}

impl<P, T, F> CustomFunction<P, T, F>
where
    P: Tree + Send + Sync + 'static,
    T: Tree + Send + Sync + 'static,
    F: Fn(&P) -> Result<T>,
{
    /// The cotangents of the operands, of (operands, cotangents, outputs).
    pub fn with_vjp(
        mut self,
        rule: impl Fn(&P, &T, &T) -> Result<P> + Send + Sync + 'static,
    ) -> Self {
        self.rules.vjp = Some(Arc::new(rule));
        self
    }

    /// The tangents of the outputs, of (operands, tangents).
    pub fn with_jvp(mut self, rule: impl Fn(&P, &P) -> Result<T> + Send + Sync + 'static) -> Self {
        self.rules.jvp = Some(Arc::new(rule));
        self
    }

    /// The outputs and their batch axes, of (operands, the batch axis of each leaf).
    pub fn with_vmap(
        mut self,
        rule: impl Fn(&P, &[Option<usize>]) -> Result<(T, Prefix<Option<isize>>)>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        self.rules.vmap = Some(Arc::new(rule));
        self
    }

    /// The function's value.
    ///
    /// # Errors
    /// Those of the function.
    pub fn call(&self, operands: &P) -> Result<T> {
        let primals = tree::leaves(operands);
        // Traced, so that the operations inside are told apart from the operands.
        let tracers: Vec<Array> = primals.iter().map(Array::tracer).collect();
        let value = (self.f)(&tree::unflatten(operands, tracers.clone())?)?;
        let outputs = tree::leaves(&value);
        graph::release(&tracers, &outputs);
        if outputs.is_empty() {
            return Ok(value);
        }
        let rules = TreeRules {
            operands: tree::unflatten(operands, placeholders(&primals))?,
            outputs: tree::unflatten(&value, placeholders(&outputs))?,
            structure: tree::parts(&value).1,
            given: self.rules.clone(),
        };
        let op = PassThrough::Custom {
            primals: primals.len(),
            rules: Rules(Arc::new(rules)),
        };
        let inputs: Vec<&Array> = primals.iter().chain(&outputs).collect();
        tree::unflatten(&value, Array::outputs_of(Op::from(Box::new(op)), &inputs)?)
    }
}

/// Arrays that keep a tree's place without holding its values.
fn placeholders(arrays: &[Array]) -> Vec<Array> {
    let stand_in = |a: &Array| Array::placeholder(a.shape().clone(), a.dtype());
    arrays.iter().map(stand_in).collect()
}

struct TreeRules<P, T> {
    operands: P,
    outputs: T,
    structure: Structure,
    given: Given<P, T>,
}

impl<P, T> FunctionRules for TreeRules<P, T>
where
    P: Tree + Send + Sync,
    T: Tree + Send + Sync,
{
    fn vjp(
        &self,
        primals: &[Array],
        outputs: &[Array],
        cotangents: &[Array],
    ) -> Result<Option<Vec<Option<Array>>>> {
        let Some(rule) = &self.given.vjp else {
            return Ok(None);
        };
        let outputs = tree::unflatten(&self.outputs, outputs.to_vec())?;
        let cotangents = tree::unflatten(&self.outputs, cotangents.to_vec())?;
        let operands = tree::unflatten(&self.operands, primals.to_vec())?;
        let back = tree::leaves(&rule(&operands, &cotangents, &outputs)?);
        check("vjp", &back, primals)?;
        Ok(Some(back.into_iter().map(Some).collect()))
    }

    fn jvp(&self, primals: &[Array], tangents: &[Option<Array>]) -> Result<Option<Vec<Array>>> {
        let Some(rule) = &self.given.jvp else {
            return Ok(None);
        };
        let filled = primals.iter().zip(tangents).map(|(x, t)| match t {
            Some(t) => Ok(t.clone()),
            None => Array::full(x.shape(), 0.0, x.dtype()),
        });
        let tangents = tree::unflatten(&self.operands, filled.collect::<Result<_>>()?)?;
        let operands = tree::unflatten(&self.operands, primals.to_vec())?;
        let pushed = tree::leaves(&rule(&operands, &tangents)?);
        check("jvp", &pushed, &tree::leaves(&self.outputs))?;
        Ok(Some(pushed))
    }

    fn vmap(
        &self,
        primals: &[Array],
        axes: &[Option<usize>],
    ) -> Result<Option<Vec<(Array, Option<usize>)>>> {
        let Some(rule) = &self.given.vmap else {
            return Ok(None);
        };
        let operands = tree::unflatten(&self.operands, primals.to_vec())?;
        let (outputs, axes) = rule(&operands, axes)?;
        let outputs = tree::leaves(&outputs);
        let axes = self.structure.spread(&axes)?;
        if outputs.len() != axes.len() {
            return Err(misfit("vmap", outputs.len(), axes.len()));
        }
        let placed = outputs.into_iter().zip(axes).map(|(out, axis)| {
            let axis = axis.map(|a| out.shape().axis("custom_function", a));
            Ok((out, axis.transpose()?))
        });
        Ok(Some(placed.collect::<Result<_>>()?))
    }
}

fn check(rule: &str, given: &[Array], like: &[Array]) -> Result<()> {
    if given.len() != like.len() {
        return Err(misfit(rule, given.len(), like.len()));
    }
    match given.iter().zip(like).find(|(g, x)| g.shape() != x.shape()) {
        Some((g, x)) => Err(Error::shape(
            "custom_function",
            format!("the {rule} rule gave {g:?} for {x:?}"),
        )),
        None => Ok(()),
    }
}

fn misfit(rule: &str, given: usize, needed: usize) -> Error {
    let message = format!("the {rule} rule gave {given} arrays, not {needed}");
    Error::value("custom_function", message)
}
