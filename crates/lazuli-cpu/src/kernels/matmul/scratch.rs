//! What products keep between calls.

use std::cell::Cell;

use lazuli_core::rows::Role;

use super::driver::Group;
pub(super) use crate::kernels::scratch::Lines;
use crate::kernels::scratch::{Use, lend};

thread_local! {
    static SORTING: Cell<Sorting> = const { Cell::new(Sorting::EMPTY) };
}

/// Lends this thread's memory for packed activations.
pub(super) fn with_packed<R>(f: impl FnOnce(&mut Lines) -> R) -> R {
    lend(Use::Packed, f)
}

/// Lends this thread's memory for panels of activations.
pub(super) fn with_panels<R>(f: impl FnOnce(&mut Lines) -> R) -> R {
    lend(Use::Panels, f)
}

/// Lends this thread's memory for a weight tile and its results.
pub(super) fn with_tile<R>(f: impl FnOnce(&mut Lines) -> R) -> R {
    lend(Use::Tile, f)
}

/// Lends this thread's memory for grouping rows by expert. A nested loan starts empty.
pub(super) fn with_sorting<R>(f: impl FnOnce(&mut Sorting) -> R) -> R {
    let mut sorting = SORTING.take();
    let result = f(&mut sorting);
    SORTING.set(sorting);
    result
}

/// A counting sort of row indices by role and expert.
#[derive(Default)]
pub(super) struct Sorting {
    next: Vec<u32>,
    order: Vec<u32>,
    groups: Vec<Group>,
}

impl Sorting {
    const EMPTY: Sorting = Sorting {
        next: Vec::new(),
        order: Vec::new(),
        groups: Vec::new(),
    };

    /// The rows of `0..count`, prompts first and by expert, and the groups of each role that have any.
    pub(super) fn sort(
        &mut self,
        count: usize,
        experts: usize,
        of: impl Fn(usize) -> (Role, usize),
    ) -> (&[u32], [&[Group]; 2]) {
        let Sorting {
            next,
            order,
            groups,
        } = self;
        let key = |row: usize| {
            let (role, expert) = of(row);
            assert!(expert < experts, "expert {expert} of {experts}");
            (role == Role::Generated) as usize * experts + expert
        };
        next.clear();
        next.resize(2 * experts, 0);
        for row in 0..count {
            next[key(row)] += 1;
        }
        groups.clear();
        let (mut first, mut prompts) = (0, 0);
        for (key, count) in next.iter_mut().enumerate() {
            let rows = *count as usize;
            *count = first as u32;
            if rows > 0 {
                groups.push(Group {
                    expert: key % experts,
                    first,
                    rows,
                });
                first += rows;
            }
            if key < experts {
                prompts = groups.len();
            }
        }
        order.clear();
        order.resize(count, 0);
        for row in 0..count {
            let place = &mut next[key(row)];
            order[*place as usize] = row as u32;
            *place += 1;
        }
        let (prompts, generated) = groups.split_at(prompts);
        (order, [prompts, generated])
    }
}
