//! How the items of an index are written in Rust.

use std::ops::{Range, RangeFrom, RangeFull, RangeInclusive, RangeTo, RangeToInclusive};

use super::{Ellipsis, Index, Item, NewAxis};
use crate::array::Array;
use crate::error::Result;

/// An integer as a position; one that no `isize` holds is outside every axis.
pub trait Position: Copy {
    /// The position.
    fn position(self) -> isize;
}

macro_rules! positions {
    ($($ty:ident)*) => {$(
        impl Position for $ty {
            fn position(self) -> isize {
                isize::try_from(self).unwrap_or(isize::MAX)
            }
        }

        impl From<$ty> for Item {
            fn from(at: $ty) -> Item {
                Item::At(at.position())
            }
        }
    )*};
}

positions!(i32 u32 i64 u64 isize usize);

/// A range of positions, whose ends count from the end of the axis if negative.
pub trait Span {
    /// The first position, and the last one or the one after it.
    fn ends(self) -> (Option<isize>, Option<isize>, bool);
}

macro_rules! spans {
    ($($range:ident, |$r:ident| $ends:expr;)*) => {$(
        impl<T: Position> Span for $range<T> {
            fn ends(self) -> (Option<isize>, Option<isize>, bool) {
                let $r = self;
                $ends
            }
        }

        impl<T: Position> From<$range<T>> for Item {
            fn from(range: $range<T>) -> Item {
                step(range, 1)
            }
        }
    )*};
}

spans! {
    Range, |r| (Some(r.start.position()), Some(r.end.position()), false);
    RangeFrom, |r| (Some(r.start.position()), None, false);
    RangeTo, |r| (None, Some(r.end.position()), false);
    RangeInclusive, |r| (Some(r.start().position()), Some(r.end().position()), true);
    RangeToInclusive, |r| (None, Some(r.end.position()), true);
}

impl Span for RangeFull {
    fn ends(self) -> (Option<isize>, Option<isize>, bool) {
        (None, None, false)
    }
}

impl From<RangeFull> for Item {
    fn from(range: RangeFull) -> Item {
        step(range, 1)
    }
}

/// Every `step`-th position from `start` to before `stop`, as in Python: `slice(4, None, -2)` is
/// positions 4, 2 and 0.
pub fn slice(start: impl Into<Option<isize>>, stop: impl Into<Option<isize>>, step: isize) -> Item {
    Item::Range {
        start: start.into(),
        stop: stop.into(),
        step,
    }
}

/// Every `step`-th position of a range. A negative step goes backwards from the range's start:
/// `step(.., -1)` reverses an axis.
pub fn step(range: impl Span, step: isize) -> Item {
    let (start, mut stop, inclusive) = range.ends();
    if inclusive && let Some(last) = stop {
        // One further in the direction of the step, unless that has another meaning.
        stop = match (step < 0, last) {
            (true, 0) | (false, -1) => None,
            (true, last) => Some(last.saturating_sub(1)),
            (false, last) => Some(last.saturating_add(1)),
        };
    }
    Item::Range { start, stop, step }
}

impl From<Ellipsis> for Item {
    fn from(_: Ellipsis) -> Item {
        Item::Ellipsis
    }
}

impl From<NewAxis> for Item {
    fn from(_: NewAxis) -> Item {
        Item::NewAxis
    }
}

impl From<Array> for Item {
    fn from(array: Array) -> Item {
        Item::Array(array)
    }
}

impl From<&Array> for Item {
    fn from(array: &Array) -> Item {
        Item::Array(array.clone())
    }
}

#[track_caller]
fn listed(made: Result<Array>) -> Item {
    Item::Array(made.unwrap_or_else(Array::poisoned))
}

impl<T: Position> From<&[T]> for Item {
    #[track_caller]
    fn from(positions: &[T]) -> Item {
        let list: Vec<i64> = positions.iter().map(|p| p.position() as i64).collect();
        listed(Array::from_slice(&list, [list.len()]))
    }
}

/// All of the array or nothing, along a new axis.
impl From<bool> for Item {
    fn from(all: bool) -> Item {
        Item::Array(all.into())
    }
}

impl From<&[bool]> for Item {
    #[track_caller]
    fn from(mask: &[bool]) -> Item {
        listed(Array::from_slice(mask, [mask.len()]))
    }
}

macro_rules! lists {
    ($($ty:ident)*) => {$(
        impl<const N: usize> From<[$ty; N]> for Item {
            #[track_caller]
            fn from(list: [$ty; N]) -> Item {
                Item::from(&list[..])
            }
        }

        impl<const N: usize> From<&[$ty; N]> for Item {
            #[track_caller]
            fn from(list: &[$ty; N]) -> Item {
                Item::from(&list[..])
            }
        }

        impl From<Vec<$ty>> for Item {
            #[track_caller]
            fn from(list: Vec<$ty>) -> Item {
                Item::from(&list[..])
            }
        }

        impl From<&Vec<$ty>> for Item {
            #[track_caller]
            fn from(list: &Vec<$ty>) -> Item {
                Item::from(&list[..])
            }
        }
    )*};
}

lists!(i32 u32 i64 u64 isize usize bool);

/// A whole index of one item.
impl<T: Into<Item>> From<T> for Index {
    fn from(item: T) -> Index {
        Index(std::iter::once(item.into()).collect())
    }
}

impl From<()> for Index {
    fn from((): ()) -> Index {
        Index::default()
    }
}

impl From<&[Item]> for Index {
    fn from(items: &[Item]) -> Index {
        Index(items.into())
    }
}

macro_rules! tuples {
    ($(($($name:ident $at:tt),*))*) => {$(
        impl<$($name: Into<Item>),*> From<($($name,)*)> for Index {
            fn from(items: ($($name,)*)) -> Index {
                Index([$(items.$at.into()),*].into_iter().collect())
            }
        }
    )*};
}

tuples! {
    (A 0)
    (A 0, B 1)
    (A 0, B 1, C 2)
    (A 0, B 1, C 2, D 3)
    (A 0, B 1, C 2, D 3, E 4)
    (A 0, B 1, C 2, D 3, E 4, F 5)
}
