//! Shapes, broadcasting and strides. Dimensions are `usize`: nothing overflows at 2³¹ elements.

use std::fmt;
use std::ops::Deref;

use smallvec::SmallVec;

use crate::error::{Error, Result};

/// Dimensions of an array, outermost first; empty for a scalar.
#[derive(Clone, Eq, Hash, Default, serde::Serialize, serde::Deserialize)]
#[allow(clippy::derived_hash_with_manual_eq)] // The same equality.
pub struct Shape(SmallVec<[usize; 4]>);

/// Distances between neighbours along each axis, in elements; may be zero or negative.
pub type Strides = SmallVec<[isize; 4]>;

impl Shape {
    /// Number of elements.
    pub fn elements(&self) -> usize {
        self.0.iter().product()
    }

    /// Strides of the row-major layout.
    pub fn contiguous_strides(&self) -> Strides {
        let mut strides: Strides = SmallVec::from_elem(0, self.len());
        let mut step = 1isize;
        for axis in (0..self.len()).rev() {
            strides[axis] = step;
            step *= self[axis].max(1) as isize;
        }
        strides
    }

    /// The shape with `dims[axis]` replaced.
    pub fn with(&self, axis: usize, dim: usize) -> Shape {
        let mut out = self.clone();
        out.0[axis] = dim;
        out
    }

    /// The shape without `axis`.
    pub fn without(&self, axis: usize) -> Shape {
        let mut out = self.clone();
        out.0.remove(axis);
        out
    }

    /// The shape with a dimension put in at `axis`.
    pub fn insert(&self, axis: usize, dim: usize) -> Shape {
        let mut out = self.clone();
        out.0.insert(axis, dim);
        out
    }

    /// The dimensions, to change in place.
    pub fn dims_mut(&mut self) -> &mut [usize] {
        &mut self.0
    }

    /// Number of elements, unless it does not fit `isize` bytes of `size` each.
    pub fn checked_bytes(&self, size: usize) -> Option<usize> {
        self.0
            .iter()
            .try_fold(size, |n, &d| n.checked_mul(d))
            .filter(|&n| n <= isize::MAX as usize)
    }

    /// The lengths `dims` for `elements` elements, where one -1 is what the others leave.
    ///
    /// # Errors
    /// [`Error::Shape`] when it cannot be told, or a length is negative.
    pub fn inferred(op: &'static str, elements: usize, dims: &[isize]) -> Result<Shape> {
        let wrong = || {
            let what = format!("{elements} elements cannot be seen as {dims:?}");
            Error::shape(op, what)
        };
        let open = dims.iter().filter(|&&d| d == -1).count();
        let given = dims.iter().filter(|&&d| d != -1);
        let known = given
            .clone()
            .try_fold(1usize, |n, &d| n.checked_mul(usize::try_from(d).ok()?));
        let left = match (open, known) {
            (0, Some(known)) if known == elements => 0,
            (1, Some(known)) if known > 0 && elements.is_multiple_of(known) => elements / known,
            _ => return Err(wrong()),
        };
        Ok(dims
            .iter()
            .map(|&d| usize::try_from(d).unwrap_or(left))
            .collect())
    }

    /// The shape that all broadcast to.
    ///
    /// # Errors
    /// As [`Shape::broadcast`].
    pub fn broadcast_all(op: &'static str, shapes: &[Shape]) -> Result<Shape> {
        shapes
            .iter()
            .try_fold(Shape::default(), |all, shape| all.broadcast(op, shape))
    }

    /// `axis` counted from the end if negative, checked.
    ///
    /// # Errors
    /// [`Error::Index`] when there is no such axis.
    pub fn axis(&self, op: &'static str, axis: isize) -> Result<usize> {
        let rank = self.len() as isize;
        let at = if axis < 0 { axis + rank } else { axis };
        if (0..rank).contains(&at) {
            Ok(at as usize)
        } else {
            Err(Error::index(
                op,
                format!("axis {axis} is out of range for shape {self}"),
            ))
        }
    }

    /// The shape that both broadcast to.
    ///
    /// # Errors
    /// [`Error::Shape`] when two dimensions differ and neither is 1.
    pub fn broadcast(&self, op: &'static str, other: &Shape) -> Result<Shape> {
        if self == other {
            return Ok(self.clone());
        }
        let rank = self.len().max(other.len());
        let at = |s: &Shape, i: usize| (i + s.len()).checked_sub(rank).map_or(1, |axis| s.0[axis]);
        (0..rank)
            .map(|i| match (at(self, i), at(other, i)) {
                (a, b) if a == b => Ok(a),
                (1, b) => Ok(b),
                (a, 1) => Ok(a),
                (a, b) => Err(Error::shape(
                    op,
                    format!("shapes {self} and {other} do not broadcast ({a} against {b})"),
                )),
            })
            .collect::<Result<SmallVec<_>>>()
            .map(Shape)
    }
}

/// Written out: shapes are short, and the library's comparison is a call.
impl PartialEq for Shape {
    fn eq(&self, other: &Shape) -> bool {
        self.len() == other.len() && self.iter().zip(other.iter()).all(|(a, b)| a == b)
    }
}

impl Deref for Shape {
    type Target = [usize];
    fn deref(&self) -> &[usize] {
        &self.0
    }
}

impl From<&[usize]> for Shape {
    fn from(dims: &[usize]) -> Shape {
        Shape(SmallVec::from_slice(dims))
    }
}

impl From<Vec<usize>> for Shape {
    fn from(dims: Vec<usize>) -> Shape {
        Shape(SmallVec::from_vec(dims))
    }
}

impl<const N: usize> From<[usize; N]> for Shape {
    fn from(dims: [usize; N]) -> Shape {
        Shape(SmallVec::from_slice(&dims))
    }
}

impl From<&Shape> for Shape {
    fn from(shape: &Shape) -> Shape {
        shape.clone()
    }
}

impl FromIterator<usize> for Shape {
    fn from_iter<I: IntoIterator<Item = usize>>(dims: I) -> Shape {
        Shape(dims.into_iter().collect())
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0[..], f)
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broadcasting_aligns_at_the_end_and_stretches_ones() {
        let a = Shape::from([3, 1, 5]);
        assert_eq!(
            a.broadcast("add", &[4, 1].into()).unwrap(),
            [3, 4, 5].into()
        );
        assert_eq!(a.broadcast("add", &Shape::default()).unwrap(), a);
        let e = a.broadcast("add", &[2, 5].into());
        assert!(e.is_ok());
        let e = a.broadcast("add", &[4].into()).unwrap_err();
        assert_eq!(
            e.to_string(),
            "add: shapes [3, 1, 5] and [4] do not broadcast (5 against 4)"
        );
        assert_eq!(
            Shape::from([0, 1])
                .broadcast("add", &[1, 7].into())
                .unwrap(),
            [0, 7].into()
        );
    }

    #[test]
    fn axes_count_from_either_end() {
        let s = Shape::from([2, 3]);
        assert_eq!(s.axis("sum", -1).unwrap(), 1);
        assert_eq!(s.axis("sum", 0).unwrap(), 0);
        assert!(s.axis("sum", 2).is_err());
        assert!(s.axis("sum", -3).is_err());
    }
}
