//! Least squares by gradient descent: the smallest whole program.
//!
//!     cargo run --release -p lazuli --example linear_regression
#![allow(clippy::print_stdout)] // an example talks to a person

use lazuli::prelude::*;
use lazuli::{Result, random};

fn main() -> Result<()> {
    lazuli::init()?;
    random::seed(0);
    let truth = random::normal([100], Dtype::F32, None, None, None)?;
    let x = random::normal([1000, 100], Dtype::F32, None, None, None)?;
    let noise = random::normal([1000], Dtype::F32, None, None, None)?;
    let y = &x.matmul(&truth)? + &(&noise * 0.01);

    // `x` and `y` are captured: a closure may use any array.
    let loss = |w: &Array| (&x.matmul(w)? - &y).square()?.mean(.., false);
    let step = value_and_grad(loss);
    let mut w = Array::zeros([100], Dtype::F32)?;
    for _ in 0..200 {
        let (_, gradient) = step(&w)?;
        w = &w - &(&gradient * 0.1);
        w.eval()?;
    }
    let distance = (&w - &truth)
        .square()?
        .sum(.., false)?
        .sqrt()?
        .item::<f32>()?;
    println!(
        "loss {:.6}, distance from the truth {distance:.4}",
        loss(&w)?
    );
    assert!(distance < 0.02, "the weights did not come back");
    Ok(())
}
