//! Arrays passed through a node that changes how transforms or the scheduler see them. Nothing is
//! computed and no memory is taken: a result is one of the operands.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Range;
use std::sync::Arc;

use crate::array::Array;
use crate::compile::trace::Trace;
use crate::error::{Error, Result};
use crate::op::{Family, Op, Outs};
use crate::transforms;

/// A node whose results are operands.
#[derive(Clone, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub enum PassThrough {
    /// The first operands, once the others are there too.
    Depends {
        /// How many.
        outputs: usize,
    },
    /// The last operands, which a function made of the first; the function's own rules hold.
    #[serde(skip)]
    Custom {
        /// How many operands the function has.
        primals: usize,
        /// Its rules.
        rules: Rules,
    },
}

/// Rules of a function for transforms. A rule that is not given is that of the operations which the
/// function is made of.
pub(crate) trait FunctionRules: Send + Sync {
    /// Cotangents of the primals.
    fn vjp(
        &self,
        _primals: &[Array],
        _outputs: &[Array],
        _cotangents: &[Array],
    ) -> Result<Option<Vec<Option<Array>>>> {
        Ok(None)
    }
    /// Tangents of the outputs.
    fn jvp(&self, _primals: &[Array], _tangents: &[Option<Array>]) -> Result<Option<Vec<Array>>> {
        Ok(None)
    }
    /// The outputs over batched primals, and their batch axes.
    fn vmap(&self, _primals: &[Array], _axes: &[Option<usize>]) -> Result<Option<Batched>> {
        Ok(None)
    }
    /// What is computed again for the gradient.
    fn recomputed(&self) -> Option<&Trace> {
        None
    }
}

type Batched = Vec<(Array, Option<usize>)>;

/// Shared rules, compared by identity.
#[derive(Clone)]
pub struct Rules(pub(crate) Arc<dyn FunctionRules>);

impl PartialEq for Rules {
    fn eq(&self, other: &Rules) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Rules {}

impl Hash for Rules {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (Arc::as_ptr(&self.0) as *const ()).hash(state);
    }
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rules")
    }
}

impl PassThrough {
    /// Which of `inputs` operands are the results.
    pub fn passed(&self, inputs: usize) -> Range<usize> {
        match self {
            PassThrough::Depends { outputs } => 0..(*outputs).min(inputs),
            PassThrough::Custom { primals, .. } => (*primals).min(inputs)..inputs,
        }
    }

    fn apply(&self, inputs: &[Array]) -> Result<Vec<Array>> {
        let refs: Vec<&Array> = inputs.iter().collect();
        Array::outputs_of(Op::from(Box::new(self.clone())), &refs)
    }
}

impl Family for PassThrough {
    fn name(&self) -> &'static str {
        match self {
            PassThrough::Depends { .. } => "depends",
            PassThrough::Custom { .. } => "custom_function",
        }
    }

    fn infer(&self, inputs: &[Array]) -> Result<Outs> {
        let passed = &inputs[self.passed(inputs.len())];
        if passed.is_empty() {
            return Err(Error::value(self.name(), "needs an array to pass through"));
        }
        let spec = |x: &Array| (x.shape().clone(), x.dtype());
        Ok(passed.iter().map(spec).collect())
    }

    fn vjp(&self, x: &[Array], y: &[Array], g: &[Array]) -> Result<Vec<Option<Array>>> {
        let mut back = vec![None; x.len()];
        if let PassThrough::Custom { primals, rules } = self
            && let Some(given) = rules.0.vjp(&x[..*primals], y, g)?
        {
            back.iter_mut().zip(given).for_each(|(b, g)| *b = g);
            return Ok(back);
        }
        for (at, g) in self.passed(x.len()).zip(g) {
            back[at] = Some(g.clone());
        }
        Ok(back)
    }

    fn jvp(&self, x: &[Array], tangents: &[Option<Array>]) -> Result<Vec<Option<Array>>> {
        let passed = self.passed(x.len());
        if let PassThrough::Custom { primals, rules } = self
            && let Some(given) = rules.0.jvp(&x[..*primals], &tangents[..*primals])?
        {
            return Ok(given.into_iter().map(Some).collect());
        }
        Ok(tangents[passed].to_vec())
    }

    fn vmap(
        &self,
        inputs: &[Array],
        axes: &[Option<usize>],
    ) -> Result<Vec<(Array, Option<usize>)>> {
        let passed = self.passed(inputs.len());
        if let PassThrough::Custom { primals, rules } = self {
            if let Some(given) = rules.0.vmap(&inputs[..*primals], &axes[..*primals])? {
                return Ok(given);
            }
            // An output that is the same for every example is repeated: each has a cotangent of it.
            let (mut inputs, mut axes) = (inputs.to_vec(), axes.to_vec());
            let size = (inputs.iter().zip(&axes)).find_map(|(x, a)| a.map(|a| x.dim(a)));
            for (x, axis) in inputs.iter_mut().zip(&mut axes).skip(*primals) {
                if let (None, Some(size)) = (&axis, size) {
                    let whole = x.shape().insert(0, size);
                    *x = x.expand_dims(0)?.broadcast_to(whole)?;
                    *axis = Some(0);
                }
            }
            let batched = BatchedRules {
                rules: rules.clone(),
                primals: axes[..*primals].to_vec(),
                outputs: axes[*primals..].to_vec(),
            };
            let rules = Rules(Arc::new(batched));
            let (primals, passed) = (*primals, *primals..axes.len());
            let op = PassThrough::Custom { primals, rules };
            let outs = op.apply(&inputs)?;
            return Ok(outs.into_iter().zip(axes[passed].to_vec()).collect());
        }
        let outs = self.apply(inputs)?;
        Ok(outs.into_iter().zip(axes[passed].to_vec()).collect())
    }
}

/// The rules of a function under `vmap`: those of the function, mapped.
struct BatchedRules {
    rules: Rules,
    primals: Vec<Option<usize>>,
    outputs: Vec<Option<usize>>,
}

impl FunctionRules for BatchedRules {
    fn vjp(
        &self,
        primals: &[Array],
        outputs: &[Array],
        cotangents: &[Array],
    ) -> Result<Option<Vec<Option<Array>>>> {
        let (n, m) = (primals.len(), outputs.len());
        let operands: Vec<Array> = [primals, outputs, cotangents].concat();
        let axes: Vec<Option<usize>> =
            [&self.primals[..], &self.outputs[..], &self.outputs[..]].concat();
        if axes.iter().all(Option::is_none) {
            return self.rules.0.vjp(primals, outputs, cotangents);
        }
        // Which primals have a cotangent; none when the function has no rule.
        let mut given: Option<Vec<bool>> = None;
        let mapped = transforms::vmap(
            |x| {
                let back = self
                    .rules
                    .0
                    .vjp(&x[..n], &x[n..n + m], &x[n + m..])?
                    .inspect(|back| given = Some(back.iter().map(Option::is_some).collect()));
                Ok(back.into_iter().flatten().flatten().collect())
            },
            &operands,
            &axes,
        )?;
        let Some(given) = given else { return Ok(None) };
        let mut mapped = mapped.into_iter();
        let mut back = Vec::with_capacity(n);
        for (has, axis) in given.into_iter().zip(&self.primals) {
            let part = mapped.next().filter(|_| has);
            back.push(match (part, axis) {
                (Some(g), Some(axis)) => Some(g.moveaxis(0, *axis as isize)?),
                // The same for every example: each has its part in the derivative.
                (Some(g), None) => Some(transforms::batch::sum_front(&g)?),
                (None, _) => None,
            });
        }
        Ok(Some(back))
    }

    fn jvp(&self, primals: &[Array], tangents: &[Option<Array>]) -> Result<Option<Vec<Array>>> {
        let known: Vec<usize> = (0..tangents.len())
            .filter(|&i| tangents[i].is_some())
            .collect();
        let operands: Vec<Array> = primals
            .iter()
            .chain(tangents.iter().flatten())
            .cloned()
            .collect();
        let axes: Vec<Option<usize>> = (self.primals.iter().copied())
            .chain(known.iter().map(|&i| self.primals[i]))
            .collect();
        if axes.iter().all(Option::is_none) {
            return self.rules.0.jvp(primals, tangents);
        }
        let mut has_rule = false;
        let mapped = transforms::vmap(
            |x| {
                let mut tangents = vec![None; primals.len()];
                for (&at, t) in known.iter().zip(&x[primals.len()..]) {
                    tangents[at] = Some(t.clone());
                }
                let pushed = self.rules.0.jvp(&x[..primals.len()], &tangents)?;
                has_rule = pushed.is_some();
                Ok(pushed.unwrap_or_default())
            },
            &operands,
            &axes,
        )?;
        if !has_rule {
            return Ok(None);
        }
        let placed = mapped
            .iter()
            .zip(&self.outputs)
            .map(|(t, axis)| match axis {
                Some(axis) => t.moveaxis(0, *axis as isize),
                None => t.narrow(0, 0, 1)?.reshape(t.shape().without(0)),
            });
        Ok(Some(placed.collect::<Result<_>>()?))
    }
}

/// The arrays `inputs`, whose evaluation waits for `dependencies`.
///
/// # Errors
/// The error of a poisoned array.
pub fn depends(inputs: &[Array], dependencies: &[Array]) -> Result<Vec<Array>> {
    if inputs.is_empty() {
        return Ok(Vec::new());
    }
    let op = PassThrough::Depends {
        outputs: inputs.len(),
    };
    op.apply(&[inputs, dependencies].concat())
}
