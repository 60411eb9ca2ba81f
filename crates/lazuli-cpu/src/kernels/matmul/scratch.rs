//! Memory that kernels reuse between calls: one set per thread, so that nothing is allocated while
//! tokens are generated.

use std::cell::Cell;

use lazuli_core::rows::Role;

use super::driver::Group;

/// A cache line, for alignment.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([u8; 64]);

/// A buffer of cache lines that only grows.
#[derive(Default)]
pub(super) struct Lines(Vec<Line>);

impl Lines {
    /// At least `len` bytes, aligned to 64, with any contents.
    pub(super) fn bytes(&mut self, len: usize) -> &mut [u8] {
        let lines = len.div_ceil(64);
        if self.0.len() < lines {
            self.0.resize(lines, Line([0; 64]));
        }
        // SAFETY: `Line` is 64 bytes without padding, and any bytes are valid in it.
        let all = unsafe {
            std::slice::from_raw_parts_mut(self.0.as_mut_ptr().cast::<u8>(), self.0.len() * 64)
        };
        &mut all[..len]
    }
}

thread_local! {
    static PACKED: Cell<Lines> = const { Cell::new(Lines(Vec::new())) };
    static PANELS: Cell<Lines> = const { Cell::new(Lines(Vec::new())) };
    static TILE: Cell<Lines> = const { Cell::new(Lines(Vec::new())) };
    static SORTING: Cell<Sorting> = const { Cell::new(Sorting::EMPTY) };
}

/// Lends this thread's memory for packed activations. A nested loan starts empty.
pub(super) fn with_packed<R>(f: impl FnOnce(&mut Lines) -> R) -> R {
    lend(&PACKED, f)
}

/// Lends this thread's memory for panels of activations.
pub(super) fn with_panels<R>(f: impl FnOnce(&mut Lines) -> R) -> R {
    lend(&PANELS, f)
}

/// Lends this thread's memory for a weight tile and its results.
pub(super) fn with_tile<R>(f: impl FnOnce(&mut Lines) -> R) -> R {
    lend(&TILE, f)
}

/// Lends this thread's memory for grouping rows by expert.
pub(super) fn with_sorting<R>(f: impl FnOnce(&mut Sorting) -> R) -> R {
    lend(&SORTING, f)
}

fn lend<T: Default, R>(
    slot: &'static std::thread::LocalKey<Cell<T>>,
    f: impl FnOnce(&mut T) -> R,
) -> R {
    let mut loan = slot.take();
    let result = f(&mut loan);
    slot.set(loan);
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
