//! Where the values of a plan live: memory that dies is used again, in place where a kernel allows it.

use super::{Place, Plan, UNPLACED, Work};

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
        let Work::Kernel(op) = &step.work else {
            continue;
        };
        let pairs = op.family().map_or(&[][..], |f| f.in_place());
        for &(output, input) in pairs {
            let (Some(&to), Some(&from)) = (step.outputs.get(output), step.inputs.get(input))
            else {
                continue;
            };
            let root = roots[from];
            let fresh = roots[to] == to && plan.values[to].place == UNPLACED;
            let dying = plan.values[root].place == UNPLACED && lives.dies[root] == at;
            // Whoever else looks at the memory sees the same elements in the same order.
            let plain = (step.inputs.iter()).all(|&id| {
                let value = &plan.values[id];
                roots[id] != root || (value.offset == 0 && value.spec.strides.is_none())
            });
            let size = |id: usize| plan.values[id].spec.bytes();
            let fits = size(to) == size(root)
                && size(to) == size(from)
                && plan.values[to].spec.dtype.size() == plan.values[from].spec.dtype.size();
            if fresh && dying && plain && fits {
                for alias in roots.iter_mut().filter(|r| **r == to) {
                    *alias = root;
                }
                lives.dies[root] = lives.dies[to];
                break;
            }
        }
    }
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
