//! Where the elements of an evaluated array lie in its buffer, and the views that cost nothing.

use smallvec::SmallVec;

use crate::shape::{Shape, Strides};

/// Offset and strides, in elements. Row-major strides are not stored: most arrays have them.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Layout {
    /// First element, counted from the start of the buffer.
    pub offset: usize,
    /// Strides, or none when the layout is row-major without gaps.
    pub strides: Option<Box<Strides>>,
}

impl Layout {
    /// Row-major from `offset`.
    pub fn contiguous(offset: usize) -> Layout {
        Layout {
            offset,
            strides: None,
        }
    }

    /// With these strides, or without any if they are the row-major ones of `shape`.
    pub fn strided(offset: usize, strides: Strides, shape: &Shape) -> Layout {
        let mut step = 1isize;
        let row_major = (0..shape.len()).rev().all(|axis| {
            let fits = shape[axis] <= 1 || strides[axis] == step;
            step *= shape[axis] as isize;
            fits
        });
        let strides = (!row_major && shape.elements() > 0).then(|| Box::new(strides));
        Layout { offset, strides }
    }

    /// Strides of an array of `shape` with this layout.
    pub fn strides_of(&self, shape: &Shape) -> Strides {
        match &self.strides {
            Some(s) => (**s).clone(),
            None => shape.contiguous_strides(),
        }
    }

    /// Whether the elements follow one another in row-major order.
    pub fn is_contiguous(&self) -> bool {
        self.strides.is_none()
    }

    /// The layout of `shape` seen as `to`, if no element has to move.
    pub fn reshape(&self, shape: &Shape, to: &Shape) -> Option<Layout> {
        let Some(strides) = &self.strides else {
            return Some(self.clone());
        };
        // Merge source axes that are laid out as one, then cut each merged run into target axes.
        let mut runs: SmallVec<[(usize, isize); 4]> = SmallVec::new();
        for (&dim, &stride) in shape.iter().zip(strides.iter()) {
            if dim == 1 {
                continue;
            }
            match runs.last_mut() {
                Some((n, s)) if *s == stride * dim as isize => (*n, *s) = (*n * dim, stride),
                _ => runs.push((dim, stride)),
            }
        }
        let mut out: Strides = SmallVec::from_elem(0, to.len());
        let mut runs = runs.into_iter().rev();
        let mut run = runs.next().unwrap_or((1, 1));
        for axis in (0..to.len()).rev() {
            let dim = to[axis];
            if dim == 1 {
                continue;
            }
            if run.0 == 1 {
                run = runs.next()?;
            }
            if !run.0.is_multiple_of(dim) {
                return None;
            }
            out[axis] = run.1;
            run = (run.0 / dim, run.1 * dim as isize);
        }
        Some(Layout::strided(self.offset, out, to))
    }

    /// The layout with axes in the order `perm`.
    pub fn permute(&self, shape: &Shape, perm: &[usize]) -> Layout {
        let strides = self.strides_of(shape);
        let to: Shape = perm.iter().map(|&p| shape[p]).collect();
        Layout::strided(self.offset, perm.iter().map(|&p| strides[p]).collect(), &to)
    }

    /// The layout stretched to `to` with zero strides.
    pub fn broadcast(&self, shape: &Shape, to: &Shape) -> Layout {
        let strides = self.strides_of(shape);
        let lead = to.len() - shape.len();
        let out = (0..to.len())
            .map(|axis| match axis.checked_sub(lead) {
                Some(a) if shape[a] == to[axis] => strides[a],
                _ => 0,
            })
            .collect();
        Layout::strided(self.offset, out, to)
    }

    /// The layout of every `step`-th element from `start` along each axis, `to` elements each.
    pub fn slice(&self, shape: &Shape, start: &[usize], step: &[isize], to: &Shape) -> Layout {
        let strides = self.strides_of(shape);
        let offset = (0..to.len()).fold(self.offset as isize, |at, axis| {
            at + start[axis] as isize * strides[axis]
        });
        let out = (0..to.len())
            .map(|axis| strides[axis] * step[axis])
            .collect();
        Layout::strided(
            if to.elements() == 0 {
                0
            } else {
                offset as usize
            },
            out,
            to,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reshape_of_a_view_moves_nothing_when_axes_merge() {
        let shape = Shape::from([4, 6]);
        let base = Layout::contiguous(0);
        let cut = base.slice(&shape, &[1, 0], &[1, 1], &[2, 6].into());
        assert_eq!(cut, Layout::contiguous(6));
        let columns = base.slice(&shape, &[0, 2], &[1, 1], &[4, 2].into());
        assert!(!columns.is_contiguous());
        let split = columns.reshape(&[4, 2].into(), &[2, 2, 2].into()).unwrap();
        assert_eq!(split.strides.unwrap().as_slice(), &[12, 6, 1]);
        assert!(columns.reshape(&[4, 2].into(), &[8].into()).is_none());
    }

    #[test]
    fn a_transpose_twice_is_the_identity() {
        let shape = Shape::from([2, 3, 4]);
        let t = Layout::contiguous(0).permute(&shape, &[2, 0, 1]);
        assert_eq!(t.strides.as_ref().unwrap().as_slice(), &[1, 12, 4]);
        let back = t.permute(&[4, 2, 3].into(), &[1, 2, 0]);
        assert!(back.is_contiguous());
    }

    #[test]
    fn negative_steps_start_at_the_last_element() {
        let l = Layout::contiguous(0).slice(&[5].into(), &[4], &[-2], &[3].into());
        assert_eq!(
            (l.offset, l.strides.unwrap().as_slice()),
            (4, &[-2isize][..])
        );
    }
}
