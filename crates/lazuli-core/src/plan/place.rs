//! Where the values of a plan live: memory that dies is used again, in place where a kernel allows it.

use smallvec::SmallVec;

use super::{Group, Place, Plan, Source, Step, UNPLACED, Work};
use crate::op::Op;

/// First and last step at which each root is alive. A result of the plan never dies.
struct Lives {
    born: Vec<usize>,
    dies: Vec<usize>,
}

impl Lives {
    fn of(plan: &Plan, roots: &[usize]) -> Lives {
        let count = plan.values.len();
        let mut lives = Lives {
            born: vec![usize::MAX; count],
            dies: vec![0; count],
        };
        for (at, step) in plan.steps.iter().enumerate() {
            for &id in &step.outputs {
                lives.born[roots[id]] = lives.born[roots[id]].min(at);
                lives.dies[roots[id]] = lives.dies[roots[id]].max(at);
            }
            for &id in &step.inputs {
                lives.dies[roots[id]] = lives.dies[roots[id]].max(at);
            }
        }
        lives
    }
}

/// Lets a result take the memory of an operand that dies with it, where the kernel works in place.
/// `results` are the values that the plan returns.
pub(super) fn share(plan: &Plan, roots: &mut [usize], results: &[usize]) {
    let mut lives = Lives::of(plan, roots);
    for &id in results {
        lives.dies[roots[id]] = usize::MAX;
    }
    for (at, step) in plan.steps.iter().enumerate() {
        let mut given: SmallVec<[usize; 2]> = SmallVec::new();
        for (to, from) in in_place(plan, step, roots) {
            let root = roots[from];
            let fresh = roots[to] == to && plan.values[to].place == UNPLACED;
            let dying = plan.values[root].place == UNPLACED && lives.dies[root] == at;
            if fresh && dying && !given.contains(&root) {
                for alias in roots.iter_mut().filter(|r| **r == to) {
                    *alias = root;
                }
                lives.dies[root] = lives.dies[to];
                given.push(root);
            }
        }
    }
}

/// Pairs (output, input) of the plan that may share memory: see [`Plan::state`].
pub(super) fn state(plan: &Plan, roots: &[usize], results: &[usize]) -> Vec<(usize, usize)> {
    let lives = Lives::of(plan, roots);
    // What the graph captured is never written.
    let bound = plan.inputs.len() - plan.captured.len();
    let mut pairs = Vec::new();
    for (at, step) in plan.steps.iter().enumerate() {
        for (to, from) in in_place(plan, step, roots) {
            let result = results.iter().position(|&r| roots[r] == roots[to]);
            let (Some(output), Place::Input(input)) = (result, plan.values[roots[from]].place)
            else {
                continue;
            };
            let first = lives.born[roots[to]] == at;
            if first && input < bound && lives.dies[roots[from]] == at {
                pairs.push((output, input));
            }
        }
    }
    pairs
}

/// Pairs (result, operand) of a step of which the operand's memory may become the result's, as far as the
/// step is concerned: it works in place there, both are of one size, and nothing else that it reads lies
/// in that memory, unless as the same elements in the same order.
fn in_place(plan: &Plan, step: &Step, roots: &[usize]) -> SmallVec<[(usize, usize); 2]> {
    let pairs = match &step.work {
        Work::Kernel(op) => in_place_of_kernel(step, op, roots),
        Work::Group(group) => in_place_of_group(plan, step, group, roots),
    };
    let pairs = pairs.iter().filter_map(|&(output, input)| {
        let (&to, &from) = (step.outputs.get(output)?, step.inputs.get(input)?);
        let root = roots[from];
        let size = |id: usize| plan.values[id].spec.bytes();
        let plain = (step.inputs.iter()).all(|&id| {
            let value = &plan.values[id];
            let whole = value.offset == 0 && value.spec.strides.is_none();
            roots[id] != root || (whole && size(id) == size(root))
        });
        let fits = size(to) == size(root)
            && plan.values[to].spec.dtype.size() == plan.values[from].spec.dtype.size();
        (plain && fits).then_some((to, from))
    });
    pairs.collect()
}

/// Pairs (output, input) that an operation declares, of inputs that it takes once, or elementwise.
fn in_place_of_kernel(step: &Step, op: &Op, roots: &[usize]) -> SmallVec<[(usize, usize); 2]> {
    let Some(family) = op.family() else {
        return SmallVec::new();
    };
    let declared = family.in_place();
    let alone = |&(_, input): &(usize, usize)| {
        let root = |at: usize| step.inputs.get(at).map(|&id| roots[id]);
        let mut others = (0..step.inputs.len()).filter(|&at| at != input);
        family.is_elementwise() || others.all(|at| root(at) != root(input))
    };
    declared.iter().copied().filter(alone).collect()
}

/// Pairs (output, input) of a group whose members read each element of the input before one of them
/// writes that element of the output. A tile of one is a tile of the other if both have the group's
/// shape.
fn in_place_of_group(
    plan: &Plan,
    step: &Step,
    group: &Group,
    roots: &[usize],
) -> SmallVec<[(usize, usize); 2]> {
    let mut pairs = SmallVec::new();
    let whole = |id: usize| plan.values[id].spec.shape == group.shape;
    for (writer, member) in group.members.iter().enumerate() {
        let Some(output) = member.output.filter(|&o| whole(step.outputs[o])) else {
            continue;
        };
        for (input, &id) in step.inputs.iter().enumerate() {
            // The memory may have several names among the inputs.
            let reads = |source: &Source| matches!(source, Source::Input(i) if roots[step.inputs[*i]] == roots[id]);
            let later = &group.members[writer + 1..];
            let free = later.iter().all(|m| !m.inputs.iter().any(reads));
            let declared = member.op.family().map_or(&[][..], |f| f.in_place());
            let own = member.inputs.iter().enumerate();
            let mut own = own.filter(|(_, source)| reads(source));
            if whole(id) && free && own.all(|(at, _)| declared.contains(&(0, at))) {
                pairs.push((output, input));
            }
        }
    }
    pairs
}

/// Gives workspace values their bytes: first fit over the steps in which each is alive.
pub(super) fn assign(plan: &mut Plan, roots: &[usize]) {
    let Lives { born, dies } = Lives::of(plan, roots);
    let mut placed: Vec<(usize, usize, usize, usize)> = Vec::new(); // start, end, born, dies
    let mut order: Vec<usize> = (0..plan.values.len())
        .filter(|&id| roots[id] == id && plan.values[id].place == UNPLACED)
        .collect();
    order.sort_by_key(|&id| born[id]);
    for id in order {
        // What only a group sees needs no memory.
        let size = match born[id] {
            usize::MAX => 0,
            _ => plan.values[id].spec.bytes().next_multiple_of(64),
        };
        let mut at = 0;
        let mut live: Vec<_> = placed
            .iter()
            .filter(|p| p.2 <= dies[id] && born[id] <= p.3)
            .map(|p| (p.0, p.1))
            .collect();
        live.sort_unstable();
        for (start, end) in live {
            if start >= at + size {
                break;
            }
            at = at.max(end);
        }
        if size > 0 {
            placed.push((at, at + size, born[id], dies[id]));
        }
        plan.workspace = plan.workspace.max(at + size);
        plan.values[id].place = Place::Workspace(at);
    }
    for (id, &root) in roots.iter().enumerate() {
        plan.values[id].place = plan.values[root].place;
    }
}
