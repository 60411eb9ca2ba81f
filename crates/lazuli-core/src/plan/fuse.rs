//! Groups of elementwise steps that read and write memory once.
//!
//! Steps are looked at in order. An elementwise step joins the groups that make its operands, which
//! then run at its place; a group that somebody outside has read stays where it is. So nothing is
//! reordered across what it depends on, and no search is needed.

use std::collections::{HashMap, HashSet};

use smallvec::SmallVec;

use super::{Group, Member, Plan, Source, Spec, Step, Work};
use crate::backend::Backend;
use crate::op::Op;
use crate::shape::Shape;

/// More members, or more operands from outside, than this make tiles that leave the cache.
const MEMBERS: usize = 32;
const OPERANDS: usize = 12;

/// Rows up to this long may be reduced inside a group, which then has tiles of whole rows.
const ROW: usize = 16 << 10;

struct Draft {
    /// Steps, in order.
    steps: Vec<usize>,
    shape: Shape,
    /// A step may still join: nobody outside has read a result.
    open: bool,
}

/// Replaces chains of elementwise steps by groups. `results` are the values that the plan returns.
pub(super) fn fuse(plan: &mut Plan, roots: &[usize], results: &[usize], backend: &dyn Backend) {
    if plan.steps.len() < 2 {
        return;
    }
    let mut drafts: Vec<Draft> = Vec::new();
    // The step that makes a root, and the draft of a step.
    let mut maker: HashMap<usize, usize> = HashMap::new();
    let mut draft_of: Vec<Option<usize>> = vec![None; plan.steps.len()];
    for at in 0..plan.steps.len() {
        let step = &plan.steps[at];
        let kind = kind_of(plan, step, backend);
        let mut joins: Vec<usize> = Vec::new();
        for &id in &step.inputs {
            let Some(draft) = maker.get(&roots[id]).and_then(|&m| draft_of[m]) else {
                continue;
            };
            let shape = &plan.values[id].spec.shape;
            let direct = roots[id] == id && drafts[draft].shape == *shape && drafts[draft].open;
            if kind != Kind::Other && direct && drafts[draft].shape == *shape {
                joins.push(draft);
            } else {
                drafts[draft].open = false;
            }
        }
        joins.retain(|&d| drafts[d].open);
        joins.sort_unstable();
        joins.dedup();
        let mut steps: Vec<usize> = joins
            .iter()
            .flat_map(|&d| drafts[d].steps.clone())
            .chain([at])
            .collect();
        steps.sort_unstable();
        if steps.len() > 1 && (steps.len() > MEMBERS || outside(plan, &steps) > OPERANDS) {
            joins.iter().for_each(|&d| drafts[d].open = false);
            joins.clear();
            steps = vec![at];
        }
        // A reduction ends a chain; it does not start one.
        if kind == Kind::Elementwise || (kind == Kind::Reduction && !joins.is_empty()) {
            let shape = match kind {
                Kind::Reduction => drafts[joins[0]].shape.clone(),
                _ => plan.values[step.outputs[0]].spec.shape.clone(),
            };
            joins.iter().for_each(|&d| drafts[d].steps.clear());
            for &s in &steps {
                draft_of[s] = Some(drafts.len());
            }
            drafts.push(Draft {
                steps,
                shape,
                open: true,
            });
        }
        for &id in &step.outputs {
            maker.insert(roots[id], at);
        }
    }
    rebuild(plan, roots, results, &drafts, &draft_of);
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Elementwise,
    Reduction,
    Other,
}

fn kind_of(plan: &Plan, step: &Step, backend: &dyn Backend) -> Kind {
    let Work::Kernel(op) = &step.work else {
        return Kind::Other;
    };
    let specs = |ids: &[usize]| -> Vec<Spec> {
        ids.iter().map(|&id| plan.values[id].spec.clone()).collect()
    };
    let kind = match op {
        Op::Reduce(reduce) => {
            let shape = &plan.values[step.inputs[0]].spec.shape;
            let last = shape.last().copied().unwrap_or(0);
            let over_last = reduce.axes.len() == 1 && reduce.axes[0] as usize + 1 == shape.len();
            match over_last && (1..=ROW).contains(&last) {
                true => Kind::Reduction,
                false => Kind::Other,
            }
        }
        op if op.family().is_some_and(|f| f.is_elementwise()) => Kind::Elementwise,
        _ => Kind::Other,
    };
    let whole = step.outputs.len() == 1 && plan.values[step.outputs[0]].spec.shape.elements() > 0;
    match whole && backend.fuses(op, &specs(&step.inputs), &specs(&step.outputs)) {
        true => kind,
        false => Kind::Other,
    }
}

/// Operands that the steps do not make themselves.
fn outside(plan: &Plan, steps: &[usize]) -> usize {
    let made: HashSet<usize> = (steps.iter())
        .flat_map(|&s| plan.steps[s].outputs.iter().copied())
        .collect();
    let used: HashSet<usize> = (steps.iter())
        .flat_map(|&s| plan.steps[s].inputs.iter().copied())
        .collect();
    used.difference(&made).count()
}

fn rebuild(
    plan: &mut Plan,
    roots: &[usize],
    results: &[usize],
    drafts: &[Draft],
    draft_of: &[Option<usize>],
) {
    // Readers of each root, and how they read it.
    let mut readers: HashMap<usize, Vec<(usize, usize)>> = HashMap::new();
    for (at, step) in plan.steps.iter().enumerate() {
        for &id in &step.inputs {
            readers.entry(roots[id]).or_default().push((at, id));
        }
    }
    let is_needed = |id: usize, draft: usize| {
        let read = readers.get(&roots[id]).into_iter().flatten();
        results.contains(&id)
            || read
                .clone()
                .any(|&(at, seen)| draft_of[at] != Some(draft) || seen != id)
    };
    let old = std::mem::take(&mut plan.steps);
    for (at, step) in old.iter().enumerate() {
        let draft = draft_of[at].filter(|&d| drafts[d].steps.len() > 1);
        match draft {
            None => plan.steps.push(step.clone()),
            Some(d) if drafts[d].steps.last() == Some(&at) => {
                let steps: Vec<&Step> = drafts[d].steps.iter().map(|&s| &old[s]).collect();
                let step = group(plan, &drafts[d].shape, &steps, |id| is_needed(id, d));
                plan.steps.push(step);
            }
            Some(_) => {}
        }
    }
}

fn group(plan: &Plan, shape: &Shape, steps: &[&Step], is_needed: impl Fn(usize) -> bool) -> Step {
    let mut made: HashMap<usize, usize> = HashMap::new();
    let mut inputs: SmallVec<[usize; 4]> = SmallVec::new();
    let mut outputs: SmallVec<[usize; 2]> = SmallVec::new();
    let mut members = Vec::with_capacity(steps.len());
    for step in steps {
        let Work::Kernel(op) = &step.work else {
            continue;
        };
        let sources = step.inputs.iter().map(|id| match made.get(id) {
            Some(&member) => Source::Member(member),
            None => {
                let known = inputs.iter().position(|i| i == id);
                Source::Input(known.unwrap_or_else(|| {
                    inputs.push(*id);
                    inputs.len() - 1
                }))
            }
        });
        let sources = sources.collect();
        let result = step.outputs[0];
        let output = is_needed(result).then(|| {
            outputs.push(result);
            outputs.len() - 1
        });
        made.insert(result, members.len());
        members.push(Member {
            op: op.clone(),
            inputs: sources,
            result: plan.values[result].spec.clone(),
            output,
        });
    }
    let shape = shape.clone();
    Step {
        work: Work::Group(Box::new(Group { shape, members })),
        inputs,
        outputs,
    }
}
