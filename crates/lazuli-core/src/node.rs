//! A node of the graph: an immutable operation, its inputs, and results that are written once.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};

use smallvec::SmallVec;

use crate::array::Array;
use crate::buffer::Buffer;
use crate::device::Device;
use crate::error::{Error, Result};
use crate::layout::Layout;
use crate::op::{Op, Outs};

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

pub(crate) struct State {
    claimed: bool,
    pub(crate) inputs: Inputs,
}

pub(crate) struct Node {
    pub(crate) op: Op,
    pub(crate) outs: Outs,
    pub(crate) device: Device,
    /// Inputs are kept after evaluation: a transform will walk them.
    traced: AtomicBool,
    /// Operations on the longest path below, whether evaluated or not.
    pub(crate) depth: u32,
    /// Epoch of the last evaluation that scheduled this node.
    pub(crate) mark: AtomicU64,
    state: Mutex<State>,
    results: OnceLock<Results>,
}

impl Node {
    pub(crate) fn new(op: Op, inputs: Inputs, outs: Outs, device: Device, traced: bool) -> Node {
        let traced = traced || inputs.iter().any(|i| i.node().is_traced());
        let depth = inputs.iter().map(|i| i.node().depth).max().unwrap_or(0);
        Node {
            op,
            outs,
            device,
            traced: AtomicBool::new(traced),
            depth: depth.saturating_add(1),
            mark: AtomicU64::new(0),
            state: Mutex::new(State {
                claimed: false,
                inputs,
            }),
            results: OnceLock::new(),
        }
    }

    pub(crate) fn with_results(outs: Outs, results: Results) -> Node {
        Node {
            op: Op::Leaf,
            outs,
            device: Device(0),
            traced: AtomicBool::new(false),
            depth: 0,
            mark: AtomicU64::new(0),
            state: Mutex::new(State {
                claimed: true,
                inputs: Inputs::new(),
            }),
            results: OnceLock::from(results),
        }
    }

    /// Whether a transform follows the node.
    pub(crate) fn is_traced(&self) -> bool {
        self.traced.load(Relaxed)
    }

    /// Forgets a trace that has ended: the node is followed only if one of its inputs is. The inputs
    /// of a node that has been evaluated are freed.
    pub(crate) fn settle(&self) {
        let mut state = self.lock();
        if state.inputs.iter().any(|i| i.node().is_traced()) {
            return;
        }
        self.traced.store(false, Relaxed);
        let freed = match self.results.get() {
            Some(_) => std::mem::take(&mut state.inputs),
            None => Inputs::new(),
        };
        drop(state);
        drop(freed);
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The results, if the node has been evaluated or has failed.
    pub(crate) fn results(&self) -> Option<&Results> {
        self.results.get()
    }

    /// The inputs, unless evaluation has freed them.
    pub(crate) fn inputs(&self) -> Inputs {
        self.lock().inputs.clone()
    }

    /// Takes the right to evaluate the node, and its inputs; none if another has or had it.
    pub(crate) fn claim(&self) -> Option<Inputs> {
        let mut state = self.lock();
        if state.claimed {
            return None;
        }
        state.claimed = true;
        Some(if self.is_traced() {
            state.inputs.clone()
        } else {
            std::mem::take(&mut state.inputs)
        })
    }

    /// Publishes the results of a claimed node and wakes whoever waits for them.
    pub(crate) fn publish(&self, results: Results) {
        let _ = self.results.set(results);
        let lot = parking(self);
        // Waking is a system call even when nobody sleeps.
        if lot.sleepers.load(Relaxed) > 0 {
            lot.woken.notify_all();
        }
    }

    /// The results, waiting for whoever claimed the node.
    pub(crate) fn wait(&self) -> &Results {
        if let Some(results) = self.results.get() {
            return results;
        }
        let lot = parking(self);
        lot.sleepers.fetch_add(1, Relaxed);
        let mut guard = lot.lock.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(results) = self.results.get() {
                lot.sleepers.fetch_sub(1, Relaxed);
                return results;
            }
            // The time-out closes the gap between a waiter's check and its sleep: `publish` does not
            // take the lot's lock, so that it costs nothing when nobody waits.
            (guard, _) = lot
                .woken
                .wait_timeout(guard, std::time::Duration::from_millis(1))
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    pub(crate) fn scheduled_in(&self, epoch: u64) -> bool {
        // Not one exchange: evaluations that meet may both schedule a node, and one will claim it.
        let seen = self.mark.load(Relaxed) == epoch;
        self.mark.store(epoch, Relaxed);
        seen
    }
}

/// Where threads that wait for a node sleep: shared by nodes, so that a node carries no condition variable.
struct Lot {
    lock: Mutex<()>,
    woken: Condvar,
    sleepers: AtomicUsize,
}

fn parking(node: &Node) -> &'static Lot {
    static LOTS: [Lot; 32] = [const {
        Lot {
            lock: Mutex::new(()),
            woken: Condvar::new(),
            sleepers: AtomicUsize::new(0),
        }
    }; 32];
    &LOTS[(std::ptr::from_ref(node) as usize >> 8) % LOTS.len()]
}

/// Dropping a graph of any depth never recurses.
impl Drop for Node {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        if state.inputs.is_empty() {
            return;
        }
        let mut pending: Vec<Arc<Node>> = Vec::new();
        let mut next = std::mem::take(&mut state.inputs);
        loop {
            pending.extend(next.drain(..).map(Array::into_node));
            let Some(node) = pending.pop() else { break };
            if let Some(mut node) = Arc::into_inner(node) {
                let state = node.state.get_mut().unwrap_or_else(PoisonError::into_inner);
                next = std::mem::take(&mut state.inputs);
            }
        }
    }
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
