//! The part of a graph that depends on a transform's tracers.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::array::Array;
use crate::node::Node;

/// Identity of a node.
pub(super) fn key(node: &Arc<Node>) -> usize {
    Arc::as_ptr(node) as usize
}

/// Ends a trace: what depends on `tracers` keeps its inputs after evaluation only if another trace
/// follows it. `results` keep those nodes alive.
pub(super) fn release(tracers: &[Array], results: &[Array]) {
    let order = dependents(tracers, results);
    for array in tracers.iter().chain(&order) {
        array.node().settle();
    }
}

/// Nodes that depend on `tracers`, inputs before users, tracers excluded. `outputs` keep them alive.
pub(crate) fn dependents(tracers: &[Array], outputs: &[Array]) -> Vec<Array> {
    let roots: HashSet<usize> = tracers.iter().map(|t| key(t.node())).collect();
    let mut depends: HashMap<usize, bool> = roots.iter().map(|&r| (r, true)).collect();
    let mut order = Vec::new();
    let mut stack: Vec<(Array, bool)> = outputs.iter().rev().map(|o| (o.clone(), false)).collect();
    while let Some((array, inputs_known)) = stack.pop() {
        let id = key(array.node());
        if depends.contains_key(&id) {
            continue;
        }
        // Only nodes built on a tracer keep their inputs; no other can depend on one.
        if !array.node().is_traced() {
            depends.insert(id, false);
            continue;
        }
        let inputs = array.node().inputs();
        if inputs_known {
            let any = inputs
                .iter()
                .any(|i| depends.get(&key(i.node())) == Some(&true));
            depends.insert(id, any);
            if any {
                order.push(array);
            }
        } else {
            stack.push((array, true));
            stack.extend(inputs.into_iter().rev().map(|i| (i, false)));
        }
    }
    order
}
