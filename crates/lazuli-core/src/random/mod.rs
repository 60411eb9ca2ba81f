//! Random numbers: counter-based, so that a number depends on its key and index only.
//!
//! Every function takes a key or none; with none it takes the next of the process's sequence
//! ([`seed`]). Words and uniforms are those of `mlx.core.random`, bit for bit; what is computed from
//! them by a logarithm or a polynomial agrees to the last place or the one beside it.
//!
//! Not chosen: a sequence of keys for each thread, as the reference has: a thread of a server would
//! start from the clock although the program was seeded.

mod continuous;
mod discrete;
mod normal;
mod state;
pub mod threefry;

pub use continuous::{gumbel, laplace, uniform};
pub use discrete::{bernoulli, categorical, categorical_samples, permutation, permuted, randint};
pub use normal::{multivariate_normal, normal, truncated_normal};
pub use state::{seed, set_state, state, with_state};

use crate::array::Array;
use crate::error::{Error, Result};
use crate::ops::random::RandomBits;
use crate::shape::Shape;

/// The key of a seed, `uint32` `[2]`: its high and low words.
pub fn key(seed: u64) -> Array {
    state::of_words(threefry::key(seed))
}

/// `num` independent keys derived from `key`: `[num, 2]`.
///
/// # Errors
/// As [`bits`].
pub fn split(key: &Array, num: usize) -> Result<Array> {
    bits([num, 2], 4, Some(key))
}

/// Random bits of `shape`, unsigned integers of `width` bytes: 1, 2 or 4.
///
/// # Errors
/// [`Error::Dtype`] or [`Error::Shape`] when `key` is not two `uint32`, [`Error::Value`] for another
/// width.
pub fn bits(shape: impl Into<Shape>, width: u8, key: Option<&Array>) -> Result<Array> {
    let key = match key {
        Some(key) => key.clone(),
        None => state::next()?,
    };
    key.check()?;
    if key.rank() != 1 {
        return Err(Error::shape(
            "bits",
            format!("a key has the shape [2], not {}", key.shape()),
        ));
    }
    let shape = shape.into();
    Array::from_op(Box::new(RandomBits { shape, width }), &[&key])
}
