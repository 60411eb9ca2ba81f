//! What stands between the brackets: integers, ranges, `Ellipsis`, `NewAxis`, arrays and masks, as data.
//!
//! One lowering serves reads and writes, from Rust and from Python: ranges and integers become a slice,
//! arrays a gather or scatter over what the slice leaves, so that nothing that is a range is ever
//! turned into a list of indices. Axes are placed as NumPy does.
//!
//! ```no_run
//! use lazuli_core::index::{Ellipsis, NewAxis, step};
//! use lazuli_core::array;
//!
//! # fn main() -> lazuli_core::Result<()> {
//! let x = array![[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]];
//! let row = x.get(-1)?; // [8, 9, 10, 11]
//! let corner = x.get((..2, 1..3))?; // [[1, 2], [5, 6]]
//! let turned = x.get((Ellipsis, step(.., -1), NewAxis))?; // [3, 4, 1], columns in reverse
//! let picked = x.get(([2, 0], [3, 0]))?; // [11, 0]
//! let large = x.get(x.greater(&array![8])?)?; // [9, 10, 11]
//! let y = x.set((.., 0), 7)?; // the first column is 7
//! let z = y.at([0, 0]).add(1)?; // the first row got 1 twice
//! # Ok(())
//! # }
//! ```

mod items;
mod lower;
mod read;
mod write;

use smallvec::SmallVec;

use crate::array::Array;

pub use items::{Position, Span, slice, step};
pub use write::At;

/// What one place of an index says.
#[derive(Clone, Debug)]
pub enum Item {
    /// One position, from the end if negative; the axis is dropped.
    At(isize),
    /// Every `step`-th position from `start` to before `stop`, as in Python.
    Range {
        /// None: the first in the direction of the step.
        start: Option<isize>,
        /// None: through the last.
        stop: Option<isize>,
        /// Not zero; negative goes backwards.
        step: isize,
    },
    /// All axes that the other items leave.
    Ellipsis,
    /// A new axis of length 1.
    NewAxis,
    /// Positions along one axis (integers, negative from the end), or a mask over as many axes as it
    /// has (truth values).
    Array(Array),
}

/// A whole index: one item for each axis that it speaks of.
#[derive(Clone, Debug, Default)]
pub struct Index(pub SmallVec<[Item; 4]>);

/// All axes that the other items leave.
#[derive(Clone, Copy, Debug)]
pub struct Ellipsis;

/// A new axis of length 1.
#[derive(Clone, Copy, Debug)]
pub struct NewAxis;
