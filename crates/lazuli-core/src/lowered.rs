//! The cache of lowered operations: what evaluation runs for one node.
//!
//! A thread looks at its own few recent ones first, found by a hash of operation and operands and
//! compared in place: nothing is allocated and no lock taken. Behind it is one table for all threads.

use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use smallvec::SmallVec;

use crate::array::Array;
use crate::backend::{Backend, Executable};
use crate::compile::workspace::Workspace;
use crate::device::Device;
use crate::error::Result;
use crate::hash::{FastHasher, FastState};
use crate::node::Data;
use crate::op::Op;
use crate::plan::{Plan, Spec};

/// A plan with its executable.
pub(crate) struct Lowered {
    pub(crate) plan: Arc<Plan>,
    pub(crate) executable: Arc<dyn Executable>,
    /// Where a compiled function keeps its workspace.
    pub(crate) workspace: Option<Arc<Workspace>>,
}

type Key = (Device, Op, SmallVec<[Spec; 4]>);
type Table = HashMap<Key, Arc<Lowered>, FastState>;

/// Entries are dropped all at once when there are this many: ragged prompts make new shapes for ever.
const CACHED_PLANS: usize = 8192;

/// Places of a thread's own table.
const RECENT: usize = 64;

struct Recent {
    device: Device,
    op: Op,
    lowered: Arc<Lowered>,
}

thread_local! {
    static OWN: RefCell<Vec<Option<Recent>>> = const { RefCell::new(Vec::new()) };
}

impl Recent {
    fn is(&self, op: &Op, inputs: &[Array], values: &[&Data], device: Device) -> bool {
        // Captured values of a decomposition follow the operands.
        let specs = &self.lowered.plan.inputs;
        let count = specs.len() - self.lowered.plan.captured.len();
        self.device == device
            && count == inputs.len()
            && self.op == *op
            && inputs.iter().zip(values).zip(specs).all(|((x, v), spec)| {
                x.dtype() == spec.dtype
                    && *x.shape() == spec.shape
                    && v.layout.strides == spec.strides
            })
    }
}

/// The plan of `op` over operands, made if it is new.
pub(crate) fn lowered(
    op: &Op,
    inputs: &[Array],
    values: &[&Data],
    device: Device,
    backend: &Arc<dyn Backend>,
) -> Result<Arc<Lowered>> {
    if let Op::Compiled(compiled) = op {
        return compiled.0.lowered(inputs, values, device, backend);
    }
    let place = place(op, inputs);
    let recent = OWN.with_borrow(|own| {
        let recent = own.get(place)?.as_ref()?;
        (recent.is(op, inputs, values, device)).then(|| recent.lowered.clone())
    });
    if let Some(found) = recent {
        return Ok(found);
    }
    let lowered = shared(op, inputs, values, device, backend)?;
    let replaced = OWN.with_borrow_mut(|own| {
        if own.is_empty() {
            own.resize_with(RECENT, || None);
        }
        own[place].replace(Recent {
            device,
            op: op.clone(),
            lowered: lowered.clone(),
        })
    });
    drop(replaced);
    Ok(lowered)
}

fn place(op: &Op, inputs: &[Array]) -> usize {
    let mut hasher = FastHasher::default();
    op.hash(&mut hasher);
    for input in inputs {
        hasher.write_u64(input.dtype() as u64);
        input.shape().iter().for_each(|&d| hasher.write_usize(d));
    }
    hasher.finish() as usize % RECENT
}

fn shared(
    op: &Op,
    inputs: &[Array],
    values: &[&Data],
    device: Device,
    backend: &Arc<dyn Backend>,
) -> Result<Arc<Lowered>> {
    static CACHE: OnceLock<Mutex<Table>> = OnceLock::new();
    let cache = CACHE.get_or_init(Mutex::default);
    let lock = || cache.lock().unwrap_or_else(PoisonError::into_inner);
    let spec = |(input, value): (&Array, &&Data)| Spec {
        shape: input.shape().clone(),
        dtype: input.dtype(),
        strides: value.layout.strides.clone(),
    };
    let key = (
        device,
        op.clone(),
        inputs.iter().zip(values).map(spec).collect(),
    );
    if let Some(found) = lock().get(&key) {
        return Ok(found.clone());
    }
    let plan = Plan::of_op(op, &key.2, &**backend)?;
    let made = Arc::new(Lowered::of_plan(plan, backend, None)?);
    let mut cache = lock();
    if cache.len() >= CACHED_PLANS {
        cache.clear();
    }
    cache.insert(key, made.clone());
    Ok(made)
}

impl Lowered {
    pub(crate) fn of_plan(
        plan: Plan,
        backend: &Arc<dyn Backend>,
        workspace: Option<Arc<Workspace>>,
    ) -> Result<Lowered> {
        let plan = Arc::new(plan);
        let executable = backend.lower(plan.clone())?;
        Ok(Lowered {
            plan,
            executable,
            workspace,
        })
    }
}
