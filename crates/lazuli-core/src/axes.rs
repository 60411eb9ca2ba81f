//! Which axes a reduction goes over, written as callers think of them: `..`, `-1`, `[0, 2]`.
//!
//! One conversion for every way of writing it, so that a method has one signature. Axes count from
//! the end if negative and are checked only against an operand: a name for the error is known then.

use std::ops::RangeFull;

use smallvec::SmallVec;

use crate::error::{Error, Result};

/// All axes, or these.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Axes {
    /// Every axis: `..`.
    All,
    /// These axes, negative ones counted from the end.
    These(SmallVec<[isize; 4]>),
}

impl Axes {
    /// The axes of an operand of `rank` axes, ascending.
    ///
    /// # Errors
    /// [`Error::Index`] when there is no such axis, [`Error::Shape`] when one is named twice.
    pub fn resolve(&self, op: &'static str, rank: usize) -> Result<SmallVec<[usize; 4]>> {
        let Axes::These(axes) = self else {
            return Ok((0..rank).collect());
        };
        let mut out = SmallVec::with_capacity(axes.len());
        for &axis in axes {
            let from_end = if axis < 0 { axis + rank as isize } else { axis };
            match usize::try_from(from_end) {
                Ok(at) if at >= rank => return Err(out_of_range(op, axis, rank)),
                Err(_) => return Err(out_of_range(op, axis, rank)),
                Ok(at) if out.contains(&at) => {
                    let what = format!("axis {at} is named twice in {:?}", &axes[..]);
                    return Err(Error::shape(op, what));
                }
                Ok(at) => out.push(at),
            }
        }
        out.sort_unstable();
        Ok(out)
    }

    /// The one axis that is named, or none for all axes: what an operation along one axis takes, which
    /// sees the operand flattened where none is named.
    ///
    /// # Errors
    /// [`Error::Index`] when there is no such axis, [`Error::Shape`] when not one is named.
    pub fn one(&self, op: &'static str, rank: usize) -> Result<Option<usize>> {
        match (self, &self.resolve(op, rank)?[..]) {
            (Axes::All, _) => Ok(None),
            (_, &[axis]) => Ok(Some(axis)),
            (_, axes) => Err(Error::shape(
                op,
                format!("goes along one axis, not along {axes:?}"),
            )),
        }
    }
}

fn out_of_range(op: &'static str, axis: isize, rank: usize) -> Error {
    let axes = if rank == 1 { "axis" } else { "axes" };
    Error::index(
        op,
        format!("axis {axis} is out of range for an array of {rank} {axes}"),
    )
}

impl From<RangeFull> for Axes {
    fn from(_: RangeFull) -> Axes {
        Axes::All
    }
}

/// An index as it is written; one that no `isize` holds is no axis of any operand.
trait Axis: Copy {
    fn signed(self) -> isize;
}

impl Axis for isize {
    fn signed(self) -> isize {
        self
    }
}

impl Axis for i32 {
    fn signed(self) -> isize {
        self as isize
    }
}

impl Axis for usize {
    fn signed(self) -> isize {
        isize::try_from(self).unwrap_or(isize::MAX)
    }
}

macro_rules! conversions {
    ($($ty:ident)*) => {$(
        impl From<$ty> for Axes {
            fn from(axis: $ty) -> Axes {
                Axes::from([axis])
            }
        }

        impl From<&[$ty]> for Axes {
            fn from(axes: &[$ty]) -> Axes {
                Axes::These(axes.iter().map(|a| a.signed()).collect())
            }
        }

        impl<const N: usize> From<[$ty; N]> for Axes {
            fn from(axes: [$ty; N]) -> Axes {
                Axes::from(&axes[..])
            }
        }

        impl<const N: usize> From<&[$ty; N]> for Axes {
            fn from(axes: &[$ty; N]) -> Axes {
                Axes::from(&axes[..])
            }
        }

        impl From<Vec<$ty>> for Axes {
            fn from(axes: Vec<$ty>) -> Axes {
                Axes::from(&axes[..])
            }
        }

        impl From<&Vec<$ty>> for Axes {
            fn from(axes: &Vec<$ty>) -> Axes {
                Axes::from(&axes[..])
            }
        }
    )*};
}

conversions!(isize i32 usize);

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(axes: impl Into<Axes>, rank: usize) -> Result<Vec<usize>> {
        Ok(axes.into().resolve("sum", rank)?.to_vec())
    }

    #[test]
    fn axes_are_sorted_and_count_from_either_end() {
        assert_eq!(resolve(.., 3).unwrap(), [0, 1, 2]);
        assert_eq!(resolve(.., 0).unwrap(), [0; 0]);
        assert_eq!(resolve(-1, 3).unwrap(), [2]);
        assert_eq!(resolve([2, 0], 3).unwrap(), [0, 2]);
        assert_eq!(resolve(&[-1isize, 0][..], 3).unwrap(), [0, 2]);
        assert_eq!(resolve(vec![1usize], 3).unwrap(), [1]);
    }

    #[test]
    fn an_axis_that_is_not_there_or_there_twice_is_an_error() {
        let e = resolve(2, 2).unwrap_err();
        assert_eq!(
            e.to_string(),
            "sum: axis 2 is out of range for an array of 2 axes"
        );
        assert!(resolve(-3, 2).is_err());
        assert!(resolve(isize::MIN, 2).is_err());
        assert!(resolve(usize::MAX, 2).is_err());
        assert!(resolve(0, 0).is_err());
        let e = resolve([1, -1], 2).unwrap_err();
        assert_eq!(e.to_string(), "sum: axis 1 is named twice in [1, -1]");
    }

    #[test]
    fn one_axis_or_the_flattened_operand() {
        let one = |axes: Axes| axes.one("cumsum", 2);
        assert_eq!(one((..).into()).unwrap(), None);
        assert_eq!(one((-1).into()).unwrap(), Some(1));
        assert!(one([0, 1].into()).is_err());
    }
}
