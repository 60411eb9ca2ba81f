//! Evaluation: order the graph, run it, free inputs as they die.
//!
//! Each node is claimed when its turn comes, in topological order, so two evaluations that meet never
//! compute twice and never wait in a circle. No lock is held while a kernel runs.

use std::sync::atomic::{
    AtomicU64,
    Ordering::{Acquire, Relaxed},
    fence,
};
use std::sync::{Arc, OnceLock};

use smallvec::{SmallVec, smallvec};

use crate::array::Array;
use crate::backend::{Backend, Binding, Bindings, DeviceMemory, Event};
use crate::buffer::Buffer;
use crate::device::Space;
use crate::error::{Error, Result};
use crate::layout::Layout;
use crate::lowered::{Lowered, lowered};
use crate::node::{Claim, Data, Inputs, Node, Results};
use crate::op::Op;
use crate::ops::view::View;
use crate::queue::Queue;
use crate::stream::with_stream;

/// Computes the values of `arrays` and waits until they are there.
///
/// # Errors
/// The first error of the graph.
pub fn eval(arrays: &[&Array]) -> Result<()> {
    start(arrays)?;
    for array in arrays {
        array.known_data()?.buffer.wait()?;
    }
    Ok(())
}

/// Starts to compute the values of `arrays` and returns at once. Errors show when a value is used.
pub fn async_eval(arrays: &[&Array]) {
    let on_host = |a: &&Array| match a.node().device.backend() {
        Ok(backend) => backend.space() == Space::Host,
        Err(_) => false,
    };
    if !arrays.iter().any(on_host) {
        // Work for other devices is queued, not done, by this call.
        let _ = start(arrays);
        return;
    }
    let job: Vec<Array> = arrays.iter().map(|&a| a.clone()).collect();
    let work = move || start(&job.iter().collect::<Vec<_>>());
    match STARTED.get_or_init(|| Queue::start("async_eval")) {
        Ok(queue) => drop(queue.push(work)),
        // Without a thread beside it the caller computes.
        Err(_) => drop(work()),
    }
}

/// Where work that [`async_eval`] starts for the host is done.
static STARTED: OnceLock<Result<Queue>> = OnceLock::new();

/// Waits for the work that [`async_eval`] started for the host.
pub(crate) fn finish_started() -> Result<()> {
    match STARTED.get() {
        Some(Ok(queue)) => queue.synchronize(),
        _ => Ok(()),
    }
}

fn start(arrays: &[&Array]) -> Result<()> {
    let mut first_error = None;
    for node in schedule(arrays) {
        if let Err(error) = run(&node) {
            first_error.get_or_insert(error);
        }
    }
    for array in arrays {
        if let Err(error) = array.known_data() {
            return Err(first_error.unwrap_or(error));
        }
    }
    Ok(())
}

/// Unevaluated nodes below `arrays`, inputs before users, without recursion.
fn schedule(arrays: &[&Array]) -> Vec<Arc<Node>> {
    static EPOCH: AtomicU64 = AtomicU64::new(1);
    let epoch = EPOCH.fetch_add(1, Relaxed);
    let mut order = Vec::new();
    let mut stack: Vec<(Arc<Node>, bool)> = Vec::new();
    let mut pending: Vec<Arc<Node>> = Vec::new();
    let mut roots: SmallVec<[&Arc<Node>; 4]> = arrays.iter().rev().map(|a| a.node()).collect();
    roots.retain(|node| node.results().is_none());
    // Shallow results first, such as the gradients of the last layers: what they alone need dies before
    // the deep ones are computed.
    roots.sort_by_key(|node| std::cmp::Reverse(node.depth));
    for node in roots {
        stack.push((node.clone(), false));
    }
    while let Some((node, inputs_done)) = stack.pop() {
        if inputs_done {
            order.push(node);
            continue;
        }
        if node.scheduled_in(epoch) {
            continue;
        }
        if node.results().is_some() {
            continue;
        }
        let inputs = node.lock_inputs();
        let of_inputs = inputs.iter().rev().map(Array::node);
        pending.extend(of_inputs.filter(|i| i.results().is_none()).cloned());
        drop(inputs);
        stack.push((node, true));
        stack.extend(pending.drain(..).map(|n| (n, false)));
    }
    order
}

fn run(node: &Arc<Node>) -> Result<()> {
    let Some(inputs) = node.claim() else {
        return match node.wait() {
            Ok(_) => Ok(()),
            Err(e) => Err(e.clone()),
        };
    };
    let claim = Claim(node);
    let results = compute(node, inputs);
    let outcome = results.as_ref().map(|_| ()).map_err(Error::clone);
    node.publish(results);
    drop(claim);
    outcome
}

fn compute(node: &Node, inputs: Inputs) -> Results {
    match &node.op {
        Op::Leaf => Err(Error::value(
            "eval",
            "the array stands for an operand of vmap or compile and has no value: evaluate outside",
        )),
        Op::PassThrough(pass) => {
            // Also those that are not passed must be there.
            let values = inputs.iter().map(Array::known_data);
            let values = values.collect::<Result<SmallVec<[Data; 4]>>>()?;
            Ok(values[pass.passed(values.len())].iter().cloned().collect())
        }
        Op::View(view) => {
            let value = inputs[0].shown_data()?;
            view_of(view, node, &inputs[0], value).map(|d| smallvec![d])
        }
        _ if node.outs.iter().all(|(shape, _)| shape.elements() == 0) => {
            (inputs.iter()).try_for_each(|i| i.shown_data().map(|_| ()))?;
            empty(node)
        }
        op => dispatch(op, node, inputs, node.device.backend()?),
    }
}

fn empty(node: &Node) -> Results {
    let buffer = Arc::new(Buffer::from_slice(&[])?);
    let layout = Layout::default();
    Ok(node
        .outs
        .iter()
        .map(|_| Data {
            buffer: buffer.clone(),
            layout: layout.clone(),
        })
        .collect())
}

fn view_of(view: &View, node: &Node, input: &Array, value: &Data) -> Result<Data> {
    let to = &node.outs[0].0;
    if let Some(layout) = view.layout(&value.layout, input.shape(), to) {
        return Ok(Data {
            buffer: value.buffer.clone(),
            layout,
        });
    }
    // The elements have to move: a copy, seen with the new shape.
    let copy = with_stream(node.stream(), || input.copy())?.data()?;
    let layout = view
        .layout(&copy.layout, input.shape(), to)
        .ok_or_else(|| Error::shape("view", format!("{} cannot be seen as {to}", input.shape())))?;
    Ok(Data {
        buffer: copy.buffer,
        layout,
    })
}

fn dispatch(op: &Op, node: &Node, inputs: Inputs, backend: &'static Arc<dyn Backend>) -> Results {
    let mut values: Values<'_> = SmallVec::new();
    for input in &inputs {
        values.push(input.shown_data()?);
    }
    let lowered = lowered(op, &inputs, &values, node.device, backend)?;
    let outs = outputs(node, &inputs, &values, &lowered, backend)?;
    let mut bindings = Bindings {
        inputs: SmallVec::new(),
        outputs: SmallVec::new(),
        workspace: None,
    };
    for value in values.iter().copied().chain(&lowered.plan.captured) {
        bindings.inputs.push(bind(value, backend)?);
    }
    for out in &outs {
        bindings.outputs.push(bind(out, backend)?);
    }
    bindings.workspace = workspace(&lowered, backend)?;
    let used = bindings.workspace.clone();
    let event = node.stream().enqueue(&lowered.executable, bindings)?;
    if let (Some(memory), Some(keeper)) = (used, &lowered.workspace) {
        keeper.keep(backend, memory);
    }
    if !matches!(event, Event::Ready) {
        let given = |value: &Data| outs.iter().any(|o| Arc::ptr_eq(&o.buffer, &value.buffer));
        for value in values.iter().filter(|v| !given(v)) {
            value.buffer.read_by(&event);
        }
        for out in &outs {
            out.buffer.written(event.clone());
        }
    }
    // Not before: another evaluation that found itself their only owner would write over them.
    drop(values);
    drop(inputs);
    Ok(outs)
}

fn workspace(
    lowered: &Lowered,
    backend: &Arc<dyn Backend>,
) -> Result<Option<Arc<dyn DeviceMemory>>> {
    let memory = match (lowered.plan.workspace, &lowered.workspace) {
        (0, _) => return Ok(None),
        (bytes, Some(keeper)) => keeper.take(backend, bytes),
        (bytes, None) => backend.allocate(bytes),
    };
    memory.map(Some)
}

/// The operands' values, which their nodes hold.
type Values<'a> = SmallVec<[&'a Data; 4]>;

fn bind(value: &Data, backend: &Arc<dyn Backend>) -> Result<Binding> {
    let (memory, after) = value.buffer.resident(backend)?;
    Ok(Binding {
        memory,
        offset: value.layout.offset,
        after,
    })
}

/// Memory for the outputs: donated by an input where nobody else can see it, else new.
fn outputs(
    node: &Node,
    inputs: &Inputs,
    values: &[&Data],
    lowered: &Lowered,
    backend: &'static Arc<dyn Backend>,
) -> Result<SmallVec<[Data; 1]>> {
    let mut given: SmallVec<[usize; 2]> = SmallVec::new();
    let mut outs = SmallVec::new();
    for (number, (shape, dtype)) in node.outs.iter().enumerate() {
        let bytes = shape.elements() * dtype.size();
        let donor = lowered.plan.state.iter().find(|&&(out, input)| {
            out == number
                && !given.contains(&input)
                && can_donate(inputs, values, input, bytes, dtype.size())
                && values[input].buffer.is_home(backend.space())
        });
        let buffer = match donor {
            Some(&(_, input)) => {
                given.push(input);
                // The node that is giving it up is freed before the kernel runs.
                let buffer = values[input].buffer.clone();
                buffer.call_home();
                buffer
            }
            None => Arc::new(Buffer::allocate(backend, bytes)?),
        };
        outs.push(Data {
            buffer,
            layout: Layout::default(),
        });
    }
    Ok(outs)
}

/// Whether node, array and buffer of an input are uniquely owned by the operation that is running,
/// and the buffer may be written and has the right size and layout.
fn can_donate(inputs: &Inputs, values: &[&Data], at: usize, bytes: usize, size: usize) -> bool {
    let (input, value) = (&inputs[at], values[at]);
    if Arc::strong_count(input.node()) != 1 || Arc::strong_count(&value.buffer) != 1 {
        return false;
    }
    // Whoever owned it too has let go of it; what he did with it happened before what follows.
    fence(Acquire);
    !input.node().is_traced()
        && value.buffer.is_exclusive()
        && !value.buffer.has_readers()
        && value.layout == Layout::default()
        && value.buffer.len() == bytes
        && input.dtype().size() == size
        && input.bytes() == bytes
}
