//! The gradient of each example by itself, for a whole batch at once: `vmap` of `grad`.
//!
//!     cargo run --release -p lazuli --example per_example_gradients
#![allow(clippy::print_stdout)] // an example talks to a person

use lazuli::prelude::*;
use lazuli::{Result, random};

fn main() -> Result<()> {
    lazuli::init()?;
    let key = random::key(1);
    let w = random::normal([4], Dtype::F32, None, None, Some(&key))?;
    let x = random::normal([8, 4], Dtype::F32, None, None, None)?;
    let y = random::normal([8], Dtype::F32, None, None, None)?;

    let loss = |w: &Array, x: &Array, y: &Array| (&(w * x).sum(.., false)? - y).square();
    // One example's gradient with respect to the weights, which all examples share.
    let one = |(x, y): &(Array, Array)| grad(|w: &Array| loss(w, x, y))(&w);
    let each = vmap(one)(&(x.clone(), y.clone()))?;
    println!("norms: {}", linalg_norms(&each)?);

    for i in 0..8 {
        let alone = one(&(x.get(i)?, y.get(i)?))?;
        let same = each.get(i)?.allclose(&alone, 1e-5, 1e-6, false)?;
        assert!(same.item::<bool>()?, "example {i} differs from the batch");
    }
    Ok(())
}

/// The length of each row.
fn linalg_norms(x: &Array) -> Result<Array> {
    x.square()?.sum(-1, false)?.sqrt()
}
