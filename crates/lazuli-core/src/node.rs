//! A node of the graph: an immutable operation, its inputs, and results that are written once.

use std::sync::{Arc, PoisonError};

use smallvec::SmallVec;

use crate::array::Array;
use crate::buffer::Buffer;
use crate::device::Device;
use crate::error::{Error, Result};
use crate::layout::Layout;
use crate::op::{Op, Outs};
use crate::promise::Promise;
use crate::stream::Stream;
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use crate::sync::{Mutex, MutexGuard, lock};

/// An evaluated array: its bytes and how they are laid out.
#[derive(Clone)]
pub struct Data {
    /// The bytes.
    pub buffer: Arc<Buffer>,
    /// Where the elements lie in them.
    pub layout: Layout,
}

pub(crate) type Inputs = SmallVec<[Array; 2]>;
pub(crate) type Results = Result<SmallVec<[Data; 1]>>;

pub(crate) struct Node {
    pub(crate) op: Op,
    pub(crate) outs: Outs,
    pub(crate) device: Device,
    /// Number of its stream on the device.
    queue: u16,
    /// Inputs are kept after evaluation: a transform will walk them.
    traced: AtomicBool,
    /// Operations on the longest path below, whether evaluated or not.
    pub(crate) depth: u32,
    /// Epoch of the last evaluation that scheduled this node.
    pub(crate) mark: AtomicU64,
    inputs: Mutex<Inputs>,
    results: Promise<Results>,
}

impl Node {
    pub(crate) fn new(op: Op, inputs: Inputs, outs: Outs, stream: Stream, traced: bool) -> Node {
        let traced = traced || inputs.iter().any(|i| i.node().is_traced());
        let depth = inputs.iter().map(|i| i.node().depth).max().unwrap_or(0);
        Node {
            op,
            outs,
            device: stream.device(),
            queue: stream.number(),
            traced: AtomicBool::new(traced),
            depth: depth.saturating_add(1),
            mark: AtomicU64::new(0),
            inputs: Mutex::new(inputs),
            results: Promise::new(),
        }
    }

    pub(crate) fn with_results(outs: Outs, results: Results) -> Node {
        Node {
            op: Op::Leaf,
            outs,
            device: Device(0),
            queue: 0,
            traced: AtomicBool::new(false),
            depth: 0,
            mark: AtomicU64::new(0),
            inputs: Mutex::new(Inputs::new()),
            results: Promise::kept(results),
        }
    }

    /// Where it runs.
    pub(crate) fn stream(&self) -> Stream {
        Stream::of(self.device, self.queue)
    }

    /// Whether a transform follows the node.
    pub(crate) fn is_traced(&self) -> bool {
        self.traced.load(Relaxed)
    }

    /// Forgets a trace that has ended: the node is followed only if one of its inputs is. The inputs
    /// of a node that has been evaluated are freed.
    pub(crate) fn settle(&self) {
        let mut inputs = self.lock_inputs();
        if inputs.iter().any(|i| i.node().is_traced()) {
            return;
        }
        self.traced.store(false, Relaxed);
        let freed = match self.results.get() {
            Some(_) => std::mem::take(&mut *inputs),
            None => Inputs::new(),
        };
        drop(inputs);
        drop(freed);
    }

    /// The inputs, unless evaluation has freed them.
    pub(crate) fn lock_inputs(&self) -> MutexGuard<'_, Inputs> {
        lock(&self.inputs)
    }

    /// A copy of the inputs, unless evaluation has freed them.
    pub(crate) fn inputs(&self) -> Inputs {
        self.lock_inputs().clone()
    }

    /// The results, if the node has been evaluated or has failed.
    pub(crate) fn results(&self) -> Option<&Results> {
        self.results.get()
    }

    /// Takes the right to evaluate the node, and its inputs; none if another has or had it.
    pub(crate) fn claim(&self) -> Option<Inputs> {
        if !self.results.claim() {
            return None;
        }
        let mut inputs = self.lock_inputs();
        Some(if self.is_traced() {
            inputs.clone()
        } else {
            std::mem::take(&mut *inputs)
        })
    }

    /// Publishes the results of a claimed node.
    pub(crate) fn publish(&self, results: Results) {
        self.results.keep(results);
    }

    /// The results, waiting for whoever claimed the node.
    pub(crate) fn wait(&self) -> &Results {
        self.results.wait()
    }

    pub(crate) fn scheduled_in(&self, epoch: u64) -> bool {
        // Not one exchange: evaluations that meet may both schedule a node, and one will claim it.
        let seen = self.mark.load(Relaxed) == epoch;
        self.mark.store(epoch, Relaxed);
        seen
    }
}

/// Dropping a graph of any depth never recurses.
impl Drop for Node {
    fn drop(&mut self) {
        let inputs = taken(self);
        if inputs.is_empty() {
            return;
        }
        let mut pending: Vec<Arc<Node>> = Vec::new();
        let mut next = inputs;
        loop {
            pending.extend(next.drain(..).map(Array::into_node));
            let Some(node) = pending.pop() else { break };
            if let Some(mut node) = Arc::into_inner(node) {
                next = taken(&mut node);
            }
        }
    }
}

fn taken(node: &mut Node) -> Inputs {
    std::mem::take(
        node.inputs
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner),
    )
}

/// Marks a claimed node failed if its evaluation unwinds, so that nobody waits for it for ever.
pub(crate) struct Claim<'a>(pub(crate) &'a Node);

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        if self.0.results.get().is_none() {
            self.0.publish(Err(Error::device(
                self.0.op.name(),
                "the kernel panicked; the array has no value",
            )));
        }
    }
}
